/**
 * The SQL databases the tests run on, each opened the way an application opens it. A server that does
 * not answer fails its tests with a sentence that says what to do; none is left out, save MySQL, which is only tested where
 * MYSQL_URL names one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PGlite } from '@electric-sql/pglite';
import { type Dialect, nodeSqlite, preparedOnce } from '@latchkey/sql';
import { createClient } from '@libsql/client';
import { LibsqlDialect } from '@libsql/kysely-libsql';
import BetterSqlite3 from 'better-sqlite3';
import {
  CompiledQuery,
  Kysely,
  type Dialect as KyselyDialect,
  MysqlDialect,
  PGliteDialect,
  PostgresDialect,
  SqliteDialect,
} from 'kysely';
import { createPool } from 'mysql2';
import { Pool } from 'pg';

/** No tables of ours: the store brings the types of its own. */
type Theirs = Record<never, never>;

export interface Opened {
  readonly db: Kysely<Theirs>;
  /** What to begin the names of tables with, so that runs at the same time do not meet. */
  readonly tablePrefix: string;
  /** Every statement so far, oldest first. */
  readonly statements: { readonly sql: string; readonly parameters: readonly unknown[] }[];
  /** Runs SQL text as it is. */
  run<Row>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Drops the tables and disconnects. */
  close(): Promise<void>;
}

export interface Database {
  readonly name: string;
  readonly dialect: Dialect;
  /** How another process reaches the same database. */
  readonly url: string;
  open(): Promise<Opened>;
}

const TABLES = ['ceremonies', 'handles', 'passkeys', 'sessions', 'attempts', 'invitations', 'declines', 'migrations'];

/**
 * Kysely's dialect for a URL: `sqlite:FILE`, `postgres://…` or `mysql://…`; `node:sqlite:FILE`, `file:FILE` for libSQL, and
 * `pglite:`, which is in memory. MySQL runs `first` on each new connection.
 */
export function kyselyDialect(url: string, first?: string): KyselyDialect {
  if (url.startsWith('node:sqlite:')) return nodeSqlite(new DatabaseSync(url.slice(12), { timeout: 5_000 }));
  if (url.startsWith('file:')) return new LibsqlDialect({ client: createClient({ url }) as never });
  if (url === 'pglite:') return new PGliteDialect({ pglite: new PGlite() });
  if (url.startsWith('sqlite:')) return new SqliteDialect({ database: preparedOnce(new BetterSqlite3(url.slice(7))) });
  if (url.startsWith('mysql:')) {
    const pool = createPool(url);
    // A connection does in order what it is sent.
    if (first !== undefined) pool.on('connection', (connection) => connection.query(first));
    return new MysqlDialect({ pool });
  }
  return new PostgresDialect({ pool: preparedOnce(new Pool({ connectionString: url })) });
}

function database(name: string, dialect: Dialect, url: string, advice: string, first?: string): Database {
  return {
    name,
    dialect,
    url,
    async open() {
      const statements: Opened['statements'] = [];
      const db = new Kysely<Theirs>({
        dialect: kyselyDialect(url, first),
        log: ({ query }) => void statements.push(query),
      });
      const run: Opened['run'] = async <Row>(text: string, parameters: readonly unknown[] = []) =>
        (await db.executeQuery<Row>(CompiledQuery.raw(text, [...parameters]) as CompiledQuery<Row>)).rows;
      await run('select 1').catch((cause) => {
        throw new Error(`${name} does not answer at ${url}: ${advice}.`, { cause });
      });
      const tablePrefix = `t${crypto.randomUUID().slice(0, 8)}_`;
      return {
        db,
        tablePrefix,
        statements,
        run,
        async close() {
          for (const table of TABLES) await run(`drop table if exists ${tablePrefix}${table}`);
          await db.destroy();
        },
      };
    },
  };
}

const { POSTGRES_URL, MARIADB_URL, MYSQL_URL } = process.env;

const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

export const POSTGRES = POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test';
const POSTGRES_ADVICE =
  'install it (`apt-get install postgresql`) and start it, or set POSTGRES_URL to a database that may be written to';

/** The same PostgreSQL, to clients whose transactions are stricter than the store expects: that must not matter. */
export const strictPostgres: Database = database(
  'PostgreSQL, serializable by default',
  'postgres',
  `${POSTGRES}${POSTGRES.includes('?') ? '&' : '?'}options=-c%20default_transaction_isolation%3Dserializable`,
  POSTGRES_ADVICE,
);

const MARIADB = MARIADB_URL ?? 'mysql://root@127.0.0.1:3306/test';
const MARIADB_ADVICE =
  'install it (`apt-get install mariadb-server`) and start it, or set MARIADB_URL to a database that may be written to';

/**
 * The same MariaDB, to connections that are not as the driver takes them to be: it escapes text by the rules of another mode
 * or another character set. Nothing of it may reach a statement, or anyone could write into the statement.
 */
export const oddMariadbs: readonly Database[] = [
  database(
    'MariaDB, where a backslash escapes nothing',
    'mysql',
    MARIADB,
    MARIADB_ADVICE,
    "set session sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES'",
  ),
  database('MariaDB, on connections in latin1', 'mysql', MARIADB, MARIADB_ADVICE, 'set names latin1'),
];

/** Databases that run in the process, besides better-sqlite3: nothing has to be started for them. */
export const embedded: readonly Database[] = [
  database('SQLite by node:sqlite', 'sqlite', `node:sqlite:${join(folder, 'node.db')}`, 'use Node.js 22.16 or newer'),
  database('libSQL', 'sqlite', `file:${join(folder, 'libsql.db')}`, 'install @libsql/client anew'),
  database('PGlite', 'postgres', 'pglite:', 'install @electric-sql/pglite anew'),
];

export const databases: readonly Database[] = [
  database('SQLite in a file', 'sqlite', `sqlite:${join(folder, 'test.db')}`, 'make the temporary folder writable'),
  database('SQLite in memory', 'sqlite', 'sqlite::memory:', 'install better-sqlite3 anew'),
  database('PostgreSQL', 'postgres', POSTGRES, POSTGRES_ADVICE),
  database('MariaDB', 'mysql', MARIADB, MARIADB_ADVICE),
  ...(MYSQL_URL === undefined
    ? []
    : [database('MySQL', 'mysql', MYSQL_URL, 'start it, or set MYSQL_URL to a database that may be written to')]),
];
