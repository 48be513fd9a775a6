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
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/').replaceAll('=', ''));
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
    if (/Buffer\]$/.test(Object.prototype.toString.call(value))) return new Uint8Array(value as ArrayBuffer);
    const { length, ...members } = value as { length?: number; data?: unknown };
    if (members.data) return bytesOf(members.data);
    const numbers: unknown[] = Object.values(members);
    const areBytes = Object.keys(members).every((key, index) => key === `${index}` && isByte(numbers[index]));
    if (areBytes && (length ?? numbers.length) === numbers.length) return Uint8Array.from(numbers as number[]);
  } catch {}
  return new Uint8Array();
}

function isByte(value: unknown): boolean {
  return ((value as number) & 0xff) === value;
}
