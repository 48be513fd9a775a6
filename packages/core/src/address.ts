/**
 * Reads a client's address in every form that frameworks and proxies give: with a port, in brackets, with a zone, in any
 * spelling of IPv6, and IPv4 written as IPv6. One address has one text here, and so one limit and one name in records.
 */

import { isIPv4, isIPv6 } from 'node:net';

/** The address alone, in its shortest form (RFC 5952). What is no address comes back as it is: it is a claim to record. */
export function plainAddress(text: string): string {
  return lookUp(text)?.plain ?? text;
}

/** What one subscriber has: an IPv4 address, or the /64 of an IPv6 address. `unknown` for what is no address. */
export function subscriberOf(text: string | null): string {
  // One key for all of it, so that made-up texts are not made-up subscribers.
  return lookUp(text)?.subscriber ?? 'unknown';
}

/** The network around a subscriber: `192.0.2.0/24` of an IPv4 address, `2001:db8::/48` of an IPv6 address. */
export function networkOf(text: string | null): string | undefined {
  return lookUp(text)?.network;
}

interface Address {
  readonly plain: string;
  readonly subscriber: string;
  readonly network: string;
}

/** The longest text that is read: an IPv6 address with brackets, zone and port. */
const LONGEST = 64;

/** The addresses read last: a request asks for its own several times. */
const known = new Map<string, Address | null>();

const MOST_KNOWN = 1_000;

function lookUp(text: string | null): Address | null {
  if (text === null || text.length > LONGEST) return null;
  let address = known.get(text);
  if (address === undefined) {
    if (known.size === MOST_KNOWN) known.clear();
    address = describe(read(text));
    known.set(text, address);
  }
  return address;
}

function describe(numbers: Numbers | null): Address | null {
  if (numbers === null) return null;
  const plain = write(numbers);
  return isShort(numbers)
    ? { plain, subscriber: plain, network: `${write(cut(numbers, 3))}/24` }
    : { plain, subscriber: `${write(cut(numbers, 4))}/64`, network: `${write(cut(numbers, 3))}/48` };
}

/** An IPv4 address as four numbers of 8 bits, an IPv6 address as eight of 16 bits. */
type Numbers = readonly number[];

const isShort = (numbers: Numbers) => numbers.length === 4;

/** The first `count` numbers, and zeros. */
const cut = (numbers: Numbers, count: number): Numbers => numbers.map((each, at) => (at < count ? each : 0));

function read(text: string): Numbers | null {
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

/** Without the leading zeros of a group, and `::` for the longest run of two or more groups of zero. RFC 5952 §4. */
function write(numbers: Numbers): string {
  if (isShort(numbers)) return numbers.join('.');
  let longest = { from: 0, to: 1 };
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (numbers[to] === 0) to++;
    if (to - from > longest.to - longest.from) longest = { from, to };
  }
  const text = (some: Numbers) => some.map((group) => group.toString(16)).join(':');
  if (longest.to - longest.from === 1) return text(numbers);
  return `${text(numbers.slice(0, longest.from))}::${text(numbers.slice(longest.to))}`;
}
