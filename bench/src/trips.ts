/** How often a sign-in goes to its database, and with how many statements. */
import { CONTESTANTS, type Contestant } from './contestants.ts';
import { type Counts, countingProxy, type Protocol } from './counting-proxy.ts';
import { drive, entrantOf, ready, type Say, sample, startClient } from './race.ts';
import { table } from './report.ts';
import type { Task } from './server.ts';
import type { Venue } from './venue.ts';

const SIGN_INS = 20;
const KINDS: readonly Contestant['kind'][] = ['latchkey', 'hand-wired', 'better-auth', 'limit+'];

export interface Trips {
  readonly name: string;
  readonly statements: number;
  /** Undefined where there is no wire. */
  readonly roundTrips: number | undefined;
}

export async function countTrips(venue: Venue, say: Say): Promise<Trips[]> {
  const counted = CONTESTANTS.filter(
    ({ kind, framework, store }) => KINDS.includes(kind) && framework === 'express' && store !== 'memory',
  );
  const found: Trips[] = [];
  for (const contestant of counted) {
    say(`${contestant.name}: statements and round trips`);
    found.push(await tripsOf(contestant, venue));
  }
  return found;
}

async function tripsOf(contestant: Contestant, venue: Venue): Promise<Trips> {
  const { name, store } = contestant;
  const client = await startClient(venue);
  const protocol = store === 'postgres' || store === 'redis' ? store : undefined;
  const target = protocol && new URL(venue[protocol]);
  const proxy =
    protocol && target && (await countingProxy(protocol, Number(target.port || PORTS[protocol]), target.hostname));
  const change = (task: Task): Task => ({
    ...task,
    countStatements: true,
    where: proxy && protocol ? { ...task.where, [protocol]: through(task.where[protocol], proxy.port) } : task.where,
  });
  const runner = await ready({ ...entrantOf(contestant), change }, client, venue);
  try {
    const counts = async (): Promise<Counts> =>
      proxy?.counts() ?? { statements: (await sample(runner)).statements, roundTrips: 0 };
    const before = await counts();
    await drive(runner, client, SIGN_INS, { connections: 1 });
    // What nobody waits for is also sent.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const after = await counts();
    return {
      name,
      statements: (after.statements - before.statements) / SIGN_INS,
      roundTrips: proxy && (after.roundTrips - before.roundTrips) / SIGN_INS,
    };
  } finally {
    await Promise.all([runner.server.end(), client.end()]);
    proxy?.close();
  }
}

const PORTS: Record<Protocol, number> = { postgres: 5432, redis: 6379 };

function through(url: string, port: number): string {
  return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href;
}

export function tripsTable(trips: readonly Trips[]): string {
  return table(
    ['a sign-in, its session included', 'statements', 'round trips'],
    trips.map(({ name, statements, roundTrips }) => [
      name,
      statements.toFixed(1),
      roundTrips === undefined ? 'no wire' : roundTrips.toFixed(1),
    ]),
  );
}
