/** The tables come to be once, whoever makes them; and every verb is as few indexed statements as it says. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AttemptRecord, Passkey, PendingCeremony } from '@latchkey/core';
import { migrate, migrationSql, sqlStore } from '@latchkey/sql';
import { attemptStoreContract, challengeStoreContract, passkeyStoreContract } from '@latchkey/testing';
import { Kysely, SqliteDialect } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, databases, type Opened } from './support/databases.ts';

const NOW = Date.UTC(2026, 10, 22);
const MIGRATIONS = ['0001_ceremonies_passkeys_attempts', '0002_sessions'];

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
  rpId: 'example.com',
  nickname: '',
  enabled: true,
  generation: 0,
  createdAt: NOW,
  lastUsedAt: null,
  ...members,
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
  for (const { check } of attemptStoreContract) await check(store.attempts);
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
        for (const table of ['ceremonies', 'handles', 'passkeys', 'sessions', 'attempts', 'migrations']) {
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

/** How many statements each verb takes, on a database with RETURNING and on one without. A transaction's own two count. */
const STATEMENTS = {
  put: [1, 1],
  begin: [1, 1],
  'take, given': [1, 2],
  'take, refused': [2, 3],
  'takeExpired, some': [2, 5],
  'takeExpired, none': [2, 4],
  'keepHandle, first': [3, 3],
  'keepHandle, known': [1, 1],
  insert: [5, 5],
  find: [1, 1],
  listByUser: [1, 1],
  recordUse: [1, 1],
  update: [5, 5],
  remove: [5, 5],
  forget: [6, 6],
  append: [1, 1],
  list: [1, 1],
} as const;

describe.each(databases)('statements on $name', (database) => {
  const place = opening(database);

  test('each verb takes as few as it says', async () => {
    const { db, tablePrefix, statements } = place.opened;
    await migrate(db, { tablePrefix });
    const { challenges, passkeys, attempts } = sqlStore(db, { tablePrefix });
    const counted: Record<string, number> = {};
    const count = async (verb: keyof typeof STATEMENTS, call: () => unknown) => {
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
    await count('update', () =>
      passkeys.update({ userId, rpId: 'example.com', id, change: { nickname: 'x' }, keepLast: true }),
    );
    await count('remove', () => passkeys.remove({ userId, rpId: 'example.com', id, keepLast: false }));
    await count('forget', () => passkeys.forget(userId));
    await count('append', () => attempts.append(record(crypto.randomUUID(), userId)));
    await count('list', () => attempts.list({ userId, limit: 10 }));

    const which = database.dialect === 'mysql' ? 1 : 0;
    expect(counted).toEqual(Object.fromEntries(Object.entries(STATEMENTS).map(([verb, each]) => [verb, each[which]])));
  });
});

/** What a primary key's index is called: by SQLite, PostgreSQL, MySQL. */
const PRIMARY = /sqlite_autoindex_\w+_1\b|_pkey\b|"PRIMARY"/;
const CREDENTIAL_ID = /passkeys_credential_id_key|sqlite_autoindex_\w+passkeys_2|"key":"credential_id"/;

describe.each(databases)('query plans on $name', (database) => {
  const place = opening(database);

  /** What the database says it would do, a line for each step. */
  async function planOf(sql: string, parameters: readonly unknown[]): Promise<string[]> {
    const explain = database.dialect === 'sqlite' ? 'explain query plan' : 'explain';
    return (await place.opened.run(`${explain} ${sql}`, parameters)).map((row) => JSON.stringify(row));
  }

  const withoutIndex = {
    sqlite: (step: string) => / SCAN /.test(step) && !/ USING (COVERING )?INDEX /.test(step),
    postgres: (step: string) => /Seq Scan/.test(step),
    mysql: (step: string) => /"key":null/.test(step),
  }[database.dialect];

  test('every statement finds its rows by the index made for it', async () => {
    const { db, tablePrefix, statements, run } = place.opened;
    await migrate(db, { tablePrefix });
    const { challenges, passkeys, attempts } = sqlStore(db, { tablePrefix });
    await fill(place.opened);
    for (const table of ['ceremonies', 'handles', 'passkeys', 'sessions', 'attempts']) {
      await run(`analyze ${database.dialect === 'mysql' ? 'table ' : ''}${tablePrefix}${table}`);
    }
    const [kept, gone] = [passkey(), passkey()];
    for (const each of [kept, gone]) await passkeys.insert({ passkey: each, max: 5 });
    const { userId, credentialId, userHandle } = kept;
    const binding = 'b';
    const expected = { binding, purpose: 'sign_in', userId: null } as const;
    const use = { signCount: 1, backupEligible: true, backedUp: true, usedAt: NOW };

    const calls: [RegExp, () => unknown][] = [
      [PRIMARY, () => challenges.begin({ attemptId: 'a0', binding })],
      [PRIMARY, () => challenges.take({ attemptId: 'a0', ...expected, now: -1 })],
      [PRIMARY, () => challenges.take({ attemptId: 'a1', binding, now: -1 })],
      [/ceremonies_due/, () => challenges.takeExpired({ now: 1_000_000, limit: 20 })],
      [PRIMARY, () => passkeys.keepHandle({ userId, proposed: userHandle })],
      [CREDENTIAL_ID, () => passkeys.find({ credentialId, userHandle: null })],
      [/passkeys_of_user/, () => passkeys.find({ credentialId, userHandle: null })],
      [/passkeys_of_user/, () => passkeys.listByUser(userId)],
      [PRIMARY, () => passkeys.recordUse({ passkey: kept, use })],
      [
        PRIMARY,
        () => passkeys.update({ userId, rpId: 'example.com', id: kept.id, change: { nickname: 'x' }, keepLast: true }),
      ],
      [PRIMARY, () => passkeys.remove({ userId: gone.userId, rpId: 'example.com', id: gone.id, keepLast: false })],
      [PRIMARY, () => attempts.list({ limit: 100 })],
      [PRIMARY, () => attempts.list({ before: 'e000100', limit: 100 })],
      [/attempts_by_user/, () => attempts.list({ userId, limit: 100 })],
      [/attempts_by_name/, () => attempts.list({ name: 'latchkey.passkey.removed', limit: 100 })],
      [/attempts_by_outcome/, () => attempts.list({ outcome: 'error', limit: 100 })],
      [/attempts_by_enforcement/, () => attempts.list({ enforcement: 'not_enforced', limit: 100 })],
      [/attempts_by_time/, () => attempts.list({ since: NOW, until: NOW + 1, limit: 100 })],
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
    rp_id: 'example.com',
    nickname: '',
    enabled: 1,
    generation: 0,
    created_at: index,
    last_used_at: null,
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

  test('migrate and migrationSql refuse a bad prefix too', async () => {
    await expect(migrate(db, { tablePrefix: 'x"' })).rejects.toThrow(/^tablePrefix: got "x\\""/);
    expect(() => migrationSql('postgres', { tablePrefix: 'x"' })).toThrow(/^tablePrefix: got/);
  });
});
