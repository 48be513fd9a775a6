/** The tables come to be once, whoever makes them; and every verb is as few indexed statements as it says. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AttemptRecord, Invitation, Passkey, PendingCeremony, SignInSession } from '@latchkey/core';
import { migrate, migrationSql, sqlStore } from '@latchkey/sql';
import {
  attemptStoreContract,
  challengeStoreContract,
  invitationStoreContract,
  passkeyStoreContract,
  sessionStoreContract,
  signInStoreContract,
} from '@latchkey/testing';
import { Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, databases, type Opened } from './support/databases.ts';

const NOW = Date.UTC(2026, 10, 22);
const MIGRATIONS = ['0001_ceremonies_passkeys_attempts', '0002_sessions', '0003_invitations', '0004_declines'];

const ceremony = (members: Partial<PendingCeremony> = {}): PendingCeremony => ({
  attemptId: crypto.randomUUID(),
  purpose: 'sign_in',
  binding: 'b'.repeat(43),
  userId: null,
  begun: false,
  expiresAt: NOW,
  state: '{}',
  ...members,
});

const passkey = (members: Partial<Passkey> = {}): Passkey => ({
  id: crypto.randomUUID(),
  userId: crypto.randomUUID(),
  userHandle: new Uint8Array(32),
  credentialId: crypto.getRandomValues(new Uint8Array(32)),
  publicKey: new Uint8Array(77),
  algorithm: -7,
  signCount: 0,
  transports: [],
  aaguid: '00000000-0000-0000-0000-000000000000',
  backupEligible: true,
  backedUp: true,
  attested: false,
  rpId: 'example.com',
  nickname: '',
  enabled: true,
  generation: 0,
  createdAt: NOW,
  lastUsedAt: null,
  ...members,
});

const invitation = (members: Partial<Invitation> = {}): Invitation => ({
  id: crypto.randomUUID(),
  tokenHash: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url'),
  userId: crypto.randomUUID(),
  rpId: 'example.com',
  replacesAll: false,
  createdAt: NOW,
  expiresAt: NOW,
  ...OPEN,
  ...members,
});

const OPEN = { status: 'open', binding: null, attemptId: null } as const;

const session = (members: Partial<SignInSession> = {}): SignInSession => ({
  id: crypto.randomUUID(),
  tokenHash: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url'),
  userId: crypto.randomUUID(),
  rpId: 'example.com',
  passkeyId: crypto.randomUUID(),
  generation: 0,
  attemptId: crypto.randomUUID(),
  authenticatedAt: NOW,
  userVerified: true,
  enforcement: 'enforced',
  firstFactor: false,
  stepUp: null,
  createdAt: NOW,
  seenAt: NOW,
  expiresAt: NOW + 1,
  persistent: true,
  address: null,
  userAgent: null,
  ...members,
});

const start = (begun: SignInSession, replaces: string | null = null) => ({ session: begun, replaces, renews: false });

const renewal = (of: SignInSession) => ({
  session: { ...of, tokenHash: session().tokenHash },
  replaces: of.tokenHash,
  renews: true,
});

/** As much of a record as the columns beside it are made from. */
const record = (id: string, userId: string) =>
  ({
    event: { id, name: 'latchkey.signin.attempt', time: new Date(NOW).toISOString() },
    outcome: 'success',
    immediate: { enforcement: 'enforced' },
    user: { id: userId },
  }) as AttemptRecord;

/** Opens a database for the tests of one `describe`, and closes it after them. */
function opening(database: Database): { readonly opened: Opened } {
  let opened: Opened;
  beforeAll(async () => {
    opened = await database.open();
  });
  afterAll(() => opened?.close());
  return {
    get opened() {
      return opened;
    },
  };
}

/** The whole contract, as one question. */
async function keepsItsPromises(store: ReturnType<typeof sqlStore>): Promise<void> {
  for (const { check } of challengeStoreContract) await check(store.challenges);
  for (const { check } of passkeyStoreContract) await check(store.passkeys);
  for (const { check } of sessionStoreContract) await check(store.sessions);
  for (const { check } of signInStoreContract) await check({ ...store.passkeys, sessions: store.sessions });
  for (const { check } of attemptStoreContract) await check(store.attempts);
  for (const { check } of invitationStoreContract) await check(store.invitations);
}

