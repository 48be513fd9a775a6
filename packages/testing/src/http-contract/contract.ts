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
export type { HttpRule } from './rule.ts';

import { ceremonyRules } from './ceremonies.ts';
import { passkeyRules } from './passkeys.ts';
import { refusalRules } from './refusals.ts';
import type { HttpRule } from './rule.ts';
import { wireRules } from './wire.ts';

/** Every rule: the ceremonies, what they must refuse, own passkeys and sessions, and the wire itself. */
export const httpContract: readonly HttpRule[] = [...ceremonyRules, ...refusalRules, ...passkeyRules, ...wireRules];
