/** Pseudonyms in records: one person is one pseudonym under one key, and keys that differ have names that differ. */
import { expect, test } from 'vitest';
import { openDirect } from '../security/direct.ts';

/** The pseudonym in the record of a sign-in that nobody answers: the user is known by the application's own sign-in. */
async function pseudonymOf(id: string, identityKey: string | undefined): Promise<string> {
  const users = { find: (id: string) => ({ id, name: id }), findByName: undefined, identify: () => ({ id, name: id }) };
  const { browser, records, passkeys, clock } = openDirect({
    users: users as never,
    audit: { identityKey: identityKey as never },
  });
  await browser().send('POST', '/authentication/options', {});
  clock.now += 600_000;
  await passkeys.sweep();
  return records.at(-1)!.user.hash!;
}

const keyOf = (pseudonym: string) => pseudonym.split(':')[1]!;

test('one key gives one person one pseudonym, in every process, and names itself', async () => {
  const key = 'one key of thirty-two characters';
  const [first, again] = [await pseudonymOf('ada', key), await pseudonymOf('ada', key)];
  expect(again).toBe(first);
  expect(await pseudonymOf('eve', key)).not.toBe(first);
  const other = await pseudonymOf('ada', 'another key, of thirty-six characters');
  expect(keyOf(other)).not.toBe(keyOf(first));
});

test('a key that is made at the start has a name of its own each time: two pseudonyms of one person are not one key’s', async () => {
  const [first, other] = [await pseudonymOf('ada', undefined), await pseudonymOf('ada', undefined)];
  expect(first).not.toBe(other);
  for (const pseudonym of [first, other]) expect(keyOf(pseudonym)).toMatch(/^ephemeral[0-9a-f]{6}$/);
  expect(keyOf(first)).not.toBe(keyOf(other));
});
