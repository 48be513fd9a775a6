/**
 * SQLite at `synchronous=NORMAL` may lose the last commits at a power cut. What says which passkeys there are is committed at FULL
 * all the same, and nothing else pays for that: read at each commit, on the very connection that commits.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Passkey, Store } from '@latchkey/core';
import { migrate, nodeSqlite, preparedOnce, sqlStore } from '@latchkey/sql';
import { createSoftwarePasskey } from '@latchkey/testing';
import { type Client, createClient } from '@libsql/client';
import { LibsqlDialect } from '@libsql/kysely-libsql';
import BetterSqlite3 from 'better-sqlite3';
import { type Dialect, Kysely, SqliteDialect } from 'kysely';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { ORIGIN, openDirect } from '../security/direct.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-durability-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LEVELS = ['OFF', 'NORMAL', 'FULL', 'EXTRA'] as const;
type Level = (typeof LEVELS)[number];

/** What was committed: the first word and the table of each write, and at which level the connection was then. */
interface Commit {
  readonly writes: readonly string[];
  readonly level: Level;
}

/** Sees the statements of one connection go by, each with the level that the connection has then. */
function watching(commits: Commit[]) {
  let open: string[] | undefined;
  return (text: string, level: unknown) => {
    const table = /^(?:insert into|update|delete from) "latchkey_(\w+)"/.exec(text)?.[1];
    const committed = (writes: readonly string[]) => commits.push({ writes, level: LEVELS[Number(level)]! });
    if (table !== undefined && open === undefined) committed([table]);
    else if (table !== undefined) open?.push(table);
    if (text === 'commit') committed(open!);
    if (text === 'commit' || text === 'rollback') open = undefined;
    if (text === 'begin') open = [];
  };
}

/** How an application opens each driver. `level` is what it asks for; undefined leaves it to the guide's own lines. */
const DRIVERS: Readonly<
  Record<string, (file: string, level: Level | undefined, commits: Commit[]) => Promise<Dialect>>
> = {
  async 'better-sqlite3'(file, level, commits) {
    const database = new BetterSqlite3(file);
    database.pragma('journal_mode = WAL');
    if (level !== undefined) database.pragma(`synchronous = ${level}`);
    const watch = watching(commits);
    const see = (text: string) => watch(text, database.pragma('synchronous', { simple: true }));
    const watched = {
      close: () => database.close(),
      prepare(text: string) {
        const statement = database.prepare(text);
        const seen = (parameters: readonly unknown[]) => {
          see(text);
          return parameters;
        };
        return {
          reader: statement.reader,
          all: (parameters: readonly unknown[]) => statement.all(...seen(parameters)),
          run: (parameters: readonly unknown[]) => statement.run(...seen(parameters)),
          iterate: (parameters: readonly unknown[]) => statement.iterate(...seen(parameters)),
        };
      },
    };
    return new SqliteDialect({ database: preparedOnce(watched) });
  },

  async 'node:sqlite'(file, level = 'NORMAL', commits) {
    const database = new DatabaseSync(file);
    database.exec(`pragma journal_mode = wal; pragma synchronous = ${level}`);
    const watch = watching(commits);
    return nodeSqlite({
      close: () => database.close(),
      prepare(text) {
        const statement = database.prepare(text);
        const seen = (parameters: unknown[]) => {
          watch(text, database.prepare('pragma synchronous').get()?.synchronous);
          return parameters as never[];
        };
        return {
          columns: () => statement.columns(),
          all: (...parameters) => statement.all(...seen(parameters)),
          run: (...parameters) => statement.run(...seen(parameters)),
          iterate: (...parameters) => statement.iterate(...seen(parameters)),
        };
      },
    });
  },

  async libSQL(file, level = 'NORMAL', commits) {
    const client = createClient({ url: `file:${file}` });
    await client.execute('pragma journal_mode = wal');
    await client.execute(`pragma synchronous = ${level}`);
    const watch = watching(commits);
    const watched = (on: Pick<Client, 'execute'>) => {
      const see = async (text: string) => watch(text, (await on.execute('pragma synchronous')).rows[0]![0]);
      const execute = async (statement: { sql: string }) => {
        await see(statement.sql);
        return on.execute(statement);
      };
      return { see, execute };
    };
    const { execute } = watched(client);
    const watchedClient = {
      execute,
      close: () => client.close(),
      async transaction() {
        const transaction = await client.transaction();
        const { see, execute } = watched(transaction);
        const ended = (how: 'commit' | 'rollback') => async () => {
          await see(how);
          await transaction[how]();
        };
        await see('begin');
        return { execute, commit: ended('commit'), rollback: ended('rollback') };
      },
    };
    return new LibsqlDialect({ client: watchedClient as never });
  },
};

interface Opened {
  readonly store: Required<Store>;
  readonly commits: Commit[];
  close(): Promise<void>;
}

let files = 0;
const openOnes: Opened[] = [];
afterEach(async () => {
  for (const one of openOnes.splice(0)) await one.close();
});

async function open(driver: string, level: Level | undefined, file: string) {
  const commits: Commit[] = [];
  const db = new Kysely<object>({ dialect: await DRIVERS[driver]!(file, level, commits) });
  const opened = { db, store: sqlStore(db), commits, close: () => db.destroy() };
  openOnes.push(opened);
  return opened;
}

async function migrated(driver: string, level?: Level, file = join(folder, `${files++}.db`)): Promise<Opened> {
  const opened = await open(driver, level, file);
  await migrate(opened.db);
  opened.commits.length = 0;
  return opened;
}

