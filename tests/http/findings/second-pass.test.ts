/**
 * What the second pass of the security review found: cookies with a prefix that is none, times that the client chooses, WebSockets
 * of other origins, tokens that a step-up replaced, sessions that were begun under a laxer policy, bodies of many small chunks,
 * and what comes between the steps of an administrator.
 */
import { once } from 'node:events';
import { type IncomingMessage, request as startRequest } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memoryStore, type PasskeyStore, type PolicyOptions } from '@latchkey/core';
import { type Agent, createSoftwarePasskey, type Site } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { mounts } from '../mounts.ts';
import { openRecorded } from './recorded.ts';

const copyOf = (site: Site, agent: Agent): Agent => {
  const copy = site.agent();
  for (const [name, value] of agent.cookies) copy.cookies.set(name, value);
  return copy;
};

const guarded = async (agent: Agent) => (await agent.request('GET', '/guarded')).status;

/** A GET with headers that `fetch` does not let through. */
async function get(site: Site, path: string, headers: Record<string, string>) {
  const request = startRequest(new URL(path, site.origin), { headers });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

/** Bytes in use, after what is garbage was collected. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

/** Whether a request, of any framework, came to the strict host. */
function isStrict(request: unknown): boolean {
  const { headers } = request as { headers: Headers | IncomingMessage['headers'] };
  return (headers instanceof Headers ? headers.get('x-host') : headers['x-host']) === 'strict';
}

const cookiesOf = (agent: Agent) => [...agent.cookies].map(([name, value]) => `${name}=${value}`).join('; ');

type Hooks = Partial<Record<keyof PasskeyStore, () => Promise<unknown>>>;

/** A store that calls what a test has put there, once, before or after a verb of its passkeys does its work. */
function interrupted() {
  const store = memoryStore();
  const before: Hooks = {};
  const after: Hooks = {};
  const call = async (hooks: Hooks, verb: keyof PasskeyStore) => {
    const hook = hooks[verb];
    delete hooks[verb];
    await hook?.();
  };
  const passkeys = new Proxy(store.passkeys, {
    get(target, verb: keyof PasskeyStore) {
      const work: unknown = target[verb];
      if (typeof work !== 'function') return work;
      return async (...args: unknown[]) => {
        await call(before, verb);
        const answer: unknown = await work.apply(target, args);
        await call(after, verb);
        return answer;
      };
    },
  });
  return { store: { ...store, passkeys }, before, after };
}

describe.each(Object.entries(mounts))('%s', (_, mount) => {
  test('a cookie whose name begins with a space of Unicode is not the session, and not the binding', async () => {
    const site = await openRecorded({ mount });
    const mallory = site.agent();
    const passkey = await mallory.signUp('mallory');
    // A page on a subdomain may set it for the whole domain: to browsers it has no __Host- prefix.
    const [session] = [...mallory.cookies].filter(([name]) => name.includes('session')).map((pair) => pair.join('='));
    expect(await get(site, '/guarded', { cookie: `theme=dark; \u00a0${session}` })).toBe(401);
    expect(await get(site, '/guarded', { cookie: `theme=dark;${session}` })).toBe(200);
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    const cookie = `theme=dark; \u00a0${cookiesOf(agent)}`;
    const body = { attemptId, credential: passkey.authenticate(publicKey) };
    expect((await site.agent().post('/authentication/verify', body, { headers: { cookie } })).status).toBe(400);
    await site.close();
  });

  test('an answer on the grid of times is counted from the end of its request, which the client does not choose', async () => {
    const site = await openRecorded({ mount });
    const body = JSON.stringify({ mode: 'modal', identifier: 'nobody' });
    const headers = { origin: site.origin, 'content-type': 'application/json', 'content-length': body.length };
    for (const heldBack of [22, 24, 25, 26, 27, 28]) {
      const url = new URL('/passkeys/authentication/options', site.origin);
      const request = startRequest(url, { method: 'POST', headers });
      request.flushHeaders();
      await wait(heldBack);
      const sentAt = performance.now();
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect(performance.now() - sentAt).toBeGreaterThan(9.9);
      expect(response.statusCode).toBe(200);
      response.resume();
    }
    await site.close();
  });

  test('a page of another origin opens no WebSocket behind a guard', async () => {
    const site = await openRecorded({ mount });
    const ada = site.agent();
    await ada.signUp('ada');
    const handshake = { cookie: cookiesOf(ada), connection: 'Upgrade', upgrade: 'websocket' };
    expect(await get(site, '/guarded', { ...handshake, origin: 'https://other.localhost' })).toBe(403);
    expect(await get(site, '/guarded', { ...handshake, 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await get(site, '/guarded', { ...handshake, origin: site.origin })).toBe(200);
    expect(await get(site, '/guarded', { cookie: cookiesOf(ada), 'sec-fetch-site': 'cross-site' })).toBe(200);
    await site.close();
  });

  test('of two step-ups at once one is refused, and does not end the session of the other', async () => {
    const { store, after } = interrupted();
    const site = await openRecorded({ mount, store });
    const one = site.agent();
    const passkey = await one.signUp('ada');
    const two = copyOf(site, one);
    const { attemptId, publicKey } = (await two.post('/step-up/options')).json;
    after.find = async () => expect((await one.stepUp(passkey)).status).toBe(200);
    const body = { attemptId, credential: passkey.authenticate(publicKey) };
    expect((await two.post('/step-up/verify', body)).status).toBe(401);
    // Far enough for the memory of the guards to be over.
    site.clock.now += 60_000;
    expect([await guarded(one), await guarded(two)]).toEqual([200, 401]);
    await site.close();
  });

  test('a guard that looks while a step-up renews the session does not make its old token live', async () => {
    const { store, before, after } = interrupted();
    const site = await openRecorded({ mount, store, sessions: { revalidateAfter: '10m' } });
    const ada = site.agent();
    const passkey = await ada.signUp('ada');
    const thief = copyOf(site, ada);
    // Far enough for the memory of the guards to be over, so that the guard asks the store.
    site.clock.now += 600_000;
    const renewed = Promise.withResolvers<void>();
    let looking: Promise<number> | undefined;
    before.recordUse = async () => {
      const reached = Promise.withResolvers<void>();
      after.listByUser = () => {
        reached.resolve();
        return renewed.promise;
      };
      looking = guarded(thief);
      await reached.promise;
    };
    expect((await ada.stepUp(passkey)).status).toBe(200);
    renewed.resolve();
    await looking;
    expect([await guarded(thief), await guarded(ada)]).toEqual([401, 200]);
    await site.close();
  });

  test.each([
    ['without user verification', { userVerification: 'required' }, { UV: false }, true],
    ['by the sheet', { immediateMediation: 'require' }, {}, true],
    ['by a passkey that may be copied', { deviceBound: true }, {}, true],
    ['as it is wanted there', { userVerification: 'required', deviceBound: true }, {}, false],
  ] as const)(
    'a session that began %s at a lax host counts at a strict one only if it may',
    async (_, strict, flags, backupEligible) => {
      const lax: PolicyOptions = { userVerification: 'preferred' };
      const policy = (request: unknown) => (isStrict(request) ? strict : lax);
      const site = await openRecorded({ mount, policy });
      const passkey = createSoftwarePasskey({ origin: site.origin, backupEligible, backedUp: backupEligible });
      await site.agent().signUp('ada', passkey);
      const agent = site.agent();
      const { id } = (await agent.signIn(passkey, { mode: 'modal', bend: { flags } })).json.attempt;
      expect(id).toBeDefined();
      const expected = backupEligible ? 401 : 200;
      const atStrict = { headers: { 'x-host': 'strict' } };
      // Remembered, and looked up.
      for (const later of [0, 60_000]) {
        site.clock.now += later;
        expect((await agent.request('GET', '/guarded', undefined, atStrict)).status).toBe(expected);
        expect((await agent.request('GET', '/passkeys/session', undefined, atStrict)).status).toBe(expected);
        expect(await guarded(agent)).toBe(200);
      }
      await site.close();
    },
  );

  test('where one host asks for no UI mode, its sign-ins count nowhere that one is required, and sign-ups do', async () => {
    const policy = (request: unknown): PolicyOptions => ({ immediateMediation: isStrict(request) ? 'require' : 'off' });
    const site = await openRecorded({ mount, policy });
    const atStrict = async (agent: Agent) =>
      (await agent.request('GET', '/guarded', undefined, { headers: { 'x-host': 'strict' } })).status;
    const ada = site.agent();
    const passkey = await ada.signUp('ada');
    const again = site.agent();
    site.clock.now += 1;
    expect((await again.signIn(passkey, { mode: 'modal' })).status).toBe(200);
    // Remembered, and looked up.
    for (const later of [0, 60_000]) {
      site.clock.now += later;
      expect([await guarded(again), await atStrict(again)]).toEqual([200, 401]);
      expect([await guarded(ada), await atStrict(ada)]).toEqual([200, 200]);
    }
    await site.close();
  });

  test('a body of one byte in a chunk, held open, takes little more memory than its bytes', async () => {
    const site = await openRecorded({ mount });
    const { port } = new URL(site.origin);
    const held = await Promise.all(
      Array.from({ length: 2 }, async () => {
        const socket = connect(Number(port), 'localhost');
        await once(socket, 'connect');
        return socket;
      }),
    );
    const before = heapUsed();
    const head = `POST /passkeys/authentication/verify HTTP/1.1\r\nHost: localhost:${port}\r\nOrigin: ${site.origin}\r\n`;
    const body = '1\r\nx\r\n'.repeat(30_000);
    await Promise.all(
      held.map((socket) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        socket.write(`${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${body}`, () =>
          resolve(),
        );
        return promise;
      }),
    );
    // What was written before is read before a request that begins now is answered.
    expect((await site.agent().session()).status).toBe(401);
    expect(heapUsed() - before).toBeLessThan(4_000_000);
    for (const socket of held) socket.destroy();
    await site.close();
  });

  test('a passkey that is added while an administrator removes all is removed as well', async () => {
    const { store, before } = interrupted();
    const site = await openRecorded({ mount, store });
    const agent = site.agent();
    await agent.signUp('ada');
    const later = createSoftwarePasskey({ origin: site.origin });
    before.remove = async () => expect((await agent.addPasskey(later)).status).toBe(201);
    const [id = ''] = site.accounts.keys();
    expect(await site.passkeys.forUser(id).removeAll({ by: 'operator', reason: 'stolen' })).toBe(2);
    expect((await site.agent().signIn(later)).status).toBe(401);
    await site.close();
  });

  test('a sign-in that comes while a user is forgotten leaves no session that guards believe', async () => {
    const { store, before } = interrupted();
    const site = await openRecorded({ mount, store });
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    before.forget = async () => expect((await agent.signIn(passkey)).status).toBe(200);
    const [id = ''] = site.accounts.keys();
    await site.passkeys.forUser(id).forget({ by: 'operator', reason: 'asked for it' });
    expect(await guarded(agent)).toBe(401);
    await site.close();
  });

  test('the order of a list does not tell passkeys from look-alikes', async () => {
    const site = await openRecorded({ mount, rateLimit: false });
    const agent = site.agent();
    await agent.signUp('ada');
    for (let count = 1; count < 3; count++) await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }));
    const names = ['ada', ...Array.from({ length: 40 }, (_, index) => `nobody-${index}`)];
    const lists = names.map(async (identifier) => {
      const { publicKey } = await site.agent().signInOptions({ mode: 'modal', identifier });
      return (publicKey.allowCredentials ?? []).map(({ id }) => id);
    });
    for (const ids of await Promise.all(lists)) expect(ids).toEqual(ids.toSorted());
    await site.close();
  });
});
