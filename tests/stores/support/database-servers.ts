/**
 * Why this file exists: database servers of a test's own, to be killed, silenced and started again: on loopback and a free
 * port, in a folder that goes with them. A server that is not installed fails its test with a sentence that says what to do.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { freePort } from '../../support/ports.ts';
import { startRedis as startRedisOnly } from './redis-server.ts';

export interface Server {
  readonly url: string;
  /** Starts it again on the same port, with what is on its disk. */
  start(): Promise<void>;
  /** SIGKILL: nothing is written any more. SIGSTOP: it neither answers nor hangs up. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Ends it, if it still runs, and removes its folder. */
  remove(): Promise<void>;
}

type Command = readonly [program: string, ...args: string[]];

interface Recipe {
  /** What to do where a program is missing. */
  readonly missing: string;
  /** Who runs it, where the test runs as root. */
  readonly user: string;
  readonly url: (port: number) => string;
  /** Makes a database of the folder. */
  readonly prepare: (folder: string, user: string) => Command;
  readonly serve: (folder: string, port: number, user: string) => Command;
  /** Resolves once it answers: makes the database `test`, if it is not there. */
  readonly greet: (port: number) => Promise<void>;
}

const postgres: Recipe = {
  missing: 'Install PostgreSQL, which this test runs: `apt-get install postgresql` (Debian, Ubuntu).',
  user: 'postgres',
  url: (port) => `postgres://postgres@127.0.0.1:${port}/test`,
  prepare: (folder) => ['initdb', '--pgdata', folder, '--username=postgres', '--auth=trust', '--encoding=UTF8'],
  serve: (folder, port) =>
    [
      ...['postgres', '-D', folder, '-p', `${port}`],
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    ] as unknown as Command,
  async greet(port) {
    const client = new Client(`postgres://postgres@127.0.0.1:${port}/postgres`);
    client.on('error', () => {});
    await client.connect();
    const { rowCount } = await client.query("select from pg_database where datname = 'test'");
    if (rowCount === 0) await client.query('create database test');
    await client.end();
  },
};

const mariadb: Recipe = {
  missing: 'Install MariaDB, which this test runs: `apt-get install mariadb-server` (Debian, Ubuntu).',
  user: 'mysql',
  url: (port) => `mysql://root@127.0.0.1:${port}/test`,
  prepare: (folder, user) =>
    [
      ...['mariadb-install-db', '--no-defaults', `--datadir=${folder}`, `--user=${user}`],
      ...['--auth-root-authentication-method=normal', '--skip-test-db'],
    ] as unknown as Command,
  serve: (folder, port, user) =>
    [
      ...['mariadbd', '--no-defaults', `--datadir=${folder}`, `--user=${user}`, '--bind-address=127.0.0.1'],
      ...[`--port=${port}`, `--socket=${join(folder, 'sock')}`, `--pid-file=${join(folder, 'pid')}`],
    ] as unknown as Command,
  async greet(port) {
    const connection = await createConnection(`mysql://root@127.0.0.1:${port}`);
    await connection.query('create database if not exists test');
    await connection.end();
  },
};

export const startPostgres = () => startServer(postgres);
export const startMariadb = () => startServer(mariadb);

/** A running server with these settings; without any it keeps nothing on disk. */
export async function startRedis(...settings: string[]): Promise<Server> {
  const { port, start, signal, remove } = await startRedisOnly(...settings);
  return { url: `redis://127.0.0.1:${port}`, start, signal, remove };
}

const run = promisify(execFile);

/** Debian keeps servers where no shell looks. */
const PATH = [
  process.env.PATH,
  ...versionsOf('/usr/lib/postgresql').map((folder) => `${folder}/bin`),
  '/usr/sbin',
].join(':');

function versionsOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(folder, version));
  } catch {
    return [];
  }
}

async function startServer(recipe: Recipe): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
  let port = await freePort();
  let started = false;
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? recipe.user : (process.env.USER ?? recipe.user);
  // EACCES: not found either, but a folder on the way could not be looked into.
  const explained = (error: unknown) =>
    ['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')
      ? new Error(recipe.missing, { cause: error })
      : error;
  let running: ChildProcess | undefined;

  const idOf = async (flag: string) =>
    Number(
      (await run('id', [flag, user]).catch((cause) => Promise.reject(new Error(recipe.missing, { cause })))).stdout,
    );
  const owner = isRoot ? { uid: await idOf('-u'), gid: await idOf('-g') } : undefined;
  const settings = {
    ...owner,
    env: { ...process.env, PATH },
    cwd: folder,
  };

  /** Starts it once: resolves to whether it answers, and does not when it ended before. */
  const begin = async (): Promise<boolean> => {
    const [program, ...args] = recipe.serve(folder, port, user);
    const child = spawn(program, args, { ...settings, stdio: 'ignore' });
    running = child;
    const ended = once(child, 'exit').then(
      () => false,
      (error) => Promise.reject(explained(error)),
    );
    const answers = async () => {
      while (isRunning(child)) {
        const answered = await recipe.greet(port).then(
          () => true,
          () => false,
        );
        if (answered) return true;
        await sleep(20);
      }
      return false;
    };
    return Promise.race([answers(), ended]);
  };

  const start = async () => {
    // What was killed may hold on to its memory for a moment, and what follows it then ends at once.
    for (let tries = 0; tries < 100; tries++) {
      if (await begin()) {
        started = true;
        return;
      }
      await sleep(100);
      // Somebody else may have taken the port since.
      if (!started) port = await freePort();
    }
    throw new Error(`${recipe.serve(folder, port, user).join(' ')} ends at once: run it by hand to see why.`);
  };

  const signal: Server['signal'] = async (name) => {
    if (running === undefined || !isRunning(running)) return;
    const { pid } = running;
    const ended = once(running, 'exit');
    // The parent first, so that it makes no more children.
    for (const each of [pid!, ...(await childrenOf(pid!))]) send(each, name);
    if (name === 'SIGKILL') await ended;
  };

  const remove = async () => {
    await signal('SIGKILL');
    process.off('exit', kill);
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  };
  const kill = () => void running?.kill('SIGKILL');
  process.once('exit', kill);

  try {
    if (owner) await chown(folder, owner.uid, owner.gid);
    const [program, ...args] = recipe.prepare(folder, user);
    await run(program, args, settings).catch((error) => Promise.reject(explained(error)));
    await start();
    return { url: recipe.url(port), start, signal, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-axo', 'pid=,ppid=']);
  const processes = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return processes.filter(([, ppid]) => ppid === parent).map(([pid]) => pid!);
}

/** A process that has ended in the meantime needs no signal. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
