/**
 * What was left of the security review: sessions that a laxer policy began, or stepped up; sessions without number; a sign-out
 * that neighbours hold up; a sign-in that ends a session and says nothing; refusals in front of sign-ins in a required log.
 */
import { type AttemptRecord, memoryStore, type PolicyOptions, type SignOut } from '@latchkey/core';
import {
  type Agent,
  createSoftwarePasskey,
  packedAttestation,
  type Site,
  type SoftwarePasskey,
} from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { attester, certify, certifyRoot } from '../attestation-makers.ts';
import { mounts } from '../mounts.ts';
import { headerOf } from '../support/header.ts';
import { openRecorded } from './recorded.ts';

const MODEL = '8f3b1a52-6d1c-4c57-9f0e-3f1d2a7b9c10';
const OTHER_MODEL = '11111111-2222-4333-8444-555555555555';

const root = await certifyRoot();
const genuine = packedAttestation(attester(await certify({ issuer: root, aaguid: MODEL })));

/** What each host wants of a passkey. */
const POLICIES = {
  lax: { userVerification: 'preferred' },
  verified: { userVerification: 'required' },
  attested: { attestation: { conveyance: 'direct', roots: [root.pem] } },
  model: { attestation: { conveyance: 'direct', roots: [root.pem], allow: [MODEL] } },
  otherModel: { attestation: { conveyance: 'direct', roots: [root.pem], allow: [OTHER_MODEL] } },
  second: { userVerification: 'preferred', firstFactor: 'identified' },
} as const satisfies Record<string, PolicyOptions>;
type Host = keyof typeof POLICIES;

/** The host that a proxy would name. */
const hostOf = (request: unknown) => (headerOf(request, 'x-host') ?? 'lax') as Host;
const at = (host: Host, more: object = {}) => ({ headers: { 'x-host': host, ...more } });

const seen = async (agent: Agent, host: Host, path = '/guarded') =>
  (await agent.request('GET', path, undefined, at(host))).status;

async function register(agent: Agent, passkey: SoftwarePasskey, host: Host, body: object = {}) {
  const { attemptId, publicKey } = (await agent.post('/registration/options', body, at(host))).json;
  const credential = passkey.register(publicKey, host === 'lax' ? {} : genuine);
  return agent.post('/registration/verify', { attemptId, credential }, at(host));
}

async function signIn(agent: Agent, passkey: SoftwarePasskey, host: Host, more: object = {}) {
  const { attemptId, publicKey } = (await agent.post('/authentication/options', {}, at(host, more))).json;
  const credential = passkey.authenticate(publicKey);
  return agent.post('/authentication/verify', { attemptId, credential }, at(host, more));
}

async function stepUp(agent: Agent, passkey: SoftwarePasskey, action?: string, flags: object = {}) {
  const { attemptId, publicKey } = (await agent.post('/step-up/options', action ? { action } : {}, at('lax'))).json;
  const body = { attemptId, credential: passkey.authenticate(publicKey, { flags }) };
  expect((await agent.post('/step-up/verify', body, at('lax'))).status).toBe(200);
}

const endings = (site: Site) =>
  site.records
    .filter(({ event }) => event.name === 'latchkey.session.ended')
    .map(({ session }) => [session.endedBy, session.endedBecause]);

