/** `npm run mutants`: see help.txt beside it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

/** Where vitest says what became of each test. */
const REPORT = join(dirname(KNOWN), 'mutants-report.json');

/** The names of the tests that passed, with a mutant or without; nothing where one failed, or took longer than `limitMs`. */
async function pass(
  { tests, named }: Pick<Mutant, 'tests' | 'named'>,
  { mutant, limitMs }: { mutant?: Mutant; limitMs?: number } = {},
): Promise<readonly string[] | null> {
  const config = [
    '--config',
    'scripts/mutants/vitest.config.ts',
    '--bail=1',
    '--reporter=json',
    `--outputFile=${REPORT}`,
  ];
  const args = ['run', ...config, ...(named === undefined ? [] : ['-t', named]), ...tests];
  const env = toolEnv(mutant && { MUTANT: JSON.stringify(mutant) });
  const signal = limitMs === undefined ? undefined : AbortSignal.timeout(Math.ceil(limitMs));
  const vitest = join(ROOT, 'node_modules/.bin/vitest');
  if ((await run(vitest, args, { cwd: ROOT, env, stdio: 'ignore', ...(signal && { signal }) })) !== 0) return null;
  const { testResults } = JSON.parse(readFileSync(REPORT, 'utf8')) as Report;
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
  const unnoticed: Mutant[] = [];
  let done = 0;
  for (const [files, together] of Map.groupBy(mutants, ({ tests }) => tests.join(' '))) {
    const unknown = together.filter((mutant) => known[keyOf(mutant)] === undefined);
    const since = performance.now();
    if (unknown.length > 0) {
      const passed = await pass({ tests: together[0]!.tests, ...namedBy(unknown) });
      const idle = unknown.find(({ named = '' }) => !passed?.some((name) => new RegExp(named).test(name)));
      if (passed === null || idle !== undefined) {
        if (interrupted() !== undefined) return interrupted()!;
        console.error(
          passed === null ? `fails without any mutant: ${files}` : `no test of ${files} is named ${idle?.named}`,
        );
        return 1;
      }
    }
    const limitMs = PATIENCE * (performance.now() - since) + 30_000;
    for (const mutant of together) {
      const noticed = known[keyOf(mutant)] ?? (await pass(mutant, { mutant, limitMs })) === null;
      const stopped = interrupted();
      if (stopped !== undefined) return stopped;
      remember(mutant, noticed);
      if (!noticed) unnoticed.push(mutant);
      done += 1;
      console.log(`${done}/${mutants.length} ${noticed ? 'noticed' : 'NOT NOTICED'}  ${describe(mutant)}`);
    }
  }
  const share = mutants.length === 0 ? 1 : 1 - unnoticed.length / mutants.length;
  console.log(`\n${mutants.length - unnoticed.length} of ${mutants.length} noticed: ${(share * 100).toFixed(1)} %`);
  for (const mutant of unnoticed) console.log(`  not noticed: ${describe(mutant)}`);
  return share >= LEAST ? 0 : 1;
}

/** All tests that some mutants name; all there are where one names none. */
function namedBy(some: readonly Mutant[]): Pick<Mutant, 'named'> {
  const names = some.map(({ named }) => named);
  return names.includes(undefined) ? {} : { named: names.map((name) => `(${name})`).join('|') };
}
