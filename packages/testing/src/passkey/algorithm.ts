/**
 * The signature algorithms, one row each: how a key is made, how it is written as a COSE key, and which hash is signed.
 */
import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { CborValue } from './cbor.ts';

/**
 * The name of an algorithm as in the IANA COSE registry. EdDSA is Ed25519 (WebAuthn L3 §5.8.5). ML-DSA (FIPS 204) needs
 * Node.js 24.7 or newer.
 */
export type AlgorithmName = 'ES256' | 'RS256' | 'EdDSA' | 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87';

/** The number of an algorithm in the IANA COSE registry: ES256 is -7, EdDSA -8, RS256 -257, ML-DSA -48 to -50. */
export type AlgorithmNumber = -7 | -8 | -257 | -48 | -49 | -50;

/** A public key as COSE writes it (RFC 9052 §7): labels 1 (key type), 3 (algorithm), -1, -2, -3 (the key itself). */
export type CoseKey = ReadonlyMap<number, CborValue>;

/** One row of the table. */
export interface Algorithm {
  readonly name: AlgorithmName;
  readonly number: AlgorithmNumber;
  /** What Node.js calls this type of key. */
  readonly keyType: string;
  /** What to hash with before signing; null where the algorithm does it itself. */
  readonly hash: 'sha256' | null;
  /** A new private key. RS256 has 2,048 bits. */
  generate(): KeyObject;
  /** The members of the public key's JWK, as a COSE key in canonical order (WebAuthn L3 §5.8.5, §6.5.1.1). */
  coseKey(jwk: JsonWebKey): CoseKey;
}

const algorithms: readonly Algorithm[] = [
  {
    name: 'ES256',
    number: -7,
    keyType: 'ec',
    hash: 'sha256',
    generate: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    coseKey: ({ x, y }) =>
      new Map<number, CborValue>([
        [1, 2], // key type EC2
        [3, -7],
        [-1, 1], // curve P-256
        [-2, bytes(x)],
        [-3, bytes(y)],
      ]),
  },
  {
    name: 'RS256',
    number: -257,
    keyType: 'rsa',
    hash: 'sha256',
    generate: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    coseKey: ({ n, e }) =>
      new Map<number, CborValue>([
        [1, 3], // key type RSA
        [3, -257],
        [-1, bytes(n)],
        [-2, bytes(e)],
      ]),
  },
  {
    name: 'EdDSA',
    number: -8,
    keyType: 'ed25519',
    hash: null,
    generate: () => generateKeyPairSync('ed25519').privateKey,
    coseKey: ({ x }) =>
      new Map<number, CborValue>([
        [1, 1], // key type OKP
        [3, -8],
        [-1, 6], // curve Ed25519
        [-2, bytes(x)],
      ]),
  },
  mlDsa('ML-DSA-44', -48),
  mlDsa('ML-DSA-65', -49),
  mlDsa('ML-DSA-87', -50),
];

/** The parameter sets of ML-DSA differ in name and number only; `pub` is the whole key (draft-ietf-cose-dilithium). */
function mlDsa(name: AlgorithmName & `ML-DSA-${number}`, number: AlgorithmNumber): Algorithm {
  const keyType = name.toLowerCase() as Lowercase<typeof name>;
  return {
    name,
    number,
    keyType,
    hash: null,
    generate: () => generateKeyPairSync(keyType).privateKey,
    coseKey: ({ pub }) =>
      new Map<number, CborValue>([
        [1, 7], // key type AKP
        [3, number],
        [-1, bytes(pub as string)],
      ]),
  };
}

/**
 * The row of an algorithm, by name or by COSE number.
 *
 * @throws TypeError for any other algorithm.
 */
export function findAlgorithm(wanted: AlgorithmName | AlgorithmNumber): Algorithm {
  const found = algorithms.find(({ name, number }) => name === wanted || number === wanted);
  if (found === undefined) {
    const known = algorithms.map(({ name, number }) => `${name} (${number})`).join(', ');
    throw new TypeError(`algorithm is ${String(wanted)}; a software passkey signs with one of ${known}.`);
  }
  return found;
}

/**
 * The row of an algorithm that a private key can sign with.
 *
 * @throws TypeError when there is none, as for a key on another curve.
 */
export function algorithmOf(key: KeyObject): Algorithm {
  const { asymmetricKeyType, asymmetricKeyDetails: { namedCurve = 'prime256v1' } = {} } = key;
  const found = algorithms.find(({ keyType }) => keyType === asymmetricKeyType);
  if (found === undefined || namedCurve !== 'prime256v1') {
    throw new TypeError(
      `the key is ${asymmetricKeyType} ${namedCurve}; a software passkey signs with P-256, RSA, Ed25519 or ML-DSA.`,
    );
  }
  return found;
}

function bytes(base64url: string | undefined): Uint8Array {
  return Buffer.from(base64url ?? '', 'base64url');
}
