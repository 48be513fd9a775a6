/** What must end, and what must not grow, whatever is asked: memory of sessions, sweeps that take long, requests cut off. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { memoryStore, type Store } from '@latchkey/core';
import { createSoftwarePasskey } from '@latchkey/testing';
import { expect, test, vi } from 'vitest';
import { type Browser, type Direct, ORIGIN, openDirect } from './direct.ts';

async function signUp({ browser }: Direct, username: string): Promise<Browser> {
  const visitor = browser();
  const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username })).json;
  const credential = createSoftwarePasskey({ origin: ORIGIN }).register(publicKey);
  expect((await visitor.send('POST', '/registration/verify', { attemptId, credential })).status).toBe(201);
  return visitor;
}

test('10,000 sessions are remembered, and the one seen longest ago is asked for again', async () => {
  const inner = memoryStore();
  const find = vi.fn(inner.sessions!.find);
  const store: Store = { ...inner, sessions: { ...inner.sessions!, find } };
  const direct = openDirect({ store });
  const first = await signUp(direct, 'first');
  const look = async (visitor: Browser) => {
    const before = find.mock.calls.length;
    expect((await visitor.send('GET', '/session')).status).toBe(200);
    return find.mock.calls.length - before;
  };
  expect(await look(first)).toBe(0);
  // One person at very many browsers: a session each, of which the store is asked once.
  const row = (await first.session())!;
  for (let index = 0; index < 10_000; index++) {
    const other = direct.browser();
    other.token = `${index}`.padStart(43, 'x');
    const tokenHash = await hashOf(other.token);
    const session = { ...row, id: crypto.randomUUID(), tokenHash };
    await inner.sessions!.begin({ session, replaces: null, renews: false });
    expect(await look(other)).toBe(1);
    if (index === 9_998) expect(await look(other)).toBe(0);
  }
  expect(await look(first)).toBe(1);
});

async function hashOf(token: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url');
}

test('one sweep at a time, also where a store takes longer than the time between two', async () => {
  const inner = memoryStore();
  let [running, most, calls] = [0, 0, 0];
  let finish = () => {};
  const takeExpired: Store['challenges']['takeExpired'] = async (due) => {
    calls += 1;
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    running -= 1;
    return inner.challenges.takeExpired(due);
  };
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { passkeys } = openDirect({
    store: { ...inner, challenges: { ...inner.challenges, takeExpired } },
    sweepEvery: '1s',
  });
  try {
    await vi.advanceTimersByTimeAsync(5_000);
    expect([calls, most]).toEqual([1, 1]);
    finish();
    await vi.waitFor(() => expect(running).toBe(0));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(calls).toBeGreaterThan(1);
    expect(most).toBe(1);
  } finally {
    vi.useRealTimers();
    finish();
    await passkeys.close();
  }
});

test('a request that was cut off before it came to us is answered, and is one record', async () => {
  const { passkeys, records } = openDirect();
  const stream = Readable.from([Buffer.from('{}')]);
  stream.on('error', () => {});
  stream.destroy();
  await once(stream, 'close');
  const headers: Record<string, string> = { origin: ORIGIN, 'content-type': 'application/json', 'content-length': '2' };
  const { status } = await passkeys.handle({
    method: 'POST',
    path: '/authentication/options',
    url: '/passkeys/authentication/options',
    header: (name) => headers[name],
    body: { stream },
    address: null,
    framework: 'none',
    native: {},
    nativeResponse: {},
  });
  expect(status).toBe(400);
  expect(records.map(({ reason }) => reason)).toEqual(['malformed_request']);
});
