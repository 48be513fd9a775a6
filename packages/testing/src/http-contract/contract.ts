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

import { activityRules } from './activity.ts';
import { ceremonyRules } from './ceremonies.ts';
import { invitationRules } from './invitations.ts';
import { passkeyRules } from './passkeys.ts';
import { policyRules } from './policies.ts';
import { refusalRules } from './refusals.ts';
import { stateRules } from './refused-state.ts';
import type { HttpRule } from './rule.ts';
import { sessionRules } from './sessions.ts';
import { wireRules } from './wire.ts';

/**
 * The rules in which a framework, its version, a body parser or a mount can make a difference: the wire itself, sessions and
 * their cookies, own passkeys and sign-ins. The others begin where a request is plain data already.
 */
export const wireContract: readonly HttpRule[] = [...passkeyRules, ...sessionRules, ...activityRules, ...wireRules];

/** Every rule: the ceremonies, policy, what both must refuse, invitations, own passkeys and sessions, and the wire itself. */
export const httpContract: readonly HttpRule[] = [
  ...ceremonyRules,
  ...policyRules,
  ...refusalRules,
  ...stateRules,
  ...invitationRules,
  ...passkeyRules,
  ...sessionRules,
  ...activityRules,
  ...wireRules,
];
