/**
 * Why this file exists: every kind of store that HTTP tests run over, each opened for one test file on a server that runs
 * already, or on a Cluster that it starts. One that does not answer fails its tests with a sentence that says what to do.
 */
import type { Store } from '@latchkey/core';
import { redisChallenges } from '@latchkey/redis';
import { migrate, sqlStore } from '@latchkey/sql';
import type { Redis } from 'ioredis';
import { type Database, databases } from '../../stores/support/databases.ts';
import { startRedisCluster } from '../../stores/support/redis-cluster.ts';
import { connectRedis, openPlace } from './store-urls.ts';

export interface OpenKind {
  readonly store: Store;
  /** How another process opens the same store: the arguments of `openPlace`. */
  readonly place: readonly [url: string, prefix: string];
  /** Takes away what was kept, and lets go of the server. */
  close(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  open(): Promise<OpenKind>;
}

const REDIS_URL = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';

/** Every SQL database that two processes can share. */
const shared = databases.filter(({ url }) => !url.includes(':memory:'));

async function openDatabase(database: Database): Promise<OpenKind> {
  const { db, tablePrefix, run, close } = await database.open();
  if (database.dialect === 'sqlite') await run('pragma journal_mode = wal');
  await migrate(db, { tablePrefix });
  return { store: sqlStore(db, { tablePrefix }), place: [database.url, tablePrefix], close };
}

async function openRedis(): Promise<OpenKind> {
  const prefix = `t${crypto.randomUUID().slice(0, 8)}_`;
  const redis = connectRedis(REDIS_URL) as Redis;
  await redis.ping().catch((cause) => {
    redis.disconnect();
    throw new Error(
      `Redis does not answer at ${REDIS_URL}: install it (\`apt-get install redis-server\`) and start it, or set REDIS_URL.`,
      { cause },
    );
  });
  redis.disconnect();
  const { store, close } = openPlace(REDIS_URL, prefix);
  return {
    store,
    place: [REDIS_URL, prefix],
    async close() {
      await close();
      await removeKeys(prefix);
    },
  };
}

/** Only a test may walk the keys. */
async function removeKeys(prefix: string): Promise<void> {
  const redis = connectRedis(REDIS_URL) as Redis;
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
  redis.disconnect();
}

async function openCluster(): Promise<OpenKind> {
  const cluster = await startRedisCluster();
  const url = `redis-cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  const { store, close } = openPlace(url, 'latchkey:');
  return {
    store,
    place: [url, 'latchkey:'],
    async close() {
      await close();
      await cluster.remove();
    },
  };
}

/** Each keeps everything in one place. */
export const kinds: readonly Kind[] = [
  ...shared.map((database) => ({ name: database.name, open: () => openDatabase(database) })),
  { name: 'Redis', open: openRedis },
  { name: 'Redis Cluster of three nodes', open: openCluster },
];

/** The store, for another rule: what one rule left unanswered would be swept in another, which counts what it sweeps. */
export async function swept(store: Store): Promise<Store> {
  while ((await store.challenges.takeExpired({ now: Date.UTC(9999, 0), limit: 1_000 })).length > 0);
  return store;
}

/** Challenges in Redis and passkeys in PostgreSQL, by one line. */
export const mixed: Kind = {
  name: 'challenges in Redis, passkeys in PostgreSQL',
  async open() {
    const sql = await openDatabase(shared.find(({ dialect }) => dialect === 'postgres')!);
    const redis = connectRedis(REDIS_URL);
    const [, prefix] = sql.place;
    return {
      ...sql,
      store: { ...sql.store, challenges: redisChallenges(redis, { prefix }) },
      async close() {
        redis.disconnect();
        await removeKeys(prefix);
        await sql.close();
      },
    };
  },
};