describe.each(databases)('migration on $name', (database) => {
  const place = opening(database);

  test('a store without its tables says to migrate', async () => {
    const { db, tablePrefix } = place.opened;
    const store = sqlStore(db, { tablePrefix });
    const advice = new RegExp(`table prefix '${tablePrefix}'\\)\\. Run \`await migrate\\(db, options\\)\``);
    for (const call of [
      () => store.challenges.put(ceremony()),
      () => store.passkeys.listByUser('alice'),
      () => store.passkeys.insert({ passkey: passkey(), max: 5 }),
      () => store.sessions.find({ id: 'a' }),
      () => store.attempts.list({ limit: 1 }),
    ]) {
      await expect((async () => void (await call()))()).rejects.toThrow(advice);
    }
  });

  test('creates everything once, and finds nothing to do the second time', async () => {
    const { db, tablePrefix } = place.opened;
    expect(await migrate(db, { tablePrefix })).toEqual(MIGRATIONS);
    expect(await migrate(db, { tablePrefix })).toEqual([]);
    await sqlStore(db, { tablePrefix }).challenges.put(ceremony());
  });

  test('goes on where one that broke off had stopped', async () => {
    const { db, tablePrefix, run } = place.opened;
    await migrate(db, { tablePrefix });
    await run(`delete from ${tablePrefix}migrations`);
    await run(`drop table ${tablePrefix}attempts`);
    expect(await migrate(db, { tablePrefix })).toEqual(MIGRATIONS);
    await sqlStore(db, { tablePrefix }).attempts.list({ limit: 1 });
  });
});

describe.each(databases)('the tables of before there were sessions, on $name', (database) => {
  const place = opening(database);

  test('are brought up to date, with what is in them', async () => {
    const { db, tablePrefix, run } = place.opened;
    const file = join(import.meta.dirname, 'migration-0001', `${database.dialect}.sql`);
    const text = readFileSync(file, 'utf8').replaceAll('latchkey_', tablePrefix);
    for (const statement of text.split(/;\n+/).filter((each) => each !== '')) await run(statement);
    const store = sqlStore(db, { tablePrefix });
    const [opened, own] = [ceremony(), passkey()];
    await store.challenges.put(opened);
    await store.passkeys.insert({ passkey: own, max: 5 });
    await expect((async () => store.sessions.begin(start(session())))()).rejects.toThrow('await migrate(db, options)');

    expect(await migrate(db, { tablePrefix })).toEqual(MIGRATIONS.slice(1));
    expect(await migrate(db, { tablePrefix })).toEqual([]);
    const { attemptId, binding } = opened;
    const taken = await store.challenges.take({ attemptId, binding, now: NOW - 1 });
    expect(taken).toEqual({ status: 'fresh', ceremony: opened });
    expect(await store.passkeys.listByUser(own.userId)).toEqual([own]);
    const made = session({ userId: own.userId, passkeyId: own.id });
    const use = { signCount: 1, backupEligible: true, backedUp: true, usedAt: NOW };
    expect(await store.passkeys.recordUse({ passkey: own, use, session: start(made) })).toBe('recorded');
    expect(await store.sessions.find({ tokenHash: made.tokenHash })).toEqual(made);
    await store.passkeys.decline({ userId: own.userId, at: NOW });
    expect(await store.passkeys.declinedAt(own.userId)).toBe(NOW);
  });

  test('are what the first migration still makes', () => {
    const file = join(import.meta.dirname, 'migration-0001', `${database.dialect}.sql`);
    expect(migrationSql(database.dialect).startsWith(readFileSync(file, 'utf8').trimEnd())).toBe(true);
  });
});

describe.each(databases)('printed SQL on $name', (database) => {
  const place = opening(database);

  test('gives the same working store when applied by hand', async () => {
    const { db, tablePrefix, run } = place.opened;
    const text = migrationSql(database.dialect, { tablePrefix });
    for (const statement of text.split(/;\n+/).filter((each) => each !== '')) await run(statement);
    await keepsItsPromises(sqlStore(db, { tablePrefix }));
    expect(await migrate(db, { tablePrefix })).toEqual([]);
  });
});

