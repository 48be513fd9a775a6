/**
 * Why this file exists: a store by its URL, opened with the settings that docs/storage.md recommends; in a test, or in a
 * server process that a test has started.
 */
import { DatabaseSync } from 'node:sqlite';
import type { Store } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { migrate, nodeSqlite, preparedOnce, sqlStore } from '@latchkey/sql';
import { Cluster, Redis } from 'ioredis';
import { Kysely, type Dialect as KyselyDialect, MysqlDialect, PostgresDialect } from 'kysely';
import { createPool } from 'mysql2';
import { Pool } from 'pg';
import { atThisSpeed } from '../../support/slowness.ts';

export interface Place {
  readonly store: Required<Store>;
  /** Makes the tables, where there are any. */
  migrate(): Promise<unknown>;
  /** Lets go of the server. */
  close(): Promise<unknown>;
}

/** `prefix` begins the names of tables or keys: lower-case letters, digits and `_`. */
export function openPlace(url: string, prefix: string): Place {
  return url.startsWith('redis') ? openRedis(connectRedis(url), prefix) : openSql(kyselyDialect(url), prefix);
}

export function openSql(dialect: KyselyDialect, tablePrefix: string): Place {
  const db = new Kysely<Record<never, never>>({ dialect });
  return {
    store: sqlStore(db, { tablePrefix }),
    migrate: () => migrate(db, { tablePrefix }),
    close: () => db.destroy(),
  };
}

function openRedis(redis: Redis | Cluster, prefix: string): Place {
  return {
    store: redisStore(redis, { prefix }),
    migrate: async () => {},
    close: async () => redis.disconnect(),
  };
}

const TIMEOUT_MS = atThisSpeed(1_000);
const REDIS_OPTIONS = { maxRetriesPerRequest: 0, commandTimeout: TIMEOUT_MS, connectTimeout: TIMEOUT_MS };

/** `redis://host:port` or `redis-cluster://host:port,host:port`. */
export function connectRedis(url: string): Redis | Cluster {
  const redis = url.startsWith('redis-cluster:')
    ? new Cluster(
        url
          .slice('redis-cluster://'.length)
          .split(',')
          .map((node) => ({ host: node.split(':')[0]!, port: Number(node.split(':')[1]) })),
        { redisOptions: REDIS_OPTIONS },
      )
    : new Redis(url, REDIS_OPTIONS);
  redis.on('error', () => {});
  return redis;
}

export function postgresPool(url: string, max = 10): Pool {
  const pool = new Pool({ connectionString: url, max, connectionTimeoutMillis: TIMEOUT_MS, query_timeout: TIMEOUT_MS });
  // Without these, a connection that breaks ends the process: the first is for those that are idle, the second for those in use.
  pool.on('error', () => {});
  pool.on('connect', (connection) => connection.on('error', () => {}));
  return pool;
}

function kyselyDialect(url: string): KyselyDialect {
  if (url.startsWith('sqlite:')) {
    const file = new DatabaseSync(url.slice('sqlite:'.length), { timeout: 500 });
    file.exec('pragma journal_mode = wal; pragma synchronous = normal');
    return nodeSqlite(file);
  }
  if (url.startsWith('mysql:')) return new MysqlDialect({ pool: createPool({ uri: url, connectTimeout: TIMEOUT_MS }) });
  return new PostgresDialect({ pool: preparedOnce(postgresPool(url)) });
}
