/**
 * The test vectors of WebAuthn Level 3 (§16), made by the specification's own rule: each random value is HKDF-SHA-256 of "WebAuthn test
 * vectors" with the vector's name and the number of the value. Signatures differ from the specification's by their nonce only.
 */
// @peculiar/x509 must find it.
import 'reflect-metadata';
import { createECDH, createHash, createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign } from 'node:crypto';
import { type CborValue, encodeCbor } from '@latchkey/testing';
import { ExtendedKeyUsageExtension, Extension, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { type Certified, certify } from '../http/attestation-makers.ts';

export interface Vector {
  readonly registration: {
    readonly challenge: Buffer;
    readonly clientDataJSON: Buffer;
    readonly attestationObject: Buffer;
  };
  readonly authentication: {
    readonly challenge: Buffer;
    readonly clientDataJSON: Buffer;
    readonly authenticatorData: Buffer;
    readonly signature: Buffer;
  };
  readonly credentialId: Buffer;
  readonly publicKey: Buffer;
  readonly algorithm: number;
  /** SHA-256 of everything in it that the rule makes without a nonce, 16 bytes of it in hex. */
  readonly digest: string;
}

interface Recipe {
  readonly key: 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'EdDSA' | 'Ed448';
  readonly format: 'none' | 'packed-self' | 'packed' | 'tpm' | 'android-key' | 'apple' | 'fido-u2f';
  readonly idLength?: number;
  readonly challengeLength?: number;
  readonly crossOrigin?: true;
  readonly topOrigin?: true;
}

export const RECIPES = {
  'none.ES256': { key: 'ES256', format: 'none' },
  'packed-self.ES256': { key: 'ES256', format: 'packed-self' },
  'none.ES256.crossOrigin': { key: 'ES256', format: 'none', crossOrigin: true },
  'none.ES256.topOrigin': { key: 'ES256', format: 'none', crossOrigin: true, topOrigin: true },
  'none.ES256.long-credential-id': { key: 'ES256', format: 'none', idLength: 1_023 },
  'packed.ES256': { key: 'ES256', format: 'packed' },
  'packed.ES384': { key: 'ES384', format: 'packed' },
  'packed.ES512': { key: 'ES512', format: 'packed', challengeLength: 128 },
  'packed.RS256': { key: 'RS256', format: 'packed' },
  'packed.EdDSA': { key: 'EdDSA', format: 'packed' },
  'packed.Ed448': { key: 'Ed448', format: 'packed' },
  'tpm.ES256': { key: 'ES256', format: 'tpm' },
  'android-key.ES256': { key: 'ES256', format: 'android-key' },
  'apple.ES256': { key: 'ES256', format: 'apple' },
  'fido-u2f.ES256': { key: 'ES256', format: 'fido-u2f' },
} as const satisfies Record<string, Recipe>;

const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

/** The next value of a vector: the salt counts them. */
function randomness(info: string): (length: number) => Buffer {
  let salt = 0;
  return (length) => Buffer.from(hkdfSync('sha256', 'WebAuthn test vectors', Buffer.of(salt++), info, length));
}

/** A key pair, its COSE key, and how it signs. */
interface CredentialKey {
  readonly privateKey: KeyObject;
  readonly cose: ReadonlyMap<number, CborValue>;
  readonly algorithm: number;
  readonly hash: string | null;
}

const EC = {
  ES256: { curve: 'prime256v1', crv: 'P-256', label: 1, algorithm: -7, bytes: 32, drawn: 32, hash: 'sha256' },
  ES384: { curve: 'secp384r1', crv: 'P-384', label: 2, algorithm: -35, bytes: 48, drawn: 48, hash: 'sha384' },
  ES512: { curve: 'secp521r1', crv: 'P-521', label: 3, algorithm: -36, bytes: 66, drawn: 65, hash: 'sha512' },
} as const;

function ecKey(name: keyof typeof EC, scalar: Buffer): CredentialKey {
  const { curve, crv, label, algorithm, bytes, hash } = EC[name];
  const d = Buffer.concat([Buffer.alloc(bytes - scalar.length), scalar]);
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)];
  const jwk = { kty: 'EC', crv, d: base64url(d), x: base64url(x), y: base64url(y) };
  return {
    privateKey: createPrivateKey({ key: jwk, format: 'jwk' }),
    cose: new Map<number, CborValue>([
      [1, 2],
      [3, algorithm],
      [-1, label],
      [-2, x],
      [-3, y],
    ]),
    algorithm,
    hash,
  };
}

