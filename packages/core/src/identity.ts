/**
 * What the identity key is for: pseudonyms in records, and decoys that look like a named user's passkeys where there
 * are none. Both are the same on every node that has the key, and mean nothing to anyone without it.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import type { DescriptorJSON } from './webauthn.ts';

export interface IdentityKey {
  /** Tells keys apart in a record; says nothing about the key. */
  readonly id: string;
  readonly key: KeyObject;
}

/** A keyed pseudonym: `hmac-sha256:<key id>:<132 bits>`. Without the key nobody can test a guess against it. */
export function pseudonym(identity: IdentityKey, value: Uint8Array | string): string {
  return `hmac-sha256:${identity.id}:${derive(identity.key, 'pseudonym', value).slice(0, 22)}`;
}

/**
 * One look-alike passkey for a name that has none: shaped like the most common kind, the same at every asking. `name` is a
 * canonical one: spellings that would find one account must find one decoy, or asking twice would tell them apart.
 */
export function decoys(key: KeyObject, name: string): readonly DescriptorJSON[] {
  const id = derive(key, 'decoy', name);
  return [{ type: 'public-key', id, transports: ['internal', 'hybrid'] }];
}

/** The one spelling that stands for all that find the same account: the application's, or without regard to case and width. */
export function canonicalName(users: { canonicalName?(name: string): string }, name: string): string {
  return users.canonicalName ? users.canonicalName(name) : name.normalize('NFKC').toLowerCase();
}

/** 32 bytes as base64url. */
function derive(key: KeyObject, use: string, value: Uint8Array | string): string {
  return createHmac('sha256', key).update(`latchkey ${use}\0`).update(value).digest('base64url');
}
