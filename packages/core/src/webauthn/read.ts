/**
 * Reading what browsers and authenticators send. Sizes and shapes are checked before anything is parsed; what cannot be
 * read is refused with its reason. Nothing is believed here.
 */

import { refuse } from '../errors.ts';
import { ATTESTATION_FORMATS, type AttestationFormat } from '../record/attempt.ts';
import type { Flags } from '../record/draft.ts';
import { type CBORType, firstItem, lengthOf } from './cbor.ts';
import type { Base64Url } from './json.ts';

/** WebAuthn §5.8.1. */
export interface ClientData {
  readonly type: string;
  readonly challenge: Base64Url;
  readonly origin: string;
  readonly crossOrigin: boolean;
  readonly topOrigin: string | null;
}

interface Answer {
  readonly credentialId: Buffer<ArrayBuffer>;
  readonly clientDataJSON: Buffer<ArrayBuffer>;
  readonly attachment: 'platform' | 'cross-platform' | null;
}

/** An authentication answer, read and not yet believed. WebAuthn §5.2.2. */
export interface Assertion extends Answer {
  readonly authenticatorData: Buffer<ArrayBuffer>;
  readonly signature: Buffer<ArrayBuffer>;
  readonly userHandle: Buffer<ArrayBuffer> | null;
}

/** A registration answer, read and not yet believed. WebAuthn §5.2.1. */
export interface Attestation extends Answer {
  readonly attestationObject: Buffer<ArrayBuffer>;
  readonly transports: readonly string[];
  /** `credProps.rk`: whether the browser says that it is discoverable. WebAuthn §10.1.3. */
  readonly discoverable: boolean | null;
  /** The `credential` member as it came; the library wants it whole. */
  readonly json: object;
}

/** What is in authenticator data. WebAuthn §6.1. */
export interface AuthenticatorData {
  readonly rpIdHash: Uint8Array;
  readonly flags: Flags;
  readonly signCount: number;
}

/** Credential ids are at most this long. WebAuthn §7.1 step 25. */
export const MAX_CREDENTIAL_ID = 1_023;

/** And user handles. WebAuthn §4 "User Handle". */
const MAX_USER_HANDLE = 64;

/** `AuthenticationResponseJSON` from a body. Throws Refusal. */
export function readAssertion(credential: object): Assertion {
  const { response, answer } = readCredential(credential);
  const given = own(response, 'userHandle');
  // A handle has at least one byte (WebAuthn §4), so that an empty one is none.
  const userHandle = given === undefined || given === null || given === '' ? null : bytes(given);
  if (userHandle !== null && userHandle.length > MAX_USER_HANDLE) throw refuse('malformed_request');
  return {
    ...answer,
    authenticatorData: bytes(own(response, 'authenticatorData')),
    signature: bytes(own(response, 'signature')),
    userHandle,
  };
}

/** `RegistrationResponseJSON` from a body. Throws Refusal. */
export function readAttestation(credential: object): Attestation {
  const { response, answer } = readCredential(credential);
  const transports = own(response, 'transports');
  return {
    ...answer,
    attestationObject: bytes(own(response, 'attestationObject')),
    // Only words that look like one of a growing registry; anything else is dropped, as §5.2.1.1 asks for unknown values to be harmless.
    transports: Array.isArray(transports)
      ? [
          ...new Set(
            transports.filter((word): word is string => typeof word === 'string' && /^[a-z0-9-]{1,32}$/.test(word)),
          ),
        ].slice(0, 8)
      : [],
    discoverable: readCredProps(credential),
    json: credential,
  };
}

function readCredProps(credential: object): boolean | null {
  const credProps = own(Object(own(credential, 'clientExtensionResults')), 'credProps');
  const discoverable = own(Object(credProps), 'rk');
  return typeof discoverable === 'boolean' ? discoverable : null;
}

function readCredential(credential: object): { response: object; answer: Answer } {
  const id = own(credential, 'id');
  const response = own(credential, 'response');
  if (own(credential, 'type') !== 'public-key' || typeof response !== 'object' || response === null) {
    throw refuse('malformed_request');
  }
  const credentialId = bytes(id);
  if (own(credential, 'rawId') !== id) throw refuse('credential_id_mismatch');
  if (credentialId.length === 0 || credentialId.length > MAX_CREDENTIAL_ID) throw refuse('malformed_request');
  const attachment = own(credential, 'authenticatorAttachment');
  return {
    response,
    answer: {
      credentialId,
      clientDataJSON: bytes(own(response, 'clientDataJSON')),
      attachment: attachment === 'platform' || attachment === 'cross-platform' ? attachment : null,
    },
  };
}

