/** Statements that PostgreSQL prepares once per connection: by name, few, and valid after the tables have grown. */
import { randomUUID } from 'node:crypto';
import type { PendingCeremony } from '@latchkey/core';
import { migrate, preparedOnce, sqlStore } from '@latchkey/sql';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POSTGRES } from './support/databases.ts';

const prefix = `p${randomUUID().slice(0, 8)}_`;
const pool = new Pool({ connectionString: POSTGRES, max: 1 });
const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: preparedOnce(pool) }) });
const { challenges } = sqlStore(db, { tablePrefix: prefix });

beforeAll(() => migrate(db, { tablePrefix: prefix }));
afterAll(async () => {
  for (const table of ['ceremonies', 'handles', 'passkeys', 'sessions', 'attempts', 'migrations']) {
    await sql`drop table if exists ${sql.table(`${prefix}${table}`)} cascade`.execute(db);
  }
  await db.destroy();
});

const ceremony = (): PendingCeremony => ({
  attemptId: randomUUID(),
  purpose: 'sign_in',
  binding: randomUUID(),
  userId: null,
  begun: true,
  expiresAt: 60_000,
  state: '{}',
});

/** What the one connection has prepared of the challenges' statements. */
async function prepared(): Promise<string[]> {
  const text = 'select name, statement from pg_prepared_statements where statement like $1';
  const { rows } = await pool.query<{ name: string; statement: string }>(text, [`%${prefix}ceremonies%`]);
  expect(new Set(rows.map(({ name }) => name.replace(/[0-9a-f]{40}$/, '')))).toEqual(new Set(['latchkey_']));
  return rows.map(({ statement }) => statement).sort();
}

async function putAndTake() {
  const one = ceremony();
  await challenges.put(one);
  expect(await challenges.take({ ...one, now: 0 })).toEqual({ status: 'fresh', ceremony: one });
}

test('each statement is prepared once, however often it runs, and what one asks for reaches no other', async () => {
  await putAndTake();
  const first = await prepared();
  for (let i = 0; i < 20; i += 1) await putAndTake();
  expect(await prepared()).toEqual(first);
});

test('a table that gets a column while a process runs leaves its statements valid', async () => {
  await putAndTake();
  await pool.query(`alter table ${prefix}ceremonies add column later text`);
  await putAndTake();
});

test('a text is named for the first thousand, and runs all the same after them', async () => {
  const many = new Pool({ connectionString: POSTGRES, max: 1 });
  const wide = new Kysely<object>({ dialect: new PostgresDialect({ pool: preparedOnce(many) }) });
  try {
    for (let i = 0; i < 1_010; i += 1) {
      const { rows } = await sql<{ n: number }>`select ${i}::int as n, ${sql.lit(i)} as text`.execute(wide);
      expect(rows[0]!.n).toBe(i);
    }
    const { rows } = await many.query('select count(*)::int as n from pg_prepared_statements');
    expect(rows).toEqual([{ n: 1_000 }]);
  } finally {
    await wide.destroy();
  }
});
