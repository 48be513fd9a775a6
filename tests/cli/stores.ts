/** One store of each kind for a test: as the command names it, and opened as an application does. */
import { join } from 'node:path';
import type { Store } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { migrate, sqlStore } from '@latchkey/sql';
import { Redis } from 'ioredis';
import { CompiledQuery, Kysely } from 'kysely';
import { onTestFinished } from 'vitest';
import { kyselyDialect } from '../stores/support/databases.ts';
import { folder } from './latchkey.ts';

export interface Place {
  /** What to say on the command line: where, and under which names. */
  readonly at: readonly string[];
  readonly store: Required<Store>;
  /** Makes the tables, where there are some: as `latchkey migrate` does, without a process of its own. */
  migrate(): Promise<unknown>;
  /** Runs SQL text as it is; nothing where there is no SQL. */
  run(text: string, parameters?: readonly unknown[]): Promise<unknown[]>;
  readonly prefix: string;
}

const { POSTGRES_URL, MARIADB_URL, REDIS_URL } = process.env;

export const URLS = {
  SQLite: () => `sqlite:${join(folder(), 'test.db')}`,
  PostgreSQL: () => POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
  MariaDB: () => MARIADB_URL ?? 'mysql://root@127.0.0.1:3306/test',
  Redis: () => REDIS_URL ?? 'redis://127.0.0.1:6379',
} as const;
export type Kind = keyof typeof URLS;

export const KINDS = Object.keys(URLS) as Kind[];
export const SQL_KINDS = KINDS.filter((kind) => kind !== 'Redis');

/** A place of this kind with nothing in it; what comes into it goes with the test. SQL places want migrating. */
export function place(kind: Kind, url: string = URLS[kind]()): Place {
  const name = `c${crypto.randomUUID().slice(0, 8)}`;
  if (kind === 'Redis') {
    const redis = new Redis(url);
    const prefix = `${name}:`;
    onTestFinished(async () => {
      const keys = await redis.keys(`${prefix}*`);
      if (keys.length > 0) await redis.del(...keys);
      redis.disconnect();
    });
    return {
      at: ['--store', url, '--prefix', prefix],
      store: redisStore(redis, { prefix }),
      migrate: async () => {},
      run: async () => [],
      prefix,
    };
  }
  const prefix = `${name}_`;
  const db = new Kysely<Record<never, never>>({ dialect: kyselyDialect(url) });
  const run = async (text: string, parameters: readonly unknown[] = []) =>
    (await db.executeQuery(CompiledQuery.raw(text, [...parameters]))).rows;
  onTestFinished(async () => {
    for (const table of [
      'ceremonies',
      'handles',
      'passkeys',
      'sessions',
      'attempts',
      'invitations',
      'declines',
      'migrations',
    ])
      await run(`drop table if exists ${prefix}${table}`);
    await db.destroy();
  });
  return {
    at: ['--store', url, '--prefix', prefix],
    store: sqlStore(db, { tablePrefix: prefix }),
    migrate: () => migrate(db, { tablePrefix: prefix }),
    run,
    prefix,
  };
}
