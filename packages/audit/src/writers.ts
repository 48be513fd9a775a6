/**
 * Why this file exists: a process that is killed cannot say so; the next one can. While a process writes to a log, an
 * empty file beside it says who; one that is left of a process that is gone means that it did not close the log.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Logs that this process has open. */
const open = new Set<string>();

export interface Writing {
  /** Processes that had this log open, are gone, and did not close it. */
  readonly uncleanly: readonly number[];
  /** Other processes of this machine that have it open now. */
  others(): number[];
  /** The log was closed. */
  end(): void;
}

/** This process writes to the log from now on. */
export function beginWriting(path: string): Writing {
  if (open.has(path))
    throw new Error(`fileSink: ${path} is open in this process already. Use that sink twice instead.`);
  const prefix = `${basename(path)}.open-${hostname()}-`;
  const marker = (pid: number) => join(dirname(path), `${prefix}${pid}`);
  const marked = () =>
    readdirSync(dirname(path))
      .filter((file) => file.startsWith(prefix))
      .map((file) => Number(file.slice(prefix.length)));
  // In a container everyone may be process 1: a marker with our own id, before we made it, is our predecessor's.
  const uncleanly = marked().filter((pid) => pid === process.pid || !isAlive(pid));
  for (const pid of uncleanly) rmSync(marker(pid), { force: true });
  writeFileSync(marker(process.pid), '', { mode: 0o600 });
  open.add(path);
  return {
    uncleanly,
    others: () => marked().filter((pid) => pid !== process.pid && isAlive(pid)),
    end() {
      rmSync(marker(process.pid), { force: true });
      open.delete(path);
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
