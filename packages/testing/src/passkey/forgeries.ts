/** Attacks with a history that take a line of arithmetic, each to be put into a bend by its name. */
import { sign } from 'node:crypto';
import type { CoseKey } from './algorithm.ts';
import type { Signing } from './bend.ts';

/**
 * Flips the lowest bit of one byte; a negative index counts from the end. For every bend that takes bytes.
 *
 * @throws RangeError when the bytes are too short (when the bend is applied, not before).
 */
export function flipBit(index = 0): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => bytes.with(index, (bytes.at(index) ?? 0) ^ 1);
}

/** The ECDSA signature r = s = 0 in DER, which a careless verifier takes for everybody's (CVE-2022-21449). For `signature`. */
export const zeroSignature: Uint8Array = Uint8Array.of(0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00);

/** A good ES256 signature as r and s side by side, not as the DER that WebAuthn demands (L3 §6.5.5). For `signature`. */
export function rawSignature(_genuine: Uint8Array, { bytes, privateKey }: Signing): Uint8Array {
  // As text: with options, workerd takes no KeyObject.
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' });
  return sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
}

/** A good signature over SHA-1, which with RSA is the algorithm RS1. For `signature`, with an ES256 or RS256 passkey. */
export function sha1Signature(_genuine: Uint8Array, { bytes, privateKey }: Signing): Uint8Array {
  return sign('sha1', bytes, privateKey);
}

/** An ES256 public key whose y has one bit flipped: a point that is not on the curve. For `publicKey`. */
export function pointOffCurve(genuine: CoseKey): CoseKey {
  return new Map(genuine).set(-3, flipBit(-1)(genuine.get(-3) as Uint8Array));
}

/** A public key that declares another COSE algorithm than its own, -65535 for RS1 say. For `publicKey`. */
export function declaredAlgorithm(number: number): (genuine: CoseKey) => CoseKey {
  return (genuine) => new Map(genuine).set(3, number);
}
