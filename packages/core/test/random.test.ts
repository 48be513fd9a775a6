/** Random text out of the pool: of its length, never the same twice, and not of wiped bytes, also where the pool is drawn anew. */
import { expect, test } from 'vitest';
import { random } from '../src/random.ts';

test.each([
  ['hex', 8, 16],
  ['base64url', 16, 22],
  ['base64url', 32, 43],
] as const)('%s of %i bytes', (encoding, length, characters) => {
  const drawn = Array.from({ length: 5_000 }, () => random(length, encoding));
  expect(new Set(drawn).size).toBe(drawn.length);
  expect(drawn.every((text) => text.length === characters)).toBe(true);
  expect(drawn.filter((text) => /(0000000000|AAAAAAAAAA)$/.test(text))).toEqual([]);
});
