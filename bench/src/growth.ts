/** Whether a process grows while a million people sign in: its memory after each tenth. */
import { CONTESTANTS } from './contestants.ts';
import { checkRecords, drive, entrantOf, type Method, ready, type Say, sample, startClient } from './race.ts';
import { table } from './report.ts';
import type { Venue } from './venue.ts';

export interface Growth {
  /** Sign-ins so far. */
  readonly count: number;
  /** Resident memory, in bytes. */
  readonly rss: number;
  /** The heap after a collection, in bytes. */
  readonly heap: number;
}

const TENTHS = 10;

export async function growth(count: number, method: Method, venue: Venue, say: Say): Promise<Growth[]> {
  const contestant = CONTESTANTS.find(({ name }) => name === 'express-redis')!;
  const client = await startClient(venue, method);
  const runner = await ready({ ...entrantOf(contestant), flags: ['--expose-gc'] }, client, venue, method);
  try {
    const found: Growth[] = [];
    for (let tenth = 0; tenth <= TENTHS; tenth++) {
      // The first is what a process takes when it is warm.
      await drive(runner, client, tenth === 0 ? method.warmUp : count / TENTHS, method);
      const { rss, heap } = await sample(runner);
      say(`${runner.driven} sign-ins: ${mib(rss)} MiB, ${mib(heap)} of heap`);
      found.push({ count: runner.driven, rss, heap });
    }
    await checkRecords(runner);
    return found;
  } finally {
    await Promise.all([runner.server.end(), client.end()]);
  }
}

export function growthTable(found: readonly Growth[]): string {
  return table(
    ['express-redis, sign-ins so far', 'resident memory, MiB', 'heap, MiB'],
    found.map(({ count, rss, heap }) => [String(count), mib(rss), mib(heap)]),
  );
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
