/** What a store knows already stays as it is when something comes under the same name, and so does what that would replace. */
import { randomUUID } from 'node:crypto';
import { memoryStore, type PendingCeremony, type SignInSession, type Store } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { migrate, sqlStore } from '@latchkey/sql';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databases } from './support/databases.ts';

const NOW = Date.UTC(2026, 10, 22);

interface Opened {
  readonly store: Required<Store>;
  close(): Promise<void> | void;
}

const stores: readonly [string, () => Promise<Opened> | Opened][] = [
  ['memory', () => ({ store: memoryStore(), close() {} })],
  ...databases.map(({ name, open }): [string, () => Promise<Opened>] => [
    name,
    async () => {
      const { db, tablePrefix, close } = await open();
      await migrate(db, { tablePrefix });
      return { store: sqlStore(db, { tablePrefix }), close };
    },
  ]),
  ['Redis', openRedis],
];

describe.each(stores)('%s', (_, open) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened?.close());

  test.each(['open', 'taken', 'swept'])('a ceremony that is %s is not put again', async (state) => {
    const { challenges } = opened.store;
    const ceremony: PendingCeremony = {
      attemptId: randomUUID(),
      purpose: 'sign_in',
      binding: randomUUID(),
      userId: null,
      begun: true,
      expiresAt: NOW + 60_000,
      state: '{}',
    };
    await challenges.put(ceremony);
    const take = async () => challenges.take({ ...ceremony, now: NOW });
    if (state === 'taken') await take();
    if (state === 'swept') await challenges.takeExpired({ now: NOW + 60_000, limit: 10 });
    await expect((async () => challenges.put({ ...ceremony, state: '{"other":1}' }))()).rejects.toThrow();
    expect(await take()).toEqual(
      { open: { status: 'fresh', ceremony }, taken: { status: 'consumed' }, swept: { status: 'expired' } }[state],
    );
  });

  test('a session that another would replace stays, where that other cannot begin', async () => {
    const { sessions } = opened.store;
    const [own, strangers] = [session(), session()];
    const begin = async (begun: SignInSession, replaces: string | null) =>
      sessions.begin({ session: begun, replaces, renews: false });
    for (const each of [own, strangers]) expect(await begin(each, null)).toBe(true);
    await expect(begin(session({ tokenHash: strangers.tokenHash }), own.tokenHash)).rejects.toThrow();
    for (const each of [own, strangers]) expect(await sessions.find({ tokenHash: each.tokenHash })).toEqual(each);
  });
});

function session(members: Partial<SignInSession> = {}): SignInSession {
  return {
    id: randomUUID(),
    tokenHash: randomUUID(),
    userId: randomUUID(),
    rpId: 'example.com',
    passkeyId: randomUUID(),
    generation: 0,
    attemptId: randomUUID(),
    authenticatedAt: NOW,
    userVerified: true,
    enforcement: 'enforced',
    firstFactor: false,
    stepUp: null,
    createdAt: NOW,
    seenAt: NOW,
    expiresAt: NOW + 60_000,
    persistent: true,
    address: null,
    userAgent: null,
    ...members,
  };
}

function openRedis(): Opened {
  const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
  const prefix = `latchkey-test-${randomUUID()}:`;
  return {
    store: redisStore(redis, { prefix }),
    async close() {
      for await (const page of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
        for (const key of page) await redis.unlink(key);
      }
      redis.disconnect();
    },
  };
}