describe.each(Object.entries(mounts))('%s', (_, mount) => {
  const openHosts = (more: object = {}) =>
    openRecorded({ mount, policy: (request: unknown) => POLICIES[hostOf(request)], ...more });

  test('a passkey that nobody vouches for counts nowhere that an attestation is required: not its session, not a new sign-in', async () => {
    const site = await openHosts();
    const passkey = createSoftwarePasskey({ origin: site.origin, aaguid: MODEL });
    const agent = site.agent();
    expect((await register(agent, passkey, 'lax', { username: 'ada' })).status).toBe(201);
    // Of a sign-up and of a sign-in; remembered, and looked up.
    for (let round = 0; round < 2; round++) {
      for (const later of [0, 60_000]) {
        site.clock.now += later;
        expect([await seen(agent, 'lax'), await seen(agent, 'attested')]).toEqual([200, 401]);
        expect(await seen(agent, 'attested', '/passkeys/credentials')).toBe(401);
        expect((await agent.post('/step-up/options', {}, at('attested'))).status).toBe(401);
      }
      expect((await signIn(agent, passkey, 'lax')).status).toBe(200);
    }
    const reply = await signIn(site.agent(), passkey, 'attested');
    expect([reply.status, reply.json.code]).toEqual([401, 'authentication_failed']);
    expect(site.records.at(-1)).toMatchObject({
      reason: 'attestation_refused',
      attempt: { stage: 'policy' },
      policy: { decision: 'deny', failedRule: 'attestation', requirements: ['attestation'] },
    });
    await site.close();
  });

  test('one that was attested counts at every host that accepts its model, wherever it signed in', async () => {
    const site = await openHosts();
    const passkey = createSoftwarePasskey({ origin: site.origin, aaguid: MODEL });
    const agent = site.agent();
    expect((await register(agent, passkey, 'attested', { username: 'ada' })).status).toBe(201);
    for (let round = 0; round < 2; round++) {
      for (const later of [0, 60_000]) {
        site.clock.now += later;
        const hosts = ['lax', 'attested', 'model', 'otherModel'] as const;
        expect(await Promise.all(hosts.map((host) => seen(agent, host)))).toEqual([200, 200, 200, 401]);
      }
      expect((await signIn(agent, passkey, 'lax')).status).toBe(200);
    }
    for (const [host, status] of [
      ['attested', 200],
      ['model', 200],
      ['otherModel', 401],
    ] as const) {
      expect((await signIn(site.agent(), passkey, host)).status, host).toBe(status);
    }
    await site.close();
  });

  test('a session that began without the first factor counts nowhere that one is demanded', async () => {
    const identify = (request: unknown) => site.accounts.get(headerOf(request, 'x-password') ?? '');
    const site = await openHosts({ users: { identify } });
    const passkey = await site.agent().signUp('ada');
    const [ada = ''] = site.accounts.keys();
    const password = { 'x-password': ada };
    const seenWith = async (agent: Agent, host: Host) =>
      (await agent.request('GET', '/guarded', undefined, at(host, password))).status;
    const alone = site.agent();
    expect((await signIn(alone, passkey, 'lax')).status).toBe(200);
    const after = site.agent();
    expect((await signIn(after, passkey, 'lax', password)).status).toBe(200);
    for (const later of [0, 60_000]) {
      site.clock.now += later;
      // The password alone makes no second factor of it afterwards.
      expect([await seenWith(alone, 'lax'), await seenWith(alone, 'second')]).toEqual([200, 401]);
      expect([await seenWith(after, 'lax'), await seenWith(after, 'second')]).toEqual([200, 200]);
    }
    await site.close();
  });

  test('a step-up counts only where the policy could have asked for it', async () => {
    const site = await openHosts();
    const agent = site.agent();
    const passkey = createSoftwarePasskey({ origin: site.origin, aaguid: MODEL });
    expect((await register(agent, passkey, 'attested', { username: 'ada' })).status).toBe(201);
    await stepUp(agent, passkey, 'transfer', { UV: false });
    for (const later of [0, 60_000]) {
      site.clock.now += later;
      expect([await seen(agent, 'lax', '/transfer'), await seen(agent, 'verified', '/transfer')]).toEqual([200, 403]);
      expect([await seen(agent, 'lax'), await seen(agent, 'verified')]).toEqual([200, 200]);
    }
    await stepUp(agent, passkey, 'transfer');
    expect(await seen(agent, 'verified', '/transfer')).toBe(200);

    // By another passkey of the same person, which nobody vouches for.
    const other = createSoftwarePasskey({ origin: site.origin });
    expect((await register(agent, other, 'lax')).status).toBe(201);
    await stepUp(agent, other, 'transfer');
    for (const later of [0, 60_000]) {
      site.clock.now += later;
      expect([await seen(agent, 'lax', '/transfer'), await seen(agent, 'attested', '/transfer')]).toEqual([200, 403]);
    }
    await site.close();
  });

  test('a step-up of a laxer policy is no recent sign-in for changes to passkeys at a stricter one', async () => {
    const site = await openHosts();
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
    site.clock.now += 660_000;
    await stepUp(agent, passkey, undefined, { UV: false });
    const change = async (host: Host) =>
      (await agent.request('PATCH', `/passkeys/credentials/${id}`, { enabled: true }, at(host))).json.code;
    expect([await change('verified'), await change('lax')]).toEqual(['step_up_required', undefined]);
    await stepUp(agent, passkey);
    expect(await change('verified')).toBe(undefined);
    await site.close();
  });

  test('a person has as many sessions as the application says: one more ends the one not seen for longest', async () => {
    const ended: SignOut[] = [];
    const store = memoryStore();
    const onSignOut = (signOut: SignOut) => void ended.push(signOut);
    // What the process remembers of a session ends with it. Being seen is stored after 3 minutes here.
    const sessions = { max: 3, idle: '1h', revalidateAfter: '10m' } as const;
    const site = await openRecorded({ mount, store, sessions, onSignOut });
    const start = site.clock.now;
    const agents = Array.from({ length: 5 }, () => site.agent());
    const [first, second, third, fourth, fifth] = agents as [Agent, Agent, Agent, Agent, Agent];
    const passkey = await first.signUp('ada');
    const eve = site.agent();
    await eve.signUp('eve');
    for (const agent of [second, third]) {
      site.clock.now += 1_000;
      await agent.signIn(passkey);
    }
    expect(endings(site)).toEqual([]);
    // The oldest is in use.
    site.clock.now = start + 180_000;
    expect(await seen(first, 'lax')).toBe(200);
    for (const agent of [fourth, fifth]) {
      site.clock.now += 100;
      await agent.signIn(passkey);
    }
    expect(await Promise.all([...agents, eve].map((agent) => seen(agent, 'lax')))).toEqual([
      200, 401, 401, 200, 200, 200,
    ]);
    expect(endings(site)).toEqual([
      ['policy', 'too_many'],
      ['policy', 'too_many'],
    ]);
    expect(ended.map(({ because, current }) => [because, current])).toEqual([
      ['too_many', false],
      ['too_many', false],
    ]);
    expect((await first.request('GET', '/passkeys/sessions')).json.sessions).toHaveLength(3);
    // A step-up is the same session, and ends no other.
    await first.stepUp(passkey);
    expect(endings(site)).toHaveLength(2);
    await site.close();
  });

  test('a session that a new sign-in replaces ends as by a sign-out, and is said', async () => {
    const told: string[] = [];
    const site = await openRecorded({
      mount,
      onSignIn: () => void told.push('in'),
      onSignOut: ({ because, by, current, session }: SignOut) => {
        told.push(`${because} by ${by}, current ${current}, ${session.userId === ada ? 'ada' : 'eve'}`);
      },
    });
    let ada = '';
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    [ada = ''] = site.accounts.keys();
    const eves = await site.agent().signUp('eve');
    const { id } = (await agent.session()).json;
    told.length = 0;
    // The same person again, then another one in the same browser.
    expect((await agent.signIn(passkey)).status).toBe(200);
    expect((await agent.signIn(eves)).status).toBe(200);
    expect(told).toEqual([
      'replaced by person, current false, ada',
      'in',
      'replaced by person, current false, ada',
      'in',
    ]);
    const records = site.records.filter(({ event }) => event.name === 'latchkey.session.ended');
    expect(records.map(({ session }) => [session.endedBy, session.endedBecause])).toEqual([
      ['person', 'replaced'],
      ['person', 'replaced'],
    ]);
    expect(records[0]!.session.id).toBe(id);
    // One that had expired ended by itself.
    site.clock.now += 31 * 86_400_000;
    expect((await agent.signIn(passkey)).status).toBe(200);
    expect(endings(site)).toHaveLength(2);
    await site.close();
  });
});

