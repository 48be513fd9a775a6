/** Records as JSON lines on standard output, for a platform that collects it. */
import type { Writable } from 'node:stream';
import { bounded, inTime } from './bounded.ts';
import type { LineSink, SinkOptions } from './sink.ts';

/** Which stream, and the bounds of every sink. */
export interface StdoutSinkOptions extends SinkOptions {
  /** Default: standard output. */
  readonly stream?: Writable;
}

/**
 * One line a record. Resolves when the stream has handed the line on. A reader that went away rejects the write and does not
 * end the process; so does a reader that stands still, after `timeout`.
 */
export function stdoutSink({ stream = process.stdout, ...options }: StdoutSinkOptions = {}): LineSink {
  const { name = 'stdout', onFailure, timeout = '5s' } = options;
  const run = bounded('stdoutSink', name, options);
  // Without a listener, a closed pipe (EPIPE) would end the process: a lost log must not.
  const ignore = () => {};
  stream.on('error', ignore);
  let last = Promise.resolve();
  let lastLine: string | null = null;
  let closed = false;
  return {
    name,
    ...(stream === process.stdout && { onStandardOutput: true }),
    ...(onFailure && { onFailure }),
    write(line) {
      if (closed) return Promise.reject(new Error(`${name} is closed.`));
      const text = JSON.stringify(line);
      return run(() => {
        const written = new Promise<void>((resolve, reject) => {
          stream.write(`${text}\n`, (error) => {
            if (error) return reject(error);
            lastLine = text;
            resolve();
          });
        });
        last = written.catch(() => {});
        return written;
      });
    },
    lastWritten: () => last.then(() => lastLine),
    async close() {
      closed = true;
      // A reader that stands still must not hang the end.
      await inTime(last, timeout);
      stream.off('error', ignore);
    },
  };
}
