/** The rules about invitations: what one is good for, for how long, in which browser, and what becomes of the passkeys there were. */
import assert from 'node:assert/strict';
import type { InvitationOptions, User } from '@latchkey/core';
import type { Agent, Reply } from '../agent.ts';
import { createSoftwarePasskey } from '../passkey/software-passkey.ts';
import type { Site } from '../site.ts';
import { assertOneRefusal, assertProblem, assertSignedOut, type HttpRule, lastRecord, rule } from './rule.ts';

const BY = { by: 'operator', reason: 'lost phone, ticket 4711' } as const;

const MINUTE = 60_000;

/** Somebody with a passkey, and an invitation for them. */
async function invited(site: Site, options: Partial<InvitationOptions> = {}) {
  const agent = site.agent();
  const passkey = await agent.signUp('ada');
  const [userId] = [...site.accounts.values()].filter(({ name }) => name === 'ada').map(({ id }) => id);
  const issued = await site.passkeys.invite(userId!, { ...BY, ...options });
  return { agent, passkey, userId: userId!, ...issued };
}

const open = (agent: Agent, invitation: string): Promise<Reply> => agent.post('/registration/options', { invitation });

const fresh = ({ origin }: Site) => createSoftwarePasskey({ origin });

const namesOf = (site: Site, from: number) =>
  site.records.slice(from).map(({ event }) => event.name.replace('latchkey.', ''));

/** All of an answer that could tell one reason from another. */
function plain({ status, headers, text }: Reply) {
  return { status, type: headers.get('content-type'), cookies: headers.getSetCookie(), text };
}

