/** Reads one row of a source: every part of a passkey, or the reason why it cannot be moved. */
import { createPublicKey } from 'node:crypto';
import {
  readAaguid,
  readBackupEligible,
  readEnabled,
  readFlag,
  readInstant,
  readSignCount,
  readText,
  readTransports,
  readUserId,
} from './columns.ts';
import { coseOf, type PublicKey, readAttestedCredential, readKeyBytes } from './cose.ts';
import {
  type BytesAndEncoding,
  decode,
  decodeAs,
  decodings,
  type Encoding,
  isAbsent,
  isUuidLike,
  uuidOf,
} from './encodings.ts';
import { RowFault } from './row-fault.ts';
import { columnNamed, type Row } from './rows.ts';
import { ANY_ID, type ColumnNames, FIELDS, type Field, namesOf, type Source } from './sources.ts';

/** A row as it was understood. Null is what the source did not keep. */
export interface SourcePasskey {
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
  /** How the id and the handle were encoded. */
  readonly encodings: { readonly credentialId: Encoding; readonly userHandle: Encoding | null };
}

/** How to say in which way a column is encoded; what is left out has to tell itself. */
export const ID_ENCODINGS = ['hex', 'base64', 'base64url', 'bytes'] as const;
export const HANDLE_ENCODINGS = ['base64url', 'base64', 'hex', 'uuid', 'utf8', 'bytes', 'unknown'] as const;

export interface Reading {
  readonly source: Source;
  /** Columns by other names. */
  readonly mapped: ColumnNames;
  readonly credentialId?: (typeof ID_ENCODINGS)[number];
  /** `unknown`: the handle is left out. */
  readonly userHandle?: (typeof HANDLE_ENCODINGS)[number];
}

/** Reads a row. Throws a {@link RowFault} for one that cannot be moved. */
export function readRow(row: Row, reading: Reading): SourcePasskey {
  const column = (field: Field) => {
    const name = columnOf(row, reading, field);
    return name === null ? null : row[name];
  };
  const named = readCredentialId(row, reading);
  const { publicKey, attested } = readPublicKey(column('publicKey'));
  if (attested !== null && named !== null && Buffer.compare(attested.credentialId, named.bytes) !== 0)
    throw new RowFault('credential_id_invalid', 'The credential id is not the one beside the public key.');
  const credentialId =
    named ?? (attested === null ? null : { bytes: attested.credentialId, encoding: 'bytes' as const });
  if (credentialId === null)
    throw new RowFault('credential_id_invalid', `The credential id is missing; ${COLUMN_HINT}.`);
  const userId = readUserId(column('userId'));
  const userHandle = readHandle(column('userHandle'), userId, reading);
  return {
    credentialId: credentialId.bytes,
    publicKey,
    userId,
    userHandle: userHandle?.bytes ?? null,
    signCount: readSignCount(column('signCount')),
    backupEligible: readBackupEligible(column('backupEligible')),
    backedUp: readFlag(column('backedUp')),
    transports: readTransports(column('transports')),
    aaguid: attested === null ? readAaguid(column('aaguid')) : uuidOf(attested.aaguid),
    rpId: readText(column('rpId')),
    nickname: readText(column('nickname')),
    enabled: readEnabled(column('enabled')),
    createdAt: readInstant(column('createdAt')),
    lastUsedAt: readInstant(column('lastUsedAt')),
    encodings: { credentialId: credentialId.encoding, userHandle: userHandle?.encoding ?? null },
  };
}

const COLUMN_HINT = 'name its column with --column credentialId=…';
const ID_HINT = `If it is the credential id, say how it is encoded: --credential-id ${ID_ENCODINGS.join(' or ')}. If it is not, ${COLUMN_HINT}.`;
const HANDLE_HINT =
  'Say how it is encoded: --user-handle uuid (the 16 bytes), hex, base64url, base64, bytes or utf8 (the text itself); or unknown, to leave it out.';

function columnOf(row: Row, { source, mapped }: Reading, field: Field): string | null {
  return columnNamed(row, namesOf(source, mapped, field));
}

/** The credential id of a row; null where there is none. */
function readCredentialId(row: Row, reading: Reading): BytesAndEncoding | null {
  const name = columnOf(row, reading, 'credentialId');
  const value = name === null ? null : row[name];
  if (name === null || isAbsent(value)) return null;
  const decoded = decodedBy(value, reading.credentialId, 'credential_id_invalid', 'The credential id', ID_HINT);
  if (decoded.bytes.length < 1 || decoded.bytes.length > 1_023)
    throw new RowFault('credential_id_invalid', `The credential id is ${decoded.bytes.length} bytes, not 1 to 1,023.`);
  if (reading.credentialId !== undefined) return decoded;
  if (decoded.bytes.length < 16) {
    throw new RowFault(
      'credential_id_invalid',
      `The credential id is only ${decoded.bytes.length} bytes, and authenticators make 16 or more (WebAuthn §4). ${ID_HINT}`,
    );
  }
  if (reading.mapped.credentialId === undefined && columnNamed({ [name]: value }, [ANY_ID]) !== null)
    checkRowKey(row, name, decoded, reading);
  return decoded;
}

