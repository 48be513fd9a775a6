/**
 * Keeps prepared statements. Kysely asks better-sqlite3 to prepare every statement anew, which costs more than running it,
 * and sends PostgreSQL each as text, to be parsed and planned anew.
 */
import { hash } from 'node:crypto';
import type { PostgresPool, PostgresPoolClient, SqliteDatabase, SqliteStatement } from 'kysely';

/** More than an application has, unless it builds SQL out of values. */
const KEPT_STATEMENTS = 1_000;

/**
 * A better-sqlite3 database, as Kysely needs it, that prepares each statement once and keeps it.
 *
 * ```ts
 * new SqliteDialect({ database: preparedOnce(new Database('app.db')) })
 * ```
 */
export function preparedOnce(database: SqliteDatabase): SqliteDatabase;
/**
 * A pool of pg, as Kysely needs it, that names each statement, so that PostgreSQL prepares it once per connection. Behind
 * PgBouncer in transaction mode this needs `max_prepared_statements` (1.21 or newer).
 *
 * ```ts
 * new PostgresDialect({ pool: preparedOnce(new Pool()) })
 * ```
 */
export function preparedOnce(pool: PostgresPool): PostgresPool;
export function preparedOnce(target: SqliteDatabase | PostgresPool): SqliteDatabase | PostgresPool {
  return 'prepare' in target ? preparedInDatabase(target) : preparedInPool(target);
}

function preparedInDatabase(database: SqliteDatabase): SqliteDatabase {
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

function preparedInPool(pool: PostgresPool): PostgresPool {
  const names = new Map<string, string>();
  // A connection keeps what it was told to prepare, so that a text that comes after so many others has no name.
  const nameOf = (sql: string): string | undefined => {
    if (!names.has(sql) && names.size < KEPT_STATEMENTS) names.set(sql, `latchkey_${hash('sha1', sql)}`);
    return names.get(sql);
  };
  // The same object for the same connection: Kysely knows connections by it.
  const wrapped = new WeakMap<PostgresPoolClient, PostgresPoolClient>();
  const wrap = (client: PostgresPoolClient): PostgresPoolClient => {
    const query = (sql: unknown, values?: readonly unknown[]): unknown => {
      const name = typeof sql === 'string' && values !== undefined && values.length > 0 ? nameOf(sql) : undefined;
      const send = client.query.bind(client) as (...args: unknown[]) => unknown;
      return name === undefined ? send(sql, values) : send({ name, text: sql, values });
    };
    return {
      ...(client.processID !== undefined && { processID: client.processID }),
      query: query as PostgresPoolClient['query'],
      release: (destroy) => client.release(destroy),
    };
  };
  return {
    ...(pool.Client !== undefined && { Client: pool.Client }),
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      const known = wrapped.get(client) ?? wrap(client);
      wrapped.set(client, known);
      return known;
    },
  };
}
