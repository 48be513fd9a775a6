// Every rule on one application of each framework; and on older versions, behind body parsers and wherever routes may be
// mounted, the rules in which these can make a difference. The others begin where a request is plain data already.
import { memoryStore } from '@latchkey/core';
import { httpContract, wireContract } from '@latchkey/testing';
import { describe, test } from 'vitest';
import { mounts, variants } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

describe.each(Object.entries(mounts))('%s', (_framework, mount) => {
  for (const { name, check } of httpContract) {
    test(name, () => check({ mount, store: memoryStore, onRecord: assertValidRecord }));
  }
});

describe.each(Object.entries(variants))('%s', (_variant, mount) => {
  for (const { name, check } of wireContract) {
    test(name, () => check({ mount, store: memoryStore, onRecord: assertValidRecord }));
  }
});
