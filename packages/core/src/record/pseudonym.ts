/** Keyed pseudonyms: the same on every node that has the identity key, and meaningless without it. */

import { createHmac, type KeyObject } from 'node:crypto';

export interface IdentityKey {
  /** Tells keys apart in a record; says nothing about the key. */
  readonly id: string;
  readonly key: KeyObject;
}

/** A keyed pseudonym: `hmac-sha256:<key id>:<132 bits>`. Without the key nobody can test a guess against it. */
export function pseudonym(identity: IdentityKey, value: Uint8Array | string): string {
  return `hmac-sha256:${identity.id}:${derive(identity.key, 'pseudonym', value).slice(0, 22)}`;
}

/** 32 bytes as base64url. */
export function derive(key: KeyObject, use: string, value: Uint8Array | string): string {
  return createHmac('sha256', key).update(`latchkey ${use}\0`).update(value).digest('base64url');
}
