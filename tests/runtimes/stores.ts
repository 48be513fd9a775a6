// Runs the store contracts on the runtime that runs this program: over the SQLite that each runtime has of Node.js, over servers, and
// over what only Bun has. Prints a line of JSON for each store. Uses the built packages, as applications do.
import { DatabaseSync } from 'node:sqlite';
import type { Store } from '@latchkey/core';
import { fromBun, fromNodeRedis, type RedisClient, redisStore } from '@latchkey/redis';
import { migrate, migrationSql, type NodeSqliteDatabase, nodeSqlite, sqlStore } from '@latchkey/sql';
import {
  attemptStoreContract,
  challengeStoreContract,
  passkeyStoreContract,
  sessionStoreContract,
  signInStoreContract,
} from '@latchkey/testing';
import { Redis } from 'ioredis';
import { type Dialect, Kysely, PostgresDialect, sql } from 'kysely';
import { Pool } from 'pg';
import { createClient } from 'redis';

/** How the contracts went on one store. */
export interface StoreFinding {
  readonly store: string;
  readonly rules: number;
  readonly failed: readonly { readonly rule: string; readonly why: string }[];
}

interface Opened {
  readonly store: Required<Store>;
  close(): Promise<unknown>;
}

const { POSTGRES_URL, REDIS_URL } = process.env;
const REDIS = REDIS_URL ?? 'redis://127.0.0.1:6379';
const OWN = `t${crypto.randomUUID().slice(0, 8)}_`;

async function inSql(dialect: Dialect): Promise<Opened> {
  const db = new Kysely<object>({ dialect });
  await migrate(db, { tablePrefix: OWN });
  return {
    store: sqlStore(db, { tablePrefix: OWN }),
    async close() {
      const made = migrationSql('sqlite', { tablePrefix: OWN }).matchAll(/create table if not exists "(\w+)"/g);
      for (const [, table] of made) await sql`drop table ${sql.table(table!)}`.execute(db);
      await db.destroy();
    },
  };
}

async function inRedis(client: RedisClient, close: () => unknown): Promise<Opened> {
  return {
    store: redisStore(client, { prefix: OWN }),
    async close() {
      const remove = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('UNLINK', key) end";
      await client.eval(remove, 0, `${OWN}*`);
      await close();
    },
  };
}

/** As much of Bun's own modules as is used here. */
interface BunSqlite {
  readonly Database: new (
    file: string,
  ) => {
    prepare(sql: string): {
      readonly columnNames: readonly string[];
      all(...parameters: unknown[]): unknown[];
      run(...parameters: unknown[]): { changes: number; lastInsertRowid: number };
      iterate(...parameters: unknown[]): Iterator<unknown>;
    };
    close(): void;
  };
}
interface Bun {
  readonly RedisClient: new (url: string) => Parameters<typeof fromBun>[0] & { close(): void };
}

/** `bun:sqlite` differs from `node:sqlite` in how a statement names its columns. */
function ofBun({ Database }: BunSqlite): NodeSqliteDatabase {
  const database = new Database(':memory:');
  return {
    close: () => database.close(),
    prepare(text) {
      const statement = database.prepare(text);
      return {
        columns: () => statement.columnNames,
        all: (...parameters) => statement.all(...parameters),
        run: (...parameters) => statement.run(...parameters),
        iterate: (...parameters) => statement.iterate(...parameters),
      };
    },
  };
}

// Only Bun has these; a name that is put together is not looked for by compilers.
const onBun = async <Module>(name: string) => (await import(['bun', name].filter(Boolean).join(':'))) as Module;

const STORES: Record<string, () => Promise<Opened>> = {
  'SQLite, node:sqlite': () => inSql(nodeSqlite(new DatabaseSync(':memory:'))),
  'PostgreSQL, pg': () =>
    inSql(
      new PostgresDialect({
        pool: new Pool({ connectionString: POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test' }),
      }),
    ),
  async 'Redis, ioredis'() {
    const client = new Redis(REDIS);
    return inRedis(client, () => client.disconnect());
  },
  async 'Redis, node-redis'() {
    const client = createClient({ url: REDIS });
    await client.connect();
    return inRedis(fromNodeRedis(client), () => client.destroy());
  },
  ...('Bun' in globalThis && {
    'SQLite, bun:sqlite': async () => inSql(nodeSqlite(ofBun(await onBun<BunSqlite>('sqlite')))),
    async "Redis, Bun's own client"() {
      const { RedisClient } = await onBun<Bun>('');
      const client = new RedisClient(REDIS);
      return inRedis(fromBun(client), () => client.close());
    },
  }),
};

for (const [store, open] of Object.entries(STORES)) {
  const { store: opened, close } = await open();
  const { challenges, passkeys, sessions, attempts } = opened;
  const checks = [
    ...challengeStoreContract.map(({ name, check }) => [name, () => check(challenges)] as const),
    ...passkeyStoreContract.map(({ name, check }) => [name, () => check(passkeys)] as const),
    ...sessionStoreContract.map(({ name, check }) => [name, () => check(sessions)] as const),
    ...signInStoreContract.map(({ name, check }) => [name, () => check({ ...passkeys, sessions })] as const),
    ...attemptStoreContract.map(({ name, check }) => [name, () => check(attempts)] as const),
  ];
  const failed: { rule: string; why: string }[] = [];
  for (const [rule, check] of checks) {
    try {
      await check();
    } catch (thrown) {
      failed.push({ rule, why: String(thrown) });
    }
  }
  await close();
  const finding: StoreFinding = { store, rules: checks.length, failed };
  await new Promise((written) => process.stdout.write(`${JSON.stringify(finding)}\n`, written));
}
// A client may leave connections open.
process.exit();
