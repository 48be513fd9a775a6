/**
 * Reads a client's address in every form that frameworks and proxies give: with a port, in brackets, with a zone, in any
 * spelling of IPv6, and IPv4 written as IPv6. One address has one text here, and so one limit and one name in records.
 */

import { isIPv4, isIPv6 } from 'node:net';

/** The key of everything that is no address, so that made-up texts are not made-up subscribers. */
const UNKNOWN = 'unknown';

/** The address alone, in its shortest form (RFC 5952). What is no address comes back as it is: it is a claim to record. */
export function plainAddress(text: string): string {
  const numbers = read(text);
  return numbers === null ? text : write(numbers);
}

/** What one subscriber has: an IPv4 address, or the /64 of an IPv6 address. `unknown` for what is no address. */
export function subscriberOf(text: string | null): string {
  const numbers = read(text);
  if (numbers === null) return UNKNOWN;
  return isShort(numbers) ? write(numbers) : `${write(cut(numbers, 4))}/64`;
}

/** The network around a subscriber: the /24 of an IPv4 address (`192.0.2.0`), the /48 of an IPv6 address (`2001:db8::`). */
export function networkOf(text: string | null): string | undefined {
  const numbers = read(text);
  return numbers === null ? undefined : write(cut(numbers, 3));
}

/** An IPv4 address as four numbers of 8 bits, an IPv6 address as eight of 16 bits. */
type Numbers = readonly number[];

const isShort = (numbers: Numbers) => numbers.length === 4;

/** The first `count` numbers, and zeros. */
const cut = (numbers: Numbers, count: number): Numbers => numbers.map((each, at) => (at < count ? each : 0));

/** The longest text that is read: an IPv6 address with brackets, zone and port. */
const LONGEST = 64;

function read(text: string | null): Numbers | null {
  if (text === null || text.length > LONGEST) return null;
  const bare = /^\[(.*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? text;
  // An IPv6 address may end in what looks like a port. So the whole text is tried first.
  return readBare(bare) ?? readBare(bare.replace(/:\d{1,5}$/, ''));
}

function readBare(text: string): Numbers | null {
  if (isIPv4(text)) return text.split('.').map(Number);
  const [address = ''] = text.split('%');
  if (!isIPv6(address)) return null;
  const [before = [], after = []] = address.split('::').map(groups);
  const numbers = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
  const prefix = numbers.slice(0, 6).join(':');
  return HOLDS_IPV4.has(prefix) ? numbers.slice(6).flatMap((group) => [group >> 8, group & 255]) : numbers;
}

/** `0:0:0:0:0:ffff`: an IPv4 address on an IPv6 socket (RFC 4291 §2.5.5.2). `64:ff9b::`: behind NAT64 (RFC 6052 §2.1). */
const HOLDS_IPV4 = new Set([[0, 0, 0, 0, 0, 0xffff].join(':'), [0x64, 0xff9b, 0, 0, 0, 0].join(':')]);

/** One side of `::` as groups; the last may be written as IPv4. */
function groups(side: string): number[] {
  if (side === '') return [];
  return side.split(':').flatMap((group) => {
    if (!group.includes('.')) return Number.parseInt(group, 16);
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function write(numbers: Numbers): string {
  if (isShort(numbers)) return numbers.join('.');
  const long = numbers.map((group) => group.toString(16)).join(':');
  const runs = long.match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return long;
  // A run may also be found inside a longer one; the longest is found whole.
  const at = long.search(new RegExp(`\\b${longest}\\b`));
  return `${long.slice(0, at).replace(/:$/, '')}::${long.slice(at + longest.length).replace(/^:/, '')}`;
}
