/** How long people wait while others sign in too: at 30, 60 and 90 % of what one process answers, on each store. */
import type { Waits } from './client.ts';
import { CONTESTANTS, STORES } from './contestants.ts';
import { checkRecords, drive, driveAt, entrantOf, type Method, ready, type Say, startClient } from './race.ts';
import { table } from './report.ts';
import type { Stillness } from './stillness.ts';
import type { Venue } from './venue.ts';

export interface Tail {
  readonly name: string;
  /** Share of what it answers when eight at a time ask without a pause. */
  readonly load: number;
  /** Sign-ins a second. */
  readonly rate: number;
  readonly waits: Waits;
  readonly server: Stillness;
}

const LOADS = [0.3, 0.6, 0.9];
const SECONDS = 15;

export async function tails(method: Method, venue: Venue, say: Say): Promise<Tail[]> {
  const found: Tail[] = [];
  // The limits beside them: what they wait for is the machine's, Node.js' and the driver's own.
  const names = STORES.flatMap((store) => [`limit+express-${store}`, `express-${store}`]);
  for (const name of ['limit-express', ...names]) {
    const contestant = CONTESTANTS.find((known) => known.name === name)!;
    const client = await startClient(venue, method);
    const runner = await ready(entrantOf(contestant), client, venue, method);
    try {
      say(`${name}: warms up`);
      await drive(runner, client, method.warmUp, method);
      const { seconds } = await drive(runner, client, method.counted, method);
      const capacity = method.counted / seconds;
      for (const load of LOADS) {
        const rate = Math.round(capacity * load);
        say(`${name}: ${rate} sign-ins a second`);
        const { waits, stillness } = await driveAt(runner, client, rate, SECONDS);
        found.push({ name, load, rate, waits, server: stillness! });
      }
      await checkRecords(runner);
    } finally {
      await Promise.all([runner.server.end(), client.end()]);
    }
  }
  return found;
}

export function tailsTable(found: readonly Tail[]): string {
  const ms = (value: number) => value.toFixed(1);
  return table(
    [
      'a sign-in, ms from when it was due',
      'load',
      'a second',
      'median',
      'p99',
      'p99.9',
      'longest',
      'server: longest turn',
      'most work in one',
      'longest collection',
      'client: longest turn',
    ],
    found.map(({ name, load, rate, waits: { median, p99, p999, most, client }, server }) => [
      name,
      `${load * 100} %`,
      String(rate),
      ...[median, p99, p999, most].map(ms),
      ...[server.longest, server.longestWork, server.longestCollection, client.longest].map(ms),
    ]),
  );
}
