/**
 * Why this file exists: the store contract as data, for whoever writes a store of their own.
 *
 * ```ts
 * import { challengeStoreContract } from '@latchkey/testing';
 * for (const { name, check } of challengeStoreContract) test(name, () => check(myStore.challenges));
 * ```
 *
 * A check uses fresh random ids and expects nothing of what else is in the store, so it may run on a shared database.
 * Checks wait for no clock: every instant is handed in. Run them one after the other, because a sweep takes whatever is due.
 * They leave a few hundred small rows behind.
 */
export { attemptStoreContract } from './store-contract-attempts.ts';
export { challengeStoreContract } from './store-contract-challenges.ts';
export { passkeyStoreContract } from './store-contract-passkeys.ts';
export type { StoreRule } from './store-contract-rule.ts';
