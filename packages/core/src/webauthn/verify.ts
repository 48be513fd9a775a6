/**
 * Verifying what was read: relying party, signature, attestation, public key. It verifies; it decides nothing.
 * @simplewebauthn/server verifies the attestation statements that were asked for; everything else is done here.
 */

import { hash, timingSafeEqual } from 'node:crypto';
import { refuse } from '../errors.ts';
import type { AttestationFormat } from '../record/attempt.ts';
import type { Flags } from '../record/draft.ts';
import { lengthOf } from './cbor.ts';
import type { Base64Url } from './json.ts';
import { type Assertion, type Attestation, type AttestedData, type AuthenticatorData, decodeKey } from './read.ts';
import { algorithmOf, type CoseLabels, createKeyring, importPublicKey } from './signature.ts';

/** A new credential whose every part was checked. */
export interface VerifiedCredential {
  readonly publicKey: Uint8Array;
  readonly algorithm: number;
  readonly aaguid: string;
  /** `x5c` of the attestation statement, leaf first; null for `none` and self attestation. Whose they are is not judged here. */
  readonly certificates: readonly Uint8Array[] | null;
  readonly authenticatorData: AuthenticatorData;
}

const MAX_PUBLIC_KEY = 4_096;

/** SHA-256 of the RP ID equals the one in authenticator data. WebAuthn §7.1 step 14, §7.2 step 15. */
export function isForRelyingParty(data: AuthenticatorData, rpId: string): boolean {
  const expected = rpIdHashes.get(rpId) ?? sha256(rpId);
  rpIdHashes.set(rpId, expected);
  return timingSafeEqual(expected, data.rpIdHash);
}

/** As many as there are relying parties: they come from configuration, never from a request. */
const rpIdHashes = new Map<string, Buffer>();

/** A credential that is backed up is eligible for it. WebAuthn §6.1.3, §7.1 step 17, §7.2 step 18. */
export function isBackupStateValid(flags: Flags): boolean {
  return !flags.backedUp || flags.backupEligible;
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
const OFFLINE_FORMATS: readonly AttestationFormat[] = ['none', 'packed', 'tpm', 'fido-u2f'];

/**
 * The credential in a registration answer. WebAuthn §7.1 steps 13 to 25. A statement that was not asked for
 * (`statement` is false) is not looked at: nothing would follow from it. Throws Refusal.
 */
export async function verifyAttestation(
  attestation: Attestation,
  attested: AttestedData,
  expected: { challenge: Base64Url; origin: string; rpId: string; algorithms: readonly number[]; statement: boolean },
): Promise<VerifiedCredential> {
  const refused = (cause?: unknown) => refuse('attestation_refused', { cause, rule: 'attestation' });
  if (!isForRelyingParty(attested, expected.rpId)) throw refuse('rp_id_hash_mismatch');
  // The library accepts any JSON id; §5.1.3 makes it the one inside authenticator data.
  if (!attestation.credentialId.equals(attested.credentialId)) throw refuse('credential_id_mismatch');
  if (!isBackupStateValid(attested.flags)) throw refuse('backup_state_invalid');
  const algorithm = checkPublicKey(attested.publicKey, expected.algorithms);
  const { publicKey, aaguid, certificates } = attested;
  const credential = { publicKey, algorithm, aaguid, certificates, authenticatorData: attested };
  if (!expected.statement) return credential;
  if (!OFFLINE_FORMATS.includes(attested.format)) throw refused();
  // Not before a statement has to be verified: it takes longer to load than everything else of core.
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
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
  return credential;
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

/**
 * Reads the public key of a passkey that comes from elsewhere: a COSE_Key (RFC 9052 §7) with nothing behind it. Answers its COSE
 * algorithm. Throws an Error that says what is wrong with a key that no sign-in could use, or that a registration would refuse.
 */
export function readPublicKey(cose: Uint8Array): { readonly algorithm: number } {
  if (cose.length > MAX_PUBLIC_KEY) throw new Error(`${cose.length} bytes, more than ${MAX_PUBLIC_KEY}`);
  const labels = decodeKey(cose);
  if (lengthOf(labels) !== cose.length) throw new Error('not a COSE key, or more than one');
  return { algorithm: importPublicKey(labels).algorithm };
}

function sha256(value: string | Uint8Array): Buffer<ArrayBuffer> {
  return hash('sha256', value, 'buffer') as Buffer<ArrayBuffer>;
}
