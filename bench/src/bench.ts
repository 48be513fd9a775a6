/** `npm run bench`: what a sign-in costs. Results go to stdout as Markdown, progress to stderr. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { clicksTable, raceClicks } from './click.ts';
import { CONTESTANTS, type Contestant, STORES } from './contestants.ts';
import { coreCosts, coreProfile, coreTable } from './core-costs.ts';
import { growth, growthTable } from './growth.ts';
import { heapCosts, heapTable } from './heap.ts';
import { machine } from './machine.ts';
import { entrantOf, type Method, profile, race } from './race.ts';
import { raceTable, rowsOf, table } from './report.ts';
import { raceScale, scaleTable } from './scale.ts';
import { clusterAtRates, clusterTable, processesTable, raceProcesses } from './scaling.ts';
import { raceSqliteDrivers, sqliteDriversTable } from './sqlite-drivers.ts';
import { starts, startTable } from './start.ts';
import { sweeps, sweepTable } from './sweeps.ts';
import { tails, tailsTable } from './tails.ts';
import { raceTelemetry, telemetryProfile, telemetryTable } from './telemetry.ts';
import { countTrips, tripsTable } from './trips.ts';
import { openVenue, type Venue } from './venue.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'warm-up': { type: 'string' },
    counted: { type: 'string' },
    rounds: { type: 'string' },
    processes: { type: 'string' },
    connections: { type: 'string' },
    flags: { type: 'string' },
    pinned: { type: 'boolean', default: false },
    profile: { type: 'string' },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const { quick } = options;
const method: Method = {
  warmUp: Number(options['warm-up'] ?? (quick ? 1_000 : 6_000)),
  counted: Number(options.counted ?? (quick ? 500 : 3_000)),
  rounds: Number(options.rounds ?? 3),
  processes: Number(options.processes ?? (quick ? 1 : 3)),
  connections: Number(options.connections ?? 8),
  flags: options.flags?.split(','),
  pinned: options.pinned,
};

/** What a part prints, and its figures. */
interface Found {
  readonly table: string;
  readonly figures: unknown;
}

const PARTS = {
  async core(venue) {
    const figures = await coreCosts(method, venue, say);
    return { table: coreTable(figures), figures };
  },
  async race(venue) {
    // By store, so that those who are compared are close in time.
    const tables: string[] = [];
    const figures: unknown[] = [];
    for (const store of STORES) {
      const among = CONTESTANTS.filter((contestant) => contestant.kind === 'limit' || contestant.store === store);
      const found = await raceAmong(among, venue);
      tables.push(found.table);
      figures.push(found.figures);
    }
    return { table: tables.join('\n\n'), figures };
  },
  async trips(venue) {
    const figures = await countTrips(venue, say);
    return { table: tripsTable(figures), figures };
  },
  async telemetry(venue) {
    const figures = await raceTelemetry(method, venue, say);
    return { table: telemetryTable(figures), figures };
  },
  async heap(venue) {
    const figures = await heapCosts(quick ? 10_000 : 50_000, venue, say);
    return { table: heapTable(figures), figures };
  },
  async sweep(venue) {
    const figures = await sweeps(quick ? 10_000 : 100_000, venue, say);
    return { table: sweepTable(figures), figures };
  },
  async tails(venue) {
    const figures = await tails(method, venue, say);
    return { table: tailsTable(figures), figures };
  },
  async drivers(venue) {
    const figures = await raceSqliteDrivers(method, venue, say);
    return { table: sqliteDriversTable(figures), figures };
  },
  async processes(venue) {
    const figures = await raceProcesses(method, venue, say);
    return { table: processesTable(figures), figures };
  },
  async growth(venue) {
    const figures = await growth(quick ? 20_000 : 1_000_000, method, venue, say);
    return { table: growthTable(figures), figures };
  },
  async cluster(venue) {
    const figures = await clusterAtRates(method, venue, say);
    return { table: clusterTable(figures), figures };
  },
  async start(venue) {
    const figures = await starts(method, venue, say);
    return { table: startTable(figures), figures };
  },
  async click(venue) {
    const figures = await raceClicks(method.rounds * method.processes, venue, say);
    return { table: clicksTable(figures), figures };
  },
  async scale(venue) {
    const amount = quick
      ? { passkeys: 10_000, sessions: 10_000, ceremonies: 2_000 }
      : { passkeys: 1_000_000, sessions: 1_000_000, ceremonies: 200_000 };
    const figures = await raceScale(amount, method, venue, say);
    const filled = Object.entries(amount)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ');
    return { table: `full: ${filled}\n\n${scaleTable(figures)}`, figures };
  },
} satisfies Record<string, (venue: Venue) => Promise<Found>>;

type Part = keyof typeof PARTS;

/** These only when they are named. */
const LONG = ['scale', 'growth', 'click'];

if (options.help) process.stdout.write(readFileSync(new URL('../help.txt', import.meta.url), 'utf8'));
else if (options.list) console.log(CONTESTANTS.map(({ name }) => name).join('\n'));
else await main();

async function main() {
  const named = options.only?.split(',') ?? Object.keys(PARTS).filter((part) => !LONG.includes(part));
  const parts = named.filter((name): name is Part => Object.hasOwn(PARTS, name));
  const contestants = named.filter((name) => !Object.hasOwn(PARTS, name)).map(find);
  const venue = openVenue({
    postgres: process.env.POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
    redis: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    // The servers go with this process; what they kept is left to be removed.
    process.once(signal, () => void venue.close().finally(() => process.exit(code)));
  }
  const figures: Record<string, unknown> = {};
  const print = (name: string, found: Found) => {
    console.log(`\n${found.table}`);
    figures[name] = found.figures;
    // After each, so that a long run that is cut off leaves what it has.
    if (options.json === undefined) return;
    writeFileSync(options.json, `${JSON.stringify({ machine: machine(), method, figures }, null, 2)}\n`);
  };
  try {
    if (options.profile !== undefined) return await printProfile(options.profile, venue);
    console.log(machine());
    if (contestants.length > 0) print('race', await raceAmong(contestants, venue));
    for (const part of parts) print(part, await PARTS[part](venue));
  } finally {
    await venue.close();
  }
}

async function raceAmong(contestants: readonly Contestant[], venue: Venue): Promise<Found> {
  const figures = await race(contestants.map(entrantOf), method, venue, say);
  return { table: raceTable(rowsOf(figures)), figures };
}

async function printProfile(name: string, venue: Venue) {
  const { file, functions } =
    name === 'core'
      ? await coreProfile(method, venue, say)
      : name === 'telemetry'
        ? await telemetryProfile(method, venue, say)
        : await profile(entrantOf(find(name)), method, venue, say);
  const most = (by: 'self' | 'inclusive') =>
    table(
      [by === 'self' ? 'by its own time' : 'by inclusive time', 'own µs', 'inclusive µs'],
      functions
        .toSorted((a, b) => b[by] - a[by])
        .slice(0, 50)
        .map(({ name, self, inclusive }) => [name, self.toFixed(1), inclusive.toFixed(1)]),
    );
  const cpu = functions.reduce((sum, { self }) => sum + self, 0);
  console.log(
    `${name}: ${cpu.toFixed(0)} µs of CPU time a sign-in. ${file}\n\n${most('self')}\n\n${most('inclusive')}`,
  );
}

function find(name: string): Contestant {
  const contestant = CONTESTANTS.find((known) => known.name === name);
  if (contestant === undefined)
    throw new Error(`There is no contestant and no part ${name}; --list and --help name them.`);
  return contestant;
}

function say(line: string) {
  console.error(`bench: ${line}`);
}
