/** `npm run mutants`: see help.txt beside it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { interrupted, run } from '../programs.mjs';
import { ROOT, toolEnv } from '../workspace.mjs';
import { type Mutant, mutate } from './mutate.ts';
import { MUTANTS } from './table.ts';

/** The least share that must be noticed. */
const LEAST = 0.97;

/** A run that takes so much longer than the same tests did without a mutant hangs, which is a way to notice it. */
const PATIENCE = 3;

const { values: flags } = parseArgs({
  options: { only: { type: 'string' }, list: { type: 'boolean' }, fresh: { type: 'boolean' } },
});

const text = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** What is already known: by mutant, by the text of its file and by those of its tests. */
const KNOWN = join(ROOT, 'node_modules/.cache/latchkey/mutants.json');
const known: Record<string, boolean> = !flags.fresh && existsSync(KNOWN) ? JSON.parse(readFileSync(KNOWN, 'utf8')) : {};

function keyOf(mutant: Mutant): string {
  const parts = [JSON.stringify(mutant), text(mutant.file), ...mutant.tests.map(text)];
  return createHash('sha256').update(parts.join('\0')).digest('base64url');
}

function remember(mutant: Mutant, noticed: boolean): void {
  known[keyOf(mutant)] = noticed;
  mkdirSync(dirname(KNOWN), { recursive: true });
  writeFileSync(KNOWN, JSON.stringify(known));
}

/** So many groups of mutants at once: each has the same tests, which take about one core. */
const LANES = availableParallelism();

/**
 * The names of the tests that passed, with a mutant or without; nothing where one failed, or took longer than `limitMs`.
 * `report` is where vitest says what became of each.
 */
async function pass(
  { tests, named }: Pick<Mutant, 'tests' | 'named'>,
  report: string,
  { mutant, limitMs }: { mutant?: Mutant; limitMs?: number } = {},
): Promise<readonly string[] | null> {
  const config = [
    '--config',
    'scripts/mutants/vitest.config.ts',
    '--bail=1',
    '--reporter=json',
    `--outputFile=${report}`,
  ];
  const args = ['run', ...config, ...(named === undefined ? [] : ['-t', named]), ...tests];
  const env = toolEnv(mutant && { MUTANT: JSON.stringify(mutant) });
  const signal = limitMs === undefined ? undefined : AbortSignal.timeout(Math.ceil(limitMs));
  const vitest = join(ROOT, 'node_modules/.bin/vitest');
  if ((await run(vitest, args, { cwd: ROOT, env, stdio: 'ignore', ...(signal && { signal }) })) !== 0) return null;
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed')
    .map(({ ancestorTitles, title }) => [...ancestorTitles, title].join(' > '));
}

/** The part of the report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

const describe = ({ file, find, replace }: Mutant) =>
  `${file}: ${[find, replace].map((code) => code.replace(/\s+/g, ' ').trim().slice(0, 70)).join('  ->  ')}`;

const { only = '' } = flags;
const mutants = MUTANTS.filter(({ file, find, replace }) => [file, find, replace].some((each) => each.includes(only)));
// Before anything runs: a mutant that is not there any more would count as one that nobody notices.
for (const mutant of MUTANTS) mutate(text(mutant.file), mutant);

if (flags.list) {
  for (const mutant of mutants) console.log(describe(mutant));
} else {
  process.exitCode = await judge();
}

async function judge(): Promise<number> {
  // The longest first.
  const groups = [...Map.groupBy(mutants, ({ tests }) => tests.join(' ')).values()].sort((a, b) => b.length - a.length);
  const unnoticed: Mutant[] = [];
  let done = 0;
  /** An exit code, once nothing more shall be run. */
  let ended: number | undefined;
  const lane = async (report: string): Promise<void> => {
    for (let group = groups.shift(); group !== undefined && ended === undefined; group = groups.shift()) {
      const limitMs = await patienceFor(group, report);
      if (limitMs === undefined) ended ??= interrupted() ?? 1;
      for (const mutant of ended === undefined ? group : []) {
        const since = performance.now();
        const noticed = known[keyOf(mutant)] ?? (await pass(mutant, report, { mutant, limitMs: limitMs! })) === null;
        const hung = noticed && performance.now() - since > limitMs!;
        ended ??= interrupted();
        if (ended !== undefined) return;
        remember(mutant, noticed);
        if (!noticed) unnoticed.push(mutant);
        done += 1;
        console.log(
          `${done}/${mutants.length} ${noticed ? `noticed${hung ? ', for it hung' : ''}` : 'NOT NOTICED'}  ${describe(mutant)}`,
        );
      }
    }
  };
  await Promise.all(
    Array.from({ length: LANES }, (_, index) => lane(join(dirname(KNOWN), `mutants-report-${index}.json`))),
  );
  if (ended !== undefined) return ended;
  const share = mutants.length === 0 ? 1 : 1 - unnoticed.length / mutants.length;
  console.log(`\n${mutants.length - unnoticed.length} of ${mutants.length} noticed: ${(share * 100).toFixed(1)} %`);
  for (const mutant of unnoticed) console.log(`  not noticed: ${describe(mutant)}`);
  return share >= LEAST ? 0 : 1;
}

/**
 * How long the tests of these mutants may take, in milliseconds, by how long they take without one. Undefined where they fail
 * without one, or where a mutant names a test that is not there.
 */
async function patienceFor(group: readonly Mutant[], report: string): Promise<number | undefined> {
  const unknown = group.filter((mutant) => known[keyOf(mutant)] === undefined);
  if (unknown.length === 0) return 0;
  const { tests } = group[0]!;
  const since = performance.now();
  const passed = await pass({ tests, ...namedBy(unknown) }, report);
  const idle = unknown.find(({ named = '' }) => !passed?.some((name) => new RegExp(named).test(name)));
  if (passed === null && interrupted() === undefined) console.error(`fails without any mutant: ${tests.join(' ')}`);
  else if (idle !== undefined) console.error(`no test of ${tests.join(' ')} is named ${idle.named}`);
  return idle === undefined && passed !== null ? PATIENCE * (performance.now() - since) + 30_000 : undefined;
}

/** All tests that some mutants name; all there are where one names none. */
function namedBy(some: readonly Mutant[]): Pick<Mutant, 'named'> {
  const names = some.map(({ named }) => named);
  return names.includes(undefined) ? {} : { named: names.map((name) => `(${name})`).join('|') };
}
