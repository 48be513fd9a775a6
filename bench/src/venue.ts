/**
 * What a run needs and leaves nothing of: a temporary folder, a database of its own for each contestant,
 * and a prefix of its own for keys in Redis.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Contestant } from './contestants.ts';
import { makePeople } from './people.ts';
import type { Task } from './server.ts';

export type Venue = ReturnType<typeof openVenue>;

export function openVenue({ postgres, redis }: { postgres: string; redis: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  /** Profiles are what is asked for: they stay. */
  const profiles = join(tmpdir(), 'latchkey-profiles');
  mkdirSync(profiles, { recursive: true });
  const peopleFile = join(folder, 'people.json');
  writeFileSync(peopleFile, JSON.stringify(makePeople()));
  const prefix = `latchkey-bench-${process.pid}:`;
  const databases: string[] = [];
  let tasks = 0;

  return {
    folder,
    postgres,
    redis,
    profiles,
    peopleFile,
    async taskFor({ store }: Pick<Contestant, 'store'>): Promise<Omit<Task, 'contestant'>> {
      const number = tasks++;
      const database = `latchkey_bench_${process.pid}_${number}`;
      if (store === 'postgres') {
        await run(postgres, `create database ${database}`);
        databases.push(database);
      }
      const where = {
        sqlite: join(folder, `${number}.db`),
        postgres: Object.assign(new URL(postgres), { pathname: `/${database}` }).href,
        redis,
        prefix: `${prefix}${number}:`,
      };
      return { people: peopleFile, where, records: join(folder, `${number}.jsonl`) };
    },
    async close() {
      for (const database of databases) await run(postgres, `drop database if exists ${database} with (force)`);
      if (tasks > 0) await forget(redis, prefix);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function forget(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {});
  try {
    await redis.connect();
  } catch {
    // Nothing that ran kept anything there.
    return;
  }
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
  await redis.quit();
}
