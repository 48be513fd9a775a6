/** Keeps prepared statements: Kysely asks better-sqlite3 to prepare every statement anew, which costs more than running it. */
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** More than an application has, unless it builds SQL out of values; then starting over is cheap enough. */
const KEPT_STATEMENTS = 1_000;

/**
 * A better-sqlite3 database, as Kysely needs it, that prepares each statement once and keeps it.
 *
 * ```ts
 * new SqliteDialect({ database: preparedOnce(new Database('app.db')) })
 * ```
 */
export function preparedOnce(database: SqliteDatabase): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(sql) {
      let statement = statements.get(sql);
      if (statement === undefined) {
        statement = database.prepare(sql);
        if (statements.size >= KEPT_STATEMENTS) statements.clear();
        statements.set(sql, statement);
      }
      return statement;
    },
  };
}
