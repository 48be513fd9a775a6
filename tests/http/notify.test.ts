/** What an application is told so that it can tell its user: each thing once, whatever is at the other end. */
import { memoryStore, type PasskeyNotification, type PasskeysOptions, type Store } from '@latchkey/core';
import { type Agent, createSoftwarePasskey, openSite, type Reply, type SiteOptions, USED } from '@latchkey/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { atThisSpeed } from '../support/slowness.ts';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';
import { openPlace } from './support/store-urls.ts';
import { kinds, type OpenKind } from './support/stores.ts';

type Framework = keyof typeof mounts;

interface How extends SiteOptions {
  readonly store?: Store;
  readonly mount?: Framework;
}

/** A site that keeps what it is told; `told()` gives what came since it was asked last, once nothing is under way. */
async function openTold({ store = memoryStore(), mount = 'Express 5', ...options }: How = {}) {
  const kept: PasskeyNotification[] = [];
  const site = await openSite(
    { mount: mounts[mount], store: () => store, onRecord: assertValidRecord },
    { notify: (notification) => void kept.push(notification), ...options },
  );
  const told = async () => {
    // Closing waits for what is under way; a site may be closed more than once, and it answers on.
    await site.passkeys.close();
    return kept.splice(0);
  };
  return { ...site, told, kinds: async () => (await told()).map(({ kind }) => kind) };
}

const own = async (agent: Agent) => (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
const change = (agent: Agent, id: string, body: object) => agent.request('PATCH', `/passkeys/credentials/${id}`, body);
const remove = (agent: Agent, id: string) => agent.request('DELETE', `/passkeys/credentials/${id}`);

describe.each(['Express 5', 'Koa 3', 'Fastify 5'] as const)('%s', (mount) => {
  test('tells each thing once, to whom it happened, by which attempt, and from where', async () => {
    const site = await openTold({ mount, policy: { signCount: 'disable' } });
    const ada = site.agent();
    const passkey = await ada.signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 }));
    const [user] = site.accounts.values();
    const [added] = await site.told();
    expect(added).toEqual({
      kind: 'passkey_added',
      user,
      passkey: expect.objectContaining({ nickname: 'Passkey', enabled: true, lastUsedAt: null }),
      at: site.clock.now,
      attemptId: site.records[0]!.attempt.id,
      client: { address: site.records[0]!.client.address, userAgent: site.records[0]!.client.userAgent },
    });
    expect(Object.keys(added!.passkey)).not.toContain('publicKey');

    expect((await site.agent().signIn(passkey)).status).toBe(200);
    expect(await site.told()).toMatchObject([
      { kind: 'new_passkey_sign_in', passkey: { lastUsedAt: site.clock.now }, attemptId: last(site).attempt.id },
    ]);
    expect((await site.agent().signIn(passkey)).status).toBe(200);
    expect(await site.kinds()).toEqual([]);

    expect((await ada.addPasskey(createSoftwarePasskey({ origin: site.origin }))).status).toBe(201);
    expect(await site.kinds()).toEqual(['passkey_added']);
    const passkeys = await own(ada);
    const first = passkeys.find(({ current }: { current: boolean }) => current);
    const second = passkeys.find(({ current }: { current: boolean }) => !current);
    for (const [body, expected] of [
      [{ nickname: 'Spare' }, []],
      [{ enabled: true }, []],
      [{ enabled: false }, [{ kind: 'passkey_disabled', by: 'owner', passkey: { id: second.id, enabled: false } }]],
      [{ enabled: false }, []],
      [{ enabled: true }, [{ kind: 'passkey_enabled', passkey: { id: second.id, enabled: true } }]],
    ] as const) {
      expect((await change(ada, second.id, body)).status).toBe(200);
      expect(await site.told()).toMatchObject(expected);
    }
    expect((await remove(ada, second.id)).status).toBe(200);
    expect(await site.told()).toMatchObject([
      {
        kind: 'passkey_removed',
        user,
        passkey: { id: second.id, nickname: 'Spare' },
        attemptId: last(site).attempt.id,
      },
    ]);
    expect((await remove(ada, second.id)).status).toBe(404);
    expect((await remove(ada, first.id)).status).toBe(409);
    expect(await site.kinds()).toEqual([]);

    expect((await site.agent().signIn(passkey, { bend: { signCount: 1 } })).status).toBe(401);
    expect(await site.told()).toMatchObject([
      { kind: 'passkey_disabled', by: 'counter', passkey: { id: first.id, enabled: false } },
      { kind: 'counter_regressed', accepted: false, attemptId: last(site).attempt.id },
    ]);
    expect((await site.agent().signIn(passkey, { bend: { signCount: 1 } })).status).toBe(401);
    expect(await site.kinds()).toEqual([]);
    await site.close();
  });
});

