/**
 * The identity keys of the application: with them a user and a stored passkey are found in records, which name them by
 * pseudonyms. `LATCHKEY_IDENTITY_KEY` is the current one, `LATCHKEY_EARLIER_IDENTITY_KEYS` are those before it, one a line.
 */
import { type Passkey, type Pseudonymizer, pseudonymizer } from '@latchkey/core';
import { Fault } from './terminal/fault.ts';
import { many } from './terminal/output.ts';

/** The keys of the environment, the current one first; null where none is set. Throws a {@link Fault} for one that cannot be one. */
export function readIdentityKeys(): Pseudonymizer | null {
  const { LATCHKEY_IDENTITY_KEY: current = '', LATCHKEY_EARLIER_IDENTITY_KEYS: lines = '' } = process.env;
  const earlier = lines.split(/\r?\n/).filter((line) => line !== '');
  if (current === '') {
    if (earlier.length === 0) return null;
    throw new Fault(
      'usage',
      'LATCHKEY_EARLIER_IDENTITY_KEYS needs LATCHKEY_IDENTITY_KEY, your audit.identityKey of now.',
    );
  }
  checkLength('LATCHKEY_IDENTITY_KEY', current);
  for (const [at, key] of earlier.entries()) checkLength(`Key ${at + 1} of LATCHKEY_EARLIER_IDENTITY_KEYS`, key);
  return pseudonymizer([current, ...earlier]);
}

function checkLength(name: string, key: string): void {
  if (Buffer.byteLength(key) < 32)
    throw new Fault('usage', `${name} has fewer than 32 bytes: it is not your audit.identityKey.`);
}

/** How records name this passkey, by each key. */
export const refsOf = (identity: Pseudonymizer, { credentialId }: Passkey): readonly string[] =>
  identity.pseudonyms(credentialId);

/** The end of a reference that people can tell apart: 8 of its 22 characters. */
export const shortRef = (ref: string): string => ref.slice(ref.lastIndexOf(':') + 1).slice(0, 8);

/** Whether a text is a pseudonym, as records have it for a user or a passkey. */
export const isPseudonym = (text: string): boolean => /^hmac-sha256:\w+:[\w-]{22}$/.test(text);

/** What the id begins with of every key that a process made for itself, because it was given none. */
export const EPHEMERAL = 'ephemeral';

/** Counts the records that each identity key has made a pseudonym in. */
export function keyCounter() {
  const counts = new Map<string, number>();
  return {
    /** The pseudonym of one record; null where it has none. */
    add(pseudonym: string | null): void {
      const id = /^hmac-sha256:(\w+):/.exec(pseudonym ?? '')?.[1];
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    },
    /** By the id of the key, in the order in which they were met. */
    counts: (): ReadonlyMap<string, number> => counts,
  };
}

/** Why records cannot be told to a user or a passkey by the keys that were given; null where they were all made with these. */
export function otherKeys({ keyId, keyIds }: Pseudonymizer, counts: ReadonlyMap<string, number>): string | null {
  const others = [...counts.keys()].filter((id) => !keyIds.includes(id));
  if (others.length === 0) return null;
  const made = others.reduce((sum, id) => sum + counts.get(id)!, 0);
  const named =
    others.length > 4 ? `${others.slice(0, 3).join(', ')} and ${others.length - 3} more` : others.join(', ');
  const [, ...earlier] = keyIds;
  const before = earlier.length === 0 ? '' : `, and earlier ones are ${earlier.join(', ')}`;
  const given = `LATCHKEY_IDENTITY_KEY is the key ${keyId}${before}`;
  const advice = others.some((id) => id.startsWith(EPHEMERAL))
    ? 'An ephemeral key is made at each start without audit.identityKey.'
    : 'A key that was your audit.identityKey before belongs into LATCHKEY_EARLIER_IDENTITY_KEYS.';
  return `${many(made, 'record')} made with the identity key ${named}; ${given}. ${advice}`;
}
