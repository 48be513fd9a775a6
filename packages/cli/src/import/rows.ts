/** Rows to import, from a table of an SQL database or from a file of JSON or CSV, a few at a time. */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { sql } from 'kysely';
import { openSql, type SqlConnection } from '../connection.ts';
import { Fault, messageOf } from '../terminal/fault.ts';
import { flatRow } from './layouts.ts';
import type { Row } from './values.ts';

export type { Row } from './values.ts';

export interface Rows {
  /** Where they come from, as it may be shown. */
  readonly shown: string;
  /** How many there are. */
  readonly total: number;
  /** All of them, from the first on; may be called again. */
  read(): AsyncIterable<Row>;
  close(): Promise<void>;
}

/** A table, and what another one adds to its rows. */
export interface Query {
  readonly table: string;
  /** For example the table of users, whose `column` is added to a row by its `on`. */
  readonly join?: { readonly table: string; readonly on: string; readonly key: string; readonly column: string };
  /** What the column with the credential id may be called; rows are read in its order. */
  readonly order: readonly string[];
  /** Columns of JSON objects whose members count as columns of the row. */
  readonly json: readonly string[];
}

const PAGE = 500;

/** Opens what `from` names: `postgres://…`, `mysql://…`, `sqlite:FILE`, or a file whose name ends in .json, .jsonl or .csv. */
export async function openRows(from: string, query: Query): Promise<Rows> {
  if (/^[a-z+]+:/i.test(from) && !/^[a-z]:[\\/]/i.test(from))
    return tableRows(await openSql(from, { readonly: true }), query);
  const all = fileRows(from);
  return {
    shown: from,
    total: all.length,
    async *read() {
      for (const row of all) yield flatRow(row, query.json);
    },
    close: async () => {},
  };
}

async function tableRows(connection: SqlConnection, { table, join, order, json }: Query): Promise<Rows> {
  const { db, shown } = connection;
  const asked = async <T>(work: Promise<{ rows: T[] }>) =>
    (
      await work.catch(async (error) => {
        await connection.close();
        throw new Fault('usage', `${shown}, table ${table}: ${messageOf(error)}`, error);
      })
    ).rows;
  const [counted] = await asked(
    sql<{ total: number | string }>`select count(*) as total from ${sql.table(table)}`.execute(db),
  );
  const [first] = await asked(sql<Row>`select * from ${sql.table(table)} limit 1`.execute(db));
  // Where the id is inside a column of JSON, that one is as good an order as any.
  const key = first === undefined ? null : columnNamed(first, [...order, ...json]);
  if (first !== undefined && key === null) {
    await connection.close();
    throw new Fault(
      'usage',
      `The table ${table} has no column ${order.join(' or ')}; name it: --column credentialId=…`,
    );
  }
  return {
    shown: `${shown} table ${table}`,
    total: Number(counted?.total),
    async *read() {
      if (key === null) return;
      for (let offset = 0; ; offset += PAGE) {
        const added = join === undefined ? sql`` : sql`, joined.${sql.ref(join.column)} as ${sql.ref(join.column)}`;
        const joined =
          join === undefined
            ? sql``
            : sql`left join ${sql.table(join.table)} as joined on joined.${sql.ref(join.key)} = own.${sql.ref(join.on)}`;
        const page = await asked(
          sql<Row>`select own.*${added} from ${sql.table(table)} as own ${joined}
            order by own.${sql.ref(key!)} limit ${sql.lit(PAGE)} offset ${sql.lit(offset)}`.execute(db),
        );
        for (const row of page) yield flatRow(row, json);
        if (page.length < PAGE) return;
      }
    },
    close: connection.close,
  };
}

/** The name a row has for a column: `userId`, `user_id` and `userid` are one. */
export function columnNamed(row: Row, names: readonly string[]): string | null {
  const plain = (name: string) => name.toLowerCase().replaceAll('_', '');
  for (const name of names) {
    if (Object.hasOwn(row, name)) return name;
    const found = Object.keys(row).find((key) => plain(key) === plain(name));
    if (found !== undefined) return found;
  }
  return null;
}

function fileRows(file: string): Row[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    throw new Fault('unreachable', `${file} cannot be read: ${messageOf(error)}`, error);
  }
  if (/\.csv$/i.test(file)) return csvRows(file, text);
  try {
    const rows: unknown = /\.jsonl$/i.test(file)
      ? text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map((line) => JSON.parse(line) as unknown)
      : JSON.parse(text);
    if (Array.isArray(rows) && rows.every((row) => typeof row === 'object' && row !== null)) return rows as Row[];
  } catch (error) {
    throw new Fault('usage', `${file} is no JSON: ${messageOf(error)}`, error);
  }
  throw new Fault('usage', `${file} is to be a JSON array of objects, one for each passkey.`);
}

/** RFC 4180: the first line names the columns; an empty field is no value, nor is MySQL's `\N`. */
function csvRows(file: string, text: string): Row[] {
  try {
    return parse(text, {
      columns: (names: string[]) => {
        const twice = names.find((name, index) => names.indexOf(name) !== index);
        if (twice !== undefined) throw new Error(`two columns are called ${twice}`);
        return names;
      },
      skip_empty_lines: true,
      cast: (field, { header }) => (!header && (field === '' || field === '\\N') ? null : field),
    });
  } catch (error) {
    throw new Fault('usage', `${file} is no CSV with commas: ${messageOf(error)}`, error);
  }
}
