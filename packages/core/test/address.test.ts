/** Addresses: one text, one limit and one network for an address, however frameworks and proxies write it. */

import { BlockList, isIP, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { networkOf, plainAddress, subscriberOf } from '../src/address.ts';

test.each([
  ['192.0.2.7', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['192.0.2.7:50001', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['[192.0.2.7]:50001', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['::ffff:192.0.2.7', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['::FFFF:192.0.2.7', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['::ffff:192.0.2.7:50001', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['[::ffff:192.0.2.7]:50001', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['::ffff:c000:207', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['[::ffff:c000:207]:443', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['0:0:0:0:0:ffff:c000:0207', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['0000:0000:0000:0000:0000:FFFF:192.0.2.7', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['64:ff9b::192.0.2.7', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['64:ff9b::c000:207', '192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2::1', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['[2001:db8:1:2::1]', '2001:db8:1:2::1', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['[2001:db8:1:2::1]:50001', '2001:db8:1:2::1', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8:1:2:3:4:5:6:50001', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8::1', '2001:db8::1', '2001:db8::/64', '2001:db8::/48'],
  ['2001:db8:0::1', '2001:db8::1', '2001:db8::/64', '2001:db8::/48'],
  ['2001:db8:0:1::1', '2001:db8:0:1::1', '2001:db8:0:1::/64', '2001:db8::/48'],
  ['2001:db8:0:0:ffff:ffff:ffff:ffff', '2001:db8::ffff:ffff:ffff:ffff', '2001:db8::/64', '2001:db8::/48'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3', '1:0:0:2::/64', '1::/48'],
  ['10:0:0:a0:0:0:b:c', '10::a0:0:0:b:c', '10:0:0:a0::/64', '10::/48'],
  ['::1', '::1', '::/64', '::/48'],
  ['::', '::', '::/64', '::/48'],
  ['fe80::1%eth0', 'fe80::1', 'fe80::/64', 'fe80::/48'],
  ['[fe80::1%25en0]:443', 'fe80::1', 'fe80::/64', 'fe80::/48'],
])('%s is %s, of %s, in %s', (text, plain, subscriber, network) => {
  expect([plainAddress(text), subscriberOf(text), networkOf(text)]).toEqual([plain, subscriber, network]);
});

test.each([
  ...[null, '', 'unknown', 'localhost', '_hidden', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.4%eth0', '1.2.3.4:'],
  ...['1.2.3.4:123456', ':::', '1::2::3', '[::1', '::1]', '[]', '[]:80', '12345::', 'g::', '1.2.3.4, 5.6.7.8'],
  `2001:db8::${' '.repeat(100)}`,
  `2001:db8::1%${'z'.repeat(10_000)}`,
])('%s is no address: it shares one key with all that is none', (text) => {
  expect([subscriberOf(text), networkOf(text)]).toEqual(['unknown', undefined]);
  if (text !== null) expect(plainAddress(text)).toBe(text);
});

/** Eight groups, zeros as often as not. */
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});
const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
const port = fc.integer({ min: 0, max: 65_535 });
const HOLD_IPV4 = new BlockList();
HOLD_IPV4.addSubnet('::ffff:0:0', 96, 'ipv6');
HOLD_IPV4.addSubnet('64:ff9b::', 96, 'ipv6');

/** The same IPv6 address in every way it may be written, `::` at every place where it may stand. */
function spellings(numbers: readonly number[]): string[] {
  const short = numbers.map((group) => group.toString(16));
  const long = numbers.map((group) => group.toString(16).padStart(4, '0'));
  const texts = [short.join(':'), long.join(':')];
  for (let from = 0; from < 8; from++) {
    for (let to = from + 1; to <= 8 && numbers[to - 1] === 0; to++) {
      texts.push(`${short.slice(0, from).join(':')}::${short.slice(to).join(':')}`);
    }
  }
  return [...texts, ...texts.map((text) => text.toUpperCase())];
}

describe('for any address', () => {
  test('every spelling, with and without a port, is one text, one subscriber and one network', () => {
    fc.assert(
      fc.property(groups, port, (numbers, number) => {
        const texts = spellings(numbers).flatMap((text) => [text, `[${text}]`, `[${text}]:${number}`, `${text}%eth1`]);
        for (const of of [plainAddress, subscriberOf, networkOf]) expect(new Set(texts.map(of)).size).toBe(1);
      }),
    );
  });

  test('the shortest form is the one of the URL standard, and stays as it is', () => {
    fc.assert(
      fc.property(groups, (numbers) => {
        const text = numbers.map((group) => group.toString(16)).join(':');
        fc.pre(!HOLD_IPV4.check(text, 'ipv6'));
        const plain = plainAddress(text);
        expect(`[${plain}]`).toBe(new URL(`http://[${text}]`).hostname);
        expect(plainAddress(plain)).toBe(plain);
      }),
    );
  });

  test('an IPv6 address is in its /64 and its /48, by node:net', () => {
    fc.assert(
      fc.property(groups, (numbers) => {
        const text = numbers.map((group) => group.toString(16)).join(':');
        fc.pre(!HOLD_IPV4.check(text, 'ipv6'));
        const [start = '', prefix] = subscriberOf(text).split('/');
        const [subscriber, network] = [new BlockList(), new BlockList()];
        expect(prefix).toBe('64');
        subscriber.addSubnet(start, 64, 'ipv6');
        const [networkStart = '', networkPrefix] = networkOf(text)!.split('/');
        expect(networkPrefix).toBe('48');
        network.addSubnet(networkStart, 48, 'ipv6');
        expect([subscriber.check(text, 'ipv6'), network.check(text, 'ipv6')]).toEqual([true, true]);
      }),
    );
  });

  test('IPv4 is itself however it is written, and in its /24', () => {
    fc.assert(
      fc.property(octets, port, (numbers, number) => {
        const [a = 0, b = 0, c = 0, d = 0] = numbers;
        const text = numbers.join('.');
        const hexadecimal = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        const mapped = [`::ffff:${text}`, `::ffff:${hexadecimal}`, `0:0:0:0:0:FFFF:${hexadecimal}`, `64:ff9b::${text}`];
        for (const each of [text, ...mapped, ...[text, ...mapped].map((inner) => `[${inner}]:${number}`)]) {
          expect([plainAddress(each), subscriberOf(each)]).toEqual([text, text]);
          expect(networkOf(each)).toBe(`${a}.${b}.${c}.0/24`);
        }
        expect(subscriberOf(`${text}:${number}`)).toBe(text);
      }),
    );
  });

  test('what is read is an address, and every address is read', () => {
    const almost = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF:.[]%/ x'), maxLength: 50 });
    fc.assert(
      fc.property(fc.oneof(almost, fc.string(), fc.ipV6(), fc.ipV4()), (text) => {
        if (isIP(text) !== 0) expect(networkOf(text)).toBeDefined();
        if (networkOf(text) === undefined) expect([isIP(text), subscriberOf(text)]).toEqual([0, 'unknown']);
        else expect(isIP(plainAddress(text))).toBeGreaterThan(0);
        expect(subscriberOf(plainAddress(text))).toBe(subscriberOf(text));
        const [start = ''] = subscriberOf(text).split('/');
        if (isIPv6(start)) expect(start.endsWith('::')).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
