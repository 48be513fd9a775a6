// Runs other programs so that nothing outlives us: each has a process group of its own, gets the signal that we get, and
// is ended when we end. `npm run demo` and `npm test` both run everything through here.
import { spawn } from 'node:child_process';
import { constants as access, accessSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

const PATIENCE_MS = 10_000;
const SWEEP_MS = 2_000;
/** @type {import('node:child_process').SpawnOptions} */
const PIPES = { stdio: ['ignore', 'pipe', 'pipe'] };

/** @type {Map<ChildProcess, Promise<number>>} Programs that run now, each with its exit code to come. */
const running = new Map();
/** @type {Set<ChildProcess>} Those that get the signal that we get; servers are ended by who started them. */
const told = new Set();
/** @type {Set<() => void>} */
const lastThings = new Set();
/** @type {{ signal: NodeJS.Signals, at: number } | undefined} */
let interruption;

/**
 * Where a program is: on the PATH, or where Debian puts servers. A path is itself.
 * @param {string} name
 * @returns {string | undefined}
 */
export function find(name) {
  if (isAbsolute(name)) return isExecutable(name) ? name : undefined;
  const path = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return [...path, '/usr/sbin', '/usr/local/sbin', ...postgresFolders()]
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The exit code of an interrupted program, once we were told to stop. */
export function interrupted() {
  return interruption && 128 + constants.signals[interruption.signal];
}

/**
 * Runs a program to its end and resolves to its exit code, as a shell would say it. A quiet one is heard only if it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions & { quiet?: boolean }} [options]
 * @returns {Promise<number>}
 */
export async function run(command, args, { quiet = false, ...options } = {}) {
  const stopped = interrupted();
  if (stopped !== undefined) return stopped;
  const child = start(command, args, { stdio: 'inherit', ...options, ...(quiet && PIPES) });
  told.add(child);
  const said = quiet ? listen(child) : () => '';
  const code = (await running.get(child)) ?? 0;
  told.delete(child);
  if (code !== 0 && interrupted() === undefined) process.stderr.write(said());
  return code;
}

/**
 * Runs a program to its end and keeps what it says.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export async function ask(command, args, options = {}) {
  const child = start(command, args, { ...options, ...PIPES });
  const said = listen(child);
  const code = (await running.get(child)) ?? 0;
  return { code, output: said().trim() };
}

/**
 * Starts a program that keeps running.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {ChildProcess}
 */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { ...options, detached: true });
  const end = /** @type {Promise<number>} */ (
    new Promise((resolve) => {
      /** @type {Promise<void> | undefined} */
      let swept;
      child.once('error', () => resolve(127));
      child.once('exit', () => {
        swept = sweep(child);
      });
      child.once('close', async (code, signal) => {
        await swept;
        resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']);
      });
    })
  ).finally(() => running.delete(child));
  running.set(child, end);
  return child;
}

/**
 * Ends a program that keeps running; resolves when it has ended.
 * @param {ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
export async function end(child, signal) {
  const ended = running.get(child);
  const kill = setTimeout(() => signalGroup(child, 'SIGKILL'), PATIENCE_MS);
  child.kill(signal);
  await ended;
  clearTimeout(kill);
}

/**
 * Something that must be done even when this process ends early; it cannot wait for anything. Answers how to forget it.
 * @param {() => void} action
 */
export function atTheEnd(action) {
  lastThings.add(action);
  return () => lastThings.delete(action);
}

/** Answers how to get what the program has said so far. @param {ChildProcess} child */
function listen(child) {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  return () => said;
}

/** The newest first. */
function postgresFolders() {
  const versions = (/** @type {string} */ parent) => {
    try {
      return readdirSync(parent).sort((a, b) => Number(b) - Number(a));
    } catch {
      return [];
    }
  };
  return versions('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`);
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, access.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a program leaves behind, such as a browser that still closes, gets a moment to end. @param {ChildProcess} child */
async function sweep(child) {
  const deadline = Date.now() + SWEEP_MS;
  while (signalGroup(child, 0)) {
    if (Date.now() > deadline) return void signalGroup(child, 'SIGKILL');
    await wait(20);
  }
}

/** Whether there was anyone left to get it. @param {ChildProcess} child @param {NodeJS.Signals | 0} signal */
function signalGroup(child, signal) {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}

/** @param {NodeJS.Signals} signal */
function interrupt(signal) {
  if (interruption === undefined) {
    interruption = { signal, at: Date.now() };
    for (const child of told) signalGroup(child, signal);
    setTimeout(killAll, PATIENCE_MS, told).unref();
  } else if (Date.now() - interruption.at > 1_000) {
    // A second time, and not npm's copy of the terminal's signal: somebody has lost patience.
    killAll(told);
  }
}

/** @param {Iterable<ChildProcess>} children */
function killAll(children) {
  for (const child of children) signalGroup(child, 'SIGKILL');
}

for (const signal of /** @type {const} */ (['SIGHUP', 'SIGINT', 'SIGTERM'])) process.on(signal, interrupt);

// npm may be killed in a way that it cannot pass on.
const parent = process.ppid;
const watch = setInterval(() => {
  if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return;
  clearInterval(watch);
  interrupt('SIGTERM');
}, 500).unref();

process.on('exit', () => {
  killAll(running.keys());
  for (const action of lastThings) action();
});
