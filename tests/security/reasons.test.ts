/** Every reason in the closed list, and what produces it: a list with a reason that cannot occur would promise too much. */
import { ConfigurationError, createPasskeys, memoryStore, REASONS, type Reason, type Store } from '@latchkey/core';
import { createSoftwarePasskey, httpContract } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { certifyRoot } from '../http/attestation-makers.ts';
import { openDirect } from './direct.ts';
import { open, world } from './evidence.ts';

const failing = (): never => {
  throw new Error('out of order');
};

/** A sign-up that a test wants to see fail; resolves to the reasons of its records. */
async function signUpOn(options: Parameters<typeof openDirect>[0]) {
  const { browser, records, store, users, faults } = openDirect(options);
  const ada = browser();
  const { attemptId, publicKey } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
  const credential = createSoftwarePasskey({ origin: 'http://localhost:3000' }).register(publicKey);
  const reply = await ada.send('POST', '/registration/verify', { attemptId, credential });
  // Whatever the reason is: nobody is in, and nothing is kept.
  expect([ada.token, [...users]]).toEqual([null, []]);
  const found = await store.passkeys.find({
    credentialId: Buffer.from(credential.rawId, 'base64url'),
    userHandle: null,
  });
  expect(found).toEqual([]);
  return { reply, status: reply.status, reasons: records.map(({ reason }) => reason), faults };
}

const ALIKE = 'answers a token that was mistyped, used, revoked, forgotten or late alike, and the record says which';

/** By a rule of the HTTP contract, or by a test of its own that resolves to the reasons it saw. */
const SHOWN: Record<Reason, string | (() => Promise<readonly (Reason | null)[]>)> = {
  malformed_request: 'refuses a body of the wrong shape',
  rate_limited: async () => {
    const { browser, records, passkeys } = openDirect({
      rateLimit: { limits: { options: { points: 1, seconds: 60 } } },
    });
    const ada = browser();
    expect((await ada.send('POST', '/authentication/options', {})).status).toBe(200);
    expect((await ada.send('POST', '/authentication/options', {})).status).toBe(429);
    // What was withheld until its window is over is not lost when the application stops before that.
    passkeys.close();
    return records.map(({ reason }) => reason);
  },
  first_factor_missing: async () => {
    const users = { find: () => undefined, identify: () => null };
    const { browser, records } = openDirect({ policy: { firstFactor: 'identified' }, users });
    const reply = await browser().send('POST', '/authentication/options', {});
    expect([reply.status, reply.json.code]).toEqual([401, 'sign_in_required']);
    return records.map(({ reason }) => reason);
  },
  origin_denied: 'refuses requests of other origins, also to read',
  client_not_allowed: 'records what the page reports, and never as more than a claim',
  client_aborted: 'records what the page reports, and never as more than a claim',
  client_security_error: 'records what the page reports, and never as more than a claim',
  client_unsupported: 'records what the page reports, and never as more than a claim',
  client_invalid_state: 'records what the page reports, and never as more than a claim',
  client_busy: 'records what the page reports, and never as more than a claim',
  client_password: 'records what the page reports, and never as more than a claim',
  client_unreadable: 'records what the page reports, and never as more than a claim',
  client_other: 'records what the page reports, and never as more than a claim',
  challenge_missing: 'refuses a verify that names no attempt',
  challenge_unknown: 'refuses a challenge it never issued',
  challenge_expired: 'refuses an answer that comes too late, by the server’s clock',
  challenge_consumed: 'refuses a second use of an answer that was accepted',
  challenge_mismatch: 'refuses the answer to one challenge for another',
  challenge_session_mismatch: 'refuses an answer from another browser, which may still answer itself',
  client_data_malformed: 'refuses a sign-in: client data that is not JSON',
  type_mismatch: 'refuses a sign-in: client data of another type',
  origin_mismatch: 'refuses a sign-in: an origin with another site',
  cross_origin_denied: 'refuses a sign-in: client data with crossOrigin',
  rp_id_hash_mismatch: 'refuses a sign-in: an answer for another RP ID',
  credential_unknown: 'refuses a sign-in: an id that nobody has',
  credential_disabled: 'refuses a passkey that was disabled or removed after the options',
  credential_not_allowed: 'refuses another person’s passkey after a user was named',
  user_handle_mismatch: 'refuses a sign-in: another user handle',
  user_policy:
    'asks the application’s own rules for a person, for options and for verify, and tells a stranger nothing',
  user_disabled: 'refuses a person whose account was blocked after the options',
  authenticator_data_malformed: 'refuses a sign-in: authenticator data that is too short',
  user_presence_missing: 'refuses a sign-in: nobody present',
  user_verification_missing: 'refuses a sign-in: nobody verified',
  backup_state_invalid: 'refuses a sign-in: backed up without being eligible',
  algorithm_unsupported: 'refuses a registration: an algorithm that was not offered',
  signature_invalid: 'refuses a sign-in: a signature with a flipped bit',
  sign_count_regressed: 'refuses a sign-in: a counter that went backwards, under refuse',
  immediate_not_requested: 'issues nothing but immediate options under require',
  immediate_not_reported: 'refuses under require what the page says was not immediate',
  immediate_contradicted: 'refuses under require what the page says was not immediate',
  policy_denied: 'does not speak of enforcement when the policy is off',
  credential_exists: 'refuses a credential id that somebody else registered, and undoes the sign-up',
  credential_limit: 'refuses one passkey too many',
  username_unavailable: 'keeps a name that is taken secret until a passkey was verified',
  credential_id_mismatch: 'refuses a sign-in: an id that is not the raw id',
  public_key_invalid: 'refuses a registration: a point off the curve',
  attestation_refused: async () => {
    const attestation = { conveyance: 'direct', roots: [(await certifyRoot()).pem] } as const;
    const { browser, records } = openDirect({ policy: { attestation } });
    const ada = browser();
    const { attemptId, publicKey } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
    const credential = createSoftwarePasskey({ origin: 'http://localhost:3000' }).register(publicKey);
    expect((await ada.send('POST', '/registration/verify', { attemptId, credential })).status).toBe(400);
    return records.map(({ reason }) => reason);
  },
  invitation_unknown: ALIKE,
  invitation_expired: ALIKE,
  invitation_used: ALIKE,
  invitation_revoked: ALIKE,
  invitation_other_browser: 'lets only the browser use an invitation that opened it first',
  session_failed: async () => {
    const inner = memoryStore();
    const store: Store = { ...inner, sessions: { ...inner.sessions!, begin: failing } };
    const { reply, reasons } = await signUpOn({ store });
    expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
    return reasons;
  },
  store_unavailable: async () => {
    const inner = memoryStore();
    const store: Store = { ...inner, challenges: { ...inner.challenges, put: failing } };
    const { browser, records } = openDirect({ store });
    const reply = await browser().send('POST', '/authentication/options', {});
    expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
    return records.map(({ reason }) => reason);
  },
  config_invalid: async () => {
    const create = ({ name }: { name: string }) => ({ id: 7 as unknown as string, name });
    const { status, reasons } = await signUpOn({ users: { find: () => undefined, create } });
    expect(status).toBe(500);
    return reasons;
  },
  audit_unavailable: async () => {
    const sinks = [{ name: 'ledger', write: failing, onFailure: 'fail_closed' as const }];
    const { status, reasons } = await signUpOn({ audit: { sinks } });
    expect(status).toBe(503);
    return reasons;
  },
  internal_error: async () => {
    const { status, reasons } = await signUpOn({ users: { find: () => undefined, create: failing } });
    expect(status).toBe(500);
    return reasons;
  },
  no_response: 'ends an attempt that nobody answers as abandoned, once, after its expiry',
};

