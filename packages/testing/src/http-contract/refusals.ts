/**
 * Why this file exists: what every sign-in and registration must refuse. Each row bends one genuine answer in one way;
 * after each: the contract's status and code, one record with the reason, no session, no changed row.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { ProblemCode, Reason } from '@latchkey/core';
import { type Agent, USED } from '../agent.ts';
import { findAlgorithm } from '../passkey/algorithm.ts';
import { packedAttestation } from '../passkey/attestation.ts';
import type { AuthenticationBend, RegistrationBend } from '../passkey/bend.ts';
import {
  declaredAlgorithm,
  flipBit,
  pointOffCurve,
  rawSignature,
  sha1Signature,
  zeroSignature,
} from '../passkey/forgeries.ts';
import { createSoftwarePasskey, type SoftwarePasskey } from '../passkey/software-passkey.ts';
import type { Site, SiteOptions } from '../site.ts';
import {
  assertOneRefusal,
  assertProblem,
  assertSignedOut,
  type HttpRule,
  idOfOther,
  lastRecord,
  rule,
} from './rule.ts';

type Refusal = readonly [status: number, code: ProblemCode, reason: Reason];

const FAILED = (reason: Reason): Refusal => [401, 'authentication_failed', reason];
const UNREGISTERED = (reason: Reason): Refusal => [400, 'registration_failed', reason];
const SPENT = (reason: Reason): Refusal => [400, 'challenge_invalid', reason];
const MALFORMED: Refusal = [400, 'malformed_request', 'malformed_request'];

const utf8 = (text: string) => new TextEncoder().encode(text);
const otherId = Buffer.alloc(32, 7).toString('base64url');
/** Base64url that differs in case only; its last character stays, which not every other case of it would be canonical. */
const otherCase = (id: string) =>
  id.slice(0, -1).replace(/[a-z]/gi, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase())) +
  id.slice(-1);
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsaKey = (modulus: Uint8Array) =>
  new Map<number, number | Uint8Array>([
    [1, 3],
    [3, -257],
    [-1, modulus],
    [-2, Uint8Array.of(1, 0, 1)],
  ]);
const shortRsaKey = findAlgorithm('RS256').coseKey(
  generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' }),
);

/** Origins that look like `http://localhost:PORT` and are not. */
const ORIGINS: readonly (readonly [name: string, bend: (origin: string) => string])[] = [
  ['another site', () => 'https://evil.example'],
  ['another scheme', (origin) => origin.replace('http:', 'https:')],
  ['another port', (origin) => origin.replace(/\d+$/, '1')],
  ['no port', (origin) => origin.replace(/:\d+$/, '')],
  ['a suffix', (origin) => `${origin}.evil.example`],
  ['a prefix', (origin) => origin.replace('localhost', 'evil-localhost')],
  ['a subdomain', (origin) => origin.replace('localhost', 'www.localhost')],
  ['a trailing dot', (origin) => origin.replace('localhost', 'localhost.')],
  ['a trailing slash', (origin) => `${origin}/`],
  ['another case', (origin) => origin.replace('localhost', 'LOCALHOST')],
  ['user information', (origin) => origin.replace('//', '//localhost@')],
  ['null', () => 'null'],
  ['nothing', () => ''],
];

/** What both ceremonies must refuse about client data. */
const clientDataRows = (
  type: string,
): readonly (readonly [name: string, bend: AuthenticationBend & RegistrationBend, reason: Reason])[] => [
  ['of another type', { clientData: { type } }, 'type_mismatch'],
  ['with crossOrigin', { clientData: { crossOrigin: true } }, 'cross_origin_denied'],
  ['with a topOrigin', { clientData: { topOrigin: 'https://evil.example' } }, 'cross_origin_denied'],
  ['whose crossOrigin is not a boolean', { clientData: { crossOrigin: 'yes' } }, 'client_data_malformed'],
  ['whose topOrigin is not a string', { clientData: { topOrigin: 1 } }, 'client_data_malformed'],
  ['with a malformed tokenBinding', { clientData: { tokenBinding: { status: 'perhaps' } } }, 'client_data_malformed'],
  ['without an origin', { clientData: { origin: undefined } }, 'client_data_malformed'],
  ['without a type', { clientData: { type: undefined } }, 'client_data_malformed'],
  ['whose challenge is a list', { clientData: { challenge: ['x'] } }, 'client_data_malformed'],
  ['that is a list', { clientDataJSON: utf8('[]') }, 'client_data_malformed'],
  ['that is null', { clientDataJSON: utf8('null') }, 'client_data_malformed'],
  ['that is empty', { clientDataJSON: utf8('') }, 'client_data_malformed'],
  ['that is not JSON', { clientDataJSON: utf8('{"type":') }, 'client_data_malformed'],
  [
    'that is not UTF-8',
    { clientDataJSON: (json) => Buffer.concat([json.subarray(0, -1), Buffer.from(',"x":"\xff"}', 'latin1')]) },
    'client_data_malformed',
  ],
  [
    'with members in a prototype',
    { clientDataJSON: utf8('{"__proto__":{"type":"webauthn.get"}}') },
    'client_data_malformed',
  ],
];

