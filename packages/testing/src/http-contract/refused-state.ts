/** The rules about answers that are genuine and refused all the same: used, late, somebody else's, or sent at once. */
import assert from 'node:assert/strict';
import type { Agent } from '../agent.ts';
import { createSoftwarePasskey } from '../passkey/software-passkey.ts';
import {
  assertOneRefusal,
  assertProblem,
  assertSignedOut,
  type HttpRule,
  idOfOther,
  lastRecord,
  rule,
  verify,
} from './rule.ts';

export const stateRules: readonly HttpRule[] = [
  rule('refuses a second use of an answer that was accepted', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    const credential = passkey.authenticate(publicKey);
    assert.equal((await verify(agent, attemptId, credential)).status, 200);
    const replay = await assertOneRefusal(site, 'challenge_consumed', () => verify(agent, attemptId, credential));
    assertProblem(replay, 400, 'challenge_invalid');
    const { attempt, challenge, immediate } = lastRecord(site);
    assert.deepEqual(
      [attempt.relatedId, attempt.entry, challenge.status, immediate.enforcement],
      [attemptId, 'verify_only', 'consumed', 'not_evaluated'],
    );
    assert.notEqual(attempt.id, attemptId);
  }),

  rule('accepts one of 50 identical answers sent at once', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    const credential = passkey.authenticate(publicKey);
    const before = site.records.length;
    const replies = await Promise.all(Array.from({ length: 50 }, () => verify(agent, attemptId, credential)));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(49).fill(400)]);
    assert.equal(site.records.length, before + 50);
  }),

  rule('refuses an answer that comes too late, by the server’s clock', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    site.clock.now += 120_000;
    const credential = passkey.authenticate(publicKey);
    assertProblem(
      await assertOneRefusal(site, 'challenge_expired', () => verify(agent, attemptId, credential)),
      400,
      'challenge_invalid',
    );
    assert.equal(lastRecord(site).attempt.relatedId, attemptId);
    await site.passkeys.sweep();
    assert.deepEqual([lastRecord(site).outcome, lastRecord(site).attempt.id], ['abandoned', attemptId]);
    assertProblem(
      await assertOneRefusal(site, 'challenge_expired', () => verify(agent, attemptId, credential)),
      400,
      'challenge_invalid',
    );
  }),

  rule('refuses an answer from another browser, which may still answer itself', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    const credential = passkey.authenticate(publicKey);
    const stranger = site.agent();
    assertProblem(
      await assertOneRefusal(site, 'challenge_session_mismatch', () => verify(stranger, attemptId, credential)),
      400,
      'challenge_invalid',
    );
    await stranger.signInOptions();
    assertProblem(
      await assertOneRefusal(site, 'challenge_session_mismatch', () => verify(stranger, attemptId, credential)),
      400,
      'challenge_invalid',
    );
    await assertSignedOut(stranger);
    assert.equal((await verify(agent, attemptId, credential)).status, 200);
  }),

  rule('refuses a challenge it never issued', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const { publicKey } = await agent.signInOptions();
    const credential = passkey.authenticate(publicKey);
    const reply = await assertOneRefusal(site, 'challenge_unknown', () => verify(agent, 'made-up', credential));
    assertProblem(reply, 400, 'challenge_invalid');
    assert.equal(lastRecord(site).challenge.status, 'unknown');
  }),

  rule('refuses the answer to one challenge for another', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const first = await agent.signInOptions();
    const second = await agent.signInOptions();
    const reply = await assertOneRefusal(site, 'challenge_mismatch', () =>
      verify(agent, second.attemptId, passkey.authenticate(first.publicKey)),
    );
    assertProblem(reply, 400, 'challenge_invalid');
  }),

  rule('refuses a verify that names no attempt', async (site) => {
    const reply = await assertOneRefusal(site, 'challenge_missing', () =>
      site.agent().post('/authentication/verify', { credential: {} }),
    );
    assertProblem(reply, 400, 'malformed_request');
    assert.equal(lastRecord(site).challenge.status, 'missing');
  }),

  rule('refuses another person’s passkey after a user was named', async (site) => {
    await site.agent().signUp('ada');
    const eves = await site.agent().signUp('eve');
    for (const identifier of ['ada', 'nobody']) {
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions({ mode: 'modal', identifier });
      const credential = eves.authenticate({ ...publicKey, allowCredentials: [] });
      const reply = await assertOneRefusal(site, 'credential_not_allowed', () => verify(agent, attemptId, credential));
      assertProblem(reply, 401, 'authentication_failed');
      await assertSignedOut(agent);
    }
  }),

  rule('refuses another person’s passkey for a step-up', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const eves = await site.agent().signUp('eve');
    const { attemptId, publicKey } = (await agent.post('/step-up/options')).json;
    const credential = eves.authenticate({ ...publicKey, allowCredentials: [] });
    const reply = await assertOneRefusal(site, 'credential_not_allowed', () =>
      agent.post('/step-up/verify', { attemptId, credential }),
    );
    assertProblem(reply, 401, 'authentication_failed');
  }),

  rule('refuses a step-up challenge of one person to another in the same browser', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const { attemptId, publicKey } = (await agent.post('/step-up/options')).json;
    await agent.request('DELETE', '/passkeys/session');
    const eve = await agent.signUp('eve');
    const credential = eve.authenticate({ ...publicKey, allowCredentials: [] });
    const reply = await assertOneRefusal(site, 'challenge_session_mismatch', () =>
      agent.post('/step-up/verify', { attemptId, credential }),
    );
    assertProblem(reply, 400, 'challenge_invalid');
  }),

  rule('refuses a passkey that was disabled or removed after the options', async (site) => {
    const owner = site.agent();
    const passkey = await owner.signUp('ada');
    const second = createSoftwarePasskey({ origin: site.origin });
    await owner.addPasskey(second);
    const id = await idOfOther(owner);
    const agent = site.agent();
    for (const [change, reason] of [
      [() => owner.request('PATCH', `/passkeys/credentials/${id}`, { enabled: false }), 'credential_disabled'],
      [() => owner.request('DELETE', `/passkeys/credentials/${id}`), 'credential_unknown'],
    ] as const) {
      const { attemptId, publicKey } = await agent.signInOptions();
      assert.ok((await change()).status < 300);
      const reply = await assertOneRefusal(site, reason, () =>
        verify(agent, attemptId, second.authenticate(publicKey)),
      );
      assertProblem(reply, 401, 'authentication_failed');
    }
    assert.equal((await site.agent().signIn(passkey)).status, 200);
  }),

  rule('refuses a person whose account was blocked after the options', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    for (const [id, account] of site.accounts) site.accounts.set(id, { ...account, active: false });
    const reply = await assertOneRefusal(site, 'user_disabled', () =>
      verify(agent, attemptId, passkey.authenticate(publicKey)),
    );
    assertProblem(reply, 401, 'authentication_failed');
    await assertSignedOut(agent);
  }),

  rule('refuses a credential id that somebody else registered, and undoes the sign-up', async (site) => {
    const adas = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'eve' })).json;
    const copy = createSoftwarePasskey({ origin: site.origin, credentialId: adas.credentialId });
    const credential = copy.register(publicKey);
    const reply = await assertOneRefusal(site, 'credential_exists', () =>
      agent.post('/registration/verify', { attemptId, credential }),
    );
    assertProblem(reply, 409, 'passkey_exists');
    assert.deepEqual(
      [...site.accounts.values()].map(({ name }) => name),
      ['ada'],
    );
    await assertSignedOut(agent);
    assert.equal((await site.agent().signIn(adas)).json.user.name, 'ada');
  }),

  rule('registers one credential id for one of two people who try at once', async (site) => {
    const first = createSoftwarePasskey({ origin: site.origin });
    const passkeys = [first, createSoftwarePasskey({ origin: site.origin, credentialId: first.credentialId })];
    const answers = await Promise.all(
      ['ada', 'eve'].map(async (username, index) => {
        const agent = site.agent();
        const { attemptId, publicKey } = (await agent.post('/registration/options', { username })).json;
        return { agent, attemptId, credential: passkeys[index]!.register(publicKey) };
      }),
    );
    const replies = await Promise.all(answers.map(({ agent, ...body }) => agent.post('/registration/verify', body)));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 409]);
    assert.equal(site.accounts.size, 1);
    const [account] = site.accounts.values();
    assert.equal(replies.find(({ status }) => status === 201)!.json.user.id, account!.id);
    assert.equal((await site.store.passkeys.listByUser(account!.id)).length, 1);
  }),

  rule(
    'refuses a passkey for a session that ended, and for an account that was blocked, after the options',
    async (site) => {
      for (const end of [
        (agent: Agent) => agent.request('DELETE', '/passkeys/session'),
        async () => {
          for (const [id, account] of site.accounts) site.accounts.set(id, { ...account, active: false });
        },
      ]) {
        const agent = site.agent();
        await agent.signUp(crypto.randomUUID());
        const { attemptId, publicKey } = (await agent.post('/registration/options')).json;
        const credential = createSoftwarePasskey({ origin: site.origin }).register(publicKey);
        await end(agent);
        const reply = await assertOneRefusal(site, 'challenge_session_mismatch', () =>
          agent.post('/registration/verify', { attemptId, credential }),
        );
        assertProblem(reply, 400, 'challenge_invalid');
      }
      for (const id of site.accounts.keys()) assert.equal((await site.store.passkeys.listByUser(id)).length, 1);
    },
  ),

  rule(
    'refuses the challenge of a sign-up to somebody who signed in since, and a sign-in to a registration',
    async (site) => {
      const agent = site.agent();
      const signUp = (await agent.post('/registration/options', { username: 'eve' })).json;
      const passkey = await agent.signUp('ada');
      const signIn = await agent.signInOptions();
      for (const [attemptId, publicKey, reason] of [
        [signUp.attemptId, signUp.publicKey, 'challenge_session_mismatch'],
        [signIn.attemptId, signUp.publicKey, 'challenge_mismatch'],
      ] as const) {
        const credential = createSoftwarePasskey({ origin: site.origin }).register(publicKey);
        const reply = await assertOneRefusal(site, reason, () =>
          agent.post('/registration/verify', { attemptId, credential }),
        );
        assertProblem(reply, 400, 'challenge_invalid');
      }
      assert.equal((await verify(agent, signIn.attemptId, passkey.authenticate(signIn.publicKey))).status, 200);
    },
  ),
];
