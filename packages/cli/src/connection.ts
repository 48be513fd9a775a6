/**
 * Opens the store at a URL. The drivers are the user's own, loaded when one is needed; whatever keeps a database from
 * answering ends in one sentence that names it, without its password.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError, type Store } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { type Dialect, nodeSqlite, sqlStore } from '@latchkey/sql';
import type { Cluster, Redis } from 'ioredis';
import { CompiledQuery, Kysely, type Dialect as KyselyDialect, MysqlDialect, PostgresDialect, sql } from 'kysely';
import type { createPool } from 'mysql2';
import type { Pool } from 'pg';
import { Fault, messageOf } from './terminal/fault.ts';
import { shownUrl } from './terminal/secrets.ts';

/** Tables of anyone's. */
// biome-ignore lint/suspicious/noExplicitAny: whose tables they are is not known before they are asked.
type Database = Kysely<any>;

export interface SqlConnection {
  readonly kind: 'sql';
  /** The URL as it may be shown. */
  readonly shown: string;
  readonly dialect: Dialect;
  readonly db: Database;
  /** Runs SQL text as it is. */
  run<Row>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export interface RedisConnection {
  readonly kind: 'redis';
  readonly shown: string;
  readonly redis: Redis | Cluster;
  close(): Promise<void>;
}

/** A connection, and where in it Latchkey's state is. */
export type StoreConnection = (SqlConnection | RedisConnection) & {
  readonly store: Required<Store>;
  readonly place: Place;
};

/** What the names of tables or keys begin with, and the schema of the tables. */
export interface Place {
  readonly prefix?: string;
  readonly schema?: string;
}

export const STORE_URLS = 'postgres://…, mysql://…, sqlite:FILE, redis://…';

const CONNECT_MS = 5_000;
const ANSWER_MS = 30_000;

/** Opens the store at a URL and makes sure that it answers. Throws a {@link Fault}. */
export async function openStore(
  url: string | undefined,
  place: Place,
  how: { create?: boolean } = {},
): Promise<StoreConnection> {
  if (url === undefined) {
    throw new Fault('usage', `Say where the store is: --store or LATCHKEY_STORE, one of ${STORE_URLS}.`);
  }
  if (/^rediss?:/.test(url)) {
    const connection = await openRedis(url);
    const store = redisStore(connection.redis, place.prefix === undefined ? {} : { prefix: place.prefix });
    return { ...connection, store, place };
  }
  const connection = await openSql(url, how);
  const options = tablesAt(connection.dialect, place);
  return { ...connection, store: wrongly(() => sqlStore(connection.db, options)), place };
}

/** The options of `sqlStore` and `migrate` for a place. */
export function tablesAt(dialect: Dialect, { prefix, schema }: Place) {
  return {
    dialect,
    ...(prefix !== undefined && { tablePrefix: prefix }),
    ...(schema !== undefined && { schema }),
  };
}

/** A wrong option of the store is a wrong command line. */
function wrongly<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ConfigurationError ? new Fault('usage', error.message, error) : error;
  }
}

/** Opens an SQL database and makes sure that it answers. `create` lets SQLite make its file. */
export async function openSql(url: string, how: { create?: boolean; readonly?: boolean } = {}): Promise<SqlConnection> {
  const shown = shownUrl(url);
  const { dialect, kysely } = await sqlDialect(url, shown, how);
  const db = new Kysely<Record<string, never>>({ dialect: kysely }) as unknown as Database;
  const connection: SqlConnection = {
    kind: 'sql',
    shown,
    dialect,
    db,
    run: async <Row>(text: string, parameters: readonly unknown[] = []) =>
      (await db.executeQuery<Row>(CompiledQuery.raw(text, [...parameters]) as CompiledQuery<Row>)).rows,
    close: () => db.destroy(),
  };
  await sql`select 1`.execute(db).catch(async (error) => {
    await db.destroy().catch(() => {});
    throw unreachable(shown, error);
  });
  return connection;
}

