// The workspace: installs it when something changed, and runs its own tools. It has to run on a clean clone with the machine's
// Node.js 20 and nothing else.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, run } from './programs.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The Node.js that the workspace installs, whatever the machine has. */
export const NODE = join(ROOT, 'node_modules/.bin/node');
/** Where temporary folders go. Root starts servers as other users, to whom what root calls its own may be closed. */
export const TEMPORARY = process.getuid?.() === 0 ? '/tmp' : tmpdir();

const STAMP = join(ROOT, 'node_modules/.latchkey-installed');
const [, PNPM = '', PNPM_SHA512 = ''] =
  /^(pnpm@[^+]+)\+sha512\.([0-9a-f]{128})$/.exec(readJson('package.json').packageManager) ?? [];

/** Whether nothing has to be installed: the lockfile and every package.json are those of the last installation. */
export function isInstalled() {
  try {
    return readFileSync(STAMP, 'utf8') === fingerprint();
  } catch {
    return false;
  }
}

/** Installs what the lockfile names. Its output is shown only if it fails. @returns {Promise<number>} the exit code */
export async function install() {
  if (!(await isOurPnpm())) return 1;
  const before = fingerprint();
  const code = await pnpm(['install', '--frozen-lockfile', '--config.confirm-modules-purge=false'], { quiet: true });
  if (code === 0) writeFileSync(STAMP, before);
  return code;
}

/**
 * Whether the registry has for this version of pnpm the tarball whose hash package.json names; npx holds what it downloads
 * against what the registry says. Where the registry does not answer, npx has only what it downloaded before.
 */
async function isOurPnpm() {
  const { code, output } = await ask('npm', ['view', PNPM, 'dist.integrity', '--loglevel=silent'], { cwd: ROOT });
  const [, sha512] = /sha512-([\w+/=]+)/.exec(output) ?? [];
  if (code !== 0 || sha512 === undefined) return true;
  if (Buffer.from(sha512, 'base64').toString('hex') === PNPM_SHA512) return true;
  process.stderr.write(`The registry's ${PNPM} is not the one whose hash package.json names in packageManager.\n`);
  return false;
}

/** Runs tasks in every package they are in, unless they are done already. @param {...string} args */
export function turbo(...args) {
  // Through pnpm, because turbo runs the packages' scripts with it and looks for it on the PATH.
  return pnpm(['exec', 'turbo', 'run', ...args, '--output-logs=errors-only', '--log-order=grouped'], { quiet: true });
}

/**
 * Runs a tool that the workspace has installed. A quiet one is heard only if it fails.
 * @param {string} name
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [more]
 * @param {{ quiet?: boolean }} [options]
 */
export function tool(name, args, more, options) {
  return run(join(ROOT, 'node_modules/.bin', name), args, { cwd: ROOT, env: toolEnv(more), ...options });
}

/** How long something took, in words. @param {number} since from performance.now() */
export function timeSince(since) {
  const seconds = (performance.now() - since) / 1_000;
  return seconds < 90 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** The environment with the workspace's own Node.js and tools first. @param {NodeJS.ProcessEnv} [more] */
export function toolEnv(more = {}) {
  const env = { ...process.env, ...more };
  return { ...env, PATH: [join(ROOT, 'node_modules/.bin'), env.PATH].join(delimiter) };
}

/** Runs the pnpm that package.json names. @param {readonly string[]} args @param {{ quiet?: boolean }} [options] */
export function pnpm(args, options) {
  const env = toolEnv({
    npm_config_loglevel: 'error',
    npm_config_progress: 'false',
    npm_config_update_notifier: 'false',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    TURBO_TELEMETRY_DISABLED: '1',
  });
  return run('npx', ['--yes', PNPM, ...args], { cwd: ROOT, env, stdio: ['ignore', 2, 2], ...options });
}

function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests('')]) {
    hash.update(`${file}\n`).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

/** Every package.json of the workspace. @param {string} folder @returns {string[]} */
function manifests(folder) {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isFile()) return entry.name === 'package.json' ? [path] : [];
      const skipped = entry.name.startsWith('.') || entry.name === 'node_modules' || entry.name === 'dist';
      return entry.isDirectory() && !skipped ? manifests(path) : [];
    });
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
}
