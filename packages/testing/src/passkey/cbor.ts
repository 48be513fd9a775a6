/**
 * Writes the CBOR that an authenticator needs for its public key and the attestation object (RFC 8949 §3). It reads none:
 * a test that decoded with the code that encoded would prove little.
 */

/** What {@link encodeCbor} can write. A map is a `Map`, because the labels of a COSE key are numbers. */
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap;

/** A CBOR map; entries are written in the order of insertion. */
export type CborMap = ReadonlyMap<number | string, CborValue>;

/**
 * The CBOR encoding of `value`, definite lengths and shortest heads throughout. It does not sort: whoever fills a map in
 * the order of CTAP2 §8 gets the canonical form, and whoever wants a form that is not canonical can have it.
 *
 * @throws RangeError for a number that is not a whole number of at most 32 bits.
 */
export function encodeCbor(value: CborValue): Buffer {
  if (value === false) return Buffer.of(0xf4);
  if (value === true) return Buffer.of(0xf5);
  if (value === null) return Buffer.of(0xf6);
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (value instanceof Map) return Buffer.concat([head(5, value.size), ...[...value].flat().map(encodeCbor)]);
  const items = value as readonly CborValue[];
  return Buffer.concat([head(4, items.length), ...items.map(encodeCbor)]);
}

/** Major type (3 bits) and argument, in the fewest bytes that hold it. */
function head(major: number, argument: number): Buffer {
  if (!Number.isInteger(argument) || argument > 0xffffffff) {
    throw new RangeError(`CBOR here holds whole numbers of at most 32 bits, not ${argument}.`);
  }
  const type = major << 5;
  if (argument < 24) return Buffer.of(type | argument);
  if (argument <= 0xff) return Buffer.of(type | 24, argument);
  const [size, marker] = argument <= 0xffff ? [2, 25] : [4, 26];
  const bytes = Buffer.alloc(1 + size);
  bytes[0] = type | marker;
  bytes.writeUIntBE(argument, 1, size);
  return bytes;
}
