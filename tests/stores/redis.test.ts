/** @latchkey/redis on real servers: the store contract, what it costs, and what it answers when the server goes away. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptRecord, Passkey, PendingCeremony, SessionStart, SignInSession } from '@latchkey/core';
import { redisAttempts, redisChallenges, redisPasskeys, redisSessions, redisStore } from '@latchkey/redis';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { atThisSpeed } from '../support/slowness.ts';
import { keepsTheContract } from './support/contract.ts';
import { type RedisCluster, startRedisCluster } from './support/redis-cluster.ts';
import { startRedis } from './support/redis-server.ts';

const REDIS_URL = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const NOW = Date.UTC(2026, 10, 22);
const MINUTE = 60_000;

/** The settings the README recommends. */
const TIMEOUT_MS = atThisSpeed(1_000);
const FAILING_SOON = { maxRetriesPerRequest: 0, commandTimeout: TIMEOUT_MS, connectTimeout: TIMEOUT_MS };
/** Where it is not the time-out that is tested. */
const IN_ITS_TIME = { maxRetriesPerRequest: 0 };
/** What no call may take under them: a command's time-out, and the scheduling of a busy machine. */
const AT_MOST_MS = TIMEOUT_MS + atThisSpeed(1_500);

const prefix = `latchkey-test-${randomUUID()}:`;
let redis: Redis;

