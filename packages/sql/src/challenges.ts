/** The challenge store in SQL. Each ceremony is one row, and its status changes once. */
import { setImmediate } from 'node:timers/promises';
import {
  type ChallengeStore,
  type PendingCeremony,
  type Purpose,
  REMEMBERED_MS,
  type TakeCondition,
  type TakeResult,
} from '@latchkey/core';
import type { Selectable } from 'kysely';
import { type Connection, eachOf } from './connection.ts';
import { type CeremonyRow, flagOf, textOf } from './tables.ts';

/** How many rows a statement forgets: few in SQLite, because better-sqlite3 holds up the whole process while it does. */
const FORGOTTEN_AT_ONCE = { sqlite: 500, postgres: 5_000, mysql: 5_000 } as const;

/** After how long a sweep stops forgetting and leaves the rest to the next, in milliseconds: its caller is waiting. */
const FORGETTING_MS = 250;

const COLUMNS = ['attempt_id', 'purpose', 'binding', 'user_id', 'begun', 'expires_at', 'status', 'state'] as const;

export function sqlChallenges({
  db,
  dialect,
  tables,
  statement,
  once,
  transaction,
  readable,
}: Connection): ChallengeStore {
  const { ceremonies } = tables;
  // MySQL and MariaDB cannot tell in one statement what an UPDATE changed.
  const returning = dialect !== 'mysql';

  const insert = statement((row: NewRow) => db.insertInto(ceremonies).values(eachOf(COLUMNS, row)));

  const begin = statement(({ attemptId, binding }: { attemptId: string; binding: string }) =>
    db
      .updateTable(ceremonies)
      .set({ begun: 1 })
      .where('attempt_id', '=', attemptId)
      .where('binding', '=', binding)
      .where('status', '=', 'open'),
  );

  const read = statement(({ attemptId }: { attemptId: string }) =>
    db.selectFrom(ceremonies).select(readable(COLUMNS)).where('attempt_id', '=', attemptId),
  );

  const claiming = (purpose: 'any' | 'one', user: 'any' | 'nobody' | 'one') =>
    statement((take: { attemptId: string; now: number; binding: string; purpose: string; userId: string }) =>
      db
        .updateTable(ceremonies)
        .set({ status: 'consumed' })
        .where('attempt_id', '=', take.attemptId)
        .where('status', '=', 'open')
        .where('expires_at', '>', take.now)
        .where('binding', '=', take.binding)
        .$if(purpose === 'one', (query) => query.where('purpose', '=', take.purpose))
        .$if(user === 'nobody', (query) => query.where('user_id', 'is', null))
        .$if(user === 'one', (query) => query.where('user_id', '=', take.userId))
        .$if(returning, (query) => query.returning(COLUMNS))
        .$castTo<Row>(),
    );
  const claims = {
    any: { any: claiming('any', 'any'), nobody: claiming('any', 'nobody'), one: claiming('any', 'one') },
    one: { any: claiming('one', 'any'), nobody: claiming('one', 'nobody'), one: claiming('one', 'one') },
  };

  /** What there is to sweep. Two sweepers do not wait for each other where the database can skip what the other has. */
  const due = (now: number, limit: number) =>
    db
      .selectFrom(ceremonies)
      .select(readable(COLUMNS))
      .where('status', '=', 'open')
      .where('expires_at', '<=', now)
      .orderBy('expires_at')
      .limit(limit)
      .$if(dialect !== 'sqlite', (query) => query.forUpdate().skipLocked());

  const sweep = returning
    ? statement(({ now, limit }: { now: number; limit: number }) =>
        db
          // As a common table expression, because PostgreSQL may run a subquery that locks more than once.
          .with('due', () => due(now, limit))
          .updateTable(ceremonies)
          .set({ status: 'expired' })
          .where('attempt_id', 'in', (query) => query.selectFrom('due').select('attempt_id'))
          .returning(COLUMNS),
      )
    : ({ now, limit }: { now: number; limit: number }) =>
        transaction(async (inside) => {
          const found = await once(due(now, limit), inside);
          if (found.rows.length === 0) return found;
          const ids = found.rows.map(({ attempt_id }) => attempt_id);
          await once(db.updateTable(ceremonies).set({ status: 'expired' }).where('attempt_id', 'in', ids), inside);
          return found;
        });

  const rows = FORGOTTEN_AT_ONCE[dialect];
  const forget = statement(({ before }: { before: number }) => {
    const old = db
      .selectFrom(ceremonies)
      .select('attempt_id')
      .where('status', 'in', ['consumed', 'expired'])
      .where('expires_at', '<', before)
      .limit(rows);
    // MySQL allows no LIMIT in a subquery of IN, but in DELETE itself; the others the other way round.
    return returning
      ? db.deleteFrom(ceremonies).where('attempt_id', 'in', old)
      : db
          .deleteFrom(ceremonies)
          .where('status', 'in', ['consumed', 'expired'])
          .where('expires_at', '<', before)
          .limit(rows);
  });

  return {
    async put(ceremony) {
      await insert(rowOf(ceremony));
    },

    async begin({ attemptId, binding }) {
      if (isAttemptId(attemptId)) await begin({ attemptId, binding });
    },

    async take(condition) {
      const { attemptId, binding, purpose, userId, now } = condition;
      if (!isAttemptId(attemptId)) return { status: 'unknown' };
      const user = userId === undefined ? 'any' : userId === null ? 'nobody' : 'one';
      const claim = claims[purpose === undefined ? 'any' : 'one'][user];
      const readRow = async () => (await read({ attemptId })).rows[0];
      // MySQL reads while it claims: what is given back never changes, so it does not matter which of the two comes first.
      const [claimed, early] = await Promise.all([
        claim({ attemptId, now, binding, purpose: purpose ?? '', userId: userId ?? '' }),
        returning ? undefined : readRow(),
      ]);
      if (claimed.changed === 0) return refusal(await readRow(), condition);
      return { status: 'fresh', ceremony: ceremonyOf((claimed.rows[0] ?? early ?? (await readRow()))!) };
    },

    async takeExpired({ now, limit }) {
      const started = performance.now();
      do {
        const { changed } = await forget({ before: now - REMEMBERED_MS });
        if (changed < rows) break;
        await setImmediate();
      } while (performance.now() - started < FORGETTING_MS);
      // Last, because what is swept is given only here: an error after it would lose it.
      const swept = await sweep({ now, limit });
      return swept.rows.map(ceremonyOf).sort((a, b) => a.expiresAt - b.expiresAt);
    },
  };
}

