/** Why this file exists: a secret may be written as it is or in another alphabet. This finds it in either, in much text, fast. */

/** Shorter ones are found by chance. */
export const SHORTEST = 12;

/** Which of the secrets are in which of the bytes, as `secret in name`. */
export function foundIn(files: Readonly<Record<string, Buffer>>, secrets: Iterable<string>): string[] {
  const needles = new Map<string, { readonly text: string; readonly secret: string }[]>();
  for (const secret of secrets) {
    for (const text of writings(secret)) {
      if (text.length < SHORTEST) continue;
      const beginning = text.slice(0, SHORTEST);
      needles.set(beginning, [...(needles.get(beginning) ?? []), { text, secret }]);
    }
  }
  const found = new Set<string>();
  for (const [name, bytes] of Object.entries(files)) {
    const text = bytes.toString('latin1');
    for (let at = 0; at + SHORTEST <= text.length; at += 1) {
      for (const needle of needles.get(text.slice(at, at + SHORTEST)) ?? []) {
        if (text.startsWith(needle.text, at)) found.add(`${needle.secret} in ${name}`);
      }
    }
  }
  return [...found];
}

/** A text, and the bytes it may stand for as base64url: as they are, in hex, in base64 and base64url, wherever in them. */
function writings(secret: string): Set<string> {
  const meanings = [Buffer.from(secret)];
  if (/^[\w-]+$/.test(secret)) meanings.push(Buffer.from(secret, 'base64url'));
  return new Set([secret, ...meanings.flatMap(alphabets)]);
}

function alphabets(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  const encoded = [0, 1, 2].flatMap((offset) => {
    // Inside of longer bytes it may begin at any of three places, and its first and last characters hold neighbours, too.
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
    const whole = Math.floor(shifted.length / 3) * 4;
    const first = offset === 0 ? 0 : offset + 1;
    return [shifted.toString('base64').slice(first, whole), shifted.toString('base64url').slice(first, whole)];
  });
  return [bytes.toString('latin1'), hex, hex.toUpperCase(), ...encoded];
}
