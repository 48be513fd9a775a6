/**
 * Public keys of other systems (COSE, PEM, SubjectPublicKeyInfo, points of P-256) become COSE. A key that core would refuse at
 * a sign-in is refused here.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readPublicKey } from '@latchkey/core';

export interface PublicKey {
  /** COSE_Key, RFC 9052 §7. */
  readonly cose: Uint8Array;
  readonly algorithm: number;
}

/** The label 3 of a COSE_Key, its algorithm, as CBOR: -48, -49 and -50 (draft-ietf-cose-dilithium). */
const ML_DSA: Readonly<Record<string, string>> = {
  'ML-DSA-44': '03382f',
  'ML-DSA-65': '033830',
  'ML-DSA-87': '033831',
};

/** The key in a COSE_Key, which must be all there is. Throws an Error that says what is wrong. */
export function readCose(cose: Uint8Array): PublicKey {
  return { cose, algorithm: readPublicKey(cose).algorithm };
}

/** The COSE_Key of a key as PEM, SubjectPublicKeyInfo or JWK. Throws an Error that says what is wrong. */
export function coseOf(key: KeyObject): PublicKey {
  const jwk = key.export({ format: 'jwk' });
  const part = (name: 'x' | 'y' | 'n' | 'e' | 'pub') => byteString(Buffer.from(String(jwk[name] ?? ''), 'base64url'));
  // The order of CTAP2's canonical CBOR, in which authenticators write keys (WebAuthn §6.5.1.1).
  if (jwk.kty === 'EC' && jwk.crv === 'P-256')
    return keyOf('a5', '0102', '0326', '2001', '21', part('x'), '22', part('y'));
  if (jwk.kty === 'RSA') return keyOf('a4', '0103', '03390100', '20', part('n'), '21', part('e'));
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return keyOf('a4', '0101', '0327', '2006', '21', part('x'));
  const mlDsa = ML_DSA[String(jwk.alg)];
  if (mlDsa !== undefined) return keyOf('a3', '0107', mlDsa, '20', part('pub'));
  throw new Error(`a key of the kind ${jwk.kty} ${jwk.crv ?? ''}; only EdDSA, ES256, RS256 and ML-DSA can be moved`);
}

/** A public key in any of the forms that databases hold. Throws an Error that says what is wrong. */
export function readKeyBytes(bytes: Uint8Array): PublicKey {
  if (bytes.length === 65 && bytes[0] === 0x04) return coseOfPoint(bytes);
  // A SEQUENCE, which no COSE_Key begins with.
  if (bytes[0] === 0x30) return coseOf(createPublicKey({ key: Buffer.from(bytes), format: 'der', type: 'spki' }));
  return readCose(bytes);
}

/** An uncompressed point of P-256 (SEC 1 §2.3.3), as U2F and webauthn-ruby up to 1.11 keep it. */
function coseOfPoint(point: Uint8Array): PublicKey {
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((bytes) => Buffer.from(bytes).toString('base64url'));
  return coseOf(createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' }));
}

/** What attested credential data has in it: WebAuthn §6.5.1. */
export interface AttestedCredential {
  readonly aaguid: Uint8Array;
  readonly credentialId: Uint8Array;
  readonly publicKey: PublicKey;
}

/** Attested credential data: AAGUID, length, credential id, COSE_Key, and nothing else. Throws an Error that says what is wrong. */
export function readAttestedCredential(bytes: Uint8Array): AttestedCredential {
  const length = bytes.length < 18 ? 0 : bytes[16]! * 256 + bytes[17]!;
  const credentialId = bytes.slice(18, 18 + length);
  if (length === 0 || credentialId.length < length) throw new Error('no credential is in it, or it is cut off');
  return { aaguid: bytes.slice(0, 16), credentialId, publicKey: readCose(bytes.slice(18 + length)) };
}

const keyOf = (...hex: readonly string[]): PublicKey => readCose(new Uint8Array(Buffer.from(hex.join(''), 'hex')));

function byteString(bytes: Uint8Array): string {
  const length = bytes.length.toString(16);
  const head =
    bytes.length < 24
      ? (0x40 + bytes.length).toString(16)
      : bytes.length < 256
        ? `58${length}`
        : `59${length.padStart(4, '0')}`;
  return head + Buffer.from(bytes).toString('hex');
}
