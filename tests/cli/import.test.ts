/**
 * `latchkey import`: a passkey that was registered with another system's code signs in through Latchkey after the import, on
 * each store; what cannot be used is said and left out, nothing is overwritten, and a second time there is nothing to do.
 */
import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { passkey as passkeyPlugin } from '@better-auth/passkey';
import type { Store } from '@latchkey/core';
import { createSoftwarePasskey, openSite, type SoftwarePasskey, type SoftwarePasskeyOptions } from '@latchkey/testing';
import { generateRegistrationOptions, verifyRegistrationResponse } from '@simplewebauthn/server';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { folder, latchkey, latchkeyJson } from './latchkey.ts';
import { KINDS, type Place, place } from './stores.ts';

const RP_ID = ['--rp-id', 'localhost'];
const NAME_AND_ID = { id: 'user-1', name: 'ada@example.com', active: true };

/** A site of Latchkey's on this store, where user-1 has an account. */
async function siteOn(store: Store, signCount: 'observe' | 'refuse' = 'refuse') {
  const site = await openSite({ mount: mounts['Express 5'], store: () => store }, { policy: { signCount } });
  onTestFinished(() => site.close());
  site.accounts.set(NAME_AND_ID.id, NAME_AND_ID);
  site.accounts.set('1', { ...NAME_AND_ID, id: '1' });
  return site;
}

async function migrated(kind: (typeof KINDS)[number] = 'SQLite'): Promise<Place> {
  const to = place(kind);
  await to.migrate();
  return to;
}

/** Registers a new passkey with SimpleWebAuthn itself, the way its documentation does. */
async function registerWithSimpleWebAuthn(origin: string, how: Partial<SoftwarePasskeyOptions> = {}) {
  const passkey = createSoftwarePasskey({ origin, ...how });
  const options = await generateRegistrationOptions({
    rpName: 'Before',
    rpID: 'localhost',
    userName: NAME_AND_ID.name,
  });
  const { registrationInfo } = await verifyRegistrationResponse({
    response: passkey.register(options as never) as never,
    expectedChallenge: options.challenge,
    expectedOrigin: origin,
    expectedRPID: 'localhost',
  });
  const { credential, credentialDeviceType, credentialBackedUp } = registrationInfo!;
  const row = {
    id: credential.id,
    publicKey: credential.publicKey,
    userId: NAME_AND_ID.id,
    webauthnUserID: options.user.id,
    counter: credential.counter,
    deviceType: credentialDeviceType,
    backedUp: credentialBackedUp,
    transports: credential.transports,
  };
  return { passkey, row, registrationInfo: registrationInfo! };
}

/** Rows as JSON writes them when nobody took care: bytes as an object of numbers. */
function jsonFile(rows: readonly object[], name = 'rows.json'): string {
  const file = join(folder(), name);
  writeFileSync(file, JSON.stringify(rows));
  return file;
}

