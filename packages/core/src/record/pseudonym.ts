/** Keyed pseudonyms: the same on every node that has the identity key, and meaningless without it. */
import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** The key of pseudonyms and decoys. */
export interface IdentityKey {
  /** Tells keys apart in a record; says nothing about the key. */
  readonly id: string;
  readonly key: KeyObject;
  /** It holds for the life of this process only, because no key was given. */
  readonly isEphemeral: boolean;
}

/** What the id of a key begins with that holds for the life of one process only. */
export const EPHEMERAL = 'ephemeral';

/** How many pseudonyms are kept: people who come again cost no HMAC. */
const KEPT = 4_000;

/** Pseudonyms by value, of each key. The values are ids of users and passkeys, which a process has in memory anyway. */
const known = new WeakMap<KeyObject, Map<string, string>>();

/** A keyed pseudonym: `hmac-sha256:<key id>:<132 bits>`. Without the key nobody can test a guess against it. */
export function pseudonym(identity: IdentityKey, value: Uint8Array | string): string {
  const kept = known.get(identity.key) ?? new Map<string, string>();
  known.set(identity.key, kept);
  // The first character keeps bytes and text apart.
  const name = typeof value === 'string' ? `t${value}` : `b${Buffer.from(value).toString('latin1')}`;
  const found = kept.get(name);
  if (found !== undefined) return found;
  const made = `hmac-sha256:${identity.id}:${derive(identity.key, 'pseudonym', value).slice(0, 22)}`;
  // Started afresh when it is full, which costs a few HMACs and no bookkeeping.
  if (kept.size >= KEPT) kept.clear();
  kept.set(name, made);
  return made;
}

/** An identity key, from `audit.identityKey`. */
export function identityKeyOf(given: string | Uint8Array): IdentityKey {
  const key = typeof given === 'string' ? Buffer.from(given) : given;
  // The id tells keys apart without telling anything of them.
  const id = createHash('sha256').update('latchkey key id').update(key).digest('hex').slice(0, 8);
  return { id, key: createSecretKey(key), isEphemeral: false };
}

/** Finds a user or a passkey in records, which name them by pseudonyms. */
export interface Pseudonymizer {
  /** The id of the current key: 8 hexadecimal digits, part of each pseudonym. It tells keys apart, and says nothing of them. */
  readonly keyId: string;
  /** The ids of all keys, the current one first. */
  readonly keyIds: readonly string[];
  /** By the current key. `hmac-sha256:<key id>:<132 bits>`: `credential.ref` for a credential id, `user.hash` for the id of an account. */
  pseudonym(value: Uint8Array | string): string;
  /** By each key, the current one first: one of them is in every record of theirs, also in those from before a change of the key. */
  pseudonyms(value: Uint8Array | string): readonly string[];
}

/**
 * The pseudonyms that records have with this `audit.identityKey`. After a change of it hand in both, the current one first:
 * `pseudonymizer([current, earlier])`.
 */
export function pseudonymizer(
  identityKey: string | Uint8Array | readonly [current: string | Uint8Array, ...earlier: (string | Uint8Array)[]],
): Pseudonymizer {
  const isOne = typeof identityKey === 'string' || identityKey instanceof Uint8Array;
  const [first, ...earlier] = isOne ? [identityKey] : identityKey;
  const current = identityKeyOf(first);
  const keys = [current, ...earlier.map(identityKeyOf)];
  return {
    keyId: current.id,
    keyIds: keys.map(({ id }) => id),
    pseudonym: (value) => pseudonym(current, value),
    pseudonyms: (value) => keys.map((key) => pseudonym(key, value)),
  };
}

/** 32 bytes as base64url. */
export function derive(key: KeyObject, use: string, value: Uint8Array | string): string {
  return createHmac('sha256', key).update(`latchkey ${use}\0`).update(value).digest('base64url');
}
