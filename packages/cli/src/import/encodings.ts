/**
 * Bytes that stand in a column as text. Hex, base64 and base64url are told apart where no doubt is left; any other text is
 * refused, because bytes that were decoded wrongly lock the owner of a passkey out.
 */

/** How bytes stand in a column. `bytes`: as they are, of a driver or as JSON numbers. `utf8`: the bytes of the text itself. */
export type Encoding = 'bytes' | 'hex' | 'base64' | 'base64url' | 'utf8' | 'uuid';

export interface BytesAndEncoding {
  readonly bytes: Uint8Array;
  readonly encoding: Encoding;
}

const HEX = /^(?:[0-9a-f]{2})+$/i;
/** PostgreSQL's bytea, hexadecimal literals of MySQL and SQL Server, and of SQLite. */
const MARKED_HEX = /^(?:\\{1,2}x|0x)((?:[0-9a-f]{2})+)$|^x'((?:[0-9a-f]{2})+)'$/i;
const UUID = /^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const BASE64URL = /^[\w-]+={0,2}$/;

/**
 * 16 bytes: a credential id has at least 100 bits of entropy (WebAuthn §4, "Credential ID"), and a shorter text of hex
 * digits or letters may be anything: a number, a name, another system's key.
 */
const LEAST_BYTES = 16;

/** Whether a column has nothing in it. Exports write the word. */
export function isAbsent(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    (typeof value === 'string' && /^(?:|null|none|nil|undefined|\\n)$/i.test(value.trim()))
  );
}

/** Decodes what can be told. Throws an Error that completes the sentence "It …". */
export function decode(given: unknown): BytesAndEncoding {
  const value = unwrapped(given);
  if (value instanceof Uint8Array) {
    if (isPrintable(value)) throw new Error(`is bytes that are text themselves: ${quoted(textOf(value))}`);
    return { bytes: value, encoding: 'bytes' };
  }
  const marked = markedHex(value);
  if (marked !== null) return { bytes: marked, encoding: 'hex' };
  if (UUID.test(value)) throw new Error(`has the shape of a UUID: ${quoted(value)}`);
  if (/^[0-9a-f]+$/i.test(value)) {
    if (HEX.test(value) && value.length >= 2 * LEAST_BYTES) return { bytes: bytesOf(value, 'hex'), encoding: 'hex' };
    throw new Error(`may be hex, base64 or a number: ${quoted(value)}`);
  }
  const found = ofBase64(value);
  if (found === null) throw new Error(`is neither hex nor canonical base64 or base64url: ${quoted(value)}`);
  if (found.bytes.length < LEAST_BYTES || isWord(value))
    throw new Error(`may be base64url or the text itself: ${quoted(value)}`);
  return found;
}

/** Decodes what is said to be encoded in this way. Throws an Error that completes the sentence "It …". */
export function decodeAs(given: unknown, encoding: Encoding): Uint8Array {
  if (encoding === 'utf8') {
    if (typeof given === 'string') return new Uint8Array(Buffer.from(given));
    if (typeof given === 'number' || typeof given === 'bigint') return new Uint8Array(Buffer.from(String(given)));
  }
  const value = unwrapped(given);
  if (value instanceof Uint8Array) {
    if (encoding === 'bytes' || encoding === 'utf8' || (encoding === 'uuid' && value.length === 16)) return value;
    if (isPrintable(value)) return decodeAs(textOf(value), encoding);
    throw new Error('is bytes, not text');
  }
  if (encoding === 'hex') {
    const bytes = markedHex(value) ?? (HEX.test(value) ? bytesOf(value, 'hex') : null);
    if (bytes !== null) return bytes;
  } else if (encoding === 'uuid') {
    const digits = value.replaceAll(/[{}-]/g, '');
    if (UUID.test(value) || (HEX.test(value) && value.length === 32)) return bytesOf(digits, 'hex');
  } else if (encoding === 'base64' || encoding === 'base64url') {
    const found = ofBase64(value);
    // Without any of the characters that differ, a text is both.
    if (found !== null && (found.encoding === encoding || !/[-_+/]/.test(value))) return found.bytes;
  }
  throw new Error(`is not canonical ${encoding}: ${quoted(value)}`);
}

