/** What a fresh process costs: importing, and the first sign-in beside one when everything is warm. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Drive, Driven } from './client.ts';
import { CONTESTANTS, FRAMEWORKS, type Framework } from './contestants.ts';
import { start, type Worker } from './processes.ts';
import type { Method, Say } from './race.ts';
import { median, table } from './report.ts';
import type { Sample } from './server.ts';
import type { Venue } from './venue.ts';

/** In milliseconds: of each process. */
export interface FirstSignIn {
  readonly name: string;
  readonly first: readonly number[];
  readonly warm: readonly number[];
}

/** Beyond an empty process: of each round. */
export interface ImportCost {
  readonly framework: Framework;
  /** The framework alone; with core and the adapter. In milliseconds and in MiB of resident memory. */
  readonly alone: readonly Imported[];
  readonly withLatchkey: readonly Imported[];
}

export interface Imported {
  readonly ms: number;
  readonly mib: number;
}

const FIRST = ['limit+express-memory', 'express-memory', 'hand-wired-memory', 'express-sqlite'];
const run = promisify(execFile);

export async function starts(method: Method, venue: Venue, say: Say) {
  return { imports: await importCosts(9, say), signIns: await firstSignIns(method, venue, say) };
}

async function firstSignIns(method: Method, venue: Venue, say: Say): Promise<FirstSignIn[]> {
  const found = FIRST.map((name) => ({ name, first: [] as number[], warm: [] as number[] }));
  const { worker: client } = await start('client.ts', venue.peopleFile);
  try {
    // The client's own first sign-in is nobody's.
    await firstAndWarm(FIRST[0]!, client, method, venue);
    for (let nth = 1; nth <= method.processes; nth++) {
      for (const { name, first, warm } of found) {
        say(`${name}: fresh process ${nth} of ${method.processes}`);
        const took = await firstAndWarm(name, client, method, venue);
        first.push(took.first);
        warm.push(took.warm);
      }
    }
    return found;
  } finally {
    await client.end();
  }
}

async function firstAndWarm(name: string, client: Worker, { warmUp, connections, flags }: Method, venue: Venue) {
  const contestant = CONTESTANTS.find((known) => known.name === name)!;
  const task = { contestant, ...(await venue.taskFor(contestant)) };
  const { worker: server, hello } = await start<{ origin: string }>('server.ts', JSON.stringify(task), { flags });
  const { origin } = hello;
  const ms = async (count: number, connections: number) => {
    const asked: Drive = { kind: contestant.kind, origin, count, connections, check: false };
    const { seconds, fault } = await client.ask<Driven>(asked);
    if (fault !== undefined) throw new Error(`${name}: ${fault}`);
    return (seconds * 1_000) / count;
  };
  try {
    const first = await ms(1, 1);
    await ms(warmUp, connections);
    const warm = await ms(500, 1);
    const { records } = await server.ask<Sample>({ ask: 'sample' });
    if (records !== warmUp + 501) throw new Error(`${name}: ${records} records for ${warmUp + 501} sign-ins.`);
    return { first, warm };
  } finally {
    await server.end();
  }
}

/** Of what is installed, not of the sources. */
async function importCosts(rounds: number, say: Say): Promise<ImportCost[]> {
  const found = FRAMEWORKS.map((framework) => ({
    framework,
    alone: [] as Imported[],
    withLatchkey: [] as Imported[],
  }));
  for (let round = 0; round <= rounds; round++) {
    for (const { framework, alone, withLatchkey } of found) {
      const [less, more] = [
        await importCost([framework]),
        await importCost([framework, '@latchkey/core', `@latchkey/${framework}`]),
      ];
      // The first reads the disk.
      if (round === 0) continue;
      alone.push(less);
      withLatchkey.push(more);
    }
  }
  say(`imports: ${rounds} fresh processes for each`);
  return found;
}

async function importCost(names: readonly string[]): Promise<Imported> {
  const program = `
    const start = performance.now();
    for (const name of ${JSON.stringify(names)}) await import(name);
    const ms = performance.now() - start;
    console.log(JSON.stringify({ ms, mib: process.memoryUsage().rss / 2 ** 20 }));`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], {
    cwd,
    env: { ...env, NODE_ENV: 'production' },
  });
  return JSON.parse(stdout);
}

export function startTable({ imports, signIns }: Awaited<ReturnType<typeof starts>>): string {
  const ms = (value: number) => value.toFixed(1);
  const of = (all: readonly Imported[], what: keyof Imported) => median(all.map((one) => one[what]));
  const more = (cost: ImportCost, what: keyof Imported) =>
    median(cost.withLatchkey.map((one, round) => one[what] - cost.alone[round]![what]));
  const importing = table(
    ['importing', 'ms', 'with core and the adapter', 'more', 'MiB', 'with core and the adapter', 'more'],
    imports.map((cost) => [
      cost.framework,
      ...(['ms', 'mib'] as const).flatMap((what) =>
        [of(cost.alone, what), of(cost.withLatchkey, what), more(cost, what)].map(ms),
      ),
    ]),
  );
  const first = table(
    ['a process', 'first sign-in, ms', 'warm, ms', 'first, of warm'],
    signIns.map(({ name, first, warm }) => [
      name,
      ms(median(first)),
      median(warm).toFixed(2),
      `${median(first.map((took, nth) => took / warm[nth]!)).toFixed(1)} ×`,
    ]),
  );
  return `${importing}\n\n${first}`;
}
