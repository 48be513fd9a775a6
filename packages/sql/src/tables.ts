/**
 * Why this file exists: what a row of each table looks like to Kysely, and what the tables are called. `migrations.ts`
 * creates them.
 */
import type { ColumnType } from 'kysely';
import type { Dialect } from './dialect.ts';

/** Text that is compared byte by byte. In MySQL it is kept as bytes, because its text ignores trailing spaces. */
export type Exact = ColumnType<string | Uint8Array, string, string>;

/** An integer of up to 64 bits: drivers give a number, a bigint or, in pg, text. */
export type Integer = ColumnType<number | bigint | string, number, number>;

export interface CeremonyRow {
  attempt_id: Exact;
  purpose: Exact;
  binding: Exact;
  user_id: Exact | null;
  begun: Integer;
  expires_at: Integer;
  /** open, then for ever consumed (taken) or expired (swept). */
  status: Exact;
  state: string;
}

/** One row for each user who ever had a handle. It is also what two changes to the same user's passkeys wait for. */
export interface HandleRow {
  user_id: Exact;
  handle: Uint8Array;
}

export interface PasskeyRow {
  id: Exact;
  user_id: Exact;
  user_handle: Uint8Array;
  credential_id: Uint8Array;
  public_key: Uint8Array;
  algorithm: Integer;
  sign_count: Integer;
  /** JSON array of strings. */
  transports: string;
  aaguid: Exact;
  backup_eligible: Integer;
  backed_up: Integer;
  rp_id: string;
  nickname: string;
  enabled: Integer;
  generation: Integer;
  created_at: Integer;
  last_used_at: Integer | null;
}

export interface AttemptRow {
  event_id: Exact;
  name: Exact;
  occurred_at: Integer;
  user_id: Exact | null;
  outcome: Exact;
  enforcement: Exact;
  /** The whole record as JSON; the other columns are there to find it. */
  record: string;
}

export interface Tables {
  ceremonies: CeremonyRow;
  handles: HandleRow;
  passkeys: PasskeyRow;
  attempts: AttemptRow;
}

/** Where the tables are. */
export interface TableOptions {
  /** What the names of all tables begin with: a lower-case letter, then letters, digits and `_`, at most 30. Default `latchkey_`. */
  readonly tablePrefix?: string;
  /** The PostgreSQL schema or the MySQL database they are in, if it is not the connection's own. */
  readonly schema?: string;
}

/** The prefix asked for, checked: it becomes part of SQL text. */
export function prefixOf(dialect: Dialect, { tablePrefix = 'latchkey_', schema }: TableOptions): string {
  if (dialect === 'sqlite' && schema !== undefined) {
    throw new TypeError(`\`schema\` is ${JSON.stringify(schema)}, but SQLite has no schemas; leave it out.`);
  }
  if (/^[a-z][a-z0-9_]{0,29}$/.test(tablePrefix)) return tablePrefix;
  throw new TypeError(
    `\`tablePrefix\` is ${JSON.stringify(tablePrefix)}; write a lower-case letter followed by lower-case letters, digits ` +
      `or underscores, at most 30 characters in all, such as 'latchkey_'.`,
  );
}

/** A table's full name, to the compiler still the short one: that is what its rows are known by. */
export function tableNames(prefix: string): { [Name in keyof Tables]: Name } {
  const named = <Name extends keyof Tables>(name: Name) => `${prefix}${name}` as Name;
  return {
    ceremonies: named('ceremonies'),
    handles: named('handles'),
    passkeys: named('passkeys'),
    attempts: named('attempts'),
  };
}

export const textOf = (value: string | Uint8Array): string =>
  typeof value === 'string' ? value : Buffer.from(value).toString();
export const flagOf = (value: number | bigint | string): boolean => Number(value) === 1;
