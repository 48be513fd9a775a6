/**
 * What every sign-in and registration must refuse. Each rule bends one genuine answer in one way; after it there is the
 * contract's status and code, one record with the reason, no session, no changed row.
 */
import assert from 'node:assert/strict';
import { USED } from '../agent.ts';
import type { AuthenticationBend, RegistrationBend } from '../passkey/bend.ts';
import { sha1Signature } from '../passkey/forgeries.ts';
import { createSoftwarePasskey, type SoftwarePasskey } from '../passkey/software-passkey.ts';
import type { Site, SiteOptions } from '../site.ts';
import type { Refusal } from './refused-answers.ts';
import { FAILED, refusedAssertions } from './refused-assertions.ts';
import { refusedRegistrations } from './refused-registrations.ts';
import { assertOneRefusal, assertProblem, assertSignedOut, type HttpRule, lastRecord, rule } from './rule.ts';

/** Everything that a refused request must leave as it was. */
async function rows(site: Site, userIds: readonly string[]): Promise<unknown> {
  const passkeys = await Promise.all(userIds.map((id) => site.store.passkeys.listByUser(id)));
  return { passkeys, accounts: [...site.accounts.values()] };
}

async function refusesSignIn(
  site: Site,
  passkey: SoftwarePasskey,
  bend: AuthenticationBend,
  [status, code, reason]: Refusal,
) {
  const agent = site.agent();
  const before = await rows(site, [...site.accounts.keys()]);
  const { attemptId, publicKey } = await agent.signInOptions({ mode: 'immediate' });
  const credential = passkey.authenticate(publicKey, bend);
  const reply = await assertOneRefusal(site, reason, () =>
    agent.post('/authentication/verify', { attemptId, credential, client: USED }),
  );
  assertProblem(reply, status, code);
  assert.equal(reply.json.attemptId, attemptId);
  assert.equal(lastRecord(site).attempt.id, attemptId);
  assert.equal(lastRecord(site).http?.status, status);
  await assertSignedOut(agent);
  assert.deepEqual(await rows(site, [...site.accounts.keys()]), before);
  // The challenge is spent by a verify that failed: a genuine answer comes too late.
  const again = await agent.post('/authentication/verify', {
    attemptId,
    credential: passkey.authenticate(publicKey),
    client: USED,
  });
  assertProblem(again, 400, 'challenge_invalid');
  assert.equal(lastRecord(site).reason, 'challenge_consumed');
}

const signInRule = (name: string, bend: AuthenticationBend, refusal: Refusal, options: SiteOptions = {}) =>
  rule(
    `refuses a sign-in: ${name}`,
    async (site) =>
      refusesSignIn(
        site,
        await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 })),
        bend,
        refusal,
      ),
    options,
  );

const registrationRule = (name: string, bend: RegistrationBend, [status, code, reason]: Refusal) =>
  rule(`refuses a registration: ${name}`, async (site) => {
    const agent = site.agent();
    const passkey = createSoftwarePasskey({ origin: site.origin });
    const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
    const credential = passkey.register(publicKey, bend);
    const reply = await assertOneRefusal(site, reason, () =>
      agent.post('/registration/verify', { attemptId, credential }),
    );
    assertProblem(reply, status, code);
    await assertSignedOut(agent);
    assert.equal(site.accounts.size, 0);
    assertProblem(
      await agent.post('/registration/verify', { attemptId, credential: passkey.register(publicKey) }),
      400,
      'challenge_invalid',
    );
  });

export const refusalRules: readonly HttpRule[] = [
  ...refusedAssertions.map(([name, bend, refusal]) => signInRule(name, bend, refusal)),
  ...refusedRegistrations.map(([name, bend, refusal]) => registrationRule(name, bend, refusal)),

  signInRule('a counter that went backwards, under refuse', { signCount: 3 }, FAILED('sign_count_regressed'), {
    policy: { signCount: 'refuse' },
  }),

  signInRule('a counter that stood still, under refuse', { signCount: 5 }, FAILED('sign_count_regressed'), {
    policy: { signCount: 'refuse' },
  }),

  rule('refuses a sign-in: RS1 with the key of an RS256 passkey', async (site) => {
    const passkey = createSoftwarePasskey({ origin: site.origin, algorithm: 'RS256' });
    await site.agent().signUp('ada', passkey);
    await refusesSignIn(site, passkey, { signature: sha1Signature }, FAILED('signature_invalid'));
  }),

  rule('reads no answer from a prototype', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    const hidden = `{"__proto__":${JSON.stringify(passkey.authenticate(publicKey))}}`;
    const reply = await agent.post('/authentication/verify', undefined, {
      rawBody: `{"attemptId":"${attemptId}","credential":${hidden}}`,
    });
    // A parser of the application's in front may refuse such a body itself: then it is not an attempt.
    assert.equal(reply.status, 400);
    if (reply.headers.get('content-type') === 'application/problem+json')
      assertProblem(reply, 400, 'malformed_request');
    await assertSignedOut(agent);
  }),
];
