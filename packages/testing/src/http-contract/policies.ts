/** The rules about policy: what each value of an option refuses, lets in and records. */
import assert from 'node:assert/strict';
import type { User } from '@latchkey/core';
import { NOT_USED } from '../agent.ts';
import { flipBit } from '../passkey/forgeries.ts';
import { createSoftwarePasskey } from '../passkey/software-passkey.ts';
import { assertOneRefusal, assertProblem, assertSignedOut, type HttpRule, lastRecord, rule } from './rule.ts';

export const policyRules: readonly HttpRule[] = [
  rule('lets a modal and a conditional sign-in through under prefer, and says they were not enforced', async (site) => {
    const passkey = await site.agent().signUp('ada');
    for (const mode of ['modal', 'conditional']) {
      const reply = await site.agent().signIn(passkey, { mode });
      assert.equal(reply.status, 200);
      assert.equal(reply.json.attempt.enforcement, 'not_enforced');
      assert.deepEqual(lastRecord(site).immediate.unmet, [
        'ui_mode_requested',
        'ui_mode_conformant',
        'ui_mode_reported',
      ]);
    }
  }),

  rule(
    'refuses under require what the page says was not immediate',
    async (site) => {
      const passkey = await site.agent().signUp('ada');
      for (const [client, reason] of [
        [NOT_USED, 'immediate_contradicted'],
        [{ uiMode: 'none', immediateGet: false }, 'immediate_not_reported'],
        [{ uiMode: 'telepathy' }, 'immediate_not_reported'],
        [undefined, 'immediate_not_reported'],
      ] as const) {
        const agent = site.agent();
        const { attemptId, publicKey } = await agent.signInOptions();
        const credential = passkey.authenticate(publicKey);
        const reply = await assertOneRefusal(site, reason, () =>
          agent.post('/authentication/verify', { attemptId, credential, client }),
        );
        assertProblem(reply, 403, 'policy_denied');
        const { policy, immediate, assertion } = lastRecord(site);
        assert.deepEqual(
          [policy.decision, policy.failedRule, immediate.enforcement],
          ['deny', 'immediate_mediation', 'not_enforced'],
        );
        assert.equal(assertion.signature, 'valid');
        await assertSignedOut(agent);
      }
      assert.equal((await site.agent().signIn(passkey)).status, 200);
    },
    { policy: { immediateMediation: 'require' } },
  ),

  rule(
    'issues nothing but immediate options under require',
    async (site) => {
      for (const mode of ['modal', 'conditional']) {
        const reply = await assertOneRefusal(site, 'immediate_not_requested', () =>
          site.agent().post('/authentication/options', { mode }),
        );
        assertProblem(reply, 403, 'mode_not_allowed');
      }
      const { json } = await site.agent().post('/authentication/options', { client: { immediateGet: false } });
      assert.equal(json.mode, 'immediate');
    },
    { policy: { immediateMediation: 'require' } },
  ),

  rule(
    'lets in under report, and records what require would have refused',
    async (site) => {
      const passkey = await site.agent().signUp('ada');
      assert.equal((await site.agent().signIn(passkey, { client: NOT_USED })).status, 200);
      assert.deepEqual(
        [lastRecord(site).policy.wouldDeny, lastRecord(site).immediate.enforcement],
        [true, 'not_enforced'],
      );
      assert.equal((await site.agent().signIn(passkey)).status, 200);
      assert.equal(lastRecord(site).policy.wouldDeny, false);
    },
    { policy: { immediateMediation: 'report' } },
  ),

  rule(
    'does not speak of enforcement when the policy is off',
    async (site) => {
      const passkey = await site.agent().signUp('ada');
      assertProblem(await site.agent().post('/authentication/options', { mode: 'immediate' }), 403, 'mode_not_allowed');
      assert.equal(lastRecord(site).reason, 'policy_denied');
      assert.equal((await site.agent().signIn(passkey, { mode: 'modal' })).status, 200);
      assert.equal(lastRecord(site).immediate.enforcement, 'not_applicable');
    },
    { policy: { immediateMediation: 'off' } },
  ),

  rule(
    'refuses one passkey too many',
    async (site) => {
      const agent = site.agent();
      await agent.signUp('ada');
      // Begun while there was room for one.
      const [first, second] = [await agent.post('/registration/options'), await agent.post('/registration/options')];
      const answer = ({ json: { attemptId, publicKey } }: typeof first) => {
        const credential = createSoftwarePasskey({ origin: site.origin }).register(publicKey);
        return agent.post('/registration/verify', { attemptId, credential });
      };
      assert.equal((await answer(first)).status, 201);
      const reply = await assertOneRefusal(site, 'credential_limit', () => answer(second));
      assertProblem(reply, 409, 'passkey_limit_reached');
    },
    { policy: { maxPasskeys: 2 } },
  ),

  rule(
    'begins no registration where there are as many passkeys as may be, and asks for no confirmation first',
    async (site) => {
      const agent = site.agent();
      await agent.signUp('ada');
      site.clock.now += 600_001;
      const begin = () => agent.post('/registration/options');
      assertProblem(await assertOneRefusal(site, 'credential_limit', begin), 409, 'passkey_limit_reached');
      assert.equal(lastRecord(site).attempt.stage, 'policy');
    },
    { policy: { maxPasskeys: 1 } },
  ),

  rule(
    'refuses to register for nobody where sign-up is not offered',
    async (site) => {
      assertProblem(await site.agent().post('/registration/options', { username: 'ada' }), 401, 'sign_in_required');
      assert.equal(site.records.length, 0);
    },
    { users: { create: undefined } as never },
  ),

  rule(
    'records a counter that went backwards and lets in, under observe, and never stores the lower value',
    async (site) => {
      const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 }));
      const [id] = site.accounts.keys();
      assert.equal((await site.agent().signIn(passkey, { bend: { signCount: 100 } })).status, 200);
      assert.equal(lastRecord(site).assertion.signCount, 'advanced');
      assert.equal((await site.agent().signIn(passkey, { bend: { signCount: 7 } })).status, 200);
      assert.equal(lastRecord(site).assertion.signCount, 'regressed');
      assert.equal((await site.store.passkeys.listByUser(id!))[0]!.signCount, 100);
    },
  ),

  rule(
    'disables a passkey whose counter went backwards, under disable',
    async (site) => {
      const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 }));
      const before = site.records.length;
      const reply = await site.agent().signIn(passkey, { bend: { signCount: 1 } });
      assertProblem(reply, 401, 'authentication_failed');
      const [ended, disabled, refused, ...more] = site.records.slice(before);
      assert.equal(ended?.session.endedBecause, 'passkey_disabled');
      assert.deepEqual([refused?.event.name, refused?.reason], ['latchkey.signin.attempt', 'sign_count_regressed']);
      assert.deepEqual([disabled?.event.name, disabled?.outcome], ['latchkey.passkey.disabled', 'success']);
      assert.equal(disabled?.attempt.relatedId, refused?.attempt.id);
      assert.deepEqual(more, []);
      const genuine = await assertOneRefusal(site, 'credential_disabled', () => site.agent().signIn(passkey));
      assertProblem(genuine, 401, 'authentication_failed');
    },
    { policy: { signCount: 'disable' } },
  ),

  rule(
    'raises no clone alarm for a counter that nobody signed',
    async (site) => {
      const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 }));
      await site.agent().signIn(passkey, { bend: { signCount: 1, signature: flipBit(-1) } });
      assert.deepEqual([lastRecord(site).reason, lastRecord(site).assertion.signCount], ['signature_invalid', null]);
      assert.equal((await site.agent().signIn(passkey)).status, 200);
    },
    { policy: { signCount: 'disable' } },
  ),

  rule(
    'accepts a sign-in without user verification where policy only prefers it',
    async (site) => {
      const passkey = await site.agent().signUp('ada');
      const reply = await site.agent().signIn(passkey, { bend: { flags: { UV: false } } });
      assert.deepEqual([reply.status, reply.json.attempt.enforcement], [200, 'enforced']);
      assert.equal(lastRecord(site).assertion.userVerified, false);
      assertProblem(
        await site.agent().signIn(passkey, { bend: { flags: { UP: false } } }),
        401,
        'authentication_failed',
      );
    },
    { policy: { userVerification: 'preferred' } },
  ),

  rule(
    'lets a page add a passkey without asking only where policy does',
    async (site) => {
      const absent = { flags: { UP: false, UV: false } };
      const agent = site.agent();
      assertProblem(
        await agent.post('/registration/options', { username: 'ada', mediation: 'conditional' }),
        401,
        'sign_in_required',
      );
      await agent.signUp('ada');
      for (const [body, status] of [
        [{ mediation: 'conditional' }, 201],
        [{}, 400],
      ] as const) {
        const { attemptId, mediation, publicKey } = (await agent.post('/registration/options', body)).json;
        assert.equal(mediation, 'mediation' in body ? 'conditional' : undefined);
        const passkey = createSoftwarePasskey({ origin: site.origin });
        const credential = passkey.register(publicKey, absent);
        const claims = { attemptId, credential, mediation: 'conditional' };
        assert.equal((await agent.post('/registration/verify', claims)).status, status);
      }
      assert.equal(lastRecord(site).reason, 'user_presence_missing');
    },
    { policy: { conditionalCreate: true } },
  ),

  rule('adds no passkey without asking by default', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const reply = await assertOneRefusal(site, 'policy_denied', () =>
      agent.post('/registration/options', { mediation: 'conditional' }),
    );
    assertProblem(reply, 400, 'registration_failed');
  }),

  rule('follows a passkey whose manager changed whether it may be synced, and records the change', async (site) => {
    for (const backupEligible of [false, true]) {
      const passkey = createSoftwarePasskey({ origin: site.origin, backupEligible });
      await site.agent().signUp(`${backupEligible}`, passkey);
      const bend = { flags: { BE: !backupEligible, BS: false } };
      const reply = await site.agent().signIn(passkey, { bend });
      assert.equal(reply.status, 200, reply.text);
      const signIn = site.records.findLast(({ event }) => event.name === 'latchkey.signin.attempt')!;
      assert.deepEqual(
        [signIn.assertion.backupEligible, signIn.assertion.backupEligibleChanged],
        [!backupEligible, true],
      );
      assert.equal(reply.json.passkey.deviceBound, false);
    }
    const steady = createSoftwarePasskey({ origin: site.origin });
    await site.agent().signUp('steady', steady);
    await site.agent().signIn(steady);
    assert.equal(lastRecord(site).assertion.backupEligibleChanged, false);
  }),

  rule(
    'refuses such a passkey under refuse',
    async (site) => {
      for (const backupEligible of [false, true]) {
        const passkey = createSoftwarePasskey({ origin: site.origin, backupEligible });
        await site.agent().signUp(`${backupEligible}`, passkey);
        const bend = { flags: { BE: !backupEligible, BS: false } };
        const reply = await assertOneRefusal(site, 'backup_state_invalid', () =>
          site.agent().signIn(passkey, { bend }),
        );
        assertProblem(reply, 401, 'authentication_failed');
      }
    },
    { policy: { backupEligibility: 'refuse' } },
  ),

  rule('takes a counter that a synced passkey lost for no regression', async (site) => {
    const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 }));
    assert.equal((await site.agent().signIn(passkey, { bend: { signCount: 0 } })).status, 200);
    assert.equal(lastRecord(site).assertion.signCount, 'reset');
  }),

  rule(
    'asks the application’s own rules for a person, for options and for verify, and tells a stranger nothing',
    async (site) => {
      const agent = site.agent();
      const passkey = await agent.signUp('ada');
      const open = site.agent();
      const pending = await open.signInOptions({ mode: 'modal', identifier: 'ada' });
      const rule = (action: string) => `not ${action}`;
      const forbid = (action: string) => {
        for (const [id, account] of site.accounts) site.accounts.set(id, { ...account, displayName: rule(action) });
      };
      forbid('sign_in');
      const credential = passkey.authenticate(pending.publicKey);
      const verify = { attemptId: pending.attemptId, credential };
      const refused = await assertOneRefusal(site, 'user_policy', () => open.post('/authentication/verify', verify));
      assertProblem(refused, 401, 'authentication_failed');
      const { publicKey } = await site.agent().signInOptions({ mode: 'modal', identifier: 'ada' });
      const offered = publicKey.allowCredentials?.map(({ id }) => id) ?? [];
      assert.ok(offered.length > 0 && !offered.includes(passkey.credentialId), 'not a decoy');
      forbid('register');
      assertProblem(await agent.post('/registration/options', {}), 403, 'policy_denied');
      forbid('step_up');
      assertProblem(await agent.post('/step-up/options', {}), 403, 'policy_denied');
      forbid('remove');
      const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
      assertProblem(await agent.request('DELETE', `/passkeys/credentials/${id}`), 403, 'policy_denied');
      assertProblem(
        await agent.request('PATCH', `/passkeys/credentials/${id}`, { enabled: false }),
        403,
        'policy_denied',
      );
      forbid('nothing');
      assert.equal((await agent.post('/step-up/options', {})).status, 200);
    },
    { users: { allows: ({ displayName }: User, action: string) => displayName !== `not ${action}` } as never },
  ),
];
