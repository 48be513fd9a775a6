// How each server that the tests need is asked whether it answers, and how it is started for the tests alone: on a free
// port of 127.0.0.1, with its data in a folder that goes with it. scripts/test/services.ts decides what happens.
import { type ChildProcess, spawnSync } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../../tests/support/ports.ts';
import { ask, atTheEnd, end, find, interrupted, start } from '../programs.mjs';
import { ROOT, TEMPORARY } from '../workspace.mjs';

export interface Server {
  readonly name: string;
  /** The environment variable with its URL. */
  readonly variable: string;
  /** The URL where it answers on a developer's machine. */
  readonly usual: string;
  /** Connects, makes the database if it is missing, and answers its name and version. */
  readonly version: (url: string) => Promise<string>;
  /** What has to be installed to start one; the first is the server. */
  readonly programs: readonly string[];
  /** Makes a new data folder. */
  readonly prepare: (folder: string) => Promise<void>;
  /** The server's arguments for that folder and port. */
  readonly args: (folder: string, port: number) => string[];
  /** The signal that ends it at once and in order. */
  readonly stop: NodeJS.Signals;
  readonly url: (port: number | string) => string;
  readonly docker: { readonly image: string; readonly port: number; readonly env: readonly string[] };
  /** Its package there. */
  readonly debian: string;
  readonly homebrew: string;
}

const PATIENCE_MS = 60_000;
const CONNECT_MS = 3_000;
const ATTEMPTS = 3;

/** The drivers are what the tests use. */
const driver = createRequire(join(ROOT, 'tests/package.json'));

