/** Challenges in the memory of one process, and the rest in SQLite: what depends on a challenge, over Express. */
import { memoryChallenges } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import { httpContract, openSite } from '@latchkey/testing';
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { databases, type Opened } from '../stores/support/databases.ts';
import { mounts } from './mounts.ts';

const mount = mounts['Express 5'];
const sqlite = databases.find(({ dialect }) => dialect === 'sqlite')!;
let opened: Opened;

beforeAll(async () => {
  opened = await sqlite.open();
  await migrate(opened.db, { tablePrefix: opened.tablePrefix });
});

afterAll(() => opened?.close());

const store = () => ({
  ...sqlStore(opened.db, { tablePrefix: opened.tablePrefix }),
  challenges: memoryChallenges(),
});

const rules = httpContract.filter(({ name }) => /identical answers|challenge|expired|abandon/.test(name));

test('there are such rules', () => expect(rules.length).toBeGreaterThan(5));

it.each(rules)('$name', ({ check }) => check({ mount, store }));

it('refuses at a process what another one began, and knows the passkeys of both', async () => {
  const [one, other] = [await openSite({ mount, store }), await openSite({ mount, store })];
  try {
    const passkey = await one.agent().signUp('ada');
    for (const [id, account] of one.accounts) other.accounts.set(id, account);
    const agent = other.agent();
    const bend = { clientData: { origin: other.origin } };
    expect((await agent.signIn(passkey, { bend })).status).toBe(200);
    const { attemptId, publicKey } = await one.agent().signInOptions();
    const credential = passkey.authenticate(publicKey, bend);
    const reply = await agent.post('/authentication/verify', { attemptId, credential });
    expect([reply.status, other.records.at(-1)?.reason]).toEqual([400, 'challenge_unknown']);
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
});
