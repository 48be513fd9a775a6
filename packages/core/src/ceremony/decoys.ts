/** Look-alike passkeys for a name that has none, so that options do not tell who has an account. */

import type { KeyObject } from 'node:crypto';
import { derive } from '../record/pseudonym.ts';
import type { DescriptorJSON } from '../webauthn/json.ts';

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
