/** Whether a sign-in, and a guard that asks the store, cost more where many passkeys, sessions and unfinished ceremonies are kept. */
import { randomBytes } from 'node:crypto';
import type { PendingCeremony, SignInSession } from '@latchkey/core';
import pg from 'pg';
import { passkeyOf } from './apps/latchkey.ts';
import { CONTESTANTS } from './contestants.ts';
import { makePeople } from './people.ts';
import { openPlace, type Place } from './places.ts';
import { type Entrant, type Method, type Result, race, type Say } from './race.ts';
import { type RedisServers, startRedis } from './redis-servers.ts';
import { median, ratio, table } from './report.ts';
import type { Task } from './server.ts';
import type { Venue } from './venue.ts';

export interface Amount {
  readonly passkeys: number;
  readonly sessions: number;
  readonly ceremonies: number;
}

export interface Scaled {
  /** Two for each store: empty, then full. */
  readonly signIns: readonly Result[];
  /** Microseconds for what a guard asks the store when it does not know a session, one after the other; in the same order. */
  readonly guards: readonly number[];
}

export async function raceScale(amount: Amount, method: Method, venue: Venue, say: Say): Promise<Scaled> {
  const servers: RedisServers[] = [];
  const tasks: Task[] = [];
  const entrants: Entrant[] = [];
  try {
    for (const named of ['express-postgres', 'express-redis']) {
      const contestant = CONTESTANTS.find(({ name }) => name === named)!;
      for (const full of [false, true]) {
        // Each has a Redis of its own: what is in one must not be in the other.
        const redis = await startRedis(venue.folder);
        servers.push(redis);
        const prepare = async (task: Task) => {
          tasks.push(task);
          if (full) await fill(task, amount, say);
        };
        const change = (task: Task) => ({ ...task, where: { ...task.where, redis: redis.url } });
        entrants.push({ name: `${named}, ${full ? 'full' : 'empty'}`, contestant, change, prepare });
      }
    }
    // To fill a store a second time would take longer than everything else.
    const once = { ...method, rounds: method.rounds * method.processes, processes: 1 };
    const signIns = await race(entrants, once, venue, say);
    const guards = await raceGuards(tasks, say);
    return { signIns, guards };
  } finally {
    for (const server of servers) await server.end();
  }
}

/** A session and its person's passkeys, as `sessions.find` and `passkeys.listByUser` read them: in turns, in this process. */
async function raceGuards(tasks: readonly Task[], say: Say): Promise<number[]> {
  const COUNT = 2_000;
  const places = await Promise.all(tasks.map(({ contestant, where }) => openPlace(contestant.store, where)));
  try {
    const begun: SignInSession[][] = [];
    for (const { store } of places) {
      const sessions = Array.from({ length: COUNT }, (_, number) => session(`user-${number % 500}`));
      for (const session of sessions) await store.sessions!.begin({ session, replaces: null, renews: false });
      begun.push(sessions);
    }
    const rounds: number[][] = places.map(() => []);
    for (let round = 0; round < 10; round++) {
      say(`guards, round ${round + 1} of 10`);
      for (const [index, { store }] of places.entries()) {
        const start = performance.now();
        for (const { tokenHash, userId } of begun[index]!) {
          const found = await store.sessions!.find({ tokenHash });
          const passkeys = await store.passkeys.listByUser(userId);
          if (found === null || passkeys.length === 0) throw new Error('A session or its passkey was not found.');
        }
        // The first warms up.
        if (round > 0) rounds[index]!.push(((performance.now() - start) * 1_000) / COUNT);
      }
    }
    return rounds.map(median);
  } finally {
    for (const place of places) await place.close();
  }
}

async function fill({ contestant, where }: Task, amount: Amount, say: Say): Promise<void> {
  const place = await openPlace(contestant.store, where);
  try {
    const { challenges, sessions } = place.store;
    const expiresAt = Date.now() + 3 * 3_600_000;
    await many(amount.ceremonies, 'ceremonies', say, (number) => challenges.put(ceremony(number, expiresAt)));
    if (place.database instanceof pg.Pool) await copyRows(place, place.database, amount, say);
    else {
      await insertPasskeys(place, amount.passkeys, say);
      await many(amount.sessions, 'sessions', say, (number) =>
        sessions!.begin({ session: session(`filler-${number}`), replaces: null, renews: false }),
      );
    }
  } finally {
    await place.close();
  }
}

