/**
 * What an application answers about its accounts, and what is left when a registration is refused: bugs F3 and F6, findings 9
 * and 10 of the security review.
 */
import type { AttemptRecord, PasskeyNotification, User } from '@latchkey/core';
import { createSoftwarePasskey, NOT_USED } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { mounts, variants } from '../mounts.ts';
import { headerOf } from '../support/header.ts';
import { openRecorded } from './recorded.ts';

const frameworks = Object.entries({ ...mounts, 'Express 4': variants['Express 4'] });

/** An id as MongoDB's driver gives it: an object that writes itself as text. */
const objectId = { toString: () => '507f1f77bcf86cd799439011', toJSON: () => '507f1f77bcf86cd799439011' };

const WRONG_IDS: readonly (readonly [string, unknown])[] = [
  ['a number', 42],
  ['zero', 0],
  ['a bigint', 42n],
  ['an ObjectId', objectId],
  ['null', null],
  ['nothing', undefined],
  ['a symbol', Symbol('ada')],
  ['bytes', Buffer.from('ada')],
  ['empty text', ''],
  ['256 characters', 'a'.repeat(256)],
  ['a lone surrogate', 'ada\uD800'],
  ['a NUL', 'ada\0'],
];

const account = (id: unknown) => ({ id, name: 'ada' }) as User;

/** 500 as problem+json, one record of it, and one sentence for the operators that says which function answered what. */
function expectConfigInvalid(
  site: Awaited<ReturnType<typeof openRecorded>>,
  reply: { status: number; headers: Headers; json: { code: string } },
  option: string,
  before: number,
) {
  expect([reply.status, reply.headers.get('content-type'), reply.json.code]).toEqual([
    500,
    'application/problem+json',
    'internal_error',
  ]);
  expect(site.records.slice(before)).toMatchObject([{ outcome: 'error', reason: 'config_invalid' }]);
  const lines = site.log.filter(({ message }) => message === 'latchkey: a request failed through our fault');
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines[0]!.fields)).toContain(`${option}().id: got `);
  site.log.length = 0;
}

describe.each(frameworks)('%s', (_, mount) => {
  test.each(WRONG_IDS)(
    'F3: %s as the id of an account is a sentence in the log, one record and 500',
    async (_what, id) => {
      let wrong = '';
      const answers = (name: string, right: () => User | undefined) => (wrong === name ? account(id) : right());
      const site = await openRecorded({
        mount,
        users: {
          find: (asked: string) => answers('find', () => site.accounts.get(asked)),
          findByName: (name: string) =>
            answers('findByName', () => [...site.accounts.values()].find((each) => each.name === name)),
          create: ({ name, displayName }: { name: string; displayName: string }) =>
            answers('create', () => {
              const made = { id: crypto.randomUUID(), name, displayName, active: true };
              site.accounts.set(made.id, made);
              return made;
            }),
          identify: (request: unknown) =>
            answers('identify', () => site.accounts.get(String(headerOf(request, 'x-person')))),
        } as never,
      });
      const passkey = await site.agent().signUp('ada');
      const agent = site.agent();
      const signedIn = site.agent();
      await signedIn.signIn(passkey);
      site.log.length = 0;

      const { attemptId, publicKey } = await agent.signInOptions();
      const credential = passkey.authenticate(publicKey);
      wrong = 'find';
      let before = site.records.length;
      const found = await agent.post('/authentication/verify', { attemptId, credential, client: NOT_USED });
      expectConfigInvalid(site, found, 'users.find', before);
      expect((await agent.session()).status).toBe(401);
      const guarded = await signedIn.request('GET', '/guarded');
      expect([guarded.status, guarded.headers.get('content-type')]).toEqual([500, 'application/problem+json']);
      expect(JSON.stringify(site.log)).toContain('users.find');
      site.log.length = 0;

      wrong = 'findByName';
      before = site.records.length;
      const named = await site.agent().post('/authentication/options', { mode: 'modal', identifier: 'ada' });
      expectConfigInvalid(site, named, 'users.findByName', before);

      wrong = 'identify';
      before = site.records.length;
      expectConfigInvalid(site, await site.agent().post('/registration/options', {}), 'users.identify', before);
      before = site.records.length;
      expectConfigInvalid(site, await site.agent().post('/authentication/options', {}), 'users.identify', before);

      wrong = '';
      const newcomer = site.agent();
      const options = (await newcomer.post('/registration/options', { username: 'bob' })).json;
      const made = createSoftwarePasskey({ origin: site.origin }).register(options.publicKey);
      wrong = 'create';
      before = site.records.length;
      const body = { attemptId: options.attemptId, credential: made };
      expectConfigInvalid(site, await newcomer.post('/registration/verify', body), 'users.create', before);

      wrong = '';
      expect((await site.agent().signIn(passkey)).status).toBe(200);
      expect((await signedIn.request('GET', '/guarded')).status).toBe(200);
      await site.close();
    },
  );
});

