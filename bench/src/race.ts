/**
 * Contestants side by side. Each has a server process that stays for all rounds, and rounds alternate,
 * so that what else the machine does happens to everyone; what counts is the median of the ratios per round.
 */
import { join } from 'node:path';
import type { Drive, Driven } from './client.ts';
import type { Contestant } from './contestants.ts';
import { start, type Worker } from './processes.ts';
import { functionsOf } from './profile.ts';
import type { Ask, Sample, Task } from './server.ts';
import type { Venue } from './venue.ts';

export interface Method {
  /** Sign-ins before anything is counted. Before about 5,000 it is the compiler that is measured. */
  readonly warmUp: number;
  /** Sign-ins counted in a round. */
  readonly counted: number;
  /** Of each process. */
  readonly rounds: number;
  /** How many processes a contestant gets, one after the other: one alone errs by 10 to 20 %. */
  readonly processes: number;
  readonly connections: number;
  /** Of Node.js, for every server. */
  readonly flags?: readonly string[] | undefined;
  /** Keeps every server on one CPU and the client on another. */
  readonly pinned?: boolean;
}

const [SERVER_CPU, CLIENT_CPU] = [0, 1];

export type Say = (line: string) => void;

/** A contestant, and what is special about its process. */
export interface Entrant {
  readonly name: string;
  readonly contestant: Contestant;
  /** `cluster.ts` for several server processes behind one port. */
  readonly program?: 'server.ts' | 'cluster.ts';
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly change?: (task: Task) => Task;
  /** Once the server is up and its tables are there. */
  readonly prepare?: (task: Task) => Promise<void>;
}

/** Of one sign-in, in microseconds. */
export interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

export interface Result extends Pick<Entrant, 'name' | 'contestant'> {
  /** One for each round. */
  readonly costs: readonly Cost[];
}

export interface Runner {
  readonly entrant: Entrant;
  readonly server: Worker;
  readonly origin: string;
  readonly costs: Cost[];
  driven: number;
}

export function entrantOf(contestant: Contestant): Entrant {
  return { name: contestant.name, contestant };
}

export async function race(entrants: readonly Entrant[], method: Method, venue: Venue, say: Say): Promise<Result[]> {
  const results = entrants.map(({ name, contestant }) => ({ name, contestant, costs: [] as Cost[] }));
  for (let nth = 1; nth <= method.processes; nth++) {
    say(`process ${nth} of ${method.processes} for each`);
    const runners = await raceOnce(entrants, method, venue, say);
    for (const [index, { costs }] of runners.entries()) results[index]!.costs.push(...costs);
  }
  return results;
}

/** All rounds of one process for each. */
async function raceOnce(entrants: readonly Entrant[], method: Method, venue: Venue, say: Say): Promise<Runner[]> {
  const client = await startClient(venue, method);
  const runners: Runner[] = [];
  try {
    for (const entrant of entrants) {
      say(`${entrant.name}: starts and warms up`);
      const runner = await ready(entrant, client, venue, method);
      runners.push(runner);
      await drive(runner, client, method.warmUp, method);
    }
    for (let round = 0; round < method.rounds; round++) {
      // Each begins once, so that nobody always follows the same neighbour.
      const order = runners.map((_, index) => runners[(index + round) % runners.length]!);
      for (const runner of order) runner.costs.push(await measured(runner, client, method));
      say(`round ${round + 1} of ${method.rounds}`);
    }
    for (const runner of runners) await checkRecords(runner);
  } finally {
    await Promise.all([...runners.map(({ server }) => server.end()), client.end()]);
  }
  return runners;
}