test('by default a person has a hundred sessions, and a list of them is short, however many there were', async () => {
  const store = memoryStore();
  const site = await openRecorded({ mount: mounts['Express 5'], store });
  const agent = site.agent();
  const passkey = await agent.signUp('ada');
  const [userId = ''] = site.accounts.keys();
  const [own] = await store.sessions.listByUser(userId);
  const userAgent = 'x'.repeat(256);
  for (let i = 0; i < 149; i++) {
    const session = { ...own!, id: crypto.randomUUID(), tokenHash: `${i}`.padStart(43, 'x'), userAgent };
    await store.sessions.begin({ session: { ...session, seenAt: own!.seenAt - i - 1 }, replaces: null, renews: false });
  }
  // One sign-in in ten looks.
  let signedIn = 0;
  for (; signedIn < 500 && endings(site).length === 0; signedIn++) await site.agent().signIn(passkey);
  const list = await agent.request('GET', '/passkeys/sessions');
  expect(list.json.sessions).toHaveLength(100);
  expect(list.text.length).toBeLessThan(65_536);
  expect(endings(site)).toEqual(Array.from({ length: 50 + signedIn }, () => ['policy', 'too_many']));
  expect(await seen(agent, 'lax')).toBe(200);
  await site.close();
});

test('sign-ins at once in two processes leave a person no more than so many sessions, and each that ends is said once', async () => {
  const store = memoryStore();
  const open = () => openRecorded({ mount: mounts['Express 5'], store, sessions: { max: 4, revalidateAfter: 0 } });
  const sites = [await open(), await open()] as const;
  const passkey = await sites[0].agent().signUp('ada');
  const [account] = sites[0].accounts.values();
  sites[1].accounts.set(account!.id, account!);
  const keys = sites.map(({ origin }) => passkey.clone({ origin }));
  // Each has used it before: else only one of them would be the first.
  for (const [index, site] of sites.entries()) await site.agent().signIn(keys[index]!);
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, index) => sites[index % 2]!.agent().signIn(keys[index % 2]!)),
  );
  const signedIn = replies.filter(({ status }) => status === 200).length;
  expect(signedIn).toBeGreaterThan(4);
  expect(await store.sessions.listByUser(account!.id)).toHaveLength(4);
  const ended = sites.flatMap(({ records }) => records).filter(({ event }) => event.name === 'latchkey.session.ended');
  expect(ended).toHaveLength(3 + signedIn - 4);
  expect(new Set(ended.map(({ session }) => session.id)).size).toBe(ended.length);
  for (const site of sites) await site.close();
});

