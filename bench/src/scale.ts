/** Whether a sign-in costs more where many passkeys and unfinished ceremonies are kept already. */
import { randomBytes } from 'node:crypto';
import type { PendingCeremony } from '@latchkey/core';
import pg from 'pg';
import { passkeyOf } from './apps/latchkey.ts';
import { CONTESTANTS } from './contestants.ts';
import { makePeople } from './people.ts';
import { openPlace, type Place } from './places.ts';
import { type Entrant, type Method, type Result, race, type Say } from './race.ts';
import { median, ratio, table } from './report.ts';
import type { Task } from './server.ts';
import type { Venue } from './venue.ts';

export interface Amount {
  readonly passkeys: number;
  readonly ceremonies: number;
}

/** Two results for each store: empty, then full. */
export function raceScale(amount: Amount, method: Method, venue: Venue, say: Say): Promise<Result[]> {
  const entrants = ['express-postgres', 'express-redis'].flatMap((named): Entrant[] => {
    const contestant = CONTESTANTS.find(({ name }) => name === named)!;
    const prepare = (task: Task) => fill(task, amount, say);
    return [
      { name: `${named}, empty`, contestant },
      { name: `${named}, full`, contestant, prepare },
    ];
  });
  // To fill a store a second time would take longer than everything else.
  return race(entrants, { ...method, rounds: method.rounds * method.processes, processes: 1 }, venue, say);
}

async function fill({ contestant, where }: Task, { passkeys, ceremonies }: Amount, say: Say): Promise<void> {
  const place = await openPlace(contestant.store, where);
  try {
    const expiresAt = Date.now() + 3 * 3_600_000;
    await many(ceremonies, 'ceremonies', say, (number) => place.store.challenges.put(ceremony(number, expiresAt)));
    if (place.database instanceof pg.Pool) await copyPasskeys(place.database, passkeys, say);
    else await insertPasskeys(place, passkeys, say);
    if (place.database instanceof pg.Pool) await place.database.query('vacuum analyze');
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

/** A user's inserts wait for each other by design; so here the database copies a row that the store made. */
async function copyPasskeys(pool: pg.Pool, count: number, say: Say): Promise<void> {
  say(`  ${count} passkeys, by the database`);
  const { rows } = await pool.query<{ column_name: string }>(
    `select column_name from information_schema.columns where table_name = 'latchkey_passkeys' order by ordinal_position`,
  );
  const own: Record<string, string> = {
    id: 'gen_random_uuid()::text',
    user_id: `'filler-' || n`,
    user_handle: `sha256(('handle ' || n)::bytea)`,
    credential_id: `sha256(('credential ' || n)::bytea)`,
  };
  const columns = rows.map(({ column_name: name }) => name);
  const values = columns.map((name) => own[name] ?? `model.${name}`);
  await pool.query(
    `insert into latchkey_passkeys (${columns.join(', ')}) select ${values.join(', ')}
     from (select * from latchkey_passkeys limit 1) as model, generate_series(1, ${count}) as n`,
  );
  await pool.query(
    `insert into latchkey_handles (user_id, handle) select user_id, user_handle from latchkey_passkeys on conflict do nothing`,
  );
}

async function many(count: number, what: string, say: Say, one: (number: number) => unknown): Promise<void> {
  const AT_ONCE = 500;
  for (let done = 0; done < count; done += AT_ONCE) {
    if (done % 50_000 === 0) say(`  ${done} of ${count} ${what}`);
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => one(done + index)));
  }
}

export function scaleTable(results: readonly Result[]): string {
  const rows = [];
  for (let index = 0; index + 1 < results.length; index += 2) {
    const [empty, full] = [results[index]!, results[index + 1]!];
    rows.push([
      full.name,
      median(full.costs.map(({ cpu }) => cpu)).toFixed(0),
      `${ratio(full, empty).toFixed(2)} ×`,
      median(full.costs.map(({ wall }) => wall)).toFixed(0),
      `${ratio(full, empty, ({ wall }) => wall).toFixed(2)} ×`,
    ]);
  }
  return table(['a sign-in', 'CPU µs', 'of empty', 'wall µs', 'of empty'], rows);
}
