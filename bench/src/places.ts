/**
 * The places where state is kept, and what each kind of contestant keeps there: Latchkey its store,
 * sessions included; the others the sessions of a session library; and whoever wires by hand a table of passkeys.
 */
import { memoryStore, type Store } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { migrate, preparedOnce, sqlStore } from '@latchkey/sql';
import Database from 'better-sqlite3';
import { Cluster, Redis } from 'ioredis';
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import pg from 'pg';
import type { StoreKind } from './contestants.ts';

/** Sessions as a session library's store sees them, with text for data. The same for every library and contestant. */
export interface Sessions {
  get(id: string): Promise<string | undefined>;
  set(id: string, data: string): Promise<void>;
  destroy(id: string): Promise<void>;
}

/** A row of the table that SimpleWebAuthn's documentation asks for. */
export interface HandWiredPasskey {
  readonly id: string;
  readonly userId: string;
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: readonly string[];
}

export interface HandWiredPasskeys {
  insert(passkey: HandWiredPasskey): Promise<void>;
  find(id: string): Promise<HandWiredPasskey | undefined>;
  updateCounter(id: string, counter: number, usedAt: number): Promise<void>;
}

export interface Place {
  /** Without an attempt store: every contestant has one record sink, a file. */
  readonly store: Omit<Store, 'attempts'>;
  readonly sessions: Sessions;
  readonly handWired: HandWiredPasskeys;
  /** The driver itself, for a library that makes its own tables; undefined where there is no database. */
  readonly database: Database.Database | pg.Pool | undefined;
  close(): Promise<void>;
}

/** Where each kind of place is: a file for SQLite, a URL for servers (for a Cluster several, with commas), a prefix for keys. */
export interface Whereabouts {
  readonly sqlite: string;
  readonly postgres: string;
  readonly redis: string;
  readonly prefix: string;
}

const SESSION_SECONDS = 86_400;

/** @param said hears every statement that SQLite runs. */
export function openPlace(kind: StoreKind, where: Whereabouts, said?: (sql: string) => void): Promise<Place> {
  switch (kind) {
    case 'memory':
      return openMemory();
    case 'sqlite':
      return openSqlite(where.sqlite, said);
    case 'postgres':
      return openPostgres(where.postgres);
    case 'redis':
      return openRedis(where.redis, where.prefix);
  }
}

async function openMemory(): Promise<Place> {
  const { attempts: _, ...store } = memoryStore();
  const rows = new Map<string, HandWiredPasskey>();
  const sessions = new Map<string, string>();
  return {
    store,
    sessions: {
      get: async (id) => sessions.get(id),
      // The oldest go first, or a benchmark measures the collector.
      async set(id, data) {
        sessions.set(id, data);
        if (sessions.size > 5_000) sessions.delete(sessions.keys().next().value!);
      },
      destroy: async (id) => void sessions.delete(id),
    },
    handWired: {
      insert: async (passkey) => void rows.set(passkey.id, passkey),
      find: async (id) => rows.get(id),
      async updateCounter(id, counter) {
        rows.set(id, { ...rows.get(id)!, counter });
      },
    },
    database: undefined,
    close: async () => {},
  };
}

async function openSqlite(file: string, said?: (sql: string) => void): Promise<Place> {
  const database = new Database(file, { verbose: said && ((sql) => said(String(sql))) });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = NORMAL');
  const db = new Kysely<object>({ dialect: new SqliteDialect({ database: preparedOnce(database) }) });
  await migrate(db);
  database.exec(
    'create table if not exists sessions (id text primary key, data text not null, expires integer not null)',
  );
  database.exec(
    'create table if not exists hand_wired (id text primary key, user_id text not null, public_key blob not null, counter integer not null, transports text not null, used_at integer)',
  );
  const get = database.prepare<[string, number]>('select data from sessions where id = ? and expires > ?').pluck();
  const set = database.prepare('insert or replace into sessions (id, data, expires) values (?, ?, ?)');
  const destroy = database.prepare('delete from sessions where id = ?');
  const insert = database.prepare('insert into hand_wired values (?, ?, ?, ?, ?, null)');
  const find = database.prepare<[string], Row>('select * from hand_wired where id = ?');
  const update = database.prepare('update hand_wired set counter = ?, used_at = ? where id = ?');
  const { attempts: _, ...store } = sqlStore(db);
  return {
    store,
    sessions: {
      get: async (id) => get.get(id, Date.now()) as string | undefined,
      set: async (id, data) => void set.run(id, data, Date.now() + SESSION_SECONDS * 1_000),
      destroy: async (id) => void destroy.run(id),
    },
    handWired: {
      insert: async ({ id, userId, publicKey, counter, transports }) =>
        void insert.run(id, userId, publicKey, counter, JSON.stringify(transports)),
      find: async (id) => fromRow(find.get(id)),
      updateCounter: async (id, counter, usedAt) => void update.run(counter, usedAt, id),
    },
    database,
    close: () => db.destroy(),
  };
}

