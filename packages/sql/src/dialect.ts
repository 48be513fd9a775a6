/**
 * Why this file exists: to be the one place that knows which error means what in SQLite, PostgreSQL and MySQL, and which
 * of them a Kysely instance talks to. MariaDB is `mysql` throughout: nothing here differs between the two.
 */
import { type Kysely, MysqlAdapter, PostgresAdapter, SqliteAdapter } from 'kysely';

export type Dialect = 'sqlite' | 'postgres' | 'mysql';

export const DIALECTS: readonly Dialect[] = ['sqlite', 'postgres', 'mysql'];

/** The dialect asked for, or else the one Kysely's adapter is made for. */
export function dialectOf<DB>(db: Kysely<DB>, given: Dialect | undefined): Dialect {
  if (given !== undefined) {
    if (DIALECTS.includes(given)) return given;
    throw new TypeError(`\`dialect\` is ${JSON.stringify(given)}; write one of '${DIALECTS.join("', '")}'.`);
  }
  const { adapter } = db.getExecutor();
  if (adapter instanceof SqliteAdapter) return 'sqlite';
  if (adapter instanceof PostgresAdapter) return 'postgres';
  if (adapter instanceof MysqlAdapter) return 'mysql';
  throw new TypeError(
    `The dialect cannot be told from Kysely's ${adapter.constructor.name}; say which one it speaks: ` +
      `\`{ dialect: '${DIALECTS.join("' | '")}' }\`.`,
  );
}

/** What the drivers put on their errors: a code in SQLite and PostgreSQL, a number in MySQL. */
interface DriverError {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly message?: unknown;
}

const among = (error: unknown, codes: readonly unknown[]) => {
  const { code, errno } = (error ?? {}) as DriverError;
  return codes.includes(code) || codes.includes(errno);
};

/** A unique or primary key is taken. */
export const isTaken = (error: unknown) =>
  among(error, ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505', 1062]);

/** The database undid the statement or the transaction so that another could go on: a deadlock, a serialization failure. */
export const isUndone = (error: unknown) => among(error, ['40P01', '40001', 1213]);

/** A table or a column is not there. SQLite has one code for every error in a statement, so there the text decides. */
export const isUnmigrated = (error: unknown) =>
  among(error, ['42P01', '42703', 1146, 1054]) ||
  (among(error, ['SQLITE_ERROR']) &&
    /^no such (table|column)|has no column/.test(String((error as DriverError).message)));
