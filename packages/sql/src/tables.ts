/** What a row of each table looks like to Kysely, and what the tables are called. `migrations.ts` creates them. */
import { ConfigurationError } from '@latchkey/core';
import type { ColumnType } from 'kysely';
import type { Dialect } from './dialect.ts';

/** Text, compared byte by byte. MySQL gives it as bytes: its own text ignores trailing spaces, and follows the connection. */
export type Text = ColumnType<string | Uint8Array, string, string>;

/** An integer of up to 64 bits: drivers give a number, a bigint or, in pg, text. */
export type Integer = ColumnType<number | bigint | string, number, number>;

export interface CeremonyRow {
  attempt_id: Text;
  purpose: Text;
  binding: Text;
  user_id: Text | null;
  begun: Integer;
  expires_at: Integer;
  /** open, then for ever consumed (taken) or expired (swept). */
  status: Text;
  state: Text;
}

/** One row for each user who has a handle. It is also what two changes to the same user's passkeys wait for. */
export interface HandleRow {
  user_id: Text;
  handle: Uint8Array;
}

export interface PasskeyRow {
  id: Text;
  user_id: Text;
  user_handle: Uint8Array;
  credential_id: Uint8Array;
  public_key: Uint8Array;
  algorithm: Integer;
  sign_count: Integer;
  /** JSON array of strings. */
  transports: Text;
  aaguid: Text;
  backup_eligible: Integer;
  backed_up: Integer;
  attested: Integer;
  rp_id: Text;
  nickname: Text;
  enabled: Integer;
  generation: Integer;
  created_at: Integer;
  last_used_at: Integer | null;
}

/** One row for each user who said "not now" to a passkey that was offered: when. */
export interface DeclineRow {
  user_id: Text;
  declined_at: Integer;
}

export interface SessionRow {
  id: Text;
  token_hash: Text;
  user_id: Text;
  rp_id: Text;
  passkey_id: Text;
  generation: Integer;
  attempt_id: Text;
  authenticated_at: Integer;
  user_verified: Integer;
  enforcement: Text;
  first_factor: Integer;
  /** The last step-up: all four are null where there was none; the action also where it was for none in particular. */
  step_up_at: Integer | null;
  step_up_action: Text | null;
  step_up_passkey_id: Text | null;
  step_up_user_verified: Integer | null;
  created_at: Integer;
  seen_at: Integer;
  expires_at: Integer;
  persistent: Integer;
  address: Text | null;
  user_agent: Text | null;
}

export interface AttemptRow {
  event_id: Text;
  name: Text;
  occurred_at: Integer;
  user_id: Text | null;
  outcome: Text;
  enforcement: Text;
  /** The whole record as JSON; the other columns are there to find it. */
  record: Text;
}

export interface InvitationRow {
  id: Text;
  token_hash: Text;
  user_id: Text;
  rp_id: Text;
  replaces_all: Integer;
  created_at: Integer;
  expires_at: Integer;
  /** open, used or revoked. */
  status: Text;
  binding: Text | null;
  attempt_id: Text | null;
}

export interface Tables {
  ceremonies: CeremonyRow;
  handles: HandleRow;
  passkeys: PasskeyRow;
  sessions: SessionRow;
  attempts: AttemptRow;
  invitations: InvitationRow;
  declines: DeclineRow;
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
    throw new ConfigurationError('schema', schema, 'SQLite has no schemas; leave it out.');
  }
  if (/^[a-z][a-z0-9_]{0,29}$/.test(tablePrefix)) return tablePrefix;
  throw new ConfigurationError(
    'tablePrefix',
    tablePrefix,
    'Write a lower-case letter followed by lower-case letters, digits or underscores, at most 30 characters in all, ' +
      "such as 'latchkey_'.",
  );
}

/** A table's full name, to the compiler still the short one: that is what its rows are known by. */
export function tableNames(prefix: string): { [Name in keyof Tables]: Name } {
  const named = <Name extends keyof Tables>(name: Name) => `${prefix}${name}` as Name;
  return {
    ceremonies: named('ceremonies'),
    handles: named('handles'),
    passkeys: named('passkeys'),
    sessions: named('sessions'),
    attempts: named('attempts'),
    invitations: named('invitations'),
    declines: named('declines'),
  };
}

/** Columns of text that MySQL would translate for the connection on their way out. All others are bytes there. */
export const TRANSLATED: ReadonlySet<string> = new Set([
  'state',
  'transports',
  'rp_id',
  'nickname',
  'step_up_action',
  'address',
  'user_agent',
  'record',
]);

export const textOf = (value: string | Uint8Array): string =>
  typeof value === 'string' ? value : Buffer.from(value).toString();
export const flagOf = (value: number | bigint | string): boolean => Number(value) === 1;
