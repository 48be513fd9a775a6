/** The store's own attempts, as a sink. */

import { withTimeout } from '../deadline.ts';
import type { Sink } from '../options.ts';
import type { Store } from '../store/store.ts';

/** Appends that hang may wait in a store's own queue: that many records, and no more, are kept in memory for it. */
const MOST_APPENDS = 1_000;

/** The store's own attempts. It is tried once for each record, and nobody waits for it. */
export function attemptStoreSink(attempts: NonNullable<Store['attempts']>, deadlineMs: number): Sink {
  let underWay = 0;
  return {
    name: 'attempt_store',
    write(record) {
      if (underWay >= MOST_APPENDS) throw new Error('The attempt store does not keep up.');
      const appending = attempts.append(record);
      if (!(appending instanceof Promise)) return;
      underWay += 1;
      const appended = appending.finally(() => {
        underWay -= 1;
      });
      return withTimeout(appended, deadlineMs);
    },
  };
}
