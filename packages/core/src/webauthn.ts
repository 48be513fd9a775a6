/**
 * Reading and verifying what authenticators and browsers send: the only file that knows @simplewebauthn/server.
 * It verifies; it decides nothing. Sizes and shapes are checked before anything is parsed, and every throw of a parser
 * becomes a reason. What the library leaves to its caller is done here and in the two ceremony files.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { SettingsService, verifyRegistrationResponse } from '@simplewebauthn/server';
import {
  decodeAttestationObject,
  decodeCredentialPublicKey,
  getCertificateInfo,
  parseAuthenticatorData,
} from '@simplewebauthn/server/helpers';
import { refuse } from './errors.ts';
import type { Flags } from './record.ts';
import { algorithmOf, type CoseLabels, createKeyring, importPublicKey, isMlDsaAvailable } from './signature.ts';
import type { Passkey } from './store.ts';

/** Base64url without padding. */
export type Base64Url = string;

/** `PublicKeyCredentialRequestOptionsJSON`, WebAuthn §5.5. */
export interface RequestOptionsJSON {
  readonly challenge: Base64Url;
  readonly timeout: number;
  readonly rpId: string;
  readonly allowCredentials: readonly DescriptorJSON[];
  readonly userVerification: 'required' | 'preferred' | 'discouraged';
}

/** `PublicKeyCredentialCreationOptionsJSON`, WebAuthn §5.4. */
export interface CreationOptionsJSON {
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: Base64Url; readonly name: string; readonly displayName: string };
  readonly challenge: Base64Url;
  readonly pubKeyCredParams: readonly { readonly type: 'public-key'; readonly alg: number }[];
  readonly timeout: number;
  readonly excludeCredentials: readonly DescriptorJSON[];
  readonly authenticatorSelection: {
    readonly residentKey: 'required';
    readonly requireResidentKey: true;
    readonly userVerification: 'required' | 'preferred' | 'discouraged';
  };
  readonly attestation: 'none' | 'direct';
}

/** `PublicKeyCredentialDescriptorJSON`, WebAuthn §5.8.3. */
export interface DescriptorJSON {
  readonly type: 'public-key';
  readonly id: Base64Url;
  readonly transports?: readonly string[];
}

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
  /** The `credential` member as it came; the library wants it whole. */
  readonly json: object;
}

/** What is in authenticator data. WebAuthn §6.1. */
export interface AuthenticatorData {
  readonly rpIdHash: Uint8Array;
  readonly flags: Flags;
  readonly signCount: number;
}

/** A new credential whose every part was checked. */
export interface VerifiedCredential {
  readonly publicKey: Uint8Array;
  readonly algorithm: number;
  readonly aaguid: string;
  /** `x5c` of the attestation statement, leaf first; null for `none` and self attestation. Whose they are is not judged here. */
  readonly certificates: readonly Uint8Array[] | null;
  readonly authenticatorData: AuthenticatorData;
}

/** Credential ids are at most this long. WebAuthn §7.1 step 25. */
export const MAX_CREDENTIAL_ID = 1_023;
/** And user handles. WebAuthn §4 "User Handle". */
const MAX_USER_HANDLE = 64;
const MAX_PUBLIC_KEY = 4_096;

/** `AuthenticationResponseJSON` from a body. Throws Refusal. */
export function readAssertion(credential: object): Assertion {
  const { response, answer } = readCredential(credential);
  const given = own(response, 'userHandle');
  const userHandle = given === undefined || given === null ? null : bytes(given);
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
    json: credential,
  };
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
function bytes(text: unknown): Buffer<ArrayBuffer> {
  if (typeof text !== 'string') throw refuse('malformed_request');
  const decoded = Buffer.from(text, 'base64url');
  if (decoded.toString('base64url') !== text) throw refuse('malformed_request');
  return decoded;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Client data, parsed as WebAuthn §5.8.1.2 says. Throws Refusal. */
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
    (topOrigin !== undefined && typeof topOrigin !== 'string') ||
    !validTokenBinding(own(data, 'tokenBinding'))
  ) {
    throw refuse('client_data_malformed');
  }
  return { type, challenge, origin, crossOrigin: crossOrigin ?? false, topOrigin: topOrigin ?? null };
}

