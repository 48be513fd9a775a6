/** The attempt store in SQL. The record is kept whole as JSON; a few columns beside it are there to find it. */
import type { AttemptRecord, AttemptStore } from '@latchkey/core';
import { sql } from 'kysely';
import { type Connection, eachOf } from './connection.ts';
import { textOf } from './tables.ts';

const COLUMNS = ['event_id', 'name', 'occurred_at', 'user_id', 'outcome', 'enforcement', 'record'] as const;

export function sqlAttempts({ db, dialect, tables, statement, once, readable }: Connection): AttemptStore {
  const { attempts } = tables;

  const insert = statement((row: NewRow) => {
    const query = db.insertInto(attempts).values(eachOf(COLUMNS, row));
    // Not MySQL's INSERT IGNORE: it ignores more than a duplicate.
    return dialect === 'mysql'
      ? query.onDuplicateKeyUpdate({ event_id: sql.ref('event_id') })
      : query.onConflict((conflict) => conflict.column('event_id').doNothing());
  });

  // MySQL allows no LIMIT in a subquery of IN, but in DELETE itself; the others the other way round.
  const inDelete = dialect === 'mysql';
  const purge = statement(({ before, limit }: { before: number; limit: number }) =>
    inDelete
      ? db.deleteFrom(attempts).where('occurred_at', '<', before).orderBy('occurred_at').limit(limit)
      : db
          .deleteFrom(attempts)
          .where('event_id', 'in', (query) =>
            query
              .selectFrom(attempts)
              .select('event_id')
              .where('occurred_at', '<', before)
              .orderBy('occurred_at')
              .limit(limit),
          ),
  );
  const erase = statement(({ userId, limit }: { userId: string; limit: number }) =>
    inDelete
      ? db.deleteFrom(attempts).where('user_id', '=', userId).limit(limit)
      : db
          .deleteFrom(attempts)
          .where('event_id', 'in', (query) =>
            query.selectFrom(attempts).select('event_id').where('user_id', '=', userId).limit(limit),
          ),
  );

  return {
    async append(record) {
      await insert(rowOf(record));
    },

    async list({ name, since, until, userId, outcome, enforcement, before, limit }) {
      let query = db
        .selectFrom(attempts)
        .select(readable(['record'] as const))
        .orderBy('event_id', 'desc')
        .limit(limit);
      if (name !== undefined) query = query.where('name', '=', name);
      if (since !== undefined) query = query.where('occurred_at', '>=', since);
      if (until !== undefined) query = query.where('occurred_at', '<', until);
      if (userId !== undefined) query = query.where('user_id', '=', userId);
      if (outcome !== undefined) query = query.where('outcome', '=', outcome);
      if (enforcement !== undefined) query = query.where('enforcement', '=', enforcement);
      if (before !== undefined) query = query.where('event_id', '<', before);
      return (await once(query)).rows.map(({ record }) => JSON.parse(textOf(record)));
    },

    async purge(due) {
      return (await purge(due)).changed;
    },

    async eraseUser(user) {
      return (await erase(user)).changed;
    },
  };
}

type NewRow = ReturnType<typeof rowOf>;

function rowOf(record: AttemptRecord) {
  return {
    event_id: record.event.id,
    name: record.event.name,
    occurred_at: Date.parse(record.event.time),
    user_id: record.user.id,
    outcome: record.outcome,
    enforcement: record.immediate.enforcement,
    record: JSON.stringify(record),
  };
}
