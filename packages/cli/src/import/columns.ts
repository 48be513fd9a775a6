/** Reads the columns of a passkey that are not bytes: the user's id, flags, counters, instants and names. */
import { bytesOfJson, isAbsent, quoted, uuidOf } from './encodings.ts';
import { RowFault } from './row-fault.ts';

/** The application's own id of a user: a text, or a whole number. */
export function readUserId(value: unknown): string {
  const isBytes = value instanceof Uint8Array || bytesOfJson(value) !== null;
  if (isBytes || (typeof value === 'string' && /^(?:\\x|0x)[0-9a-f]*$/i.test(value))) {
    throw new RowFault(
      'user_id_invalid',
      'The user id is bytes. Latchkey keeps the text by which `users.find` finds people: make a view or a file with that text (for example the id in hex), and name its column with --column userId=…',
    );
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RowFault(
      'user_id_invalid',
      `The user id ${value} is no whole number that JSON keeps exactly: write it as text.`,
    );
  }
  const id = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  if (isAbsent(id)) throw new RowFault('user_id_invalid', 'The user id is missing; see --column userId=…');
  if (typeof id === 'string' && id.length <= 255 && !id.includes('\0') && id.isWellFormed()) return id;
  throw new RowFault('user_id_invalid', 'The user id is no text of 1 to 255 characters.');
}

/** An unsigned 32-bit number; null where none is kept. */
export function readSignCount(value: unknown): number | null {
  if (isAbsent(value)) return null;
  const count = typeof value === 'string' && !/^\d+$/.test(value.trim()) ? Number.NaN : Number(value);
  if (!(value instanceof Uint8Array) && Number.isInteger(count) && count >= 0 && count <= 0xffff_ffff) return count;
  throw new RowFault('sign_count_invalid', 'The signature counter is no unsigned 32-bit number.');
}

/** Backup eligibility; null where it is not kept, or kept in words that are not known here. */
export function readBackupEligible(value: unknown): boolean | null {
  const word = typeof value === 'string' ? value.toLowerCase().replaceAll(/[_-]/g, '') : null;
  if (word === 'multidevice') return true;
  if (word === 'singledevice') return false;
  return readFlag(value);
}

/** True, false, or null for anything else. */
export function readFlag(value: unknown): boolean | null {
  // MySQL's BIT(1).
  const plain = value instanceof Uint8Array && value.length === 1 ? value[0] : value;
  const word = typeof plain === 'string' ? plain.trim().toLowerCase() : plain;
  if ([true, 1, 1n, '1', 'true', 't', 'yes', 'y', 'on'].includes(word as never)) return true;
  if ([false, 0, 0n, '0', 'false', 'f', 'no', 'n', 'off'].includes(word as never)) return false;
  return null;
}

/** Whether a passkey may be used. A word that is not known must not enable what somebody disabled. */
export function readEnabled(value: unknown): boolean {
  const flag = isAbsent(value) ? true : readFlag(value);
  if (flag !== null) return flag;
  throw new RowFault('enabled_invalid', `Whether it is enabled cannot be told from ${quoted(String(value))}.`);
}

/** A list, JSON of one, PostgreSQL's `{usb,nfc}`, or words with commas. As core keeps them: at most 8 words of at most 32 characters. */
export function readTransports(value: unknown): readonly string[] | null {
  if (isAbsent(value)) return null;
  const list = typeof value === 'string' ? value.replaceAll(/[[\]{}"'\s]/g, '').split(',') : value;
  if (!Array.isArray(list)) return null;
  const words = list
    .filter((word): word is string => typeof word === 'string')
    .map((word) => word.trim().toLowerCase());
  return words.filter((word) => /^[a-z][a-z0-9-]{0,31}$/.test(word)).slice(0, 8);
}

const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/;

/** A UUID in lower case; null where none is kept. */
export function readAaguid(value: unknown): string | null {
  if (value instanceof Uint8Array && value.length === 16) return uuidOf(value);
  const text = typeof value === 'string' ? value.trim().toLowerCase().replace(/^\\x/, '') : '';
  return UUID.test(text) ? uuidOf(Buffer.from(text.replaceAll('-', ''), 'hex')) : null;
}

/** Text for people, without controls and marks that turn it around; null for none, and for the words that exports write instead. */
export function readText(value: unknown): string | null {
  if (typeof value !== 'string' || isAbsent(value)) return null;
  const text = value
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+/gu, ' ')
    .trim();
  return text === '' ? null : text;
}

const FIRST_AT = Date.UTC(2010, 0);

/** A Date, ISO 8601 (without a zone it is UTC), or seconds or milliseconds since the epoch; null for what cannot be one. */
export function readInstant(value: unknown): number | null {
  const at = instantOf(value);
  return at !== null && Number.isFinite(at) && at >= FIRST_AT && at <= Date.now() + 86_400_000 ? at : null;
}

function instantOf(value: unknown): number | null {
  if (value instanceof Date) return value.getTime();
  const number = typeof value === 'string' && /^\d{9,}(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number === 'bigint') return instantOf(Number(number));
  if (typeof number === 'number') return Math.trunc(number < 100_000_000_000 ? number * 1_000 : number);
  if (typeof value !== 'string') return null;
  const iso = value.trim().replace(' ', 'T');
  return Date.parse(/(z|[+-]\d{2}(:?\d{2})?)$/i.test(iso) ? iso.replace(/([+-]\d{2})$/, '$1:00') : `${iso}Z`);
}
