/**
 * Why this file exists: what other systems keep of a passkey, column by column, and what they do not keep. Each source says
 * which columns it has; what a row lacks is said, never made up.
 */
import { coseOfPem, type PublicKey, readCose } from './cose.ts';
import { columnNamed, type Row } from './rows.ts';

/** What a passkey is read from. */
export const FIELDS = [
  'credentialId',
  'publicKey',
  'userId',
  'userHandle',
  'signCount',
  'backupEligible',
  'backedUp',
  'transports',
  'aaguid',
  'rpId',
  'nickname',
  'enabled',
  'createdAt',
  'lastUsedAt',
] as const;
export type Field = (typeof FIELDS)[number];

/** A row as it was understood. Null is what the source did not keep. */
export interface Found {
  readonly credentialId: Uint8Array;
  readonly publicKey: PublicKey;
  readonly userId: string;
  readonly userHandle: Uint8Array | null;
  readonly signCount: number | null;
  readonly backupEligible: boolean | null;
  readonly backedUp: boolean | null;
  readonly transports: readonly string[] | null;
  readonly aaguid: string | null;
  readonly rpId: string | null;
  readonly nickname: string | null;
  readonly enabled: boolean;
  readonly createdAt: number | null;
  readonly lastUsedAt: number | null;
}

/** Why a row cannot be used. */
export type Unusable =
  | 'credential_id_invalid'
  | 'public_key_invalid'
  | 'user_id_invalid'
  | 'user_handle_invalid'
  | 'sign_count_invalid'
  | 'rp_id_differs'
  | 'credential_of_another_user'
  | 'passkey_differs'
  | 'too_many_passkeys';

export class RowFault extends Error {
  readonly code: Unusable;

