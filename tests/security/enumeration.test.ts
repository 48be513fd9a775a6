/** Nobody can ask who has an account here: not by what is answered, and not by how long it takes. */
import type { Store, User } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import {
  createSoftwarePasskey,
  type PublicKeyCredentialRequestOptionsJSON,
  type SoftwarePasskey,
} from '@latchkey/testing';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { kinds } from '../http/support/stores.ts';
import { databases } from '../stores/support/databases.ts';
import { type Browser, type Direct, ORIGIN, openDirect, type Sent } from './direct.ts';
import { open } from './evidence.ts';

const NAMES = ['known', 'passkey-less', 'disabled', 'unknown'] as const;
type Name = (typeof NAMES)[number];

/** A site where one person has a passkey, one has none, one has only a disabled one, and one does not exist. */
async function inhabited(
  how: { findByName?: (name: string, users: readonly User[]) => User | undefined; store?: Store } = {},
) {
  const { findByName, store } = how;
  const direct: Direct = openDirect({
    ...(store && { store }),
    ...(findByName && {
      users: {
        find: (id) => direct.users.get(id),
        findByName: (name) => findByName(name, [...direct.users.values()]),
      },
    }),
  });
  const signUp = async (username: string): Promise<SoftwarePasskey> => {
    const browser = direct.browser();
    const { attemptId, publicKey } = (await browser.send('POST', '/registration/options', { username })).json;
    const passkey = createSoftwarePasskey({ origin: ORIGIN });
    const credential = passkey.register(publicKey);
    expect((await browser.send('POST', '/registration/verify', { attemptId, credential })).status).toBe(201);
    return passkey;
  };
  const passkey = await signUp('known');
  await signUp('disabled');
  for (const user of direct.users.values()) {
    const [first] = await direct.store.passkeys.listByUser(user.id);
    const selected = { userId: user.id, rpId: 'localhost', id: first!.id, keepLast: false };
    if (user.name === 'disabled') await direct.store.passkeys.update({ ...selected, change: { enabled: false } });
  }
  direct.users.set('none', { id: 'none', name: 'passkey-less' });
  return { ...direct, passkey };
}

const options = (browser: Browser, identifier: Name) =>
  browser.send('POST', '/authentication/options', { mode: 'modal', identifier });

/** An answer that anybody could make up for the passkey that was offered. */
function forged(publicKey: PublicKeyCredentialRequestOptionsJSON) {
  const { id } = publicKey.allowCredentials![0]!;
  const stranger = createSoftwarePasskey({ origin: ORIGIN, credentialId: id, rpId: 'localhost' });
  return stranger.authenticate(publicKey);
}

/** An answer with what is random in it replaced by words of its length. */
const steady = ({ status, headers, text }: Sent) => ({
  status,
  headers,
  text: text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'uuid').replace(/"[\w-]{43}"/g, '"32 bytes"'),
});

test('options are the same bytes for everybody, but for what is random', async () => {
  const { browser } = await inhabited();
  const replies = [];
  for (const name of NAMES) replies.push(steady(await options(browser(), name)));
  for (const reply of replies) expect(reply).toEqual(replies[0]);
  expect(replies[0]!.text).toContain('"transports":["internal","hybrid"]');
});

test('a refused answer is the same bytes for everybody, whether the passkey is there or made up', async () => {
  const { browser, records } = await inhabited();
  const replies = [];
  for (const name of NAMES) {
    const visitor = browser();
    const { attemptId, publicKey } = (await options(visitor, name)).json;
    const body = { attemptId, credential: forged(publicKey) };
    replies.push(steady(await visitor.send('POST', '/authentication/verify', body)));
  }
  for (const reply of replies) expect(reply).toEqual(replies[0]);
  expect(replies[0]!.status).toBe(401);
  expect(new Set(records.slice(-4).map(({ outcome }) => outcome))).toEqual(new Set(['failure']));
});

test('the first request of a sign-up is the same bytes for a name that is taken', async () => {
  const { browser } = await inhabited();
  const replies = [];
  for (const username of ['known', 'unknwn']) {
    const reply = steady(await browser().send('POST', '/registration/options', { username }));
    replies.push({
      ...reply,
      text: reply.text.replaceAll(username, 'name'),
      headers: { ...reply.headers, 'content-length': '' },
    });
  }
  expect(replies[0]!.status).toBe(200);
  expect({ ...replies[1], text: '' }).toEqual({ ...replies[0], text: '' });
  expect(JSON.parse(replies[0]!.text).publicKey.excludeCredentials).toEqual([]);
});

test('decoys are the same at every asking and on every node that has the key, and nobody else can make them', async () => {
  const sites = [
    await open(),
    await open(),
    await open({ audit: { identityKey: 'another key, just as long as the first' } }),
  ];
  const offered = async (index: number, identifier: string) =>
    (await sites[index]!.agent().signInOptions({ mode: 'modal', identifier })).publicKey.allowCredentials![0]!.id;
  const first = await offered(0, 'nobody');
  expect(await offered(0, 'nobody')).toBe(first);
  expect(await offered(1, 'nobody')).toBe(first);
  expect(await offered(2, 'nobody')).not.toBe(first);
  expect(await offered(0, 'nobody else')).not.toBe(first);
  expect(Buffer.from(first, 'base64url')).toHaveLength(32);
});