describe.each(KINDS)('a passkey made with SimpleWebAuthn, moved to %s', (kind) => {
  test('signs in, in Immediate UI mode and by name, and its counter goes on', async () => {
    const to = await migrated(kind);
    const site = await siteOn(to.store);
    const { passkey, row } = await registerWithSimpleWebAuthn(site.origin, { signCount: 7 });
    expect((await site.agent().signIn(passkey)).status).toBe(401);

    const moved = await latchkeyJson(['import', 'simplewebauthn', '--from', jsonFile([row]), ...RP_ID, ...to.at]);
    expect(moved).toMatchObject({ code: 0, json: { rows: 1, inserted: 1, present: 0, refused: [] } });
    expect(moved.json.lacks).toEqual({ aaguid_unknown: 1, created_at_unknown: 1 });

    const reply = await site.agent().signIn(passkey);
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({ user: { id: 'user-1' }, attempt: { enforcement: 'enforced' } });
    const [stored] = await to.store.passkeys.listByUser('user-1');
    expect(stored).toMatchObject({
      signCount: 9,
      backupEligible: true,
      backedUp: true,
      transports: ['internal', 'hybrid'],
    });
    expect(Buffer.from(stored!.userHandle).toString('base64url')).toBe(row.webauthnUserID);

    const again = await latchkeyJson(['import', 'simplewebauthn', '--from', jsonFile([row]), ...RP_ID, ...to.at]);
    expect(again).toMatchObject({ code: 0, json: { inserted: 0, present: 1 } });
    expect(await to.store.passkeys.listByUser('user-1')).toEqual([stored]);
  });

  test('signs in without a known user handle and backup eligibility, and its owner can add another', async () => {
    const to = await migrated(kind);
    const site = await siteOn(to.store);
    // Two people, so that whoever has no known handle is not mistaken for another.
    const { passkey, row } = await registerWithSimpleWebAuthn(site.origin);
    const other = await registerWithSimpleWebAuthn(site.origin, { backupEligible: false });
    const rows = [row, { ...other.row, userId: '1' }].map(({ id, publicKey, userId }) => ({ id, publicKey, userId }));
    const { code, json } = await latchkeyJson([
      'import',
      'simplewebauthn',
      '--from',
      jsonFile(rows),
      ...RP_ID,
      ...to.at,
    ]);
    expect({ code, inserted: json.inserted }).toEqual({ code: 0, inserted: 2 });
    expect(json.lacks).toMatchObject({ user_handle_unknown: 2, backup_eligibility_unknown: 2, sign_count_unknown: 2 });

    // Some handle there must be: a browser that was named nobody says whose passkey it used.
    expect((await site.agent().signIn(passkey, { bend: { userHandle: null } as never })).status).toBe(401);
    const agent = site.agent();
    expect((await agent.signIn(passkey)).json).toMatchObject({ user: { id: 'user-1' } });
    expect((await site.agent().signIn(other.passkey)).json).toMatchObject({ user: { id: '1' } });
    expect((await agent.stepUp(passkey)).status).toBe(200);
    const fresh = createSoftwarePasskey({ origin: site.origin });
    expect((await agent.addPasskey(fresh)).status).toBe(201);
    expect((await site.agent().signIn(fresh)).status).toBe(200);
    // Whose handle is known is still held to it.
    const claimed = await site
      .agent()
      .signIn(fresh, { bend: { userHandle: Buffer.from('another').toString('base64url') } as never });
    expect(claimed.status).toBe(401);
    expect(site.records.at(-1)?.reason).toBe('user_handle_mismatch');
  });
});

describe('better-auth', () => {
  test('a passkey that better-auth itself registered signs in', async () => {
    const to = await migrated();
    const site = await siteOn(to.store);
    const file = join(folder(), 'better-auth.db');
    const { passkey, userId } = await registerWithBetterAuth(site.origin, file);
    site.accounts.set(userId, { ...NAME_AND_ID, id: userId });

    const { code, json } = await latchkeyJson([
      'import',
      'better-auth',
      '--from',
      `sqlite:${file}`,
      ...RP_ID,
      ...to.at,
    ]);
    expect({ code, ...json }).toMatchObject({ code: 0, rows: 1, inserted: 1, lacks: { user_handle_unknown: 1 } });
    const [stored] = await to.store.passkeys.listByUser(userId);
    expect(stored).toMatchObject({ backupEligible: true, transports: ['internal', 'hybrid'], nickname: 'my laptop' });
    expect(stored!.createdAt).toBeGreaterThan(Date.now() - 120_000);
    expect((await site.agent().signIn(passkey)).json).toMatchObject({ user: { id: userId } });
  });
});

