/** Each line of behaviours.ts, over HTTP: registration, sign-in, step-up, the list, and what options send back. */
import { memoryStore, type Reason } from '@latchkey/core';
import { type Agent, createSoftwarePasskey, openSite, type Reply, type SoftwarePasskey } from '@latchkey/testing';
import { expect, onTestFinished, test } from 'vitest';
import { mounts } from '../mounts.ts';
import { assertValidRecord } from '../record-schema.ts';
import { BEHAVIOURS, type Behaviour } from './behaviours.ts';

async function open(policy: Behaviour['policy']) {
  const world = { mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord };
  const site = await openSite(world, { ...(policy && { policy }) });
  onTestFinished(() => site.close());
  return site;
}

async function register(agent: Agent, passkey: SoftwarePasskey, bend: Behaviour['registers']): Promise<Reply> {
  const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
  return agent.post('/registration/verify', { attemptId, credential: passkey.register(publicKey, bend) });
}

async function stepUp(agent: Agent, passkey: SoftwarePasskey, bend: Behaviour['answers']): Promise<Reply> {
  const { attemptId, publicKey } = (await agent.post('/step-up/options')).json;
  return agent.post('/step-up/verify', { attemptId, credential: passkey.authenticate(publicKey, bend) });
}

test.each(BEHAVIOURS)('$name ($source)', async (behaviour) => {
  const { refused = {}, used, listed = {}, offered } = behaviour;
  const site = await open(behaviour.policy);
  const agent = site.agent();
  const expectEnd = ({ status }: Reply, { reason, ok }: { reason: Reason | undefined; ok: number }) => {
    const failed = status >= 400;
    expect([failed || status, site.records.at(-1)!.reason]).toEqual(reason === undefined ? [ok, null] : [true, reason]);
  };

  const registered = createSoftwarePasskey({ origin: site.origin, ...behaviour.passkey });
  expectEnd(await register(agent, registered, behaviour.registers), { ok: 201, reason: refused.registration });
  expect(site.records.at(-1)!.credential).toMatchObject(behaviour.registered ?? {});
  if (refused.registration !== undefined) return expect(site.accounts.size).toBe(0);

  const passkey = registered.clone(behaviour.becomes);
  const signIn = await site.agent().signIn(passkey, { bend: behaviour.answers ?? {} });
  expectEnd(signIn, { ok: 200, reason: refused.signIn });
  if (refused.signIn === undefined || used) {
    expect(site.records.at(-1)!.assertion).toMatchObject({ signature: 'valid', ...used });
  }

  const [stored] = await site.store.passkeys.listByUser([...site.accounts.keys()][0]!);
  expect(stored!.enabled).toBe(listed.enabled ?? true);
  const list = await agent.request('GET', '/passkeys/credentials');
  // The sessions of a passkey that was disabled have ended, that of the browser that made it too.
  if (!stored!.enabled) return expect(list.status).toBe(401);
  expectEnd(await stepUp(agent, passkey, behaviour.answers), { ok: 200, reason: refused.stepUp });
  expect(list.json.passkeys).toEqual([expect.objectContaining(listed)]);
  const { allowCredentials } = (await agent.post('/step-up/options')).json.publicKey;
  expect(allowCredentials).toEqual([
    { type: 'public-key', id: registered.credentialId, ...(offered && { transports: offered }) },
  ]);
});

test('every line says where it is from, once', () => {
  const names = BEHAVIOURS.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  for (const { source } of BEHAVIOURS) expect(source).toMatch(/§|issue|pull request|registrations/);
});

test('at most 64 are ever listed to a browser, those used last, whatever a user has (Chromium throws for more)', async () => {
  const site = await open({ maxPasskeys: 64 });
  const agent = site.agent();
  const own = await agent.signUp('ada');
  const [account] = site.accounts.values();
  const [first] = await site.store.passkeys.listByUser(account!.id);
  const ids: string[] = [];
  const moveHere = async (n: number) => {
    const credentialId = Buffer.alloc(16, n + 1);
    ids.push(credentialId.toString('base64url'));
    const passkey = { ...first!, id: `moved-${n}`, credentialId, createdAt: n, lastUsedAt: n };
    expect(await site.store.passkeys.insert({ passkey, max: 1_000 })).toBe('inserted');
  };
  const listed = async (path: string, body: object, member: string) =>
    (await agent.post(path, body)).json.publicKey[member].map(({ id }: { id: string }) => id);
  for (let n = 0; n < 62; n += 1) await moveHere(n);
  const all = [own.credentialId, ...ids.toReversed()];
  expect(await listed('/registration/options', {}, 'excludeCredentials')).toEqual(all);
  for (let n = 62; n < 69; n += 1) await moveHere(n);
  // Who has as many as may be, and more, is refused before a browser hears of any.
  expect((await agent.post('/registration/options')).json.code).toBe('passkey_limit_reached');
  const expected = [own.credentialId, ...ids.toReversed()].slice(0, 64);
  expect(await listed('/step-up/options', {}, 'allowCredentials')).toEqual(expected);
  const named = await listed('/authentication/options', { mode: 'modal', identifier: 'ada' }, 'allowCredentials');
  // In an order that says nothing of when they were used.
  expect(named.sort()).toEqual(expected.sort());
  // The page tells password managers of all of them: that list has no such limit.
  const signals = (await agent.request('GET', '/passkeys/signals')).json;
  expect(signals.allAcceptedCredentials.allAcceptedCredentialIds).toHaveLength(70);
});
