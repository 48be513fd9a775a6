import { createSecretKey, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { pseudonym, pseudonymizer } from '../src/record/pseudonym.ts';

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

test('the pseudonymizer of several keys names by the current one, and finds by each', () => {
  const [current, earlier] = ['the key of this year, and for tests only', 'the key of last year, and for tests only'];
  const [now, before, both] = [pseudonymizer(current), pseudonymizer(earlier), pseudonymizer([current, earlier])];
  expect(both.keyId).toBe(now.keyId);
  expect(both.keyIds).toEqual([now.keyId, before.keyId]);
  expect(both.pseudonym('ada')).toBe(now.pseudonym('ada'));
  expect(both.pseudonyms('ada')).toEqual([now.pseudonym('ada'), before.pseudonym('ada')]);
  // Bytes are a key too, and no list of keys.
  expect(pseudonymizer(Buffer.from(current)).pseudonyms('ada')).toEqual([now.pseudonym('ada')]);
});
