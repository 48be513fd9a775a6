/**
 * The shape of a rule of the store contracts, and what every rule is written with. The rules are in the files beside this one.
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
import assert from 'node:assert/strict';

/** One promise of a store, as data: run it with any test runner. */
export interface StoreRule<Port> {
  /** The promise, as a fact in the present tense. */
  readonly name: string;
  /** Resolves if the store keeps the promise; rejects with what was promised and what happened if it does not. */
  check(port: Port): Promise<void>;
}

/** Compares deeply; on a difference the message says what was promised and what happened. */
export function same(promised: string, happened: unknown, expected: unknown): void {
  try {
    assert.deepEqual(happened, expected);
  } catch (error) {
    const { message } = error as Error;
    throw new assert.AssertionError({
      message: `Promised: ${promised}. Happened: ${message}`,
      actual: happened,
      expected,
      operator: 'deepStrictEqual',
    });
  }
}

/** Fresh for every check, so that checks share a database with each other and with what is already in it. */
export const freshId = (): string => crypto.randomUUID();

/** How often each value occurs. */
export function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** Starts `count` calls at once and waits for all of them. */
export function atOnce<T>(count: number, call: (index: number) => T | Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, async (_, index) => call(index)));
}

export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
