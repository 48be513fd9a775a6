/** Findings 1 and 2 of the security review: a policy by request is not escaped with another host's challenge, nor a first factor left out. */
import { createPasskeys, memoryStore, type PolicyOptions, type RelyingParty, type User } from '@latchkey/core';
import { createAgent, createSoftwarePasskey, NOT_USED, type SoftwarePasskey, USED } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { mounts } from '../mounts.ts';
import { headerOf } from '../support/header.ts';
import { openRecorded } from './recorded.ts';

const LAX: PolicyOptions = { userVerification: 'preferred' };
const STRICT: PolicyOptions = { immediateMediation: 'require', userVerification: 'required', deviceBound: true };

/** A host that a proxy would name. Whoever asks chooses it at each request, and takes every cookie along. */
const hostOf = (request: unknown) =>
  ((request === undefined ? undefined : headerOf(request, 'x-host')) ?? 'lax') as 'lax' | 'strict';
const at = (host: 'lax' | 'strict', more: object = {}) => ({ headers: { 'x-host': host, ...more } });

describe.each(Object.entries(mounts))('%s', (_, mount) => {
  const open = () =>
    openRecorded({ mount, policy: (request: unknown) => (hostOf(request) === 'strict' ? STRICT : LAX) });

  test.each([
    ['without user verification', { flags: { UV: false } }, USED, 'user_verification_missing'],
    ['by a passkey that may be copied', {}, USED, 'policy_denied'],
  ] as const)(
    'finding 1: a challenge of the lax host, answered %s at the strict one, is refused',
    async (_how, bend, client, reason) => {
      const site = await open();
      const passkey = await site.agent().signUp('ada');
      const agent = site.agent();
      const { attemptId, publicKey } = (await agent.post('/authentication/options', { mode: 'immediate' }, at('lax')))
        .json;
      const credential = passkey.authenticate(publicKey, bend);
      const reply = await agent.post('/authentication/verify', { attemptId, credential, client }, at('strict'));
      expect(reply.status).toBeGreaterThanOrEqual(400);
      expect(site.records.at(-1)).toMatchObject({
        reason,
        immediate: { policy: 'require' },
        assertion: { userVerificationPolicy: 'required' },
      });
      expect((await agent.request('GET', '/guarded', undefined, at('strict'))).status).toBe(401);
      await site.close();
    },
  );

  test('finding 1: the modal sheet of the lax host is no way into the strict one', async () => {
    const site = await open();
    const bound = createSoftwarePasskey({ origin: site.origin, backupEligible: false, backedUp: false });
    await site.agent().signUp('ada', bound);
    for (const mode of ['modal', 'conditional']) {
      const agent = site.agent();
      expect((await agent.post('/authentication/options', { mode }, at('strict'))).json.code).toBe('mode_not_allowed');
      const { attemptId, publicKey } = (await agent.post('/authentication/options', { mode }, at('lax'))).json;
      const credential = bound.authenticate(publicKey);
      const reply = await agent.post(
        '/authentication/verify',
        { attemptId, credential, client: NOT_USED },
        at('strict'),
      );
      expect([reply.status, site.records.at(-1)!.reason]).toEqual([400, 'challenge_mismatch']);
    }
    // The honest way is open.
    const agent = site.agent();
    const { attemptId, publicKey } = (await agent.post('/authentication/options', {}, at('strict'))).json;
    const credential = bound.authenticate(publicKey);
    const reply = await agent.post('/authentication/verify', { attemptId, credential, client: USED }, at('strict'));
    expect([reply.status, reply.json.attempt.enforcement]).toEqual([200, 'enforced']);
    await site.close();
  });

  test('finding 1: a registration of the lax host is judged by the strict one as well', async () => {
    const site = await open();
    const agent = site.agent();
    const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' }, at('lax'))).json;
    const credential = createSoftwarePasskey({ origin: site.origin }).register(publicKey);
    const reply = await agent.post('/registration/verify', { attemptId, credential }, at('strict'));
    expect([reply.status, reply.json.code]).toEqual([400, 'registration_failed']);
    expect(site.records.at(-1)!.policy).toMatchObject({ failedRule: 'device_bound', requirements: ['device_bound'] });
    expect(site.accounts.size).toBe(0);
    await site.close();
  });

  test('finding 1: a step-up begun at the lax host counts as little', async () => {
    const site = await open();
    const agent = site.agent();
    const bound = createSoftwarePasskey({ origin: site.origin, backupEligible: false, backedUp: false });
    await agent.signUp('ada', bound);
    const { attemptId, publicKey } = (await agent.post('/step-up/options', { action: 'transfer' }, at('lax'))).json;
    const credential = bound.authenticate(publicKey, { flags: { UV: false } });
    const reply = await agent.post('/step-up/verify', { attemptId, credential }, at('strict'));
    expect([reply.status, site.records.at(-1)!.reason]).toEqual([401, 'user_verification_missing']);
    expect((await agent.request('GET', '/transfer')).status).toBe(403);
    await site.close();
  });

  test('finding 1: an origin of one host is no origin of the other, whichever issued the challenge', async () => {
    const elsewhere = 'https://app.localhost';
    const parties = new Map<string, RelyingParty>();
    const accounts = new Map<string, User>();
    const passkeys = createPasskeys({
      rp: (request) => parties.get(hostOf(request)),
      users: {
        find: (id) => accounts.get(id),
        create: ({ name }) => {
          accounts.set(name, { id: name, name });
          return accounts.get(name);
        },
      },
      store: memoryStore(),
      sweepEvery: false,
      logger: { info: () => {}, warn: () => {}, error: () => {} },
    });
    const { origin, close } = await mount((own) => {
      parties.set('strict', {
        id: 'localhost',
        name: 'Strict',
        origins: [own],
        relatedOrigins: ['https://admin.localhost'],
      });
      parties.set('lax', { id: 'localhost', name: 'Lax', origins: [own], relatedOrigins: [elsewhere] });
      return passkeys;
    });
    const passkey: SoftwarePasskey = await createAgent(origin).signUp('ada');
    for (const [issuer, judge, signed, status] of [
      ['lax', 'lax', elsewhere, 200],
      ['lax', 'strict', elsewhere, 401],
      ['strict', 'lax', elsewhere, 401],
      ['lax', 'strict', origin, 200],
      ['strict', 'lax', origin, 200],
    ] as const) {
      const agent = createAgent(origin);
      const { attemptId, publicKey } = (await agent.post('/authentication/options', {}, at(issuer))).json;
      const credential = passkey.authenticate(publicKey, { clientData: { origin: signed } });
      const reply = await agent.post('/authentication/verify', { attemptId, credential, client: USED }, at(judge));
      expect(reply.status, `${issuer} to ${judge} from ${signed}`).toBe(status);
    }
    await passkeys.close();
    await close();
  });

  test('finding 2: a passkey that is the second factor signs nobody in alone', async () => {
    const identify = (request: unknown) => {
      return site.accounts.get(String(headerOf(request, 'x-password')));
    };
    const site = await openRecorded({
      mount,
      policy: { firstFactor: 'identified', userVerification: 'discouraged' },
      users: { identify } as never,
    });
    site.accounts.set('ada', { id: 'ada', name: 'ada', active: true });
    const known = { headers: { 'x-password': 'ada' } };
    const owner = site.agent();
    const registration = (await owner.post('/registration/options', {}, known)).json;
    const key = createSoftwarePasskey({ origin: site.origin });
    const made = key.register(registration.publicKey);
    const body = { attemptId: registration.attemptId, credential: made };
    expect((await owner.post('/registration/verify', body, known)).status).toBe(201);

    const thief = site.agent();
    for (const mode of ['immediate', 'modal', 'conditional']) {
      const reply = await thief.post('/authentication/options', { mode });
      expect([reply.status, reply.json.code]).toEqual([401, 'sign_in_required']);
      expect(site.records.at(-1)!.reason).toBe('first_factor_missing');
    }
    // With options that somebody else's password got.
    const { attemptId, publicKey } = (await thief.post('/authentication/options', {}, known)).json;
    const credential = key.authenticate(publicKey, { flags: { UV: false } });
    const reply = await thief.post('/authentication/verify', { attemptId, credential, client: USED });
    expect([reply.status, reply.json.code]).toEqual([401, 'sign_in_required']);
    expect((await thief.request('GET', '/guarded')).status).toBe(401);
    expect((await thief.post('/registration/options', { username: 'eve' })).json.code).toBe('sign_in_required');
    await site.close();
  });
});