/** Every way in which a value may be read as bytes: for what shows by itself whether it was read rightly, as a key does. */
export function decodings(given: unknown): Uint8Array[] {
  const value = unwrapped(given);
  if (value instanceof Uint8Array) return [value, ...(isPrintable(value) ? decodings(textOf(value)) : [])];
  const marked = markedHex(value);
  if (marked !== null) return [marked];
  const found = ofBase64(value);
  return [...(HEX.test(value) ? [bytesOf(value, 'hex')] : []), ...(found === null ? [] : [found.bytes])];
}

/** Bytes, of a driver or as JSON writes them, also in text; or text. Throws for what is neither. */
function unwrapped(value: unknown): Uint8Array | string {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  const text = typeof value === 'string' ? value.trim() : '';
  const bytes = bytesOfJson(/^[[{]/.test(text) && !UUID.test(text) ? parsed(text) : value);
  if (bytes !== null) return bytes;
  if (typeof value === 'string') return text;
  throw new Error(`is neither bytes nor text: ${quoted(JSON.stringify(value) ?? String(value))}`);
}

/** Whether 16 bytes look like a UUID, which a row's own key often is: versions 1, 4 and 7, and MySQL's swapped version 1. */
export function isUuidLike(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[8]! >> 6 !== 0b10) return false;
  return [1, 4, 7].includes(bytes[6]! >> 4) || bytes[0]! >> 4 === 1;
}

/** 16 bytes as a UUID. */
export function uuidOf(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The start of a text from a row, for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 44 ? `${text.slice(0, 40)}…` : text);
}

/** Canonical base64 or base64url, padded rightly or not at all; PostgreSQL and MySQL break lines at 76 characters. */
function ofBase64(wrapped: string): BytesAndEncoding | null {
  const text = /^(?:.{76}\r?\n)+.{1,76}$|^(?:.{64}\r?\n)+.{1,64}$/.test(wrapped)
    ? wrapped.replaceAll(/\r?\n/g, '')
    : wrapped;
  const encoding = BASE64URL.test(text) ? 'base64url' : BASE64.test(text) ? 'base64' : null;
  if (encoding === null || (text.endsWith('=') && text.length % 4 !== 0)) return null;
  const bytes = bytesOf(text, encoding);
  return Buffer.from(bytes).toString(encoding).replace(/=+$/, '') === text.replace(/=+$/, '')
    ? { bytes, encoding }
    : null;
}

/** Letters of one case, or nothing but letters: identifiers and names are. Of 16 random bytes in base64url one in a hundred is. */
function isWord(text: string): boolean {
  return !(/[a-z]/.test(text) && /[A-Z]/.test(text)) || /^[a-z]+$/i.test(text);
}

function isPrintable(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte <= 0x7e);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytesOf = (text: string, encoding: BufferEncoding): Uint8Array => new Uint8Array(Buffer.from(text, encoding));

function markedHex(text: string): Uint8Array | null {
  const [, prefixed, quotedDigits] = MARKED_HEX.exec(text) ?? [];
  const digits = prefixed ?? quotedDigits;
  return digits === undefined ? null : bytesOf(digits, 'hex');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Bytes as JSON writes a Uint8Array (an object of numbers by index), a Buffer (`data`) or a list; null for anything else. */
export function bytesOfJson(value: unknown): Uint8Array | null {
  if (typeof value !== 'object' || value === null) return null;
  const { data } = value as { data?: unknown };
  const list = Array.isArray(value) ? value : Array.isArray(data) ? data : listOf(value);
  const isBytes = list.length > 0 && list.every((one) => Number.isInteger(one) && one >= 0 && one <= 255);
  return isBytes ? Uint8Array.from(list as number[]) : null;
}

/** The values of an object whose members are 0, 1, 2 and so on. */
function listOf(value: object): unknown[] {
  const entries = Object.entries(value);
  return entries.every(([name], index) => name === String(index)) ? entries.map(([, one]) => one) : [];
}
