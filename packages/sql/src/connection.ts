/**
 * Every statement passes through here. Building and compiling a query costs Kysely far more than
 * running it on a near database, so a statement is compiled once and afterwards only its parameters change.
 */
import { setTimeout } from 'node:timers/promises';
import { type Compilable, type CompiledQuery, type Kysely, sql, type Transaction } from 'kysely';
import { type Dialect, dialectOf, isUndone, isUnmigrated } from './dialect.ts';
import { prefixOf, type TableOptions, type Tables, TRANSLATED, tableNames } from './tables.ts';

/** Options of `sqlStore` and `migrate`: give both the same. */
export interface SqlStoreOptions extends TableOptions {
  /** What the database speaks; MariaDB is `mysql`. By default what Kysely's own dialect is for. */
  readonly dialect?: Dialect;
}

type Value = string | number | Uint8Array | null;

/** What a statement did: the rows it gave, and how many it inserted, changed or deleted. */
export interface Done<Row> {
  readonly rows: Row[];
  readonly changed: number;
}

/** A compiled query that waits for its parameters. Inside a transaction, it runs there. */
export type Statement<Parameters, Row> = (
  parameters: Parameters,
  transaction?: Transaction<Tables>,
) => Promise<Done<Row>>;

/** Stands for a parameter while a query is compiled. */
class Slot {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * How often a statement or a transaction is tried that the database undid because another stood in its way. Each time it
 * waits a little longer, and not as long as the others, so that they do not meet again.
 */
const TRIES = 10;
const WAIT_MS = 4;

/** `pragma synchronous` as SQLite says it: 0 is off, 1 normal, 2 full, 3 extra. */
const NORMAL = 1;

type Work<T> = (transaction: Transaction<Tables>) => Promise<T>;

export type Connection = ReturnType<typeof connect>;

/** What the five stores share: the database as ours, its dialect, the names of the tables, and ways to run statements. */
export function connect<DB>(theirs: Kysely<DB>, options: SqlStoreOptions) {
  const dialect = dialectOf(theirs, options.dialect);
  // Plugins such as CamelCasePlugin are about their tables, not ours.
  const plain = (theirs as unknown as Kysely<Tables>).withoutPlugins();
  const db = options.schema === undefined ? plain : plain.withSchema(options.schema);
  const prefix = prefixOf(dialect, options);

  /** MySQL gets text as bytes: no character set of a connection and no escape rule of a server can change them. */
  const bound = (value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return dialect === 'mysql' && typeof value === 'string' ? Buffer.from(value) : value;
  };

  const explained = (error: unknown) => {
    if (!isUnmigrated(error)) return error;
    return new Error(
      `A table or column of Latchkey is missing (table prefix '${prefix}'). Run \`await migrate(db, options)\` from ` +
        '@latchkey/sql with the same options once, at deployment, or apply what `migrationSql(dialect, options)` prints.',
      { cause: error },
    );
  };

  async function retried<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (tries === TRIES || !isUndone(error)) throw explained(error);
        await setTimeout(Math.random() * WAIT_MS * tries);
      }
    }
  }

  /** Tried again as a whole where the database undoes it. */
  const transacted = <T>(on: Kysely<Tables>, work: Work<T>): Promise<T> =>
    retried(() => {
      const transaction = on.transaction();
      return (dialect === 'postgres' ? transaction.setIsolationLevel('read committed') : transaction).execute(work);
    });

  const synchronous = sql<{ synchronous: number | bigint }>`pragma ${sql.id(options.schema ?? 'main')}.synchronous`;

  async function run<Row>(
    { parameters, ...query }: CompiledQuery<Row>,
    transaction: Transaction<Tables> | undefined,
  ): Promise<Done<Row>> {
    const bindable = { ...query, parameters: parameters.map(bound) };
    // A transaction is tried again as a whole, by whoever opened it.
    const { rows, numAffectedRows } = await (transaction === undefined
      ? retried(() => db.executeQuery<Row>(bindable))
      : transaction.executeQuery<Row>(bindable));
    // Of a statement that returns what it changed, libSQL says that it changed nothing.
    return { rows, changed: rows.length || Number(numAffectedRows ?? 0) };
  }

  return {
    db,
    dialect,
    tables: tableNames(prefix),

    /** Columns as they are to be selected: from MySQL as bytes, which no character set of a connection can change. */
    readable<Column extends string>(columns: readonly Column[]): readonly Column[] {
      if (dialect !== 'mysql') return columns;
      const asBytes = (column: Column) =>
        TRANSLATED.has(column) ? sql`cast(${sql.ref(column)} as binary)`.as(column) : column;
      return columns.map(asBytes) as unknown as readonly Column[];
    },

    /** Compiles a query once. `build` gets a stand-in for each parameter it names. */
    statement<Parameters extends Record<string, Value>, Row>(
      build: (parameters: Parameters) => Compilable<Row>,
    ): Statement<Parameters, Row> {
      const slots = new Proxy({} as Parameters, { get: (_, name) => new Slot(String(name)) });
      const compiled = build(slots).compile();
      return (parameters, transaction) => {
        const values = compiled.parameters.map((value) => (value instanceof Slot ? parameters[value.name] : value));
        return run({ ...compiled, parameters: values }, transaction);
      };
    },

    /** Runs a query whose shape is not known before. */
    once: <Row>(query: Compilable<Row>, transaction?: Transaction<Tables>) => run(query.compile(), transaction),

    /**
     * Runs `work` in a transaction in which each statement sees what was committed before it: what one waits for, the next
     * one sees. That is so in SQLite and, behind a lock, in MySQL; PostgreSQL may be set otherwise.
     */
    transaction: <T>(work: Work<T>): Promise<T> => transacted(db, work),

    /**
     * A transaction that a power cut does not undo, once it is answered. The servers keep every commit so; SQLite at
     * `synchronous=NORMAL` keeps the last ones in memory, and is told otherwise for this one. The setting is the connection's,
     * cannot change inside a transaction, and is set back.
     */
    durably<T>(work: Work<T>): Promise<T> {
      if (dialect !== 'sqlite') return transacted(db, work);
      return db.connection().execute(async (one) => {
        // A server that speaks SQLite may refuse the question: then the setting is its own.
        const level = await synchronous.execute(one).catch(() => undefined);
        if (Number(level?.rows[0]?.synchronous) !== NORMAL) return transacted(one, work);
        await sql`${synchronous} = full`.execute(one);
        try {
          return await transacted(one, work);
        } finally {
          await sql`${synchronous} = normal`.execute(one);
        }
      });
    },
  };
}

/** The members of a row, one by one: stand-ins cannot be listed. */
export function eachOf<Row extends object>(columns: readonly (keyof Row & string)[], row: Row): Row {
  return Object.fromEntries(columns.map((column) => [column, row[column]])) as Row;
}
