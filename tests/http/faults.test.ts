/**
 * What a sign-in is answered when its store is down, dead, silent, slow, full of others, read-only or forgetful: 503 in
 * time, nobody let in, a record of it, and all well again by itself. Every server here is the test's own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AttemptRecord, Store } from '@latchkey/core';
import { redisChallenges } from '@latchkey/redis';
import { nodeSqlite, preparedOnce } from '@latchkey/sql';
import { type Agent, openSite, type Reply, type Site, type SoftwarePasskey, USED } from '@latchkey/testing';
import BetterSqlite3 from 'better-sqlite3';
import { type Dialect, MysqlDialect, PostgresDialect, SqliteDialect } from 'kysely';
import { createPool, type PoolConnection } from 'mysql2';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Server, startMariadb, startPostgres, startRedis } from '../stores/support/database-servers.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';
import { type Hand, mariadbHand, postgresHand, redisHand } from './support/admin-connections.ts';
import { connectRedis, openPlace, openSql, type Place, postgresPool } from './support/store-urls.ts';

const PREFIX = 'latchkey_';
const STORE_TIMEOUT_MS = atThisSpeed(1_000);
/** What no answer may take: the time-out, and the scheduling of a busy machine. */
const AT_MOST_MS = STORE_TIMEOUT_MS + atThisSpeed(2_000);
const RECOVERY = { timeout: atThisSpeed(15_000), interval: 50 };

/** What would have ended a process of an application that listens for neither. */
const crashes: unknown[] = [];
const crash = (thrown: unknown) => void crashes.push(thrown);
beforeAll(() => void process.on('uncaughtException', crash).on('unhandledRejection', crash));
afterAll(() => void process.off('uncaughtException', crash).off('unhandledRejection', crash));
afterEach(() => expect(crashes.splice(0), 'nothing is thrown where nobody catches it').toEqual([]));

/** A site on this store. At its end every ceremony has expired and been swept, and no attempt has two records. */
async function openOn(store: Store): Promise<Site> {
  const site = await openSite(
    { mount: mounts['Express 5'], store: () => store, onRecord: assertValidRecord },
    { storeTimeout: STORE_TIMEOUT_MS },
  );
  onTestFinished(() => site.close());
  return site;
}

/** A sign-in up to its answer, which `verify` sends as often as asked. */
interface Answered {
  readonly agent: Agent;
  readonly attemptId: string;
  verify(): Promise<Reply>;
}

async function answerOptions(site: Site, passkey: SoftwarePasskey): Promise<Answered> {
  const agent = site.agent();
  const { attemptId, publicKey } = await agent.signInOptions();
  const body = { attemptId, credential: passkey.authenticate(publicKey), client: USED };
  return { agent, attemptId, verify: () => agent.post('/authentication/verify', body) };
}

const options = (site: Site) => () => site.agent().post('/authentication/options');

/** Whatever is asked at once is answered by 503 in time, and one record of each says why. */
async function expectUnavailable(site: Site, ...requests: (() => Promise<Reply>)[]): Promise<void> {
  const before = site.records.length;
  const startedAt = performance.now();
  const replies = await Promise.all(requests.map((request) => request()));
  expect(performance.now() - startedAt).toBeLessThan(AT_MOST_MS);
  expect(replies.map(({ status, json }) => [status, json?.code])).toEqual(
    requests.map(() => [503, 'store_unavailable']),
  );
  expect(site.records.slice(before)).toMatchObject(
    requests.map(() => ({ outcome: 'error', reason: 'store_unavailable', http: { status: 503 } })),
  );
}

const expectSignedOut = async (agent: Agent) => expect((await agent.session()).status).toBe(401);

/** The first answer that is not 503. Each 503 comes in time. */
async function afterRecovery(work: () => Promise<Reply>): Promise<Reply> {
  return vi.waitFor(async () => {
    const startedAt = performance.now();
    const reply = await work();
    expect(performance.now() - startedAt).toBeLessThan(AT_MOST_MS);
    expect([reply.status, reply.json?.code]).not.toEqual([503, 'store_unavailable']);
    return reply;
  }, RECOVERY);
}

