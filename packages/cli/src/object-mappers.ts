/** The tables in the words of Prisma and Drizzle, so that these can read them and know that they are there. */
import type { Dialect } from '@latchkey/sql';
import { type PrintedColumn, type PrintedTable, readTables } from './tables.ts';

/** The mappers whose words are known. */
export const MAPPERS = ['prisma', 'drizzle'] as const;
export type Mapper = (typeof MAPPERS)[number];

/** The schema of the tables that this SQL makes. `schema` is where they are, where that was asked for. */
export function mapped(mapper: Mapper, dialect: Dialect, sql: string, schema: string | undefined): string {
  const tables = [...readTables(sql)];
  return mapper === 'prisma' ? prisma(dialect, tables, schema) : drizzle(dialect, tables, schema);
}

type Tables = readonly (readonly [string, PrintedTable])[];

const MADE_BY = 'The tables of Latchkey. `latchkey migrate` makes and changes them; print this anew after an update.';

/** The number in `varbinary(64)`. */
const lengthIn = (type: string) => /\d+/.exec(type)?.[0] ?? '';

// --- Prisma ---

/** SQLite has one integer of 64 bits for everything, and instants need them. */
const PRISMA_TYPES: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  sqlite: { text: 'String', blob: 'Bytes', integer: 'BigInt', timestamp: 'DateTime' },
  postgres: {
    text: 'String',
    bytea: 'Bytes',
    smallint: 'Int @db.SmallInt',
    bigint: 'BigInt',
    timestamp: 'DateTime @db.Timestamp(6)',
  },
  mysql: {
    varbinary: 'Bytes @db.VarBinary(LENGTH)',
    mediumtext: 'String @db.MediumText',
    tinyint: 'Int @db.TinyInt',
    bigint: 'BigInt',
    timestamp: 'DateTime @db.Timestamp(0)',
  },
};

function prisma(dialect: Dialect, tables: Tables, schema: string | undefined): string {
  const field = (table: string, name: string, column: PrintedColumn) => {
    const [type, ...native] = typeIn(PRISMA_TYPES[dialect], column).split(' ');
    const uniqueName = { sqlite: '', postgres: `(map: "${table}_${name}_key")`, mysql: `(map: "${name}")` }[dialect];
    return [
      name,
      `${type}${column.nullable ? '?' : ''}`,
      ...(column.isPrimary ? ['@id'] : []),
      ...(column.isUnique ? [`@unique${uniqueName}`] : []),
      ...(column.hasDefault ? ['@default(now())'] : []),
      ...native,
    ].join(' ');
  };
  const models = tables.map(([table, { columns, indices }]) => {
    const lines = [
      ...[...columns].map(([name, column]) => field(table, name, column)),
      ...[...indices].map(([index, on]) => `@@index([${on.join(', ')}], map: "${index}")`),
      ...(schema === undefined ? [] : [`@@schema("${schema}")`]),
    ];
    return `model ${table} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
  });
  return [`// ${MADE_BY}\n`, ...models].join('\n');
}

// --- Drizzle ---

const BYTES = "customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' })";
const SIZED_BYTES =
  'customType<{ data: Uint8Array; driverData: Uint8Array; config: { length: number }; configRequired: true }>({\n' +
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is printed.
  '  dataType: ({ length }) => `varbinary(${length})`,\n})';

interface Drizzle {
  readonly module: string;
  readonly table: string;
  readonly types: Readonly<Record<string, string>>;
  /** What Drizzle has no word for. */
  readonly own: Readonly<Record<string, string>>;
}

const DRIZZLE: Readonly<Record<Dialect, Drizzle>> = {
  sqlite: {
    module: 'sqlite-core',
    table: 'sqliteTable',
    types: { text: 'text()', blob: "blob({ mode: 'buffer' })", integer: 'integer()', timestamp: 'numeric()' },
    own: {},
  },
  postgres: {
    module: 'pg-core',
    table: 'pgTable',
    types: {
      text: 'text()',
      bytea: 'bytes()',
      smallint: 'smallint()',
      bigint: "bigint({ mode: 'number' })",
      timestamp: 'timestamp()',
    },
    own: { bytes: BYTES },
  },
  mysql: {
    module: 'mysql-core',
    table: 'mysqlTable',
    types: {
      varbinary: 'bytes({ length: LENGTH })',
      mediumtext: 'mediumtext()',
      tinyint: 'tinyint()',
      bigint: "bigint({ mode: 'number' })",
      timestamp: 'timestamp()',
    },
    own: { bytes: SIZED_BYTES },
  },
};

function drizzle(dialect: Dialect, tables: Tables, schema: string | undefined): string {
  const { module, table: maker, types, own } = DRIZZLE[dialect];
  const schemaOf = dialect === 'mysql' ? 'mysqlSchema' : 'pgSchema';
  const made = schema === undefined ? maker : 'schema.table';
  const member = (table: string, name: string, column: PrintedColumn) => {
    // In SQLite it is a part of the table, where Drizzle does not look: it would make it once more.
    const unique = { sqlite: [], postgres: [`unique('${table}_${name}_key')`], mysql: [`unique('${name}')`] }[dialect];
    return [
      `${name}: ${typeIn(types, column)}`,
      ...(column.isPrimary ? ['primaryKey()'] : column.nullable ? [] : ['notNull()']),
      ...(column.isUnique ? unique : []),
      ...(column.hasDefault
        ? [`default(sql\`${dialect === 'sqlite' ? '(current_timestamp)' : 'CURRENT_TIMESTAMP'}\`)`]
        : []),
    ].join('.');
  };
  const body = tables.map(([table, { columns, indices }]) => {
    const members = [...columns].map(([name, column]) => `    ${member(table, name, column)},\n`).join('');
    const on = [...indices].map(
      ([index, names]) => `    index('${index}').on(${names.map((name) => `table.${name}`).join(', ')}),\n`,
    );
    const more = on.length === 0 ? '' : `  (table) => [\n${on.join('')}  ],\n`;
    return `export const ${table} = ${made}(\n  '${table}',\n  {\n${members}  },\n${more});\n`;
  });
  const helpers = Object.entries(own).map(([name, value]) => `const ${name} = ${value};\n`);
  const place = schema === undefined ? [] : [`const schema = ${schemaOf}('${schema}');\n`];
  const used = [helpers, place, body].flat().join('\n');
  const words = [
    'bigint',
    'blob',
    'customType',
    'index',
    'integer',
    'mediumtext',
    'numeric',
    'smallint',
    'text',
    'timestamp',
  ];
  const imported = [...words, 'tinyint', maker, schemaOf]
    .filter((word) => own[word] === undefined && new RegExp(`(?<![.'\\w])${word}[(<]`).test(used))
    .sort();
  const imports = `import { sql } from 'drizzle-orm';\nimport { ${imported.join(', ')} } from 'drizzle-orm/${module}';\n`;
  return [`// ${MADE_BY}\n${imports}`, used].join('\n');
}

/** The mapper's word for a column's type. */
function typeIn(types: Readonly<Record<string, string>>, { type }: PrintedColumn): string {
  const word = types[type.replace(/\(.*/, '')];
  if (word === undefined) throw new Error(`Nothing is known here for columns of the type ${type}.`);
  return word.replace('LENGTH', lengthIn(type));
}
