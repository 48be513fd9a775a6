/** What banks, hospitals and companies ask for: passkeys bound to their device, signing in again in time, a passkey as second factor. */
import type { IncomingMessage } from 'node:http';
import { memoryStore, type User } from '@latchkey/core';
import { createSoftwarePasskey, openSite, type SiteOptions, USED } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const open = (options: SiteOptions) =>
  openSite({ mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord }, options);
const MINUTES = 60_000;

test('a passkey that can be copied is refused where a device-bound one is required, at registration and at sign-in', async () => {
  const site = await open({ policy: { deviceBound: true } });
  const synced = createSoftwarePasskey({ origin: site.origin });
  await expect(site.agent().signUp('ada', synced)).rejects.toThrow('registration_failed');
  expect(site.records.at(-1)).toMatchObject({
    reason: 'policy_denied',
    policy: { decision: 'deny', failedRule: 'device_bound', requirements: ['device_bound'] },
  });
  const bound = createSoftwarePasskey({ origin: site.origin, backupEligible: false, backedUp: false });
  await site.agent().signUp('bob', bound);
  expect((await site.agent().signIn(bound)).status).toBe(200);
  expect(site.records.at(-1)!.policy.requirements).toEqual(['device_bound']);

  // One that was registered before the policy was.
  const [account] = site.accounts.values();
  const copied = createSoftwarePasskey({ origin: site.origin });
  const [stored] = await site.store.passkeys.listByUser(account!.id);
  const handle = Buffer.from(stored!.userHandle).toString('base64url');
  const old = createSoftwarePasskey({ ...copied.toJSON(), rpId: 'localhost', userHandle: handle });
  const { response } = copied.register(
    (await site.agent().post('/registration/options', { username: 'x' })).json.publicKey,
  );
  const passkey = {
    ...stored!,
    id: crypto.randomUUID(),
    credentialId: Buffer.from(copied.credentialId, 'base64url'),
    publicKey: coseKeyOf(Buffer.from(response.authenticatorData!, 'base64url')),
    backupEligible: true,
    backedUp: true,
  };
  await site.store.passkeys.insert({ passkey, max: 20 });
  const reply = await site.agent().signIn(old);
  expect([reply.status, reply.json.code]).toEqual([403, 'policy_denied']);
  expect(site.records.at(-1)).toMatchObject({
    outcome: 'failure',
    reason: 'policy_denied',
    policy: { failedRule: 'device_bound' },
  });
  await site.close();
});

/** The COSE key at the end of authenticator data: after 55 bytes and the credential id. */
function coseKeyOf(authenticatorData: Buffer): Uint8Array {
  return Uint8Array.from(authenticatorData.subarray(55 + authenticatorData.readUInt16BE(53)));
}

test('an AAL2 session ends after an hour idle or a day in all, and every record says so', async () => {
  const site = await open({ policy: { reauthentication: 'aal2' } });
  const agent = site.agent();
  const passkey = await agent.signUp('ada');
  for (let minutes = 0; minutes < 23 * 60; minutes += 50) {
    site.clock.now += 50 * MINUTES;
    expect((await agent.session()).status).toBe(200);
  }
  site.clock.now += 50 * MINUTES;
  expect((await agent.session()).status).toBe(401);
  await agent.signIn(passkey);
  site.clock.now += 60 * MINUTES;
  expect((await agent.session()).status).toBe(200);
  site.clock.now += 60 * MINUTES + 1;
  expect((await agent.session()).status).toBe(401);
  expect(site.records.every(({ policy }) => policy.requirements.includes('aal2'))).toBe(true);
  await site.close();
});

test('an AAL3 session needs a device-bound passkey, and ends after 15 minutes idle', async () => {
  await expect(open({ policy: { reauthentication: 'aal3' } })).rejects.toThrow('policy.deviceBound');
  await expect(open({ policy: { reauthentication: 'aal2', userVerification: 'preferred' } })).rejects.toThrow(
    'policy.userVerification',
  );
  const site = await open({ policy: { reauthentication: 'aal3', deviceBound: true } });
  const agent = site.agent();
  await agent.signUp('ada', createSoftwarePasskey({ origin: site.origin, backupEligible: false, backedUp: false }));
  site.clock.now += 15 * MINUTES;
  expect((await agent.session()).status).toBe(200);
  site.clock.now += 15 * MINUTES + 1;
  expect((await agent.session()).status).toBe(401);
  await site.close();
});

test('a step-up is a sign-in again', async () => {
  const site = await open({ policy: { reauthentication: { after: '30m' } } });
  const agent = site.agent();
  const passkey = await agent.signUp('ada');
  site.clock.now += 20 * MINUTES;
  await agent.stepUp(passkey);
  site.clock.now += 20 * MINUTES;
  expect((await agent.session()).status).toBe(200);
  site.clock.now += 11 * MINUTES;
  expect((await agent.session()).status).toBe(401);
  await site.close();
});

test('after a password, only that person’s passkey will do: as a second factor, in every mode', async () => {
  let byPassword: User | undefined;
  const site = await open({
    users: {
      identify: (request: unknown) => ((request as IncomingMessage).headers['x-password'] ? byPassword : undefined),
    } as never,
  });
  const adas = await site.agent().signUp('ada');
  const eves = await site.agent().signUp('eve');
  byPassword = [...site.accounts.values()].find(({ name }) => name === 'ada')!;
  const headers = { 'x-password': 'known' };

  for (const mode of ['modal', 'immediate']) {
    for (const [passkey, status] of [
      [eves, 401],
      [adas, 200],
    ] as const) {
      const agent = site.agent();
      const { attemptId, publicKey } = (await agent.post('/authentication/options', { mode }, { headers })).json;
      expect(publicKey.allowCredentials).toHaveLength(mode === 'modal' ? 1 : 0);
      const credential = passkey.authenticate({ ...publicKey, allowCredentials: [] });
      const reply = await agent.post('/authentication/verify', { attemptId, credential, client: USED }, { headers });
      expect(reply.status).toBe(status);
      if (status === 401) expect(site.records.at(-1)!.reason).toBe('credential_not_allowed');
    }
  }

  // Options for a person known by password serve nobody whose password is not known.
  const agent = site.agent();
  const { attemptId, publicKey } = (await agent.post('/authentication/options', {}, { headers })).json;
  const reply = await agent.post('/authentication/verify', {
    attemptId,
    credential: adas.authenticate(publicKey),
    client: USED,
  });
  expect([reply.status, site.records.at(-1)!.reason]).toEqual([400, 'challenge_session_mismatch']);

  // Who has a passkey already may not add one by password alone; who has none may add the first.
  expect((await agent.post('/registration/options', {}, { headers })).json.code).toBe('step_up_required');
  byPassword = { ...byPassword, authenticatedAt: site.clock.now - 1_000 } as User;
  expect((await agent.post('/registration/options', {}, { headers })).status).toBe(200);
  const newcomer = { id: 'newcomer', name: 'newcomer', displayName: 'newcomer', active: true };
  site.accounts.set(newcomer.id, newcomer);
  byPassword = newcomer;
  const options = (await agent.post('/registration/options', {}, { headers })).json;
  const credential = createSoftwarePasskey({ origin: site.origin }).register(options.publicKey);
  const added = await agent.post('/registration/verify', { attemptId: options.attemptId, credential }, { headers });
  expect([added.status, added.json.user.name]).toEqual([201, 'newcomer']);
  await site.close();
});
