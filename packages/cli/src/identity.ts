/** The identity key of the application: with it a stored passkey is found in records, which name it by a pseudonym. */
import { type AttemptRecord, type Passkey, type Pseudonymizer, pseudonymizer } from '@latchkey/core';
import { Fault } from './terminal/fault.ts';
import { many } from './terminal/output.ts';

/** `LATCHKEY_IDENTITY_KEY`, which is `audit.identityKey`; null where it is not set. Throws a {@link Fault} for a short one. */
export function readIdentityKey(): Pseudonymizer | null {
  const key = process.env.LATCHKEY_IDENTITY_KEY;
  if (key === undefined || key === '') return null;
  if (Buffer.byteLength(key) < 32)
    throw new Fault('usage', 'LATCHKEY_IDENTITY_KEY has fewer than 32 bytes: it is not your audit.identityKey.');
  return pseudonymizer(key);
}

/** How records name this passkey. */
export const refOf = (identity: Pseudonymizer, { credentialId }: Passkey): string => identity.pseudonym(credentialId);

/** The end of a reference that people can tell apart: 8 of its 22 characters. */
export const shortRef = (ref: string): string => ref.slice(ref.lastIndexOf(':') + 1).slice(0, 8);

/** What the id begins with of every key that a process made for itself, because it was given none. */
export const EPHEMERAL = 'ephemeral';

/** The id of the key with which a record names its passkey; null where it names none. */
export function keyIdIn({ credential }: AttemptRecord): string | null {
  return /^hmac-sha256:(\w+):/.exec(credential.ref ?? '')?.[1] ?? null;
}

/** Counts the records that each identity key has named a passkey in. */
export function keyCounter() {
  const counts = new Map<string, number>();
  return {
    add(record: AttemptRecord): void {
      const id = keyIdIn(record);
      if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
    },
    counts: (): ReadonlyMap<string, number> => counts,
  };
}

/** Why records cannot be told to passkeys by the key that was given; null where they were all made with it. */
export function otherKeys(given: string, counts: ReadonlyMap<string, number>): string | null {
  const others = [...counts.keys()].filter((id) => id !== given);
  if (others.length === 0) return null;
  const made = others.reduce((sum, id) => sum + counts.get(id)!, 0);
  const named =
    others.length > 4 ? `${others.slice(0, 3).join(', ')} and ${others.length - 3} more` : others.join(', ');
  const ephemeral = others.some((id) => id.startsWith(EPHEMERAL))
    ? ' An ephemeral key is made at each start without audit.identityKey.'
    : '';
  return `${many(made, 'record')} made with the identity key ${named}; LATCHKEY_IDENTITY_KEY is the key ${given}.${ephemeral}`;
}