async function openPostgres(url: string): Promise<Place> {
  const pool = new pg.Pool({ connectionString: url });
  const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: preparedOnce(pool) }) });
  await migrate(db);
  await pool.query(
    'create table if not exists sessions (id text primary key, data text not null, expires bigint not null)',
  );
  await pool.query(
    'create table if not exists hand_wired (id text primary key, user_id text not null, public_key bytea not null, counter bigint not null, transports text not null, used_at bigint)',
  );
  // Prepared once per connection, as Latchkey's are.
  const query = (name: string, text: string, values: unknown[]) =>
    pool.query<Row & { data: string }>({ name, text, values });
  const { attempts: _, ...store } = sqlStore(db);
  return {
    store,
    sessions: {
      async get(id) {
        const text = 'select data from sessions where id = $1 and expires > $2';
        return (await query('session-get', text, [id, Date.now()])).rows[0]?.data;
      },
      async set(id, data) {
        const text =
          'insert into sessions (id, data, expires) values ($1, $2, $3) on conflict (id) do update set data = excluded.data, expires = excluded.expires';
        await query('session-set', text, [id, data, Date.now() + SESSION_SECONDS * 1_000]);
      },
      destroy: async (id) => void (await query('session-destroy', 'delete from sessions where id = $1', [id])),
    },
    handWired: {
      async insert({ id, userId, publicKey, counter, transports }) {
        const text = 'insert into hand_wired values ($1, $2, $3, $4, $5, null)';
        await query('insert', text, [id, userId, publicKey, counter, JSON.stringify(transports)]);
      },
      find: async (id) => fromRow((await query('find', 'select * from hand_wired where id = $1', [id])).rows[0]),
      async updateCounter(id, counter, usedAt) {
        await query('update', 'update hand_wired set counter = $1, used_at = $2 where id = $3', [counter, usedAt, id]);
      },
    },
    database: pool,
    close: () => db.destroy(),
  };
}

interface Row {
  readonly id: string;
  readonly user_id: string;
  readonly public_key: Uint8Array;
  readonly counter: number | string;
  readonly transports: string;
}

function fromRow(row: Row | undefined): HandWiredPasskey | undefined {
  if (row === undefined) return undefined;
  const { id, user_id: userId, public_key: publicKey, counter, transports } = row;
  return { id, userId, publicKey, counter: Number(counter), transports: JSON.parse(transports) };
}

async function openRedis(url: string, prefix: string): Promise<Place> {
  const nodes = url.split(',');
  const redis = nodes.length > 1 ? new Cluster(nodes) : new Redis(url);
  const passkeyKey = (id: string) => `${prefix}hand-wired:${id}`;
  const sessionKey = (id: string) => `${prefix}session:${id}`;
  const { attempts: _, ...store } = redisStore(redis, { prefix });
  return {
    store,
    sessions: {
      get: async (id) => (await redis.get(sessionKey(id))) ?? undefined,
      set: async (id, data) => void (await redis.set(sessionKey(id), data, 'EX', SESSION_SECONDS)),
      destroy: async (id) => void (await redis.del(sessionKey(id))),
    },
    handWired: {
      async insert({ id, userId, publicKey, counter, transports }) {
        const text = Buffer.from(publicKey).toString('base64url');
        await redis.hset(passkeyKey(id), { userId, publicKey: text, counter, transports: JSON.stringify(transports) });
      },
      async find(id) {
        const { userId, publicKey = '', counter, transports = '[]' } = await redis.hgetall(passkeyKey(id));
        if (userId === undefined) return undefined;
        const bytes = Buffer.from(publicKey, 'base64url');
        return { id, userId, publicKey: bytes, counter: Number(counter), transports: JSON.parse(transports) };
      },
      updateCounter: async (id, counter, usedAt) => void (await redis.hset(passkeyKey(id), { counter, usedAt })),
    },
    database: undefined,
    close: async () => void (await redis.quit()),
  };
}
