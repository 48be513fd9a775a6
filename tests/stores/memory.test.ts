/** The memory store under load: its order is exact, and a million sessions make no verb slow. And it says where it does not belong. */
import { execFileSync } from 'node:child_process';
import { memoryStore, type SignInSession } from '@latchkey/core';
import { expect, test } from 'vitest';

const NOW = Date.UTC(2026, 10, 22);

function session(index: number, members: Partial<SignInSession> = {}): SignInSession {
  return {
    id: `id-${index}`,
    tokenHash: `token-${index}`,
    userId: `user-${index % 250_000}`,
    rpId: 'example.com',
    passkeyId: 'passkey',
    generation: 0,
    attemptId: 'attempt',
    authenticatedAt: NOW,
    userVerified: true,
    enforcement: 'enforced',
    firstFactor: false,
    stepUp: null,
    createdAt: NOW,
    seenAt: NOW,
    expiresAt: NOW,
    persistent: true,
    address: null,
    userAgent: null,
    ...members,
  };
}

/** A number below `limit`, the same in each run. */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test('sessions are forgotten exactly when they expire, whatever began, was renewed and ended before', async () => {
  const { sessions } = memoryStore();
  const roll = dice(7);
  const live = new Map<string, SignInSession>();
  let now = 0;
  for (let step = 0; step < 5_000; step++) {
    const names = [...live.keys()];
    const some = live.get(names[roll(Math.max(1, names.length))] ?? '');
    const choice = roll(10);
    if (choice < 5 || some === undefined) {
      const made = session(step, { expiresAt: now + roll(300), userId: `user-${roll(20)}` });
      await sessions.begin({ session: made, replaces: null, renews: false });
      live.set(made.id, made);
    } else if (choice < 7) {
      const renewed = { ...some, tokenHash: `renewed-${step}`, expiresAt: now + roll(300) };
      expect(await sessions.begin({ session: renewed, replaces: some.tokenHash, renews: true })).toBe(true);
      live.set(some.id, renewed);
    } else if (choice === 7) {
      expect(await sessions.end({ id: some.id })).toEqual([some]);
      live.delete(some.id);
    } else {
      now += roll(20);
      const limit = roll(8);
      const due = [...live.values()].filter(({ expiresAt }) => expiresAt <= now);
      expect(await sessions.forgetExpired({ now, limit })).toBe(Math.min(limit, due.length));
      const gone = [...live.values()].filter(({ id }) => sessions.find({ id }) === null);
      const latest = Math.max(0, ...gone.map(({ expiresAt }) => expiresAt));
      for (const { id } of gone) live.delete(id);
      // Those that expired first went first.
      for (const each of live.values()) expect(each.expiresAt).toBeGreaterThanOrEqual(Math.min(latest, now));
    }
  }
  expect(live.size).toBeGreaterThan(10);
  for (const each of live.values()) expect(await sessions.find({ tokenHash: each.tokenHash })).toEqual(each);
});

test('a million live sessions make no verb slow', async () => {
  const { sessions } = memoryStore();
  const roll = dice(11);
  const count = 1_000_000;
  for (let index = 0; index < count; index++) {
    sessions.begin({ session: session(index, { expiresAt: NOW + roll(1e9) }), replaces: null, renews: false });
  }
  /** Milliseconds of the median call: a walk over a million sessions takes some 20 ms, and a busy machine spoils few calls. */
  const median = (call: (index: number) => unknown) => {
    const times = Array.from({ length: 201 }, () => {
      const index = roll(count);
      const startedAt = performance.now();
      call(index);
      return performance.now() - startedAt;
    });
    return times.sort((a, b) => a - b)[100]!;
  };
  const medians = {
    find: median((index) => sessions.find({ tokenHash: `token-${index}` })),
    touch: median((index) => sessions.touch({ id: `id-${index}`, seenAt: NOW + 1 })),
    listByUser: median((index) => sessions.listByUser(`user-${index % 250_000}`)),
    end: median((index) => sessions.end({ id: `id-${index}` })),
    'forgetExpired, nothing due': median(() => sessions.forgetExpired({ now: NOW - 1, limit: 10 })),
    'forgetExpired, ten of all': median(() => sessions.forgetExpired({ now: NOW + 1e9, limit: 10 })),
  };
  console.log('a million sessions in memory: median milliseconds a call', medians);
  for (const each of Object.values(medians)) expect(each).toBeLessThan(5);
});

test.each([
  ['production', 1],
  ['development', 0],
])('in %s a process is told %i times that memory is no place to keep passkeys', (NODE_ENV, times) => {
  const program = `
    import { memoryStore } from '@latchkey/core';
    const warnings = [];
    process.on('warning', ({ code, message }) => warnings.push({ code, message }));
    memoryStore();
    memoryStore();
    setImmediate(() => console.log(JSON.stringify(warnings)));
  `;
  const flags = ['--conditions=latchkey-source', '--no-warnings', '--input-type=module', '--eval', program];
  const env = { PATH: process.env.PATH ?? '', NODE_ENV };
  const warnings = JSON.parse(
    execFileSync(process.execPath, flags, { cwd: import.meta.dirname, env, encoding: 'utf8' }),
  );
  const told = { code: 'LATCHKEY_MEMORY_STORE', message: expect.stringContaining('docs/storage.md') };
  expect(warnings).toEqual(Array(times).fill(told));
});
