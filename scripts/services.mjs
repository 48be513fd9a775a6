// Makes PostgreSQL, MariaDB, Redis, Chromium and Prometheus available to the tests, whatever the machine has: what answers is
// used, what is installed is started, what can be installed is installed, and what is missing is named in a sentence.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ask, find, interrupted, run } from './programs.mjs';
import { dockerAnswers, MARIADB, messageOf, POSTGRES, REDIS, startInDocker, startOwn } from './servers.mjs';
import { ROOT, TEMPORARY, timeSince } from './workspace.mjs';

/**
 * @typedef {import('./servers.mjs').Server} Server
 * @typedef {(line: string) => void} Say
 * @typedef {{ variable: string, url: string, stop: () => Promise<void> }} Service
 */

const SERVERS = [POSTGRES, MARIADB, REDIS];
const BROWSERS = [
  ...['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const BROWSER_MISSING =
  'Chromium is missing: install it (Debian: `apt-get install chromium`; macOS: `brew install --cask chromium`), or set CHROMIUM to a Chrome or Chromium.';
/** Where Debian's package of Prometheus is unpacked. Installed, it would run as a system service from then on. */
const UNPACKED = join(ROOT, 'node_modules/.latchkey-prometheus');
const PROMETHEUS_MISSING =
  'Prometheus is missing: install it (Debian: `apt-get install prometheus`; macOS: `brew install prometheus`), or set PROMETHEUS and PROMTOOL to its two programs.';

/**
 * What the tests need to know to find everything, and how to stop what was started.
 * @param {Say} say
 */
export async function startServices(say) {
  const answering = await Promise.all(SERVERS.map((server) => findAnswering(server, say)));
  const missing = SERVERS.filter((_, index) => answering[index] === undefined);
  await installPackages(say);
  const chromium = await findBrowser();
  if (chromium !== undefined) say(`${chromium.version} is ${chromium.path}`);
  const prometheus = await findPrometheus();
  if (prometheus !== undefined) say(`${prometheus.version} is ${prometheus.env.PROMETHEUS}`);

  const outcomes = await Promise.allSettled(missing.map((server) => startMissing(server, say)));
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async () => void (await Promise.all(started.map((service) => service.stop())));
  const faults = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [messageOf(outcome.reason)] : []));
  if (chromium === undefined) faults.push(BROWSER_MISSING);
  if (prometheus === undefined) faults.push(PROMETHEUS_MISSING);
  if (chromium === undefined || prometheus === undefined || faults.length > 0) {
    await stop();
    throw new Error([...new Set(faults)].join('\n'));
  }
  const services = [...answering.filter((service) => service !== undefined), ...started];
  const urls = Object.fromEntries(services.map(({ variable, url }) => [variable, url]));
  return { env: { ...urls, CHROMIUM: chromium.path, ...prometheus.env }, stop };
}

/**
 * A server that runs already, at the URL it was given or at its usual one.
 * @param {Server} server
 * @param {Say} say
 * @returns {Promise<Service | undefined>}
 */
async function findAnswering(server, say) {
  const { name, variable } = server;
  if (process.env.LATCHKEY_TEST_SERVERS === 'own') return undefined;
  const given = process.env[variable];
  const url = given ?? server.usual;
  try {
    say(`${await server.version(url)} answers at ${withoutPassword(url)}`);
    return { variable, url, stop: async () => {} };
  } catch (error) {
    const reason = `${withoutPassword(url)} does not answer: ${messageOf(error)}`;
    if (given !== undefined) throw new Error(`${variable} is set, but ${reason}`);
    say(`no ${name} yet: ${reason}`);
    return undefined;
  }
}

/**
 * Starts a server from what is installed, or else in Docker.
 * @param {Server} server
 * @param {Say} say
 * @returns {Promise<Service>}
 */
async function startMissing(server, say) {
  const { name, variable, debian, homebrew } = server;
  const since = performance.now();
  for (const [where, isThere, start] of /** @type {const} */ ([
    ['', async () => isInstalled(server), startOwn],
    [' in Docker', dockerAnswers, startInDocker],
  ])) {
    if (interrupted() !== undefined) throw new Error('Interrupted.');
    if (!(await isThere())) continue;
    try {
      const { url, version, stop } = await start(server);
      say(`started ${version}${where} at ${url} in ${timeSince(since)}`);
      return { variable, url, stop };
    } catch (error) {
      say(`${name} could not be started${where}: ${messageOf(error)}`);
    }
  }
  throw new Error(
    `${name} is missing: install it (Debian, Ubuntu: \`apt-get install ${debian}\`; macOS: \`brew install ${homebrew}\`), start Docker, or set ${variable}.`,
  );
}

/**
 * Installs what is not there, where that needs no question: on Debian and Ubuntu, as root.
 * @param {Say} say
 */
async function installPackages(say) {
  // Also where servers answer: tests start more of them, to kill, to cut off, or to make a cluster.
  const packages = SERVERS.filter((server) => !isInstalled(server)).map(({ debian }) => debian);
  if ((await findBrowser()) === undefined) packages.push('chromium', 'fonts-dejavu-core');
  const wantsPrometheus = (await findPrometheus()) === undefined;
  if (packages.length === 0 && !wantsPrometheus) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const since = performance.now();
  say(`installs ${[...packages, ...(wantsPrometheus ? ['prometheus'] : [])].join(', ')} with apt-get …`);
  const quietly = { quiet: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const code =
    (await run('apt-get', ['update', '-qq'], quietly)) ||
    (packages.length > 0 &&
      (await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quietly))) ||
    (wantsPrometheus && (await unpackPrometheus())) ||
    0;
  say(code === 0 ? `installed in ${timeSince(since)}` : `apt-get failed after ${timeSince(since)}`);
}

/** Debian's package, without what it would do to the system. Answers an exit code. */
async function unpackPrometheus() {
  const folder = mkdtempSync(join(TEMPORARY, 'latchkey-prometheus-'));
  try {
    const code = await run('apt-get', ['download', '-qq', 'prometheus'], { quiet: true, cwd: folder });
    const [archive] = readdirSync(folder);
    if (code !== 0 || archive === undefined) return code || 1;
    mkdirSync(UNPACKED, { recursive: true });
    return await run('dpkg-deb', ['--extract', join(folder, archive), UNPACKED], { quiet: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prometheus and promtool: as named, or on the PATH, or as unpacked here before. */
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

/** @param {Server} server */
function isInstalled(server) {
  return server.programs.every((program) => find(program) !== undefined);
}

/** The first Chrome or Chromium that says its version; Ubuntu's package of that name is none. */
async function findBrowser() {
  const given = process.env.CHROMIUM;
  for (const name of given ? [given] : BROWSERS) {
    const path = find(name);
    if (path === undefined) continue;
    const { code, output } = await ask(path, ['--version']);
    if (code === 0) return { path, version: output.split('\n').at(-1) };
  }
  if (given) throw new Error(`CHROMIUM is set, but ${given} does not run.`);
  return undefined;
}

/** @param {string} url */
function withoutPassword(url) {
  return url.replace(/:[^:@/]*@/, ':…@');
}
