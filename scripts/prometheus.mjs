// Where Prometheus is, for the tests and for `npm run monitoring`: as named, on the PATH, or in Debian's package, unpacked into
// node_modules. Installed, that package would run as a system service from then on.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ask, find, run } from './programs.mjs';
import { ROOT, TEMPORARY, timeSince } from './workspace.mjs';

const UNPACKED = join(ROOT, 'node_modules/.latchkey-prometheus');

/** Whether packages can be installed without a question: on Debian and Ubuntu, as root. */
export function hasApt() {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/** Runs apt-get without questions, and resolves to its exit code. @param {readonly string[]} args @param {string} [cwd] */
export function apt(args, cwd) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return run('apt-get', args, { quiet: true, env, ...(cwd !== undefined && { cwd }) });
}

/** Prometheus and promtool, and the version: as named, or on the PATH, or as unpacked here before. */
export async function findPrometheus() {
  const [PROMETHEUS, PROMTOOL] = /** @type {const} */ (['prometheus', 'promtool']).map((name) => {
    const variable = name.toUpperCase();
    const given = process.env[variable];
    const found = given ? find(given) : (find(name) ?? find(join(UNPACKED, 'usr/bin', name)));
    if (given && found === undefined) throw new Error(`${variable} is set, but ${given} is no program.`);
    return found;
  });
  if (PROMETHEUS === undefined || PROMTOOL === undefined) return undefined;
  const { output } = await ask(PROMETHEUS, ['--version']);
  const version = /version (\S+)/.exec(output)?.[1] ?? 'of some version';
  return { version: `Prometheus ${version}`, env: { PROMETHEUS, PROMTOOL } };
}

/**
 * The environment variables that name Prometheus and promtool. Unpacks them where they are missing and apt-get is there;
 * empty where that does not help either.
 * @param {(line: string) => void} say
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function installPrometheus(say) {
  const found = await findPrometheus();
  if (found !== undefined || !hasApt()) return found?.env ?? {};
  const since = performance.now();
  say('getting Prometheus with apt-get …');
  const code = (await apt(['update', '-qq'])) || (await unpackPrometheus());
  say(code === 0 ? `Prometheus is there after ${timeSince(since)}` : `apt-get failed after ${timeSince(since)}`);
  return (await findPrometheus())?.env ?? {};
}

/** Debian's package, without what it would do to the system. Resolves to an exit code. */
export async function unpackPrometheus() {
  const folder = mkdtempSync(join(TEMPORARY, 'latchkey-prometheus-'));
  try {
    const code = await apt(['download', '-qq', 'prometheus'], folder);
    const [archive] = readdirSync(folder);
    if (code !== 0 || archive === undefined) return code || 1;
    mkdirSync(UNPACKED, { recursive: true });
    return await run('dpkg-deb', ['--extract', join(folder, archive), UNPACKED], { quiet: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