/** Someone signs up, and then in, as soon as the store answers again. */
async function expectRecovery(site: Site): Promise<void> {
  await afterRecovery(options(site));
  const passkey = await vi.waitFor(() => site.agent().signUp(`someone ${crypto.randomUUID()}`), RECOVERY);
  expect((await site.agent().signIn(passkey)).status).toBe(200);
}

/** The challenge was spent, or lost, and the record says which. */
async function expectRefused(site: Site, verify: () => Promise<Reply>, reason: AttemptRecord['reason']): Promise<void> {
  const reply = await verify();
  expect([reply.status, reply.json?.code]).toEqual([400, 'challenge_invalid']);
  expect(site.records.at(-1)).toMatchObject({ outcome: 'failure', reason });
}

/** Lets in once: what had been answered before, and never again. */
async function expectOnce(site: Site, { agent, verify }: Answered): Promise<void> {
  await expectSignedOut(agent);
  // First something that spends nothing: a store that has just started may answer too late, with the challenge taken.
  await afterRecovery(options(site));
  expect((await afterRecovery(verify)).status).toBe(200);
  await expectRefused(site, verify, 'challenge_consumed');
}

interface Service {
  readonly name: string;
  start(): Promise<Server>;
  hand(url: string): Promise<Hand>;
  /** Whether it still knows after a restart what it knew when it was killed. */
  readonly remembers: boolean;
  /** How many statements a take sends at once, each over a connection of its own. */
  readonly statements: number;
}

const services: readonly Service[] = [
  { name: 'Redis without a disk', start: startRedis, hand: redisHand, remembers: false, statements: 1 },
  {
    name: 'Redis with appendfsync always',
    start: () => startRedis('--appendonly', 'yes', '--appendfsync', 'always'),
    hand: redisHand,
    remembers: true,
    statements: 1,
  },
  {
    name: 'PostgreSQL',
    start: startPostgres,
    hand: (url) => postgresHand(url, `${PREFIX}ceremonies`),
    remembers: true,
    statements: 1,
  },
  {
    name: 'MariaDB',
    start: startMariadb,
    hand: (url) => mariadbHand(url, `${PREFIX}ceremonies`),
    remembers: true,
    // Its UPDATE answers no row: the ceremony is read beside it.
    statements: 2,
  },
];

