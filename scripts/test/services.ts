// Makes PostgreSQL, MariaDB, Redis, Chromium and Prometheus available to the tests, whatever the machine has: what answers is
// used, what is installed is started, what can be installed is installed, and what is missing is named in a sentence.
import { ask, find, interrupted } from '../programs.mjs';
import { apt, findPrometheus, hasApt, unpackPrometheus } from '../prometheus.mjs';
import { timeSince } from '../workspace.mjs';
import { dockerAnswers, MARIADB, messageOf, POSTGRES, REDIS, type Server, startInDocker, startOwn } from './servers.ts';

type Say = (line: string) => void;

interface Service {
  /** The environment variable that names its URL. */
  readonly variable: string;
  readonly url: string;
  stop(): Promise<void>;
}

const SERVERS = [POSTGRES, MARIADB, REDIS];
const BROWSERS = [
  ...['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
/** A program and a package of Debian: Chromium's engine without the browser. */
const SHELL = 'chromium-headless-shell';
const INSTALL = ['install', '-y', '-qq', '--no-install-recommends'];
const BROWSER_MISSING =
  'Chromium is missing: install it (Debian: `apt-get install chromium`; macOS: `brew install --cask chromium`), or set CHROMIUM to a Chrome or Chromium.';
const PROMETHEUS_MISSING =
  'Prometheus is missing: install it (Debian: `apt-get install prometheus`; macOS: `brew install prometheus`), or set PROMETHEUS and PROMTOOL to its two programs.';

/** What the tests need to know to find everything, and how to stop what was started. */
export async function startServices(say: Say) {
  const answering = await Promise.all(SERVERS.map((server) => findAnswering(server, say)));
  const missing = SERVERS.filter((_, index) => answering[index] === undefined);
  await installPackages(say);
  const chromium = await findBrowser();
  if (chromium !== undefined) say(`${chromium.version} is ${chromium.path}`);
  // A browser that somebody has named is the one to test.
  const shell = process.env.CHROMIUM_SHELL ?? (process.env.CHROMIUM ? undefined : find(SHELL));
  if (shell) say(`pages without a browser around them run in ${shell}`);
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
  return {
    env: { ...urls, CHROMIUM: chromium.path, ...(shell && { CHROMIUM_SHELL: shell }), ...prometheus.env },
    stop,
  };
}

/** A server that runs already, at the URL it was given or at its usual one. */
async function findAnswering(server: Server, say: Say): Promise<Service | undefined> {
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

/** Starts a server from what is installed, or else in Docker. */
async function startMissing(server: Server, say: Say): Promise<Service> {
  const { name, variable, debian, homebrew } = server;
  const since = performance.now();
  for (const [where, isThere, start] of [
    ['', async () => isInstalled(server), startOwn],
    [' in Docker', dockerAnswers, startInDocker],
  ] as const) {
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

/** Installs what is not there, where that needs no question: on Debian and Ubuntu, as root. */
async function installPackages(say: Say) {
  // Also where servers answer: tests start more of them, to kill, to cut off, or to make a cluster.
  const packages = SERVERS.filter((server) => !isInstalled(server)).map(({ debian }) => debian);
  if ((await findBrowser()) === undefined) packages.push('chromium', 'fonts-dejavu-core');
  const wantsPrometheus = (await findPrometheus()) === undefined;
  if (!hasApt()) return;
  // Not every Debian and Ubuntu has it, and it only saves time.
  const wantsShell = find(SHELL) === undefined && !process.env.CHROMIUM;
  if (packages.length === 0 && !wantsPrometheus && !wantsShell) return;
  const since = performance.now();
  const wanted = [...packages, ...(wantsPrometheus ? ['prometheus'] : []), ...(wantsShell ? [SHELL] : [])];
  say(`installs ${wanted.join(', ')} with apt-get …`);
  const code =
    (await apt(['update', '-qq'])) ||
    (packages.length > 0 && (await apt([...INSTALL, ...packages]))) ||
    (wantsPrometheus && (await unpackPrometheus())) ||
    0;
  if (code === 0 && wantsShell) await apt([...INSTALL, SHELL]);
  say(code === 0 ? `installed in ${timeSince(since)}` : `apt-get failed after ${timeSince(since)}`);
}

function isInstalled(server: Server) {
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

function withoutPassword(url: string) {
  return url.replace(/:[^:@/]*@/, ':…@');
}
