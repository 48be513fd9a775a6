/** Work on very many rows: in batches, with a rest between them. */
import { setTimeout as wait } from 'node:timers/promises';

/** Calls `next` until a batch is not full; resolves to how many there were. `next` answers how many it did of at most `limit`. */
export async function inBatches(limit: number, next: (limit: number) => Promise<number>): Promise<number> {
  let sum = 0;
  for (;;) {
    const begun = performance.now();
    const done = await next(limit);
    sum += done;
    if (done < limit) return sum;
    // As long as it took: a database that writes so much keeps everyone waiting for its disk.
    await wait(performance.now() - begun);
  }
}
