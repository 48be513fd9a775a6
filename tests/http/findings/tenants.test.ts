/** Findings 11 and 27 of the security review: relying parties behind one server share no passkey, no last passkey and no session. */
import {
  type AttemptRecord,
  createPasskeys,
  memoryStore,
  type RelyingParty,
  type Store,
  type User,
} from '@latchkey/core';
import { type Agent, createAgent, createSoftwarePasskey, type Mount } from '@latchkey/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mounts } from '../mounts.ts';
import { headerOf } from '../support/header.ts';
import { kinds, type OpenKind } from '../support/stores.ts';

const TENANT = 'x-tenant';
type Tenant = 'a' | 'b';

/** Two relying parties, the same people, one store, one cookie jar: a browser at `a` and one at `b` are one browser. */
async function openTenants(mount: Mount, store: Store) {
  const parties = new Map<string, RelyingParty>();
  const accounts = new Map<string, User>();
  const records: AttemptRecord[] = [];
  const tenantOf = (request: unknown) => (request === undefined ? undefined : headerOf(request, TENANT)) as Tenant;
  const passkeys = createPasskeys({
    rp: (request) => parties.get(tenantOf(request) ?? 'a'),
    users: {
      find: (id) => accounts.get(id),
      // The same person at both.
      identify: (request) => {
        return accounts.get(String(headerOf(request, 'x-password')));
      },
      create: ({ name }) => {
        const account = { id: crypto.randomUUID(), name };
        accounts.set(account.id, account);
        return account;
      },
    },
    store,
    policy: { maxPasskeys: 2 },
    sweepEvery: false,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    audit: { sinks: [{ name: 'test', write: (record) => void records.push(record) }] },
  });
  const { origin, close } = await mount((own) => {
    parties.set('a', { id: 'localhost', name: 'A', origins: [own], relatedOrigins: ['https://a.localhost'] });
    parties.set('b', { id: 'b.localhost', name: 'B', origins: ['https://b.localhost'] });
    return passkeys;
  });
  const originOf = { a: origin, b: 'https://b.localhost' };
  const rpIdOf = { a: 'localhost', b: 'b.localhost' };
  /** The same browser, with its cookies, at this tenant. */
  const at = (agent: Agent, tenant: Tenant, more: Record<string, string> = {}): Agent => {
    const headers = { [TENANT]: tenant, origin: originOf[tenant], ...more };
    const request: Agent['request'] = (method, path, body, change) =>
      agent.request(method, path, body, { ...change, headers: { ...headers, ...change?.headers } });
    return { ...agent, request, post: (path, body = {}, change) => request('POST', `/passkeys${path}`, body, change) };
  };
  const passkeyOf = (tenant: Tenant) => createSoftwarePasskey({ origin: originOf[tenant], rpId: rpIdOf[tenant] });
  const add = async (agent: Agent, passkey: ReturnType<typeof passkeyOf>) => {
    const options = await agent.post('/registration/options', {});
    if (options.status !== 200) return options;
    const { attemptId, publicKey } = options.json;
    return agent.post('/registration/verify', { attemptId, credential: passkey.register(publicKey) });
  };
  return {
    records,
    accounts,
    at,
    add,
    passkeyOf,
    browser: () => createAgent(origin),
    async signUp(agent: Agent, name: string, passkey: ReturnType<typeof passkeyOf>): Promise<string> {
      const { attemptId, publicKey } = (await agent.post('/registration/options', { username: name })).json;
      const reply = await agent.post('/registration/verify', { attemptId, credential: passkey.register(publicKey) });
      expect(reply.status, reply.text).toBe(201);
      return reply.json.user.id;
    },
    async signIn(agent: Agent, passkey: ReturnType<typeof passkeyOf>) {
      const { attemptId, publicKey } = (await agent.post('/authentication/options', {})).json;
      return agent.post('/authentication/verify', { attemptId, credential: passkey.authenticate(publicKey) });
    },
    async close() {
      await passkeys.close();
      await close();
    },
  };
}

const idsOf = async (agent: Agent): Promise<string[]> =>
  (await agent.request('GET', '/passkeys/credentials')).json.passkeys.map(({ id }: { id: string }) => id);