/** Level 2's `tokenBinding` (§5.8.1 there), which old browsers still send. */
function validTokenBinding(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  return ['present', 'supported'].includes(own(value, 'status') as string);
}

/** Authenticator data of an assertion. Throws Refusal. */
export function readAuthenticatorData(data: Buffer<ArrayBuffer>): AuthenticatorData {
  const bits = data[32] ?? 0;
  // The fixed part and nothing else, which is what nearly every assertion has.
  if (data.length === 37 && (bits & (AT | ED)) === 0) {
    return {
      rpIdHash: data.subarray(0, 32),
      flags: {
        userPresent: (bits & UP) !== 0,
        userVerified: (bits & UV) !== 0,
        backupEligible: (bits & BE) !== 0,
        backedUp: (bits & BS) !== 0,
      },
      signCount: data.readUInt32BE(33),
    };
  }
  try {
    const { rpIdHash, flags, counter } = parseAuthenticatorData(data);
    return {
      rpIdHash,
      flags: { userPresent: flags.up, userVerified: flags.uv, backupEligible: flags.be, backedUp: flags.bs },
      signCount: counter,
    };
  } catch (cause) {
    throw refuse('authenticator_data_malformed', { cause });
  }
}

/** The flags of authenticator data. WebAuthn §6.1. */
const [UP, UV, BE, BS, AT, ED] = [0x01, 0x04, 0x08, 0x10, 0x40, 0x80] as const;

/** SHA-256 of the RP ID equals the one in authenticator data. WebAuthn §7.1 step 14, §7.2 step 15. */
export function isForRelyingParty(data: AuthenticatorData, rpId: string): boolean {
  const expected = rpIdHashes.get(rpId) ?? sha256(rpId);
  rpIdHashes.set(rpId, expected);
  return timingSafeEqual(expected, data.rpIdHash);
}

/** As many as there are relying parties: they come from configuration, never from a request. */
const rpIdHashes = new Map<string, Buffer>();

/** What backup flags may be: a backed-up credential is eligible, and eligibility never changes. WebAuthn §6.1.3, §7.1 step 17, §7.2 steps 18 and 19. */
export function isBackupStateValid(flags: Flags, registered?: Pick<Passkey, 'backupEligible'>): boolean {
  if (flags.backedUp && !flags.backupEligible) return false;
  const before = registered?.backupEligible ?? null;
  return before === null || before === flags.backupEligible;
}

const keyring = createKeyring(decodeKey);

/** Whether the key signed authenticator data and client data. WebAuthn §7.2 steps 20 and 21. Never throws. */
export function isSignatureValid(assertion: Assertion, publicKey: Uint8Array): boolean {
  return keyring.hasSigned(publicKey, signedBytes(assertion), assertion.signature);
}

/** Authenticator data, then the SHA-256 of client data. WebAuthn §6.3.3 step 11. */
function signedBytes({ authenticatorData, clientDataJSON }: Assertion): Buffer {
  // Every byte of it is written here.
  const bytes = Buffer.allocUnsafe(authenticatorData.length + 32);
  bytes.set(authenticatorData);
  // By way of text, which the one-shot hash gives in a fifth of the time that a buffer takes.
  bytes.write(hash('sha256', clientDataJSON, 'hex'), authenticatorData.length, 'hex');
  return bytes;
}

/**
 * The formats whose statements the library verifies by itself. For `android-key` (with a root that the client itself
 * sent), `apple` and `android-safetynet` it looks up revocation lists at addresses in the certificates; no registration
 * may make this server do that.
 */
const OFFLINE_FORMATS: readonly unknown[] = ['none', 'packed', 'tpm', 'fido-u2f'];

