/** The whole HTTP contract over every store: who changes the store by one line changes nothing else. */
import type { ChallengeStore } from '@latchkey/core';
import { httpContract } from '@latchkey/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';
import { kinds, mixed, type OpenKind } from './support/stores.ts';

describe.each([...kinds, mixed])('$name', ({ open }) => {
  let opened: OpenKind;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened?.close());

  const store = async () => {
    await sweepAll(opened.store.challenges);
    return opened.store;
  };
  for (const { name, check } of httpContract) {
    test(name, () => check({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }));
  }
});

/** What one rule left unanswered would be swept in another, which counts what it sweeps. */
async function sweepAll(challenges: ChallengeStore): Promise<void> {
  while ((await challenges.takeExpired({ now: Date.UTC(9999, 0), limit: 1_000 })).length > 0);
}