  constructor(code: Unusable, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Source {
  readonly title: string;
  readonly table: string;
  /** The users' table, where a column of it is needed. */
  readonly users?: { readonly table: string; readonly on: string; readonly key: string; readonly column: string };
  /** Names that a field's column goes by; the first that a row has. Case and underscores do not count. */
  readonly columns: Readonly<Partial<Record<Field, readonly string[]>>>;
  /** A column of another form than the others'. */
  readonly read?: (row: Row, column: (field: Field) => unknown) => Partial<Found>;
}

export const SOURCES = {
  simplewebauthn: {
    title: 'tables of your own around SimpleWebAuthn',
    table: 'passkeys',
    columns: {
      credentialId: ['credentialID', 'cred_id', 'id'],
      publicKey: ['publicKey', 'credentialPublicKey', 'cred_public_key'],
      userId: ['userId', 'internal_user_id', 'user'],
      userHandle: ['webauthnUserID', 'userHandle'],
      signCount: ['counter', 'signCount'],
      // `deviceType` is its word for backup eligibility.
      backupEligible: ['backupEligible', 'deviceType', 'credentialDeviceType', 'backup_eligible'],
      backedUp: ['backedUp', 'credentialBackedUp', 'backup_status'],
      transports: ['transports'],
      aaguid: ['aaguid'],
      rpId: ['rpId'],
      nickname: ['nickname', 'name'],
      createdAt: ['createdAt'],
      lastUsedAt: ['lastUsedAt', 'lastUsed'],
    },
  },
  'better-auth': {
    title: "better-auth's table passkey",
    table: 'passkey',
    columns: {
      credentialId: ['credentialID'],
      publicKey: ['publicKey'],
      userId: ['userId'],
      // Its user handle is random for each registration and kept nowhere. Old tables have a webauthnUserID: another random one.
      signCount: ['counter'],
      backupEligible: ['deviceType'],
      backedUp: ['backedUp'],
      transports: ['transports'],
      aaguid: ['aaguid'],
      nickname: ['name'],
      createdAt: ['createdAt'],
    },
  },
  passport: {
    title: "the tables of passport-fido2-webauthn's example",
    table: 'public_key_credentials',
    users: { table: 'users', on: 'user_id', key: 'id', column: 'handle' },
    columns: {
      credentialId: ['external_id'],
      publicKey: ['public_key'],
      userId: ['user_id'],
      userHandle: ['handle'],
    },
  },
  'django-passkeys': {
    title: "django-passkeys' table",
    table: 'passkeys_userpasskey',
    columns: {
      credentialId: ['credential_id'],
      userId: ['user_id'],
      nickname: ['name'],
      enabled: ['enabled'],
      createdAt: ['added_on'],
      lastUsedAt: ['last_used'],
    },
    // The handle is made of the user name, in one of two ways that depend on versions then in use: which one is not kept.
    read: (row, column) => readAttestedData(row.token, column('credentialId')),
  },
} as const satisfies Record<string, Source>;

export type SourceName = keyof typeof SOURCES;

/** Columns that go by another name. */
export type Mapped = Readonly<Partial<Record<Field, string>>>;

/** How a user handle stands in its column. */
export type HandleForm = 'base64url' | 'utf8' | 'unknown';

/** What a column may be called: what the user says, or the source's own names. */
export function namesOf(source: Source, mapped: Mapped, field: Field): readonly string[] {
  return mapped[field] === undefined ? (source.columns[field] ?? []) : [mapped[field]];
}

/** Understands a row. Throws a {@link RowFault} for one that cannot be used. */
export function readRow(row: Row, source: Source, mapped: Mapped, form: HandleForm): Found {
  const column = (field: Field) => {
    const name = columnNamed(row, namesOf(source, mapped, field));
    return name === null ? null : row[name];
  };
  const own = source.read?.(row, column) ?? {};
  const publicKey = own.publicKey ?? readPublicKey(column('publicKey'));
  const credentialId = own.credentialId ?? readBytes(column('credentialId'));
  if (credentialId === null || credentialId.length === 0 || credentialId.length > 1_023)
    throw new RowFault('credential_id_invalid', 'The credential id is missing, or is not 1 to 1,023 bytes.');
  return {
    publicKey,
    credentialId,
    userId: readUserId(column('userId')),
    userHandle: readHandle(column('userHandle'), form),
    signCount: readSignCount(column('signCount')),
    backupEligible: readEligible(column('backupEligible')),
    backedUp: readFlag(column('backedUp')),
    transports: readTransports(column('transports')),
    aaguid: own.aaguid ?? readAaguid(column('aaguid')),
    rpId: readText(column('rpId')),
    nickname: readText(column('nickname')),
    enabled: readFlag(column('enabled')) ?? true,
    createdAt: readInstant(column('createdAt')),
    lastUsedAt: readInstant(column('lastUsedAt')),
  };
}

/** Attested credential data (WebAuthn §6.5.1) in base64url: AAGUID, length, credential id, COSE key. */
function readAttestedData(token: unknown, credentialId: unknown): Partial<Found> {
  const data = typeof token === 'string' ? Buffer.from(token, 'base64url') : Buffer.alloc(0);
  const length = data.length < 18 ? 0 : data.readUInt16BE(16);
  const id = data.subarray(18, 18 + length);
  if (length === 0 || id.length < length)
    throw new RowFault('public_key_invalid', 'The token is not whole: there is no credential in it.');
  const named = readBytes(credentialId);
  if (named !== null && Buffer.compare(named, id) !== 0)
    throw new RowFault('credential_id_invalid', 'The credential id is not the one inside the token.');
  return {
    credentialId: new Uint8Array(id),
    publicKey: readPublicKey(data.subarray(18 + length)),
    aaguid: uuid(data.subarray(0, 16)),
  };
}

/** A key as bytes, PEM, hex, base64 or base64url: whichever of them is a key. */
function readPublicKey(value: unknown): PublicKey {
  const readings: (() => PublicKey)[] = [];
  if (typeof value === 'string') {
    const text = value.trim();
    if (text.startsWith('-----BEGIN')) readings.push(() => coseOfPem(text));
    else if (/^[[{]/.test(text)) readings.push(() => readCose(bytesOfJson(JSON.parse(text))));
    else {
      if (/^(\\x)?([0-9a-f]{2})+$/i.test(text))
        readings.push(() => readCose(Buffer.from(text.replace(/^\\x/, ''), 'hex')));
      readings.push(() => readCose(Buffer.from(text, 'base64')));
    }
  } else readings.push(() => readCose(bytesOfJson(value)));
  let wrong: unknown;
  for (const reading of readings) {
    try {
      const { cose, algorithm } = reading();
      return { cose: new Uint8Array(cose), algorithm };
    } catch (error) {
      wrong = error;
    }
  }
  throw new RowFault(
    'public_key_invalid',
    `The public key does not import: ${wrong instanceof Error ? wrong.message : 'missing'}.`,
  );
}

/** Bytes as a driver gives them, or as JSON writes a Uint8Array or a Buffer. */
function bytesOfJson(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  const { data } = (value ?? {}) as { data?: unknown };
  const numbers = Array.isArray(value) ? value : Array.isArray(data) ? data : Object.values(value ?? {});
  if (numbers.length === 0 || !numbers.every((one) => Number.isInteger(one) && one >= 0 && one <= 255))
    throw new Error('no bytes');
  return Uint8Array.from(numbers as number[]);
}

/** Bytes, or text in base64url or base64. Null for none. */
function readBytes(value: unknown): Uint8Array | null {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'string') {
    if (/^[[{]/.test(value)) return readBytes(tried(() => bytesOfJson(JSON.parse(value))));
    return /^[\w+/-]+={0,2}$/.test(value) ? new Uint8Array(Buffer.from(value, 'base64')) : null;
  }
  return tried(() => bytesOfJson(value));
}

function tried<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

function readUserId(value: unknown): string {
  const id = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  if (typeof id === 'string' && id.length >= 1 && id.length <= 255 && !id.includes('\0') && id.isWellFormed())
    return id;
  throw new RowFault('user_id_invalid', 'The user is missing, or its id is not 1 to 255 characters.');
}

function readHandle(value: unknown, form: HandleForm): Uint8Array | null {
  if (form === 'unknown' || value === null || value === undefined || value === '') return null;
  const text = typeof value === 'number' ? String(value) : value;
  const handle = form === 'utf8' && typeof text === 'string' ? new Uint8Array(Buffer.from(text)) : readBytes(text);
  if (handle !== null && handle.length >= 1 && handle.length <= 64) return handle;
  throw new RowFault('user_handle_invalid', 'The user handle is not 1 to 64 bytes in base64url; see --user-handle.');
}

function readSignCount(value: unknown): number | null {
  if (value === null || value === undefined || value === '') return null;
  const count = Number(value);
  if (Number.isInteger(count) && count >= 0 && count <= 0xffff_ffff) return count;
  throw new RowFault('sign_count_invalid', 'The signature counter is no unsigned 32-bit number.');
}

function readEligible(value: unknown): boolean | null {
  if (value === 'multiDevice' || value === 'multi_device') return true;
  if (value === 'singleDevice' || value === 'single_device') return false;
  return readFlag(value);
}

function readFlag(value: unknown): boolean | null {
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if ([true, 1, 1n, '1', 'true', 't'].includes(word as never)) return true;
  if ([false, 0, 0n, '0', 'false', 'f'].includes(word as never)) return false;
  return null;
}

/** A list, JSON of one, or words with commas; as core keeps them: at most 8 words of at most 32 characters. */
function readTransports(value: unknown): readonly string[] | null {
  if (value === null || value === undefined || value === '') return null;
  const list =
    typeof value === 'string'
      ? value.startsWith('[')
        ? tried(() => JSON.parse(value) as unknown)
        : value.split(',')
      : value;
  if (!Array.isArray(list)) return null;
  const words = list.filter((word): word is string => typeof word === 'string').map((word) => word.trim());
  return words.filter((word) => /^[a-z][a-z0-9-]{0,31}$/.test(word)).slice(0, 8);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function readAaguid(value: unknown): string | null {
  if (value instanceof Uint8Array && value.length === 16) return uuid(value);
  const text = typeof value === 'string' ? value.toLowerCase() : '';
  return UUID.test(text) ? text : null;
}

function uuid(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function readText(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim().toWellFormed().replaceAll('\0', '') : null;
}

/** A Date, ISO 8601 (without a zone it is UTC), or seconds or milliseconds since the epoch. */
function readInstant(value: unknown): number | null {
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.getTime() : null;
  const number = typeof value === 'string' && /^\d{9,}$/.test(value) ? Number(value) : value;
  if (typeof number === 'bigint') return readInstant(Number(number));
  if (typeof number === 'number') return number < 100_000_000_000 ? number * 1_000 : number;
  if (typeof value !== 'string') return null;
  const iso = value.trim().replace(' ', 'T');
  const at = Date.parse(/(z|[+-]\d{2}(:?\d{2})?)$/i.test(iso) ? iso.replace(/([+-]\d{2})$/, '$1:00') : `${iso}Z`);
  return Number.isFinite(at) ? at : null;
}
