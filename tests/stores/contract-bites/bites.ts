/**
 * A contract is worth what it refuses. For every rule there is at least one store broken in just the
 * way the rule is about, and the rule fails on it. Each is the memory store with a verb or two replaced.
 */
import type { StoreRule } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';

/** A way to break a store: the verbs that replace those of a sound one. */
export type Break<Port> = (sound: Port) => Partial<Port>;
/** Ways to break a rule's promise, each by what such a store does. */
export type Breaks<Port> = Record<string, Record<string, Break<Port>>>;

/** Every rule passes on a sound store, and fails on each that is broken in its way. */
export function bites<Port extends object>(
  title: string,
  rules: readonly StoreRule<Port>[],
  breaks: Breaks<Port>,
  sound: () => Port,
): void {
  describe(title, () => {
    test('every rule has a store that breaks it', () => {
      expect(Object.keys(breaks).sort()).toEqual(rules.map(({ name }) => name).sort());
    });

    for (const { name, check } of rules) {
      describe(`"${name}"`, () => {
        test('accepts a sound store', () => check(sound()));

        for (const [how, breaking] of Object.entries(breaks[name] ?? {})) {
          test(`refuses a store that ${how}`, async () => {
            const store = sound();
            await expect(check({ ...store, ...breaking(store) })).rejects.toThrow(/^Promised: /);
          });
        }
      });
    }
  });
}