describe.each(services)('$name', ({ start, hand, remembers, statements }) => {
  let server: Server;
  beforeAll(async () => {
    server = await start();
    const { migrate, close } = openPlace(server.url, PREFIX);
    await migrate();
    await close();
  });
  afterAll(() => server?.remove());

  /** A site of the test's own on the server, as an application opens it. */
  async function open(): Promise<Site> {
    const { store, close } = openPlace(server.url, PREFIX);
    onTestFinished(async () => void (await close()));
    return openOn(store);
  }

  async function reach(): Promise<Hand> {
    const reaching = await hand(server.url);
    onTestFinished(async () => void (await reaching.close()));
    return reaching;
  }

  test('down when the site starts: it starts, answers 503, and works once the server is there', async () => {
    await server.signal('SIGKILL');
    const site = await open();
    await expectUnavailable(site, options(site));
    await expectUnavailable(site, () => site.agent().post('/registration/options', { username: 'ada' }));
    await server.start();
    await expectRecovery(site);
  });

  test('killed between options and verify: 503, nobody is let in, also not later by what was lost', async () => {
    const site = await open();
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    await server.signal('SIGKILL');
    await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, options(site));
    await expectSignedOut(answered.agent);
    await server.start();
    if (remembers) await expectOnce(site, answered);
    else await expectRefused(site, () => afterRecovery(answered.verify), 'challenge_unknown');
    await expectRecovery(site);
  });

  test(`killed and started again between options and verify: ${remembers ? 'one 200' : '400, it is unknown'}`, async () => {
    const site = await open();
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    await server.signal('SIGKILL');
    await server.start();
    if (remembers) await expectOnce(site, answered);
    else {
      await expectRefused(site, () => afterRecovery(answered.verify), 'challenge_unknown');
      await expectSignedOut(answered.agent);
    }
    await expectRecovery(site);
  });

  test('killed after a sign-in: what was spent stays spent', async () => {
    const site = await open();
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    expect((await answered.verify()).status).toBe(200);
    await server.signal('SIGKILL');
    await server.start();
    await expectRefused(
      site,
      () => afterRecovery(answered.verify),
      remembers ? 'challenge_consumed' : 'challenge_unknown',
    );
    await expectRecovery(site);
  });

  test('silent between options and verify: 503 in time, then the answer is had at most once', async () => {
    const site = await open();
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    await server.signal('SIGSTOP');
    await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, options(site));
    await expectSignedOut(answered.agent);
    await server.signal('SIGCONT');
    // The server does what it was sent before it fell silent: then the challenge is spent, and nobody was let in by it.
    const { status } = await afterRecovery(answered.verify);
    expect([200, 400]).toContain(status);
    await expectRefused(site, answered.verify, 'challenge_consumed');
    await expectRecovery(site);
  });

  test('too slow: 503 in time, and what is done too late lets nobody in and leaves no second record', async () => {
    const site = await open();
    const passkey = await site.agent().signUp('ada');
    const answered = await answerOptions(site, passkey);
    const { hold, held, release } = await reach();
    // Two requests at once have a connection each, where there is a pool of them.
    await Promise.all([1, 2].map(() => site.store.passkeys.listByUser('nobody')));
    await hold();
    await expectUnavailable(site, answered.verify, options(site));
    const late = site.records.findLast(({ http }) => http?.route === '/authentication/options')!;
    expect(await held()).toBeGreaterThan(0);
    await release();
    await vi.waitFor(async () => expect(await held()).toBe(0), RECOVERY);
    await expectRefused(site, () => afterRecovery(answered.verify), 'challenge_consumed');
    await expectSignedOut(answered.agent);
    await expectRecovery(site);
    // The challenge of the options that nobody got is there by now. Asked past the site, whose sweep gives a store no longer
    // than a request does.
    const expired = await site.store.challenges.takeExpired({ now: site.clock.now + 120_000, limit: 100 });
    expect(expired.map(({ attemptId }) => attemptId)).toContain(late.attempt.relatedId);
  });

  test('connections cut while a verify waits: 503 at once, and then one 200', async () => {
    const site = await open();
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    const { hold, held, cut, release } = await reach();
    await hold();
    const cutting = vi
      .waitFor(async () => expect(await held()).toBe(statements), { timeout: 0.9 * STORE_TIMEOUT_MS, interval: 5 })
      .then(cut);
    await expectUnavailable(site, answered.verify);
    await cutting;
    await release();
    await expectOnce(site, answered);
    await expectRecovery(site);
  });

  test('connections cut while nobody asks anything: the next verify is answered by a new one', async () => {
    const site = await open();
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    await (await reach()).cut();
    await expectOnce(site, answered);
  });

  test('a session that must be looked up is neither believed nor ended while the server is down', async () => {
    const site = await open();
    const agent = site.agent();
    await agent.signUp('ada');
    site.clock.now += 60_001;
    await server.signal('SIGKILL');
    for (const path of ['/passkeys/session', '/guarded', '/enforced']) {
      const reply = await agent.request('GET', path);
      expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
    }
    await server.start();
    // A Redis that has forgotten the passkey has ended its sessions.
    expect((await afterRecovery(() => agent.request('GET', '/guarded'))).status).toBe(remembers ? 200 : 401);
  });
});

type Words = [string, ...string[]];

