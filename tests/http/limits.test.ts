/** Rate limits over HTTP: what is asked too often is refused before anything is stored, and leaves a record a minute, not one each. */
import { memoryStore, type Store } from '@latchkey/core';
import { openSite, type SiteOptions, USED } from '@latchkey/testing';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { describe, expect, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const open = (rateLimit: SiteOptions['rateLimit'], store: () => Store = memoryStore) =>
  openSite({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }, { rateLimit: rateLimit! });

/** A store that counts what is written to it. */
function counting() {
  const inner = memoryStore();
  const written = { puts: 0, takes: 0 };
  const challenges: Store['challenges'] = {
    ...inner.challenges,
    put: (ceremony) => {
      written.puts += 1;
      return inner.challenges.put(ceremony);
    },
    take: (...args) => {
      written.takes += 1;
      return inner.challenges.take(...args);
    },
  };
  return { store: { ...inner, challenges }, written };
}

describe('a request over its limit', () => {
  test('is refused with the time to wait, writes nothing, and leaves a record at once and one for all that follow', async () => {
    const { store, written } = counting();
    const site = await open({ limits: { options: { points: 3, seconds: 60 } } }, () => store);
    const agent = site.agent();
    for (let i = 0; i < 3; i++) expect((await agent.post('/authentication/options')).status).toBe(200);
    for (let i = 0; i < 5; i++) {
      const reply = await agent.post('/authentication/options');
      // An answer names the record that tells of it, where there is one of its own.
      const recorded = i === 0 ? site.records[0]!.attempt.id : undefined;
      expect([reply.status, reply.json.code, reply.json.attemptId]).toEqual([429, 'rate_limited', recorded]);
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(50);
    }
    expect(written.puts).toBe(3);
    const refused = { outcome: 'failure', reason: 'rate_limited', http: { status: 429 } };
    expect(site.records).toMatchObject([{ ...refused, event: { repeatCount: 1 } }]);
    site.clock.now += 60_000;
    await site.passkeys.sweep();
    expect(site.records).toMatchObject([
      { ...refused, event: { repeatCount: 1 } },
      { ...refused, event: { repeatCount: 4 } },
    ]);
    await site.close();
  });

  test('is refused before its body is looked at, and after its size', async () => {
    const site = await open({ limits: { options: { points: 1, seconds: 60 } } });
    const agent = site.agent();
    await agent.post('/authentication/options');
    expect((await agent.post('/authentication/options', undefined, { rawBody: '{"mode":' })).status).toBe(429);
    expect((await agent.post('/authentication/options', { pad: 'x'.repeat(70_000) })).status).toBe(413);
    await site.close();
  });

  test('does not spend the challenge it was about', async () => {
    const site = await open({ limits: { verify: { points: 1, seconds: 1 } } });
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    await agent.post('/authentication/verify', { attemptId: 'x', credential: {} });
    const { attemptId, publicKey } = await agent.signInOptions();
    const answer = () =>
      agent.post('/authentication/verify', { attemptId, credential: passkey.authenticate(publicKey), client: USED });
    expect((await answer()).status).toBe(429);
    site.clock.now += 1_000;
    expect((await answer()).status).toBe(200);
    await site.close();
  });
});

test.each([
  ['options, by address', { options: { points: 2, seconds: 60 } }, '/authentication/options', {}],
  [
    'verify, by address',
    { verify: { points: 2, seconds: 60 } },
    '/authentication/verify',
    { attemptId: 'x', credential: {} },
  ],
  [
    'outcome reports, by address',
    { outcome: { points: 2, seconds: 60 } },
    '/attempts/x/outcome',
    { errorName: 'AbortError' },
  ],
  [
    'registration, by address',
    { registration: { points: 2, seconds: 60 } },
    '/registration/options',
    { username: 'ada' },
  ],
  [
    'users looked up by name, by name and address',
    { account: { points: 2, seconds: 60 } },
    '/authentication/options',
    { mode: 'modal', identifier: 'ada' },
  ],
  ['unfinished ceremonies, of everyone', { unfinished: { points: 2, seconds: 60 } }, '/authentication/options', {}],
] as const)('there is a limit for %s', async (_what, limits, path, body) => {
  const site = await open({ limits });
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await site.agent().post(path, body)).status);
  expect(statuses[2]).toBe(429);
  expect(statuses.slice(0, 2)).not.toContain(429);
  await site.close();
});

describe('the cap on unfinished ceremonies', () => {
  const cap = { unfinished: { points: 3, seconds: 120 } };

  test('gives back what was answered, and what was reported', async () => {
    const site = await open({ limits: cap });
    const passkey = await site.agent().signUp('ada');
    for (let i = 0; i < 5; i++) expect((await site.agent().signIn(passkey)).status).toBe(200);
    for (let i = 0; i < 5; i++) {
      const agent = site.agent();
      const { attemptId } = await agent.signInOptions();
      await agent.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError' });
    }
    const unanswered = async () => (await site.agent().post('/authentication/options')).status;
    expect([await unanswered(), await unanswered(), await unanswered(), await unanswered()]).toEqual([
      200, 200, 200, 429,
    ]);
    site.clock.now += 121_000;
    expect(await unanswered()).toBe(200);
    await site.close();
  });

  test('does not count a challenge that the store did not keep', async () => {
    const inner = memoryStore();
    let down = true;
    const put: Store['challenges']['put'] = (ceremony) => {
      if (down) throw new Error('down');
      return inner.challenges.put(ceremony);
    };
    const site = await open({ limits: cap }, () => ({ ...inner, challenges: { ...inner.challenges, put } }));
    const options = async () => (await site.agent().post('/authentication/options')).status;
    for (let i = 0; i < 5; i++) expect(await options()).toBe(503);
    down = false;
    expect([await options(), await options(), await options(), await options()]).toEqual([200, 200, 200, 429]);
    await site.close();
  });
});

