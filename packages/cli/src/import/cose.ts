/**
 * Why this file exists: public keys come from other systems as COSE or PEM, in columns of bytes, base64 or hex; Latchkey keeps
 * COSE. A key counts only if it imports: one that cannot verify a signature is found here, not at somebody's sign-in.
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
  const part = (label: number) => {
    const value = labels.get(label);
    if (!(value instanceof Uint8Array)) throw new Error('not a whole COSE key');
    return Buffer.from(value).toString('base64url');
  };
  let jwk: JsonWebKey;
  if (kty === 2 && alg === ES256 && labels.get(-1) === 1) jwk = { kty: 'EC', crv: 'P-256', x: part(-2), y: part(-3) };
  else if (kty === 3 && alg === RS256) jwk = { kty: 'RSA', n: part(-1), e: part(-2) };
  else if (kty === 1 && alg === EDDSA && labels.get(-1) === 6) jwk = { kty: 'OKP', crv: 'Ed25519', x: part(-2) };
  else throw new Error(`COSE algorithm ${String(alg)}; only EdDSA, ES256 and RS256 can be moved`);
  checkStrength(createPublicKey({ key: jwk as never, format: 'jwk' }));
  return { cose: bytes, algorithm: alg };
}

/** The COSE_Key of a key in PEM (SubjectPublicKeyInfo). Throws an Error that says what is wrong. */
export function coseOfPem(pem: string): PublicKey {
  const key = createPublicKey(pem);
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

function checkStrength(key: KeyObject): void {
  if ((key.asymmetricKeyDetails?.modulusLength ?? 2_048) < 2_048) throw new Error('an RSA key under 2,048 bits');
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
