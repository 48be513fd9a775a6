import { createSecretKey, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { pseudonym } from '../src/record/pseudonym.ts';

const identity = (id: string) => ({ id, key: createSecretKey(randomBytes(32)), isEphemeral: false });

test('a pseudonym is the same for the same value and key, however many came between', () => {
  const key = identity('k1');
  const ada = pseudonym(key, 'ada');
  for (let n = 0; n < 10_000; n++) pseudonym(key, `user ${n}`);
  expect(pseudonym(key, 'ada')).toBe(ada);
  expect(ada).toMatch(/^hmac-sha256:k1:[\w-]{22}$/);
});

test('another key, another value and the bytes of another text give another pseudonym', () => {
  const [one, other] = [identity('k1'), identity('k1')];
  expect(pseudonym(one, 'ada')).not.toBe(pseudonym(other, 'ada'));
  expect(pseudonym(one, 'ada')).not.toBe(pseudonym(one, 'eve'));
  expect(pseudonym(one, 'ä')).not.toBe(pseudonym(one, Buffer.from('ä', 'latin1')));
  expect(pseudonym(one, 'ä')).toBe(pseudonym(one, Buffer.from('ä')));
});