describe('a reason is produced', () => {
  test.each(REASONS)('%s', async (reason) => {
    const shown = SHOWN[reason];
    if (typeof shown === 'function') return expect(await shown()).toContain(reason);
    const rule = httpContract.find(({ name }) => name === shown);
    expect(rule, `the HTTP contract has no rule "${shown}"`).toBeDefined();
    const seen: (Reason | null)[] = [];
    await rule!.check({
      ...world,
      onRecord: (record) => {
        seen.push(record.reason);
        world.onRecord!(record);
      },
    });
    expect(seen).toContain(reason);
  });
});

test('the table names every reason of the list, and no other', () => {
  expect(Object.keys(SHOWN).sort()).toEqual([...REASONS].sort());
});

test('an account with an id that no store keeps is our fault, said to the operator and not to the person', async () => {
  const create = ({ name }: { name: string }) => ({ id: 7 as unknown as string, name });
  const { reply, faults } = await signUpOn({ users: { find: () => undefined, create } });
  expect(reply.json).toMatchObject({ status: 500, code: 'internal_error', title: 'Something went wrong' });
  expect(reply.text).not.toMatch(/users\.create|String/i);
  expect(JSON.stringify(faults)).toMatch(/users\.create\(\)\.id: got 7\. Write String\(row\.id\)/);
});

test('a configuration that cannot be right throws before the first request', () => {
  expect(() => createPasskeys({} as never)).toThrow(ConfigurationError);
});

test('a site of the contract leaves no record with a reason outside the list', async () => {
  const site = await open();
  await site.agent().post('/authentication/verify', {});
  for (const { reason } of site.records) expect(REASONS).toContain(reason);
});
