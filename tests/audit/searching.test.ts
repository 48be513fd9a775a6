/** What looks for secrets finds them: a search that finds nothing proves nothing otherwise. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { foundIn } from './searching.ts';

const bytes = randomBytes(32);
const secret = bytes.toString('base64url');

test.for<[string, Buffer]>([
  ['as it is', Buffer.from(`{"challenge":"${secret}"}`)],
  ['as the bytes it stands for', Buffer.concat([randomBytes(5), bytes, randomBytes(5)])],
  ['in base64', Buffer.from(`x${bytes.toString('base64')}`)],
  ['in hex', Buffer.from(bytes.toString('hex'))],
  ['in capital hex', Buffer.from(bytes.toString('hex').toUpperCase())],
  ['as text in hex', Buffer.from(Buffer.from(secret).toString('hex'))],
  ...[0, 1, 2].map((offset): [string, Buffer] => [
    `in base64 of longer text, ${offset} bytes in`,
    Buffer.from(Buffer.from(`${'x'.repeat(offset)}${secret} and more`).toString('base64')),
  ]),
])('a secret is found %s', ([, written]) => {
  expect(foundIn({ written }, ['another that is not there', secret])).toEqual([`${secret} in written`]);
});

test('nothing is found where nothing is', () => {
  expect(foundIn({ written: randomBytes(100_000) }, [secret])).toEqual([]);
});
