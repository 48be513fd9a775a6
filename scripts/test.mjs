// `npm test`: everything that must hold, from a clean clone, with nothing but Node.js 20 and npm, and one line at the end
// that says how much of it there was. What is not run is a failure.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { interrupted } from './programs.mjs';
import { startServices } from './services.mjs';
import { install, isInstalled, TEMPORARY, timeSince, tool, turbo } from './workspace.mjs';

const USAGE = `npm test [-- FILTER… [OPTION…]]

Installs what is needed, checks format, lint, allowed imports, builds, checks types, what is unused and the packages as npm
would get them, and runs every test against PostgreSQL, MariaDB, Redis, Chromium and Prometheus. The last line says how many
checks and tests passed and failed; what was skipped has failed.

  npm test -- stores            only the test files with "stores" in their path, after the build
  npm test -- stores -t atomic  only the tests with "atomic" in their name; every option is vitest's
  npm test -- --help            this

A server is used where it is named, or else where it answers. Otherwise one is started on a free port, with its data in a
temporary folder, and stopped at the end. What is not installed is installed with apt-get (Debian and Ubuntu, as root) or
run in Docker.

  POSTGRES_URL   postgres://postgres@127.0.0.1:5432/test unless set
  MARIADB_URL    mysql://root@127.0.0.1:3306/test unless set
  REDIS_URL      redis://127.0.0.1:6379 unless set
  MYSQL_URL      a MySQL server to run the store contract on as well; none unless set
  CHROMIUM       the program to run pages in; found on the PATH unless set
  PROMETHEUS     the program that is asked what the metrics say, and PROMTOOL, its companion; found on the PATH unless set
  LATCHKEY_TEST_SERVERS=own   starts servers of its own, whatever answers elsewhere
`;

/** Each check and each test counts as one. */
const sum = { passed: 0, failed: 0 };

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(USAGE);
} else {
  await (args.length === 0 ? everything() : someTests(args)).catch((error) => fail(error.message));
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  process.exitCode = interrupted() ?? (sum.failed > 0 ? 1 : 0);
}

async function everything() {
  if (!(await installed())) return;
  await check('format and lint', () => tool('biome', ['check', '.']));
  await check('allowed imports', () => tool('node', ['scripts/check-arrows.mjs']));
  if (!(await built())) return;
  await check('types', () => turbo('types', '//#types:scripts', '--continue'));
  await check('unused files, exports and dependencies', () => tool('knip', ['--no-progress']));
  await check('packages', () => tool('node', ['scripts/packages.mjs', '--quick']));
  await tests([]);
}

/** @param {readonly string[]} filters */
async function someTests(filters) {
  if ((await installed()) && (await built())) await tests(filters);
}

async function installed() {
  if (isInstalled()) return true;
  const { code } = await timed('install', install);
  if (code !== 0) fail('Nothing can run before `pnpm install --frozen-lockfile` succeeds.');
  return code === 0;
}

function built() {
  return check('build', () => turbo('build'));
}

/**
 * Something that counts as one.
 * @param {string} name
 * @param {() => Promise<number>} action answers an exit code
 */
async function check(name, action) {
  const { code } = await timed(name, action);
  sum[code === 0 ? 'passed' : 'failed'] += 1;
  return code === 0;
}

/** @param {readonly string[]} filters */
async function tests(filters) {
  const services = await startServices(say);
  try {
    await vitest(filters, services.env);
  } finally {
    await services.stop();
  }
}

/** @param {readonly string[]} filters @param {NodeJS.ProcessEnv} env */
async function vitest(filters, env) {
  // The tests' temporary files go with the folder, however the tests end. Like /tmp it is for everyone: servers that a test
  // starts run as users of their own.
  const folder = mkdtempSync(join(TEMPORARY, 'latchkey-test-'));
  chmodSync(folder, 0o1777);
  const file = join(folder, 'tally.json');
  try {
    const reporters = ['--reporter=default', '--reporter=./scripts/vitest-tally.mjs'];
    const { code } = await timed('tests', () =>
      tool('vitest', ['run', '--allowOnly=false', ...reporters, ...filters], {
        ...env,
        TMPDIR: folder,
        LATCHKEY_TALLY: file,
      }),
    );
    add(readTally(file), code, filters);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/**
 * @param {import('./vitest-tally.mjs').Tally | undefined} tally
 * @param {number} code
 * @param {readonly string[]} filters
 */
function add(tally, code, filters) {
  if (tally === undefined) return fail(`vitest ended with code ${code} and without a result.`);
  sum.passed += tally.passed;
  sum.failed += tally.failed;
  for (const what of tally.broken) fail(`Broken: ${what}`);
  const chosenByName = filters.some((filter) => filter === '-t' || filter.startsWith('--testNamePattern'));
  if (chosenByName) say(`left out by name: ${tally.notRun.length}`);
  else for (const name of tally.notRun) fail(`Did not run, which counts as failed: ${name}`);
  const wrong = tally.failed + tally.broken.length + (chosenByName ? 0 : tally.notRun.length);
  if (wrong === 0 && tally.passed === 0) fail('No test ran.');
  else if (wrong === 0 && code !== 0) fail(`vitest ended with code ${code}, although no test failed.`);
}

/** @param {string} file @returns {import('./vitest-tally.mjs').Tally | undefined} */
function readTally(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param {string} name
 * @param {() => Promise<number>} action answers an exit code
 */
async function timed(name, action) {
  say(`${name} …`);
  const start = performance.now();
  const code = await action();
  if (interrupted() !== undefined) throw new Error('Interrupted.');
  say(`${name}: ${code === 0 ? 'ok' : 'FAILED'} after ${timeSince(start)}`);
  return { code };
}

/** @param {string} sentence */
function fail(sentence) {
  sum.failed += 1;
  say(sentence);
}

/** @param {string} line */
function say(line) {
  console.log(`test: ${line}`);
}
