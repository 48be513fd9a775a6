/**
 * Which database a Kysely instance talks to, and which error means what in SQLite, PostgreSQL and MySQL. MariaDB is `mysql`
 * throughout: nothing here differs between the two.
 */
import { ConfigurationError } from '@latchkey/core';
import { type Kysely, sql } from 'kysely';

/** The databases that are known. Found out from Kysely unless given. */
export type Dialect = 'sqlite' | 'postgres' | 'mysql';

const DIALECTS: readonly Dialect[] = ['sqlite', 'postgres', 'mysql'];

/**
 * How each dialect writes a name and a parameter. No class is asked for: the application's Kysely may be another copy
 * than ours, and its dialect may be somebody else's.
 */
const WRITTEN: Readonly<Record<string, Dialect>> = { '"a" = ?': 'sqlite', '"a" = $1': 'postgres', '`a` = ?': 'mysql' };

/** The dialect asked for, or else the one that Kysely writes. */
export function dialectOf<DB>(db: Kysely<DB>, given: Dialect | undefined): Dialect {
  if (given !== undefined) return checkedDialect(given);
  const written = sql`${sql.ref('a')} = ${1}`.compile(db.withoutPlugins()).sql;
  const dialect = WRITTEN[written];
  if (dialect !== undefined) return dialect;
  throw new ConfigurationError(
    'dialect',
    undefined,
    `Kysely writes \`${written}\`, and that is not known here. Say what the database speaks, as in ` +
      "`sqlStore(db, { dialect: 'sqlite' })`; there are also 'postgres' and 'mysql'.",
  );
}

export function checkedDialect(given: Dialect): Dialect {
  if (DIALECTS.includes(given)) return given;
  throw new ConfigurationError('dialect', given, `Write one of '${DIALECTS.join("', '")}'.`);
}

/** What the drivers put on their errors: a code in PostgreSQL, a number in MySQL. */
interface DriverError {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly message?: unknown;
}

const among = (error: unknown, codes: readonly unknown[]) => {
  const { code, errno } = (error ?? {}) as DriverError;
  return codes.includes(code) || codes.includes(errno);
};

/** SQLite's own words. Each of its drivers calls the code by another name, and one code is for every error in a statement. */
const saysInSqlite = (error: unknown, words: RegExp) => words.test(String((error as DriverError | null)?.message));

/** A unique or primary key is taken. */
export const isTaken = (error: unknown) =>
  among(error, ['23505', 1062]) || saysInSqlite(error, /\bUNIQUE constraint failed: /);

/** The database undid the statement or the transaction so that another could go on: a deadlock, a serialization failure. */
export const isUndone = (error: unknown) => among(error, ['40P01', '40001', 1213]);

/** A table or a column is not there. */
export const isUnmigrated = (error: unknown) =>
  among(error, ['42P01', '42703', 1146, 1054]) ||
  saysInSqlite(error, /\bno such (table|column): |\bhas no column named /);
