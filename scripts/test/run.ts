// `npm test`, once the workspace is installed: everything that must hold. At the end stand the names of what failed, and one
// line that says how much there was. What is not run is a failure.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { interrupted } from '../programs.mjs';
import { TEMPORARY, timeSince, tool, turbo } from '../workspace.mjs';
import { progress } from './progress.ts';
import type { Tally } from './reporter.ts';
import { startServices } from './services.ts';

/** Each check and each test counts as one. */
const sum = { passed: 0, failed: 0 };
/** A line for each that failed. */
const failures: string[] = [];

const filters = process.argv.slice(2);
await (filters.length === 0 ? everything() : someTests()).catch((error: Error) => fail(error.message));
if (failures.length > 0) {
  const files = new Set(failures.flatMap((line) => /^(?:broken: )?(\S+\.test\.ts)\b/.exec(line)?.[1] ?? []));
  const again = files.size > 0 ? ` (these files again: npm test -- ${[...files].join(' ')})` : '';
  console.log([`test: failed${again}:`, ...failures].join('\n  '));
}
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = interrupted() ?? (sum.failed > 0 ? 1 : 0);

async function everything() {
  say('7 to 25 minutes on two idle cores, as quick as they are');
  await check('format and lint', () => tool('biome', ['check', '.']));
  await check('allowed imports', () => tool('node', ['scripts/check-arrows.mjs']));
  if (!(await built())) return;
  await check('types', () => turbo('types', '//#types:scripts', '--continue'));
  await check('unused files, exports and dependencies', () => tool('knip', ['--no-progress']));
  await check('packages', () => tool('node', ['scripts/release/packages.ts', '--quick'], {}, { quiet: true }));
  await tests();
}

async function someTests() {
  if (await built()) await tests();
}

function built() {
  return check('build', () => turbo('build'));
}

/** Something that counts as one. `action` resolves to an exit code. */
async function check(name: string, action: () => Promise<number>): Promise<boolean> {
  const ticking = progress(() => name);
  const code = await timed(name, action).finally(ticking.end);
  if (code === 0) sum.passed += 1;
  else fail(`${name} (see above)`);
  return code === 0;
}

async function tests() {
  const services = await startServices(say);
  try {
    await vitest(services.env);
  } finally {
    await services.stop();
  }
}

async function vitest(env: NodeJS.ProcessEnv) {
  // The tests' temporary files go with the folder, however the tests end. Like /tmp it is for everyone: servers that a test
  // starts run as users of their own.
  const folder = mkdtempSync(join(TEMPORARY, 'latchkey-test-'));
  chmodSync(folder, 0o1777);
  const file = join(folder, 'tally.json');
  try {
    const args = ['run', '--allowOnly=false', '--reporter=./scripts/test/reporter.ts', ...filters];
    const more = { ...env, TMPDIR: folder, LATCHKEY_TALLY: file };
    const code = await timed('tests', () => tool('vitest', args, more));
    add(readTally(file), code);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

function add(tally: Tally | undefined, code: number) {
  if (tally === undefined) return fail(`vitest ended with code ${code} and without a result`);
  sum.passed += tally.passed;
  sum.failed += tally.failed;
  failures.push(...tally.failures);
  for (const what of tally.broken) fail(`broken: ${what}`);
  const chosenByName = filters.some((filter) => filter === '-t' || filter.startsWith('--testNamePattern'));
  if (chosenByName) say(`left out by name: ${tally.notRun.length}`);
  else for (const name of tally.notRun) fail(`did not run, which counts as failed: ${name}`);
  const wrong = tally.failed + tally.broken.length + (chosenByName ? 0 : tally.notRun.length);
  if (wrong === 0 && tally.passed === 0) fail('no test ran');
  else if (wrong === 0 && code !== 0) fail(`vitest ended with code ${code}, although no test failed`);
}

function readTally(file: string): Tally | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Resolves to the exit code that `action` resolves to. */
async function timed(name: string, action: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const code = await action();
  if (interrupted() !== undefined) throw new Error('interrupted');
  say(`${name}: ${code === 0 ? 'ok' : 'FAILED'} after ${timeSince(start)}`);
  return code;
}

function fail(line: string) {
  sum.failed += 1;
  failures.push(line);
}

function say(line: string) {
  console.log(`test: ${line}`);
}
