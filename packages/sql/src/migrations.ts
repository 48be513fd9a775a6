/**
 * The tables, and the migrations that create them. A migration is data: `migrate` runs the list, and `migrationSql` prints
 * it. A released migration is never edited; a change is a new one at the end.
 */
import { CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import type { SqlStoreOptions } from './connection.ts';
import { checkedDialect, type Dialect, dialectOf } from './dialect.ts';
import { prefixOf, type TableOptions, textOf } from './tables.ts';

/** The words a column's type is made of in each dialect. `exact` text and `bytes` are compared byte by byte. */
const TYPES = {
  sqlite: { exact: () => 'text', bytes: () => 'blob', text: 'text', flag: 'integer', integer: 'integer', end: '' },
  postgres: {
    exact: () => 'text collate "C"',
    bytes: () => 'bytea',
    text: 'text',
    flag: 'smallint',
    integer: 'bigint',
    end: '',
  },
  mysql: {
    exact: (length: number) => `varbinary(${length})`,
    bytes: (length: number) => `varbinary(${length})`,
    text: 'mediumtext',
    flag: 'tinyint',
    integer: 'bigint',
    end: ' engine = InnoDB default character set utf8mb4 collate utf8mb4_bin',
  },
} as const;

type Types = (typeof TYPES)[Dialect];

interface Table {
  readonly name: string;
  readonly columns: (types: Types) => Readonly<Record<string, string>>;
  readonly indices: Readonly<Record<string, string>>;
}

/** How long a process waits for another that migrates MySQL. SQLite waits as long as its `timeout`, PostgreSQL for ever. */
const LOCK_SECONDS = 60;

/** A user's id: 255 characters of at most 4 bytes. */
const USER_ID = 1_020;

const MIGRATIONS: readonly { readonly name: string; readonly tables: readonly Table[] }[] = [
  {
    name: '0001_ceremonies_passkeys_attempts',
    tables: [
      {
        name: 'ceremonies',
        columns: ({ exact, text, flag, integer }) => ({
          attempt_id: `${exact(64)} not null primary key`,
          purpose: `${exact(32)} not null`,
          binding: `${exact(64)} not null`,
          user_id: exact(USER_ID),
          begun: `${flag} not null`,
          expires_at: `${integer} not null`,
          status: `${exact(16)} not null`,
          state: `${text} not null`,
        }),
        indices: { ceremonies_due: 'status, expires_at' },
      },
      {
        name: 'handles',
        columns: ({ exact, bytes }) => ({
          user_id: `${exact(USER_ID)} not null primary key`,
          handle: `${bytes(64)} not null`,
        }),
        indices: {},
      },
      {
        name: 'passkeys',
        columns: ({ exact, bytes, text, flag, integer }) => ({
          id: `${exact(64)} not null primary key`,
          user_id: `${exact(USER_ID)} not null`,
          user_handle: `${bytes(64)} not null`,
          credential_id: `${bytes(1_023)} not null unique`,
          public_key: `${bytes(4_096)} not null`,
          algorithm: `${integer} not null`,
          sign_count: `${integer} not null`,
          transports: `${text} not null`,
          aaguid: `${exact(36)} not null`,
          backup_eligible: `${flag} not null`,
          backed_up: `${flag} not null`,
          attested: `${flag} not null`,
          rp_id: `${text} not null`,
          nickname: `${text} not null`,
          enabled: `${flag} not null`,
          generation: `${integer} not null`,
          created_at: `${integer} not null`,
          last_used_at: integer,
        }),
        indices: { passkeys_of_user: 'user_id' },
      },
      {
        name: 'attempts',
        columns: ({ exact, text, integer }) => ({
          event_id: `${exact(64)} not null primary key`,
          name: `${exact(64)} not null`,
          occurred_at: `${integer} not null`,
          user_id: exact(USER_ID),
          outcome: `${exact(32)} not null`,
          enforcement: `${exact(32)} not null`,
          record: `${text} not null`,
        }),
        indices: {
          attempts_by_time: 'occurred_at',
          attempts_by_user: 'user_id, event_id',
          attempts_by_name: 'name, event_id',
          attempts_by_outcome: 'outcome, event_id',
          attempts_by_enforcement: 'enforcement, event_id',
        },
      },
    ],
  },
  {
    name: '0002_sessions',
    tables: [
      {
        name: 'sessions',
        columns: ({ exact, text, flag, integer }) => ({
          id: `${exact(64)} not null primary key`,
          token_hash: `${exact(64)} not null unique`,
          user_id: `${exact(USER_ID)} not null`,
          rp_id: `${exact(255)} not null`,
          passkey_id: `${exact(64)} not null`,
          generation: `${integer} not null`,
          attempt_id: `${exact(64)} not null`,
          authenticated_at: `${integer} not null`,
          user_verified: `${flag} not null`,
          enforcement: `${exact(32)} not null`,
          first_factor: `${flag} not null`,
          step_up_at: integer,
          step_up_action: text,
          step_up_passkey_id: exact(64),
          step_up_user_verified: flag,
          created_at: `${integer} not null`,
          seen_at: `${integer} not null`,
          expires_at: `${integer} not null`,
          persistent: `${flag} not null`,
          address: text,
          user_agent: text,
        }),
        indices: { sessions_of_user: 'user_id', sessions_due: 'expires_at' },
      },
    ],
  },
  {
    name: '0003_invitations',
    tables: [
      {
        name: 'invitations',
        columns: ({ exact, flag, integer }) => ({
          id: `${exact(64)} not null primary key`,
          token_hash: `${exact(64)} not null unique`,
          user_id: `${exact(USER_ID)} not null`,
          rp_id: `${exact(255)} not null`,
          replaces_all: `${flag} not null`,
          created_at: `${integer} not null`,
          expires_at: `${integer} not null`,
          status: `${exact(16)} not null`,
          binding: exact(64),
          attempt_id: exact(64),
        }),
        indices: { invitations_of_user: 'user_id', invitations_due: 'expires_at' },
      },
    ],
  },
  {
    name: '0004_declines',
    tables: [
      {
        name: 'declines',
        columns: ({ exact, integer }) => ({
          user_id: `${exact(USER_ID)} not null primary key`,
          declined_at: `${integer} not null`,
        }),
        indices: {},
      },
    ],
  },
];

/** A migration's name, and its statements in order. Running one that was run before changes nothing. */
interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
}