test.each([
  ['PATCH', '/passkeys/credentials/x', { nickname: 'phone' }],
  ['DELETE', '/passkeys/credentials/x', undefined],
  ['DELETE', '/passkeys/sessions', {}],
  ['DELETE', '/passkeys/sessions/x', undefined],
] as const)('there is a limit for changes, by address: %s %s %j [security 3]', async (method, path, body) => {
  const site = await open({ limits: { changes: { points: 2, seconds: 60 } } });
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await site.agent().request(method, path, body)).status);
  expect(statuses[2]).toBe(429);
  expect(statuses.slice(0, 2)).not.toContain(429);
  await site.close();
});

// It costs one look into the store, as every guard does; and whoever is at the same address must not hold it up.
test('signing out is never over a limit, and what is refused of it leaves no record', async () => {
  const one = { points: 1, seconds: 60 };
  const site = await open({ limits: { changes: one, network: one, browser: one } });
  const agent = site.agent();
  await agent.signUp('ada');
  const neighbour = site.agent();
  for (let i = 0; i < 5; i++) await neighbour.request('DELETE', '/passkeys/credentials/x');
  expect((await neighbour.request('DELETE', '/passkeys/credentials/x')).status).toBe(429);
  const made = site.records.length;
  for (let i = 0; i < 20; i++) {
    expect((await neighbour.request('DELETE', '/passkeys/session', i % 2 ? {} : undefined)).status).toBe(204);
    const foreign = { headers: { origin: 'https://evil.example' } };
    expect((await neighbour.request('DELETE', '/passkeys/session', {}, foreign)).status).toBe(403);
  }
  expect(site.records.length).toBe(made);
  expect((await agent.request('DELETE', '/passkeys/session')).status).toBe(204);
  expect((await agent.session()).status).toBe(401);
  expect(site.records.length).toBe(made + 1);
  await site.close();
});

test('there is a limit for one browser, which does not touch another', async () => {
  const site = await open({ limits: { browser: { points: 2, seconds: 60 } } });
  const agent = site.agent();
  for (let i = 0; i < 3; i++) await agent.post('/authentication/options');
  expect((await agent.post('/authentication/options')).status).toBe(429);
  expect((await site.agent().post('/authentication/options')).status).toBe(200);
  await site.close();
});

test('limits are on by default, and wide enough for a person and an office', async () => {
  const site = await open({});
  const passkey = await site.agent().signUp('ada');
  for (let i = 0; i < 60; i++) expect((await site.agent().signIn(passkey)).status).toBe(200);
  await site.close();
});

describe('with limits in Redis', () => {
  const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
  const inRedis = (redis: Redis, prefix: string): SiteOptions['rateLimit'] => ({
    limits: { options: { points: 3, seconds: 60 } },
    create: (name, { points, seconds }) =>
      new RateLimiterRedis({ storeClient: redis, keyPrefix: `${prefix}:${name}`, points, duration: seconds }),
  });

  test('two processes count together', async () => {
    const redis = new Redis(url);
    const prefix = `test-${crypto.randomUUID()}`;
    const sites = [await open(inRedis(redis, prefix)), await open(inRedis(redis, prefix))];
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await sites[i % 2]!.agent().post('/authentication/options')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    for (const site of sites) await site.close();
    for (const key of await redis.keys(`${prefix}*`)) await redis.del(key);
    redis.disconnect();
  });

  test('two processes share the cap on unfinished ceremonies, and give back what either answers', async () => {
    const redis = new Redis(url);
    const prefix = `test-${crypto.randomUUID()}`;
    const limits = { unfinished: { points: 3, seconds: 120 } };
    const store = memoryStore();
    const sites = [
      await open({ ...inRedis(redis, prefix), limits }, () => store),
      await open({ ...inRedis(redis, prefix), limits }, () => store),
    ];
    const passkey = await sites[0]!.agent().signUp('ada');
    for (let i = 0; i < 6; i++) expect((await sites[0]!.agent().signIn(passkey)).status).toBe(200);
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await sites[i % 2]!.agent().post('/authentication/options')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    for (const site of sites) await site.close();
    for (const key of await redis.keys(`${prefix}*`)) await redis.del(key);
    redis.disconnect();
  });

  test('a Redis that is down is store_unavailable, not open doors', async () => {
    const redis = new Redis({
      port: 1,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      lazyConnect: true,
      retryStrategy: () => null,
    });
    redis.on('error', () => {});
    const site = await open(inRedis(redis, 'down'));
    const reply = await site.agent().post('/authentication/options');
    expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
    expect(site.records.at(-1)).toMatchObject({ outcome: 'error', reason: 'store_unavailable' });
    await site.close();
    redis.disconnect();
  });
});
