/** The whole HTTP contract over every store: who changes the store by one line changes nothing else. */
import { httpContract } from '@latchkey/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';
import { kinds, mixed, type OpenKind, swept } from './support/stores.ts';

describe.each([...kinds, mixed])('$name', ({ open }) => {
  let opened: OpenKind;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened?.close());

  const store = () => swept(opened.store);
  for (const { name, check } of httpContract) {
    test(name, () => check({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }));
  }
});