export const POSTGRES: Server = {
  name: 'PostgreSQL',
  variable: 'POSTGRES_URL',
  usual: 'postgres://postgres@127.0.0.1:5432/test',
  async version(url) {
    const query = postgresQuery(url, 'show server_version').catch(async (error) => {
      if (error.code !== '3D000') throw error;
      await postgresQuery(inDatabase(url, 'postgres'), `create database "${databaseOf(url)}"`);
      return postgresQuery(url, 'show server_version');
    });
    return `PostgreSQL ${(await query).server_version.split(' ')[0]}`;
  },
  programs: ['postgres', 'initdb'],
  async prepare(folder) {
    await must('initdb', ['-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
  },
  args: (folder, port) => [
    ...['-D', folder, '-p', `${port}`],
    ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off'],
  ],
  stop: 'SIGINT',
  url: (port) => `postgres://postgres@127.0.0.1:${port}/test`,
  docker: { image: 'postgres:17', port: 5432, env: ['POSTGRES_HOST_AUTH_METHOD=trust'] },
  debian: 'postgresql',
  homebrew: 'postgresql',
};

export const MARIADB: Server = {
  name: 'MariaDB',
  variable: 'MARIADB_URL',
  usual: 'mysql://root@127.0.0.1:3306/test',
  async version(url) {
    const query = mysqlQuery(url, 'select version() as version').catch(async (error) => {
      if (error.code !== 'ER_BAD_DB_ERROR') throw error;
      await mysqlQuery(inDatabase(url, ''), `create database \`${databaseOf(url)}\``);
      return mysqlQuery(url, 'select version() as version');
    });
    const { version } = await query;
    const [number] = version.split('-');
    return version.includes('MariaDB') ? `MariaDB ${number}` : `MySQL ${number}`;
  },
  programs: ['mariadbd', 'mariadb-install-db'],
  async prepare(folder) {
    await must('mariadb-install-db', [
      ...['--no-defaults', `--datadir=${folder}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    ]);
  },
  args: (folder, port) => [
    ...['--no-defaults', `--datadir=${folder}`, `--socket=${join(folder, 'socket')}`, `--port=${port}`],
    ...['--bind-address=127.0.0.1', '--character-set-server=utf8mb4', '--innodb-flush-log-at-trx-commit=0'],
  ],
  stop: 'SIGTERM',
  url: (port) => `mysql://root@127.0.0.1:${port}/test`,
  docker: { image: 'mariadb:11', port: 3306, env: ['MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1'] },
  debian: 'mariadb-server',
  homebrew: 'mariadb',
};

export const REDIS: Server = {
  name: 'Redis',
  variable: 'REDIS_URL',
  usual: 'redis://127.0.0.1:6379',
  async version(url) {
    const { Redis } = driver('ioredis');
    const client = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_MS,
      commandTimeout: CONNECT_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    let reason: Error | undefined;
    client.on('error', (error: Error) => (reason = error));
    try {
      await client.connect();
      const info = await client.info('server');
      return `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}`;
    } catch (error) {
      throw reason ?? error;
    } finally {
      client.disconnect();
    }
  },
  programs: ['redis-server', 'redis-cli'],
  async prepare() {},
  args: (folder, port) => ['--dir', folder, '--port', `${port}`, '--bind', '127.0.0.1', '--save', ''],
  stop: 'SIGTERM',
  url: (port) => `redis://127.0.0.1:${port}`,
  docker: { image: 'redis:8', port: 6379, env: [] },
  debian: 'redis-server',
  homebrew: 'redis',
};

interface Started {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

interface Running {
  readonly url: string;
  readonly version: string;
  readonly child: ChildProcess;
}

/** Starts a server of our own and waits until it answers. */
export async function startOwn(server: Server): Promise<Started> {
  const home = newFolder();
  try {
    const data = join(home.path, 'data');
    mkdirSync(data, { mode: 0o700 });
    giveToNobody(data);
    await server.prepare(data);
    const { url, child, version } = await startIn(server, data, join(home.path, 'log'), ATTEMPTS);
    const stop = async () => {
      await end(child, server.stop);
      home.remove();
    };
    return { url, version, stop };
  } catch (error) {
    home.remove();
    throw error;
  }
}

/** Tries other ports where it ends at once: somebody else may have taken the first one since it was found free. */
async function startIn(server: Server, data: string, log: string, attempts: number): Promise<Running> {
  const port = await freePort();
  const output = openSync(log, 'w');
  const program = find(server.programs[0] ?? '') ?? '';
  const child = start(program, server.args(data, port), { ...nobody(), cwd: data, stdio: ['ignore', output, output] });
  closeSync(output);
  const runs = async () => child.exitCode === null && child.signalCode === null;
  try {
    const url = server.url(port);
    return { url, child, version: await answer(server, url, runs) };
  } catch (error) {
    const ended = !(await runs());
    await end(child, 'SIGKILL');
    if (ended && attempts > 1 && interrupted() === undefined) return startIn(server, data, log, attempts - 1);
    throw new Error(`${messageOf(error)}\n${readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n')}`);
  }
}

/** Starts a server in Docker and waits until it answers. */
export async function startInDocker(server: Server): Promise<Started> {
  const { image, port, env } = server.docker;
  const variables = env.flatMap((variable) => ['-e', variable]);
  const { code, output } = await ask('docker', ['run', '-d', '--rm', '-p', `127.0.0.1:0:${port}`, ...variables, image]);
  if (code !== 0) throw new Error(output);
  const id = output.split('\n').at(-1) ?? '';
  const forget = atTheEnd(() => void spawnSync('docker', ['rm', '-f', id]));
  const stop = async () => {
    await ask('docker', ['rm', '-f', id]);
    forget();
  };
  try {
    const published = await ask('docker', ['port', id, `${port}/tcp`]);
    const url = server.url(published.output.split('\n')[0]?.split(':').at(-1) ?? '');
    const runs = async () => (await ask('docker', ['inspect', id])).code === 0;
    return { url, version: await answer(server, url, runs), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Whether Docker's engine answers. */
export async function dockerAnswers() {
  return (await ask('docker', ['version', '--format', '{{.Server.Version}}'])).code === 0;
}

/** Waits until a server that was just started answers, and says which one it is. */
async function answer(server: Server, url: string, runs: () => Promise<boolean>) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await server.version(url);
    } catch (error) {
      if (!(await runs())) throw new Error(`${server.name} ended while it was starting.`);
      if (interrupted() !== undefined) throw new Error('Interrupted.');
      if (Date.now() > deadline) throw new Error(`${server.name} was started and does not answer: ${messageOf(error)}`);
    }
    await wait(50);
  }
}

/** What an error says; some drivers put it into a list of reasons, one for each address they tried. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reasons = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : '';
  return error.message || reasons || error.name;
}

async function postgresQuery(url: string, text: string) {
  const { Client } = driver('pg');
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS });
  client.on('error', () => {}); // a later end is told by the query
  try {
    await client.connect();
    return (await client.query(text)).rows[0];
  } finally {
    await client.end().catch(() => {});
  }
}

async function mysqlQuery(uri: string, text: string) {
  const connection = await driver('mysql2/promise').createConnection({ uri, connectTimeout: CONNECT_MS });
  try {
    const [rows] = await connection.query(text);
    return rows[0];
  } finally {
    connection.destroy();
  }
}

function databaseOf(url: string) {
  return decodeURIComponent(new URL(url).pathname.slice(1)).replaceAll(/["`]/g, '');
}

function inDatabase(url: string, database: string) {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

/** Runs a program that has to succeed. */
async function must(name: string, args: readonly string[]) {
  const { code, output } = await ask(find(name) ?? name, args, nobody());
  if (code !== 0) throw new Error(`${name} failed:\n${output}`);
}

/** PostgreSQL refuses to run as root, so no server does: root starts them as `nobody`. */
function nobody() {
  if (process.getuid?.() !== 0) return {};
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return { uid: Number(uid), gid: Number(gid), cwd: '/', env: { ...process.env, TMPDIR: TEMPORARY } };
}

function giveToNobody(path: string) {
  const { uid, gid } = nobody();
  if (uid !== undefined) chownSync(path, uid, gid);
}

/** A folder that goes when the server stops, or when we end. */
function newFolder() {
  const path = mkdtempSync(join(TEMPORARY, 'latchkey-server-'));
  giveToNobody(path);
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 10 });
  const forget = atTheEnd(remove);
  return {
    path,
    remove() {
      remove();
      forget();
    },
  };
}