/** A column called `id` may be the row's own key. Throws unless it can only be the credential id. */
function checkRowKey(row: Row, name: string, { bytes, encoding }: BytesAndEncoding, reading: Reading): void {
  const taken = new Set(FIELDS.map((field) => columnOf(row, reading, field)));
  const other = Object.keys(row).find((key) => !taken.has(key) && mayBeCredentialId(key, row[key]));
  if (other !== undefined) {
    throw new RowFault(
      'credential_id_invalid',
      `The column ${name} may be the row's own key, and ${other} the credential id. Say which it is: --column credentialId=${name} or --column credentialId=${other}.`,
    );
  }
  if (encoding !== 'base64url' && encoding !== 'base64' && isUuidLike(bytes)) {
    throw new RowFault(
      'credential_id_invalid',
      `The column ${name} looks like a UUID, the row's own key. If it is the credential id, say so: --column credentialId=${name}.`,
    );
  }
}

function mayBeCredentialId(name: string, value: unknown): boolean {
  if (isAbsent(value)) return false;
  if (/cred(ential)?_?id|external_?id|key_?handle|raw_?id/i.test(name)) return true;
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return false;
  try {
    return decode(value).bytes.length <= 1_023;
  } catch {
    return false;
  }
}

/** The handle; null where there is none, or it is to be left out. */
function readHandle(value: unknown, userId: string, { userHandle: encoding }: Reading): BytesAndEncoding | null {
  if (encoding === 'unknown' || isAbsent(value)) return null;
  // The handle that a library makes of an id is one of several: the text's bytes, the UUID's, or what the text encodes.
  if (encoding === undefined && String(value) === userId)
    throw new RowFault('user_handle_invalid', `The user handle is the user id. ${HANDLE_HINT}`);
  const decoded = decodedBy(value, encoding, 'user_handle_invalid', 'The user handle', HANDLE_HINT);
  // Text that is hex is a handle in two ways: decoded, and as it is.
  if (encoding === undefined && decoded.encoding === 'hex' && /^[0-9a-f]+$/i.test(String(value).trim()))
    throw new RowFault('user_handle_invalid', `The user handle may be hex or the text itself. ${HANDLE_HINT}`);
  if (decoded.bytes.length >= 1 && decoded.bytes.length <= 64) return decoded;
  throw new RowFault(
    'user_handle_invalid',
    `The user handle is ${decoded.bytes.length} bytes, not 1 to 64. ${HANDLE_HINT}`,
  );
}

function decodedBy(
  value: unknown,
  encoding: Encoding | undefined,
  code: 'credential_id_invalid' | 'user_handle_invalid',
  what: string,
  hint: string,
): BytesAndEncoding {
  try {
    return encoding === undefined ? decode(value) : { bytes: decodeAs(value, encoding), encoding };
  } catch (error) {
    throw new RowFault(code, `${what} ${(error as Error).message}. ${hint}`);
  }
}

/** A key in PEM or as a JWK; or as bytes in COSE, in SubjectPublicKeyInfo, as a point, or inside attested credential data. */
function readPublicKey(value: unknown) {
  const faults: string[] = [];
  const tried = <T>(work: () => T): T | null => {
    try {
      return work();
    } catch (error) {
      faults.push((error as Error).message);
      return null;
    }
  };
  if (isAbsent(value)) throw new RowFault('public_key_invalid', 'The public key is missing; see --column publicKey=…');
  const text = typeof value === 'string' ? value.trim() : '';
  const jwk =
    typeof value === 'object' && value !== null && 'kty' in value
      ? value
      : text.includes('"kty"')
        ? tried(() => JSON.parse(text) as object)
        : null;
  if (text.startsWith('-----BEGIN') || jwk !== null) {
    const publicKey = tried(() => coseOf(createPublicKey(jwk === null ? text : { key: jwk as never, format: 'jwk' })));
    if (publicKey !== null) return { publicKey, attested: null };
  } else {
    for (const bytes of tried(() => decodings(value)) ?? []) {
      const publicKey = tried(() => readKeyBytes(bytes));
      if (publicKey !== null)
        return { publicKey: { ...publicKey, cose: new Uint8Array(publicKey.cose) }, attested: null };
      const attested = tried(() => readAttestedCredential(bytes));
      if (attested !== null) return { publicKey: attested.publicKey, attested };
    }
  }
  throw new RowFault(
    'public_key_invalid',
    `The public key does not import: ${faults[0] ?? 'it is neither bytes nor PEM, nor text in hex, base64 or base64url'}.`,
  );
}