/** Bends of a genuine assertion under the default policy. */
const ASSERTIONS: readonly (readonly [name: string, bend: AuthenticationBend, refusal: Refusal])[] = [
  ...clientDataRows('webauthn.create').map(
    ([name, bend, reason]) => [`client data ${name}`, bend, FAILED(reason)] as const,
  ),
  ['client data with another challenge', { clientData: { challenge: otherId } }, SPENT('challenge_mismatch')],
  [
    'client data with a padded challenge',
    { clientData: (data) => ({ ...data, challenge: `${data.challenge}=` }) },
    SPENT('challenge_mismatch'),
  ],
  ['an answer for another RP ID', { rpId: 'evil.example' }, FAILED('rp_id_hash_mismatch')],
  [
    'authenticator data that is too short',
    { authenticatorData: (data) => data.subarray(0, 36) },
    FAILED('authenticator_data_malformed'),
  ],
  [
    'authenticator data with bytes left over',
    { authenticatorData: (data) => Buffer.concat([data, Buffer.of(0)]) },
    FAILED('authenticator_data_malformed'),
  ],
  ['a flag for extensions that are not there', { flags: { ED: true } }, FAILED('authenticator_data_malformed')],
  ['a flag for a credential that is not there', { flags: { AT: true } }, FAILED('authenticator_data_malformed')],
  ['nobody present', { flags: { UP: false } }, FAILED('user_presence_missing')],
  ['nobody verified', { flags: { UV: false } }, FAILED('user_verification_missing')],
  ['nobody present and nobody verified', { flags: { UP: false, UV: false } }, FAILED('user_presence_missing')],
  ['backed up without being eligible', { flags: { BE: false, BS: true } }, FAILED('backup_state_invalid')],
  ['an eligibility that changed', { flags: { BE: false, BS: false } }, FAILED('backup_state_invalid')],
  ['a signature with a flipped bit', { signature: flipBit(-1) }, FAILED('signature_invalid')],
  ['a signature with r = s = 0', { signature: zeroSignature }, FAILED('signature_invalid')],
  ['a signature that is not DER', { signature: rawSignature }, FAILED('signature_invalid')],
  ['a signature cut short', { signature: (genuine) => genuine.subarray(0, -1) }, FAILED('signature_invalid')],
  ['an empty signature', { signature: new Uint8Array() }, FAILED('signature_invalid')],
  ['a signature over SHA-1', { signature: sha1Signature }, FAILED('signature_invalid')],
  [
    'a signature by another key',
    { signature: (_genuine, { bytes }) => sign('sha256', bytes, otherKey) },
    FAILED('signature_invalid'),
  ],
  [
    'client data changed after signing',
    { afterSigning: { clientDataJSON: (data) => Buffer.concat([data, Buffer.from(' ')]) } },
    FAILED('signature_invalid'),
  ],
  [
    'presence added after signing',
    { flags: { UP: false }, afterSigning: { authenticatorData: flipBit(32) } },
    FAILED('signature_invalid'),
  ],
  [
    'a counter changed after signing',
    { afterSigning: { authenticatorData: flipBit(-1) } },
    FAILED('signature_invalid'),
  ],
  ['an id that is not the raw id', { rawId: otherId }, FAILED('credential_id_mismatch')],
  ['an id that nobody has', { id: otherId, rawId: otherId }, FAILED('credential_unknown')],
  [
    'an id in another case',
    { answer: (answer) => ({ ...answer, id: otherCase(answer.id), rawId: otherCase(answer.rawId) }) },
    FAILED('credential_unknown'),
  ],
  ['no user handle, when nobody was named', { userHandle: undefined }, FAILED('user_handle_mismatch')],
  ['a null user handle, when nobody was named', { userHandle: null }, FAILED('user_handle_mismatch')],
  ['another user handle', { userHandle: otherId }, FAILED('user_handle_mismatch')],
  ['an empty user handle', { userHandle: '' }, FAILED('user_handle_mismatch')],
  [
    'an id in another spelling',
    { answer: (answer) => ({ ...answer, id: `${answer.id}=`, rawId: `${answer.rawId}=` }) },
    MALFORMED,
  ],
  ['an id that is not a string', { id: [otherId], rawId: [otherId] }, MALFORMED],
  ['a user handle that is not a string', { userHandle: [otherId] }, MALFORMED],
  ['a user handle of 65 bytes', { userHandle: Buffer.alloc(65).toString('base64url') }, MALFORMED],
  [
    'a user handle in another spelling',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, userHandle: `${otherId}=` } }) },
    MALFORMED,
  ],
  ['an id of 1,024 bytes', ((id) => ({ id, rawId: id }))(Buffer.alloc(1_024, 1).toString('base64url')), MALFORMED],
  ['an empty id', { id: '', rawId: '' }, MALFORMED],
  ['another type of credential', { answer: (answer) => ({ ...answer, type: 'password' }) }, MALFORMED],
  ['no response', { answer: ({ response: _, ...answer }) => answer }, MALFORMED],
  ['a response that is a list', { answer: (answer) => ({ ...answer, response: [answer.response] }) }, MALFORMED],
  [
    'no signature',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, signature: undefined } }) },
    MALFORMED,
  ],
  [
    'a signature that is not base64url',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, signature: '<>' } }) },
    MALFORMED,
  ],
  ['an empty object', { answer: () => ({}) }, MALFORMED],
];