// Two processes have no database in memory in common.
describe.each(databases.filter(({ url }) => !url.endsWith(':memory:')))(
  'migration by two processes on $name',
  (database) => {
    const place = opening(database);

    test('is done by one of them', async () => {
      const { tablePrefix, run } = place.opened;
      const prefixes = Array.from({ length: 8 }, (_, index) => `${tablePrefix}${index}_`);
      const script = join(import.meta.dirname, 'support/migrating-process.ts');
      const migrating = async () => {
        const args = ['--conditions=latchkey-source', script, database.url, ...prefixes];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        return JSON.parse(stdout) as string[][];
      };
      const [one, other] = await Promise.all([migrating(), migrating()]);
      for (const prefix of prefixes) {
        for (const table of [
          'ceremonies',
          'handles',
          'passkeys',
          'sessions',
          'attempts',
          'invitations',
          'declines',
          'migrations',
        ]) {
          await run(`drop table ${prefix}${table}`);
        }
      }
      expect(prefixes.map((_, index) => [...one![index]!, ...other![index]!])).toEqual(prefixes.map(() => MIGRATIONS));
    });
  },
);

describe.each(databases.filter(({ dialect }) => dialect !== 'sqlite'))('a schema of its own on $name', (database) => {
  const place = opening(database);

  test('holds the tables, and the store finds them there', async () => {
    const { db, tablePrefix, run } = place.opened;
    // A name that has to be quoted: PostgreSQL calls it a schema, MySQL a database.
    const schema = `${tablePrefix}Other "place"`;
    const quoted = database.dialect === 'postgres' ? `"${schema.replaceAll('"', '""')}"` : `\`${schema}\``;
    await run(`create schema ${quoted}`);
    try {
      expect(await migrate(db, { tablePrefix, schema })).toEqual(MIGRATIONS);
      expect(await migrate(db, { tablePrefix, schema })).toEqual([]);
      await keepsItsPromises(sqlStore(db, { tablePrefix, schema }));
      await expect(run(`select 1 from ${tablePrefix}passkeys`)).rejects.toThrow();
    } finally {
      await run(`drop schema ${quoted}${database.dialect === 'postgres' ? ' cascade' : ''}`);
    }
  });
});

/** How many statements each verb takes on SQLite, PostgreSQL and MySQL; one number where it is the same. A transaction's own two count. */
const STATEMENTS: Record<string, number | readonly [sqlite: number, postgres: number, mysql: number]> = {
  put: 1,
  begin: 1,
  'take, given': [1, 1, 2],
  'take, refused': [2, 2, 3],
  'takeExpired, some': [2, 2, 5],
  'takeExpired, none': [2, 2, 4],
  'keepHandle, first': 3,
  'keepHandle, known': 1,
  insert: [6, 5, 5],
  find: 1,
  listByUser: 1,
  recordUse: 1,
  'recordUse with a session': [4, 1, 4],
  'recordUse with a session that replaces one': [5, 1, 5],
  'recordUse with a renewal': [4, 1, 4],
  update: [6, 5, 5],
  remove: [6, 5, 5],
  decline: 1,
  declinedAt: 1,
  forget: [8, 7, 7],
  'session begin': 1,
  'session begin that replaces one': 4,
  'session renewal': 1,
  'session find': 1,
  'session touch': 1,
  'session list': 1,
  'session end': [1, 1, 4],
  'session end, none': [1, 1, 3],
  'session end, one too many': [2, 2, 5],
  'session end, not too many': 1,
  'session forgetExpired': 1,
  append: 1,
  list: 1,
  'invitation put': 1,
  'invitation find': 1,
  'invitation change': 1,
  'invitation list': 1,
  'invitation forget': 2,
  'invitation forgetExpired': 1,
};