test('attempts that were let in and refused stand not all in front of a sign-in, in a log that it waits for', async () => {
  const asked: AttemptRecord[] = [];
  const waiting: (() => void)[] = [];
  const site = await openRecorded({
    mount: mounts['Express 5'],
    audit: {
      sinks: [
        {
          name: 'ledger',
          onFailure: 'fail_closed',
          // One after another, as a disk does.
          write: (record) => {
            asked.push(record);
            return new Promise<void>((resolve) => void waiting.push(resolve));
          },
        },
      ],
    },
  });
  const answering = setInterval(() => waiting.shift()?.(), 1);
  const passkey = await site.agent().signUp('ada');
  clearInterval(answering);
  const before = asked.length;
  const agent = site.agent();
  for (let i = 0; i < 100; i++) {
    expect((await agent.post('/authentication/options', { mode: 'telepathy' })).status).toBe(400);
  }
  expect(site.records.filter(({ reason }) => reason === 'malformed_request')).toHaveLength(100);
  const signingIn = site.agent().signIn(passkey);
  await expect.poll(() => asked.at(-1)!.outcome).toBe('success');
  expect(asked.length - before).toBeLessThanOrEqual(20);
  // None is lost: the others come when those before them are written, in their order.
  const writing = setInterval(() => waiting.shift()?.(), 1);
  expect((await signingIn).status).toBe(200);
  const refused = () => asked.filter(({ reason }) => reason === 'malformed_request');
  await expect.poll(() => refused().length).toBe(100);
  const times = refused().map(({ event }) => event.id);
  expect(times).toEqual(times.toSorted());
  await site.close();
  clearInterval(writing);
});
