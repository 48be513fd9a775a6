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
const PATIENCE = 8;

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

/** Whether a mutant's tests pass, with it or without. A run that takes longer than `limitMs` does not. */
async function pass({ tests, named, ...mutant }: Mutant, { mutated, limitMs }: { mutated: boolean; limitMs?: number }) {
  const config = ['--config', 'scripts/mutants/vitest.config.ts', '--bail=1', '--reporter=dot'];
  const args = ['run', ...config, ...(named === undefined ? [] : ['-t', named]), ...tests];
  const env = toolEnv(mutated ? { MUTANT: JSON.stringify(mutant) } : {});
  const signal = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
  const vitest = join(ROOT, 'node_modules/.bin/vitest');
  return (await run(vitest, args, { cwd: ROOT, env, stdio: 'ignore', ...(signal && { signal }) })) === 0;
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
  const took = new Map<string, number>();
  const unnoticed: Mutant[] = [];
  for (const [index, mutant] of mutants.entries()) {
    const key = keyOf(mutant);
    let noticed = known[key];
    if (noticed === undefined) {
      const tests = [...mutant.tests, mutant.named].join(' ');
      if (!took.has(tests)) {
        const since = performance.now();
        if (!(await pass(mutant, { mutated: false }))) {
          if (interrupted() === undefined) console.error(`fails without any mutant: ${tests}`);
          return interrupted() ?? 1;
        }
        took.set(tests, performance.now() - since);
      }
      noticed = !(await pass(mutant, { mutated: true, limitMs: PATIENCE * took.get(tests)! + 30_000 }));
      const stopped = interrupted();
      if (stopped !== undefined) return stopped;
      remember(mutant, noticed);
    }
    if (!noticed) unnoticed.push(mutant);
    console.log(`${index + 1}/${mutants.length} ${noticed ? 'noticed' : 'NOT NOTICED'}  ${describe(mutant)}`);
  }
  const share = mutants.length === 0 ? 1 : 1 - unnoticed.length / mutants.length;
  console.log(`\n${mutants.length - unnoticed.length} of ${mutants.length} noticed: ${(share * 100).toFixed(1)} %`);
  for (const mutant of unnoticed) console.log(`  not noticed: ${describe(mutant)}`);
  return share >= LEAST ? 0 : 1;
}
