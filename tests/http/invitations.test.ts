/** Invitations where things go wrong: two processes, a store that fails, a refused request, guesses, another tenant, wrong options. */
import { ConfigurationError, type InvitationOptions, memoryStore, type Store } from '@latchkey/core';
import { createSoftwarePasskey } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { place } from '../cli/stores.ts';
import { type Browser, type Direct, ORIGIN, openDirect } from '../security/direct.ts';

const BY = { by: 'operator', reason: 'lost phone' } as const;
const ada = { id: 'user-ada', name: 'ada' };
const fresh = () => createSoftwarePasskey({ origin: ORIGIN });

/** A site with ada, whom nobody has given a passkey yet. */
function open(options: Parameters<typeof openDirect>[0] = {}) {
  const site = openDirect(options);
  site.users.set(ada.id, ada);
  return site;
}

const ask = (browser: Browser, invitation: string, more = {}) =>
  browser.send('POST', '/registration/options', { invitation }, more);

async function answer(browser: Browser, invitation: string) {
  const { attemptId, publicKey } = (await ask(browser, invitation)).json;
  return { attemptId, credential: fresh().register(publicKey), invitation };
}

async function use(browser: Browser, invitation: string) {
  return browser.send('POST', '/registration/verify', await answer(browser, invitation));
}

const passkeysOf = async ({ passkeys }: Direct) => (await passkeys.forUser(ada.id).list()).length;
const openOf = async ({ passkeys }: Direct) => (await passkeys.forUser(ada.id).invitations()).length;
const failing = () => {
  throw new Error('out of order');
};

test.each(['PostgreSQL', 'Redis'] as const)('two processes make one passkey of one invitation, in %s', async (kind) => {
  const { store, migrate } = place(kind);
  await migrate();
  const sites = [open({ store }), open({ store })];
  const { token } = await sites[0]!.passkeys.invite(ada.id, BY);
  const browsers = sites.map((site) => site.browser());
  const first = await answer(browsers[0]!, token);
  browsers[1]!.binding = browsers[0]!.binding;
  const second = await answer(browsers[1]!, token);
  const replies = await Promise.all(
    [first, second].map((body, index) => browsers[index]!.send('POST', '/registration/verify', body)),
  );
  expect(replies.map(({ status }) => status).sort()).toEqual([201, 400]);
  expect(replies.find(({ status }) => status === 400)!.json.code).toBe('invitation_invalid');
  expect(await passkeysOf(sites[0]!)).toBe(1);
});

test('of invitations that are issued at once, one is open', async () => {
  const site = open();
  const issued = await Promise.all(Array.from({ length: 10 }, () => site.passkeys.invite(ada.id, BY)));
  expect(await openOf(site)).toBe(1);
  const newest = issued.toSorted((a, b) => (a.id < b.id ? 1 : -1))[0]!;
  expect((await use(site.browser(), newest.token)).status).toBe(201);
  const revoked = site.records.filter(({ event }) => event.name === 'latchkey.invitation.revoked');
  expect(revoked.map(({ attempt, change }) => [attempt.relatedId, change])).toHaveLength(9);
  expect(revoked[0]!.change).toEqual({ by: 'operator', note: 'lost phone' });
  expect(site.faults).toEqual([]);
});

test.each([
  ['the passkey', (store: Required<Store>) => ({ passkeys: { ...store.passkeys, insert: failing } })],
  ['the removal of others', (store: Required<Store>) => ({ passkeys: { ...store.passkeys, listByUser: failing } })],
])('an invitation is given back when %s fails in the store, and nothing is made', async (_, broken) => {
  const sound = memoryStore();
  const store: { -readonly [Port in keyof Store]: Store[Port] } = { ...sound };
  const site = open({ store: new Proxy(sound, { get: (_, port: keyof Store) => store[port] }) });
  const { token } = await site.passkeys.invite(ada.id, { ...BY, replaces: 'all' });
  const browser = site.browser();
  const late = await answer(browser, token);
  const swapped = sound.passkeys.insert;
  Object.assign(sound.passkeys, broken(sound).passkeys);
  const reply = await browser.send('POST', '/registration/verify', late);
  expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
  Object.assign(sound.passkeys, { ...memoryStore().passkeys, insert: swapped });
  expect([await passkeysOf(site), await openOf(site)]).toEqual([0, 1]);
});

test('an invitation is given back when a sink that must have the record does not take it', async () => {
  let fails = false;
  const write = () => (fails ? failing() : undefined);
  const site = open({ audit: { sinks: [{ name: 'ledger', write, onFailure: 'fail_closed' }] } });
  const { token } = await site.passkeys.invite(ada.id, BY);
  const browser = site.browser();
  const body = await answer(browser, token);
  fails = true;
  expect((await browser.send('POST', '/registration/verify', body)).status).toBe(503);
  fails = false;
  expect([await passkeysOf(site), await openOf(site)]).toEqual([0, 1]);
  expect((await use(browser, token)).status).toBe(201);
});

test('a store that cannot say whether an invitation is spent makes no passkey', async () => {
  const sound = memoryStore();
  const site = open({
    store: {
      ...sound,
      invitations: {
        ...sound.invitations,
        change: (c) => (c.to.status === 'used' ? failing() : sound.invitations.change(c)),
      },
    },
  });
  const { token } = await site.passkeys.invite(ada.id, BY);
  const reply = await use(site.browser(), token);
  expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
  expect([await passkeysOf(site), await openOf(site)]).toEqual([0, 1]);
});

