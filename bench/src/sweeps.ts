/** How long a sweep holds up requests, on each store. */
import { STORES, type StoreKind } from './contestants.ts';
import { start } from './processes.ts';
import type { Say } from './race.ts';
import { table } from './report.ts';
import type { SweepDelay, SweepTask } from './sweep.ts';
import type { Venue } from './venue.ts';

export type Swept = SweepDelay & { readonly store: StoreKind };

export async function sweeps(count: number, venue: Venue, say: Say): Promise<Swept[]> {
  const found: Swept[] = [];
  for (const store of STORES) {
    say(`sweep: ${count} expired ceremonies in ${store}`);
    const task: SweepTask = { store, count, ...(await venue.taskFor({ store })) };
    const { hello } = await start<SweepDelay>('sweep.ts', JSON.stringify(task));
    found.push({ store, ...hello });
  }
  return found;
}

export function sweepTable(found: readonly Swept[]): string {
  const ms = (value: number) => value.toFixed(1);
  return table(
    [
      'a request, ms from when it was due',
      'median before',
      'while sweeping',
      'p99 before',
      'while sweeping',
      'longest before',
      'while sweeping',
      'event loop, longest before',
      'while sweeping',
      'a sweep of',
      'takes s',
    ],
    found.map(({ store, swept, seconds, before, during }) => [
      store,
      ms(before.request.median),
      ms(during.request.median),
      ms(before.request.p99),
      ms(during.request.p99),
      ms(before.request.most),
      ms(during.request.most),
      ms(before.loop.most),
      ms(during.loop.most),
      String(swept),
      seconds.toFixed(1),
    ]),
  );
}