/** Everything as SQL text for one dialect: first the table that remembers what was applied, then the migrations. */
function script(dialect: Dialect, options: TableOptions) {
  const prefix = prefixOf(dialect, options);
  const mark = dialect === 'mysql' ? '`' : '"';
  const quoted = (name: string) => mark + name.replaceAll(mark, mark + mark) + mark;
  const named = (table: string) => {
    const name = quoted(prefix + table);
    return options.schema === undefined ? name : `${quoted(options.schema)}.${name}`;
  };
  const types = TYPES[dialect];
  const body = (lines: readonly string[]) => `(\n  ${lines.join(',\n  ')}\n)${types.end}`;
  // MySQL cannot create an index only if it is not there, but a table with its indices.
  const inline = dialect === 'mysql';

  const created = ({ name, columns, indices }: Table): string[] => {
    const lines = Object.entries(columns(types)).map(([column, type]) => `${column} ${type}`);
    const keys = Object.entries(indices).map(([index, on]) => ({ index: quoted(prefix + index), on }));
    const inside = inline ? keys.map(({ index, on }) => `index ${index} (${on})`) : [];
    const beside = inline
      ? []
      : keys.map(({ index, on }) => `create index if not exists ${index} on ${named(name)} (${on})`);
    return [`create table if not exists ${named(name)} ${body([...lines, ...inside])}`, ...beside];
  };

  const columns = [`name ${types.exact(64)} not null primary key`, 'applied_at timestamp default current_timestamp'];
  const applied = named('migrations');
  const insert = (name: string) => `insert into ${applied} (name) values ('${name}')`;
  const recorded = (name: string) =>
    inline ? insert(name).replace('insert', 'insert ignore') : `${insert(name)} on conflict do nothing`;

  return {
    prefix,
    applied,
    first: `create table if not exists ${applied} ${body(columns)}`,
    migrations: MIGRATIONS.map(
      ({ name, tables }): Migration => ({ name, statements: [...tables.flatMap(created), recorded(name)] }),
    ),
  };
}

