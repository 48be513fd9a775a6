/** Whom a passkey is offered after a password sign-in (`policy.offers`): once, not again after "not now", and so many of a hundred. */
import { memoryStore, type PolicyOptions, type Store } from '@latchkey/core';
import { createSoftwarePasskey, openSite, type Site, type SiteOptions } from '@latchkey/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A site whose application signs a person in by itself: whom `who.id` names. */
async function open(
  policy: PolicyOptions = {},
  { store = memoryStore(), ...options }: SiteOptions & { store?: Store } = {},
) {
  const who = { id: 'ada' as string | undefined, passwordAt: undefined as number | undefined };
  const site = await openSite(
    { mount: mounts['Express 5'], store: () => store, onRecord: assertValidRecord },
    {
      policy,
      ...options,
      users: {
        find: (id: string) => ({ id, name: id }),
        isActive: () => true,
        identify: () => who.id && { id: who.id, name: who.id, passwordAt: who.passwordAt },
        ...options.users,
      } as never,
    },
  );
  onTestFinished(() => site.close());
  return { site, who };
}

const offerOf = async (site: Site) => (await site.agent().post('/offer')).json.offer;
const decline = (site: Site) => site.agent().request('DELETE', '/passkeys/offer');

describe('a passkey is offered', () => {
  test('to a person who has none, and not to one who has', async () => {
    const { site } = await open();
    expect(await offerOf(site)).toBe('ask');
    const agent = site.agent();
    expect((await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }))).status).toBe(201);
    expect(await offerOf(site)).toBe('none');
    const [passkey] = await site.store.passkeys.listByUser('ada');
    await site.store.passkeys.update({ ...passkey!, keepLast: false, change: { enabled: false } });
    expect(await offerOf(site)).toBe('none');
  });

  test('also where the one that they have is of another relying party', async () => {
    const store = memoryStore();
    const { site } = await open({}, { store });
    await site.agent().addPasskey(createSoftwarePasskey({ origin: site.origin }));
    const [passkey] = await store.passkeys.listByUser('ada');
    await store.passkeys.remove({ ...passkey!, keepLast: false });
    await store.passkeys.insert({ passkey: { ...passkey!, rpId: 'example.org' }, max: 1 });
    expect(await offerOf(site)).toBe('ask');
  });

  test('to nobody where it is switched off, and to nobody who may not register', async () => {
    expect(await offerOf((await open({ offers: false })).site)).toBe('none');
    const { site } = await open(
      {},
      { users: { allows: (_: object, action: string) => action !== 'register' } as never },
    );
    expect(await offerOf(site)).toBe('none');
  });

  test('to nobody who is not there', async () => {
    const { site, who } = await open();
    who.id = undefined;
    for (const reply of [await site.agent().post('/offer'), await decline(site)]) {
      expect([reply.status, reply.json.code]).toEqual([401, 'sign_in_required']);
    }
  });

  test('by no page of another site', async () => {
    const { site } = await open();
    const elsewhere = { headers: { origin: 'https://evil.example' } };
    const agent = site.agent();
    expect((await agent.post('/offer', {}, elsewhere)).status).toBe(403);
    expect((await agent.request('DELETE', '/passkeys/offer', undefined, elsewhere)).status).toBe(403);
    expect(await offerOf(site)).toBe('ask');
  });
});

describe('without asking', () => {
  const policy = { conditionalCreate: true };

  test.each([
    ['a password of nine minutes ago', 9 * MINUTE, policy, 'silent'],
    ['a password of eleven minutes ago', 11 * MINUTE, policy, 'ask'],
    ['a password in an hour', -60 * MINUTE, policy, 'ask'],
    ['a password, where the policy does not allow it', 0, {}, 'ask'],
    ['a password, where most passkeys would be refused', 0, { ...policy, deviceBound: true }, 'ask'],
  ])('first, after %s: %#', async (_, age, policy, expected) => {
    const { site, who } = await open(policy);
    who.passwordAt = site.clock.now - age;
    expect(await offerOf(site)).toBe(expected);
  });

  test('is what registration options then allow', async () => {
    const { site, who } = await open(policy);
    who.passwordAt = site.clock.now;
    expect(await offerOf(site)).toBe('silent');
    expect((await site.agent().post('/registration/options', { mediation: 'conditional' })).status).toBe(200);
    await decline(site);
    expect(await offerOf(site)).toBe('none');
  });
});

describe('"not now"', () => {
  test('holds in every browser for thirty days, and for nobody else', async () => {
    const { site, who } = await open();
    expect((await decline(site)).status).toBe(204);
    expect(await offerOf(site)).toBe('none');
    who.id = 'eve';
    expect(await offerOf(site)).toBe('ask');
    who.id = 'ada';
    site.clock.now += 30 * DAY;
    expect(await offerOf(site)).toBe('none');
    site.clock.now += 1;
    expect(await offerOf(site)).toBe('ask');
  });

  test('holds as long as the application says', async () => {
    const { site } = await open({ offers: { again: '1h' } });
    await decline(site);
    site.clock.now += 60 * MINUTE;
    expect(await offerOf(site)).toBe('none');
    site.clock.now += 1;
    expect(await offerOf(site)).toBe('ask');
  });

  test('of a clock that was wrong does not hold for years', async () => {
    const { site } = await open();
    await site.store.passkeys.decline({ userId: 'ada', at: site.clock.now + 3_650 * DAY });
    expect(await offerOf(site)).toBe('ask');
  });

  test('is forgotten with the person', async () => {
    const { site } = await open();
    await decline(site);
    await site.passkeys.forUser('ada').forget({ by: 'operator', reason: 'asked for it' });
    expect(await site.store.passkeys.declinedAt('ada')).toBeNull();
  });

  test('leaves no record', async () => {
    const { site } = await open();
    await offerOf(site);
    await decline(site);
    expect(site.records).toEqual([]);
  });

  test('is 503 where the store does not answer', async () => {
    const store = memoryStore();
    const broken = () => Promise.reject(new Error('gone'));
    const { site } = await open(
      {},
      { store: { ...store, passkeys: { ...store.passkeys, decline: broken, declinedAt: broken } } },
    );
    for (const reply of [await site.agent().post('/offer'), await decline(site)]) {
      expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
    }
  });
});