/** A client that ends with the test. Its connection errors are what the commands reject with. */
function connect(url: string): Redis {
  const client = new Redis(url, FAILING_SOON);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

beforeAll(async () => {
  redis = new Redis(REDIS_URL, FAILING_SOON);
  redis.on('error', () => {});
  await redis.ping().catch(() => {
    throw new Error(
      `No Redis answers at ${REDIS_URL}: start one (\`apt-get install redis-server\` on Debian and Ubuntu) or set REDIS_URL.`,
    );
  });
});

afterAll(async () => {
  if (redis.status === 'ready') for (const key of await keysOf(redis)) await redis.unlink(key);
  redis.disconnect();
});

/** Every key of this run on a node. Only a test may walk the keys. */
async function keysOf(node: Redis, pattern = `*${prefix}*`): Promise<string[]> {
  const keys = new Set<string>();
  for await (const page of node.scanStream({ match: pattern, count: 1000 })) for (const key of page) keys.add(key);
  return [...keys];
}

function ceremony(members: Partial<PendingCeremony> = {}): PendingCeremony {
  const binding = randomBytes(32).toString('base64url');
  const attemptId = randomUUID();
  return { attemptId, purpose: 'sign_in', binding, userId: null, begun: true, expiresAt: NOW, state: '{}', ...members };
}

function passkey(members: Partial<Passkey> = {}): Passkey {
  return {
    id: randomUUID(),
    userId: `user-${randomUUID()}`,
    userHandle: new Uint8Array(randomBytes(32)),
    credentialId: new Uint8Array(randomBytes(32)),
    publicKey: new Uint8Array(randomBytes(77)),
    algorithm: -7,
    signCount: 0,
    transports: ['internal', 'hybrid'],
    aaguid: '00000000-0000-0000-0000-000000000000',
    backupEligible: true,
    backedUp: true,
    attested: false,
    rpId: 'example.com',
    nickname: 'Laptop',
    enabled: true,
    generation: 0,
    createdAt: NOW,
    lastUsedAt: null,
    ...members,
  };
}

function session(members: Partial<SignInSession> = {}): SignInSession {
  return {
    id: randomUUID(),
    tokenHash: randomBytes(32).toString('base64url'),
    userId: `user-${randomUUID()}`,
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
    expiresAt: NOW + 30 * 24 * 60 * MINUTE,
    persistent: true,
    address: '2001:db8::1',
    userAgent: 'Mozilla/5.0',
    ...members,
  };
}

const start = (begun: SignInSession, replaces: string | null = null): SessionStart => ({
  session: begun,
  replaces,
  renews: false,
});

const renewal = (of: SignInSession): SessionStart => ({
  session: { ...of, tokenHash: randomBytes(32).toString('base64url') },
  replaces: of.tokenHash,
  renews: true,
});

/** As much of a record as the store looks at. */
function attempt(id: string): AttemptRecord {
  const event = { id, name: 'latchkey.signin.attempt', time: new Date(NOW).toISOString(), severity: 'INFO' };
  return { event, outcome: 'success', immediate: { enforcement: 'enforced' }, user: { id: null } } as AttemptRecord;
}

/** The status of a take, or `thrown`; fails where it takes too long. */
async function outcome(take: Promise<{ status: string }>): Promise<string> {
  const startedAt = performance.now();
  const status = await take.then(
    (answer) => answer.status,
    () => 'thrown',
  );
  expect(performance.now() - startedAt).toBeLessThan(AT_MOST_MS);
  return status;
}

keepsTheContract('Redis', () => ({ store: redisStore(redis, { prefix }), close() {} }));

keepsTheContract('Redis, by a client with a key prefix, RESP2, numbers as text and automatic pipelines', () => {
  const settings = { keyPrefix: prefix, protocol: 2, stringNumbers: true, enableAutoPipelining: true } as const;
  const client = new Redis(REDIS_URL, settings);
  return { store: redisStore(client, { prefix: 'own:' }), close: () => client.disconnect() };
});

describe('a cluster of three nodes', () => {
  let servers: RedisCluster;
  let cluster: Cluster;
  beforeAll(async () => {
    servers = await startRedisCluster();
    const nodes = servers.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
    cluster = new Cluster(nodes, { redisOptions: IN_ITS_TIME, scaleReads: 'slave' });
    cluster.on('error', () => {});
  });
  afterAll(async () => {
    cluster?.disconnect();
    await servers?.remove();
  });

  // By a client that reads from replicas where it may, as here it must not.
  keepsTheContract('Redis Cluster', () => ({ store: redisStore(cluster, { prefix }), close() {} }), {
    beginsSessions: false,
  });

  test('spreads challenges and passkeys over all nodes', async () => {
    const store = redisStore(cluster, { prefix: `spread:${prefix}` });
    const opened = Array.from({ length: 60 }, () => ceremony());
    await Promise.all(opened.map((each) => store.challenges.put(each)));
    await Promise.all(opened.map(() => store.passkeys.insert({ passkey: passkey(), max: 1 })));
    for (const kind of ['ceremony', 'passkeys', 'credential', 'handle']) {
      const counts = await Promise.all(
        cluster.nodes('master').map(async (node) => (await keysOf(node, `*spread:*${kind}:*`)).length),
      );
      expect(counts.reduce((sum, count) => sum + count)).toBe(60);
      expect(Math.min(...counts)).toBeGreaterThan(5);
    }
    expect(await store.challenges.takeExpired({ now: NOW, limit: 100 })).toHaveLength(60);
  });

  /** A client that fails to send its next script after so many, as a process does that crashes there. */
  function crashing(after: number): Cluster {
    const client = new Cluster(
      servers.nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      { redisOptions: IN_ITS_TIME },
    );
    client.on('error', () => {});
    onTestFinished(() => client.disconnect());
    const send = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
    let sent = 0;
    client.evalsha = (async (...args: unknown[]) => {
      if (sent++ >= after) throw new Error('crashed');
      return send(...args);
    }) as typeof client.evalsha;
    return client;
  }

  /** Calls it with a client that crashes after no script, after one, … until it goes through; then how many it takes. */
  async function crashEverywhere(call: (client: Cluster) => unknown, check: () => Promise<void>): Promise<number> {
    for (let after = 0; ; after++) {
      const crashed = await (async () => call(crashing(after)))().then(
        () => false,
        () => true,
      );
      await check();
      if (!crashed) return after;
    }
  }

  test('spreads sessions over all nodes, and begins one in three scripts', async () => {
    const sessions = redisSessions(cluster, { prefix: `spread:${prefix}` });
    await Promise.all(Array.from({ length: 60 }, () => sessions.begin(start(session()))));
    for (const kind of ['session', 'session-token', 'sessions']) {
      const counts = await Promise.all(
        cluster.nodes('master').map(async (node) => (await keysOf(node, `*spread:*:${kind}:*`)).length),
      );
      expect(counts.reduce((sum, count) => sum + count)).toBe(60);
      expect(Math.min(...counts)).toBeGreaterThan(5);
    }
  });

  test('a begin that crashes anywhere is found by nobody', async () => {
    const sessions = redisSessions(cluster, { prefix });
    const old = session();
    await sessions.begin(start(old));
    const steps: SignInSession[] = [];
    const scripts = await crashEverywhere(
      (client) => {
        const made = session({ userId: old.userId });
        steps.push(made);
        return redisSessions(client, { prefix }).begin(start(made, old.tokenHash));
      },
      async () => {
        const made = steps.at(-1)!;
        const found = await sessions.find({ tokenHash: made.tokenHash });
        expect(await sessions.find({ id: made.id })).toEqual(found);
        // What is found is listed, and the session before is then gone.
        const listed = (await sessions.listByUser(old.userId)).map(({ id }) => id);
        expect(listed.includes(made.id)).toBe(found !== null);
        if (found !== null) expect(await sessions.find({ tokenHash: old.tokenHash })).toBeNull();
      },
    );
    expect(scripts).toBeGreaterThan(3);
    const last = steps.pop()!;
    expect(await sessions.end({ userId: old.userId })).toEqual([last]);
    for (const made of steps) expect(await sessions.find({ tokenHash: made.tokenHash })).toBeNull();
  });

  test('a renewal that crashes anywhere leaves one good token, and the session can be ended', async () => {
    const sessions = redisSessions(cluster, { prefix });
    for (let after = 0; after < 5; after++) {
      const own = session();
      await sessions.begin(start(own));
      const renewed = renewal(own);
      await (async () => redisSessions(crashing(after), { prefix }).begin(renewed))().catch(() => {});
      const found = await Promise.all(
        [own, renewed.session].map(({ tokenHash }) => Promise.resolve(sessions.find({ tokenHash }))),
      );
      expect(found.filter((each) => each !== null)).toHaveLength(1);
      expect((await sessions.listByUser(own.userId)).map(({ id }) => id)).toEqual([own.id]);
      expect(await sessions.end({ userId: own.userId })).toHaveLength(1);
      for (const { tokenHash } of [own, renewed.session]) expect(await sessions.find({ tokenHash })).toBeNull();
    }
  });

  test('an end that crashes anywhere has ended the session or not, and never half', async () => {
    const sessions = redisSessions(cluster, { prefix });
    const own = session();
    await sessions.begin(start(own));
    const scripts = await crashEverywhere(
      (client) => redisSessions(client, { prefix }).end({ id: own.id }),
      async () => {
        const byId = await sessions.find({ id: own.id });
        expect(await sessions.find({ tokenHash: own.tokenHash })).toEqual(byId);
        expect(await sessions.listByUser(own.userId)).toEqual(byId === null ? [] : [byId]);
        expect(await sessions.touch({ id: own.id, seenAt: NOW })).toBe(byId !== null);
      },
    );
    // The first script ended it: the second time there is nothing to end.
    expect(scripts).toBeGreaterThan(0);
    expect(await sessions.find({ id: own.id })).toBeNull();
  });

  test('throws in time for what a dead node had, and never gives a challenge twice', async () => {
    const challenges = redisChallenges(cluster, { prefix });
    const opened = Array.from({ length: 30 }, () => ceremony({ expiresAt: NOW + MINUTE }));
    await Promise.all(opened.map((each) => challenges.put(each)));
    await servers.nodes[0]!.signal('SIGKILL');
    const take = () =>
      Promise.all(
        opened.map(({ attemptId, binding }) =>
          outcome(Promise.resolve(challenges.take({ attemptId, binding, now: NOW }))),
        ),
      );
    const first = await take();
    expect(first).toContain('thrown');
    await servers.nodes[0]!.start();
    await vi.waitFor(async () => expect(await take()).not.toContain('thrown'), {
      timeout: atThisSpeed(15_000),
      interval: 200,
    });
    const last = await take();
    // What the dead node had is gone, as it kept nothing on disk; the rest was given once.
    expect(new Set(last)).toEqual(new Set(['consumed', 'unknown']));
    first.forEach((status, i) => {
      if (status === 'fresh') expect(last[i]).toBe('consumed');
    });
  });
});

describe('cost', () => {
  /** The commands that a call sends: nothing waits for another, unless it is counted. */
  async function commands(client: Redis, call: () => unknown): Promise<number> {
    const sent = vi.spyOn(client, 'sendCommand');
    await call();
    const { length } = sent.mock.calls;
    sent.mockRestore();
    return length;
  }

  test('put, begin and take are one command each, also when nothing is taken', async () => {
    const challenges = redisChallenges(redis, { prefix });
    const opened = ceremony();
    const { attemptId, binding } = opened;
    expect(await commands(redis, () => challenges.put(opened))).toBe(1);
    expect(await commands(redis, () => challenges.begin({ attemptId, binding }))).toBe(1);
    expect(await commands(redis, () => challenges.take({ attemptId, binding, now: NOW - 1 }))).toBe(1);
    expect(await commands(redis, () => challenges.take({ attemptId, binding, now: NOW - 1 }))).toBe(1);
    expect(await commands(redis, () => challenges.take({ attemptId: randomUUID(), binding, now: NOW }))).toBe(1);
  });

  test('find with the right handle and recordUse are one command each, find without a handle two', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const own = passkey();
    const use = { signCount: 0, backupEligible: true, backedUp: true, usedAt: NOW };
    expect(await commands(redis, () => passkeys.keepHandle({ userId: own.userId, proposed: own.userHandle }))).toBe(1);
    // Handle, hash and claim (at once), claim, commit.
    expect(await commands(redis, () => passkeys.insert({ passkey: own, max: 5 }))).toBe(5);
    expect(
      await commands(redis, () => passkeys.find({ credentialId: own.credentialId, userHandle: own.userHandle })),
    ).toBe(1);
    expect(await commands(redis, () => passkeys.find({ credentialId: own.credentialId, userHandle: null }))).toBe(2);
    expect(
      await commands(redis, () => passkeys.find({ credentialId: own.credentialId, userHandle: randomBytes(32) })),
    ).toBe(3);
    expect(await commands(redis, () => passkeys.recordUse({ passkey: own, use }))).toBe(1);
    expect(await commands(redis, () => passkeys.listByUser(own.userId))).toBe(2);
    expect(
      await commands(redis, () =>
        passkeys.update({
          userId: own.userId,
          rpId: 'example.com',
          id: own.id,
          change: { nickname: 'x' },
          keepLast: true,
        }),
      ),
    ).toBe(3);
    expect(
      await commands(redis, () =>
        passkeys.remove({ userId: own.userId, rpId: 'example.com', id: own.id, keepLast: false }),
      ),
    ).toBe(4);
  });

  test('a session is begun, found, seen and renewed in one command, and begins with a use in that same one', async () => {
    const store = redisStore(redis, { prefix });
    const { passkeys, sessions } = store;
    const own = session();
    expect(await commands(redis, () => sessions.begin(start(own)))).toBe(1);
    expect(await commands(redis, () => sessions.find({ tokenHash: own.tokenHash }))).toBe(1);
    expect(await commands(redis, () => sessions.find({ id: own.id }))).toBe(1);
    expect(await commands(redis, () => sessions.touch({ id: own.id, seenAt: NOW + 1 }))).toBe(1);
    const renewed = renewal(own);
    expect(await commands(redis, () => sessions.begin(renewed))).toBe(1);
    // The index, and one for each session in it.
    expect(await commands(redis, () => sessions.listByUser(own.userId))).toBe(2);
    const used = passkey();
    await passkeys.insert({ passkey: used, max: 5 });
    const use = { signCount: 0, backupEligible: true, backedUp: true, usedAt: NOW };
    const next = start(session(), renewed.session.tokenHash);
    expect(await commands(redis, () => passkeys.recordUse({ passkey: used, use, session: next }))).toBe(1);
    // The session; then its pointer and its index entry at once.
    expect(await commands(redis, () => sessions.end({ id: next.session.id }))).toBe(3);
  });

  test('a script that the server forgot is sent once more, in full', async () => {
    const server = await startRedis();
    onTestFinished(() => server.remove());
    const client = connect(`redis://127.0.0.1:${server.port}`);
    const challenges = redisChallenges(client);
    await challenges.put(ceremony());
    await client.script('FLUSH');
    expect(await commands(client, () => challenges.put(ceremony()))).toBe(2);
    expect(await commands(client, () => challenges.put(ceremony()))).toBe(1);
  });

  test('a pending ceremony with 600 bytes of state, a passkey and a session take under 2 KiB each', async () => {
    const server = await startRedis();
    onTestFinished(() => server.remove());
    const client = connect(`redis://127.0.0.1:${server.port}`);
    const store = redisStore(client);
    const used = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
    const each = async (fill: () => unknown) => {
      const before = await used();
      // A few at a time: a client gives up on what waits for more than a second.
      for (let i = 0; i < 50; i++) await Promise.all(Array.from({ length: 100 }, fill));
      return ((await used()) - before) / 5_000;
    };
    const bytes = {
      ceremony: await each(() => store.challenges.put(ceremony({ state: 'x'.repeat(600) }))),
      passkey: await each(() => store.passkeys.insert({ passkey: passkey(), max: 5 })),
      session: await each(() => store.sessions.begin(start(session()))),
    };
    console.log('bytes in Redis', bytes);
    expect(bytes.session).toBeLessThan(2048);
    expect(bytes.ceremony).toBeLessThan(2048);
    expect(bytes.passkey).toBeLessThan(2048);
  });
});