describe('Redis', () => {
  let server: Server;
  let place: Place;
  beforeAll(async () => {
    server = await startRedis();
    place = openPlace(server.url, PREFIX);
  });
  afterAll(async () => {
    await place?.close();
    await server?.remove();
  });

  /** Says something to the server that the site knows nothing of. */
  async function command(...words: Words) {
    const redis = connectRedis(server.url);
    await redis.call(...words);
    redis.disconnect();
  }

  test('flushed between options and verify: 400, the challenge is unknown', async () => {
    const site = await openOn(place.store);
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    await command('FLUSHALL');
    await expectRefused(site, answered.verify, 'challenge_unknown');
    await expectSignedOut(answered.agent);
    await expectRecovery(site);
  });

  test('flushed between options and verify, with passkeys elsewhere: 400, and the next sign-in works', async () => {
    const { store, migrate } = openSqlite();
    await migrate();
    const redis = connectRedis(server.url);
    onTestFinished(() => redis.disconnect());
    const site = await openOn({ ...store, challenges: redisChallenges(redis) });
    const passkey = await site.agent().signUp('ada');
    const answered = await answerOptions(site, passkey);
    await command('FLUSHALL');
    await expectRefused(site, answered.verify, 'challenge_unknown');
    await expectSignedOut(answered.agent);
    expect((await site.agent().signIn(passkey)).status).toBe(200);
  });

  test.each([
    ['a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    [
      'without the replicas it must have',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ],
    ['out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  ] as [string, Words, Words][])('%s: 503, and nothing is spent', async (_, restrict, allow) => {
    const site = await openOn(place.store);
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    await command(...restrict);
    await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, options(site));
    await expectSignedOut(answered.agent);
    await command(...allow);
    await expectOnce(site, answered);
    await expectRecovery(site);
  });
});

describe('PostgreSQL', () => {
  let server: Server;
  beforeAll(async () => {
    server = await startPostgres();
    const { migrate, close } = openPlace(server.url, PREFIX);
    await migrate();
    await close();
  });
  afterAll(() => server?.remove());

  test('read-only: 503, and nothing is spent', async () => {
    const pool = postgresPool(server.url);
    const { store, close } = openSql(new PostgresDialect({ pool }), PREFIX);
    onTestFinished(async () => void (await close()));
    const { cut, close: leave } = await postgresHand(server.url, `${PREFIX}ceremonies`);
    onTestFinished(async () => void (await leave()));
    const site = await openOn(store);
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    const readOnly = async (value: 'on' | 'off') => {
      const connection = await pool.connect();
      await connection.query('set session characteristics as transaction read write');
      await connection.query(`alter database test set default_transaction_read_only = ${value}`);
      connection.release();
      // It is for connections made from now on.
      await cut();
      await vi.waitFor(() => expect(pool.totalCount).toBe(0), RECOVERY);
    };
    await readOnly('on');
    await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, options(site));
    await expectSignedOut(answered.agent);
    await readOnly('off');
    await expectOnce(site, answered);
    await expectRecovery(site);
  });

  test('every connection of the pool with others: 503 in time, nothing is spent, and the queue is no longer', async () => {
    const pool = postgresPool(server.url, 1);
    const { store, close } = openSql(new PostgresDialect({ pool }), PREFIX);
    onTestFinished(async () => void (await close()));
    const site = await openOn(store);
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    const connection = await pool.connect();
    await connection.query('begin');
    await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, options(site));
    await expectSignedOut(answered.agent);
    await vi.waitFor(() => expect(pool.waitingCount).toBe(0), RECOVERY);
    await connection.query('commit');
    connection.release();
    await expectOnce(site, answered);
    await expectRecovery(site);
  });
});

test('MariaDB, every connection of the pool with others: 503 in time, and it works once one is free', async () => {
  const server = await startMariadb();
  onTestFinished(() => server.remove());
  const pool = createPool({ uri: server.url, connectTimeout: 1000, connectionLimit: 1 });
  const { store, migrate, close } = openSql(new MysqlDialect({ pool }), PREFIX);
  onTestFinished(async () => void (await close()));
  await migrate();
  const site = await openOn(store);
  const answered = await answerOptions(site, await site.agent().signUp('ada'));
  const connection = await new Promise<PoolConnection>((resolve, reject) => {
    pool.getConnection((error, got) => (error ? reject(error) : resolve(got)));
  });
  await expectUnavailable(site, answered.verify);
  await expectUnavailable(site, options(site));
  await expectSignedOut(answered.agent);
  connection.release();
  // mysql2 forgets nobody who waits for a connection: the take is done too late, and nobody is let in by it.
  await expectRefused(site, () => afterRecovery(answered.verify), 'challenge_consumed');
  await expectRecovery(site);
});

