/**
 * Findings 4 and 17 of the security review: what is signed out stays out, whatever is under way; and what was begun while its
 * passkey was disabled, or looked at while it ended, is dead at the next request of the same process. Over every kind of store.
 */
import { memoryStore, type SessionStore, type Store } from '@latchkey/core';
import { type Agent, createSoftwarePasskey, type Mount, type Site } from '@latchkey/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mounts } from '../mounts.ts';
import { ownSessions } from '../own-sessions.ts';
import { kinds, mixed, type OpenKind } from '../support/stores.ts';
import { openRecorded } from './recorded.ts';

/** A store in which one call of a verb waits, when it has done its work, until the test lets it go. */
function holding(store: Store) {
  const gates = new Map<string, { readonly reached: () => void; readonly gate: Promise<void> }>();
  const held = <S extends object>(target: S, changed: Partial<S> = {}): S =>
    new Proxy(target, {
      get(_, verb: string & keyof S) {
        if (verb in changed) return changed[verb];
        const work = target[verb];
        if (typeof work !== 'function') return work;
        return async (...args: unknown[]) => {
          const answer = await work.apply(target, args);
          const waiting = gates.get(verb);
          gates.delete(verb);
          waiting?.reached();
          await waiting?.gate;
          return answer;
        };
      },
    });
  const sessions = held(store.sessions!);
  // A store that keeps both in one place goes on doing so.
  const together = store.passkeys.sessions === store.sessions;
  const passkeys = held(store.passkeys, { sessions: together ? sessions : undefined } as Partial<Store['passkeys']>);
  return {
    store: { ...store, sessions, passkeys },
    /** The next call of `verb` waits. `reached` resolves when it does; `letGo` ends that. */
    hold(verb: keyof SessionStore | keyof Store['passkeys']) {
      const reaching = Promise.withResolvers<void>();
      const { promise: gate, resolve } = Promise.withResolvers<void>();
      gates.set(verb, { reached: reaching.resolve, gate });
      return {
        reached: reaching.promise,
        letGo: () => resolve(),
      };
    },
  };
}

const copyOf = (site: Site, agent: Agent): Agent => {
  const copy = site.agent();
  for (const [name, value] of agent.cookies) copy.cookies.set(name, value);
  return copy;
};
const guarded = async (agent: Agent) => (await agent.request('GET', '/guarded')).status;

/** A person with two passkeys, each signed in by a browser of its own. Each open is another person, on whatever store. */
async function openTwo(mount: Mount, store: Store) {
  const holder = holding(store);
  const site = await openRecorded({ mount, store: holder.store, sessions: { revalidateAfter: '10m' } });
  const laptop = site.agent();
  await laptop.signUp('ada');
  const key = createSoftwarePasskey({ origin: site.origin });
  expect((await laptop.addPasskey(key)).status).toBe(201);
  const phone = site.agent();
  expect((await phone.signIn(key)).status).toBe(200);
  const { id } = (await phone.session()).json.passkey;
  const change = (body: object) => laptop.request('PATCH', `/passkeys/credentials/${id}`, body);
  return {
    site,
    laptop,
    phone,
    key,
    change,
    remove: () => laptop.request('DELETE', `/passkeys/credentials/${id}`),
    ...holder,
  };
}

type Opened = Awaited<ReturnType<typeof openTwo>>;

/** Each way in which another browser ends the phone's session. */
const ENDINGS: readonly (readonly [string, (opened: Opened) => Promise<{ status: number }>])[] = [
  ['its passkey is disabled', ({ change }) => change({ enabled: false })],
  ['its passkey is removed', ({ remove }) => remove()],
  ['it is ended from elsewhere', ({ laptop }) => laptop.request('DELETE', '/passkeys/sessions')],
  ['it signs out', ({ site, phone }) => copyOf(site, phone).request('DELETE', '/passkeys/session')],
];

