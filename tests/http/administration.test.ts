// What a help desk and an application do with a person's passkeys and sessions, without that person: recorded, told, ended.
import { memoryStore, type PasskeyNotification } from '@latchkey/core';
import { createSoftwarePasskey, openSite } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const BY = { by: 'operator', reason: 'lost phone, ticket 4711' } as const;

async function open() {
  const told: PasskeyNotification[] = [];
  const world = { mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord };
  const site = await openSite(world, { notify: (notification) => void told.push(notification) });
  const agent = site.agent();
  const first = await agent.signUp('ada');
  const second = createSoftwarePasskey({ origin: site.origin });
  await agent.addPasskey(second);
  const phone = site.agent();
  await phone.signIn(second);
  const ada = site.passkeys.forUser([...site.accounts.keys()][0]!);
  const changes = () =>
    site.records
      .filter(({ change }) => change.by === 'operator')
      .map(({ event, change, session }) => [event.name, change.note, session.endedBecause]);
  return { site, agent, phone, first, second, ada, told, changes };
}

test('disables a passkey: its sessions are dead, it signs nobody in, its owner is told, the record says who and why', async () => {
  const { site, agent, phone, second, ada, told, changes } = await open();
  const lost = (await phone.session()).json.passkey;
  const before = told.length;
  expect(await ada.disable({ ...BY, id: lost.id })).toMatchObject({ id: lost.id, enabled: false });
  expect((await phone.session()).status).toBe(401);
  expect((await agent.session()).status).toBe(200);
  expect((await site.agent().signIn(second)).status).toBe(401);
  expect(changes()).toEqual([
    ['latchkey.passkey.disabled', 'lost phone, ticket 4711', null],
    ['latchkey.session.ended', 'lost phone, ticket 4711', 'passkey_disabled'],
  ]);
  await expect.poll(() => told.length).toBe(before + 1);
  expect(told.at(-1)).toMatchObject({ kind: 'passkey_disabled', by: 'operator', user: { name: 'ada' } });
  expect(await ada.enable({ ...BY, id: lost.id })).toMatchObject({ enabled: true });
  expect((await phone.session()).status).toBe(401);
  expect((await site.agent().signIn(second)).status).toBe(200);
  await site.close();
});

test('removes all, also the last one, and ends every session', async () => {
  const { site, agent, phone, first, ada, changes } = await open();
  expect(await ada.removeAll(BY)).toBe(2);
  expect(await ada.list()).toEqual([]);
  for (const browser of [agent, phone]) expect((await browser.session()).status).toBe(401);
  expect((await site.agent().signIn(first)).status).toBe(401);
  expect(changes().map(([name]) => name)).toEqual([
    'latchkey.passkey.removed',
    'latchkey.session.ended',
    'latchkey.passkey.removed',
    'latchkey.session.ended',
  ]);
  await site.close();
});

test('lists sessions and ends them, all or all but one', async () => {
  const { site, agent, phone, ada } = await open();
  const listed = await ada.sessions();
  expect(listed).toHaveLength(2);
  const { id } = (await agent.session()).json;
  expect(await ada.endSessions({ ...BY, except: id })).toBe(1);
  expect((await agent.session()).status).toBe(200);
  expect((await phone.session()).status).toBe(401);
  expect(await ada.endSessions(BY)).toBe(1);
  expect((await agent.session()).status).toBe(401);
  expect(await ada.sessions()).toEqual([]);
  await site.close();
});

test('renames, and knows nothing of another person’s passkey', async () => {
  const { site, ada } = await open();
  const eve = site.agent();
  await eve.signUp('eve');
  const [, eveId] = [...site.accounts.keys()];
  const [hers] = await site.passkeys.forUser(eveId!).list();
  expect(await ada.remove({ ...BY, id: hers!.id })).toBeNull();
  expect(await ada.rename({ ...BY, id: hers!.id, nickname: 'mine' })).toBeNull();
  const [own] = await ada.list();
  await expect(ada.rename({ ...BY, id: own!.id, nickname: 'live\u202eevil' })).rejects.toThrow('nickname: got');
  expect(await ada.rename({ ...BY, id: own!.id, nickname: 'Phone of Ada' })).toMatchObject({
    nickname: 'Phone of Ada',
  });
  await site.close();
});

test('forgets a person: passkeys, handle and sessions; the record of it names nobody, and the id starts afresh', async () => {
  const { site, agent, phone, ada } = await open();
  const userId = [...site.accounts.keys()][0]!;
  const records = site.records.filter(({ user }) => user.id === userId);
  expect(await ada.forget(BY)).toEqual({ passkeys: 2, sessions: 2, invitations: 0, attempts: records.length });
  expect(await site.store.attempts!.list({ userId, limit: 100 })).toEqual([]);
  for (const browser of [agent, phone]) expect((await browser.session()).status).toBe(401);
  expect(await site.store.passkeys.listByUser(userId)).toEqual([]);
  expect(await site.store.sessions!.listByUser(userId)).toEqual([]);
  const forgotten = site.records.at(-1)!;
  expect([forgotten.event.name, forgotten.user.id, forgotten.user.hash]).toEqual([
    'latchkey.user.forgotten',
    null,
    null,
  ]);
  const proposed = crypto.getRandomValues(new Uint8Array(32));
  expect(await site.store.passkeys.keepHandle({ userId, proposed })).toEqual(proposed);
  await site.close();
});

test('purges records that are older than it is told, and no others', async () => {
  const { site } = await open();
  const old = site.records.length;
  site.clock.now += 400 * 86_400_000;
  expect(await site.passkeys.purgeAttempts({ olderThan: '400d' })).toBe(0);
  site.clock.now += 1;
  await site.agent().signUp('bob');
  expect(await site.passkeys.purgeAttempts({ olderThan: '400d' })).toBe(old);
  const left = await site.store.attempts!.list({ limit: 100 });
  expect(left).toHaveLength(site.records.length - old);
  await expect(site.passkeys.purgeAttempts({ olderThan: 'a year' as never })).rejects.toThrow(/^olderThan: /);
  await site.close();
});

test.each([
  [{ by: 'nobody', reason: 'x' }, /^by: /],
  [{ by: 'operator', reason: ' ' }, /^reason: /],
])('wants to know who and why: %j', async (change, message) => {
  const { site, ada } = await open();
  await expect(ada.removeAll(change as never)).rejects.toThrow(message);
  expect(await ada.list()).toHaveLength(2);
  await site.close();
});