const last = ({ records }: Pick<Awaited<ReturnType<typeof openTold>>, 'records'>) => records.at(-1)!;

test('a counter that went backwards is told under every policy, with whether it counted all the same', async () => {
  for (const [signCount, accepted] of [
    ['observe', true],
    ['refuse', false],
  ] as const) {
    const site = await openTold({ policy: { signCount } });
    const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 5 }));
    await site.agent().signIn(passkey, { bend: { signCount: 50 } });
    await site.told();
    expect((await site.agent().signIn(passkey, { bend: { signCount: 7 } })).status).toBe(accepted ? 200 : 401);
    expect(await site.told()).toMatchObject([{ kind: 'counter_regressed', accepted, passkey: { enabled: true } }]);
    // Without a valid signature it is nobody's counter.
    await site.agent().signIn(passkey, { bend: { signCount: 7, signature: (bytes) => bytes.fill(1) } });
    expect(await site.kinds()).toEqual([]);
    await site.close();
  }
});

test('a passkey is not new to the session that its own sign-up made, nor after a step-up with it', async () => {
  const site = await openTold();
  const ada = site.agent();
  const first = await ada.signUp('ada');
  await ada.addPasskey(createSoftwarePasskey({ origin: site.origin }));
  expect((await ada.signIn(first)).status).toBe(200);
  expect(await site.kinds()).toEqual(['passkey_added', 'passkey_added']);

  const bob = site.agent();
  const stepper = await bob.signUp('bob');
  await bob.stepUp(stepper);
  expect((await site.agent().signIn(stepper)).status).toBe(200);
  expect(await site.kinds()).toEqual(['passkey_added']);
  await site.close();
});

test('nothing is told of what was refused', async () => {
  const site = await openTold();
  const passkey = await site.agent().signUp('ada');
  await site.told();
  await site.agent().signIn(passkey, { bend: { flags: { UV: false } } });
  await expect(site.agent().signUp('ada')).rejects.toThrow('409');
  const bob = site.agent();
  await bob.signUp('bob');
  expect(await site.kinds()).toEqual(['passkey_added']);
  const stolen = createSoftwarePasskey({ origin: site.origin, credentialId: passkey.credentialId });
  expect((await bob.addPasskey(stolen)).status).toBe(409);
  expect(await site.kinds()).toEqual([]);
  await site.close();
});