describe.each(databases)('statements on $name', (database) => {
  const place = opening(database);

  test('each verb takes as few as it says', async () => {
    const { db, tablePrefix, statements } = place.opened;
    await migrate(db, { tablePrefix });
    const { challenges, passkeys, sessions, attempts, invitations } = sqlStore(db, { tablePrefix });
    const counted: Record<string, number> = {};
    const count = async (verb: string, call: () => unknown) => {
      const before = statements.length;
      await call();
      counted[verb] = statements.length - before;
    };

    const opened = ceremony({ expiresAt: NOW });
    const { attemptId, binding, purpose } = opened;
    await count('put', () => challenges.put(opened));
    await count('begin', () => challenges.begin({ attemptId, binding }));
    await count('take, given', () => challenges.take({ attemptId, binding, purpose, now: NOW - 1 }));
    await count('take, refused', () => challenges.take({ attemptId, binding, purpose, now: NOW - 1 }));
    await challenges.put(ceremony());
    await count('takeExpired, some', () => challenges.takeExpired({ now: NOW, limit: 10 }));
    await count('takeExpired, none', () => challenges.takeExpired({ now: NOW, limit: 10 }));

    const own = passkey();
    const { userId, id, credentialId, userHandle } = own;
    await count('keepHandle, first', () => passkeys.keepHandle({ userId, proposed: userHandle }));
    await count('keepHandle, known', () => passkeys.keepHandle({ userId, proposed: userHandle }));
    await count('insert', () => passkeys.insert({ passkey: own, max: 5 }));
    await count('find', () => passkeys.find({ credentialId, userHandle: null }));
    await count('listByUser', () => passkeys.listByUser(userId));
    await count('recordUse', () =>
      passkeys.recordUse({ passkey: own, use: { signCount: 1, backupEligible: true, backedUp: true, usedAt: NOW } }),
    );
    const read = async () => (await passkeys.listByUser(userId))[0]!;
    const recording = async (label: string, session: ReturnType<typeof start>) => {
      const passkey = await read();
      const use = { signCount: passkey.signCount + 1, backupEligible: true, backedUp: true, usedAt: NOW };
      await count(label, async () => expect(await passkeys.recordUse({ passkey, use, session })).toBe('recorded'));
    };
    const [first, second, third] = [session(), session(), session()];
    await recording('recordUse with a session', start(first));
    await recording('recordUse with a session that replaces one', start(second, first.tokenHash));
    await recording('recordUse with a renewal', renewal(second));
    await count('session begin', () => sessions.begin(start(first)));
    await count('session begin that replaces one', () => sessions.begin(start(third, first.tokenHash)));
    const renewed = renewal(third);
    await count('session renewal', () => sessions.begin(renewed));
    await count('session find', () => sessions.find({ tokenHash: renewed.session.tokenHash }));
    await count('session touch', () => sessions.touch({ id: third.id, seenAt: NOW + 1 }));
    await count('session list', () => sessions.listByUser(third.userId));
    await count('session end', () => sessions.end({ userId: third.userId }));
    await count('session end, none', () => sessions.end({ userId: third.userId }));
    const few = [session(), session({ seenAt: NOW + 1 }), session({ seenAt: NOW + 2 })];
    for (const each of few) await sessions.begin(start({ ...each, userId }));
    const besides = { userId, rpId: 'example.com', except: few[2]!.id, keepLatest: 1 };
    await count('session end, one too many', async () => expect(await sessions.end(besides)).toHaveLength(1));
    await count('session end, not too many', () => sessions.end(besides));
    await count('session forgetExpired', () => sessions.forgetExpired({ now: NOW, limit: 10 }));
    await count('update', () =>
      passkeys.update({ userId, rpId: 'example.com', id, change: { nickname: 'x' }, keepLast: true }),
    );
    await count('remove', () => passkeys.remove({ userId, rpId: 'example.com', id, keepLast: false }));
    await count('decline', () => passkeys.decline({ userId, at: NOW }));
    await count('declinedAt', () => passkeys.declinedAt(userId));
    await count('forget', () => passkeys.forget(userId));
    await count('append', () => attempts.append(record(crypto.randomUUID(), userId)));
    await count('list', () => attempts.list({ userId, limit: 10 }));
    const invited = invitation();
    const { tokenHash } = invited;
    await count('invitation put', () => invitations.put(invited));
    await count('invitation find', () => invitations.find({ tokenHash }));
    await count('invitation change', () => invitations.change({ tokenHash, from: OPEN, to: { ...OPEN, binding } }));
    await count('invitation list', () => invitations.listByUser(invited.userId));
    await count('invitation forget', () => invitations.forget(invited.userId));
    await count('invitation forgetExpired', () => invitations.forgetExpired({ before: NOW, limit: 10 }));

    const which = ['sqlite', 'postgres', 'mysql'].indexOf(database.dialect);
    const expected = Object.entries(STATEMENTS).map(([verb, each]) => [
      verb,
      typeof each === 'number' ? each : each[which],
    ]);
    expect(counted).toEqual(Object.fromEntries(expected));
  });
});

