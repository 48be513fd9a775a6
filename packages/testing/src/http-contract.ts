/**
 * Why this file exists: the HTTP contract as data, for whoever writes an adapter of their own.
 *
 * ```ts
 * import { httpContract, openSite } from '@latchkey/testing';
 * for (const { name, check } of httpContract) test(name, () => check({ mount, store: memoryStore }));
 * ```
 *
 * A check opens its own site on a free port, signs for real with a software passkey, and closes it again.
 */
export type { HttpRule } from './http-contract-rule.ts';

import { ceremonyRules } from './http-contract-ceremonies.ts';
import { passkeyRules } from './http-contract-passkeys.ts';
import { refusalRules } from './http-contract-refusals.ts';
import type { HttpRule } from './http-contract-rule.ts';
import { wireRules } from './http-contract-wire.ts';

/** Every rule: the ceremonies, what they must refuse, own passkeys and sessions, and the wire itself. */
export const httpContract: readonly HttpRule[] = [...ceremonyRules, ...refusalRules, ...passkeyRules, ...wireRules];
