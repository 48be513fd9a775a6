/** Why this file exists: records as JSON lines on standard output, for a platform that collects it. */
import type { Writable } from 'node:stream';
import type { LineSink, SinkOptions } from './sink.ts';

export interface StdoutSinkOptions extends SinkOptions {
  /** Default: standard output. */
  readonly stream?: Writable;
}

/**
 * One line a record. Resolves when the stream has handed the line on; a reader that went away rejects and does not end
 * the process.
 */
export function stdoutSink({ stream = process.stdout, ...options }: StdoutSinkOptions = {}): LineSink {
  // Without a listener, a closed pipe (EPIPE) would end the process: a lost log must not.
  const ignore = () => {};
  stream.on('error', ignore);
  let last = Promise.resolve();
  let closed = false;
  return {
    name: 'stdout',
    ...(stream === process.stdout && { onStandardOutput: true }),
    ...options,
    write(line) {
      if (closed) return Promise.reject(new Error('The sink is closed.'));
      const written = new Promise<void>((resolve, reject) => {
        stream.write(`${JSON.stringify(line)}\n`, (error) => (error ? reject(error) : resolve()));
      });
      last = written.catch(() => {});
      return written;
    },
    async close() {
      closed = true;
      await last;
      stream.off('error', ignore);
    },
  };
}