/** What a primary key's index is called: by SQLite, PostgreSQL, MySQL. */
const PRIMARY = /sqlite_autoindex_\w+_1\b|_pkey\b|"PRIMARY"/;
const CREDENTIAL_ID = /passkeys_credential_id_key|sqlite_autoindex_\w+passkeys_2|"key":"credential_id"/;

const TOKEN =
  /(?:sessions|invitations)_token_hash_key|sqlite_autoindex_\w+(?:sessions|invitations)_2|"key":"token_hash"/;
/** A renewal names both; and MySQL, which reads before it ends, deletes by id. */
const EITHER = new RegExp(`${PRIMARY.source}|${TOKEN.source}`);

describe.each(databases)('query plans on $name', (database) => {
  const place = opening(database);

  /** What the database says it would do, a line for each step. */
  async function planOf(sql: string, parameters: readonly unknown[]): Promise<string[]> {
    // MySQL 9 has another format where none is asked for.
    const explain = { sqlite: 'explain query plan', postgres: 'explain', mysql: 'explain format=traditional' }[
      database.dialect
    ];
    return (await place.opened.run(`${explain} ${sql}`, parameters)).map((row) => JSON.stringify(row));
  }

  const withoutIndex = {
    sqlite: (step: string) => / SCAN /.test(step) && !/ USING (COVERING )?INDEX /.test(step),
    postgres: (step: string) => /Seq Scan/.test(step),
    // A row that is gone by now was looked for by a unique key.
    mysql: (step: string) => /"key":null/.test(step) && !/after reading const tables/.test(step),
  }[database.dialect];

  test('every statement finds its rows by the index made for it', async () => {
    const { db, tablePrefix, statements, run } = place.opened;
    await migrate(db, { tablePrefix });
    const { challenges, passkeys, sessions, attempts, invitations } = sqlStore(db, { tablePrefix });
    await fill(place.opened);
    for (const table of ['ceremonies', 'handles', 'passkeys', 'sessions', 'attempts', 'invitations', 'declines']) {
      await run(`analyze ${database.dialect === 'mysql' ? 'table ' : ''}${tablePrefix}${table}`);
    }
    const [kept, gone] = [passkey(), passkey()];
    for (const each of [kept, gone]) await passkeys.insert({ passkey: each, max: 5 });
    const { userId, credentialId, userHandle } = kept;
    const binding = 'b';
    const expected = { binding, purpose: 'sign_in', userId: null } as const;
    const use = { signCount: 1, backupEligible: true, backedUp: true, usedAt: NOW };

    const passkeyNow = async () => (await passkeys.listByUser(userId))[0]!;
    const [one, two, three] = [session({ userId }), session({ userId }), session({ userId })];
    const calls: [RegExp, () => unknown][] = [
      [PRIMARY, () => challenges.begin({ attemptId: 'a0', binding })],
      [PRIMARY, () => challenges.take({ attemptId: 'a0', ...expected, now: -1 })],
      [PRIMARY, () => challenges.take({ attemptId: 'a1', binding, now: -1 })],
      [/ceremonies_due/, () => challenges.takeExpired({ now: 1_000_000, limit: 20 })],
      [PRIMARY, () => passkeys.keepHandle({ userId, proposed: userHandle })],
      [CREDENTIAL_ID, () => passkeys.find({ credentialId, userHandle: null })],
      [/passkeys_of_user/, () => passkeys.find({ credentialId, userHandle: null })],
      [/passkeys_of_user/, () => passkeys.listByUser(userId)],
      [PRIMARY, () => passkeys.declinedAt('u7')],
      [PRIMARY, () => passkeys.recordUse({ passkey: kept, use })],
      [
        PRIMARY,
        () => passkeys.update({ userId, rpId: 'example.com', id: kept.id, change: { nickname: 'x' }, keepLast: true }),
      ],
      [PRIMARY, () => passkeys.remove({ userId: gone.userId, rpId: 'example.com', id: gone.id, keepLast: false })],
      [PRIMARY, async () => passkeys.recordUse({ passkey: await passkeyNow(), use, session: start(one) })],
      [TOKEN, async () => passkeys.recordUse({ passkey: await passkeyNow(), use, session: start(two, one.tokenHash) })],
      [EITHER, async () => passkeys.recordUse({ passkey: await passkeyNow(), use, session: renewal(two) })],
      [TOKEN, () => sessions.begin(start(three, 't1'))],
      [EITHER, () => sessions.begin(renewal(three))],
      [TOKEN, () => sessions.find({ tokenHash: 't2' })],
      [PRIMARY, () => sessions.find({ id: 's2' })],
      [PRIMARY, () => sessions.touch({ id: 's2', seenAt: NOW })],
      [/sessions_of_user/, () => sessions.listByUser(userId)],
      [PRIMARY, () => sessions.end({ id: 's2' })],
      [EITHER, () => sessions.end({ tokenHash: 't3' })],
      [/sessions_of_user/, () => sessions.end({ userId: 'u4', passkeyId: 'p4' })],
      [/sessions_of_user/, () => sessions.end({ userId: 'u5', rpId: 'example.com', except: 's5' })],
      [/sessions_of_user/, () => sessions.end({ userId: 'u6', rpId: 'example.com', except: 's6', keepLatest: 0 })],
      [/sessions_due/, () => sessions.forgetExpired({ now: 100, limit: 20 })],
      [PRIMARY, () => attempts.list({ limit: 100 })],
      [PRIMARY, () => attempts.list({ before: 'e000100', limit: 100 })],
      [/attempts_by_user/, () => attempts.list({ userId, limit: 100 })],
      [/attempts_by_name/, () => attempts.list({ name: 'latchkey.passkey.removed', limit: 100 })],
      [/attempts_by_outcome/, () => attempts.list({ outcome: 'error', limit: 100 })],
      [/attempts_by_enforcement/, () => attempts.list({ enforcement: 'not_enforced', limit: 100 })],
      [/attempts_by_time/, () => attempts.list({ since: NOW, until: NOW + 1, limit: 100 })],
      [TOKEN, () => invitations.find({ tokenHash: 'i2' })],
      [TOKEN, () => invitations.change({ tokenHash: 'i2', from: OPEN, to: { ...OPEN, binding } })],
      [TOKEN, () => invitations.change({ tokenHash: 'i2', from: { ...OPEN, binding }, to: OPEN })],
      [/invitations_of_user/, () => invitations.listByUser('u2')],
      [/invitations_of_user/, () => invitations.forget('u3')],
      [/invitations_due/, () => invitations.forgetExpired({ before: 100, limit: 20 })],
    ];
    for (const [index, call] of calls) {
      const from = statements.length;
      await call();
      const ran = statements.slice(from).filter(({ sql }) => /^(select|update|delete|with) /.test(sql));
      const plans = await Promise.all(ran.map(({ sql, parameters }) => planOf(sql, parameters)));
      expect(plans.flat().filter(withoutIndex), ran.map(({ sql }) => sql).join('\n')).toEqual([]);
      expect(plans.flat().join('\n')).toMatch(index);
    }
  });
});