/** Whether this can be an id at all. PostgreSQL refuses text with a zero character as an error, and anyone can send one. */
const isAttemptId = (sent: string) => /^[ -~]{1,64}$/.test(sent);

type Row = Selectable<CeremonyRow>;
type NewRow = ReturnType<typeof rowOf>;

function rowOf(ceremony: PendingCeremony) {
  return {
    attempt_id: ceremony.attemptId,
    purpose: ceremony.purpose,
    binding: ceremony.binding,
    user_id: ceremony.userId,
    begun: Number(ceremony.begun),
    expires_at: ceremony.expiresAt,
    status: 'open',
    state: ceremony.state,
  };
}

function ceremonyOf(row: Row): PendingCeremony {
  return {
    attemptId: textOf(row.attempt_id),
    purpose: textOf(row.purpose) as Purpose,
    binding: textOf(row.binding),
    userId: row.user_id === null ? null : textOf(row.user_id),
    begun: flagOf(row.begun),
    expiresAt: Number(row.expires_at),
    state: textOf(row.state),
  };
}

/** Why a take changed nothing, from what the row says right after. */
function refusal(row: Row | undefined, expected: TakeCondition): TakeResult {
  const { now } = expected;
  if (row === undefined || now - Number(row.expires_at) > REMEMBERED_MS) return { status: 'unknown' };
  const status = textOf(row.status);
  if (status === 'consumed' || status === 'expired') return { status };
  const { expiresAt, purpose, binding, userId } = ceremonyOf(row);
  if (now >= expiresAt) return { status: 'expired' };
  if (expected.purpose !== undefined && expected.purpose !== purpose) return { status: 'mismatch', member: 'purpose' };
  if (expected.binding !== binding) return { status: 'mismatch', member: 'binding' };
  if (expected.userId !== undefined && expected.userId !== userId) return { status: 'mismatch', member: 'user' };
  // Nothing is wrong with it now: it was put after the take had looked.
  return { status: 'unknown' };
}
