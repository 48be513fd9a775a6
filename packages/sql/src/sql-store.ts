/** `sqlStore`: the five stores over one Kysely instance. */
import type { Store } from '@latchkey/core';
import type { Kysely } from 'kysely';
import { sqlAttempts } from './attempts.ts';
import { sqlChallenges } from './challenges.ts';
import { connect, type SqlStoreOptions } from './connection.ts';
import { sqlInvitations } from './invitations.ts';
import { sqlPasskeys } from './passkeys.ts';
import { sqlSessions } from './sessions.ts';

/**
 * A store in SQLite, PostgreSQL, MySQL or MariaDB. `db` stays yours: it is never closed here, and its other tables are
 * never touched. The tables must be there: see {@link migrate}.
 *
 * ```ts
 * const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
 * const store = sqlStore(db);
 * ```
 *
 * Throws a ConfigurationError at once for a wrong option. A verb rejects with the driver's error, or with one that says to
 * migrate where a table is missing.
 */
export function sqlStore<DB>(db: Kysely<DB>, options: SqlStoreOptions = {}): Required<Store> {
  const connection = connect(db, options);
  const sessions = sqlSessions(connection);
  return {
    challenges: sqlChallenges(connection),
    passkeys: sqlPasskeys(connection, sessions),
    sessions: sessions.store,
    attempts: sqlAttempts(connection),
    invitations: sqlInvitations(connection),
  };
}