/** As large as one of an immediate sign-in. */
function ceremony(number: number, expiresAt: number): PendingCeremony {
  return {
    attemptId: `filler-${number}-${randomBytes(8).toString('hex')}`,
    purpose: 'sign_in',
    binding: randomBytes(32).toString('base64url'),
    userId: null,
    begun: true,
    expiresAt,
    state: JSON.stringify({ challenge: randomBytes(32).toString('base64url'), filler: 'x'.repeat(450) }),
  };
}

function session(userId: string): SignInSession {
  const now = Date.now();
  return {
    id: crypto.randomUUID(),
    tokenHash: randomBytes(32).toString('base64url'),
    userId,
    rpId: 'localhost',
    passkeyId: crypto.randomUUID(),
    generation: 0,
    attemptId: crypto.randomUUID(),
    authenticatedAt: now,
    userVerified: true,
    enforcement: 'enforced',
    firstFactor: false,
    stepUp: null,
    createdAt: now,
    seenAt: now,
    expiresAt: now + 86_400_000,
    persistent: true,
    address: '127.0.0.1',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36',
  };
}

async function insertPasskeys({ store }: Place, count: number, say: Say): Promise<void> {
  const [person] = makePeople(1);
  const fresh = () => randomBytes(32).toString('base64url');
  await many(count, 'passkeys', say, (number) =>
    store.passkeys.insert({
      passkey: passkeyOf({ ...person!, userId: `filler-${number}`, userHandle: fresh(), credentialId: fresh() }),
      max: 20,
    }),
  );
}

/** A user's inserts wait for each other by design; so here the database copies rows that the store made. */
async function copyRows({ store }: Place, pool: pg.Pool, { passkeys, sessions }: Amount, say: Say): Promise<void> {
  say(`  ${passkeys} passkeys and ${sessions} sessions, by the database`);
  await store.sessions!.begin({ session: session('model'), replaces: null, renews: false });
  await copies(pool, 'latchkey_passkeys', passkeys, {
    id: 'gen_random_uuid()::text',
    user_id: `'filler-' || n`,
    user_handle: `sha256(('handle ' || n)::bytea)`,
    credential_id: `sha256(('credential ' || n)::bytea)`,
  });
  await pool.query(
    `insert into latchkey_handles (user_id, handle) select user_id, user_handle from latchkey_passkeys on conflict do nothing`,
  );
  await copies(pool, 'latchkey_sessions', sessions, {
    id: 'gen_random_uuid()::text',
    token_hash: `translate(rtrim(encode(sha256(('token ' || n)::bytea), 'base64'), '='), '+/', '-_')`,
    user_id: `'filler-' || n`,
  });
  await pool.query('vacuum analyze');
}

async function copies(pool: pg.Pool, name: string, count: number, own: Record<string, string>): Promise<void> {
  const { rows } = await pool.query<{ column_name: string }>(
    'select column_name from information_schema.columns where table_name = $1 order by ordinal_position',
    [name],
  );
  const columns = rows.map(({ column_name: column }) => column);
  const values = columns.map((column) => own[column] ?? `model.${column}`);
  await pool.query(
    `insert into ${name} (${columns.join(', ')}) select ${values.join(', ')}
     from (select * from ${name} limit 1) as model, generate_series(1, ${count}) as n`,
  );
}

async function many(count: number, what: string, say: Say, one: (number: number) => unknown): Promise<void> {
  const AT_ONCE = 500;
  for (let done = 0; done < count; done += AT_ONCE) {
    if (done % 50_000 === 0) say(`  ${done} of ${count} ${what}`);
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => one(done + index)));
  }
}

export function scaleTable({ signIns, guards }: Scaled): string {
  const rows = [];
  for (let index = 0; index + 1 < signIns.length; index += 2) {
    const [empty, full] = [signIns[index]!, signIns[index + 1]!];
    rows.push([
      full.name,
      median(full.costs.map(({ cpu }) => cpu)).toFixed(0),
      `${ratio(full, empty).toFixed(2)} ×`,
      median(full.costs.map(({ wall }) => wall)).toFixed(0),
      `${ratio(full, empty, ({ wall }) => wall).toFixed(2)} ×`,
      guards[index + 1]!.toFixed(0),
      `${(guards[index + 1]! / guards[index]!).toFixed(2)} ×`,
    ]);
  }
  return table(
    ['a sign-in', 'CPU µs', 'of empty', 'wall µs', 'of empty', 'a guard that asks, wall µs', 'of empty'],
    rows,
  );
}