/** RFC 8410: a private key of so many bytes, in PKCS #8. */
const EDWARDS = {
  EdDSA: { prefix: '302e020100300506032b657004220420', length: 32, algorithm: -8, label: 6 },
  Ed448: { prefix: '3047020100300506032b6571043b0439', length: 57, algorithm: -53, label: 7 },
} as const;

function edwardsKey(name: keyof typeof EDWARDS, seed: Buffer): CredentialKey {
  const { prefix, algorithm, label } = EDWARDS[name];
  const der = Buffer.concat([Buffer.from(prefix, 'hex'), seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const cose = new Map<number, CborValue>([
    [1, 1],
    [3, algorithm],
    [-1, label],
    [-2, Buffer.from(x, 'base64url')],
  ]);
  return { privateKey, cose, algorithm, hash: null };
}

/** The inverse of `a` modulo `m`. */
function inverse(a: bigint, m: bigint): bigint {
  let [r, next, s, t] = [m, a % m, 0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next, s, t] = [next, r - quotient * next, t, s - quotient * t];
  }
  return ((s % m) + m) % m;
}

/** Of the two smallest Mersenne primes from 2^1024 on. */
function mersenneKey(): CredentialKey {
  const [p, q, e] = [2n ** 1_279n - 1n, 2n ** 2_203n - 1n, 65_537n];
  const d = inverse(e, (p - 1n) * (q - 1n));
  const bytes = (value: bigint) => {
    const digits = value.toString(16);
    return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  };
  const write = (value: bigint) => base64url(bytes(value));
  const [dp, dq, qi] = [write(d % (p - 1n)), write(d % (q - 1n)), write(inverse(q, p))];
  const jwk = { kty: 'RSA', n: write(p * q), e: write(e), d: write(d), p: write(p), q: write(q), dp, dq, qi };
  const cose = new Map<number, CborValue>([
    [1, 3],
    [3, -257],
    [-1, bytes(p * q)],
    [-2, bytes(e)],
  ]);
  return { privateKey: createPrivateKey({ key: jwk, format: 'jwk' }), cose, algorithm: -257, hash: 'sha256' };
}

function credentialKey(name: Recipe['key'], next: (length: number) => Buffer): CredentialKey {
  if (name === 'RS256') return mersenneKey();
  if (name === 'EdDSA' || name === 'Ed448') return edwardsKey(name, next(EDWARDS[name].length));
  return ecKey(name, next(EC[name].drawn));
}

function clientData(
  next: (length: number) => Buffer,
  type: string,
  challenge: Buffer,
  { crossOrigin = false, topOrigin }: Pick<Recipe, 'topOrigin'> & { crossOrigin?: boolean },
): Buffer {
  const flags = next(1)[0]!;
  const extra = 'clientDataJSON may be extended with additional fields in the future, such as this: ';
  return Buffer.from(
    JSON.stringify({
      type,
      challenge: base64url(challenge),
      origin: 'https://example.org',
      crossOrigin,
      ...(topOrigin && { topOrigin: 'https://example.com' }),
      ...(flags & 1 && { extraData: extra + base64url(next(16)) }),
    }),
  );
}

const RP_ID_HASH = sha256(Buffer.from('example.org'));

const usages = [['sign'], ['verify']] as const;
const pairOf = ({ privateKey }: CredentialKey): CryptoKeyPair => {
  const ec = { name: 'ECDSA', namedCurve: 'P-256' };
  return {
    privateKey: privateKey.toCryptoKey(ec, true, usages[0]),
    publicKey: createPublicKey(privateKey).toCryptoKey(ec, true, usages[1]),
  } as CryptoKeyPair;
};

const ca = randomness('Attestation CA');
/** The root of every statement. */
export const attestationRoot: Promise<Certified> = certify({
  subject: 'CN=WebAuthn test vectors, O=W3C, OU=Authenticator Attestation CA, C=AA',
  keys: pairOf(ecKey('ES256', ca(32))),
  ca: true,
});

const SUBJECT = 'CN=WebAuthn test vectors, O=W3C, OU=Authenticator Attestation, C=AA';

/** A certificate of the attestation key: its own, or the credential's. Its serial number is drawn, as the rule has it, and not used. */
async function attestationCertificate(
  next: (length: number) => Buffer,
  { own, extensions = [], subject = SUBJECT }: { own?: CredentialKey; extensions?: Extension[]; subject?: string } = {},
): Promise<Certified> {
  const key = own ?? ecKey('ES256', next(32));
  next(16);
  return certify({ subject, issuer: await attestationRoot, keys: pairOf(key), extensions });
}

interface Signed {
  readonly next: (length: number) => Buffer;
  readonly key: CredentialKey;
  readonly authData: Buffer;
  readonly clientDataHash: Buffer;
  readonly credentialId: Buffer;
  readonly manufacturer: string | undefined;
}

const octets = (bytes: Uint8Array) => Buffer.concat([Buffer.of(0x04, bytes.length), bytes]);

/** Format and statement of each kind. WebAuthn §8. */
const STATEMENTS: Record<Recipe['format'], (signed: Signed) => Promise<readonly [string, CborValue]>> = {
  none: async () => ['none', new Map()],
  'packed-self': async ({ key, authData, clientDataHash }) => [
    'packed',
    new Map<string, CborValue>([
      ['alg', key.algorithm],
      ['sig', sign('sha256', Buffer.concat([authData, clientDataHash]), key.privateKey)],
    ]),
  ],
  packed: async ({ next, authData, clientDataHash }) => {
    const { privateKey, der } = await attestationCertificate(next);
    const sig = sign('sha256', Buffer.concat([authData, clientDataHash]), privateKey);
    return ['packed', statement({ alg: -7, sig, x5c: [der] })];
  },
  tpm: async ({ next, key, authData, clientDataHash, manufacturer }) => {
    const uint16 = (value: number) => Buffer.of(value >> 8, value & 0xff);
    const sized = (bytes: Uint8Array) => Buffer.concat([uint16(bytes.length), bytes]);
    const [x, y] = [key.cose.get(-2) as Buffer, key.cose.get(-3) as Buffer];
    const [ecc, nameAlgorithm] = [Buffer.from('0023', 'hex'), Buffer.from('000b', 'hex')];
    const attributes = Buffer.from('00040000', 'hex');
    const parameters = Buffer.from('0010001000030010', 'hex');
    const pubArea = Buffer.concat([ecc, nameAlgorithm, attributes, sized(Buffer.of()), parameters, sized(x), sized(y)]);
    const certInfo = Buffer.concat([
      Buffer.from('ff544347', 'hex'),
      Buffer.from('8017', 'hex'),
      sized(Buffer.of()),
      sized(sha256(authData, clientDataHash)),
      Buffer.from('0000000000000000111111112222222233', 'hex'),
      Buffer.alloc(8),
      sized(Buffer.concat([nameAlgorithm, sha256(pubArea)])),
      sized(Buffer.of()),
    ]);
    const { privateKey, der } = await attestationCertificate(next, {
      subject: '',
      extensions: tpmExtensions(manufacturer),
    });
    const sig = sign('sha256', certInfo, privateKey);
    return ['tpm', statement({ alg: -7, sig, ver: '2.0', x5c: [der], pubArea, certInfo })];
  },
  'android-key': async ({ next, key, authData, clientDataHash }) => {
    const number = Buffer.from('0202012c', 'hex');
    const [level, zero, empty] = [
      Buffer.from('0a0100', 'hex'),
      Buffer.from('020100', 'hex'),
      Buffer.from('3000', 'hex'),
    ];
    const parts = [number, level, zero, level, octets(clientDataHash), octets(Buffer.of()), empty, empty];
    const description = Buffer.concat(parts);
    const whole = Buffer.concat([Buffer.of(0x30, description.length), description]);
    const extensions = [new Extension('1.3.6.1.4.1.11129.2.1.17', false, whole)];
    const { privateKey, der } = await attestationCertificate(next, { own: key, extensions });
    const sig = sign('sha256', Buffer.concat([authData, clientDataHash]), privateKey);
    return ['android-key', statement({ alg: -7, sig, x5c: [der] })];
  },
  apple: async ({ next, key, authData, clientDataHash }) => {
    const nonce = octets(sha256(authData, clientDataHash));
    const tagged = Buffer.concat([Buffer.of(0xa1, nonce.length), nonce]);
    const whole = Buffer.concat([Buffer.of(0x30, tagged.length), tagged]);
    const extensions = [new Extension('1.2.840.113635.100.8.2', false, whole)];
    const { der } = await attestationCertificate(next, { own: key, extensions });
    return ['apple', statement({ x5c: [der] })];
  },
  'fido-u2f': async ({ next, key, clientDataHash, credentialId }) => {
    const point = Buffer.concat([Buffer.of(4), key.cose.get(-2) as Buffer, key.cose.get(-3) as Buffer]);
    const { privateKey, der } = await attestationCertificate(next);
    const bytes = Buffer.concat([Buffer.of(0), RP_ID_HASH, clientDataHash, credentialId, point]);
    return ['fido-u2f', statement({ sig: sign('sha256', bytes, privateKey), x5c: [der] })];
  },
};

const statement = (members: Record<string, CborValue>) => new Map(Object.entries(members));

/** What a TPM's certificate has. WebAuthn §8.3.1; in the specification's vector the manufacturer is nobody. */
function tpmExtensions(manufacturer = '00000000'): Extension[] {
  const names = [`2.23.133.2.1=id:${manufacturer}`, '2.23.133.2.2=WebAuthn test vectors', '2.23.133.2.3=id:00000000'];
  return [
    new ExtendedKeyUsageExtension(['2.23.133.8.3']),
    new SubjectAlternativeNameExtension([{ type: 'dn', value: names.join('+') }], true),
  ];
}

/** Makes a vector. `name` is the specification's own; with another `manufacturer` of a TPM it is one of ours. */
export async function makeVector(name: keyof typeof RECIPES, manufacturer?: string): Promise<Vector> {
  const recipe: Recipe = RECIPES[name];
  const { format, idLength = 32, challengeLength = 32 } = recipe;
  const next = randomness(name);

  const created = next(challengeLength);
  const key = credentialKey(recipe.key, next);
  const creationData = clientData(next, 'webauthn.create', created, recipe);
  const aaguid = next(16);
  const credentialId = next(idLength);
  const drawn = format === 'fido-u2f' ? 0 : next(1)[0]! & 0x1c;
  const chosen = drawn & 0x08 ? drawn : drawn & ~0x18;
  const publicKey = encodeCbor(key.cose);
  const count = Buffer.alloc(4);
  const length = Buffer.of(idLength >> 8, idLength & 0xff);
  const authData = Buffer.concat([
    RP_ID_HASH,
    Buffer.of(0x41 | chosen),
    count,
    aaguid,
    length,
    credentialId,
    publicKey,
  ]);
  const signed = { next, key, authData, clientDataHash: sha256(creationData), credentialId, manufacturer };
  const [fmt, attStmt] = await STATEMENTS[format](signed);
  const attestationObject = encodeCbor(new Map<string, CborValue>(Object.entries({ fmt, attStmt, authData })));

  const requested = next(challengeLength);
  const requestData = clientData(next, 'webauthn.get', requested, recipe);
  const backupEligible = chosen & 0x08;
  const again = next(1)[0]! & (backupEligible ? 0x14 : 0x04);
  const authenticatorData = Buffer.concat([RP_ID_HASH, Buffer.of(0x01 | backupEligible | again), count]);
  const signature = sign(key.hash, Buffer.concat([authenticatorData, sha256(requestData)]), key.privateKey);
  return {
    registration: { challenge: created, clientDataJSON: creationData, attestationObject },
    authentication: { challenge: requested, clientDataJSON: requestData, authenticatorData, signature },
    credentialId,
    publicKey,
    algorithm: key.algorithm,
    digest: sha256(creationData, authData, requestData, authenticatorData).subarray(0, 16).toString('hex'),
  };
}
