/** One, two and four server processes behind one port, for a model of how Latchkey scales. */
import { CONTESTANTS } from './contestants.ts';
import { type Entrant, type Method, type Result, race, type Say } from './race.ts';
import { median, table } from './report.ts';
import type { Venue } from './venue.ts';

export function raceProcesses(method: Method, venue: Venue, say: Say): Promise<Result[]> {
  const entrants = ['express-postgres', 'express-redis'].flatMap((named) => {
    const contestant = CONTESTANTS.find(({ name }) => name === named)!;
    return [1, 2, 4].map(
      (processes): Entrant => ({
        name: `${named}, ${processes}`,
        contestant,
        program: 'cluster.ts',
        change: (task) => ({ ...task, processes }),
      }),
    );
  });
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
