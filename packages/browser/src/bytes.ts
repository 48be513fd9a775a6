// Bytes as the page's half meets them: base64url in JSON; and in credentials whatever the browser, or a password manager's
// extension in its place, takes for bytes.

/** Canonical base64url (RFC 4648 §5, without padding). */
export function encode(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Reads base64url and base64, padded or not. Throws a DOMException, `InvalidCharacterError`, for anything else. */
export function decode(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/**
 * Reads an ArrayBuffer or a view of one, of any realm; text in base64url or base64; an array or an object with the bytes
 * under 0, 1, 2 …; `{ data }` around any of these, as Node.js writes a Buffer. Empty when it is none of them.
 */
export function bytesOf(value: unknown): Uint8Array {
  try {
    if (typeof value === 'string') return decode(value);
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    // No `instanceof`: a buffer may be of another realm.
    if (/Buffer\]$/.test({}.toString.call(value))) return new Uint8Array(value as ArrayBuffer);
    const list = value as { [index: number]: number; data?: unknown; length?: number };
    if (list.data) return bytesOf(list.data);
    const bytes: number[] = [];
    for (let byte = list[0]; byte === (Number(byte) & 0xff); byte = list[bytes.length]) bytes.push(byte);
    // Whatever is under a number and was not taken is no byte, or does not follow the others.
    const length = list.length ?? Object.keys(list).filter((key) => /^\d/.test(key)).length;
    if (bytes.length === length) return Uint8Array.from(bytes);
  } catch {}
  return new Uint8Array();
}
