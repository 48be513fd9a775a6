/** What the memory store keeps for each ceremony and each passkey, as the heap tells before and after. */
import type { CoreAsk, HeapCost } from './core.ts';
import { start } from './processes.ts';
import type { Say } from './race.ts';
import { table } from './report.ts';
import type { Venue } from './venue.ts';

export async function heapCosts(count: number, venue: Venue, say: Say): Promise<HeapCost> {
  say(`heap: ${count} ceremonies, sign-ins and passkeys`);
  const { worker } = await start('core.ts', venue.peopleFile, { flags: ['--expose-gc'] });
  try {
    return await worker.ask<HeapCost>({ ask: 'heap', count } satisfies CoreAsk);
  } finally {
    await worker.end();
  }
}

export function heapTable(cost: HeapCost): string {
  return table(
    ['kept in memory', 'bytes each'],
    [
      ['a pending ceremony', cost.pending.toFixed(0)],
      ['a ceremony that was answered, until its id is forgotten', cost.answered.toFixed(0)],
      ['a passkey', cost.passkey.toFixed(0)],
    ],
  );
}