/** A CPU profile of one contestant after its warm-up, in a file and as its functions. */
export async function profile(entrant: Entrant, method: Method, venue: Venue, say: Say) {
  const { name } = entrant;
  const client = await startClient(venue, method);
  const file = join(venue.profiles, `${name.replaceAll(/[^\w+-]+/g, '-')}.cpuprofile`);
  let runner: Runner | undefined;
  try {
    say(`${name}: starts and warms up`);
    runner = await ready(entrant, client, venue, method);
    await drive(runner, client, method.warmUp, method);
    const before = await runner.server.ask<Sample>({ ask: 'profile' } satisfies Ask);
    const count = method.counted * method.rounds;
    say(`${name}: ${count} sign-ins under the profiler`);
    await drive(runner, client, count, method);
    const after = await runner.server.ask<Sample>({ ask: 'save', file } satisfies Ask);
    return { file, ...functionsOf(file, count, after.cpu - before.cpu) };
  } finally {
    await Promise.all([runner?.server.end(), client.end()]);
  }
}

export async function startClient(venue: Venue, { pinned }: Pick<Method, 'pinned'> = {}): Promise<Worker> {
  return (await start('client.ts', venue.peopleFile, { cpu: pinned ? CLIENT_CPU : undefined })).worker;
}

/** A server whose sign-ins are seen to be sign-ins, each with one record. */
export async function ready(
  entrant: Entrant,
  client: Worker,
  venue: Venue,
  { pinned, ...method }: Pick<Method, 'flags' | 'pinned'> = {},
): Promise<Runner> {
  const { contestant, program = 'server.ts', env, change = (task) => task } = entrant;
  const flags = [...(entrant.flags ?? []), ...(method.flags ?? [])];
  const task = change({ contestant, ...(await venue.taskFor(contestant)) });
  const { worker: server, hello } = await start<{ origin: string }>(program, JSON.stringify(task), {
    flags,
    env,
    cpu: pinned ? SERVER_CPU : undefined,
  });
  const runner: Runner = { entrant, server, origin: hello.origin, costs: [], driven: 0 };
  const count = 20;
  const { confirmed } = await drive(runner, client, count, { connections: 4 }, contestant.kind !== 'limit');
  if (contestant.kind !== 'limit' && confirmed !== count) {
    throw new Error(`${entrant.name}: of ${count} sign-ins only ${confirmed} were answered with who signed in.`);
  }
  await checkRecords(runner);
  await entrant.prepare?.(task);
  return runner;
}

async function measured(runner: Runner, client: Worker, method: Method): Promise<Cost> {
  const before = await sample(runner);
  const { seconds } = await drive(runner, client, method.counted, method);
  const after = await sample(runner);
  return { cpu: (after.cpu - before.cpu) / method.counted, wall: (seconds * 1e6) / method.counted };
}

export function sample({ server }: Runner): Promise<Sample> {
  return server.ask<Sample>({ ask: 'sample' } satisfies Ask);
}

export async function drive(
  runner: Runner,
  client: Worker,
  count: number,
  { connections }: Pick<Method, 'connections'>,
  check = false,
): Promise<Driven> {
  const { entrant, origin } = runner;
  const { kind } = entrant.contestant;
  const driven = await client.ask<Driven>({ kind, origin, count, connections, check } satisfies Drive);
  if (driven.fault !== undefined) throw new Error(`${entrant.name}: ${driven.fault}`);
  runner.driven += count;
  return driven;
}

/** Sign-ins at a fixed rate. The CPU time is that of one, in microseconds. */
export async function driveAt(runner: Runner, client: Worker, rate: number, seconds: number) {
  const { entrant, origin } = runner;
  const count = Math.round(rate * seconds);
  const before = await runner.server.ask<Sample>({ ask: 'watch' } satisfies Ask);
  const asked = { kind: entrant.contestant.kind, origin, count, connections: 0, check: false, rate };
  const { waits, fault } = await client.ask<Driven>(asked satisfies Drive);
  if (waits === undefined) throw new Error(`${entrant.name}: ${fault}`);
  runner.driven += count;
  const { cpu, stillness } = await sample(runner);
  return { waits, cpu: (cpu - before.cpu) / count, stillness };
}

export async function checkRecords(runner: Runner): Promise<void> {
  const { entrant, driven } = runner;
  const { records } = await sample(runner);
  const expected = entrant.contestant.kind === 'limit' ? 0 : driven;
  if (records !== expected) throw new Error(`${entrant.name}: ${records} records for ${driven} sign-ins.`);
}