interface SqliteFile {
  readonly file: { exec(sql: string): unknown; close(): unknown };
  readonly dialect: Dialect;
}

/** How each driver opens a file. */
const SQLITES: Record<string, (path: string, readOnly?: boolean) => SqliteFile> = {
  'node:sqlite'(path, readOnly = false) {
    const file = new DatabaseSync(path, { timeout: 500, readOnly });
    return { file, dialect: nodeSqlite(file) };
  },
  'better-sqlite3'(path, readonly = false) {
    const file = new BetterSqlite3(path, { timeout: 500, readonly });
    return { file, dialect: new SqliteDialect({ database: preparedOnce(file) }) };
  },
};

/** A database in a file of the test's own. */
function openSqlite(open = SQLITES['node:sqlite']!) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'test.db');
  const { file, dialect } = open(path);
  file.exec('pragma journal_mode = wal');
  onTestFinished(() => void file.close());
  return { path, file, ...openSql(dialect, PREFIX) };
}

describe.each(Object.entries(SQLITES))('SQLite, by %s', (_, open) => {
  test('opened read-only: 503', async () => {
    const { path, migrate } = openSqlite(open);
    await migrate();
    const { file, dialect } = open(path, true);
    onTestFinished(() => void file.close());
    const { store } = openSql(dialect, PREFIX);
    const site = await openOn(store);
    await expectUnavailable(site, options(site));
  });

  test.each([
    ['read-only', 'query_only = on', 'query_only = off'],
    ['full', 'max_page_count = 1', 'max_page_count = 1000000'],
  ])('%s between options and verify: 503, nobody is let in, and nothing is spent', async (name, restrict, allow) => {
    const { file, store, migrate } = openSqlite(open);
    await migrate();
    const site = await openOn(store);
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    file.exec(`pragma ${restrict}`);
    if (name === 'read-only') await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, async () => {
      // A full file has room for a few more rows in the pages it has.
      let reply = await options(site)();
      while (name === 'full' && reply.status === 200) reply = await options(site)();
      return reply;
    });
    await expectSignedOut(answered.agent);
    file.exec(`pragma ${allow}`);
    await expectOnce(site, answered);
    await expectRecovery(site);
  });

  test('unable to forget what is old: no attempt that it sweeps goes unrecorded', async () => {
    const { file, store, migrate } = openSqlite(open);
    await migrate();
    const site = await openOn(store);
    await site.agent().signInOptions();
    site.clock.now += 120_000;
    expect(await site.passkeys.sweep()).toBe(1);
    file.exec(`create trigger keep before delete on ${PREFIX}ceremonies begin select raise(abort, 'kept'); end`);
    site.clock.now += 600_001;
    const { attemptId } = await site.agent().signInOptions();
    site.clock.now += 120_000;
    await expect(site.passkeys.sweep()).rejects.toThrow();
    file.exec('drop trigger keep');
    expect(await site.passkeys.sweep()).toBe(1);
    expect(site.records.at(-1)).toMatchObject({ outcome: 'abandoned', attempt: { id: attemptId } });
  });

  test('locked by another process: 503 in time, nobody is let in, and nothing is spent', async () => {
    const { path, store, migrate } = openSqlite(open);
    await migrate();
    const site = await openOn(store);
    const answered = await answerOptions(site, await site.agent().signUp('ada'));
    const { file: other } = open(path);
    onTestFinished(() => void other.close());
    other.exec('begin immediate');
    await expectUnavailable(site, answered.verify);
    await expectUnavailable(site, options(site));
    await expectSignedOut(answered.agent);
    other.exec('rollback');
    await expectOnce(site, answered);
    await expectRecovery(site);
  });
});
