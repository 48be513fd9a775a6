/** `latchkey readiness`: told from real registrations and sign-ins, on a store of each kind of layout. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Passkey } from '@latchkey/core';
import { createSoftwarePasskey, openSite } from '@latchkey/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { recordOf } from '../audit/records.ts';
import { mounts } from '../http/mounts.ts';
import { folder, latchkey, latchkeyJson } from './latchkey.ts';
import { KINDS, place } from './stores.ts';

describe.each(KINDS)('readiness in %s', (kind) => {
  test('tells who is ready for a stricter policy, who is not, and of whom nobody knows', async () => {
    const { at, store, migrate } = place(kind);
    await migrate();
    const site = await openSite(
      { mount: mounts['Express 5'], store: () => store },
      { policy: { userVerification: 'preferred' } },
    );
    onTestFinished(() => site.close());
    const { origin } = site;
    const people = {
      verified: createSoftwarePasskey({ origin }),
      unverified: createSoftwarePasskey({ origin, userVerified: false, backupEligible: false }),
      unseen: createSoftwarePasskey({ origin }),
    };
    const idOf = (name: string) => [...site.accounts.values()].find((account) => account.name === name)!.id;
    for (const [name, passkey] of Object.entries(people)) await site.agent().signUp(name, passkey);
    expect((await site.agent().signIn(people.verified)).status).toBe(200);
    expect((await site.agent().signIn(people.unverified, { mode: 'modal' })).status).toBe(200);
    await site.passkeys.close();

    const { code, json } = await latchkeyJson(['readiness', ...at, '--list']);
    expect({ code, users: json.users }).toEqual({ code: 1, users: { met: 1, not_met: 1, unknown: 1 } });
    const answers = Object.fromEntries(
      json.notReady.map((user: { user: string; ready: string }) => [user.user, user.ready]),
    );
    expect(answers).toEqual({ [idOf('unverified')]: 'not_met', [idOf('unseen')]: 'unknown' });

    const bound = await latchkeyJson(['readiness', ...at, '--require', 'device-bound,discoverable,enforced']);
    expect(bound.json.passkeys).toMatchObject({
      total: 3,
      'device-bound': { met: 1, not_met: 2, unknown: 0 },
      discoverable: { met: 1, not_met: 0, unknown: 2 },
      enforced: { met: 1, not_met: 1, unknown: 1 },
    });
  });
});

/** Some passkey of the same make, registered then. */
const passkeyAt = (createdAt: number, userId: string): Passkey => ({
  id: crypto.randomUUID(),
  userId,
  userHandle: new Uint8Array(32),
  credentialId: crypto.getRandomValues(new Uint8Array(16)),
  publicKey: new Uint8Array(77),
  algorithm: -7,
  signCount: 0,
  transports: [],
  aaguid: '00000000-0000-0000-0000-000000000000',
  backupEligible: true,
  backedUp: true,
  rpId: 'localhost',
  nickname: 'New',
  enabled: true,
  generation: 0,
  createdAt,
  attested: false,
  lastUsedAt: null,
});

test('two passkeys of one make are told apart by the identity key, and by nothing else', async () => {
  const { at, store, migrate } = place('SQLite');
  await migrate();
  const site = await openSite({ mount: mounts['Express 5'], store: () => store });
  onTestFinished(() => site.close());
  const agent = site.agent();
  const first = await agent.signUp('ada');
  await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }));
  await agent.signIn(first);
  const blind = await latchkeyJson(['readiness', ...at]);
  expect(blind.json).toMatchObject({ users: { unknown: 1 }, recordsNotTold: 1 });
  // What the software site's own key is: see packages/testing/src/site.ts.
  const seeing = await latchkeyJson(['readiness', ...at], {
    LATCHKEY_IDENTITY_KEY: 'a key for tests, and for tests only',
  });
  expect(seeing.json).toMatchObject({
    users: { met: 1 },
    passkeys: { 'user-verification': { met: 1, unknown: 1 } },
    recordsNotTold: 0,
  });
  expect((await latchkey(['readiness', ...at], { LATCHKEY_IDENTITY_KEY: 'short' })).code).toBe(2);
  // With another key every passkey is unknown, and both keys are named.
  const another = { LATCHKEY_IDENTITY_KEY: 'another key for tests, and for tests only' };
  const wrong = await latchkeyJson(['readiness', ...at], another);
  const [inRecords] = Object.keys(wrong.json.identityKeys.inRecords);
  expect(wrong.json).toMatchObject({
    users: { unknown: 1 },
    identityKeys: { given: expect.stringMatching(/^[0-9a-f]{8}$/) },
  });
  expect((await latchkey(['readiness', ...at], another)).stdout).toContain(
    `1 record made with the identity key ${inRecords}; LATCHKEY_IDENTITY_KEY is the key ${wrong.json.identityKeys.given}.`,
  );
  const keys = await latchkey(['readiness', ...at, '--require', 'device-bound', '--algorithms', 'ES256,EdDSA']);
  expect(keys.stdout).toMatch(
    /^1 user with 2 passkeys\nready {6}0 .*\nunknown {4}0 .*\nnot ready {2}1 user with none\n/,
  );
  expect(keys.stdout).toMatch(/\nalgorithm {10}2 met, 0 unknown, 0 not met\n/);
  const later = await latchkeyJson(['readiness', ...at, '--since', '2999-01-01']);
  expect(later.json).toMatchObject({ users: { unknown: 1 }, recordsNotTold: 0 });

  // A passkey has no part in the sign-ins before its time.
  site.clock.now += 60_000;
  await agent.signIn(first);
  const [old, younger] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
  const userId = [...site.accounts.keys()][0]!;
  for (const { id } of [old, younger]) await store.passkeys.remove({ userId, rpId: 'localhost', id, keepLast: false });
  site.clock.now += 60_000;
  await store.passkeys.insert({ passkey: passkeyAt(site.clock.now, userId), max: 10 });
  expect((await latchkeyJson(['readiness', ...at])).json).toMatchObject({ users: { unknown: 1 }, recordsNotTold: 2 });
});

test('of an imported passkey, whose flag nobody has seen, the newest sign-in says whether it is synced, also in a log', async () => {
  const { at, store, migrate } = place('SQLite');
  await migrate();
  const { backupEligible: _, ...imported } = passkeyAt(0, 'ada');
  await store.passkeys.insert({ passkey: { ...imported, backupEligible: null }, max: 1 });
  const [older, newer] = [recordOf(1_000), recordOf(2_000)].map((record, index) => ({
    ...record,
    user: { ...record.user, id: 'ada' },
    credential: { ...record.credential, aaguid: imported.aaguid },
    assertion: { ...record.assertion, backupEligible: index === 1 },
  }));
  const log = join(folder(), 'sign-ins.log');
  writeFileSync(log, [older, newer].map((record) => `${JSON.stringify(record)}\n`).join(''));
  const args = ['readiness', ...at, '--log', log, '--since', '9999d', '--require', 'synced'];
  expect((await latchkeyJson(args)).json.passkeys.synced).toEqual({ met: 1, not_met: 0, unknown: 0 });
});
