/** How much a sink holds in memory at most, and how long it works on a write at most. */
import type { Duration } from '@latchkey/core';
import { countOf, durationOf } from './options.ts';

/** What a sink holds in memory at most, and for how long. */
export interface Bounds {
  /** Writes that may be under way at once; one more is rejected at once. Default 1,000. */
  readonly capacity?: number;
  /** A write that takes longer is rejected. Its line may be written nevertheless. Default `'5s'`. */
  readonly timeout?: Duration;
}

/** Waits for something that may hang, and not for ever: an end has to come to an end. */
export async function inTime(work: Promise<unknown> | undefined, timeout: Duration): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise((resolve) => {
    timer = setTimeout(resolve, durationOf('timeout', timeout));
  });
  await Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}

/**
 * Runs writes within the bounds. A write that hangs keeps its place until it ends, so that hanging writes cannot fill the
 * memory. `start` is told when the deadline is over, so that what has not begun yet need not begin.
 */
export function bounded(what: string, name: string, { capacity = 1_000, timeout = '5s' }: Bounds) {
  countOf(`${what}.capacity`, capacity, { of: 'records' });
  const timeoutMs = durationOf(`${what}.timeout`, timeout);
  let held = 0;
  return (start: (isLate: () => boolean) => Promise<unknown>): Promise<void> => {
    if (held >= capacity) {
      return Promise.reject(new Error(`${name}: ${capacity} writes are under way already. This one was refused.`));
    }
    held += 1;
    return new Promise((resolve, reject) => {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        reject(new Error(`${name}: a write was not done within ${timeoutMs} ms.`));
      }, timeoutMs);
      start(() => late)
        .finally(() => {
          clearTimeout(timer);
          held -= 1;
        })
        .then(() => resolve(), reject);
    });
  };
}