/** Accounts whose ids are made of their names. */
function namedAccounts() {
  const accounts = new Map<string, User>();
  const users = {
    find: (id: string) => accounts.get(id),
    create: ({ name }: { name: string }) => {
      if (accounts.has(name)) return undefined;
      accounts.set(name, { id: name, name });
      return accounts.get(name);
    },
    undo: ({ id }: User) => void accounts.delete(id),
    isActive: () => true,
  };
  return { accounts, users };
}

describe.each(Object.entries(mounts))('%s', (_, mount) => {
  test('finding 9: a registration that no required log took is taken back, whole', async () => {
    let down = false;
    const kept: AttemptRecord[] = [];
    const write = (record: AttemptRecord) => {
      if (down) throw new Error('disk full');
      kept.push(record);
    };
    const told: PasskeyNotification[] = [];
    const site = await openRecorded({
      mount,
      audit: { sinks: [{ name: 'ledger', write, onFailure: 'fail_closed' }] },
      notify: (notification) => void told.push(notification),
    });
    const agent = site.agent();
    const first = await agent.signUp('ada');
    const [userId] = site.accounts.keys();
    down = true;
    const second = createSoftwarePasskey({ origin: site.origin });
    const refused = await agent.addPasskey(second);
    expect([refused.status, refused.json.code]).toEqual([503, 'audit_unavailable']);
    await expect(site.agent().signUp('bob')).rejects.toThrow('audit_unavailable');
    expect(await site.store.passkeys.listByUser(userId!)).toHaveLength(1);
    // Who was signed in still is.
    expect((await agent.session()).status).toBe(200);
    down = false;
    expect((await site.agent().signIn(second)).status).toBe(401);
    expect((await site.agent().signIn(first)).status).toBe(200);
    expect([...site.accounts.values()].map(({ name }) => name)).toEqual(['ada']);
    // Nothing is said of a passkey that is not there, and every one that is there was said to be added.
    await site.passkeys.close();
    expect(told.map(({ kind }) => kind)).toEqual(['passkey_added', 'new_passkey_sign_in']);
    expect(kept.filter(({ event }) => event.name === 'latchkey.passkey.added')).toHaveLength(1);
    expect((await agent.addPasskey(second)).status).toBe(201);
    expect((await site.agent().signUp('bob')).credentialId).toBeDefined();
    await site.close();
  });

  test('finding 10: a sign-up that fails burns no name, also where ids are made of names', async () => {
    const { accounts, users } = namedAccounts();
    let throws = false;
    const site = await openRecorded({
      mount,
      users: users as never,
      onSignIn: () => {
        if (throws) throw new Error('the application’s own session store is down');
      },
    });
    const known = await site.agent().signUp('mallory');
    const options = (await site.agent().post('/registration/options', { username: 'ceo' })).json;
    expect(options.publicKey.user.name).toBe('ceo');
    const stolen = createSoftwarePasskey({ origin: site.origin, credentialId: known.credentialId });
    await expect(site.agent().signUp('ceo', stolen)).rejects.toThrow('passkey_exists');
    expect([...accounts.keys()]).toEqual(['mallory']);
    throws = true;
    await expect(site.agent().signUp('ceo')).rejects.toThrow('internal_error');
    expect([...accounts.keys()]).toEqual(['mallory']);
    throws = false;
    const passkey = await site.agent().signUp('ceo');
    expect((await site.agent().signIn(passkey)).json.user.id).toBe('ceo');
    await site.close();
  });

  test('F6: an account that was deleted can be made again under its id, and its passkeys let nobody in', async () => {
    const { accounts, users } = namedAccounts();
    const site = await openRecorded({ mount, users: users as never });
    const former = site.agent();
    const old = await former.signUp('ada');
    accounts.delete('ada');
    expect((await former.request('GET', '/guarded')).status).toBe(401);
    await site.store.passkeys.forget('ada');
    const agent = site.agent();
    const fresh = await agent.signUp('ada');
    expect((await agent.session()).json.user.id).toBe('ada');
    expect((await site.agent().signIn(old)).status).toBe(401);
    expect((await former.session()).status).toBe(401);
    expect((await site.agent().signIn(fresh)).status).toBe(200);
    // A name that is taken leaves no account half made, and undoes nobody's.
    await expect(site.agent().signUp('ada')).rejects.toThrow('username_unavailable');
    expect((await site.agent().signIn(fresh)).status).toBe(200);
    await site.close();
  });
});
