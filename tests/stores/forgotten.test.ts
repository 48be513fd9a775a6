/**
 * A forgotten person leaves nothing in any store of ours that names them: every row and every key is read as it is, and searched
 * for their id, name, address, browser and passkey. Somebody else's stay.
 */
import { memoryStore, type Store } from '@latchkey/core';
import { createSoftwarePasskey, type SoftwarePasskey, USED } from '@latchkey/testing';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { KINDS, type Kind, place, URLS } from '../cli/stores.ts';
import { type Browser, ORIGIN, openDirect } from '../security/direct.ts';

interface Opened {
  readonly store: Required<Store>;
  /** Everything that is kept, as text, by table or key. */
  kept(): Promise<Record<string, string>>;
}

const BY = { by: 'operator', reason: 'asked to be forgotten, ticket 4711' } as const;
const MINUTE = 60_000;

test.each(['memory', ...KINDS] as const)('in %s', async (kind) => {
  const { store, kept } = await open(kind);
  const site = openDirect({ store });
  const [ada, bob] = [await person('ada.lovelace', '203.0.113.77'), await person('bob.builder', '198.51.100.23')];
  const found = async ({ traces }: typeof ada) =>
    Object.entries(await kept()).filter(([, text]) => traces.some((trace) => text.includes(trace)));
  expect(await found(ada)).not.toEqual([]);
  const before = (await store.attempts.list({ userId: ada.id, limit: 1_000 })).length;
  expect(before).toBeGreaterThan(3);

  const user = site.passkeys.forUser(ada.id);
  expect(await user.forget(BY)).toEqual({ passkeys: 1, sessions: 1, invitations: 1, attempts: before });
  // Only the ceremonies that are under way still name her.
  const left = (await found(ada)).map(([where]) => where);
  expect(left.filter((where) => !/ceremon/.test(where))).toEqual([]);

  // A ceremony that nobody answers leaves a record when it expires, which names nobody, and is gone ten minutes later.
  site.users.delete(ada.id);
  for (let n = 0; n < 2; n += 1) {
    site.clock.now += 11 * MINUTE;
    await site.passkeys.sweep();
  }
  const abandoned = site.records.filter(({ outcome }) => outcome === 'abandoned');
  expect(abandoned.map((record) => [record.user.id, record.client.address]).sort()).toEqual([
    [null, null],
    [bob.id, '198.51.100.23'],
  ]);
  await site.passkeys.close();
  expect(await found(ada)).toEqual([]);
  expect(await found(bob)).not.toEqual([]);
  expect(await store.attempts.list({ userId: bob.id, limit: 1_000 })).toHaveLength(before + 1);
  expect(await store.passkeys.listByUser(bob.id)).toHaveLength(1);
  expect(site.faults).toEqual([]);

  /** Somebody who signs up, signs in, signs in once more with an answer that is refused, and begins a step-up. */
  async function person(name: string, address: string) {
    const browser = site.browser();
    const userAgent = `the browser of ${name}`;
    const send = (path: string, body: object) => sendFrom(browser, path, body, { address, userAgent });
    const passkey = createSoftwarePasskey({ origin: ORIGIN });
    const options = await send('/registration/options', { username: name });
    const credential = passkey.register(options.publicKey);
    await send('/registration/verify', { attemptId: options.attemptId, credential });
    // She had not wanted one before.
    await browser.send('DELETE', '/offer', undefined, { address, headers: { 'user-agent': userAgent } });
    const [id] = [...site.users.values()].filter((each) => each.name === name).map((each) => each.id);
    for (const bend of [{}, { signature: Buffer.alloc(70, 1) }]) await signIn(send, passkey, bend);
    await send('/step-up/options', {});
    await site.passkeys.sweep();
    await site.passkeys.invite(id!, BY);
    const [stored] = await store.passkeys.listByUser(id!);
    const bytes = Buffer.from(stored!.credentialId);
    const traces = [id!, name, address, userAgent, stored!.id, bytes.toString('base64url'), bytes.toString('latin1')];
    return { id: id!, traces };
  }
});

type Send = (path: string, body: object) => ReturnType<typeof sendFrom>;

async function signIn(send: Send, passkey: SoftwarePasskey, bend: object) {
  const { attemptId, publicKey } = await send('/authentication/options', { mode: 'immediate' });
  await send('/authentication/verify', { attemptId, credential: passkey.authenticate(publicKey, bend), client: USED });
}

async function sendFrom(
  browser: Browser,
  path: string,
  body: object,
  { address, userAgent }: { address: string; userAgent: string },
) {
  return (await browser.send('POST', path, body, { address, headers: { 'user-agent': userAgent } })).json;
}

async function open(kind: Kind | 'memory'): Promise<Opened> {
  if (kind === 'memory') return openMemory();
  const { store, run, prefix, migrate } = place(kind);
  if (kind === 'Redis') {
    const redis = new Redis(URLS.Redis());
    onTestFinished(() => redis.disconnect());
    return { store, kept: () => keysOf(redis, prefix) };
  }
  await migrate();
  const tables = ['ceremonies', 'handles', 'passkeys', 'sessions', 'attempts', 'invitations', 'declines'];
  const kept = async () =>
    Object.fromEntries(
      await Promise.all(
        tables.map(async (table) => [table, textOf(await run(`select * from ${prefix}${table}`))] as const),
      ),
    );
  return { store, kept };
}

/** What a store in memory keeps is seen by what it is asked for; nothing of it outlives the process. */
function openMemory(): Opened {
  const store = memoryStore();
  const users = new Set<string>();
  const insert: typeof store.passkeys.insert = (addition) => {
    users.add(addition.passkey.userId);
    return store.passkeys.insert(addition);
  };
  const lists = async () => ({
    attempts: textOf(await store.attempts.list({ limit: 1_000 })),
    passkeys: textOf(await Promise.all([...users].map((id) => store.passkeys.listByUser(id)))),
    sessions: textOf(await Promise.all([...users].map((id) => store.sessions.listByUser(id)))),
    invitations: textOf(await Promise.all([...users].map((id) => store.invitations.listByUser(id)))),
  });
  return { store: { ...store, passkeys: { ...store.passkeys, insert } }, kept: lists };
}

async function keysOf(redis: Redis, prefix: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const key of await redis.keys(`${prefix}*`)) {
    const read: Record<string, () => Promise<unknown>> = {
      string: () => redis.getBuffer(key),
      hash: () => redis.hgetallBuffer(key),
      set: () => redis.smembers(key),
      zset: () => redis.zrange(key, '0', '-1'),
      list: () => redis.lrange(key, 0, -1),
    };
    const type = await redis.type(key);
    all[key] = `${key} ${type === 'none' ? '' : textOf(await read[type]!())}`;
  }
  return all;
}

/** Bytes as the text they may be, and as the one they are written in. */
function textOf(value: unknown): string {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    return [bytes.toString('utf8'), bytes.toString('latin1'), bytes.toString('base64url')].join(' ');
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, member]) => `${name} ${textOf(member)}`)
      .join('\n');
  }
  return String(value);
}