export const invitationRules: readonly HttpRule[] = [
  rule('lets an invited person make one passkey, which signs nobody in by itself', async (site) => {
    const { passkey: lost, userId, id, token, expiresAt } = await invited(site);
    assert.match(token, /^([0-9a-hjkmnp-tv-z]{4}-){6}[0-9a-hjkmnp-tv-z]{4}$/);
    assert.equal(expiresAt, site.clock.now + 60 * MINUTE);
    const issued = lastRecord(site);
    assert.deepEqual(
      [issued.event.name, issued.attempt.id, issued.change, issued.user.id, issued.challenge.ttlMs],
      ['latchkey.invitation.issued', id, { by: 'operator', note: BY.reason }, userId, 60 * MINUTE],
    );
    assert.deepEqual(await site.passkeys.forUser(userId).invitations(), [
      { id, createdAt: site.clock.now, expiresAt, opened: false, replaces: null },
    ]);

    const from = site.records.length;
    const agent = site.agent();
    const passkey = fresh(site);
    const reply = await agent.useInvitation(passkey, token);
    assert.deepEqual([reply.status, reply.json.user.name, reply.json.passkey.current], [201, 'ada', false]);
    assert.deepEqual(Object.keys(reply.json).sort(), ['passkey', 'signals', 'user']);
    await assertSignedOut(agent);
    const [attempt, ...events] = site.records.slice(from);
    assert.deepEqual(
      [attempt!.event.name, attempt!.outcome, attempt!.attempt.relatedId, attempt!.user.id],
      ['latchkey.registration.attempt', 'success', id, userId],
    );
    const related = events.map(({ event, attempt: { relatedId }, change }) => [event.name, relatedId, change.by]);
    assert.deepEqual(related.sort(), [
      ['latchkey.invitation.used', id, 'person'],
      ['latchkey.passkey.added', attempt!.attempt.id, 'person'],
    ]);
    assert.deepEqual(await site.passkeys.forUser(userId).invitations(), []);

    for (const own of [passkey, lost]) assert.equal((await site.agent().signIn(own)).status, 200);
    // Neither in its groups nor without them.
    const recorded = JSON.stringify(site.records).toLowerCase();
    for (const secret of [token, token.replaceAll('-', '')]) assert.ok(!recorded.includes(secret));
  }),

  rule('takes a token as people type it', async (site) => {
    const { token } = await invited(site);
    const typed = ` ${token.toUpperCase().replaceAll('-', ' ').replaceAll('0', 'O').replaceAll('1', 'l')}\n`;
    assert.equal((await site.agent().useInvitation(fresh(site), typed)).status, 201);
  }),

  rule(
    'answers a token that was mistyped, used, revoked, forgotten or late alike, and the record says which',
    async (site) => {
      const { userId, token, agent } = await invited(site);
      const user = site.passkeys.forUser(userId);
      const seen: unknown[] = [];
      /** Refused, by options and by verify, for this reason. Refusals of one reason share a record for a minute. */
      const refused = async (
        reason: Parameters<typeof assertOneRefusal>[1],
        invitation: string,
        browser = site.agent(),
      ) => {
        const body = { attemptId: 'none', credential: {}, invitation };
        for (const ask of [() => open(browser, invitation), () => browser.post('/registration/verify', body)]) {
          const reply = await assertOneRefusal(site, reason, ask);
          assertProblem(reply, 400, 'invitation_invalid');
          seen.push(plain(reply));
          site.clock.now += MINUTE;
          await site.passkeys.sweep();
        }
      };
      await refused('invitation_unknown', `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`);
      await refused('invitation_unknown', 'hello');
      const { token: newer } = await user.invite(BY);
      await refused('invitation_revoked', token);
      assert.equal(await user.endInvitations(BY), 1);
      assert.equal(await user.endInvitations(BY), 0);
      await refused('invitation_revoked', newer);

      const { token: used } = await user.invite(BY);
      assert.equal((await agent.useInvitation(fresh(site), used)).status, 201);
      await refused('invitation_used', used, agent);

      const { token: late, expiresAt } = await user.invite({ ...BY, for: '10m' });
      assert.equal((await open(agent, late)).status, 200);
      site.clock.now = expiresAt;
      await refused('invitation_expired', late, agent);

      const { token: blocked } = await user.invite(BY);
      site.accounts.set(userId, { ...site.accounts.get(userId)!, active: false });
      await refused('user_disabled', blocked);
      site.accounts.set(userId, { ...site.accounts.get(userId)!, active: true });
      // Nobody used the late one either.
      assert.equal((await user.forget(BY)).invitations, 2);
      await refused('invitation_unknown', blocked);
      assert.deepEqual(
        seen,
        seen.map(() => seen[0]),
      );
    },
  ),

  rule('lets only the browser use an invitation that opened it first', async (site) => {
    const { userId, token, id } = await invited(site);
    const [first, second] = [site.agent(), site.agent()];
    assert.equal((await open(first, token)).status, 200);
    assert.equal((await site.passkeys.forUser(userId).invitations())[0]!.opened, true);
    const other = await assertOneRefusal(site, 'invitation_other_browser', () => open(second, token));
    assertProblem(other, 409, 'invitation_other_browser');
    assert.deepEqual([lastRecord(site).attempt.relatedId, lastRecord(site).user.id], [id, userId]);
    site.clock.now += MINUTE;
    // Nor by an answer: with a binding of its own, or with none.
    const { attemptId, publicKey } = (await open(first, token)).json;
    const credential = fresh(site).register(publicKey);
    await second.signInOptions();
    for (const browser of [second, site.agent()]) {
      const reply = await assertOneRefusal(site, 'invitation_other_browser', () =>
        browser.post('/registration/verify', { attemptId, credential, invitation: token }),
      );
      assertProblem(reply, 409, 'invitation_other_browser');
      site.clock.now += MINUTE;
    }
    assert.equal((await first.useInvitation(fresh(site), token)).status, 201);
  }),

  rule('lets one of ten browsers open an invitation at once', async (site) => {
    const { token } = await invited(site);
    const browsers = Array.from({ length: 10 }, () => site.agent());
    const replies = await Promise.all(browsers.map((browser) => open(browser, token)));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)]);
    const winner = browsers[replies.findIndex(({ status }) => status === 200)]!;
    assert.equal((await winner.useInvitation(fresh(site), token)).status, 201);
  }),

  rule('makes one passkey of ten answers with one invitation at once', async (site) => {
    const { userId, token } = await invited(site);
    const agent = site.agent();
    const answers: object[] = [];
    for (let n = 0; n < 10; n += 1) {
      const { attemptId, publicKey } = (await open(agent, token)).json;
      answers.push({ attemptId, credential: fresh(site).register(publicKey), invitation: token });
    }
    const replies = await Promise.all(answers.map((answer) => agent.post('/registration/verify', answer)));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [201, ...Array(9).fill(400)]);
    const [refused] = replies.filter(({ status }) => status === 400);
    assertProblem(refused!, 400, 'invitation_invalid');
    assert.equal((await site.passkeys.forUser(userId).list()).length, 2);
  }),

  rule(
    'gives an invitation back when its passkey cannot be kept, and not when it was revoked meanwhile',
    async (site) => {
      const { userId, token } = await invited(site);
      const eves = await site.agent().signUp('eve');
      const taken = {
        credentialId: Buffer.from(eves.credentialId, 'base64url'),
        id: eves.credentialId,
        rawId: eves.credentialId,
      };
      const agent = site.agent();
      assertProblem(await agent.useInvitation(fresh(site), token, taken), 409, 'passkey_exists');
      assert.equal((await site.passkeys.forUser(userId).invitations()).length, 1);
      const { attemptId, publicKey } = (await open(agent, token)).json;
      assert.equal(await site.passkeys.forUser(userId).endInvitations(BY), 1);
      const answer = { attemptId, credential: fresh(site).register(publicKey), invitation: token };
      const late = await assertOneRefusal(site, 'invitation_revoked', () => agent.post('/registration/verify', answer));
      assertProblem(late, 400, 'invitation_invalid');
      assert.equal((await site.passkeys.forUser(userId).list()).length, 1);
    },
  ),

  rule('removes the other passkeys and ends every session, where an invitation replaces all', async (site) => {
    const { agent, passkey: lost, userId, token } = await invited(site, { replaces: 'all' });
    site.clock.now += 1;
    const second = fresh(site);
    assert.equal((await agent.addPasskey(second)).status, 201);
    const elsewhere = site.agent();
    assert.equal((await elsewhere.signIn(second)).status, 200);
    const eve = site.agent();
    await eve.signUp('eve');
    const from = site.records.length;
    const browser = site.agent();
    const options = await open(browser, token);
    // They may be on this very device, and are no reason to refuse it.
    assert.deepEqual(options.json.publicKey.excludeCredentials, []);
    const found = fresh(site);
    assert.equal((await browser.useInvitation(found, token)).status, 201);

    assert.deepEqual(namesOf(site, from).sort(), [
      'invitation.used',
      'passkey.added',
      'passkey.removed',
      'passkey.removed',
      'registration.attempt',
      'session.ended',
      'session.ended',
    ]);
    for (const { event, user, change } of site.records.slice(from).filter(({ change: { by } }) => by !== null)) {
      assert.deepEqual([user.id, change.by], [userId, 'person'], event.name);
    }
    for (const each of [agent, elsewhere]) await assertSignedOut(each);
    assert.equal((await eve.session()).status, 200);
    for (const gone of [lost, second]) {
      assertProblem(await site.agent().signIn(gone), 401, 'authentication_failed');
      assert.equal(lastRecord(site).reason, 'credential_unknown');
    }
    assert.equal((await site.agent().signIn(found)).status, 200);
    assert.equal((await site.passkeys.forUser(userId).list()).length, 1);
  }),

  rule(
    'removes nobody’s passkey for one that cannot be kept, and lets one replace as many as policy allows',
    async (site) => {
      const { agent, userId, token, passkey } = await invited(site, { replaces: 'all' });
      const eves = await site.agent().signUp('eve');
      const taken = {
        credentialId: Buffer.from(eves.credentialId, 'base64url'),
        id: eves.credentialId,
        rawId: eves.credentialId,
      };
      const browser = site.agent();
      assertProblem(await browser.useInvitation(fresh(site), token, taken), 409, 'passkey_exists');
      assert.equal((await site.agent().signIn(passkey)).status, 200);
      assert.equal((await agent.session()).status, 200);
      assert.equal((await browser.useInvitation(fresh(site), token)).status, 201);
      assert.equal((await site.passkeys.forUser(userId).list()).length, 1);
    },
    { policy: { maxPasskeys: 1 } },
  ),

  rule(
    'signs in with an invitation where policy says so',
    async (site) => {
      const { token, userId } = await invited(site, { replaces: 'all' });
      const agent = site.agent();
      const reply = await agent.useInvitation(fresh(site), token);
      assert.deepEqual([reply.status, reply.json.passkey.current], [201, true]);
      assert.deepEqual((await agent.session()).json.user.id, userId);
    },
    { policy: { invitations: 'sign_in' } },
  ),

  rule(
    'asks the application’s own rules for an invited person',
    async (site) => {
      const [bob, eve] = ['bob', 'eve'].map((name) => ({ id: crypto.randomUUID(), name, active: true }));
      for (const account of [bob!, eve!]) site.accounts.set(account.id, account);
      const { token } = await site.passkeys.invite(bob!.id, BY);
      const refused = await assertOneRefusal(site, 'user_policy', () => open(site.agent(), token));
      assertProblem(refused, 403, 'policy_denied');
      // Nor does an invitation sign anybody in who may not sign in.
      const agent = site.agent();
      const { token: eves } = await site.passkeys.invite(eve!.id, BY);
      const denied = await assertOneRefusal(site, 'user_policy', () => agent.useInvitation(fresh(site), eves));
      assertProblem(denied, 400, 'registration_failed');
      await assertSignedOut(agent);
    },
    {
      policy: { invitations: 'sign_in' },
      users: { allows: ({ name }: User, what: string) => what !== (name === 'bob' ? 'register' : 'sign_in') } as never,
    },
  ),

  rule('takes an answer only with the invitation that it was asked for with', async (site) => {
    const { passkey, token } = await invited(site);
    const agent = site.agent();
    assert.equal((await agent.signIn(passkey)).status, 200);
    const withIt = (await open(agent, token)).json;
    const without = (await agent.post('/registration/options')).json;
    const cases = [
      { attemptId: withIt.attemptId, credential: fresh(site).register(withIt.publicKey) },
      { attemptId: without.attemptId, credential: fresh(site).register(without.publicKey), invitation: token },
    ];
    for (const answer of cases) {
      const reply = await assertOneRefusal(site, 'challenge_mismatch', () =>
        agent.post('/registration/verify', answer),
      );
      assertProblem(reply, 400, 'challenge_invalid');
    }
    // It is still good, also in a browser where somebody is signed in, and changes nothing about who that is.
    const session = (await agent.session()).json.id;
    assert.equal((await agent.useInvitation(fresh(site), token)).status, 201);
    assert.equal((await agent.session()).json.id, session);
  }),

  rule('shows whoever opens an invitation what it is about', async (site) => {
    const { token } = await invited(site);
    const body = { invitation: token, mediation: 'conditional' };
    assertProblem(await site.agent().post('/registration/options', body), 400, 'malformed_request');
    assertProblem(
      await site.agent().post('/registration/options', { invitation: 'x'.repeat(65) }),
      400,
      'malformed_request',
    );
    const { user, excludeCredentials } = (await open(site.agent(), token)).json.publicKey;
    assert.deepEqual([user.name, user.displayName, excludeCredentials.length], ['ada', 'ada', 1]);
  }),
];
