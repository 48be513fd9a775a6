/** Node.js' own SQLite for Kysely: nothing to install and nothing to build. Its module is the application's to import. */
import { type Dialect, SqliteDialect, type SqliteStatement } from 'kysely';
import { preparedOnce } from './prepared-once.ts';

/** As much of `DatabaseSync` of `node:sqlite` as is used. */
export interface NodeSqliteDatabase {
  /** Compiles a statement. */
  prepare(sql: string): NodeSqliteStatement;
  /** Closes the file. */
  close(): void;
}

/** As much of `StatementSync` of `node:sqlite` as is used: Node.js 22.16 has all of it. */
export interface NodeSqliteStatement {
  /** The columns of its result: none where it has no result. */
  columns(): readonly unknown[];
  /** Runs it, and gives all rows. */
  all(...parameters: unknown[]): unknown[];
  /** Runs it, and says what it changed. */
  run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  /** Runs it, and gives row by row. */
  iterate(...parameters: unknown[]): Iterator<unknown>;
}

/**
 * A Kysely dialect over `DatabaseSync` of `node:sqlite`, which Node.js has from 22.16 on. Each statement is prepared once and
 * kept. The database is yours to open, with its `timeout` and its pragmas; Kysely closes it when it is destroyed itself.
 *
 * ```ts
 * const file = new DatabaseSync('app.db', { timeout: 500 });
 * const db = new Kysely({ dialect: nodeSqlite(file) });
 * ```
 */
export function nodeSqlite(database: NodeSqliteDatabase): Dialect {
  return new SqliteDialect({
    database: preparedOnce({
      close: () => database.close(),
      prepare: (sql) => translated(database.prepare(sql)),
    }),
  });
}

/** The statement as better-sqlite3 has it: that is what Kysely calls. */
function translated(statement: NodeSqliteStatement): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...parameters),
    run: (parameters) => statement.run(...parameters),
    *iterate(parameters) {
      const rows = statement.iterate(...parameters);
      for (let row = rows.next(); !row.done; row = rows.next()) yield row.value;
    },
  };
}
