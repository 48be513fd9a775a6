/**
 * Why this file exists: one call makes a test of every rule of the store contract, for any store. A store that is not
 * SQL has a test file of its own beside this one (`redis.test.ts`) and calls it from there.
 */
import type { Store } from '@latchkey/core';
import { attemptStoreContract, challengeStoreContract, passkeyStoreContract, type StoreRule } from '@latchkey/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';

/** A store, opened for one test file. */
export interface OpenStore {
  readonly store: Required<Store>;
  /** Takes away whatever the store left behind, and lets go of the server. */
  close(): Promise<void> | void;
}

/** Tests that the store `open` gives keeps the whole contract. One rule runs after the other, because sweeps are for all. */
export function keepsTheContract(name: string, open: () => Promise<OpenStore> | OpenStore): void {
  describe(name, () => {
    let opened: OpenStore;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());

    const keeps = <Port>(title: string, rules: readonly StoreRule<Port>[], port: (store: Required<Store>) => Port) =>
      describe(title, () => {
        for (const rule of rules) test(rule.name, () => rule.check(port(opened.store)));
      });
    keeps('challenges', challengeStoreContract, ({ challenges }) => challenges);
    keeps('passkeys', passkeyStoreContract, ({ passkeys }) => passkeys);
    keeps('attempts', attemptStoreContract, ({ attempts }) => attempts);
  });
}