describe('what stays', () => {
  test('after the contracts every key expires or is bounded, but for passkeys, claims, handles and who said "not now"', async () => {
    const keys = await keysOf(redis);
    expect(keys.length).toBeGreaterThan(100);
    const kept = /:(passkeys|credential|handle|declined):|\{attempts\}:(ids|records)$/;
    // -1 is a key without one; what expires meanwhile is gone, which is -2.
    for (const key of keys) if (!kept.test(key)) assert((await redis.pttl(key)) !== -1, `${key} has no TTL`);
  });

  test('a ceremony and its memory stay at least as long as they are needed, whatever clock is handed in', async () => {
    const challenges = redisChallenges(redis, { prefix });
    const ttl = async (attemptId: string) => redis.pttl((await keysOf(redis, `*${attemptId}`))[0]!);
    for (const now of [1, NOW, Date.now(), Date.UTC(9999, 0)]) {
      const opened = ceremony({ expiresAt: now + 2 * MINUTE });
      await challenges.put(opened);
      expect(await ttl(opened.attemptId)).toBeGreaterThan(60 * MINUTE);
      await challenges.take({ ...opened, now });
      expect(await ttl(opened.attemptId)).toBeGreaterThan(12 * MINUTE);
      expect(await ttl(opened.attemptId)).toBeLessThan(14 * MINUTE);
    }
  });

  test('the expiry index outgrows the living ceremonies nowhere, even if nobody sweeps', async () => {
    const own = `unswept:${prefix}`;
    const challenges = redisChallenges(redis, { prefix: own });
    const put = () => Promise.all(Array.from({ length: 300 }, () => challenges.put(ceremony())));
    const indexed = async () => {
      const indices = await keysOf(redis, `${own}*expiries`);
      for (const key of indices) expect(await redis.pttl(key)).toBeGreaterThan(0);
      return (await Promise.all(indices.map((key) => redis.zcard(key)))).reduce((sum, count) => sum + count);
    };
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 24 * 60 * MINUTE });
    await put();
    expect(await indexed()).toBe(300);
    vi.useRealTimers();
    // Enough for each bucket to have seen some; a put drops two dead entries at most.
    for (let i = 0; i < 10; i++) await put();
    expect(await indexed()).toBe(3000);
  });

  test('a session stays until an hour after its expiry, and what leads to it as long', async () => {
    const sessions = redisSessions(redis, { prefix: `life:${prefix}` });
    const hour = 60 * MINUTE;
    for (const expiresAt of [1, Date.now() + 2 * hour, Date.UTC(2222, 0)]) {
      const own = session({ expiresAt });
      await sessions.begin(start(own));
      const left = Math.max(0, expiresAt - Date.now()) + hour;
      const keys = [...(await keysOf(redis, `*${own.id}`)), ...(await keysOf(redis, `*${own.tokenHash}`))];
      const all = [...keys, ...(await keysOf(redis, `*${own.userId}`))];
      expect(all).toHaveLength(3);
      for (const key of all) {
        expect(await redis.pttl(key)).toBeGreaterThan(left - MINUTE);
        expect(await redis.pttl(key)).toBeLessThan(left + MINUTE);
      }
      await sessions.touch({ id: own.id, seenAt: NOW + 1 });
      expect(await redis.pttl(keys[0]!)).toBeGreaterThan(left - MINUTE);
      expect(await redis.pttl(keys[0]!)).toBeLessThan(left + MINUTE);
    }
  });

  test('the index of a user drops what has expired, and keeps what lives longest', async () => {
    const sessions = redisSessions(redis, { prefix: `index:${prefix}` });
    const userId = `user-${randomUUID()}`;
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const long = session({ userId, expiresAt: NOW + 100 * 60 * MINUTE });
    await sessions.begin(start(long));
    for (let i = 0; i < 10; i++) await sessions.begin(start(session({ userId, expiresAt: NOW + 1 })));
    const [index] = await keysOf(redis, `*index:*${userId}`);
    expect(await redis.zcard(index!)).toBe(11);
    vi.setSystemTime(NOW + 2 * 60 * MINUTE);
    await sessions.begin(start(session({ userId })));
    vi.useRealTimers();
    expect(await redis.zscore(index!, long.id)).not.toBeNull();
    expect(await redis.zcard(index!)).toBe(2);
  });

  test('attempt records stay up to the bound, the newest of them', async () => {
    const attempts = redisAttempts(redis, { prefix: `bound:${prefix}`, keepAttempts: 3 });
    for (const id of ['3', '1', '4', '5', '2']) await attempts.append(attempt(id));
    expect((await attempts.list({ limit: 10 })).map(({ event }) => event.id)).toEqual(['5', '4', '3']);
    const lowered = redisAttempts(redis, { prefix: `bound:${prefix}`, keepAttempts: 1 });
    await lowered.append(attempt('6'));
    expect((await attempts.list({ limit: 10 })).map(({ event }) => event.id)).toEqual(['6']);
  });

  test('attempt records are listed past the page that a script looks at', async () => {
    const attempts = redisAttempts(redis, { prefix: `pages:${prefix}` });
    const ids = Array.from({ length: 600 }, (_, i) => `${1000 + i}`);
    await Promise.all(ids.map((id) => attempts.append(attempt(id))));
    expect((await attempts.list({ limit: 1000 })).map(({ event }) => event.id)).toEqual(ids.toReversed());
    expect(await attempts.list({ limit: 1000, outcome: 'failure' })).toEqual([]);
  });
});

