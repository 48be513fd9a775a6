/** The rules about a person's own passkeys and session: listing, changing, removing, guards, signals. */
import assert from 'node:assert/strict';
import type { Agent } from '../agent.ts';
import { createSoftwarePasskey } from '../passkey/software-passkey.ts';
import { assertProblem, assertSignedOut, type HttpRule, idOfOther, rule } from './rule.ts';

const list = async (agent: Agent) => (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
const path = (id: string) => `/passkeys/credentials/${id}`;

export const passkeyRules: readonly HttpRule[] = [
  rule('lists one’s own passkeys, without the credential id', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    await site.agent().signUp('eve');
    const reply = await agent.request('GET', '/passkeys/credentials');
    const [own, ...others] = reply.json.passkeys;
    assert.equal(others.length, 0);
    assert.deepEqual(Object.keys(own).sort(), [
      'backedUp',
      'createdAt',
      'current',
      'deviceBound',
      'enabled',
      'id',
      'lastUsedAt',
      'nickname',
      'provider',
      'transports',
    ]);
    assert.deepEqual([own.current, own.enabled, own.lastUsedAt], [true, true, null]);
    assert.ok(!reply.text.includes(passkey.credentialId));
  }),

  rule('renames a passkey', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const [{ id }] = await list(agent);
    const reply = await agent.request('PATCH', path(id), { nickname: 'Blue 🔑 "key" %_\\' });
    assert.deepEqual([reply.status, reply.json.nickname], [200, 'Blue 🔑 "key" %_\\']);
    assert.equal((await list(agent))[0].nickname, 'Blue 🔑 "key" %_\\');
    assert.equal(site.records.at(-1)!.event.name, 'latchkey.passkey.renamed');
    assertProblem(await agent.request('PATCH', path(id), {}), 400, 'malformed_request');
    assertProblem(await agent.request('PATCH', path(id), { nickname: 'x'.repeat(101) }), 400, 'malformed_request');
  }),

  rule('calls no two passkeys of an account alike by itself', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const known = 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4';
    for (const aaguid of [undefined, known, known, undefined]) {
      await agent.addPasskey(createSoftwarePasskey({ origin: site.origin, ...(aaguid && { aaguid }) }));
    }
    const names = (await list(agent)).map(({ nickname }: { nickname: string }) => nickname);
    assert.deepEqual(names.sort(), [
      'Google Password Manager',
      'Google Password Manager 2',
      'Passkey',
      'Passkey 2',
      'Passkey 3',
    ]);
  }),

  rule('knows nothing of what belongs to someone else', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const eve = site.agent();
    await eve.signUp('eve');
    const [{ id }] = await list(agent);
    assertProblem(await eve.request('PATCH', path(id), { nickname: 'mine' }), 404, 'not_found');
    assertProblem(await eve.request('PATCH', path(id), { enabled: false }), 404, 'not_found');
    assertProblem(await eve.request('DELETE', path(id)), 404, 'not_found');
    assert.equal((await list(agent))[0].nickname, 'Passkey');
  }),

  rule('does not remove or disable the last passkey, also when two try at once', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const [first] = await list(agent);
    assertProblem(await agent.request('DELETE', path(first.id)), 409, 'last_passkey');
    assertProblem(await agent.request('PATCH', path(first.id), { enabled: false }), 409, 'last_passkey');
    await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }));
    const ids = (await list(agent)).map(({ id }: { id: string }) => id);
    const replies = await Promise.all(ids.map((id: string) => agent.request('DELETE', path(id))));
    const left = await site.store.passkeys.listByUser([...site.accounts.keys()][0]!);
    assert.equal(left.length, 1, 'not exactly one passkey is left');
    assert.equal(replies.filter(({ status }) => status === 200).length, 1);
  }),

  rule(
    'removes the last passkey of a person who has another way in',
    async (site) => {
      const agent = site.agent();
      await agent.signUp('ada');
      const [{ id }] = await list(agent);
      assert.equal((await agent.request('DELETE', path(id))).status, 200);
      await assertSignedOut(agent);
    },
    { users: { hasOtherWayIn: () => true } as never },
  ),

  rule('asks for a recent sign-in before it removes, disables or enables', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }));
    const id = await idOfOther(agent);
    site.clock.now += 600_001;
    assertProblem(await agent.request('DELETE', path(id)), 403, 'step_up_required');
    assertProblem(await agent.request('PATCH', path(id), { enabled: false }), 403, 'step_up_required');
    assert.equal((await agent.request('PATCH', path(id), { nickname: 'renaming needs none' })).status, 200);
    await agent.stepUp(passkey);
    const { status, json } = await agent.request('DELETE', path(id));
    assert.equal(status, 200);
    assert.deepEqual(json.signals.allAcceptedCredentials.allAcceptedCredentialIds, [passkey.credentialId]);
  }),

  rule('ends the sessions of a passkey that was removed or disabled, for good', async (site) => {
    const owner = site.agent();
    await owner.signUp('ada');
    const second = createSoftwarePasskey({ origin: site.origin });
    await owner.addPasskey(second);
    const other = site.agent();
    await other.signIn(second);
    const id = await idOfOther(owner);
    assert.equal((await owner.request('PATCH', path(id), { enabled: false })).json.enabled, false);
    await assertSignedOut(other);
    assert.equal((await owner.request('PATCH', path(id), { enabled: true })).json.enabled, true);
    await assertSignedOut(other);
    await other.signIn(second);
    assert.equal((await other.session()).status, 200);
    await owner.request('DELETE', path(id));
    await assertSignedOut(other);
  }),

  rule('ends a session within revalidateAfter of a removal that this process did not see', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    assert.equal((await agent.session()).status, 200);
    const [userId] = site.accounts.keys();
    const [passkey] = await site.store.passkeys.listByUser(userId!);
    await site.store.passkeys.remove({ rpId: passkey!.rpId, userId: userId!, id: passkey!.id, keepLast: false });
    site.clock.now += 60_000;
    await assertSignedOut(agent);
  }),

  rule('ends the session of a blocked account at once', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    for (const [id, account] of site.accounts) site.accounts.set(id, { ...account, active: false });
    await assertSignedOut(agent);
    assertProblem(await agent.request('GET', '/guarded'), 401, 'sign_in_required');
  }),

  rule('gives the arguments of the Signal API, with disabled passkeys still listed', async (site) => {
    const agent = site.agent();
    const first = await agent.signUp('ada');
    const second = createSoftwarePasskey({ origin: site.origin });
    await agent.addPasskey(second);
    const id = await idOfOther(agent);
    await agent.request('PATCH', path(id), { enabled: false });
    const { allAcceptedCredentials, currentUserDetails } = (await agent.request('GET', '/passkeys/signals')).json;
    assert.deepEqual(
      allAcceptedCredentials.allAcceptedCredentialIds.sort(),
      [first.credentialId, second.credentialId].sort(),
    );
    assert.deepEqual(currentUserDetails, {
      rpId: 'localhost',
      userId: allAcceptedCredentials.userId,
      name: 'ada',
      displayName: 'ada',
    });
  }),

  rule('signs out', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const stolen = new Map(agent.cookies);
    assert.equal((await agent.request('DELETE', '/passkeys/session')).status, 204);
    for (const [name, value] of stolen) agent.cookies.set(name, value);
    await assertSignedOut(agent);
    assert.equal((await agent.request('DELETE', '/passkeys/session')).status, 204);
  }),

  rule('guards the application’s own routes', async (site) => {
    const agent = site.agent();
    assertProblem(await agent.request('GET', '/guarded'), 401, 'sign_in_required');
    assertProblem(await agent.request('GET', '/transfer'), 401, 'sign_in_required');
    const redirected = await agent.request('GET', '/page');
    assert.deepEqual([redirected.status, redirected.headers.get('location')], [303, '/sign-in?returnTo=%2Fpage']);
    const passkey = await agent.signUp('ada');
    const [userId] = site.accounts.keys();
    assert.deepEqual((await agent.request('GET', '/guarded')).json, { user: userId });
    assert.deepEqual((await agent.request('GET', '/page')).json, { user: userId });
    assertProblem(await agent.request('GET', '/enforced'), 403, 'policy_denied');
    await agent.signIn(passkey, { mode: 'modal' });
    assertProblem(await agent.request('GET', '/enforced'), 403, 'policy_denied');
    await agent.signIn(passkey);
    assert.equal((await agent.request('GET', '/enforced')).status, 200);
    site.clock.now += 60_001;
    assertProblem(await agent.request('GET', '/recent'), 403, 'step_up_required');
    await agent.stepUp(passkey, 'transfer');
    assertProblem(await agent.request('GET', '/recent'), 403, 'step_up_required');
    await agent.stepUp(passkey);
    assert.equal((await agent.request('GET', '/recent')).status, 200);
  }),

  rule('asks strangers to sign in wherever a person is needed', async (site) => {
    const agent = site.agent();
    for (const [method, route, body] of [
      ['GET', '/credentials'],
      ['PATCH', '/credentials/x', { nickname: 'x' }],
      ['DELETE', '/credentials/x'],
      ['GET', '/signals'],
      ['POST', '/offer', {}],
      ['DELETE', '/offer'],
      ['GET', '/session'],
      ['GET', '/sessions'],
      ['GET', '/activity'],
      ['DELETE', '/sessions'],
      ['DELETE', '/sessions/x'],
      ['POST', '/step-up/options', {}],
      ['POST', '/step-up/verify', { attemptId: 'x', credential: {} }],
    ] as const) {
      assertProblem(await agent.request(method, `/passkeys${route}`, body), 401, 'sign_in_required');
    }
    assert.equal(site.records.length, 0);
  }),
];
