// Refusals that anybody can cause displace no other record from a store that keeps only so many.
import { randomUUID } from 'node:crypto';
import { type AttemptRecord, type AttemptStore, memoryStore } from '@latchkey/core';
import { redisAttempts } from '@latchkey/redis';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';

let made = 0;

/** As much of a record as a store looks at. */
function record(userId: string | null, repeatCount?: number): AttemptRecord {
  made += 1;
  const id = `01a2${made.toString(16).padStart(4, '0')}-0000-7000-8000-000000000000`;
  return {
    event: {
      id,
      name: 'latchkey.signin.attempt',
      time: new Date(made).toISOString(),
      ...(repeatCount && { repeatCount }),
    },
    outcome: userId === null ? 'failure' : 'success',
    immediate: { enforcement: 'enforced' },
    user: { id: userId },
  } as AttemptRecord;
}

const stores: Record<string, { most: number; open(): AttemptStore }> = {
  memory: { most: 10_000, open: () => memoryStore().attempts },
  Redis: {
    most: 50,
    open() {
      const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
      const prefix = `bound-${randomUUID()}:`;
      onTestFinished(async () => {
        await redis.del(...['ids', 'records', 'refusals'].map((name) => `${prefix}{attempts}:${name}`));
        redis.disconnect();
      });
      return redisAttempts(redis, { prefix, keepAttempts: 50 });
    },
  },
};

test.each(Object.entries(stores))(
  '%s keeps real records, however many refusals come after',
  async (_name, { most, open }) => {
    const store = open();
    for (let n = 0; n < 5; n++) await store.append(record('ada'));
    for (let n = 0; n < most + 20; n++) await store.append(record(null, 1));
    expect(await store.list({ userId: 'ada', limit: 100 })).toHaveLength(5);
    for (let n = 0; n < most; n++) await store.append(record('eve'));
    expect(await store.list({ outcome: 'failure', limit: 1_000 })).toEqual([]);
    expect(await store.list({ userId: 'ada', limit: 100 })).toEqual([]);
    await store.append(record(null, 1));
    expect(await store.list({ userId: 'eve', limit: 1_000 })).toHaveLength(Math.min(most, 1_000));
  },
);