/** Bends of a genuine registration under the default policy. */
const REGISTRATIONS: readonly (readonly [name: string, bend: RegistrationBend, refusal: Refusal])[] = [
  ...clientDataRows('webauthn.get').map(
    ([name, bend, reason]) => [`client data ${name}`, bend, UNREGISTERED(reason)] as const,
  ),
  ['client data with another challenge', { clientData: { challenge: otherId } }, SPENT('challenge_mismatch')],
  ['an answer for another RP ID', { rpId: 'evil.example' }, UNREGISTERED('rp_id_hash_mismatch')],
  ['nobody present', { flags: { UP: false } }, UNREGISTERED('user_presence_missing')],
  ['nobody verified', { flags: { UV: false } }, UNREGISTERED('user_verification_missing')],
  ['backed up without being eligible', { flags: { BE: false, BS: true } }, UNREGISTERED('backup_state_invalid')],
  ['an id other than the one attested', { id: otherId, rawId: otherId }, UNREGISTERED('credential_id_mismatch')],
  ['an id that is not the raw id', { rawId: otherId }, UNREGISTERED('credential_id_mismatch')],
  ['another attested id', { credentialId: Buffer.alloc(32, 7) }, UNREGISTERED('credential_id_mismatch')],
  [
    'an attested id of 1,024 bytes',
    { credentialId: Buffer.alloc(1_024, 7) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  ['a point off the curve', { publicKey: pointOffCurve }, UNREGISTERED('public_key_invalid')],
  ['an algorithm that was not offered', { publicKey: declaredAlgorithm(-35) }, UNREGISTERED('algorithm_unsupported')],
  ['the algorithm RS1', { publicKey: declaredAlgorithm(-65_535) }, UNREGISTERED('algorithm_unsupported')],
  ['a point on another curve', { publicKey: (key) => new Map(key).set(-1, 2) }, UNREGISTERED('public_key_invalid')],
  [
    'a point with half of it left out',
    { publicKey: (key) => new Map(key).set(-3, true) },
    UNREGISTERED('public_key_invalid'),
  ],
  ['a modulus of 1,024 bits', { publicKey: shortRsaKey }, UNREGISTERED('public_key_invalid')],
  ['a public key over 4 KiB', { publicKey: rsaKey(Buffer.alloc(4_096, 0xff)) }, UNREGISTERED('public_key_invalid')],
  [
    'a key of another type than its algorithm',
    { publicKey: declaredAlgorithm(-257) },
    UNREGISTERED('public_key_invalid'),
  ],
  ['a key that is not CBOR', { publicKey: Uint8Array.of(0xff) }, UNREGISTERED('authenticator_data_malformed')],
  ['no credential', { flags: { AT: false } }, UNREGISTERED('authenticator_data_malformed')],
  [
    'authenticator data that is too short',
    { authenticatorData: (data) => data.subarray(0, 36) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'authenticator data with bytes left over',
    { authenticatorData: (data) => Buffer.concat([data, Buffer.of(0)]) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'an attestation object that is not CBOR',
    { attestationObject: Uint8Array.of(0xff) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'an attestation object 5,000 levels deep',
    { attestationObject: Buffer.alloc(5_000, 0x81) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'an empty attestation object',
    { attestationObject: new Uint8Array() },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  ['an attestation format nobody knows', { fmt: 'trust-me' }, UNREGISTERED('attestation_refused')],
  ['an attestation format in another case', { fmt: 'None' }, UNREGISTERED('attestation_refused')],
  ['an attestation format that is not a text', { fmt: 7 }, UNREGISTERED('attestation_refused')],
  ...['android-key', 'android-safetynet', 'apple'].map(
    (fmt) =>
      [
        `${fmt} attestation, whose certificates may name hosts to ask`,
        { ...packedAttestation(), fmt },
        UNREGISTERED('attestation_refused'),
      ] as const,
  ),
  [
    'self attestation by another key',
    packedAttestation({ privateKey: otherKey, certificates: [] }),
    UNREGISTERED('attestation_refused'),
  ],
  [
    'a statement where there is none',
    { attStmt: new Map([['sig', Uint8Array.of(1)]]) },
    UNREGISTERED('attestation_refused'),
  ],
  [
    'no attestation object',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, attestationObject: undefined } }) },
    MALFORMED,
  ],
  ['an id of 1,024 bytes', ((id) => ({ id, rawId: id }))(Buffer.alloc(1_024, 1).toString('base64url')), MALFORMED],
  ['another type of credential', { answer: (answer) => ({ ...answer, type: 'password' }) }, MALFORMED],
  ['no response', { answer: ({ response: _, ...answer }) => answer }, MALFORMED],
  ['an empty object', { answer: () => ({}) }, MALFORMED],
];

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
  mode = 'immediate',
) {
  const agent = site.agent();
  const before = await rows(site, [...site.accounts.keys()]);
  const { attemptId, publicKey } = await agent.signInOptions({ mode });
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

const signInRule = (
  name: string,
  bend: (site: Site) => AuthenticationBend,
  refusal: Refusal,
  options: SiteOptions = {},
) =>
  rule(
    `refuses a sign-in: ${name}`,
    async (site) =>
      refusesSignIn(
        site,
        await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 })),
        bend(site),
        refusal,
      ),
    options,
  );