const wherever = describe.each(Object.keys(DRIVERS));
const passkey = (userId: string): Passkey => ({
  id: crypto.randomUUID(),
  userId,
  userHandle: crypto.getRandomValues(new Uint8Array(32)),
  credentialId: crypto.getRandomValues(new Uint8Array(32)),
  publicKey: new Uint8Array(77),
  algorithm: -7,
  signCount: 0,
  transports: [],
  aaguid: '00000000-0000-0000-0000-000000000000',
  backupEligible: true,
  backedUp: true,
  attested: false,
  rpId: 'localhost',
  nickname: '',
  enabled: true,
  generation: 0,
  createdAt: 1,
  lastUsedAt: null,
});

wherever('a person on %s', (driver) => {
  test('is signed in at NORMAL; their passkeys come, are disabled and go at FULL', async () => {
    const { store: all, commits } = await migrated(driver);
    // Records are written when it suits them, so they would be anywhere among the commits.
    const { attempts: _, ...store } = all;
    const { browser, users, faults, passkeys } = openDirect({ store });
    const ada = browser();
    /** The commits of one request or one call. */
    const of = async (work: () => Promise<unknown>) => {
      commits.length = 0;
      await work();
      return commits.map(({ writes, level }) => `${writes.join(', ')}: ${level}`);
    };
    const post = async (path: string, body: object) => {
      const { status, json } = await ada.send('POST', path, body);
      expect(status).toBeLessThan(300);
      return json;
    };
    const device = createSoftwarePasskey({ origin: ORIGIN });

    const creation = await post('/registration/options', { username: 'ada' });
    const made = { attemptId: creation.attemptId, credential: device.register(creation.publicKey) };
    const signUp = await of(() => post('/registration/verify', made));
    expect(signUp).toContain('handles, passkeys: FULL');
    expect(signUp.filter((commit) => !commit.endsWith(': NORMAL'))).toEqual(['handles, passkeys: FULL']);

    let request: { attemptId: string; publicKey: Parameters<typeof device.authenticate>[0] };
    const options = await of(async () => {
      request = await post('/authentication/options', { mode: 'modal' });
    });
    expect(options).toEqual(['ceremonies: NORMAL']);
    const signIn = await of(() => {
      const { attemptId, publicKey } = request;
      return post('/authentication/verify', { attemptId, credential: device.authenticate(publicKey) });
    });
    expect(signIn).toEqual(['ceremonies: NORMAL', 'passkeys, sessions: NORMAL', 'sessions: NORMAL']);

    const [id] = users.keys();
    const [own] = await store.passkeys.listByUser(id!);
    const change = { userId: id!, rpId: 'localhost', id: own!.id, keepLast: false };
    const disabled = await of(async () => store.passkeys.update({ ...change, change: { enabled: false } }));
    expect(disabled).toEqual(['handles, passkeys: FULL']);
    expect(await of(async () => store.passkeys.remove(change))).toEqual(['handles, passkeys: FULL']);
    expect(await of(async () => store.passkeys.forget(id!))).toEqual(['handles, passkeys, handles, declines: FULL']);
    expect(await of(async () => store.passkeys.decline({ userId: id!, at: 1 }))).toEqual(['declines: NORMAL']);
    expect(faults).toEqual([]);
    await passkeys.close();
  });

  test('who is refused a passkey leaves the connection as it was', async () => {
    const { store, commits } = await migrated(driver);
    const own = passkey('ada');
    expect(await store.passkeys.insert({ passkey: own, max: 5 })).toBe('inserted');
    expect(await store.passkeys.insert({ passkey: own, max: 5 })).toBe('exists');
    await store.passkeys.decline({ userId: 'ada', at: 1 });
    expect(commits.map(({ level }) => level)).toEqual(['FULL', 'NORMAL']);
  });

  test('adds a passkey as the first thing that a process does', async () => {
    const file = join(folder, `${files++}.db`);
    await (await migrated(driver, undefined, file)).close();
    const { store, commits } = await open(driver, undefined, file);
    await store.passkeys.insert({ passkey: passkey('ada'), max: 5 });
    expect(commits.map(({ level }) => level)).toEqual(['FULL']);
  });

  test.each(['OFF', 'FULL', 'EXTRA'] as const)('has %s for everything where that was asked for', async (level) => {
    const { store, commits } = await migrated(driver, level);
    await store.passkeys.insert({ passkey: passkey('ada'), max: 5 });
    await store.passkeys.decline({ userId: 'ada', at: 1 });
    expect(commits.map((commit) => commit.level)).toEqual([level, level]);
  });
});

// libSQL gives each statement whatever connection is free.
test.each(['better-sqlite3', 'node:sqlite'])('on %s, who signs in meanwhile does so at NORMAL', async (driver) => {
  const { store, commits } = await migrated(driver);
  const other = passkey('bob');
  await store.passkeys.insert({ passkey: other, max: 5 });
  commits.length = 0;
  const use = { signCount: 1, backupEligible: true, backedUp: true, usedAt: 1 };
  await Promise.all([
    store.passkeys.insert({ passkey: passkey('ada'), max: 5 }),
    store.passkeys.recordUse({ passkey: other, use }),
    store.passkeys.insert({ passkey: passkey('eve'), max: 5 }),
    store.passkeys.decline({ userId: 'ada', at: 1 }),
  ]);
  const seen = commits.map(({ writes, level }) => `${writes.join(', ')}: ${level}`).sort();
  expect(seen).toEqual(['declines: NORMAL', 'handles, passkeys: FULL', 'handles, passkeys: FULL', 'passkeys: NORMAL']);
});