/** What is offered to whoever asks for this name. */
async function offeredFor({ browser }: Direct, identifier: string): Promise<readonly string[]> {
  const { publicKey } = (await browser().send('POST', '/authentication/options', { mode: 'modal', identifier })).json;
  return publicKey.allowCredentials.map(({ id }: { id: string }) => id);
}

test('spellings that find one account find one decoy where there is none', async () => {
  const fold = (name: string) => name.normalize('NFKC').toLowerCase();
  const inside = await inhabited({ findByName: (name, users) => users.find((user) => user.name === fold(name)) });
  for (const [name, ...spellings] of [
    ['known', 'KNOWN', 'Known', 'ｋｎｏｗｎ'],
    ['nobody', 'NOBODY', 'Nobody', 'ｎｏｂｏｄｙ'],
  ] as const) {
    const first = await offeredFor(inside, name);
    for (const spelling of spellings) expect(await offeredFor(inside, spelling), spelling).toEqual(first);
  }
  expect(await offeredFor(inside, 'nobody')).not.toEqual(await offeredFor(inside, 'nobodyelse'));
});

test('the application says which spellings are one name, where it compares names in its own way', async () => {
  const exact = openDirect({ users: { find: () => undefined, canonicalName: (name) => name } });
  expect(await offeredFor(exact, 'Nobody')).not.toEqual(await offeredFor(exact, 'nobody'));
  const withoutDots = openDirect({
    users: { find: () => undefined, canonicalName: (name) => name.replaceAll('.', '') },
  });
  expect(await offeredFor(withoutDots, 'no.body')).toEqual(await offeredFor(withoutDots, 'nobody'));
});

test('spellings of one name count against one limit', async () => {
  const { browser } = openDirect({ rateLimit: { limits: { account: { points: 2, seconds: 60 } } } });
  const ask = async (identifier: string) =>
    (await browser().send('POST', '/authentication/options', { mode: 'modal', identifier })).status;
  expect([await ask('ada'), await ask('ADA'), await ask('Ada'), await ask('eve')]).toEqual([200, 200, 429, 200]);
});

/** The median of each, in milliseconds, taken in turns so that a busy machine slows all of them alike. */
async function medians(rounds: number, work: (name: Name) => Promise<number>): Promise<Record<Name, number>> {
  const times: Record<Name, number[]> = { known: [], 'passkey-less': [], disabled: [], unknown: [] };
  for (let round = 0; round < rounds; round++) for (const name of NAMES) times[name].push(await work(name));
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return Object.fromEntries(NAMES.map((name) => [name, median(times[name])])) as Record<Name, number>;
}

/** No median is twice another, beyond the tenth of a millisecond that no network shows. */
function expectAlike(taken: Record<Name, number>): void {
  const values = Object.values(taken);
  expect(Math.max(...values), JSON.stringify(taken)).toBeLessThan(Math.min(...values) * 2 + 0.1);
}

/** Stores that count what they are asked, each round trip of a sign-in. */
const COUNTED: Readonly<Record<string, () => Promise<{ store: Store; asked(): number; close(): Promise<void> }>>> = {
  async Redis() {
    const sent = vi.spyOn(Redis.prototype, 'sendCommand');
    const { store, close } = await kinds.find(({ name }) => name === 'Redis')!.open();
    return { store, asked: () => sent.mock.calls.length, close: () => close().finally(() => sent.mockRestore()) };
  },
  async SQL() {
    const { db, tablePrefix, statements, close } = await databases.find(({ dialect }) => dialect === 'sqlite')!.open();
    await migrate(db, { tablePrefix });
    return { store: sqlStore(db, { tablePrefix }), asked: () => statements.length, close };
  },
};

test.each(Object.entries(COUNTED))('%s is asked as often for everybody', async (_kind, openCounted) => {
  const { store, asked, close } = await openCounted();
  onTestFinished(close);
  const { browser } = await inhabited({ store });
  const count = async (name: Name, userHandle?: string) => {
    const visitor = browser();
    const before = asked();
    const { attemptId, publicKey } = (await options(visitor, name)).json;
    const between = asked();
    const { response, ...rest } = forged(publicKey);
    const body = { attemptId, credential: { ...rest, response: { ...response, userHandle } } };
    expect((await visitor.send('POST', '/authentication/verify', body)).status).toBe(401);
    return [between - before, asked() - between];
  };
  for (const userHandle of [undefined, Buffer.alloc(32, 5).toString('base64url')]) {
    // Redis is told a script in full when it does not know it yet.
    for (const name of NAMES) await count(name, userHandle);
    const known = await count('known', userHandle);
    expect(Math.min(...known)).toBeGreaterThan(0);
    for (const name of NAMES) expect([name, await count(name, userHandle)]).toEqual([name, known]);
  }
});

test('options take as long for everybody', async () => {
  const { browser } = await inhabited();
  const time = async (name: Name) => {
    const visitor = browser();
    const started = performance.now();
    await options(visitor, name);
    return performance.now() - started;
  };
  await medians(50, time);
  expectAlike(await medians(300, time));
});

test('a refused answer takes as long for everybody', async () => {
  const { browser } = await inhabited();
  const time = async (name: Name) => {
    const visitor = browser();
    const { attemptId, publicKey } = (await options(visitor, name)).json;
    const credential = forged(publicKey);
    const started = performance.now();
    await visitor.send('POST', '/authentication/verify', { attemptId, credential });
    return performance.now() - started;
  };
  await medians(50, time);
  expectAlike(await medians(300, time));
});
