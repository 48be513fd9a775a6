/** What core costs without HTTP, beside one signature check in the same process. */
import { join } from 'node:path';
import type { CoreAsk, CoreCost } from './core.ts';
import { start, type Worker } from './processes.ts';
import { functionsOf } from './profile.ts';
import type { Method, Say } from './race.ts';
import { median, table } from './report.ts';
import type { Venue } from './venue.ts';

async function warm(method: Method, venue: Venue, say: Say): Promise<Worker> {
  const { worker } = await start('core.ts', venue.peopleFile);
  say('core: warms up');
  await turn(worker, method.warmUp);
  return worker;
}

const turn = (worker: Worker, count: number) => worker.ask<CoreCost>({ ask: 'turn', count } satisfies CoreAsk);

/** One for each round. */
export async function coreCosts(method: Method, venue: Venue, say: Say): Promise<CoreCost[]> {
  const costs: CoreCost[] = [];
  for (let nth = 0; nth < method.processes; nth++) {
    const worker = await warm(method, venue, say);
    try {
      for (let round = 0; round < method.rounds; round++) costs.push(await turn(worker, method.counted));
    } finally {
      await worker.end();
    }
  }
  return costs;
}

/** A CPU profile of core alone. */
export async function coreProfile(method: Method, venue: Venue, say: Say) {
  const worker = await warm(method, venue, say);
  const file = join(venue.profiles, 'core.cpuprofile');
  const count = method.counted * method.rounds;
  try {
    await worker.ask({ ask: 'profile' } satisfies CoreAsk);
    const { options, verify } = await turn(worker, count);
    await worker.ask({ ask: 'save', file } satisfies CoreAsk);
    return { file, ...functionsOf(file, count, (options + verify) * count) };
  } finally {
    await worker.end();
  }
}

export function coreTable(costs: readonly CoreCost[]): string {
  const row = (name: string, of: (cost: CoreCost) => number) => [
    name,
    median(costs.map(of)).toFixed(1),
    `${median(costs.map((cost) => of(cost) / cost.signature)).toFixed(2)} ×`,
  ];
  return table(
    ['core without HTTP, memory store', 'CPU µs', 'of one crypto.verify'],
    [
      row('a sign-in', ({ options, verify }) => options + verify),
      row('options', ({ options }) => options),
      row('verify', ({ verify }) => verify),
      row('of which a record, concluded and written as JSON', ({ record }) => record),
      row('a guard whose session is known', ({ guard }) => guard),
      row('one crypto.verify, ES256', ({ signature }) => signature),
    ],
  );
}
