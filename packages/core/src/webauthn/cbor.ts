/** CBOR, by the library that @simplewebauthn/server reads it with. */

import { type CBORType, decodePartialCBOR, encodeCBOR } from '@levischuck/tiny-cbor';

export type { CBORType };

/** The first item in some bytes, whatever follows. RFC 8949 §3. Throws. */
export function firstItem(bytes: Uint8Array): CBORType {
  // A copy: the library reads a view from where its buffer begins.
  return decodePartialCBOR(Uint8Array.from(bytes), 0)[0];
}

/** How many bytes an item takes in its shortest form, the one that authenticators write. CTAP 2.2 §8. */
export function lengthOf(item: CBORType): number {
  return encodeCBOR(item).length;
}
