/**
 * Why this file exists: a sink that throws, hangs or is full must cost no sign-in anything, and no memory without end. What
 * is lost is lost aloud: its write rejects once, which core counts as `failed`, and `onLoss` says which record it was.
 */
import type { AttemptRecord, Sink } from '@latchkey/core';
import type { RecordSink } from './sink.ts';

/** `full`: no room when it came. `retries_exhausted`: tried and failed too often. `closed`: still waiting at the end, or later. */
export type LossReason = 'full' | 'retries_exhausted' | 'closed';

export interface QueueOptions {
  /** Records that may wait; one more is lost. Default 10,000. */
  readonly capacity?: number;
  /** How often a failed write is tried again. Default 10. */
  readonly retries?: number;
  /** The pause after the first failure, doubled after each further one, with jitter. Default 100 ms, at most 30 s. */
  readonly backoff?: { readonly firstMs?: number; readonly mostMs?: number };
  /** After which a write that hangs counts as failed. It may still succeed: a sink sees a record at least once. Default 10 s. */
  readonly timeoutMs?: number;
  /** Told of each lost record, once. */
  readonly onLoss?: (record: AttemptRecord, reason: LossReason, cause: unknown) => void;
  /** Runs something later, unless what it gives is called before; for tests. */
  readonly after?: (ms: number, run: () => void) => () => void;
  /** From 0 to 1, for the jitter; for tests. */
  readonly random?: () => number;
}

export interface QueuedSink extends RecordSink {
  /** Records not written yet. */
  readonly waiting: () => number;
  /** Tries at once, and resolves when nothing waits or the deadline is over, to how many still wait. */
  readonly flush: (deadlineMs: number) => Promise<number>;
  /** Flushes; what still waits at the deadline (default 5 s) is lost. Then closes the sink. */
  readonly close: (deadlineMs?: number) => Promise<void>;
}

interface Waiting {
  readonly record: AttemptRecord;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  tries: number;
}

/** Writes one record after the other, in order. `write` resolves when the record is written and rejects when it is lost. */
export function queued(sink: Sink & { close?(): Promise<void> }, options: QueueOptions = {}): QueuedSink {
  const { capacity = 10_000, retries = 10, timeoutMs = 10_000, onLoss, after = later, random = Math.random } = options;
  const { firstMs = 100, mostMs = 30_000 } = options.backoff ?? {};
  if (sink.onFailure === 'fail_closed') {
    throw new TypeError(
      `queued: '${sink.name}' is fail_closed, so a sign-in has to wait until its record is written. A queue exists so that ` +
        'nobody waits. Hand the sink itself to audit.sinks, or drop fail_closed.',
    );
  }
  for (const [option, value] of Object.entries({ capacity, retries, timeoutMs, firstMs, mostMs })) {
    if (!(value >= (option === 'retries' ? 0 : 1)))
      throw new TypeError(`queued: ${option} is ${value}, which is too small.`);
  }

  const queue: Waiting[] = [];
  const idle = new Set<() => void>();
  let running = false;
  let closed = false;
  /** In a row, of whatever record: an outage is waited for once, not once a record. */
  let failures = 0;
  /** Ends the pause. */
  let wake = () => {};
  /** Ends the wait for a write that hangs. */
  let giveUp = () => {};

  async function run(): Promise<void> {
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const error = await tryOnce(head.record);
      // Given up meanwhile, by `close`.
      if (queue[0] !== head) continue;
      if (error === null) {
        failures = 0;
        queue.shift();
        head.resolve();
        continue;
      }
      failures += 1;
      head.tries += 1;
      if (head.tries > retries) lose(queue.shift()!, 'retries_exhausted', error);
      else await pause(Math.min(mostMs, firstMs * 2 ** (failures - 1)) * (0.5 + random() / 2));
    }
    running = false;
    for (const done of idle) done();
  }

  /** Null, or why not. */
  function tryOnce(record: AttemptRecord): Promise<Error | null> {
    return new Promise((resolve) => {
      const settle = (error: Error | null) => {
        cancel();
        resolve(error);
      };
      const cancel = after(timeoutMs, () => settle(new Error(`${sink.name} did not answer in ${timeoutMs} ms.`)));
      giveUp = () => settle(new Error(`${sink.name} did not answer before it was closed.`));
      Promise.resolve(record)
        .then((it) => sink.write(it))
        .then(
          () => settle(null),
          (thrown) => settle(thrown instanceof Error ? thrown : new Error(String(thrown))),
        );
    });
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  }

  function lose({ record, reject }: Waiting, reason: LossReason, cause?: unknown): void {
    reject(new Error(`${sink.name} lost record ${record.event.id}: ${reason}`, { cause }));
    try {
      onLoss?.(record, reason, cause);
    } catch {
      // Whoever listens to losses must not cause more.
    }
  }

  async function flush(deadlineMs: number): Promise<number> {
    wake();
    if (queue.length > 0) {
      await new Promise<void>((resolve) => {
        const cancel = after(deadlineMs, () => done());
        const done = () => {
          cancel();
          idle.delete(done);
          resolve();
        };
        idle.add(done);
      });
    }
    return queue.length;
  }

  return {
    name: sink.name,
    onFailure: 'fail_open',
    ...(sink.onStandardOutput && { onStandardOutput: true }),
    write(record) {
      return new Promise((resolve, reject) => {
        const entry: Waiting = { record, resolve, reject, tries: 0 };
        if (closed) return lose(entry, 'closed');
        if (queue.length >= capacity) return lose(entry, 'full');
        queue.push(entry);
        if (running) return;
        running = true;
        void run();
      });
    },
    waiting: () => queue.length,
    flush,
    async close(deadlineMs = 5_000) {
      closed = true;
      const left = await flush(deadlineMs);
      for (const entry of queue.splice(0)) lose(entry, 'closed');
      giveUp();
      wake();
      const ended = Promise.resolve(sink.close?.());
      // A sink that hangs would hang here too.
      if (left === 0) await ended;
      else ended.catch(() => {});
    },
  };
}

function later(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