/**
 * Creates the tables, or brings them up to date, and gives the names of the migrations it applied: none the second time.
 * Safe when several processes do it at once: one does, the others wait. Nothing else in this package creates a table.
 *
 * The database user needs CREATE, in PostgreSQL on the schema.
 */
export async function migrate<DB>(db: Kysely<DB>, options: SqlStoreOptions = {}): Promise<string[]> {
  const dialect = dialectOf(db, options.dialect);
  const { prefix, applied, first, migrations } = script(dialect, options);
  const theirs = db.withoutPlugins();
  // SQLite's lock is a transaction that writes, and that has to have a table.
  if (dialect === 'sqlite') await theirs.executeQuery(CompiledQuery.raw(first));
  return locked(theirs, dialect, `${options.schema ?? ''} ${prefix}`, async (connection) => {
    const run = (text: string) => connection.executeQuery<{ name: string | Uint8Array }>(CompiledQuery.raw(text));
    // Changes nothing, but is a write: whoever reads first in a transaction of SQLite cannot wait for another's any more.
    await run(dialect === 'sqlite' ? `update ${applied} set name = name where name = ''` : first);
    const done = (await run(`select name from ${applied}`)).rows.map(({ name }) => textOf(name));
    const missing = migrations.filter(({ name }) => !done.includes(name));
    for (const text of missing.flatMap(({ statements }) => statements)) await run(text);
    return missing.map(({ name }) => name);
  });
}

/**
 * What {@link migrate} would run on an empty database, as SQL text to apply with a tool of your own. It records itself as
 * applied, so that `migrate` afterwards finds nothing to do.
 */
export function migrationSql(dialect: Dialect, options: TableOptions = {}): string {
  const { first, migrations } = script(checkedDialect(dialect), options);
  return [first, ...migrations.flatMap(({ statements }) => statements)].map((text) => `${text};\n`).join('\n');
}

/** Runs `work` on one connection while no other process runs it with the same key. */
function locked<DB, T>(
  db: Kysely<DB>,
  dialect: Dialect,
  key: string,
  work: (connection: Kysely<DB>) => Promise<T>,
): Promise<T> {
  if (dialect === 'postgres') {
    return db
      .transaction()
      .setIsolationLevel('read committed')
      .execute(async (transaction) => {
        await sql`select pg_advisory_xact_lock(hashtext(${`latchkey migrate ${key}`}))`.execute(transaction);
        return work(transaction);
      });
  }
  // Not by `begin immediate`: not every driver of SQLite keeps to one connection outside its own transactions.
  if (dialect === 'sqlite') return db.transaction().execute(work);
  return db.connection().execute(async (connection) => {
    const run = <Row>(text: RawBuilder<Row>) => text.execute(connection);
    // MySQL ends a transaction at each CREATE, so its lock has a name of its own; it counts for the whole server.
    // At most 64 characters long. MySQL 9.6 has no md5() any more.
    const name = sql`concat('latchkey ', left(sha2(concat(coalesce(database(), ''), ${key}), 256), 40))`;
    const { rows } = await run(
      sql<{ locked: number | string | null }>`select get_lock(${name}, ${LOCK_SECONDS}) as locked`,
    );
    if (Number(rows[0]?.locked) !== 1)
      throw new Error(`Another process has been migrating for ${LOCK_SECONDS} seconds.`);
    try {
      return await work(connection);
    } finally {
      await run(sql`select release_lock(${name})`);
    }
  });
}
