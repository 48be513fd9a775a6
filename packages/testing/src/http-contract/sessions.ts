/** The rules about sign-in sessions: how they begin, what ends them, who may see them, and two people in one browser. */
import assert from 'node:assert/strict';
import type { AttemptRecord } from '@latchkey/core';
import type { Agent, Reply } from '../agent.ts';
import { createSoftwarePasskey } from '../passkey/software-passkey.ts';
import type { Site } from '../site.ts';
import { assertProblem, assertSignedOut, type HttpRule, lastRecord, rule } from './rule.ts';

/** The cookie on http://localhost. */
const COOKIE = 'latchkey-session';

const tokenOf = (agent: Agent) => agent.cookies.get(COOKIE);

/** The same browser's cookies as they are now, in a browser of their own: a thief's copy. */
function copyOf(site: Site, agent: Agent): Agent {
  const copy = site.agent();
  for (const [name, value] of agent.cookies) copy.cookies.set(name, value);
  return copy;
}

const sessionsOf = async (agent: Agent) => (await agent.request('GET', '/passkeys/sessions')).json.sessions;

const ended = (site: Site): AttemptRecord[] =>
  site.records.filter(({ event }) => event.name === 'latchkey.session.ended');

/** A request whose body is held back until `release`: PATCH of a passkey, which reads the session late. */
function held(agent: Agent, id: string): { release(): Promise<Reply> } {
  let send: ReadableStreamDefaultController<Uint8Array>;
  const rawBody = new ReadableStream<Uint8Array>({
    start(controller) {
      send = controller;
      controller.enqueue(new TextEncoder().encode('{"nickname":'));
    },
  });
  const reply = agent.request('PATCH', `/passkeys/credentials/${id}`, undefined, { rawBody });
  return {
    release() {
      send.enqueue(new TextEncoder().encode('"held"}'));
      send.close();
      return reply;
    },
  };
}

/** Who the application's own sign-in says is there: by a header, as a session of its own would tell it. */
const PERSON = 'x-person';
const identify = (accounts: () => Site['accounts']) => (request: unknown) => {
  const { headers } = request as { headers: Headers | Record<string, string | undefined> };
  const person = headers instanceof Headers ? headers.get(PERSON) : headers[PERSON];
  return [...accounts().values()].find(({ name }) => name === person);
};
const as = (person: string) => ({ headers: { [PERSON]: person } });

/** A rule about a site whose application signs people in by itself as well. */
function identifiedRule(name: string, check: (site: Site) => Promise<void>, more: object = {}): HttpRule {
  let accounts: Site['accounts'] = new Map();
  return rule(
    name,
    async (site) => {
      accounts = site.accounts;
      await check(site);
    },
    { users: { identify: identify(() => accounts) } as never, ...more },
  );
}

