/** Several server processes behind one port: as many sign-ins as they can, and a fixed rate over a Redis Cluster. */
import type { Waits } from './client.ts';
import { CONTESTANTS } from './contestants.ts';
import {
  checkRecords,
  drive,
  driveAt,
  type Entrant,
  type Method,
  type Result,
  race,
  ready,
  type Say,
  startClient,
} from './race.ts';
import { startRedis } from './redis-servers.ts';
import { median, table } from './report.ts';
import type { Venue } from './venue.ts';

const find = (named: string) => CONTESTANTS.find(({ name }) => name === named)!;

function several(name: string, processes: number): Entrant {
  return {
    name: `${name}, ${processes}`,
    contestant: find(name),
    program: 'cluster.ts',
    change: (task) => ({ ...task, processes }),
  };
}

export function raceProcesses(method: Method, venue: Venue, say: Say): Promise<Result[]> {
  const entrants = ['express-postgres', 'express-redis'].flatMap((name) =>
    [1, 2, 4].map((processes) => several(name, processes)),
  );
  return race(entrants, { ...method, connections: method.connections * 4 }, venue, say);
}

export function processesTable(results: readonly Result[]): string {
  return table(
    ['server processes', 'sign-ins a second', 'CPU µs for each'],
    results.map(({ name, costs }) => [
      name,
      median(costs.map(({ wall }) => 1e6 / wall)).toFixed(0),
      median(costs.map(({ cpu }) => cpu)).toFixed(0),
    ]),
  );
}

/** Server processes at a fixed rate over a Redis Cluster of three nodes. */
export interface AtRate {
  readonly processes: number;
  /** Sign-ins a second. */
  readonly rate: number;
  /** Microseconds of CPU time of all server processes for each. */
  readonly cpu: number;
  readonly waits: Waits;
}

const SECONDS = 20;

export async function clusterAtRates(method: Method, venue: Venue, say: Say): Promise<AtRate[]> {
  const found: AtRate[] = [];
  const redis = await startRedis(venue.folder, 3);
  try {
    let capacity: number | undefined;
    for (const processes of [1, 2, 4]) {
      const entrant = several('express-redis', processes);
      const change: Entrant['change'] = (task) => ({ ...task, processes, where: { ...task.where, redis: redis.url } });
      const client = await startClient(venue, method);
      const runner = await ready({ ...entrant, change }, client, venue, method);
      try {
        say(`${processes} processes over a Cluster: warm up`);
        await drive(runner, client, method.warmUp * processes, method);
        // All at the rates of one process: what changes is only how many share the work.
        capacity ??= method.counted / (await drive(runner, client, method.counted, method)).seconds;
        for (const load of [0.25, 0.5]) {
          const rate = Math.round(capacity * load);
          say(`${processes} processes over a Cluster: ${rate} sign-ins a second`);
          found.push({ processes, rate, ...(await driveAt(runner, client, rate, SECONDS)) });
        }
        await checkRecords(runner);
      } finally {
        await Promise.all([runner.server.end(), client.end()]);
      }
    }
    return found;
  } finally {
    await redis.end();
  }
}

export function clusterTable(found: readonly AtRate[]): string {
  const ms = (value: number) => value.toFixed(1);
  return table(
    [
      'express-redis, a Cluster of three: server processes',
      'sign-ins a second',
      'CPU µs for each',
      'busy, % of a core',
      'median ms',
      'p99',
      'p99.9',
      'longest',
    ],
    found.map(({ processes, rate, cpu, waits: { median, p99, p999, most } }) => [
      String(processes),
      String(rate),
      cpu.toFixed(0),
      ((cpu * rate) / 1e4).toFixed(0),
      ...[median, p99, p999, most].map(ms),
    ]),
  );
}
