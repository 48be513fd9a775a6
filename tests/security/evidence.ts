/**
 * Why this file exists: the specification and the threat model are lists, and a line of either is only worth what shows it.
 * A line names rules of the HTTP contract, which run here once and in `tests/http/contract.test.ts` on every framework; or
 * a test in another file; or brings a test of its own; or says why there is nothing to show.
 */
import { readFileSync } from 'node:fs';
import { memoryStore } from '@latchkey/core';
import { type HttpRule, httpContract, openSite, type Site, type SiteOptions, type World } from '@latchkey/testing';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';

const ROOT = new URL('../../', import.meta.url);

/** What is wrong with records: a sink that throws changes nothing, so it is said at the end of the test. */
const invalid: unknown[] = [];
afterEach(() => expect(invalid.splice(0)).toEqual([]));

/** Where the rules run that are run here. */
export const world: World = {
  mount: mounts['Express 5'],
  store: memoryStore,
  onRecord: (record) => {
    try {
      assertValidRecord(record);
    } catch (thrown) {
      invalid.push(thrown);
    }
  },
};

export type Evidence =
  | { readonly kind: 'rules'; readonly rules: readonly HttpRule[] }
  | { readonly kind: 'elsewhere'; readonly file: string; readonly name: string }
  | { readonly kind: 'here'; readonly name: string; readonly run: () => Promise<void> | void }
  | { readonly kind: 'nothing'; readonly because: string };

/** Rules of the HTTP contract by name. A name that ends in `…` stands for every rule that begins so, two at least. */
export function rules(...names: readonly string[]): Evidence {
  return { kind: 'rules', rules: names.flatMap(rulesNamed) };
}

/** A test in another file of this repository, by its exact name. */
export function elsewhere(file: string, ...names: readonly string[]): readonly Evidence[] {
  return names.map((name) => ({ kind: 'elsewhere', file, name }));
}

export function here(name: string, run: () => Promise<void> | void): Evidence {
  return { kind: 'here', name, run };
}

/** There is nothing to show, and why. */
export function nothing(because: string): Evidence {
  return { kind: 'nothing', because };
}

function rulesNamed(name: string): readonly HttpRule[] {
  const found = name.endsWith('…')
    ? httpContract.filter((rule) => rule.name.startsWith(name.slice(0, -1)))
    : httpContract.filter((rule) => rule.name === name);
  if (found.length < (name.endsWith('…') ? 2 : 1)) throw new Error(`the HTTP contract has no rule "${name}"`);
  return found;
}

/** The tests that show a line. */
export function show(evidence: readonly Evidence[]): void {
  for (const piece of evidence) {
    if (piece.kind === 'rules') for (const { name, check } of piece.rules) test(name, () => check(world));
    if (piece.kind === 'here') test(piece.name, piece.run);
    if (piece.kind === 'elsewhere') {
      test(`${piece.name} (${piece.file})`, () => {
        expect(readFileSync(new URL(piece.file, ROOT), 'utf8')).toContain(piece.name);
      });
    }
    if (piece.kind === 'nothing') {
      test(`does not apply, because ${piece.because}`, () => expect(piece.because.length).toBeGreaterThan(20));
    }
  }
}

/** A site for one test, closed at its end. */
export async function open(options: SiteOptions = {}, where: Partial<World> = {}): Promise<Site> {
  const site = await openSite({ ...world, ...where }, options);
  onTestFinished(() => site.close());
  return site;
}
