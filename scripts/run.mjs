// Every `npm run NAME`, and `npm test`: from a clean clone to a running program in one command, with nothing but Node.js 20 and
// npm. Installs and builds what the program needs, and runs it on the Node.js that the workspace has installed. `--help` is
// answered at once. What happens here is said on stderr; stdout belongs to the program, and so do the arguments.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { interrupted, run } from './programs.mjs';
import { installPrometheus } from './prometheus.mjs';
import { install, isInstalled, NODE, ROOT, timeSince, tool, toolEnv, turbo } from './workspace.mjs';

/**
 * One of `file`, `tool` and `turbo` is what runs.
 * @typedef {object} Program
 * @property {string} [file] run by Node.js
 * @property {readonly string[]} [tool] a program in node_modules/.bin, and its first arguments
 * @property {readonly string[]} [turbo] tasks, run where they are not done already
 * @property {string} [help] the file with the text for `--help`; without it, the program answers
 * @property {readonly string[]} [build] arguments of `turbo run build`; nothing is built unless given
 * @property {readonly string[]} [flags] of Node.js
 * @property {() => Promise<NodeJS.ProcessEnv>} [env] what else it finds in its environment
 */

const SOURCES = ['--conditions=latchkey-source', '--disable-warning=ExperimentalWarning'];

/** @type {Record<string, Program>} */
const PROGRAMS = {
  demo: { file: 'examples/demo/src/server.ts', help: 'examples/demo/help.txt', build: ['--filter=latchkey-demo...'] },
  monitoring: {
    file: 'examples/monitoring/start.ts',
    help: 'examples/monitoring/help.txt',
    build: ['--filter=latchkey-example-monitoring...'],
    env: () => installPrometheus((line) => say(line)),
  },
  test: { file: 'scripts/test/run.ts', help: 'scripts/test/help.txt' },
  soak: { file: 'tests/soak/soak.ts', help: 'tests/soak/help.txt', flags: SOURCES },
  runtimes: { file: 'tests/runtimes/runtimes.ts', help: 'tests/runtimes/help.txt', build: [] },
  bench: { file: 'bench/src/bench.ts', help: 'bench/help.txt', flags: SOURCES },
  fuzz: {
    tool: ['vitest', 'run', 'tests/security/fuzz.test.ts', 'tests/security/signature-differential.test.ts'],
    env: async () => ({ FUZZ_FACTOR: '4', FUZZ_SEED: `${Math.floor(Math.random() * 2 ** 31)}`, ...process.env }),
  },
  mutants: { file: 'scripts/mutants/run.ts', help: 'scripts/mutants/help.txt' },
  pictures: { file: 'scripts/docs/pictures.ts', build: [] },
  reference: { file: 'scripts/docs/reference.ts', flags: SOURCES },
  api: { file: 'scripts/release/api-reports.ts', build: [] },
  'check:packages': { file: 'scripts/release/packages.ts', help: 'scripts/release/help.txt', build: [] },
  'release:version': { file: 'scripts/release/version.ts' },
  build: { turbo: ['build'] },
  types: { turbo: ['types', '//#types:scripts'] },
  check: { tool: ['biome', 'check', '.'] },
  format: { tool: ['biome', 'check', '--write', '.'] },
  arrows: { file: 'scripts/check-arrows.mjs' },
  unused: { tool: ['knip'] },
  vitest: { tool: ['vitest', 'run'] },
  watch: { tool: ['vitest'] },
  changeset: { tool: ['changeset'] },
};

const [name = '', ...args] = process.argv.slice(2);
const program = PROGRAMS[name];
if (program === undefined) {
  console.error(`node scripts/run.mjs NAME, where NAME is one of ${Object.keys(PROGRAMS).join(', ')}.`);
  process.exitCode = 2;
} else if (program.help !== undefined && (args.includes('--help') || args.includes('-h'))) {
  process.stdout.write(readFileSync(join(ROOT, program.help), 'utf8'));
} else {
  process.exitCode = await start(program);
}

/** Resolves to an exit code. @param {Program} program @returns {Promise<number>} */
async function start({ file, tool: [name, ...first] = [], turbo: tasks, build, flags = [], env }) {
  if (!isInstalled()) {
    const code = await step('installing what the lockfile names', 'installed', install);
    if (code !== 0) return code;
  }
  if (build !== undefined) {
    const code = await step('building what has changed', 'built', () => turbo('build', ...build));
    if (code !== 0) return code;
  }
  if (tasks !== undefined) return turbo(...tasks, ...args);
  if (name !== undefined) return tool(name, [...first, ...args], await env?.());
  return run(NODE, [...flags, file ?? '', ...args], { cwd: ROOT, env: toolEnv(await env?.()) });
}

/**
 * What is done within a second is not talked about.
 * @param {string} doing
 * @param {string} done
 * @param {() => Promise<number>} action resolves to an exit code
 */
async function step(doing, done, action) {
  const since = performance.now();
  let isSlow = false;
  const slow = setTimeout(() => {
    isSlow = true;
    say(`${doing} …`);
  }, 1_000);
  const code = await action();
  clearTimeout(slow);
  if (interrupted() === undefined && code !== 0) say(`${doing} failed after ${timeSince(since)}`);
  else if (isSlow && code === 0) say(`${done} in ${timeSince(since)}`);
  return code;
}

/** @param {string} line */
function say(line) {
  console.error(`${name}: ${line}`);
}
