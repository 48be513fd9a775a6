/**
 * One call makes a test of every rule of the store contract, for any store. A store that is not
 * SQL has a test file of its own beside this one (`redis.test.ts`) and calls it from there.
 */
import type { Store } from '@latchkey/core';
import {
  attemptStoreContract,
  challengeStoreContract,
  invitationStoreContract,
  passkeyStoreContract,
  type StoreRule,
  sessionStoreContract,
  signInStoreContract,
} from '@latchkey/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** A store, opened for one test file. */
export interface OpenStore {
  readonly store: Required<Store>;
  /** Takes away whatever the store left behind, and lets go of the server. */
  close(): Promise<void> | void;
}

/**
 * Tests that the store `open` gives keeps the whole contract. `beginsSessions`: whether its passkeys can begin sessions in
 * the same step. One rule runs after the other, because sweeps are for all.
 */
export function keepsTheContract(
  name: string,
  open: () => Promise<OpenStore> | OpenStore,
  { beginsSessions = true } = {},
): void {
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
    keeps('sessions', sessionStoreContract, ({ sessions }) => sessions);
    if (beginsSessions) {
      keeps('uses with a session', signInStoreContract, ({ passkeys, sessions }) => ({ ...passkeys, sessions }));
    }
    test('begins sessions with a use where it says so', () => {
      const { passkeys, sessions } = opened.store;
      expect(passkeys.sessions).toBe(beginsSessions ? sessions : undefined);
    });
    keeps('attempts', attemptStoreContract, ({ attempts }) => attempts);
    keeps('invitations', invitationStoreContract, ({ invitations }) => invitations);
  });
}
