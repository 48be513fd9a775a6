/** Keyed pseudonyms: the same on every node that has the identity key, and meaningless without it. */
import { createHmac, type KeyObject } from 'node:crypto';

/** The key of pseudonyms and decoys. */
export interface IdentityKey {
  /** Tells keys apart in a record; says nothing about the key. */
  readonly id: string;
  readonly key: KeyObject;
}

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

/** 32 bytes as base64url. */
export function derive(key: KeyObject, use: string, value: Uint8Array | string): string {
  return createHmac('sha256', key).update(`latchkey ${use}\0`).update(value).digest('base64url');
}
