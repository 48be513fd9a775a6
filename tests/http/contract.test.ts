import { memoryStore } from '@latchkey/core';
import { httpContract } from '@latchkey/testing';
import { describe, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

describe.each(Object.entries(mounts))('%s', (_framework, mount) => {
  for (const { name, check } of httpContract) {
    test(name, () => check({ mount, store: memoryStore, onRecord: assertValidRecord }));
  }
});
