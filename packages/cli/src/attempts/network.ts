/** Addresses and networks in records: which network an address is in, and whether it is in a given one. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** An address without a port, a zone or the prefix of an IPv4-mapped one; null for what is no address. */
export function plainAddress(address: string | null): string | null {
  if (address === null) return null;
  const [, bracketed, v4] = /^\[([^\]]+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(address) ?? [];
  const bare = (bracketed ?? v4 ?? address).replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(bare) === 0 ? null : isIPv6(bare) ? shortest(bare) : bare;
}

/** A record with pseudonyms has the network itself (`audit.logLine`). */
const NETWORK = /^[\d.]+\/24$|^[\da-f:]+\/48$/;

/** The network of an address: /24 of IPv4, /48 of IPv6, which is as much as one customer gets. */
export function networkOf(address: string | null): string | null {
  if (address !== null && NETWORK.test(address)) return address;
  const plain = plainAddress(address);
  if (plain === null) return null;
  if (!isIPv6(plain)) return `${plain.replace(/\.\d+$/, '.0')}/24`;
  const groups = groupsOf(plain).slice(0, 3);
  return `${shortest(`${groups.join(':')}::`)}/48`;
}

/** Whether an address or a network, as a record has it, is among these. */
export type Addresses = (address: string | null) => boolean;

/** An option's value: one address, or a network in CIDR notation. */
export function readAddresses(text: string): Addresses {
  const [address = '', bits, more] = text.split('/');
  const plain = plainAddress(address);
  const most = plain !== null && isIPv6(plain) ? 128 : 32;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (plain === null || more !== undefined || !(prefix <= most))
    throw new InvalidArgumentError('Write an address or a network: 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48.');
  const list = new BlockList();
  list.addSubnet(plain, prefix, most === 128 ? 'ipv6' : 'ipv4');
  return (recorded) => {
    const [text = '', size] = recorded !== null && NETWORK.test(recorded) ? recorded.split('/') : [recorded ?? ''];
    const one = plainAddress(text);
    // A whole network is among these where it is no larger.
    return one !== null && Number(size ?? 128) >= prefix && list.check(one, isIPv6(one) ? 'ipv6' : 'ipv4');
  };
}

/** An option's value: a network in CIDR notation, or an address, whose network is meant. */
export function readNetwork(text: string): Addresses {
  return readAddresses(text.includes('/') ? text : (networkOf(text) ?? text));
}

/** One spelling for each IPv6 address (RFC 5952). */
const shortest = (address: string): string => new URL(`http://[${address}]`).hostname.slice(1, -1);

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = shortest(address).split('::');
  const [front, back] = [head, tail ?? ''].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - front!.length - back!.length }, () => '0');
  return [...front!, ...(tail === undefined ? [] : zeros), ...back!];
}