describe('a roll-out', () => {
  const PEOPLE = Array.from({ length: 400 }, (_, n) => `person ${n}`);

  async function offeredAt(share: number, identityKey?: string) {
    const { site, who } = await open({ offers: { share } }, identityKey ? { audit: { identityKey } } : {});
    const agent = site.agent();
    const offered: string[] = [];
    for (const id of PEOPLE) {
      who.id = id;
      if ((await agent.post('/offer')).json.offer === 'ask') offered.push(id);
    }
    return offered;
  }

  test('is for the same people in every process, more of them when it grows, and others under another key', async () => {
    const [none, ten, again, half, all] = await Promise.all([0, 10, 10, 50, 100].map((share) => offeredAt(share)));
    expect([none!.length, all!.length]).toEqual([0, PEOPLE.length]);
    expect(again).toEqual(ten);
    expect(half).toEqual(expect.arrayContaining(ten!));
    // Six standard deviations of 400 draws.
    expect(Math.abs(ten!.length - 40)).toBeLessThan(36);
    expect(Math.abs(half!.length - 200)).toBeLessThan(60);
    expect(await offeredAt(10, 'another key for tests, and for tests only')).not.toEqual(ten);
  });

  test.each([
    ['policy.offers.share', { share: -1 }],
    ['policy.offers.share', { share: 101 }],
    ['policy.offers.share', { share: Number.NaN }],
    ['policy.offers.share', { share: '10' as never }],
    ['policy.offers.again', { again: 'soon' as never }],
  ])('%s is checked: %j', async (option, offers) => {
    await expect(open({ offers })).rejects.toThrow(expect.objectContaining({ option }));
  });

  test('needs an identity key, without which every process would choose others', async () => {
    const without = { audit: { identityKey: undefined as never }, users: { findByName: undefined } as never };
    await expect(open({ offers: { share: 10 } }, without)).rejects.toThrow(/audit\.identityKey/);
    for (const share of [0, 100]) await open({ offers: { share } }, without);
  });
});

describe('the record of a registration says how it came about', () => {
  const register = async (site: Site, options: object) => {
    const agent = site.agent();
    const { attemptId, publicKey } = (await agent.post('/registration/options', options)).json;
    const bend = 'mediation' in options ? { flags: { UP: false, UV: false } } : {};
    const credential = createSoftwarePasskey({ origin: site.origin }).register(publicKey, bend);
    expect((await agent.post('/registration/verify', { attemptId, credential })).status).toBe(201);
    return site.records.map(({ event, attempt }) => [event.name, attempt.occasion]);
  };

  test.each([
    ['asked', {}],
    ['asked', { offered: false }],
    ['offered', { offered: true }],
    ['silent', { mediation: 'conditional', offered: true }],
  ])('%s: %j', async (occasion, options) => {
    const { site, who } = await open({ conditionalCreate: true });
    who.passwordAt = site.clock.now;
    expect(await register(site, options)).toEqual([
      ['latchkey.registration.attempt', occasion],
      ['latchkey.passkey.added', occasion],
    ]);
  });

  test('sign_up, and what it took away or ended came about by nothing of the kind', async () => {
    const site = await openSite({ mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord });
    onTestFinished(() => site.close());
    const agent = site.agent();
    await agent.signUp('ada');
    expect(site.records.map(({ attempt }) => attempt.occasion)).toEqual(['sign_up', 'sign_up']);
    const { attemptId } = (await site.agent().post('/registration/options', { username: 'eve', offered: true })).json;
    expect(attemptId).toBeDefined();
    site.clock.now += 130_000;
    await site.passkeys.sweep();
    expect(site.records.at(-1)).toMatchObject({ outcome: 'abandoned', attempt: { occasion: 'sign_up' } });

    const [id] = site.accounts.keys();
    const { token } = await site.passkeys.invite(id!, { by: 'operator', replaces: 'all' });
    const before = site.records.length;
    const invited = site.agent();
    const options = (await invited.post('/registration/options', { invitation: token })).json;
    const made = createSoftwarePasskey({ origin: site.origin }).register(options.publicKey);
    const body = { attemptId: options.attemptId, credential: made, invitation: token };
    expect((await invited.post('/registration/verify', body)).status).toBe(201);
    const occasions = site.records.slice(before).map(({ event, attempt }) => [event.name, attempt.occasion]);
    expect(occasions.map(([name]) => name)).toEqual(
      expect.arrayContaining(['latchkey.passkey.removed', 'latchkey.session.ended']),
    );
    expect(occasions.flatMap(([name, occasion]) => (occasion === undefined ? [] : name)).sort()).toEqual([
      'latchkey.passkey.added',
      'latchkey.registration.attempt',
    ]);
  });

  test('is nothing but these words', async () => {
    const { site } = await open();
    expect((await site.agent().post('/registration/options', { offered: 'yes' })).status).toBe(400);
  });
});
