/** The stores that docs/storage.md shows how to write keep the contracts, are as short as it says, and are what it shows. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryStore, type PendingCeremony, type Store } from '@latchkey/core';
import {
  attemptStoreContract,
  challengeStoreContract,
  httpContract,
  invitationStoreContract,
  openSite,
  passkeyStoreContract,
  sessionStoreContract,
  signInStoreContract,
} from '@latchkey/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';
import { journalStore } from './store-of-your-own.ts';
import { mapChallenges } from './store-own-challenges.ts';
import { mapSessions } from './store-own-sessions.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
afterAll(() => rmSync(folder, { recursive: true }));
const freshFile = () => join(folder, crypto.randomUUID());

describe('a whole store in a journal', () => {
  const { challenges, passkeys, sessions, attempts, invitations } = journalStore(freshFile());
  for (const { name, check } of challengeStoreContract) test(name, () => check(challenges));
  for (const { name, check } of passkeyStoreContract) test(name, () => check(passkeys));
  for (const { name, check } of sessionStoreContract) test(name, () => check(sessions));
  for (const { name, check } of signInStoreContract) test(name, () => check(Object.assign(passkeys, { sessions })));
  for (const { name, check } of attemptStoreContract) test(name, () => check(attempts));
  for (const { name, check } of invitationStoreContract) test(name, () => check(invitations));

  const store = () => journalStore(freshFile());
  for (const { name, check } of httpContract) {
    test(name, () => check({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }));
  }

  test('knows after a restart what it knew before', async () => {
    const file = freshFile();
    const open = (store: Store) => openSite({ mount: mounts['Express 5'], store: () => store });
    const ceremony = (attemptId: string): PendingCeremony => ({
      ...{ attemptId, purpose: 'sign_in', binding: 'a browser', userId: null, begun: true, expiresAt: 2, state: '{}' },
    });
    const take = (attemptId: string) => ({ attemptId, binding: 'a browser', now: 1 });
    const before = journalStore(file);
    const site = await open(before);
    await site.agent().signUp('ada');
    const [userId] = site.accounts.keys();
    for (const id of ['taken', 'open']) await before.challenges.put(ceremony(id));
    expect(() => before.challenges.put(ceremony('open'))).toThrow('already known');
    await before.challenges.take(take('taken'));
    const listed = await before.passkeys.listByUser(userId!);
    const recorded = await before.attempts.list({ limit: 10 });
    await site.close();
    // A process that dies in the middle of a line.
    appendFileSync(file, 'bm90IGEg');

    for (const after of [journalStore(file), journalStore(file)]) {
      expect(await after.passkeys.listByUser(userId!)).toEqual(listed);
      expect(await after.attempts.list({ limit: 10 })).toEqual(recorded);
      expect(await after.challenges.take(take('taken'))).toEqual({ status: 'consumed' });
    }
    expect(await journalStore(file).challenges.take(take('open'))).toEqual({
      status: 'fresh',
      ceremony: ceremony('open'),
    });
    expect(await journalStore(file).challenges.take(take('open'))).toEqual({
      status: 'consumed',
    });
  });
});

describe('challenges in a Map', () => {
  const challenges = mapChallenges();
  for (const { name, check } of challengeStoreContract) test(name, () => check(challenges));

  const store = () => ({ ...memoryStore(), challenges: mapChallenges() });
  for (const { name, check } of httpContract) {
    test(name, () => check({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }));
  }
});

describe('sessions in a Map', () => {
  const sessions = mapSessions();
  for (const { name, check } of sessionStoreContract) test(name, () => check(sessions));

  const store = () => ({ ...memoryStore(), sessions: mapSessions() });
  for (const { name, check } of httpContract) {
    test(name, () => check({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }));
  }
});

describe.each(['store-of-your-own.ts', 'store-own-challenges.ts', 'store-own-sessions.ts'])('%s', (file) => {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8');

  test('is under 60 lines', () => {
    expect(source.trimEnd().split('\n').length).toBeLessThan(60);
  });

  test('is in docs/storage.md as it is', () => {
    const page = readFileSync(new URL('../../docs/storage.md', import.meta.url), 'utf8');
    expect(page).toContain(`\`\`\`ts\n${source}\`\`\`\n`);
  });
});
