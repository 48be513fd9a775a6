/**
 * The HTTP contract as data, for whoever writes an adapter of their own.
 *
 * ```ts
 * import { httpContract, openSite } from '@latchkey/testing';
 * for (const { name, check } of httpContract) test(name, () => check({ mount, store: memoryStore }));
 * ```
 *
 * A check opens its own site on a free port, signs for real with a software passkey, and closes it again.
 */
export type { HttpRule } from './rule.ts';

import { ceremonyRules } from './ceremonies.ts';
import { passkeyRules } from './passkeys.ts';
import { policyRules } from './policies.ts';
import { refusalRules } from './refusals.ts';
import { stateRules } from './refused-state.ts';
import type { HttpRule } from './rule.ts';
import { wireRules } from './wire.ts';

/** Every rule: the ceremonies, policy, what both must refuse, own passkeys and sessions, and the wire itself. */
export const httpContract: readonly HttpRule[] = [
  ...ceremonyRules,
  ...policyRules,
  ...refusalRules,
  ...stateRules,
  ...passkeyRules,
  ...wireRules,
];