function checkEndings(mount: Mount, store: () => Store): void {
  test.each(ENDINGS)('finding 17: a guard that looks while %s makes nobody’s next request live', async (_, end) => {
    for (const verb of ['find', 'listByUser'] as const) {
      const opened = await openTwo(mount, store());
      const { site, phone, hold } = opened;
      // Far enough for the memory of the guards to be over, so that the guard asks the store.
      site.clock.now += 600_000;
      const { reached, letGo } = hold(verb);
      const looking = guarded(phone);
      await reached;
      expect((await end(opened)).status).toBeLessThan(300);
      letGo();
      await looking;
      expect(await guarded(phone)).toBe(401);
      expect((await phone.session()).status).toBe(401);
      await site.close();
    }
  });

  test('finding 17: a sign-in that ends while its passkey is disabled is dead at the next request', async () => {
    for (const verb of ['recordUse', 'begin'] as const) {
      const { site, key, change, hold } = await openTwo(mount, store());
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions();
      const body = { attemptId, credential: key.authenticate(publicKey) };
      const { reached, letGo } = hold(verb);
      const signingIn = agent.post('/authentication/verify', body);
      const stored = verb === 'begin' && site.store.passkeys.sessions !== undefined;
      // Where both are stored in one step, nobody calls `begin`.
      if (!stored) await reached;
      else await signingIn;
      expect((await change({ enabled: false })).status).toBe(200);
      letGo();
      await signingIn;
      expect(await guarded(agent)).toBe(401);
      // Enabling it again revives nothing.
      expect((await change({ enabled: true })).status).toBe(200);
      expect(await guarded(agent)).toBe(401);
      await site.close();
    }
  });

  test('finding 4: what was seen of a session while it ended does not revive it', async () => {
    const { site, phone, hold } = await openTwo(mount, store());
    site.clock.now += 3_600_000;
    const thief = copyOf(site, phone);
    const { reached, letGo } = hold('find');
    const looking = guarded(thief);
    await reached;
    expect((await phone.request('DELETE', '/passkeys/session')).status).toBe(204);
    letGo();
    await looking;
    for (const agent of [thief, phone]) expect(await guarded(agent)).toBe(401);
    site.clock.now += 3_600_000;
    expect(await guarded(thief)).toBe(401);
    await site.close();
  });

  test('a store that is down lets nobody in and signs nobody out', async () => {
    const inner = store();
    let down = false;
    const failing = <S extends object>(target: S): S =>
      new Proxy(target, {
        get(_, verb: string & keyof S) {
          const work = target[verb];
          if (typeof work !== 'function') return work;
          return async (...args: unknown[]) => {
            if (down) throw new Error('connection refused');
            return work.apply(target, args);
          };
        },
      });
    const site = await openRecorded({
      mount,
      store: {
        ...inner,
        sessions: failing(inner.sessions!),
        passkeys: failing({ ...inner.passkeys, sessions: undefined as never }),
      },
      sessions: { revalidateAfter: 0 },
    });
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const { attemptId, publicKey } = await site.agent().signInOptions();
    expect(attemptId).toBeDefined();
    const cookie = agent.cookies.get('latchkey-session');
    down = true;
    for (const path of [
      '/guarded',
      '/enforced',
      '/transfer',
      '/page',
      '/perhaps',
      '/passkeys/session',
      '/passkeys/sessions',
    ]) {
      const reply = await agent.request('GET', path);
      expect([reply.status, reply.json?.code], path).toEqual([503, 'store_unavailable']);
      expect(reply.headers.getSetCookie()).toEqual([]);
    }
    expect((await agent.request('DELETE', '/passkeys/session')).status).toBe(503);
    expect(agent.cookies.get('latchkey-session')).toBe(cookie);
    const stranger = site.agent();
    expect((await stranger.signIn(passkey)).status).toBe(503);
    expect(stranger.cookies.has('latchkey-session')).toBe(false);
    expect(publicKey.challenge).toBeDefined();
    down = false;
    expect(await guarded(agent)).toBe(200);
    expect(await guarded(stranger)).toBe(401);
    expect(site.records.filter(({ event }) => event.name === 'latchkey.session.ended')).toEqual([]);
    await site.close();
  });
}

describe.each(Object.entries(mounts))('%s, in memory', (_, mount) => {
  checkEndings(mount, memoryStore);
});

describe('passkeys and sessions in stores of two kinds', () => {
  checkEndings(mounts['Express 5'], () => ({ ...memoryStore(), sessions: memoryStore().sessions }));
});

describe.each([...kinds, mixed])('$name', ({ open }) => {
  let opened: OpenKind;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened?.close());
  checkEndings(mounts['Express 5'], () => opened.store);
});

describe.each(Object.entries(ownSessions))('%s in front of us', (_, { mount }) => {
  test('finding 4: a page that polls while somebody signs out, steps up or signs in undoes none of it', async () => {
    const { store, hold } = holding(memoryStore());
    const site = await openRecorded({
      mount,
      store,
      policy: { reauthentication: 'aal2' },
      sessions: { revalidateAfter: 0 },
    });
    const agent = site.agent();
    await agent.request('POST', '/cart', {});
    const passkey = await agent.signUp('ada');
    /** A request of this browser that the store holds until `work` is done. */
    const during = async (work: () => Promise<unknown>) => {
      site.clock.now += 61_000;
      const poll = copyOf(site, agent);
      const { reached, letGo } = hold('find');
      const polling = poll.request('GET', '/guarded');
      await reached;
      await work();
      letGo();
      await polling;
      return poll;
    };
    const before = await during(() => agent.stepUp(passkey, 'transfer'));
    expect((await agent.request('GET', '/transfer')).status).toBe(200);
    expect(await guarded(before)).toBe(401);
    const again = await during(() => agent.signIn(passkey));
    expect(await guarded(agent)).toBe(200);
    expect(await guarded(again)).toBe(401);
    const out = await during(() => agent.request('DELETE', '/passkeys/session'));
    for (const browser of [agent, out]) expect(await guarded(browser)).toBe(401);
    await site.close();
  });
});