const registrationRule = (name: string, bend: (site: Site) => RegistrationBend, [status, code, reason]: Refusal) =>
  rule(`refuses a registration: ${name}`, async (site) => {
    const agent = site.agent();
    const passkey = createSoftwarePasskey({ origin: site.origin });
    const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
    const credential = passkey.register(publicKey, bend(site));
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

/** A sign-in by this agent, with options it got before. */
const verify = (agent: Agent, attemptId: string, credential: unknown) =>
  agent.post('/authentication/verify', { attemptId, credential, client: USED });

export const refusalRules: readonly HttpRule[] = [
  ...ASSERTIONS.map(([name, bend, refusal]) => signInRule(name, () => bend, refusal)),
  ...ORIGINS.map(([name, bend]) =>
    signInRule(
      `an origin with ${name}`,
      ({ origin }) => ({ clientData: { origin: bend(origin) } }),
      FAILED('origin_mismatch'),
    ),
  ),
  signInRule('a counter that went backwards, under refuse', () => ({ signCount: 3 }), FAILED('sign_count_regressed'), {
    policy: { signCount: 'refuse' },
  }),
  signInRule('a counter that stood still, under refuse', () => ({ signCount: 5 }), FAILED('sign_count_regressed'), {
    policy: { signCount: 'refuse' },
  }),
  rule('refuses a sign-in: RS1 with the key of an RS256 passkey', async (site) => {
    const passkey = createSoftwarePasskey({ origin: site.origin, algorithm: 'RS256' });
    await site.agent().signUp('ada', passkey);
    await refusesSignIn(site, passkey, { signature: sha1Signature }, FAILED('signature_invalid'));
  }),
  rule('refuses a sign-in: an eligibility that a device-bound passkey never had', async (site) => {
    const passkey = createSoftwarePasskey({ origin: site.origin, backupEligible: false });
    await site.agent().signUp('ada', passkey);
    await refusesSignIn(site, passkey, { flags: { BE: true } }, FAILED('backup_state_invalid'));
  }),
  ...REGISTRATIONS.map(([name, bend, refusal]) => registrationRule(name, () => bend, refusal)),
  ...ORIGINS.map(([name, bend]) =>
    registrationRule(
      `an origin with ${name}`,
      ({ origin }) => ({ clientData: { origin: bend(origin) } }),
      UNREGISTERED('origin_mismatch'),
    ),
  ),

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

  rule(
    'refuses one passkey too many',
    async (site) => {
      const agent = site.agent();
      await agent.signUp('ada');
      assert.equal((await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }))).status, 201);
      const reply = await assertOneRefusal(site, 'credential_limit', () =>
        agent.addPasskey(createSoftwarePasskey({ origin: site.origin })),
      );
      assertProblem(reply, 409, 'passkey_limit_reached');
    },
    { policy: { maxPasskeys: 2 } },
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
      const [disabled, refused, ...more] = site.records.slice(before);
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
    'accepts what no step forbids: a byte order mark, reserved flags, extension outputs nobody asked for',
    async (site) => {
      const bom = { clientDataJSON: (json: Uint8Array) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), json]) };
      const more = {
        ...bom,
        flags: { RFU1: true, RFU2: true },
        extensions: new Map([['x', true]]),
        clientExtensionResults: { appid: true, '': [] },
      };
      const agent = site.agent();
      await agent.signUp('ada');
      const passkey = createSoftwarePasskey({ origin: site.origin });
      assert.equal((await agent.addPasskey(passkey, more)).status, 201);
      assert.equal((await site.agent().signIn(passkey, { bend: more })).status, 200);
      const withoutResults = createSoftwarePasskey({ origin: site.origin });
      assert.equal((await agent.addPasskey(withoutResults, { clientExtensionResults: undefined })).status, 201);
    },
  ),

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

  rule('accepts self attestation, and makes nothing of it', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const passkey = createSoftwarePasskey({ origin: site.origin });
    assert.equal((await agent.addPasskey(passkey, packedAttestation())).status, 201);
    assert.equal((await site.agent().signIn(passkey)).status, 200);
  }),

  rule('keeps what a registration says: id, key, counter, flags and transports that are words', async (site) => {
    const agent = site.agent();
    const longest = Buffer.alloc(1_023, 9).toString('base64url');
    const passkey = createSoftwarePasskey({ origin: site.origin, credentialId: longest, signCount: 4_294_967_294 });
    const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
    const transports = ['usb', 'usb', 'NFC!', 7, null, 'x'.repeat(33), 'smart-card'];
    const credential = passkey.register(publicKey, { transports });
    assert.equal((await agent.post('/registration/verify', { attemptId, credential })).status, 201);
    const [userId] = site.accounts.keys();
    const stored = async () => (await site.store.passkeys.listByUser(userId!))[0]!;
    assert.deepEqual(
      [
        Buffer.from((await stored()).credentialId).toString('base64url'),
        (await stored()).signCount,
        (await stored()).algorithm,
      ],
      [longest, 4_294_967_294, -7],
    );
    assert.deepEqual([(await stored()).backupEligible, (await stored()).backedUp], [true, true]);
    assert.deepEqual((await stored()).transports, ['usb', 'smart-card']);
    assert.equal((await site.agent().signIn(passkey, { bend: { flags: { BS: false } } })).status, 200);
    assert.deepEqual([(await stored()).signCount, (await stored()).backedUp], [4_294_967_295, false]);
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

  rule('keeps the highest of the counters that arrive at once, and lets each of them in', async (site) => {
    const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 0 }));
    const answers = [];
    for (let i = 0; i < 4; i++) {
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions();
      answers.push({ agent, attemptId, credential: passkey.authenticate(publicKey) });
    }
    const replies = await Promise.all(
      answers.map(({ agent, attemptId, credential }) => verify(agent, attemptId, credential)),
    );
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    const [userId] = site.accounts.keys();
    assert.equal((await site.store.passkeys.listByUser(userId!))[0]!.signCount, 4);
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

  rule('needs no user handle once a user was named, and takes no other', async (site) => {
    const passkey = await site.agent().signUp('ada');
    for (const [userHandle, status] of [
      [undefined, 200],
      [null, 200],
      [otherId, 401],
      ['', 401],
    ] as const) {
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions({ mode: 'modal', identifier: 'ada' });
      const reply = await verify(agent, attemptId, passkey.authenticate(publicKey, { userHandle }));
      assert.equal(reply.status, status, reply.text);
      if (status === 401) assert.equal(lastRecord(site).reason, 'user_handle_mismatch');
    }
  }),

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
];