async function sqlDialect(
  url: string,
  shown: string,
  { create = false, readonly = false }: { create?: boolean; readonly?: boolean },
): Promise<{ dialect: Dialect; kysely: KyselyDialect }> {
  if (url.startsWith('sqlite:')) {
    const file = url.slice('sqlite:'.length).replace(/^\/\//, '');
    if (!create && file !== ':memory:' && !existsSync(file))
      throw new Fault('unreachable', `There is no file ${file}.`);
    try {
      const { DatabaseSync } = loadSqlite();
      const database = new DatabaseSync(file, { timeout: CONNECT_MS, readOnly: readonly });
      return { dialect: 'sqlite', kysely: nodeSqlite(database) };
    } catch (error) {
      throw error instanceof Fault ? error : unreachable(shown, error);
    }
  }
  if (!URL.canParse(url)) throw new Fault('usage', `That is no URL of a store. Write one of ${STORE_URLS}.`);
  const { protocol } = new URL(url);
  if (protocol === 'postgres:' || protocol === 'postgresql:') {
    const { default: pg } = await driver<{ default: { Pool: typeof Pool } }>('pg', protocol);
    const pool = new pg.Pool({
      connectionString: url,
      max: 2,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
      application_name: 'latchkey',
    });
    // A connection that breaks says so by a rejected query; unheard, the event would end this process.
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
    return { dialect: 'postgres', kysely: new PostgresDialect({ pool }) };
  }
  if (protocol === 'mysql:' || protocol === 'mariadb:') {
    const { default: mysql } = await driver<{ default: { createPool: typeof createPool } }>('mysql2', protocol);
    const pool = mysql.createPool({
      uri: url.replace(/^mariadb:/, 'mysql:'),
      connectionLimit: 2,
      connectTimeout: CONNECT_MS,
      supportBigNumbers: true,
    });
    return { dialect: 'mysql', kysely: new MysqlDialect({ pool }) };
  }
  throw new Fault('usage', `No store has a URL that begins with ${protocol} Write one of ${STORE_URLS}.`);
}

/** Loads SQLite without the warning of Node.js 22 that its API may change: what is used here has not. */
function loadSqlite() {
  if (OLD_NODE.test(process.version)) throw new Fault('usage', 'A store at sqlite: needs Node.js 22.16 or newer.');
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Its SQLite has neither a timeout nor the columns of a statement. */
const OLD_NODE = /^v22\.15\./;

async function openRedis(url: string): Promise<RedisConnection> {
  const shown = shownUrl(url);
  if (!URL.canParse(url)) throw new Fault('usage', `That is no URL of a store. Write one of ${STORE_URLS}.`);
  const { default: ioredis } = await driver<{ default: { Redis: typeof Redis; Cluster: typeof Cluster } }>(
    'ioredis',
    'redis:',
  );
  const settings = {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_MS,
    commandTimeout: ANSWER_MS,
  } as const;
  const single = new ioredis.Redis(url, { ...settings, retryStrategy: () => null });
  let reported: unknown;
  single.on('error', (error) => {
    reported = error;
  });
  try {
    await single.connect();
    const clustered = /cluster_enabled:1/.test(await single.info('cluster'));
    if (!clustered) return { kind: 'redis', shown, redis: single, close: async () => single.disconnect() };
    const { host, port, password, username, tls } = single.options;
    single.disconnect();
    const redis = new ioredis.Cluster([{ host: host!, port: port! }], {
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      redisOptions: {
        ...settings,
        ...(password && { password }),
        ...(username && { username }),
        ...(tls && { tls }),
      },
    });
    redis.on('error', () => {});
    await redis.connect();
    return { kind: 'redis', shown, redis, close: async () => redis.disconnect() };
  } catch (error) {
    single.disconnect();
    throw unreachable(shown, reported ?? error);
  }
}

export function unreachable(shown: string, error: unknown): Fault {
  return new Fault('unreachable', `${shown} does not answer: ${messageOf(error)}`, error);
}

/** A driver that is installed beside this program, or where the user stands. */
async function driver<Module>(name: string, scheme: string): Promise<Module> {
  for (const place of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href]) {
    let found: string;
    try {
      found = createRequire(place).resolve(name);
    } catch {
      continue;
    }
    return (await import(pathToFileURL(found).href)) as Module;
  }
  throw new Fault(
    'usage',
    `A store at ${scheme} needs the driver ${name}, which is not installed: npm install ${name}`,
  );
}