test('a sweep gives the oldest of all buckets first, in any number of calls', async () => {
  const challenges = redisChallenges(redis, { prefix: `sweep:${prefix}` });
  const opened = Array.from({ length: 1000 }, (_, i) => ceremony({ expiresAt: NOW - 1000 + i }));
  await Promise.all(opened.toSorted(() => Math.random() - 0.5).map((each) => challenges.put(each)));
  const swept: PendingCeremony[] = [];
  for (let given = [swept[0]!]; given.length > 0; swept.push(...given))
    given = await challenges.takeExpired({ now: NOW, limit: 170 });
  expect(swept).toEqual(opened);
});

describe('who owns a credential id', () => {
  /** A client that does something else first before it sends its next command after so many. */
  function interrupted(after: number, by: () => Promise<void>): Redis {
    const client = connect(REDIS_URL);
    const send = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
    let sent = 0;
    client.evalsha = (async (...args: unknown[]) => {
      if (sent++ === after) await by();
      return send(...args);
    }) as typeof client.evalsha;
    return client;
  }

  /** One that ends there, as a process does that crashes. */
  const crashing = (after: number) => interrupted(after, () => Promise.reject(new Error('crashed')));

  /** One that waits there. `reached` settles when it does, `resume` lets it go on. */
  function pausing(after: number) {
    const reached = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<void>();
    const client = interrupted(after, () => {
      reached.resolve();
      return resumed.promise;
    });
    return { passkeys: redisPasskeys(client, { prefix }), reached: reached.promise, resume: resumed.resolve };
  }

  test('is settled when an insert crashes anywhere: its own user can retry, and then it is nobody else’s', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    for (let after = 0; after < 5; after++) {
      const own = passkey();
      const thief = passkey({ credentialId: own.credentialId });
      await expect(redisPasskeys(crashing(after), { prefix }).insert({ passkey: own, max: 5 })).rejects.toThrow(
        'crashed',
      );
      expect(await passkeys.find({ credentialId: own.credentialId, userHandle: null })).toEqual([]);
      expect(await passkeys.insert({ passkey: { ...own, id: randomUUID() }, max: 5 })).toBe('inserted');
      expect(await passkeys.insert({ passkey: thief, max: 5 })).toBe('exists');
    }
  });

  test('is free again after a removal, and after a removal that crashed for its own user', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const own = passkey();
    const other = passkey({ credentialId: own.credentialId });
    await passkeys.insert({ passkey: own, max: 5 });
    await passkeys.remove({ userId: own.userId, rpId: 'example.com', id: own.id, keepLast: false });
    expect(await passkeys.insert({ passkey: other, max: 5 })).toBe('inserted');
    await expect(redisPasskeys(crashing(3), { prefix }).remove({ ...other, keepLast: false })).rejects.toThrow();
    expect(await passkeys.listByUser(other.userId)).toEqual([]);
    expect(await passkeys.insert({ passkey: { ...other, id: randomUUID() }, max: 5 })).toBe('inserted');
  });

  test('is one user at most, while two users insert and remove it at random', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const users = [passkey(), passkey()];
    for (let round = 0; round < 60; round++) {
      const credentialId = new Uint8Array(randomBytes(16));
      const act = async () => {
        const { userId, userHandle } = users[Math.floor(Math.random() * 2)]!;
        const own = passkey({ userId, userHandle, credentialId });
        await sleep(Math.random() * 3);
        // A limit of two, with other rounds' passkeys in the way, so that inserts are also turned away late.
        const answer = await passkeys.insert({ passkey: own, max: 2 });
        if (answer === 'inserted' && Math.random() < 0.7)
          await passkeys.remove({ userId, rpId: 'example.com', id: own.id, keepLast: false });
      };
      await Promise.all(Array.from({ length: 12 }, act));
      const lists = await Promise.all(users.map(({ userId }) => passkeys.listByUser(userId)));
      const owners = lists.filter((list) => list.some((own) => Buffer.compare(own.credentialId, credentialId) === 0));
      expect(owners.length).toBeLessThan(2);
      if (owners.length === 1)
        expect(await passkeys.insert({ passkey: passkey({ credentialId }), max: 5 })).toBe('exists');
      for (const list of lists) expect(list.length).toBeLessThan(3);
      for (const own of lists.flat())
        if (Math.random() < 0.5)
          await passkeys.remove({ userId: own.userId, rpId: 'example.com', id: own.id, keepLast: false });
    }
  });

  test('stays its user’s when a slow removal ends after it was inserted anew', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const own = passkey();
    const again = { ...own, id: randomUUID() };
    await passkeys.insert({ passkey: own, max: 5 });
    // Handle, hash, commit; then the claim.
    const slow = pausing(3);
    const removing = slow.passkeys.remove({ userId: own.userId, rpId: 'example.com', id: own.id, keepLast: false });
    await slow.reached;
    expect(await passkeys.insert({ passkey: again, max: 5 })).toBe('inserted');
    slow.resume();
    expect(((await removing) as { status: string }).status).toBe('done');
    expect(await passkeys.insert({ passkey: passkey({ credentialId: own.credentialId }), max: 5 })).toBe('exists');
    expect(await passkeys.find({ credentialId: own.credentialId, userHandle: null })).toEqual([again]);
  });

  test('stays its user’s when an insert that lost its place to the limit gives up its claim', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const [{ userId, userHandle, credentialId }, other] = [passkey(), passkey()];
    const one = passkey({ userId, userHandle, credentialId });
    const two = passkey({ userId, userHandle, credentialId });
    // Handle, hash, claim; then one is about to set the claim, and two, who has set it, is about to commit.
    const slowOne = pausing(3);
    const slowTwo = pausing(4);
    const first = slowOne.passkeys.insert({ passkey: one, max: 1 });
    await slowOne.reached;
    expect(await passkeys.insert({ passkey: passkey({ userId, userHandle }), max: 1 })).toBe('inserted');
    const second = slowTwo.passkeys.insert({ passkey: two, max: 5 });
    await slowTwo.reached;
    slowOne.resume();
    expect(await first).toBe('limit');
    slowTwo.resume();
    expect(await second).toBe('inserted');
    expect(await passkeys.insert({ passkey: { ...other, credentialId }, max: 5 })).toBe('exists');
    expect((await passkeys.find({ credentialId, userHandle: null }))[0]).toEqual(two);
  });

  test('is nobody’s when an insert lost its place to the limit', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const own = passkey();
    const slow = pausing(3);
    const inserting = slow.passkeys.insert({ passkey: own, max: 1 });
    await slow.reached;
    await passkeys.insert({ passkey: passkey({ userId: own.userId, userHandle: own.userHandle }), max: 1 });
    slow.resume();
    expect(await inserting).toBe('limit');
    expect(await passkeys.insert({ passkey: passkey({ credentialId: own.credentialId }), max: 1 })).toBe('inserted');
  });

  test('is found for a user whose passkeys came with handles of their own', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const first = passkey();
    const second = passkey({ userId: first.userId, createdAt: NOW + 1 });
    await passkeys.insert({ passkey: first, max: 5 });
    await passkeys.insert({ passkey: second, max: 5 });
    expect(await passkeys.find({ credentialId: second.credentialId, userHandle: second.userHandle })).toEqual([
      second,
      first,
    ]);
    expect(
      await passkeys.recordUse({
        passkey: second,
        use: { signCount: 7, backupEligible: true, backedUp: true, usedAt: NOW },
      }),
    ).toBe('recorded');
    expect((await passkeys.listByUser(first.userId)).map(({ signCount }) => signCount)).toEqual([0, 7]);
  });

  test('is not a stranger’s, where someone has the hash of the empty handle', async () => {
    const passkeys = redisPasskeys(redis, { prefix: `empty:${prefix}` });
    const moved = passkey({ userHandle: new Uint8Array(0) });
    await passkeys.insert({ passkey: moved, max: 5 });
    expect(await passkeys.listByUser(moved.userId)).toEqual([moved]);
    const stranger = passkey();
    expect(await passkeys.listByUser(stranger.userId)).toEqual([]);
    expect(await passkeys.find(stranger)).toEqual([]);
    expect(await passkeys.remove({ ...moved, userId: stranger.userId, keepLast: false })).toEqual({
      status: 'not_found',
    });
  });

  test('is free, and its user can come back, when an insert meets a user who is just forgotten', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    for (let after = 0; after < 5; after++) {
      const [first, second] = [passkey(), passkey()];
      const own = { ...second, userId: first.userId, userHandle: first.userHandle };
      await passkeys.insert({ passkey: first, max: 5 });
      const slow = pausing(after);
      const inserting = slow.passkeys.insert({ passkey: own, max: 5 });
      await slow.reached;
      expect(await passkeys.forget(first.userId)).toEqual([first]);
      slow.resume();
      expect(await inserting).toBe('inserted');
      expect(await passkeys.listByUser(own.userId)).toEqual([own]);
      expect(await passkeys.find(own)).toEqual([own]);
      expect(await passkeys.insert({ passkey: passkey({ credentialId: own.credentialId }), max: 5 })).toBe('exists');
      expect(await passkeys.forget(own.userId)).toEqual([own]);
      expect(await passkeys.insert({ passkey: passkey({ credentialId: own.credentialId }), max: 5 })).toBe('inserted');
    }
  });

  test('mutant 2: a change that read before a use writes neither the old counter nor the old last use back', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    for (let after = 0; after < 4; after++) {
      const own = passkey();
      await passkeys.insert({ passkey: own, max: 5 });
      const slow = pausing(after);
      const { userId, rpId, id } = own;
      const renaming = slow.passkeys.update({ userId, rpId, id, change: { nickname: 'new' }, keepLast: true });
      // An update may be done before it comes to that.
      await Promise.race([slow.reached, renaming]);
      const use = { signCount: 7, backupEligible: true, backedUp: true, usedAt: NOW + 9 };
      expect(await passkeys.recordUse({ passkey: own, use })).toBe('recorded');
      slow.resume();
      expect((await renaming).status).toBe('done');
      const [stored] = await passkeys.listByUser(userId);
      expect(stored).toMatchObject({ nickname: 'new', signCount: 7, lastUsedAt: NOW + 9 });
    }
  });

  test('mutant 14: what lies under the empty handle, after an import, is its owner’s and not every stranger’s', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const own = passkey({ userHandle: new Uint8Array() });
    expect(await passkeys.insert({ passkey: own, max: 5 })).toBe('inserted');
    expect(await passkeys.listByUser(own.userId)).toHaveLength(1);
    const stranger = `user-${randomUUID()}`;
    expect(await passkeys.listByUser(stranger)).toEqual([]);
    const { rpId, id } = own;
    expect((await passkeys.remove({ userId: stranger, rpId, id, keepLast: false })).status).toBe('not_found');
    expect(await passkeys.forget(stranger)).toEqual([]);
    expect(await passkeys.listByUser(own.userId)).toHaveLength(1);
    // So that nothing lies there for the tests that follow.
    await passkeys.forget(own.userId);
  });

  test('is its user’s again after a forget that crashed anywhere', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    for (let after = 0; after < 4; after++) {
      const own = passkey();
      await passkeys.insert({ passkey: own, max: 5 });
      await expect(redisPasskeys(crashing(after), { prefix }).forget(own.userId)).rejects.toThrow('crashed');
      // Before the first change nothing is forgotten; after it the list is empty.
      expect(await passkeys.listByUser(own.userId)).toEqual(after < 2 ? [own] : []);
      if (after < 2) expect(await passkeys.forget(own.userId)).toEqual([own]);
      const again = { ...own, id: randomUUID() };
      expect(await passkeys.insert({ passkey: again, max: 1 })).toBe('inserted');
      expect(await passkeys.listByUser(own.userId)).toEqual([again]);
      expect(await passkeys.forget(own.userId)).toEqual([again]);
    }
  });

  test('is refused to a user whose handle is another’s, and to an id that UTF-8 cannot write', async () => {
    const passkeys = redisPasskeys(redis, { prefix });
    const own = passkey();
    await passkeys.insert({ passkey: own, max: 5 });
    await expect(passkeys.insert({ passkey: passkey({ userHandle: own.userHandle }), max: 5 })).rejects.toThrow(
      'another user',
    );
    await expect((async () => passkeys.listByUser('a\ud800'))()).rejects.toThrow('lone surrogate');
  });
});