/** Two applications that share nothing but the store, each with its own connections to it. */
describe.each(kinds)('two applications on $name', ({ open }) => {
  let opened: OpenKind;
  let other: ReturnType<typeof openPlace>;
  beforeAll(async () => {
    opened = await open();
    other = openPlace(...opened.place);
  });
  afterAll(async () => {
    await other?.close();
    await opened?.close();
  });

  test('tell each thing once in total, however many do it at once', async () => {
    // An account is its name, so that both know it.
    const users = {
      find: (id: string) => ({ id, name: id }),
      create: ({ name }: { name: string }) => ({ id: name, name }),
      isActive: () => true,
    };
    const policy = { signCount: 'disable' } as const;
    const sites = await Promise.all([opened.store, other.store].map((store) => openTold({ store, users, policy })));
    const told = async () => (await Promise.all(sites.map(({ kinds }) => kinds()))).flat().sort();
    const [one] = sites;
    const name = `ada-${crypto.randomUUID()}`;
    const passkey = await one!.agent().signUp(name);
    expect(await told()).toEqual(['passkey_added']);

    /** Six answers to six challenges, three to each, sent at once. */
    async function signInAtOnce(bend: object = {}): Promise<Reply[]> {
      const answers = [];
      for (let i = 0; i < 6; i++) {
        const { origin, agent: browser } = sites[i % 2]!;
        const agent = browser();
        const { attemptId, publicKey } = await agent.signInOptions();
        const credential = passkey.authenticate(publicKey, { clientData: { origin }, ...bend });
        answers.push(() => agent.post('/authentication/verify', { attemptId, credential, client: USED }));
      }
      return Promise.all(answers.map((answer) => answer()));
    }
    const statuses = (replies: readonly Reply[]) => replies.map(({ status }) => status);

    expect(statuses(await signInAtOnce())).toEqual(Array(6).fill(200));
    expect(await told()).toEqual(['new_passkey_sign_in']);

    const owners: Agent[] = [];
    for (const { origin, agent } of sites) {
      const owner = agent();
      expect((await owner.signIn(passkey, { bend: { clientData: { origin } } })).status).toBe(200);
      owners.push(owner);
    }
    const [owner] = owners as [Agent];
    expect((await owner.addPasskey(createSoftwarePasskey({ origin: one!.origin }))).status).toBe(201);
    expect(await told()).toEqual(['passkey_added']);
    const { id } = (await own(owner)).find(({ current }: { current: boolean }) => !current);
    const atOnce = (work: (owner: Agent) => Promise<Reply>) =>
      Promise.all(Array.from({ length: 6 }, (_, i) => work(owners[i % 2]!)));
    await atOnce((each) => change(each, id, { enabled: false }));
    expect(await told()).toEqual(['passkey_disabled']);
    await atOnce((each) => change(each, id, { enabled: true }));
    expect(await told()).toEqual(['passkey_enabled']);
    const removals = await atOnce((each) => remove(each, id));
    expect(statuses(removals).sort()).toEqual([200, 404, 404, 404, 404, 404]);
    expect(await told()).toEqual(['passkey_removed']);

    // Two who have the same passkey, one of them with a counter that lags behind.
    const [stored] = await opened.store.passkeys.listByUser(name);
    await opened.store.passkeys.recordUse({
      passkey: stored!,
      use: { signCount: 100, backupEligible: true, backedUp: true, usedAt: Date.now() },
    });
    expect(statuses(await signInAtOnce({ signCount: 3 }))).toEqual(Array(6).fill(401));
    expect(await told()).toEqual(['counter_regressed', 'passkey_disabled']);
    await Promise.all(sites.map(({ close }) => close()));
  });
});

/** Complaints of the log, by their message. */
function complaints() {
  const heard: { fields: { attemptId?: string; error?: { message: string } }; message: string }[] = [];
  const logger = {
    info: () => {},
    warn: () => {},
    error: (fields: object, message: string) => void heard.push({ fields, message }),
  };
  return { heard, logger };
}

test.each<[string, NonNullable<PasskeysOptions['notify']>, string]>([
  [
    'throws',
    () => {
      throw new Error('no mail today');
    },
    'no mail today',
  ],
  ['rejects', async () => Promise.reject(new Error('no mail today')), 'no mail today'],
  ['hangs', () => new Promise(() => {}), 'no answer within 5000 ms'],
])('a hook that %s undoes nothing, delays no answer, and is complained about once', async (_, notify, message) => {
  const { heard, logger } = complaints();
  const site = await openTold({ notify, logger });
  const ada = site.agent();
  const started = performance.now();
  const passkey = await ada.signUp('ada');
  expect(performance.now() - started).toBeLessThan(5_000);
  expect((await ada.session()).status).toBe(200);
  await vi.waitFor(() => expect(heard).toHaveLength(1), atThisSpeed(20_000));
  expect(heard).toMatchObject([
    {
      message: 'latchkey: notify failed for passkey_added',
      fields: { attemptId: site.records[0]!.attempt.id, error: { message } },
    },
  ]);
  expect((await site.agent().signIn(passkey)).status).toBe(200);
  expect(site.records.map(({ outcome }) => outcome)).toEqual(['success', 'success', 'success']);
  await site.close();
});

test('closing waits for a hook that is under way, and not for ever', async () => {
  let finish = () => {};
  const { promise, resolve } = Promise.withResolvers<void>();
  const site = await openTold({
    notify: () =>
      new Promise<void>((done) => {
        finish = done;
        resolve();
      }),
  });
  await site.agent().signUp('ada');
  await promise;
  let closed = false;
  const closing = site.passkeys.close().then(() => {
    closed = true;
  });
  await site.agent().post('/authentication/options', {});
  expect(closed).toBe(false);
  finish();
  await closing;

  await site.agent().signUp('bob');
  const started = performance.now();
  await site.passkeys.close();
  expect(performance.now() - started).toBeLessThan(atThisSpeed(15_000));
  await site.close();
});

test('what is no function is refused at construction', async () => {
  await expect(openTold({ notify: 'by mail' as never })).rejects.toThrow('notify: got "by mail".');
});
