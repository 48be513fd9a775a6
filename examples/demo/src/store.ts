/**
 * From `STORE` to a place that keeps everything: Latchkey's store, this demo's accounts, and how to close both. A driver
 * is loaded only when its place is asked for.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { memoryStore, type Store } from '@latchkey/core';
import { migrate, nodeSqlite, preparedOnce, sqlStore } from '@latchkey/sql';
import { type Dialect, Kysely, MysqlDialect, PostgresDialect } from 'kysely';
import { type Accounts, type AccountTables, memoryAccounts, redisAccounts, sqlAccounts } from './accounts.ts';
import type { Place } from './settings.ts';

export interface Kept {
  /** With an attempt store: the Attempts page reads it. */
  readonly store: Required<Store>;
  readonly accounts: Accounts;
  close(): Promise<void>;
}

type SqlPlace = Exclude<Place, { kind: 'memory' | 'redis' }>;

/** Why a place cannot be used, in a sentence for the person who starts the demo. */
export class PlaceError extends Error {}

/** Opens the place and brings its tables up to date. Throws a {@link PlaceError} when it cannot be reached. */
export async function openStore(place: Place): Promise<Kept> {
  switch (place.kind) {
    case 'memory':
      return { store: memoryStore(), accounts: memoryAccounts(), close: async () => {} };
    case 'redis':
      return openRedis(place.url);
    default:
      return openSql(place);
  }
}

async function openSql(place: SqlPlace): Promise<Kept> {
  const db = new Kysely<AccountTables>({ dialect: await dialectOf(place) });
  try {
    await migrate(db);
    const accounts = await sqlAccounts(db);
    return { store: sqlStore(db), accounts, close: () => db.destroy() };
  } catch (cause) {
    await db.destroy();
    throw unusable(place, cause);
  }
}

async function dialectOf(place: SqlPlace): Promise<Dialect> {
  switch (place.kind) {
    case 'sqlite': {
      const { DatabaseSync } = await import('node:sqlite');
      try {
        mkdirSync(dirname(place.file), { recursive: true });
        const database = new DatabaseSync(place.file, { timeout: 500 });
        // Readers do not wait for the writer, and a write is one append.
        database.exec('pragma journal_mode = wal; pragma synchronous = normal');
        return nodeSqlite(database);
      } catch (cause) {
        throw unusable(place, cause);
      }
    }
    case 'postgres': {
      const { Pool } = await import('pg');
      const pool = new Pool({ connectionString: place.url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
      // A connection that breaks, idle or in use, must not end the process; the next query opens another.
      const report = (error: Error) => console.error(`PostgreSQL: ${error.message}`);
      pool.on('error', report).on('connect', (client) => client.on('error', report));
      return new PostgresDialect({ pool: preparedOnce(pool) });
    }
    case 'mysql': {
      const { createPool } = await import('mysql2');
      return new MysqlDialect({ pool: createPool({ uri: place.url, connectTimeout: 2_000 }) });
    }
  }
}

async function openRedis(url: string): Promise<Kept> {
  const { Cluster, Redis } = await import('ioredis');
  const { redisStore } = await import('@latchkey/redis');
  // A server that is down or silent is store_unavailable soon, and used again when it is back.
  const settings = { maxRetriesPerRequest: 0, commandTimeout: 1_000, connectTimeout: 1_000 };
  const node = new Redis(url, { ...settings, lazyConnect: true });
  let reached = false;
  let why: Error | undefined;
  const heard = (error: Error) => {
    why = error;
    if (reached) console.error(`Redis: ${error.message}`);
  };
  node.on('error', heard);
  try {
    await node.connect();
    const isCluster = (await node.info('cluster')).includes('cluster_enabled:1');
    const { host = 'localhost', port = 6379, username, password, tls } = node.options;
    const redisOptions = {
      ...settings,
      ...(username && { username }),
      ...(password && { password }),
      ...(tls && { tls }),
    };
    const redis = isCluster ? new Cluster([{ host, port }], { redisOptions }) : node;
    if (isCluster) {
      redis.on('error', heard);
      node.disconnect();
      await redis.ping();
    }
    reached = true;
    return { store: redisStore(redis), accounts: redisAccounts(redis), close: async () => void (await redis.quit()) };
  } catch (cause) {
    node.disconnect();
    // What connect() rejects with only says that the connection is closed.
    throw unusable({ kind: 'redis', url }, why ?? cause);
  }
}

function unusable(place: Place, cause: unknown): PlaceError {
  const { message, code, errors } = cause as { message?: string; code?: string; errors?: Error[] };
  const why = message || errors?.[0]?.message || code || String(cause);
  const what =
    place.kind === 'sqlite'
      ? `STORE names ${place.file}, which cannot be used (${why}). Name a file that this process may write`
      : `STORE names a ${place.kind} that cannot be used (${why}). Start it, or correct the URL`;
  return new PlaceError(`${what}, or try STORE=memory:.`, { cause });
}
