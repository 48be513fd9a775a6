/** The next passkey: one that is added without asking (WebAuthn §5.1.3, conditional mediation), and the suggestion to add one on this device. */
import { inspect } from 'node:util';
import { memoryStore, type PolicyOptions } from '@latchkey/core';
import { createSoftwarePasskey, openSite, type SiteOptions, type SoftwarePasskeyOptions } from '@latchkey/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const MINUTE = 60_000;

async function open(options: SiteOptions) {
  const world = { mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord };
  const site = await openSite(world, options);
  onTestFinished(() => site.close());
  return site;
}

/** A site whose application signs ada in by itself, with a password at this instant. */
async function withPassword(passwordAt: (now: number) => unknown, policy: PolicyOptions = {}) {
  const faults: unknown[] = [];
  const logger = { info: () => {}, warn: () => {}, error: (...fault: unknown[]) => void faults.push(...fault) };
  const ada = { id: 'ada', name: 'ada', active: true };
  const site = await open({
    policy: { conditionalCreate: true, ...policy },
    logger,
    users: { identify: () => ({ ...ada, passwordAt: passwordAt(site.clock.now) }) } as never,
  });
  site.accounts.set('ada', ada);
  return { site, faults };
}

describe('without asking', () => {
  const conditional = { mediation: 'conditional' } as const;

  test('a passkey is added within ten minutes after a password', async () => {
    const { site } = await withPassword((now) => now - 9 * MINUTE);
    const agent = site.agent();
    const { attemptId, publicKey } = (await agent.post('/registration/options', conditional)).json;
    const passkey = createSoftwarePasskey({ origin: site.origin });
    const credential = passkey.register(publicKey, { flags: { UP: false, UV: false } });
    expect((await agent.post('/registration/verify', { attemptId, credential })).status).toBe(201);
    // The account has a passkey now, so a password is not enough for another.
    const next = await agent.post('/registration/options', conditional);
    expect([next.status, next.json.code]).toEqual([403, 'step_up_required']);
  });

  test.each([
    ['no password that the application tells of', () => undefined],
    ['null from a row', () => null],
    ['a password of eleven minutes ago', (now: number) => now - 11 * MINUTE],
    ['a password in an hour from now', (now: number) => now + 60 * MINUTE],
    ['a password in seconds since the epoch', (now: number) => Math.floor(now / 1_000)],
  ])('refuses after %s, and lets the person add one with the sheet', async (_what, passwordAt) => {
    const { site } = await withPassword(passwordAt);
    const agent = site.agent();
    const reply = await agent.post('/registration/options', conditional);
    expect([reply.status, reply.json.code]).toEqual([400, 'registration_failed']);
    expect(site.records.at(-1)).toMatchObject({ reason: 'policy_denied', policy: { failedRule: 'recent_sign_in' } });
    expect((await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }))).status).toBe(201);
  });

  test('refuses where the application wants a sign-in that is more recent', async () => {
    const { site } = await withPassword((now) => now - 2 * MINUTE, { recentSignIn: '1m' });
    expect((await site.agent().post('/registration/options', conditional)).status).toBe(400);
  });

  test.each([['2026-11-28T23:00:00Z'], [new Date()], [Number.NaN]])(
    '%s is no instant, and the log says what to write',
    async (at) => {
      const { site, faults } = await withPassword(() => at);
      const reply = await site.agent().post('/registration/options', conditional);
      expect([reply.status, site.records.at(-1)!.reason]).toEqual([500, 'config_invalid']);
      expect(faults.map((fault) => inspect(fault)).join()).toMatch(/passwordAt.*milliseconds since the epoch/);
    },
  );

  test('a sign-in by passkey counts too, while it is recent', async () => {
    const site = await open({ policy: { conditionalCreate: true } });
    const agent = site.agent();
    await agent.signUp('ada');
    expect((await agent.post('/registration/options', conditional)).status).toBe(200);
    site.clock.now += 11 * MINUTE;
    const late = await agent.post('/registration/options', conditional);
    expect([late.status, site.records.at(-1)!.policy.failedRule]).toEqual([400, 'recent_sign_in']);
  });
});

describe('suggests to add a passkey here', () => {
  /** A passkey in a phone, used at a computer. */
  const PHONE = { authenticatorAttachment: 'cross-platform', transports: ['hybrid', 'internal'] } as const;

  async function suggestion(passkey: Partial<SoftwarePasskeyOptions>, options: SiteOptions = {}, attachment?: unknown) {
    const site = await open(options);
    const made = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, ...passkey }));
    const bend = attachment === undefined ? {} : { authenticatorAttachment: attachment };
    const reply = await site.agent().signIn(made, { mode: 'modal', bend });
    expect(reply.status).toBe(200);
    return reply.json.suggest;
  }

  test('after a sign-in with a phone', async () => {
    expect(await suggestion(PHONE)).toBe('add_here');
    expect(await suggestion({ ...PHONE, backupEligible: false })).toBe('add_here');
    expect(await suggestion({ ...PHONE, transports: [] })).toBe('add_here');
  });

  test('not after a sign-in with this device, with a security key, or from who knows where', async () => {
    expect(await suggestion({})).toBeUndefined();
    expect(await suggestion({ ...PHONE, backupEligible: false, transports: ['usb', 'nfc'] })).toBeUndefined();
    expect(await suggestion(PHONE, {}, null)).toBeUndefined();
    expect(await suggestion(PHONE, {}, 'elsewhere')).toBeUndefined();
  });

  test('not where the person could add none', async () => {
    expect(await suggestion(PHONE, { policy: { maxPasskeys: 1 } })).toBeUndefined();
    const onlySignIn = { allows: (_user: object, action: string) => action === 'sign_in' };
    const site = await open({});
    const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, ...PHONE }));
    const strict = await open({ users: { ...onlySignIn, find: (id) => site.accounts.get(id), isActive: () => true } });
    const [account] = site.accounts.values();
    const [stored] = await site.store.passkeys.listByUser(account!.id);
    await strict.store.passkeys.insert({ passkey: stored!, max: 20 });
    const reply = await strict.agent().signIn(passkey.clone({ origin: strict.origin }), { mode: 'modal' });
    expect([reply.status, reply.json.suggest]).toEqual([200, undefined]);
  });
});
