/**
 * A sink that throws, hangs or is full costs no sign-in anything, and no memory without end. What waits is said, and what is
 * lost is said: its write rejects once, which core counts as `failed`, and `onLoss` says which record it was.
 */
import { type AttemptRecord, ConfigurationError, type Duration, type Sink } from '@latchkey/core';
import { measureWaiting } from './metrics.ts';
import { countOf, durationOf } from './options.ts';
import { outageOf, type SinkNotice } from './outage.ts';
import type { RecordSink } from './sink.ts';

/**
 * `full`: no room when it came. `retries_exhausted`: tried and failed too often, while the sink took others. `closed`: still
 * waiting at the end, or later.
 */
export type LossReason = 'full' | 'retries_exhausted' | 'closed';

/** How much may wait, how a failure is tried again, and who hears of it. */
export interface QueueOptions {
  /** Records that may wait; one more is lost. Default 10,000. */
  readonly capacity?: number;
  /**
   * How often a failed write is tried again before other records have their turn. A record is given up after that only when
   * the sink takes others: a sink that takes none loses none, as long as there is room. Default 10.
   */
  readonly retries?: number;
  /** The pause after the first failure, doubled after each further one, with jitter. Default `'100ms'`, at most `'5s'`. */
  readonly backoff?: { readonly first?: Duration; readonly most?: Duration };
  /** After which a write that hangs counts as failed. It may still succeed: a sink sees a record at least once. Default `'10s'`. */
  readonly timeout?: Duration;
  /** Told of each lost record, once. */
  readonly onLoss?: (record: AttemptRecord, reason: LossReason, cause: unknown) => void;
  /** Told when the sink fails, at most once a minute, and when it works again. Default: a process warning. */
  readonly onNotice?: (notice: SinkNotice) => void;
}

/** A sink that nobody waits for. */
export interface QueuedSink extends RecordSink {
  /** Its writes wait as long as the sink takes nothing: core counts none as failed before it is lost. */
  readonly settlesLate: true;
  /** Records not written yet. Also the gauge `latchkey.audit.waiting`. */
  readonly waiting: () => number;
  /** Tries at once, and resolves when nothing waits or the deadline is over, to how many still wait. */
  readonly flush: (deadline: Duration) => Promise<number>;
  /** Flushes; what still waits at the deadline (default `'5s'`) is lost. Then closes the sink. */
  readonly close: (deadline?: Duration) => Promise<void>;
}

interface Waiting {
  readonly record: AttemptRecord;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  tries: number;
}

/** Writes that hang past their time; while there are as many, no further one is begun. */
const MOST_HANGING = 10;

/** Writes one record after the other, in order. `write` resolves when the record is written and rejects when it is lost. */
export function queued(sink: Sink & { close?(): Promise<void> }, options: QueueOptions = {}): QueuedSink {
  const { capacity = 10_000, retries = 10, timeout = '10s', onLoss } = options;
  if (sink.onFailure === 'fail_closed') {
    throw new ConfigurationError(
      'queued.sink',
      `'${sink.name}', which is fail_closed`,
      'A sign-in has to wait for a fail_closed sink, and a queue exists so that nobody waits. ' +
        'Hand the sink itself to audit.sinks, or drop fail_closed.',
    );
  }
  countOf('queued.capacity', capacity, { of: 'records' });
  countOf('queued.retries', retries, { least: 0, of: 'tries' });
  const timeoutMs = durationOf('queued.timeout', timeout);
  const firstMs = durationOf('queued.backoff.first', options.backoff?.first ?? '100ms');
  const mostMs = durationOf('queued.backoff.most', options.backoff?.most ?? '5s');

  const queue: Waiting[] = [];
  /** Tried too often. They have one more chance once the sink takes another record. */
  const aside: Waiting[] = [];
  const waiting = () => queue.length + aside.length;
  const outage = outageOf(sink.name, waiting, options.onNotice);
  const idle = new Set<() => void>();
  let running = false;
  let closed = false;
  let hanging = 0;
  /** In a row, of whatever record: an outage is waited for once, not once a record. */
  let failures = 0;
  /** Ends the pause. */
  let wake = () => {};
  /** Ends the wait for a write that hangs. */
  let giveUp = () => {};

  async function run(): Promise<void> {
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const sinkWorks = failures === 0;
      const error = await tryOnce(head.record);
      // Given up meanwhile, by `close`.
      if (queue[0] !== head) continue;
      if (error === null) {
        failures = 0;
        queue.shift();
        queue.unshift(...aside.splice(0));
        head.resolve();
        measureWaiting(sink.name, waiting());
        outage.worked();
        continue;
      }
      failures += 1;
      head.tries += 1;
      outage.failed(error);
      if (head.tries > retries) {
        queue.shift();
        if (sinkWorks) {
          lose(head, 'retries_exhausted', error);
          measureWaiting(sink.name, waiting());
          continue;
        }
        aside.push(head);
        if (queue.length === 0) queue.push(...aside.splice(0));
      }
      await pause(Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + Math.random() / 2));
    }
    running = false;
    for (const done of idle) done();
  }

  /** Null, or why not. */
  function tryOnce(record: AttemptRecord): Promise<Error | null> {
    if (hanging >= MOST_HANGING) return Promise.resolve(new Error(`${hanging} writes hang`));
    return new Promise((resolve) => {
      let hangs = false;
      const settle = (error: Error | null) => {
        clearTimeout(timer);
        resolve(error);
      };
      const leave = (error: Error) => {
        hangs = true;
        hanging += 1;
        settle(error);
      };
      const timer = setTimeout(() => leave(new Error(`${sink.name} did not answer in ${timeoutMs} ms.`)), timeoutMs);
      giveUp = () => settle(new Error(`${sink.name} did not answer before it was closed.`));
      Promise.resolve(record)
        .then((it) => sink.write(it))
        .finally(() => {
          if (hangs) hanging -= 1;
        })
        .then(
          () => settle(null),
          (thrown) => settle(thrown instanceof Error ? thrown : new Error(String(thrown))),
        );
    });
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
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

  async function flush(deadline: Duration): Promise<number> {
    const deadlineMs = durationOf('queued.flush', deadline, 0);
    wake();
    if (waiting() > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => done(), deadlineMs);
        const done = () => {
          clearTimeout(timer);
          idle.delete(done);
          resolve();
        };
        idle.add(done);
      });
    }
    return waiting();
  }

  return {
    name: sink.name,
    onFailure: 'fail_open',
    settlesLate: true,
    ...(sink.onStandardOutput && { onStandardOutput: true }),
    write(record) {
      return new Promise((resolve, reject) => {
        const entry: Waiting = { record, resolve, reject, tries: 0 };
        if (closed) return lose(entry, 'closed');
        if (waiting() >= capacity) return lose(entry, 'full');
        queue.push(entry);
        measureWaiting(sink.name, waiting());
        if (running) return;
        running = true;
        void run();
      });
    },
    waiting,
    flush,
    async close(deadline = '5s') {
      closed = true;
      const left = await flush(deadline);
      for (const entry of [...aside.splice(0), ...queue.splice(0)]) lose(entry, 'closed');
      measureWaiting(sink.name, 0);
      giveUp();
      wake();
      const ended = Promise.resolve(sink.close?.());
      // A sink that hangs would hang here too.
      if (left === 0) await ended;
      else ended.catch(() => {});
    },
  };
}