/** Fills the tables, so that a planner has a reason to use an index. */
async function fill({ db, tablePrefix }: Opened): Promise<void> {
  const typed = db as unknown as Kysely<Record<string, Record<string, unknown>>>;
  const insert = async (table: string, rows: number, row: (index: number) => Record<string, unknown>) => {
    for (let from = 0; from < rows; from += 1_000) {
      const values = Array.from({ length: 1_000 }, (_, index) => row(from + index));
      await typed
        .insertInto(tablePrefix + table)
        .values(values)
        .execute();
    }
  };
  await insert('ceremonies', 20_000, (index) => ({
    attempt_id: `a${index}`,
    purpose: 'sign_in',
    binding: 'b',
    user_id: null,
    begun: 1,
    expires_at: 1_000_000 + index,
    status: index % 10 === 0 ? 'open' : 'consumed',
    state: '{}',
  }));
  await insert('handles', 3_000, (index) => ({ user_id: `u${index}`, handle: Buffer.alloc(32) }));
  await insert('declines', 3_000, (index) => ({ user_id: `u${index}`, declined_at: index }));
  await insert('passkeys', 3_000, (index) => ({
    id: `p${index}`,
    user_id: `u${index}`,
    user_handle: Buffer.alloc(32),
    credential_id: Buffer.from(`c${index}`),
    public_key: Buffer.alloc(77),
    algorithm: -7,
    sign_count: 0,
    transports: '[]',
    aaguid: '',
    backup_eligible: 1,
    backed_up: 1,
    attested: 0,
    rp_id: 'example.com',
    nickname: '',
    enabled: 1,
    generation: 0,
    created_at: index,
    last_used_at: null,
  }));
  await insert('sessions', 20_000, (index) => ({
    id: `s${index}`,
    token_hash: `t${index}`,
    user_id: `u${index}`,
    rp_id: 'example.com',
    passkey_id: `p${index}`,
    generation: 0,
    attempt_id: `a${index}`,
    authenticated_at: index,
    user_verified: 1,
    enforcement: 'enforced',
    first_factor: 0,
    step_up_at: null,
    step_up_action: null,
    step_up_passkey_id: null,
    created_at: index,
    seen_at: index,
    expires_at: index,
    persistent: 1,
    address: null,
    user_agent: null,
  }));
  await insert('attempts', 3_000, (index) => ({
    event_id: `e${String(index).padStart(6, '0')}`,
    name: 'latchkey.signin.attempt',
    occurred_at: index,
    user_id: `u${index}`,
    outcome: 'success',
    enforcement: 'enforced',
    record: '{}',
  }));
  await insert('invitations', 20_000, (index) => ({
    id: `i${index}`,
    token_hash: `i${index}`,
    user_id: `u${index}`,
    rp_id: 'example.com',
    replaces_all: 0,
    created_at: index,
    expires_at: index,
    status: 'open',
    binding: null,
    attempt_id: null,
  }));
}