/** The credential in a registration answer. WebAuthn §7.1 steps 13 to 25. Throws Refusal. */
export async function verifyAttestation(
  attestation: Attestation,
  expected: { challenge: Base64Url; origin: string; rpId: string; algorithms: readonly number[]; attested: boolean },
): Promise<VerifiedCredential> {
  const refused = (cause?: unknown) =>
    refuse('attestation_refused', { cause, ...(expected.attested && { rule: 'attestation' as const }) });
  const parsed = readAttestedData(attestation.attestationObject);
  if (!isForRelyingParty(parsed, expected.rpId)) throw refuse('rp_id_hash_mismatch');
  // The library accepts any JSON id; §5.1.3 makes it the one inside authenticator data.
  if (!attestation.credentialId.equals(parsed.credentialId)) throw refuse('credential_id_mismatch');
  if (!isBackupStateValid(parsed.flags)) throw refuse('backup_state_invalid');
  const algorithm = checkPublicKey(parsed.publicKey, expected.algorithms);
  if (!OFFLINE_FORMATS.includes(parsed.format)) throw refused();
  const verified = await verifyRegistrationResponse({
    response: attestation.json as Parameters<typeof verifyRegistrationResponse>[0]['response'],
    expectedChallenge: expected.challenge,
    expectedOrigin: expected.origin,
    expectedRPID: expected.rpId,
    expectedType: 'webauthn.create',
    // Flags are judged by policy, after this.
    requireUserPresence: false,
    requireUserVerification: false,
    supportedAlgorithmIDs: [...expected.algorithms],
  }).catch((cause: unknown) => {
    throw refused(cause);
  });
  if (!verified.verified) throw refused();
  return {
    publicKey: parsed.publicKey,
    algorithm,
    aaguid: verified.registrationInfo.aaguid,
    certificates: parsed.certificates,
    authenticatorData: parsed,
  };
}

function readAttestedData(attestationObject: Uint8Array<ArrayBuffer>) {
  try {
    const object = decodeAttestationObject(attestationObject);
    const x5c: unknown = object.get('attStmt').get('x5c');
    const parsed = parseAuthenticatorData(object.get('authData'));
    const { credentialID: credentialId, credentialPublicKey: publicKey, flags } = parsed;
    if (!credentialId || !publicKey || credentialId.length > MAX_CREDENTIAL_ID) throw new Error('no credential');
    return {
      rpIdHash: parsed.rpIdHash,
      flags: { userPresent: flags.up, userVerified: flags.uv, backupEligible: flags.be, backedUp: flags.bs },
      signCount: parsed.counter,
      credentialId,
      publicKey,
      format: object.get('fmt') as unknown,
      certificates: Array.isArray(x5c) && x5c.every((der) => der instanceof Uint8Array) ? (x5c as Uint8Array[]) : null,
    };
  } catch (cause) {
    throw refuse('authenticator_data_malformed', { cause });
  }
}

/** Imports the key, so that nothing is stored that can never verify: a point off the curve, a short modulus. */
function checkPublicKey(publicKey: Uint8Array<ArrayBuffer>, algorithms: readonly number[]): number {
  let labels: CoseLabels;
  let algorithm: number | undefined;
  try {
    labels = decodeKey(publicKey);
    algorithm = algorithmOf(labels);
  } catch (cause) {
    throw refuse('public_key_invalid', { cause });
  }
  if (algorithm === undefined || !algorithms.includes(algorithm)) throw refuse('algorithm_unsupported');
  if (publicKey.length > MAX_PUBLIC_KEY) throw refuse('public_key_invalid');
  try {
    importPublicKey(labels);
  } catch (cause) {
    throw refuse('public_key_invalid', { cause });
  }
  return algorithm;
}

function decodeKey(publicKey: Uint8Array): CoseLabels {
  return decodeCredentialPublicKey(Uint8Array.from(publicKey)) as unknown as CoseLabels;
}

/** Whether passkeys with ML-DSA can be registered and used on this runtime. */
export function supportsMlDsa(): boolean {
  return isMlDsaAvailable() && SettingsService.runtimeSupportsPQC();
}

/** The extensions of an X.509 certificate in DER. RFC 5280 §4.2. Throws when it is none. */
export function certificateExtensions(
  der: Uint8Array,
): readonly { id: string; critical: boolean; value: Uint8Array }[] {
  const { extensions = [] } = getCertificateInfo(Uint8Array.from(der)).parsedCertificate.tbsCertificate;
  return [...extensions].map(({ extnID: id, critical, extnValue }) => ({
    id,
    critical,
    value: new Uint8Array(extnValue.buffer),
  }));
}

/** The roots the library knows for FIDO metadata, in PEM. */
export function fidoRoots(): readonly string[] {
  return SettingsService.getRootCertificates({ identifier: 'mds' });
}

function sha256(value: string | Uint8Array): Buffer<ArrayBuffer> {
  return hash('sha256', value, 'buffer') as Buffer<ArrayBuffer>;
}
