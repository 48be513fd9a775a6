/** The same requests on every framework: status, headers and bodies are compared byte for byte, but for what is random. */
import type { Mount } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { exchangeOn } from './exchange.ts';
import { mounts, variants } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const [[firstName, first], ...others] = Object.entries<Mount>(mounts) as [[string, Mount], ...[string, Mount][]];

describe.each([...others, ...Object.entries<Mount>(variants)])('%s', (name, mount) => {
  test(`answers every request as ${firstName} does, byte for byte`, async () => {
    const [expected, actual] = [await exchangeOn(first, assertValidRecord), await exchangeOn(mount, assertValidRecord)];
    // An application's own parser refuses what is compressed in a way it does not know; that answer is not ours.
    const ours = ([what]: [string, unknown]) => what !== 'compressed' || !/behind/.test(name);
    expect(actual.filter(ours)).toEqual(expected.filter(ours));
  });
});
