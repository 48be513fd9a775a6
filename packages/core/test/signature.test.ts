/** What the differential test over whole assertions cannot see: which keys stay imported, and what a key may be. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import { type CoseLabels, createKeyring, importPublicKey } from '../src/webauthn/signature.ts';

const DATA = Buffer.from('what is signed');
const octets = (base64url: unknown) => Buffer.from(base64url as string, 'base64url');

/** A key whose COSE bytes are just a name here; what it decodes to is in `decode`. */
function keyPair(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  const labels: CoseLabels = new Map<number, unknown>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, octets(x)],
    [-3, octets(y)],
  ]);
  return { bytes: Buffer.from(name), labels, signature: sign('sha256', DATA, privateKey) };
}

/** A keyring that counts what it had to import. */
function counting(kept: number) {
  const pairs = ['a', 'b', 'c'].map(keyPair);
  const imported: string[] = [];
  const keyring = createKeyring((bytes) => {
    const name = Buffer.from(bytes).toString();
    imported.push(name);
    const pair = pairs.find((each) => each.bytes.equals(bytes));
    if (!pair) throw new Error('not COSE');
    return pair.labels;
  }, kept);
  const [a, b, c] = pairs as [(typeof pairs)[0], (typeof pairs)[0], (typeof pairs)[0]];
  const good = (pair: typeof a) => keyring.hasSigned(pair.bytes, DATA, pair.signature);
  const bad = (pair: typeof a) => keyring.hasSigned(pair.bytes, Buffer.from('something else'), pair.signature);
  return { a, b, c, good, bad, imported, keyring };
}

test('imports a key once for as many good signatures as it makes', () => {
  const { a, good, imported } = counting(2);
  expect([good(a), good(a), good(a)]).toEqual([true, true, true]);
  expect(imported).toEqual(['a']);
});

test('keeps no more keys than it is told to: those that made a good signature last', () => {
  const { a, b, c, good, imported } = counting(2);
  for (const pair of [a, b, a, c, a]) good(pair);
  expect(imported).toEqual(['a', 'b', 'c']);
  expect(good(b)).toBe(true);
  expect(imported).toEqual(['a', 'b', 'c', 'b']);
});

test('keeps no key for a signature that was refused, and imports one for each', () => {
  const { a, b, c, good, bad, imported } = counting(2);
  expect([good(a), good(b)]).toEqual([true, true]);
  for (let times = 0; times < 5; times++) expect(bad(c)).toBe(false);
  expect(imported.splice(0)).toEqual(['a', 'b', 'c', 'c', 'c', 'c', 'c']);
  // A key that is kept too, or the time it takes would tell who signed in lately.
  expect([bad(a), bad(b)]).toEqual([false, false]);
  expect(imported.splice(0)).toEqual(['a', 'b']);
  expect([good(a), good(b)]).toEqual([true, true]);
  expect(imported).toEqual([]);
});

test('knows a key by its bytes', () => {
  const { a, b, good, keyring } = counting(2);
  good(a);
  expect(keyring.hasSigned(b.bytes, DATA, a.signature)).toBe(false);
  expect(keyring.hasSigned(Buffer.from('d'), DATA, a.signature)).toBe(false);
  // The same bytes in the middle of others are the same key.
  const inside = Buffer.concat([Buffer.from('x'), a.bytes, Buffer.from('y')]).subarray(1, -1);
  expect(keyring.hasSigned(inside, DATA, a.signature)).toBe(true);
});

const rsaLabels = (n: Uint8Array, e: Uint8Array): CoseLabels =>
  new Map<number, unknown>([
    [1, 3],
    [3, -257],
    [-1, n],
    [-2, e],
  ]);
const modulus = (key: KeyObject) => octets(key.export({ format: 'jwk' }).n);

test('takes RSA of 2,048 to 4,096 bits with an odd exponent of at most 32 bits', () => {
  const n = (bits: number) => Buffer.concat([Buffer.of(0x80), Buffer.alloc(bits / 8 - 2, 0xff), Buffer.of(1)]);
  const genuine = modulus(generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey);
  const imports = (n: Uint8Array, e: readonly number[]) => {
    try {
      return importPublicKey(rsaLabels(n, Uint8Array.from(e))).algorithm === -257;
    } catch {
      return false;
    }
  };
  for (const e of [[3], [1, 0, 1], [0xff, 0xff, 0xff, 0xff]]) expect(imports(genuine, e), `${e}`).toBe(true);
  for (const e of [[], [0], [1], [2], [1, 0, 0], [1, 0, 0, 0, 1]]) expect(imports(genuine, e), `${e}`).toBe(false);
  for (const bits of [2_048, 3_072, 4_096]) expect(imports(n(bits), [1, 0, 1]), `${bits} bits`).toBe(true);
  for (const bits of [1_024, 2_040, 4_104, 16_384]) expect(imports(n(bits), [1, 0, 1]), `${bits} bits`).toBe(false);
});

test.each([
  ['ML-DSA-44', -48, 1_312],
  ['ML-DSA-65', -49, 1_952],
  ['ML-DSA-87', -50, 2_592],
])('takes %s of its own length only', (_name, algorithm, length) => {
  const imports = (bytes: number, number = algorithm) => {
    try {
      const labels = new Map<number, unknown>([
        [1, 7],
        [3, number],
        [-1, Buffer.alloc(bytes, 1)],
      ]);
      return importPublicKey(labels).algorithm === number;
    } catch {
      return false;
    }
  };
  expect(imports(length)).toBe(true);
  for (const other of [0, 32, length - 1, length + 1, 1_312, 1_952, 2_592].filter((each) => each !== length)) {
    expect(imports(other), `${other} bytes`).toBe(false);
  }
  for (const other of [-48, -49, -50, -7, -8, -257].filter((each) => each !== algorithm)) {
    expect(imports(length, other), `as ${other}`).toBe(false);
  }
});
