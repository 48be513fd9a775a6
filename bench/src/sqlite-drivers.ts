/** What the statements of a sign-in cost on each driver of SQLite, and with other file settings, in turn in one process. */
import { randomBytes, randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { Passkey, PendingCeremony, SignInSession, Store } from '@latchkey/core';
import { migrate, nodeSqlite, preparedOnce, sqlStore } from '@latchkey/sql';
import Database from 'better-sqlite3';
import { type Dialect, Kysely, SqliteDialect } from 'kysely';
import type { Method, Say } from './race.ts';
import { median, table } from './report.ts';
import type { Venue } from './venue.ts';

const DRIVERS: Readonly<Record<string, (file: string) => Dialect>> = {
  'better-sqlite3'(file) {
    const database = new Database(file);
    database.exec(SETTINGS);
    return new SqliteDialect({ database: preparedOnce(database) });
  },
  'node:sqlite': (file) => ofNode(file, SETTINGS),
  // What the same costs where every commit waits for the disk, and where no other process may open the file.
  'node:sqlite, synchronous = full': (file) => ofNode(file, `${SETTINGS} pragma synchronous = full;`),
  'node:sqlite, locking_mode = exclusive': (file) => ofNode(file, `pragma locking_mode = exclusive; ${SETTINGS}`),
};

function ofNode(file: string, settings: string): Dialect {
  const database = new DatabaseSync(file);
  database.exec(settings);
  return nodeSqlite(database);
}

const SETTINGS = 'pragma journal_mode = wal; pragma synchronous = normal;';

export interface DriverCost {
  readonly driver: string;
  /** Microseconds for each sign-in, one for each round. */
  readonly cpu: readonly number[];
  readonly wall: readonly number[];
}

export async function raceSqliteDrivers(
  { warmUp, counted, rounds }: Method,
  venue: Venue,
  say: Say,
): Promise<DriverCost[]> {
  const drivers = await Promise.all(
    Object.entries(DRIVERS).map(async ([driver, open]) => {
      const { where } = await venue.taskFor({ store: 'sqlite' });
      const db = new Kysely<object>({ dialect: open(where.sqlite) });
      await migrate(db);
      const { attempts: _, ...store } = sqlStore(db);
      const passkey = newPasskey();
      await store.passkeys.insert({ passkey, max: 1 });
      return { driver, db, signIn: () => signIn(store, passkey), cpu: [] as number[], wall: [] as number[] };
    }),
  );
  for (const { signIn } of drivers) for (let i = 0; i < warmUp; i++) await signIn();
  for (let round = 0; round < rounds; round++) {
    say(`SQLite's drivers: round ${round + 1} of ${rounds}`);
    // Each begins once.
    for (let turn = 0; turn < drivers.length; turn++) {
      const { signIn, cpu, wall } = drivers[(turn + round) % drivers.length]!;
      const [startedAt, before] = [performance.now(), process.cpuUsage()];
      for (let i = 0; i < counted; i++) await signIn();
      const { user, system } = process.cpuUsage(before);
      cpu.push((user + system) / counted);
      wall.push(((performance.now() - startedAt) * 1_000) / counted);
    }
  }
  for (const { db } of drivers) await db.destroy();
  return drivers.map(({ driver, cpu, wall }) => ({ driver, cpu, wall }));
}

/** What `POST /authentication/options` and `/verify` ask of a store: four calls, six statements and a transaction. */
async function signIn({ challenges, passkeys }: Omit<Store, 'attempts'>, { credentialId, userHandle }: Passkey) {
  const now = Date.now();
  const ceremony = newCeremony(now);
  const { attemptId, binding } = ceremony;
  await challenges.put(ceremony);
  await challenges.take({ attemptId, binding, purpose: 'sign_in', now });
  const [passkey] = await passkeys.find({ credentialId, userHandle });
  const use = { signCount: 0, backupEligible: true, backedUp: true, usedAt: now };
  const session = newSession(passkey!, attemptId, now);
  const result = await passkeys.recordUse({
    passkey: passkey!,
    use,
    session: { session, replaces: null, renews: false },
  });
  if (result !== 'recorded') throw new Error(`The use of the passkey was ${result}.`);
}

export function sqliteDriversTable(costs: readonly DriverCost[]): string {
  const [first] = costs;
  const us = (values: readonly number[]) => median(values).toFixed(0);
  const ratio = (of: 'cpu' | 'wall', cost: DriverCost) =>
    median(cost[of].map((value, round) => value / first![of][round]!)).toFixed(2);
  return table(
    ['statements of a sign-in', 'CPU µs', 'wall µs', 'CPU', 'wall'],
    costs.map((cost) => [
      cost.driver,
      us(cost.cpu),
      us(cost.wall),
      `${ratio('cpu', cost)} ×`,
      `${ratio('wall', cost)} ×`,
    ]),
  );
}

function newPasskey(): Passkey {
  return {
    id: randomUUID(),
    userId: 'ada',
    userHandle: new Uint8Array(randomBytes(32)),
    credentialId: new Uint8Array(randomBytes(32)),
    publicKey: new Uint8Array(randomBytes(77)),
    algorithm: -7,
    signCount: 0,
    transports: ['internal', 'hybrid'],
    aaguid: '00000000-0000-0000-0000-000000000000',
    backupEligible: true,
    backedUp: true,
    rpId: 'example.com',
    nickname: 'Laptop',
    enabled: true,
    attested: false,
    generation: 0,
    createdAt: Date.now(),
    lastUsedAt: null,
  };
}

function newCeremony(now: number): PendingCeremony {
  const binding = randomBytes(32).toString('base64url');
  const state = 'x'.repeat(600);
  return {
    attemptId: randomUUID(),
    purpose: 'sign_in',
    binding,
    userId: null,
    begun: true,
    expiresAt: now + 120_000,
    state,
  };
}

function newSession({ id, userId, rpId, generation }: Passkey, attemptId: string, now: number): SignInSession {
  return {
    id: randomUUID(),
    tokenHash: randomBytes(32).toString('base64url'),
    userId,
    rpId,
    passkeyId: id,
    generation,
    attemptId,
    authenticatedAt: now,
    userVerified: true,
    firstFactor: false,
    enforcement: 'enforced',
    stepUp: null,
    createdAt: now,
    seenAt: now,
    expiresAt: now + 30 * 86_400_000,
    persistent: true,
    address: '2001:db8::1',
    userAgent: 'Mozilla/5.0',
  };
}