test('a browser that was refused its options, and so has no cookie, does not keep the invitation', async () => {
  const sound = memoryStore();
  let fails = true;
  const put: Store['challenges']['put'] = (ceremony) => (fails ? failing() : sound.challenges.put(ceremony));
  const site = open({ store: { ...sound, challenges: { ...sound.challenges, put } } });
  const { token } = await site.passkeys.invite(ada.id, BY);
  const browser = site.browser();
  expect((await ask(browser, token)).status).toBe(503);
  expect(browser.binding).toBeNull();
  fails = false;
  expect((await use(browser, token)).status).toBe(201);
});

test('guesses leave one record a minute, and count against the limit of registrations', async () => {
  const site = open({ rateLimit: { limits: { registration: { points: 40, seconds: 60 } } } });
  const guesses = await Promise.all(
    Array.from({ length: 41 }, (_, n) => ask(site.browser(), `${n}`.padStart(28, '2'))),
  );
  expect(guesses.map(({ status }) => status)).toEqual([...Array(40).fill(400), 429]);
  expect(site.records.map(({ reason }) => reason).sort()).toEqual(['invitation_unknown', 'rate_limited']);
  site.clock.now += 60_000;
  await site.passkeys.sweep();
  expect(site.records.at(-1)).toMatchObject({ reason: 'invitation_unknown', event: { repeatCount: 39 } });
  expect(site.faults).toEqual([]);
});

test('an invitation for one relying party is nobody’s at another', async () => {
  const store = memoryStore();
  const here = open({ store });
  const there = openDirect({ store, rp: { id: 'example.com', name: 'There', origins: ['https://example.com'] } });
  there.users.set(ada.id, ada);
  const { token } = await there.passkeys.invite(ada.id, BY);
  const reply = await ask(here.browser(), token);
  expect([reply.status, reply.json.code, here.records.at(-1)!.reason]).toEqual([
    400,
    'invitation_invalid',
    'invitation_unknown',
  ]);
  expect(here.records.at(-1)!.user.known).toBe(false);
  // One that is issued here revokes none of there.
  await here.passkeys.invite(ada.id, BY);
  expect(await here.passkeys.forUser(ada.id).endInvitations(BY)).toBe(1);
  expect(await openOf(there)).toBe(1);
});

test('where a first factor is demanded, the application must name the invited person', async () => {
  let identified: typeof ada | null = null;
  const users = { find: (id: string) => (id === ada.id ? ada : { id, name: 'eve' }), identify: () => identified };
  const site = openDirect({ policy: { firstFactor: 'identified' }, users });
  const { token } = await site.passkeys.invite(ada.id, BY);
  const browser = site.browser();
  for (const nobody of [null, { id: 'user-eve', name: 'eve' }]) {
    identified = nobody;
    expect((await ask(browser, token)).json.code).toBe('sign_in_required');
    expect(site.records.at(-1)!.reason).toBe('first_factor_missing');
  }
  identified = ada;
  const body = await answer(browser, token);
  identified = null;
  expect((await browser.send('POST', '/registration/verify', body)).json.code).toBe('sign_in_required');
  identified = ada;
  expect((await use(browser, token)).status).toBe(201);
});

test('where it signs in under a demanded first factor, its session counts there', async () => {
  const users = { find: (id: string) => (id === ada.id ? ada : undefined), identify: () => ada };
  const site = openDirect({ policy: { firstFactor: 'identified', invitations: 'sign_in' }, users });
  const { token } = await site.passkeys.invite(ada.id, BY);
  const browser = site.browser();
  expect((await use(browser, token)).status).toBe(201);
  expect((await browser.send('GET', '/session')).status).toBe(200);
});

test('an invitation is forgotten a day after it expired', async () => {
  const site = open();
  await site.passkeys.invite(ada.id, { ...BY, for: '1m' });
  site.clock.now += 24 * 3_600_000;
  await site.passkeys.sweep();
  expect(await site.store.invitations!.listByUser(ada.id)).toHaveLength(1);
  site.clock.now += 60_000;
  await site.passkeys.sweep();
  expect(await site.store.invitations!.listByUser(ada.id)).toEqual([]);
});

test('the store never holds the token, and the record may go without a reason', async () => {
  const site = open();
  const { token, id } = await site.passkeys.invite(ada.id, { by: 'application' });
  const kept = JSON.stringify(await site.store.invitations!.listByUser(ada.id));
  for (const secret of [token, token.replaceAll('-', '')]) expect(kept).not.toContain(secret);
  expect(site.records.at(-1)).toMatchObject({ attempt: { id }, change: { by: 'application', note: null } });
});

test.each([
  ['for', { ...BY, for: '25h' }],
  ['for', { ...BY, for: '59s' }],
  ['for', { ...BY, for: 'soon' }],
  ['replaces', { ...BY, replaces: 'some' }],
  ['by', { by: 'me' }],
  ['by', {}],
])('a wrong %s is refused by name', async (option, given) => {
  const site = open();
  const issuing = site.passkeys.invite(ada.id, given as unknown as InvitationOptions);
  await expect(issuing).rejects.toSatisfy((error) => error instanceof ConfigurationError && error.option === option);
  expect([site.records, await site.store.invitations!.listByUser(ada.id)]).toEqual([[], []]);
});

test('without a store of invitations nobody is invited, and no token is good', async () => {
  const { invitations: _, ...store } = memoryStore();
  const site = open({ store });
  await expect(site.passkeys.invite(ada.id, BY)).rejects.toThrow(/^store\.invitations: got nothing\./);
  expect((await ask(site.browser(), '2'.repeat(28))).json.code).toBe('invitation_invalid');
  expect(await site.passkeys.forUser(ada.id).invitations()).toEqual([]);
  expect(await site.passkeys.forUser(ada.id).endInvitations(BY)).toBe(0);
  expect(await site.passkeys.forUser(ada.id).forget(BY)).toMatchObject({ invitations: 0 });
});
