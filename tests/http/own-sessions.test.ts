/** An application's own session lives beside ours: untouched where nothing joins them, in step where bridges do. */
import { memoryStore } from '@latchkey/core';
import { type Agent, createSoftwarePasskey, openSite, type Site, type SiteOptions } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { type OwnSession, ownSessions, REMEMBERED_MS } from './own-sessions.ts';
import { assertValidRecord } from './record-schema.ts';

const open = (own: OwnSession, options: SiteOptions = {}) =>
  openSite({ mount: own.mount, store: memoryStore, onRecord: assertValidRecord }, options);

/** A site whose application's own session says who is there. */
async function openIdentified(own: OwnSession, options: SiteOptions = {}): Promise<Site> {
  const identify = (request: unknown) => site.accounts.get(own.who(request) ?? '');
  const site: Site = await open(own, { users: { identify } as never, ...options });
  return site;
}

/** The bridges that the guides show. */
const bridges = (own: OwnSession): SiteOptions => ({
  onSignIn: ({ request, user }) => own.signIn(request, user.id),
  onSignOut: async ({ request, current }) => {
    if (current) await own.signOut(request);
  },
});

const json = async (agent: Agent, path: string) => (await agent.request('GET', path)).json;
const userOf = (site: Site, name: string) => [...site.accounts.values()].find((account) => account.name === name)!.id;

describe.each(Object.entries(ownSessions))('%s', (name, own) => {
  test('a cart and “keep me signed in” survive a passkey sign-in, a step-up and a sign-out', async () => {
    const site = await open(own);
    const agent = site.agent();
    const passkey = await site.agent().signUp('ada');
    const filled = await agent.request('POST', '/cart', {});
    expect(filled.headers.getSetCookie().join()).toMatch(/expires|max-age/i);
    const before = await json(agent, '/cart');
    expect(before.cart).toEqual(['book']);
    if (before.maxAge !== undefined) expect(before.maxAge).toBe(REMEMBERED_MS);
    const cookie = agent.cookies.get(own.cookie);
    expect(cookie).toBeDefined();
    for (const work of [
      () => agent.signIn(passkey),
      () => agent.stepUp(passkey, 'transfer'),
      () => agent.signIn(passkey),
      () => agent.request('DELETE', '/passkeys/session'),
    ]) {
      const reply = await work();
      expect(reply.status).toBeLessThan(300);
      // A library that rolls sets its own cookie with each answer; none of ours made it another, or shortened it.
      for (const line of reply.headers.getSetCookie()) {
        if (line.startsWith(`${own.cookie}=`)) expect(line).toMatch(/expires|max-age/i);
      }
      expect(await json(agent, '/cart')).toEqual(before);
      if (name !== '@fastify/secure-session') expect(agent.cookies.get(own.cookie)).toBe(cookie);
    }
    await site.close();
  });

  test('finding 12: a passkey session that is dead takes nothing of the application’s with it', async () => {
    const site = await openIdentified(own);
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const ada = userOf(site, 'ada');
    await agent.request('POST', '/cart', {});
    await agent.request('POST', `/password/${ada}`, {});
    const elsewhere = site.agent();
    await elsewhere.request('POST', `/password/${ada}`, {});
    await elsewhere.signIn(passkey);
    await elsewhere.addPasskey(createSoftwarePasskey({ origin: site.origin }));
    const { passkeys } = await json(agent, '/passkeys/credentials');
    const { id } = passkeys.find(({ current }: { current: boolean }) => current);
    expect((await elsewhere.request('DELETE', `/passkeys/credentials/${id}`)).status).toBe(200);
    expect((await agent.request('GET', '/guarded')).json.code).toBe('sign_in_required');
    // Known by password, and asked for a passkey: not thrown out, and no fault of ours.
    expect((await agent.post('/registration/options', {})).json.code).toBe('step_up_required');
    expect(await json(agent, '/who')).toEqual({ id: ada });
    expect((await json(agent, '/cart')).cart).toEqual(['book']);
    await site.close();
  });

  test('bridges sign in and out at the application, like passport’s login() and logout()', async () => {
    const site = await openIdentified(own, bridges(own));
    const agent = site.agent();
    await agent.request('POST', '/cart', {});
    const passkey = await agent.signUp('ada');
    const ada = userOf(site, 'ada');
    const anonymous = agent.cookies.get(own.cookie);
    expect(await json(agent, '/who')).toEqual({ id: ada });
    expect(await json(agent, '/guarded')).toEqual({ user: ada });
    expect((await json(agent, '/cart')).cart).toEqual(['book']);

    expect((await agent.request('DELETE', '/passkeys/session')).status).toBe(204);
    expect(await json(agent, '/who')).toEqual({ id: null });
    expect((await agent.request('GET', '/guarded')).status).toBe(401);

    expect((await agent.signIn(passkey)).status).toBe(200);
    expect(agent.cookies.get(own.cookie)).not.toBe(anonymous);
    expect(await json(agent, '/who')).toEqual({ id: ada });
    expect((await agent.stepUp(passkey, 'transfer')).status).toBe(200);
    expect((await agent.request('GET', '/transfer')).status).toBe(200);
    expect(await json(agent, '/who')).toEqual({ id: ada });
    await site.close();
  });

  test.each([
    ['with', true],
    ['without', false],
  ])(
    'two people in one browser, %s a sign-out between them: nothing of one is in the other’s hands',
    async (_, out) => {
      const site = await openIdentified(own, bridges(own));
      const mallorys = site.agent();
      await mallorys.signUp('mallory');
      const mallory = userOf(site, 'mallory');
      const agent = site.agent();
      const passkey = await agent.signUp('ada');
      await agent.stepUp(passkey, 'transfer');
      if (out) await agent.request('POST', '/bye', {});
      await agent.request('POST', `/password/${mallory}`, {});
      for (const path of ['/guarded', '/transfer', '/passkeys/session', '/passkeys/sessions']) {
        expect((await agent.request('GET', path)).json.code, path).toBe('sign_in_required');
      }
      const listed = await json(agent, '/passkeys/credentials');
      expect(listed.passkeys).toEqual((await json(mallorys, '/passkeys/credentials')).passkeys.map(asOther));
      expect((await agent.post('/registration/options', {})).json.code).toBe('step_up_required');
      // Being told apart did not sign mallory out at the application.
      expect(await json(agent, '/who')).toEqual({ id: mallory });
      expect(site.records.at(-1)!.session).toMatchObject({ endedBy: 'application', endedBecause: 'person_changed' });
      await site.close();
    },
  );
});

const asOther = (passkey: object) => ({ ...passkey, current: false });
