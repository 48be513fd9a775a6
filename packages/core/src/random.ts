/**
 * Random bytes of the operating system, drawn many at a time: drawn a few at a time, they were the dearest part of a
 * challenge after its signature. Nothing is handed out twice, and what was handed out is wiped here.
 */

import { randomFillSync } from 'node:crypto';

const drawn = Buffer.alloc(4_096);

let used = drawn.length;

/** `length` random bytes as text, at most 4,096. */
export function random(length: number, encoding: 'base64url' | 'hex'): string {
  if (used + length > drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  const text = drawn.toString(encoding, used, used + length);
  drawn.fill(0, used, used + length);
  used += length;
  return text;
}
