/**
 * Checks the tables. Those made by hand, by another version, or changed since, fail at somebody's sign-in. What
 * they should be is read from the migrations themselves, as they would be printed.
 */
import { type Dialect, migrationSql } from '@latchkey/sql';
import { type Place, type SqlConnection, tablesAt } from '../connection.ts';
import { type Column, type PrintedTable, readTables } from '../tables.ts';
import { about, type Finding } from './finding.ts';

interface Table {
  readonly columns: ReadonlyMap<string, Column>;
  readonly indices: readonly string[];
}

const { ok, info, warning, error } = about('schema');

/** What it saw where nothing was migrated. */
export const NO_TABLES = 'There are no tables of Latchkey here';

/** The tables against the migrations. */
export async function checkSchema(connection: SqlConnection, place: Place): Promise<Finding[]> {
  const text = migrationSql(connection.dialect, tablesAt(connection.dialect, place));
  const expected = readTables(text);
  const actual = new Map<string, Table | null>();
  for (const name of expected.keys()) actual.set(name, await readTable(connection, name, place.schema));
  if ([...actual.values()].every((table) => table === null))
    return [error(NO_TABLES, 'Run `latchkey migrate`; give it the --prefix and --schema of your application.')];
  const findings: Finding[] = [];
  for (const [name, table] of expected) {
    const found = actual.get(name);
    if (found) findings.push(...compare(name, table, found));
    else findings.push(error(`The table ${name} is missing`, 'Run `latchkey migrate`.'));
  }
  const migrations = [...expected.keys()].find((name) => name.endsWith('migrations'))!;
  if (actual.get(migrations)) findings.push(...(await compareMigrations(connection, text, migrations, place.schema)));
  return findings.length > 0 ? findings : [ok(`${expected.size} tables are as the migrations make them`)];
}

function* compare(name: string, expected: PrintedTable, found: Table): Generator<Finding> {
  for (const [column, wanted] of expected.columns) {
    const is = found.columns.get(column);
    const put = `Make it ${wanted.type}${wanted.nullable ? '' : ' not null'}${wanted.exact ? ', compared byte by byte' : ''}, as \`latchkey migrate --print\` shows.`;
    if (is === undefined)
      yield error(`${name}.${column} is missing`, `Run \`latchkey migrate\`; if it was dropped by hand: ${put}`);
    else if (is.type !== wanted.type) yield error(`${name}.${column} is ${is.type}`, put);
    else if (is.nullable !== wanted.nullable)
      yield warning(`${name}.${column} is ${is.nullable ? 'nullable' : 'not null'}`, put);
    else if (wanted.exact && !is.exact)
      yield error(`${name}.${column} is compared by a locale: two ids can count as one`, put);
  }
  for (const [column, { nullable, hasDefault }] of found.columns) {
    if (expected.columns.has(column)) continue;
    if (nullable || hasDefault) yield info(`${name}.${column} is not Latchkey's`);
    else
      yield error(
        `${name}.${column} is not Latchkey's and has to have a value: nothing can be added`,
        'Drop it, or let it be null.',
      );
  }
  for (const index of expected.indices.keys()) {
    if (!found.indices.includes(index))
      yield warning(
        `The index ${index} is missing: what it is for gets slow`,
        'Create it, as `latchkey migrate --print` shows.',
      );
  }
}

async function compareMigrations(
  { run, dialect }: SqlConnection,
  text: string,
  table: string,
  schema: string | undefined,
): Promise<Finding[]> {
  const known = [...text.matchAll(/insert (?:ignore )?into .* values \('([^']+)'\)/g)].map(([, name]) => name!);
  const mark = dialect === 'mysql' ? '`' : '"';
  const rows = await run<{ name: string | Uint8Array }>(
    `select name from ${schema === undefined ? '' : `${mark}${schema}${mark}.`}${mark}${table}${mark}`,
  );
  const applied = rows.map(({ name }) => (typeof name === 'string' ? name : Buffer.from(name).toString()));
  const missing = known.filter((name) => !applied.includes(name));
  const unknown = applied.filter((name) => !known.includes(name));
  return [
    ...missing.map((name) => error(`The migration ${name} was not applied`, 'Run `latchkey migrate`.')),
    ...unknown.map((name) =>
      warning(`The migration ${name} is not known here`, 'Bring this program up to the version of your application.'),
    ),
  ];
}

interface Described {
  readonly name: string;
  readonly type: string;
  readonly nullable: number | boolean;
  readonly collation: string | null;
  readonly fallback: unknown;
}

const COLUMNS: Readonly<Record<Dialect, string>> = {
  sqlite: `select name, lower(type) as type, not "notnull" as nullable, null as collation, dflt_value as fallback from pragma_table_info(?)`,
  postgres: `select column_name as name, data_type as type, is_nullable = 'YES' as nullable, collation_name as collation, column_default as fallback
    from information_schema.columns where table_name = $1 and table_schema = coalesce($2, current_schema())`,
  mysql: `select column_name as name, lower(column_type) as type, is_nullable = 'YES' as nullable, null as collation, column_default as fallback
    from information_schema.columns where table_name = ? and table_schema = coalesce(?, database())`,
};

const INDICES: Readonly<Record<Dialect, string>> = {
  sqlite: `select name from sqlite_master where type = 'index' and tbl_name = ?`,
  postgres:
    'select indexname as name from pg_indexes where tablename = $1 and schemaname = coalesce($2, current_schema())',
  mysql:
    'select distinct index_name as name from information_schema.statistics where table_name = ? and table_schema = coalesce(?, database())',
};

async function readTable(
  { dialect, run }: SqlConnection,
  name: string,
  schema: string | undefined,
): Promise<Table | null> {
  const parameters = dialect === 'sqlite' ? [name] : [name, schema ?? null];
  const described = await run<Described>(COLUMNS[dialect], parameters);
  if (described.length === 0) return null;
  const indices = await run<{ name: string }>(INDICES[dialect], parameters);
  const columns = described.map(({ name: column, type, nullable, collation, fallback }) => {
    const isDefault = fallback !== null && fallback !== 'NULL';
    return [
      column,
      { type: plainType(type), nullable: Number(nullable) === 1, exact: collation === 'C', hasDefault: isDefault },
    ] as const;
  });
  return { columns: new Map(columns), indices: indices.map((index) => index.name) };
}

/** Without what servers add: the display width of an integer, the zone that a timestamp does not have. */
function plainType(type: string): string {
  return type.replace(/^(bigint|tinyint|int)\(\d+\)$/, '$1').replace(' without time zone', '');
}