describe('options', () => {
  const db = new Kysely({
    dialect: new SqliteDialect({ database: async () => Promise.reject(new Error('never opened')) }),
  });
  const refusals: [string, () => unknown, RegExp][] = [
    ...['', 'Latch_', '1st_', 'a-b', 'a"; drop table users; --', 'a'.repeat(31)].map(
      (tablePrefix): [string, () => unknown, RegExp] => [
        `the table prefix ${JSON.stringify(tablePrefix)}`,
        () => sqlStore(db, { tablePrefix }),
        /^tablePrefix: got ".*"\. Write a lower-case letter followed by .* such as 'latchkey_'\.$/,
      ],
    ),
    [
      'a schema in SQLite',
      () => sqlStore(db, { schema: 'main' }),
      /^schema: got "main"\. SQLite has no schemas; leave it out\.$/,
    ],
    [
      'a dialect there is none of',
      () => migrationSql('oracle' as 'sqlite'),
      /^dialect: got "oracle"\. Write one of 'sqlite',/,
    ],
  ];
  for (const [what, call, message] of refusals) {
    test(`${what} is refused, and the message says what to write`, () => {
      expect(call).toThrow(message);
    });
  }

  test('the dialect is told without asking for classes, or else the error says where to write it', () => {
    const dialectNamed = (adapter: SqliteAdapter, compiler: ReturnType<SqliteDialect['createQueryCompiler']>) => {
      const sqlite = new SqliteDialect({ database: async () => Promise.reject(new Error('never opened')) });
      return new Kysely({
        dialect: {
          createAdapter: () => adapter,
          createDriver: () => sqlite.createDriver(),
          createIntrospector: (db) => sqlite.createIntrospector(db),
          createQueryCompiler: () => compiler,
        },
      });
    };
    // As another copy of Kysely has them: nothing of it is an instance of our classes.
    class AnotherAdapter extends SqliteAdapter {}
    Object.defineProperty(AnotherAdapter, Symbol.hasInstance, { value: () => false });
    const compiled = (text: string) => ({
      compileQuery: (query: never, queryId: never) => ({ query, queryId, sql: text, parameters: [1] }),
    });
    for (const text of ['"a" = ?', '"a" = $1', '`a` = ?']) {
      expect(() => sqlStore(dialectNamed(new AnotherAdapter(), compiled(text) as never))).not.toThrow();
    }
    expect(() => sqlStore(dialectNamed(new AnotherAdapter(), compiled('[a] = @1') as never))).toThrow(
      /^dialect: got nothing\. .*`\[a\] = @1`.*`sqlStore\(db, \{ dialect: 'sqlite' \}\)`/,
    );
  });

  test('migrate and migrationSql refuse a bad prefix too', async () => {
    await expect(migrate(db, { tablePrefix: 'x"' })).rejects.toThrow(/^tablePrefix: got "x\\""/);
    expect(() => migrationSql('postgres', { tablePrefix: 'x"' })).toThrow(/^tablePrefix: got/);
  });
});