test('two processes get a challenge once between them, in 50 takes at the same time', async () => {
  const opened = ceremony({ expiresAt: NOW + MINUTE });
  const { attemptId, binding } = opened;
  await redisChallenges(redis, { prefix }).put(opened);
  const script = new URL('./support/redis-taker.ts', import.meta.url).pathname;
  const args = ['--conditions=latchkey-source', script, REDIS_URL, prefix, attemptId, binding, `${NOW}`, '25'];
  const takers = [0, 1].map((): ChildProcess => {
    const taker = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void taker.kill());
    return taker;
  });
  const lines = takers.map((taker) => createInterface({ input: taker.stdout! }));
  await Promise.all(lines.map((line) => once(line, 'line')));
  const answers = lines.map((line) => once(line, 'line'));
  for (const taker of takers) taker.stdin!.write('go\n');
  const statuses = (await Promise.all(answers)).flatMap(([line]) => JSON.parse(line) as string[]);
  expect(statuses.sort()).toEqual([...Array(49).fill('consumed'), 'fresh']);
});

describe('a server that goes away', () => {
  async function serverWith(...settings: string[]) {
    const server = await startRedis(...settings);
    onTestFinished(() => server.remove());
    const client = connect(`redis://127.0.0.1:${server.port}`);
    const challenges = redisChallenges(client);
    const opened = ceremony({ expiresAt: NOW + MINUTE });
    const take = async () => challenges.take({ attemptId: opened.attemptId, binding: opened.binding, now: NOW });
    return { server, client, challenges, opened, take };
  }

  test('killed between put and take, without a disk: the take throws, after the restart it is unknown', async () => {
    const { server, challenges, opened, take } = await serverWith();
    await challenges.put(opened);
    await server.signal('SIGKILL');
    expect(await outcome(take())).toBe('thrown');
    expect(await outcome(challenges.put(ceremony()) as never)).toBe('thrown');
    await server.start();
    await vi.waitFor(async () => expect(await outcome(take())).toBe('unknown'), {
      timeout: atThisSpeed(10_000),
      interval: 100,
    });
  });

  test('killed after the take, with appendfsync always: it stays taken after the restart', async () => {
    const { server, challenges, opened, take } = await serverWith('--appendonly', 'yes', '--appendfsync', 'always');
    await challenges.put(opened);
    expect(await outcome(take())).toBe('fresh');
    await server.signal('SIGKILL');
    expect(await outcome(take())).toBe('thrown');
    await server.start();
    await vi.waitFor(async () => expect(await outcome(take())).toBe('consumed'), {
      timeout: atThisSpeed(10_000),
      interval: 100,
    });
  });

  test('killed during 200 takes: none is given twice, and none hangs', async () => {
    const { server, challenges } = await serverWith('--appendonly', 'yes', '--appendfsync', 'always');
    const opened = Array.from({ length: 200 }, () => ceremony({ expiresAt: NOW + MINUTE }));
    await Promise.all(opened.map((each) => challenges.put(each)));
    const takeAll = () =>
      Promise.all(opened.map(async (each) => outcome((async () => challenges.take({ ...each, now: NOW }))())));
    const taking = takeAll();
    await Promise.all([sleep(2), server.signal('SIGKILL')]);
    const before = await taking;
    await server.start();
    let after: string[] = [];
    await vi.waitFor(
      async () => {
        after = await takeAll();
        expect(after).not.toContain('thrown');
      },
      { timeout: atThisSpeed(10_000), interval: 100 },
    );
    before.forEach((status, i) => {
      if (status === 'fresh') expect(after[i]).toBe('consumed');
    });
  });

  test('silent instead of dead: the take throws in time', async () => {
    const { server, challenges, opened, take } = await serverWith();
    await challenges.put(opened);
    await server.signal('SIGSTOP');
    expect(await outcome(take())).toBe('thrown');
    await server.signal('SIGCONT');
    // The server does what it was sent before it fell silent: the challenge is gone, and nobody has it.
    await vi.waitFor(async () => expect(await outcome(take())).toBe('consumed'), {
      timeout: atThisSpeed(10_000),
      interval: 100,
    });
  });

  test('never there at all: the first call throws in time', async () => {
    const { server, take } = await serverWith();
    await server.signal('SIGKILL');
    expect(await outcome(take())).toBe('thrown');
  });

  test('a replica, or a master without the replicas it is told to have: the take throws and changes nothing', async () => {
    const { client, challenges, opened, take } = await serverWith();
    await challenges.put(opened);
    await client.config('SET', 'min-replicas-to-write', '1');
    expect(await outcome(take())).toBe('thrown');
    await client.config('SET', 'min-replicas-to-write', '0');
    await client.replicaof('127.0.0.1', 1);
    expect(await outcome(take())).toBe('thrown');
    await client.replicaof('NO', 'ONE');
    expect(await outcome(take())).toBe('fresh');
  });

  test('out of memory: puts and takes throw, and go on when there is room', async () => {
    const { client, challenges, opened, take } = await serverWith();
    await challenges.put(opened);
    await client.config('SET', 'maxmemory', '1');
    expect(await outcome(take())).toBe('thrown');
    await expect((async () => challenges.put(ceremony()))()).rejects.toThrow();
    await client.config('SET', 'maxmemory', '0');
    expect(await outcome(take())).toBe('fresh');
  });
});

test('refuses a prefix with a brace, and a bound that bounds nothing', () => {
  expect(() => redisStore(redis, { prefix: '{mine}:' })).toThrow(/prefix: .* without braces/);
  expect(() => redisStore(redis, { keepAttempts: 0 })).toThrow(/keepAttempts: got 0/);
});
