// How far long work is: on a terminal a last line that moves, elsewhere a line every half minute.
import { stdout } from 'node:process';
import { timeSince } from '../workspace.mjs';

const TERMINAL_MS = 250;
const ELSEWHERE_MS = 30_000;

export interface Progress {
  /** Prints text above the line that moves. */
  print(text: string): void;
  end(): void;
}

/** `status` is asked for what to show; the time since the start is added. */
export function progress(status: () => string): Progress {
  const since = performance.now();
  const clear = () => stdout.isTTY && stdout.write('\r\x1b[2K');
  const show = () => {
    const line = `test: ${timeSince(since)}: ${status()}`;
    clear();
    stdout.write(stdout.isTTY ? line.slice(0, Math.max(20, stdout.columns - 1)) : `${line}\n`);
  };
  const timer = setInterval(show, stdout.isTTY ? TERMINAL_MS : ELSEWHERE_MS);
  timer.unref();
  return {
    print(text) {
      clear();
      stdout.write(text);
    },
    end() {
      clearInterval(timer);
      clear();
    },
  };
}