function checkTenants(mount: Mount, store: () => Store): void {
  test('finding 11: the last passkey, the limit and the management of one relying party know nothing of the other', async () => {
    const site = await openTenants(mount, store());
    const atA = site.at(site.browser(), 'a');
    const ofA = site.passkeyOf('a');
    const userId = await site.signUp(atA, 'ada', ofA);
    const password = { 'x-password': userId };
    // The same person's first passkey at the other, by password.
    const ofB = site.passkeyOf('b');
    const added = await site.add(site.at(site.browser(), 'b', password), ofB);
    expect(added.status, added.text).toBe(201);
    const atB = site.at(site.browser(), 'b');
    expect((await site.signIn(atB, ofB)).status).toBe(200);

    const [idA, ...restA] = await idsOf(atA);
    const [idB, ...restB] = await idsOf(atB);
    expect([restA, restB]).toEqual([[], []]);
    expect(idA).not.toBe(idB);
    for (const [agent, own, others] of [
      [atA, idA, idB],
      [atB, idB, idA],
    ] as const) {
      // The last one here, whatever there is elsewhere.
      expect((await agent.request('DELETE', `/passkeys/credentials/${own}`)).json.code).toBe('last_passkey');
      expect((await agent.request('PATCH', `/passkeys/credentials/${own}`, { enabled: false })).json.code).toBe(
        'last_passkey',
      );
      // What belongs to the other is not there.
      for (const body of [{ nickname: 'mine' }, { enabled: false }]) {
        expect((await agent.request('PATCH', `/passkeys/credentials/${others}`, body)).json.code).toBe('not_found');
      }
      expect((await agent.request('DELETE', `/passkeys/credentials/${others}`)).json.code).toBe('not_found');
    }
    // Two each.
    for (const [agent, tenant] of [
      [atA, 'a'],
      [atB, 'b'],
    ] as const) {
      expect((await site.add(agent, site.passkeyOf(tenant))).status).toBe(201);
      expect((await site.add(agent, site.passkeyOf(tenant))).json.code).toBe('passkey_limit_reached');
      const signals = (await agent.request('GET', '/passkeys/signals')).json;
      expect(signals.allAcceptedCredentials.allAcceptedCredentialIds).toHaveLength(2);
    }
    // The key of one, answering at the other.
    const stray = createSoftwarePasskey({ ...ofA.toJSON(), rpId: 'b.localhost', origin: 'https://b.localhost' });
    expect((await site.signIn(site.at(site.browser(), 'b'), stray)).json.code).toBe('authentication_failed');
    expect(site.records.at(-1)!.reason).toBe('credential_not_allowed');
    // Nor is a sign-in at the other shown here.
    expect(
      site.records.some(({ event, rp }) => event.name === 'latchkey.signin.attempt' && rp.id === 'b.localhost'),
    ).toBe(true);
    expect((await atA.request('GET', '/passkeys/activity')).json).toEqual({ activity: [] });
    // Sessions of the other are neither listed nor ended.
    const sessions = (await atA.request('GET', '/passkeys/sessions')).json.sessions;
    expect(sessions).toHaveLength(1);
    const { id: sessionOfB } = (await atB.request('GET', '/passkeys/session')).json;
    expect((await atA.request('DELETE', `/passkeys/sessions/${sessionOfB}`)).json.code).toBe('not_found');
    expect((await atA.request('DELETE', '/passkeys/sessions')).status).toBe(204);
    expect((await atB.request('GET', '/passkeys/session')).status).toBe(200);
    await site.close();
  });

  test('finding 27: a page of one tenant that asks with the other’s cookie ends no session there', async () => {
    const site = await openTenants(mount, store());
    const browser = site.browser();
    const atA = site.at(browser, 'a');
    await site.signUp(atA, 'ada', site.passkeyOf('a'));
    const atB = site.at(browser, 'b');
    for (const path of ['/guarded', '/page', '/transfer', '/perhaps', '/passkeys/session', '/passkeys/credentials']) {
      const reply = await atB.request('GET', path);
      expect([200, 303, 401, 403], path).toContain(reply.status);
      expect(reply.text).not.toContain('ada');
      if (path === '/perhaps') expect(reply.json).toEqual({ user: null });
      expect(reply.headers.getSetCookie().join()).not.toContain('session');
      expect((await atA.request('GET', '/guarded')).status, path).toBe(200);
    }
    expect(site.records.filter(({ event }) => event.name === 'latchkey.session.ended')).toEqual([]);
    await site.close();
  });
}

describe.each(Object.entries(mounts))('%s, in memory', (_, mount) => {
  checkTenants(mount, memoryStore);
});

describe.each(kinds)('$name', ({ open }) => {
  let opened: OpenKind;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened?.close());
  checkTenants(mounts['Express 5'], () => opened.store);
});