/** An own member: nothing is ever read from a prototype. */
function own(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** Canonical base64url to bytes: one spelling only, so that equal ids are equal strings. */
export function bytes(text: unknown): Buffer<ArrayBuffer> {
  if (typeof text !== 'string') throw refuse('malformed_request');
  const decoded = Buffer.from(text, 'base64url');
  if (decoded.toString('base64url') !== text) throw refuse('malformed_request');
  return decoded;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Client data, parsed as WebAuthn §5.8.1.2 says: members that are not named there are ignored, Level 2's `tokenBinding` among them. Throws Refusal. */
export function readClientData(clientDataJSON: Uint8Array): ClientData {
  let data: unknown;
  try {
    data = JSON.parse(utf8.decode(clientDataJSON));
  } catch (cause) {
    throw refuse('client_data_malformed', { cause });
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw refuse('client_data_malformed');
  const [type, challenge, origin] = [own(data, 'type'), own(data, 'challenge'), own(data, 'origin')];
  const [crossOrigin, topOrigin] = [own(data, 'crossOrigin'), own(data, 'topOrigin')];
  if (
    typeof type !== 'string' ||
    typeof challenge !== 'string' ||
    typeof origin !== 'string' ||
    (crossOrigin !== undefined && typeof crossOrigin !== 'boolean') ||
    (topOrigin !== undefined && typeof topOrigin !== 'string')
  ) {
    throw refuse('client_data_malformed');
  }
  return { type, challenge, origin, crossOrigin: crossOrigin ?? false, topOrigin: topOrigin ?? null };
}

/** Authenticator data of an assertion. WebAuthn §6.1. Throws Refusal. */
export function readAuthenticatorData(data: Buffer<ArrayBuffer>): AuthenticatorData {
  try {
    const bits = data.readUInt8(32);
    const signCount = data.readUInt32BE(33);
    let end = FIXED;
    // Nearly every assertion has the fixed part and nothing else.
    if (bits & AT) {
      end += 18 + data.readUInt16BE(end + 16);
      end += lengthOf(firstItem(data.subarray(end)));
    }
    if (bits & ED) {
      const extensions = firstItem(data.subarray(end));
      if (!(extensions instanceof Map)) throw new Error('its extensions are no map');
      end += lengthOf(extensions);
    }
    if (end !== data.length) throw new Error(`${data.length} bytes, not ${end}`);
    return {
      rpIdHash: data.subarray(0, 32),
      flags: {
        userPresent: (bits & UP) !== 0,
        userVerified: (bits & UV) !== 0,
        backupEligible: (bits & BE) !== 0,
        backedUp: (bits & BS) !== 0,
      },
      signCount,
    };
  } catch (cause) {
    throw refuse('authenticator_data_malformed', { cause });
  }
}

/** The flags of authenticator data. WebAuthn §6.1. */
const [UP, UV, BE, BS, AT, ED] = [0x01, 0x04, 0x08, 0x10, 0x40, 0x80] as const;

/** Hash, flags and counter, in bytes. */
const FIXED = 37;

/** The attested credential data of a registration (WebAuthn §6.5.1), and what kind of statement came with it. */
export interface AttestedData extends AuthenticatorData {
  readonly credentialId: Uint8Array<ArrayBuffer>;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly aaguid: string;
  readonly format: AttestationFormat;
  /** `x5c` of the statement, in DER, leaf first. */
  readonly certificates: readonly Uint8Array[] | null;
}

/** Authenticator data of a registration. Throws Refusal. */
export async function readAttestedData(attestationObject: Uint8Array<ArrayBuffer>): Promise<AttestedData> {
  // Only registrations need it, and it takes longer to load than everything else of core.
  const { decodeAttestationObject, parseAuthenticatorData } = await import('@simplewebauthn/server/helpers');
  try {
    const object: { get(name: string): unknown } = decodeAttestationObject(attestationObject);
    const statement = object.get('attStmt');
    // A map in each format but `compound`, which is a list of statements (§8.9).
    const x5c: unknown = statement instanceof Map ? statement.get('x5c') : null;
    const parsed = parseAuthenticatorData(object.get('authData') as Uint8Array<ArrayBuffer>);
    const { credentialID: credentialId, credentialPublicKey: publicKey, aaguid, flags } = parsed;
    if (!credentialId || !publicKey || !aaguid) throw new Error('no credential');
    if (credentialId.length === 0 || credentialId.length > MAX_CREDENTIAL_ID) throw new Error('no credential id');
    const format = object.get('fmt');
    return {
      rpIdHash: parsed.rpIdHash,
      flags: { userPresent: flags.up, userVerified: flags.uv, backupEligible: flags.be, backedUp: flags.bs },
      signCount: parsed.counter,
      credentialId,
      publicKey,
      aaguid: uuid(aaguid),
      format: ATTESTATION_FORMATS.find((name) => name === format) ?? 'other',
      certificates: Array.isArray(x5c) && x5c.every((der) => der instanceof Uint8Array) ? (x5c as Uint8Array[]) : null,
    };
  } catch (cause) {
    throw refuse('authenticator_data_malformed', { cause });
  }
}

function uuid(aaguid: Uint8Array): string {
  const digits = Buffer.from(aaguid).toString('hex');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The labels of a COSE key. RFC 9052 §7. Throws. */
export function decodeKey(publicKey: Uint8Array): Map<string | number, CBORType> {
  const labels = firstItem(publicKey);
  if (!(labels instanceof Map)) throw new Error('not a COSE key');
  return labels;
}