export const sessionRules: readonly HttpRule[] = [
  identifiedRule('offers a first passkey to whom the application names, until they say "not now"', async (site) => {
    for (const name of ['ada', 'eve']) site.accounts.set(name, { id: name, name, active: true });
    const agent = site.agent();
    const offered = async (person: string) => (await agent.post('/offer', {}, as(person))).json.offer;
    assert.equal(await offered('ada'), 'ask');
    assert.equal((await agent.request('DELETE', '/passkeys/offer', undefined, as('ada'))).status, 204);
    assert.equal(await offered('ada'), 'none');
    assert.equal(await offered('eve'), 'ask');
    assert.equal(site.records.length, 0);
  }),

  rule('names a session by a cookie that no script reads and no other site sends', async (site) => {
    const agent = site.agent();
    const options = await agent.post('/registration/options', { username: 'ada' });
    const passkey = createSoftwarePasskey({ origin: site.origin });
    const credential = passkey.register(options.json.publicKey);
    const reply = await agent.post('/registration/verify', { attemptId: options.json.attemptId, credential });
    const [line, ...more] = reply.headers.getSetCookie();
    assert.deepEqual(more, []);
    const [pair, ...attributes] = line!.split('; ');
    assert.match(pair!, /^latchkey-session=[\w-]{43}$/);
    assert.deepEqual(attributes.sort(), ['HttpOnly', 'Max-Age=2592000', 'Path=/', 'SameSite=Lax']);
    assert.ok(!JSON.stringify(site.records).includes(tokenOf(agent)!), 'a token is in a record');
    const [session] = await site.store.sessions!.listByUser(reply.json.user.id);
    assert.ok(!JSON.stringify(session).includes(tokenOf(agent)!), 'a token is in the store');
    // No other request of ours sets it.
    for (const [method, path] of [
      ['GET', '/passkeys/session'],
      ['GET', '/passkeys/credentials'],
      ['GET', '/guarded'],
    ] as const) {
      assert.deepEqual((await agent.request(method, path)).headers.getSetCookie(), []);
    }
  }),

  rule('begins a new session at sign-in and ends the one that this browser had', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const before = copyOf(site, agent);
    const { id } = (await before.session()).json;
    await agent.signIn(passkey);
    assert.notEqual(tokenOf(agent), tokenOf(before));
    assert.equal((await agent.session()).status, 200);
    await assertSignedOut(before);
    assertProblem(await before.request('GET', '/guarded'), 401, 'sign_in_required');
    assert.equal((await sessionsOf(agent)).length, 1);
    const [signIn, replaced] = site.records.slice(-2);
    assert.equal(signIn?.session.id, (await agent.session()).json.id);
    assert.deepEqual(replaced?.session, { id, endedBy: 'person', endedBecause: 'replaced' });
  }),

  rule('goes on under a new token after a step-up, and the old one is worth nothing', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const before = copyOf(site, agent);
    const { id } = (await before.session()).json;
    await agent.stepUp(passkey, 'transfer');
    await assertSignedOut(before);
    const { json } = await agent.session();
    assert.deepEqual([json.id, json.stepUp.action], [id, 'transfer']);
    assert.equal((await agent.request('GET', '/transfer')).status, 200);
    assert.equal((await sessionsOf(agent)).length, 1);
  }),

  rule('signs out for good, also while a request is held open', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
    const thief = copyOf(site, agent);
    const request = held(thief, id);
    assert.equal((await agent.request('DELETE', '/passkeys/session')).status, 204);
    assertProblem(await request.release(), 401, 'sign_in_required');
    await assertSignedOut(thief);
    const { session } = lastRecord(site);
    assert.deepEqual([session.endedBy, session.endedBecause], ['person', 'signed_out']);
    assert.equal(ended(site).length, 1);
  }),

  rule(
    'signs out for good under a policy that stores when people were seen',
    async (site) => {
      const agent = site.agent();
      await agent.signUp('ada');
      const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
      site.clock.now += 600_000;
      const thief = copyOf(site, agent);
      const request = held(thief, id);
      await agent.request('DELETE', '/passkeys/session');
      await request.release();
      await assertSignedOut(thief);
    },
    { policy: { reauthentication: 'aal2' } },
  ),

  rule('keeps a step-up and a sign-in that were made while a request was held open', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
    const old = copyOf(site, agent);
    const during = held(old, id);
    await agent.stepUp(passkey, 'transfer');
    await during.release();
    assert.equal((await agent.request('GET', '/transfer')).status, 200);
    await assertSignedOut(old);
    const older = copyOf(site, agent);
    const again = held(older, id);
    await agent.signIn(passkey);
    await again.release();
    assert.equal((await agent.session()).status, 200);
    await assertSignedOut(older);
  }),

  rule('refuses a step-up whose session ended meanwhile, and revives nothing', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const thief = copyOf(site, agent);
    const { attemptId, publicKey } = (await thief.post('/step-up/options', {})).json;
    const credential = passkey.authenticate(publicKey);
    await agent.request('DELETE', '/passkeys/session');
    assertProblem(await thief.post('/step-up/verify', { attemptId, credential }), 401, 'sign_in_required');
    await assertSignedOut(thief);
    const userId = [...site.accounts.keys()][0]!;
    assert.deepEqual(await site.store.sessions!.listByUser(userId), []);
  }),

  rule('lists one’s own sessions, ends one and ends all others', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const [phone, tablet] = [site.agent(), site.agent()];
    await phone.signIn(passkey);
    await tablet.signIn(passkey);
    const eve = site.agent();
    await eve.signUp('eve');
    const listed = await sessionsOf(agent);
    assert.equal(listed.length, 3);
    assert.deepEqual(Object.keys(listed[0]).sort(), [
      'address',
      'createdAt',
      'current',
      'expiresAt',
      'id',
      'passkey',
      'seenAt',
      'userAgent',
    ]);
    assert.equal(listed.filter(({ current }: { current: boolean }) => current).length, 1);
    const { id } = (await phone.session()).json;
    assertProblem(await eve.request('DELETE', `/passkeys/sessions/${id}`), 404, 'not_found');
    assert.equal((await agent.request('DELETE', `/passkeys/sessions/${id}`)).status, 204);
    await assertSignedOut(phone);
    assert.equal(lastRecord(site).session.endedBecause, 'ended_elsewhere');
    assertProblem(await agent.request('DELETE', `/passkeys/sessions/${id}`), 404, 'not_found');
    assert.equal((await agent.request('DELETE', '/passkeys/sessions')).status, 204);
    await assertSignedOut(tablet);
    assert.equal((await agent.session()).status, 200);
    assert.equal((await eve.session()).status, 200);
    assert.equal(ended(site).length, 2);
  }),

  rule('signs out from a route of the application', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const thief = copyOf(site, agent);
    assert.equal((await agent.request('POST', '/sign-out', {})).status, 204);
    assert.equal(tokenOf(agent), undefined);
    await assertSignedOut(thief);
    assert.deepEqual(
      [lastRecord(site).session.endedBy, lastRecord(site).session.endedBecause],
      ['application', 'signed_out'],
    );
  }),

  rule('ends a session at its expiry, and when it was idle too long', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const day = 86_400_000;
    for (let days = 0; days < 29; days += 5) {
      site.clock.now += 5 * day;
      assert.equal((await agent.session()).status, days < 25 ? 200 : 401, `after ${days + 5} days`);
    }
    await agent.signIn(passkey);
    site.clock.now += 7 * day + 1;
    await assertSignedOut(agent);
    assert.equal(ended(site).length, 0);
  }),

  rule(
    'lets a session end with the browser where the application says so',
    async (site) => {
      const agent = site.agent();
      const options = await agent.post('/registration/options', { username: 'ada' });
      const passkey = createSoftwarePasskey({ origin: site.origin });
      const credential = passkey.register(options.json.publicKey);
      const reply = await agent.post('/registration/verify', { attemptId: options.json.attemptId, credential });
      assert.ok(!/max-age|expires/i.test(reply.headers.getSetCookie().join()));
      site.clock.now += 86_400_001;
      await assertSignedOut(agent);
    },
    { sessions: { lifetime: 'browser' } },
  ),

  rule('refuses what a page of another site would change behind a guard', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: undefined, 'sec-fetch-site': 'cross-site' },
      { origin: undefined, 'sec-fetch-site': 'same-site' },
    ]) {
      assertProblem(await agent.request('POST', '/guarded', {}, { headers }), 403, 'origin_not_allowed');
      assert.deepEqual((await agent.request('POST', '/perhaps', {}, { headers })).json, { user: null });
      assert.equal((await agent.request('GET', '/guarded', undefined, { headers })).status, 200);
    }
    assert.equal((await agent.request('POST', '/guarded', {})).status, 200);
    assert.equal((await agent.session()).status, 200);
  }),

  rule(
    'leaves that to an application with a defence of its own',
    async (site) => {
      const agent = site.agent();
      await agent.signUp('ada');
      const foreign = { headers: { origin: 'https://evil.example' } };
      assert.equal((await agent.request('POST', '/guarded', {}, foreign)).status, 200);
      assertProblem(await agent.post('/authentication/options', {}, foreign), 403, 'origin_not_allowed');
    },
    { sessions: { checkOrigin: false } },
  ),

  rule('reads a session where there is one, and refuses nobody', async (site) => {
    const agent = site.agent();
    assert.deepEqual((await agent.request('GET', '/perhaps')).json, { user: null });
    await agent.signUp('ada');
    assert.deepEqual((await agent.request('GET', '/perhaps')).json, { user: [...site.accounts.keys()][0] });
  }),

  rule('believes no token that is not its own', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const token = tokenOf(agent)!;
    const [session] = await site.store.sessions!.listByUser([...site.accounts.keys()][0]!);
    for (const forged of [
      session!.tokenHash,
      `${token}A`,
      token.slice(0, -1),
      token.toLowerCase(),
      '',
      'A'.repeat(43),
    ]) {
      const thief = site.agent();
      thief.cookies.set(COOKIE, forged);
      await assertSignedOut(thief);
      assertProblem(await thief.request('GET', '/guarded'), 401, 'sign_in_required');
    }
  }),

  rule(
    'signs nobody in when onSignIn throws, and nobody stays signed in',
    async (site) => {
      const agent = site.agent();
      const options = await agent.post('/registration/options', { username: 'ada' });
      const passkey = createSoftwarePasskey({ origin: site.origin });
      const credential = passkey.register(options.json.publicKey);
      const reply = await agent.post('/registration/verify', { attemptId: options.json.attemptId, credential });
      assertProblem(reply, 500, 'internal_error');
      assert.equal(tokenOf(agent), undefined);
      // What was refused is not kept: neither session nor passkey nor account.
      assert.equal(site.accounts.size, 0);
      assert.deepEqual(
        site.records.map(({ event, outcome }) => [event.name, outcome]),
        [['latchkey.registration.attempt', 'error']],
      );
    },
    {
      onSignIn: () => {
        throw new Error('the application’s own session store is down');
      },
    },
  ),

  identifiedRule('ends the session of one person where the application names another', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    await site.agent().signUp('mallory');
    const mallory = createSoftwarePasskey({ origin: site.origin });
    // Mallory signs in at the application, in the same browser.
    assertProblem(await agent.request('GET', '/guarded', undefined, as('mallory')), 401, 'sign_in_required');
    const { session, outcome } = lastRecord(site);
    assert.deepEqual([outcome, session.endedBy, session.endedBecause], ['success', 'application', 'person_changed']);
    await assertSignedOut(agent);
    // In that very request it counts for nothing: no list, no passkey and no step-up of ada's.
    for (const [method, path, body] of [
      ['GET', '/credentials'],
      ['POST', '/registration/options', {}],
      ['POST', '/step-up/options', {}],
      ['GET', '/sessions'],
    ] as const) {
      const other = site.agent();
      await other.signIn(passkey);
      const reply = await other.request(method, `/passkeys${path}`, body, as('mallory'));
      assert.ok(!reply.text.includes(passkey.credentialId), path);
      assert.ok(reply.status === 200 ? path === '/credentials' : [401, 403].includes(reply.status), reply.text);
      if (reply.status === 200) assert.equal(reply.json.passkeys.length, 1);
      await assertSignedOut(other);
    }
    const options = await agent.post('/registration/options', {}, as('mallory'));
    assertProblem(options, 403, 'step_up_required');
    const owners = await Promise.all([...site.accounts.keys()].map((id) => site.store.passkeys.listByUser(id)));
    assert.ok(!JSON.stringify(owners).includes(mallory.credentialId));
  }),

  identifiedRule('lets a person whom only the application knows read, and change nothing', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { passkeys } = (await agent.request('GET', '/passkeys/credentials', undefined, as('ada'))).json;
    assert.deepEqual(
      passkeys.map(({ current }: { current: boolean }) => current),
      [false],
    );
    assert.equal((await agent.request('GET', '/passkeys/signals', undefined, as('ada'))).status, 200);
    const path = `/passkeys/credentials/${passkeys[0].id}`;
    assertProblem(await agent.request('PATCH', path, { nickname: 'x' }, as('ada')), 403, 'step_up_required');
    assertProblem(await agent.request('DELETE', path, undefined, as('ada')), 403, 'step_up_required');
    assertProblem(await agent.post('/registration/options', {}, as('ada')), 403, 'step_up_required');
    assertProblem(await agent.post('/step-up/options', {}, as('ada')), 401, 'sign_in_required');
    assertProblem(await agent.request('GET', '/passkeys/sessions', undefined, as('ada')), 401, 'sign_in_required');
    assert.equal((await site.store.passkeys.listByUser([...site.accounts.keys()][0]!))[0]!.nickname, 'Passkey');
    assert.ok(passkey.credentialId.length > 0);
  }),

  identifiedRule(
    'ends a session when the application names nobody any more, where it wants that',
    async (site) => {
      const agent = site.agent();
      const passkey = await agent.signUp('ada');
      const { attemptId, publicKey } = (await agent.post('/authentication/options', { mode: 'modal' }, as('ada'))).json;
      const credential = passkey.authenticate(publicKey);
      await agent.post('/authentication/verify', { attemptId, credential }, as('ada'));
      assert.equal((await agent.request('GET', '/guarded', undefined, as('ada'))).status, 200);
      assertProblem(await agent.request('GET', '/guarded'), 401, 'sign_in_required');
      assert.equal(lastRecord(site).session.endedBecause, 'not_identified');
      assertProblem(await agent.request('GET', '/guarded', undefined, as('ada')), 401, 'sign_in_required');
    },
    { sessions: { followIdentify: true } },
  ),

  identifiedRule(
    'wants a first factor where policy says so, for options and for verify',
    async (site) => {
      const { store, accounts } = site;
      accounts.set('ada', { id: 'ada', name: 'ada', active: true });
      const agent = site.agent();
      const options = await agent.post('/registration/options', {}, as('ada'));
      const passkey = createSoftwarePasskey({ origin: site.origin });
      const made = passkey.register(options.json.publicKey);
      const added = await agent.post(
        '/registration/verify',
        { attemptId: options.json.attemptId, credential: made },
        as('ada'),
      );
      assert.equal(added.status, 201, added.text);
      assert.equal((await store.passkeys.listByUser('ada')).length, 1);
      const thief = site.agent();
      assertProblem(await thief.post('/authentication/options', {}), 401, 'sign_in_required');
      assert.equal(lastRecord(site).reason, 'first_factor_missing');
      const { attemptId, publicKey } = (await thief.post('/authentication/options', {}, as('ada'))).json;
      const credential = passkey.authenticate(publicKey);
      assertProblem(await thief.post('/authentication/verify', { attemptId, credential }), 401, 'sign_in_required');
      await assertSignedOut(thief);
      assert.equal((await thief.post('/authentication/verify', { attemptId, credential }, as('ada'))).status, 200);
      assertProblem(await site.agent().post('/registration/options', { username: 'eve' }), 401, 'sign_in_required');
    },
    { policy: { firstFactor: 'identified' } },
  ),
];