/** better-auth over SQLite, as its documentation sets it up: sign up, then add a passkey through its own routes. */
async function registerWithBetterAuth(
  origin: string,
  file: string,
): Promise<{ passkey: SoftwarePasskey; userId: string }> {
  const database = new BetterSqlite3(file);
  const auth = betterAuth({
    baseURL: origin,
    secret: 'a secret for tests, and for tests only',
    database,
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    logger: { disabled: true },
    telemetry: { enabled: false },
    plugins: [passkeyPlugin({ rpID: 'localhost', rpName: 'Before', origin })],
  });
  await (await getMigrations(auth.options)).runMigrations();
  const cookies = new Map<string, string>();
  const ask = async (path: string, body?: object) => {
    const response = await auth.handler(
      new Request(`${origin}/api/auth${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          origin,
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
    );
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    expect(response.status, path).toBe(200);
    return response.json();
  };
  const { user } = (await ask('/sign-up/email', {
    name: 'Ada',
    email: NAME_AND_ID.name,
    password: 'long enough 1',
  })) as {
    user: { id: string };
  };
  const passkey = createSoftwarePasskey({ origin });
  const options = await ask('/passkey/generate-register-options');
  await ask('/passkey/verify-registration', { response: passkey.register(options as never), name: 'my laptop' });
  database.close();
  return { passkey, userId: user.id };
}

/** Attested credential data (WebAuthn §6.5.1), which is what django-passkeys keeps in base64url as `token`. */
function tokenOf({ registrationInfo }: Awaited<ReturnType<typeof registerWithSimpleWebAuthn>>): string {
  const id = Buffer.from(registrationInfo.credential.id, 'base64url');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(id.length);
  const aaguid = Buffer.from(registrationInfo.aaguid.replaceAll('-', ''), 'hex');
  return Buffer.concat([aaguid, length, id, registrationInfo.credential.publicKey]).toString('base64url');
}

describe('django-passkeys', () => {
  /** Its table, as its migrations make it in SQLite. */
  function table(rows: readonly { credential_id: string; token: string; enabled?: number }[]): string {
    const file = join(folder(), 'django.db');
    const database = new BetterSqlite3(file);
    database.exec(`create table passkeys_userpasskey (id integer primary key autoincrement, name varchar(255) not null,
      enabled bool not null, platform varchar(255) not null, added_on datetime not null, last_used datetime null,
      credential_id varchar(255) not null unique, token varchar(255) not null, user_id integer not null)`);
    const insert =
      database.prepare(`insert into passkeys_userpasskey (name, enabled, platform, added_on, credential_id, token, user_id)
      values ('Apple', ?, 'Apple', '2024-03-01 10:20:30.123456', ?, ?, 1)`);
    for (const { credential_id, token, enabled = 1 } of rows) insert.run(enabled, credential_id, token);
    database.close();
    return `sqlite:${file}`;
  }

  // Which of the two it is depends on the versions of django-passkeys and python-fido2 at the time of the registration.
  test.each([
    ['the user name', Buffer.from('ada@example.com')],
    [
      'the user name in padded base64url',
      Buffer.from(Buffer.from('ada@example.com').toString('base64url').padEnd(20, '=')),
    ],
  ])('a passkey whose user handle is %s signs in', async (_, handle) => {
    const to = await migrated();
    const site = await siteOn(to.store);
    const registered = await registerWithSimpleWebAuthn(site.origin, {
      aaguid: 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd',
    });
    const passkey = registered.passkey.clone({ userHandle: handle.toString('base64url') });
    const from = table([{ credential_id: passkey.credentialId, token: tokenOf(registered) }]);
    const { code, json } = await latchkeyJson(['import', 'django-passkeys', '--from', from, ...RP_ID, ...to.at]);
    expect({ code, ...json }).toMatchObject({
      code: 0,
      inserted: 1,
      lacks: { user_handle_unknown: 1, backup_eligibility_unknown: 1 },
    });
    expect((await to.store.passkeys.listByUser('1'))[0]).toMatchObject({
      aaguid: 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd',
      nickname: 'Apple',
      createdAt: Date.UTC(2024, 2, 1, 10, 20, 30, 123),
    });
    expect((await site.agent().signIn(passkey)).json).toMatchObject({ user: { id: '1' } });
  });

  test('what is disabled there stays disabled, and a token that is cut off or of another row is left out', async () => {
    const to = await migrated();
    const site = await siteOn(to.store);
    const [disabled, cut, mixed] = [
      await registerWithSimpleWebAuthn(site.origin),
      await registerWithSimpleWebAuthn(site.origin),
      await registerWithSimpleWebAuthn(site.origin),
    ];
    const from = table([
      { credential_id: disabled.row.id, token: tokenOf(disabled), enabled: 0 },
      { credential_id: cut.row.id, token: tokenOf(cut).slice(0, 120) },
      { credential_id: mixed.row.id, token: tokenOf(cut) },
    ]);
    const { code, json } = await latchkeyJson(['import', 'django-passkeys', '--from', from, ...RP_ID, ...to.at]);
    expect({ code, inserted: json.inserted }).toEqual({ code: 1, inserted: 1 });
    // Rows come in the order of their ids, which are random.
    expect(json.refused.map(({ code }: { code: string }) => code).sort()).toEqual([
      'credential_id_invalid',
      'public_key_invalid',
    ]);
    expect((await site.agent().signIn(disabled.passkey)).status).toBe(401);
    expect(site.records.at(-1)?.reason).toBe('credential_disabled');
  });
});

describe("passport-fido2-webauthn's example", () => {
  test.each(['ES256', 'RS256', 'EdDSA'] as const)(
    'a passkey whose %s key is kept in PEM signs in',
    async (algorithm) => {
      const to = await migrated();
      const site = await siteOn(to.store);
      const passkey = createSoftwarePasskey({ origin: site.origin, algorithm });
      const handle = crypto.getRandomValues(Buffer.alloc(16));
      const { response } = passkey.register({
        rp: { name: 'Todos' },
        user: { id: handle.toString('base64url'), name: 'ada', displayName: 'Ada' },
        challenge: 'AAAA',
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: 'public-key', alg })),
      });
      const pem = createPublicKey({ key: Buffer.from(response.publicKey!, 'base64url'), format: 'der', type: 'spki' });
      const file = join(folder(), 'todos.db');
      const database = new BetterSqlite3(file);
      database.exec(`create table users (id integer primary key, username text unique, name text, handle blob unique);
      create table public_key_credentials (id integer primary key, user_id integer not null, external_id text unique, public_key text)`);
      database.prepare('insert into users (username, name, handle) values (?, ?, ?)').run('ada', 'Ada', handle);
      database
        .prepare('insert into public_key_credentials (user_id, external_id, public_key) values (1, ?, ?)')
        .run(passkey.credentialId, pem.export({ format: 'pem', type: 'spki' }));
      database.close();

      const { code, json } = await latchkeyJson(['import', 'passport', '--from', `sqlite:${file}`, ...RP_ID, ...to.at]);
      expect({ code, ...json }).toMatchObject({ code: 0, inserted: 1 });
      expect(json.lacks.user_handle_unknown).toBeUndefined();
      expect((await site.agent().signIn(passkey)).json).toMatchObject({ user: { id: '1' } });
      const [stored] = await to.store.passkeys.listByUser('1');
      expect(Buffer.from(stored!.userHandle)).toEqual(handle);
    },
  );
});

describe('what is moved', () => {
  test('is told row by row when it cannot be used, and nothing there is overwritten', async () => {
    const to = await migrated();
    const site = await siteOn(to.store);
    const { row } = await registerWithSimpleWebAuthn(site.origin);
    const fresh = async () => (await registerWithSimpleWebAuthn(site.origin)).row;
    await latchkey(['import', 'simplewebauthn', '--from', jsonFile([row]), ...RP_ID, ...to.at]);
    const before = await to.store.passkeys.listByUser('user-1');
    const wrong: readonly (readonly [object, string])[] = [
      [{ ...(await fresh()), publicKey: Buffer.alloc(77, 1) }, 'public_key_invalid'],
      [{ ...(await fresh()), publicKey: null }, 'public_key_invalid'],
      // A point that is not on the curve.
      [{ ...(await fresh()), publicKey: row.publicKey.with(20, row.publicKey[20]! ^ 1) }, 'public_key_invalid'],
      [{ ...(await fresh()), id: '' }, 'credential_id_invalid'],
      [{ ...(await fresh()), userId: null }, 'user_id_invalid'],
      [{ ...(await fresh()), webauthnUserID: 'x'.repeat(200) }, 'user_handle_invalid'],
      [{ ...(await fresh()), counter: -1 }, 'sign_count_invalid'],
      [{ ...(await fresh()), rpId: 'example.org' }, 'rp_id_differs'],
      [{ ...row, userId: 'user-2' }, 'credential_of_another_user'],
      [{ ...row, publicKey: (await fresh()).publicKey }, 'passkey_differs'],
    ];
    const good = await fresh();
    const from = jsonFile([...wrong.map(([each]) => each), good]);
    const args = ['import', 'simplewebauthn', '--from', from, ...RP_ID, ...to.at];
    for (const dryRun of [true, false]) {
      const { code, json } = await latchkeyJson([...args, ...(dryRun ? ['--dry-run'] : [])]);
      expect(json.refused.map((each: { row: number; code: string }) => [each.row, each.code])).toEqual(
        wrong.map(([, reason], index) => [index + 1, reason]),
      );
      expect({ code, inserted: json.inserted, dryRun: json.dryRun }).toEqual({ code: 1, inserted: 1, dryRun });
      // A dry run writes nothing.
      expect(await to.store.passkeys.listByUser('user-1')).toHaveLength(dryRun ? 1 : 2);
    }
    expect((await to.store.passkeys.listByUser('user-1'))[0]).toEqual(before[0]);
    expect(await to.store.passkeys.listByUser('user-2')).toEqual([]);
  });

  test('reads columns by other names, in bytes, base64, base64url, hex and CSV', async () => {
    const to = await migrated();
    const site = await siteOn(to.store);
    const file = join(folder(), 'app.db');
    const database = new BetterSqlite3(file);
    database.exec(
      'create table credentials (cred_id blob, "key" text, owner integer, handle text, uses integer, flags text, device_type text)',
    );
    const insert = database.prepare('insert into credentials values (?, ?, 1, ?, ?, ?, ?)');
    const passkeys: SoftwarePasskey[] = [];
    for (const form of ['base64', 'base64url', 'hex'] as const) {
      const { passkey, row } = await registerWithSimpleWebAuthn(site.origin);
      passkeys.push(passkey);
      insert.run(
        Buffer.from(row.id, 'base64url'),
        Buffer.from(row.publicKey).toString(form),
        row.webauthnUserID,
        0,
        'internal',
        'multiDevice',
      );
    }
    database.close();
    const columns = [
      'credentialId=cred_id',
      'publicKey=key',
      'userId=owner',
      'userHandle=handle',
      'signCount=uses',
      'transports=flags',
    ];
    const { code, json } = await latchkeyJson([
      ...['import', 'simplewebauthn', '--from', `sqlite:${file}`, '--table', 'credentials', ...RP_ID, ...to.at],
      ...columns.flatMap((column) => ['--column', column]),
    ]);
    expect({ code, inserted: json.inserted, refused: json.refused }).toEqual({ code: 0, inserted: 3, refused: [] });
    for (const passkey of passkeys) expect((await site.agent().signIn(passkey)).status).toBe(200);

    const { passkey, row } = await registerWithSimpleWebAuthn(site.origin);
    const csv = join(folder(), 'rows.csv');
    const key = Buffer.from(row.publicKey).toString('base64');
    writeFileSync(
      csv,
      `\ufeffid,public_key,user_id,name,transports,createdAt\r\n${row.id},${key},1,"my ""best"", key","internal,usb",2024-03-01T00:00:00Z\r\n`,
    );
    const fromCsv = await latchkey(['import', 'simplewebauthn', '--from', csv, ...RP_ID, ...to.at]);
    expect(fromCsv).toMatchObject({ code: 0, stderr: '' });
    expect(fromCsv.stdout).toMatch(/added {2}1\n/);
    expect((await site.agent().signIn(passkey)).status).toBe(200);
    expect(
      (await to.store.passkeys.listByUser('1')).find(({ nickname }) => nickname === 'my "best", key'),
    ).toMatchObject({
      transports: ['internal', 'usb'],
      createdAt: Date.UTC(2024, 2, 1),
    });
  });

  test('a user handle that was made of text, as SimpleWebAuthn 9 did, is read as that', async () => {
    const to = await migrated();
    const site = await siteOn(to.store);
    const registered = await registerWithSimpleWebAuthn(site.origin);
    const passkey = registered.passkey.clone({ userHandle: Buffer.from('user-1').toString('base64url') });
    const from = jsonFile([{ ...registered.row, webauthnUserID: undefined }]);
    const args = ['import', 'simplewebauthn', '--from', from, '--column', 'userHandle=userId', '--user-handle', 'utf8'];
    expect((await latchkeyJson([...args, ...RP_ID, ...to.at])).json.lacks.user_handle_unknown).toBeUndefined();
    expect((await site.agent().signIn(passkey)).status).toBe(200);
    expect((await site.agent().signIn(registered.passkey)).status).toBe(401);
  });

  test('is said to be somewhere else when it is: no table, no file, no column', async () => {
    const to = await migrated();
    const empty = join(folder(), 'empty.db');
    new BetterSqlite3(empty).exec('create table passkey (a integer); insert into passkey values (1)').close();
    const run = (from: string, ...more: string[]) =>
      latchkey(['import', 'better-auth', '--from', from, ...RP_ID, ...to.at, ...more]);
    expect(await run(`sqlite:${empty}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no column credentialID'),
    });
    expect(await run(`sqlite:${empty}`, '--table', 'nope')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no such table'),
    });
    expect(await run(join(folder(), 'nope.json'))).toMatchObject({ code: 3 });
    expect(await run(jsonFile([1 as never]))).toMatchObject({ code: 2 });
  });
});
