/**
 * Signatures of passkeys: which algorithms there are, what a public key of each must be, and whether one signed. By OpenSSL,
 * through node:crypto: importing a key costs as much as checking a signature with it, so keys in use are kept imported.
 * A key has one algorithm, its own; no message has a say in it.
 */

import { createPublicKey, type JsonWebKeyInput, type KeyObject, verify } from 'node:crypto';

/** A COSE key, decoded: labels and values. RFC 9052 §7. */
export type CoseLabels = ReadonlyMap<unknown, unknown>;

/** A public key that was imported, and the COSE number of its one algorithm. */
export interface PublicKey {
  readonly algorithm: number;
  readonly key: KeyObject;
}

interface Algorithm {
  /** What is hashed before it is signed; null where the algorithm does that itself. */
  readonly hash: 'sha256' | null;
  /** The key as a JWK, or nothing when it is of another kind than the algorithm's. Throws for a member that cannot be. */
  readonly jwk: (label: (key: number) => unknown) => JsonWebKeyInput['key'] | undefined;
  /** What the import itself does not ask of a key. */
  readonly sound?: (key: KeyObject) => boolean;
}

/** COSE key labels (RFC 9052 §7, RFC 9053 §7). For EC2 and OKP -1 is the curve, for RSA (RFC 8230 §4) the modulus, for AKP (draft-ietf-cose-dilithium) the key. */
const [KTY, ALG, CRV_OR_N_OR_PUB, X_OR_E, Y] = [1, 3, -1, -2, -3] as const;

/** A row per algorithm, by COSE number. RFC 9053 §2, RFC 8812, draft-ietf-cose-dilithium. */
const ALGORITHMS: Readonly<Record<number, Algorithm>> = {
  [-7]: {
    hash: 'sha256',
    jwk: (key) =>
      key(KTY) === 2 && key(CRV_OR_N_OR_PUB) === 1
        ? { kty: 'EC', crv: 'P-256', x: base64url(key(X_OR_E), 32), y: base64url(key(Y), 32) }
        : undefined,
  },
  [-8]: {
    hash: null,
    jwk: (key) =>
      key(KTY) === 1 && key(CRV_OR_N_OR_PUB) === 6
        ? { kty: 'OKP', crv: 'Ed25519', x: base64url(key(X_OR_E), 32) }
        : undefined,
  },
  [-257]: {
    hash: 'sha256',
    jwk: (key) =>
      key(KTY) === 3 ? { kty: 'RSA', n: base64url(key(CRV_OR_N_OR_PUB)), e: base64url(key(X_OR_E)) } : undefined,
    sound: isSoundRsa,
  },
  [-48]: mlDsa('ML-DSA-44', 1_312),
  [-49]: mlDsa('ML-DSA-65', 1_952),
  [-50]: mlDsa('ML-DSA-87', 2_592),
};

/** FIPS 204 §4, table 2: each parameter set has a public key of one length. */
function mlDsa(alg: string, length: number): Algorithm {
  return {
    hash: null,
    jwk: (key) => (key(KTY) === 7 ? { kty: 'AKP', alg, pub: base64url(key(CRV_OR_N_OR_PUB), length) } : undefined),
  };
}

/** Whether this runtime's OpenSSL has the algorithm: ML-DSA came with Node.js 24.7. Any bytes of its length are a key of ML-DSA. */
export function isMlDsaAvailable(): boolean {
  available ??= canImport({ kty: 'AKP', alg: 'ML-DSA-44', pub: Buffer.alloc(1_312).toString('base64url') });
  return available;
}

let available: boolean | undefined;

function canImport(key: JsonWebKeyInput['key']): boolean {
  try {
    createPublicKey({ key, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

/** The COSE number in a key; nothing when there is none. */
export function algorithmOf(labels: CoseLabels): number | undefined {
  const algorithm = labels.get(ALG);
  return typeof algorithm === 'number' ? algorithm : undefined;
}

/** Imports a key. Throws for whatever could never verify, or never safely: a point off the curve, a short modulus. */
export function importPublicKey(labels: CoseLabels): PublicKey {
  const algorithm = algorithmOf(labels);
  const row = algorithm === undefined ? undefined : ALGORITHMS[algorithm];
  const jwk = row?.jwk((label) => labels.get(label));
  if (algorithm === undefined || row === undefined || jwk === undefined)
    throw new Error(`not a key of an algorithm that is known here; its COSE algorithm is ${algorithm ?? 'missing'}`);
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  if (row.sound?.(key) === false)
    throw new Error('an RSA key must have 2,048 to 4,096 bits and an odd exponent from 3 to 2^32 - 1');
  return { algorithm, key };
}

/** Checks signatures, and keeps the keys that made good ones. */
export interface Keyring {
  /** Whether this key, in COSE, signed these bytes. Never throws. */
  hasSigned(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}

/** 5 KB a key with ES256 and 14 KB with ML-DSA-87 (measured, outside the heap): 10 MB as a rule. */
const KEPT = 2_000;

/**
 * @param decode reads COSE; what it throws is a key that cannot sign.
 * @param kept how many keys stay imported: those that made a good signature last.
 */
export function createKeyring(decode: (publicKey: Uint8Array) => CoseLabels, kept: number = KEPT): Keyring {
  // By the bytes of the key: whatever a store or an attacker calls it, other bytes are another key.
  const keys = new Map<string, PublicKey>();

  function judge(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('latin1');
    const held = keys.get(name);
    const imported = held ?? importPublicKey(decode(publicKey));
    if (!signed(imported, data, signature)) {
      // A refusal costs the import whether the key was at hand or not: how long it takes must not tell who was here lately.
      if (held) importPublicKey(decode(publicKey));
      return false;
    }
    // Only a good signature gets a key in, so nobody fills this with keys that are not theirs to sign with.
    keys.delete(name);
    keys.set(name, imported);
    if (keys.size > kept) keys.delete(keys.keys().next().value!);
    return true;
  }

  return {
    hasSigned(publicKey, data, signature) {
      try {
        return judge(publicKey, data, signature);
      } catch {
        // Not a key, or not a signature of the length that this kind of key makes.
        return false;
      }
    },
  };
}

/**
 * Of ES256, OpenSSL takes DER and no other encoding (WebAuthn §6.5.5): it writes r and s once more and compares. That it
 * does, and that r and s are in range, is what `tests/security/signature-differential.test.ts` sees.
 */
function signed({ algorithm, key }: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  return verify(ALGORITHMS[algorithm]!.hash, data, key, signature);
}

/** From 2,048 bits, which NIST SP 800-131A demands, to 4,096: more, or a large exponent, costs a server more than its sender. */
function isSoundRsa(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  const goodExponent = publicExponent >= 3n && publicExponent <= 0xffff_ffffn && publicExponent % 2n === 1n;
  return modulusLength >= 2_048 && modulusLength <= 4_096 && goodExponent;
}

/** Bytes of a key, of exactly this length where there is one. */
function base64url(value: unknown, length?: number): string {
  if (!(value instanceof Uint8Array)) throw new Error('not bytes');
  if (length !== undefined && value.length !== length) throw new Error(`${value.length} bytes, not ${length}`);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64url');
}
