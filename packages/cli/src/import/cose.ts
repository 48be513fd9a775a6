/**
 * Public keys of other systems (COSE, PEM, SubjectPublicKeyInfo, points of P-256) become COSE. A key that core would refuse at
 * a sign-in is refused here.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

export interface PublicKey {
  /** COSE_Key, RFC 9052 §7. */
  readonly cose: Uint8Array;
  readonly algorithm: number;
}

const [EDDSA, ES256, RS256] = [-8, -7, -257] as const;

/** The key in a COSE_Key, which must be all there is. Throws an Error that says what is wrong. */
export function readCose(bytes: Uint8Array): PublicKey {
  const reader = cborReader(bytes);
  const labels = reader.map();
  if (!reader.atEnd()) throw new Error('more bytes than a key has');
  const [kty, alg] = [labels.get(1), labels.get(3)];
  const part = (label: number, length?: number) => {
    const value = labels.get(label);
    if (!(value instanceof Uint8Array)) throw new Error('not a whole COSE key');
    if (length !== undefined && value.length !== length) throw new Error(`${value.length} bytes, not ${length}`);
    return Buffer.from(value).toString('base64url');
  };
  let jwk: JsonWebKey;
  if (kty === 2 && alg === ES256 && labels.get(-1) === 1)
    jwk = { kty: 'EC', crv: 'P-256', x: part(-2, 32), y: part(-3, 32) };
  else if (kty === 3 && alg === RS256) jwk = { kty: 'RSA', n: part(-1), e: part(-2) };
  else if (kty === 1 && alg === EDDSA && labels.get(-1) === 6) jwk = { kty: 'OKP', crv: 'Ed25519', x: part(-2, 32) };
  else throw new Error(`COSE algorithm ${String(alg)}; only EdDSA, ES256 and RS256 can be moved`);
  checkStrength(createPublicKey({ key: jwk as never, format: 'jwk' }));
  return { cose: bytes, algorithm: alg };
}

/** The COSE_Key of a key as PEM, SubjectPublicKeyInfo or JWK. Throws an Error that says what is wrong. */
export function coseOf(key: KeyObject): PublicKey {
  checkStrength(key);
  const jwk = key.export({ format: 'jwk' });
  const part = (name: 'x' | 'y' | 'n' | 'e') => byteString(Buffer.from(jwk[name] ?? '', 'base64url'));
  // The order of CTAP2's canonical CBOR, in which authenticators write keys (WebAuthn §6.5.1.1).
  if (jwk.kty === 'EC' && jwk.crv === 'P-256')
    return keyOf(ES256, ['a5', '0102', '0326', '2001', '21', part('x'), '22', part('y')]);
  if (jwk.kty === 'RSA') return keyOf(RS256, ['a4', '0103', '03390100', '20', part('n'), '21', part('e')]);
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return keyOf(EDDSA, ['a4', '0101', '0327', '2006', '21', part('x')]);
  throw new Error(`a key of the kind ${jwk.kty} ${jwk.crv ?? ''}; only EdDSA, ES256 and RS256 can be moved`);
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

function keyOf(algorithm: number, hex: readonly string[]): PublicKey {
  return { cose: new Uint8Array(Buffer.from(hex.join(''), 'hex')), algorithm };
}

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

/** What core asks of a key beyond its import (`importPublicKey`, packages/core): the size and the exponent of RSA. */
function checkStrength(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'rsa') return;
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2_048 || modulusLength > 4_096)
    throw new Error(`an RSA key of ${modulusLength} bits, not 2,048 to 4,096`);
  if (publicExponent < 3n || publicExponent > 0xffff_ffffn || publicExponent % 2n === 0n)
    throw new Error(`an RSA key with the exponent ${publicExponent}`);
}

/** As much CBOR (RFC 8949) as a COSE key is made of: one map of integers to integers and byte strings. */
function cborReader(bytes: Uint8Array) {
  let at = 0;
  const take = (count: number) => {
    if (at + count > bytes.length) throw new Error('cut off');
    at += count;
    return bytes.subarray(at - count, at);
  };
  const head = (): { kind: number; value: number } => {
    const [first = 0] = take(1);
    const size = first & 0x1f;
    if (size < 24) return { kind: first >> 5, value: size };
    if (size > 26) throw new Error('not a COSE key');
    return { kind: first >> 5, value: take(2 ** (size - 24)).reduce((number, byte) => number * 256 + byte, 0) };
  };
  const item = (): number | Uint8Array => {
    const { kind, value } = head();
    if (kind === 0) return value;
    if (kind === 1) return -1 - value;
    if (kind === 2) return take(value);
    throw new Error('not a COSE key');
  };
  return {
    map() {
      const { kind, value } = head();
      if (kind !== 5) throw new Error('not a COSE key');
      return new Map(Array.from({ length: value }, () => [item(), item()] as const));
    },
    atEnd: () => at === bytes.length,
  };
}
