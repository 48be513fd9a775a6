/**
 * Why this file exists: what one link of the hash chain is, for those who make links and those who check them. A line's MAC
 * is HMAC-SHA-256 over the canonical JSON of the whole line with its `integrity`, without the MAC itself.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Secret keys by their ids, at least 32 bytes (or characters) each. */
export type ChainKeys = Readonly<Record<string, string | Uint8Array>>;

/** A place in a chain: what the next link builds on, and what a checkpoint keeps. */
export interface ChainPlace {
  readonly sequence: number;
  readonly mac: string;
}

/** What a checkpoint hands to the second channel. */
export interface Checkpoint extends ChainPlace {
  readonly keyId: string;
  /** ISO 8601 in UTC. */
  readonly time: string;
}

export interface Integrity extends ChainPlace {
  readonly keyId: string;
  readonly previous: string;
}

/** What the first link of a chain builds on: nothing, told apart from every other chain's nothing. */
const START = 'start:';
export const newStart = () => `${START}${randomBytes(16).toString('hex')}`;
export const isStart = (previous: string) => previous.startsWith(START);

/** The line's next link. */
export function seal(line: object, place: Omit<Integrity, 'mac'>, key: string | Uint8Array): Integrity {
  return { ...place, mac: macOf({ ...line, integrity: place }, key) };
}

/** Whether a line was sealed with this key, just as it is. */
export function isSealed(line: object, { mac, ...place }: Integrity, key: string | Uint8Array): boolean {
  const expected = Buffer.from(macOf({ ...line, integrity: place }, key));
  const found = Buffer.from(mac);
  return expected.length === found.length && timingSafeEqual(expected, found);
}

function macOf(line: object, key: string | Uint8Array): string {
  return createHmac('sha256', key).update(canonicalJson(line)).digest('hex');
}

/** JSON with the members of every object in the order of their names (RFC 8785): the same text for the same facts. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  // By UTF-16 code units, as `sort` compares without a locale.
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** Throws for a key that anyone could guess. */
export function checkKeys(keys: ChainKeys, what: string): void {
  for (const [keyId, key] of Object.entries(keys)) {
    if (key.length < 32) throw new TypeError(`${what}: key '${keyId}' has ${key.length} bytes. Hand in at least 32.`);
  }
}

/** A line's `integrity`; null without one; `malformed` when it is not what a link looks like. */
export function integrityOf(line: object): Integrity | null | 'malformed' {
  if (!Object.hasOwn(line, 'integrity')) return null;
  const { integrity } = line as { integrity: unknown };
  if (typeof integrity !== 'object' || integrity === null) return 'malformed';
  const { keyId, sequence, previous, mac, ...more } = integrity as Record<string, unknown>;
  const wellFormed =
    typeof keyId === 'string' &&
    Number.isSafeInteger(sequence) &&
    (sequence as number) >= 0 &&
    typeof previous === 'string' &&
    typeof mac === 'string' &&
    Object.keys(more).length === 0;
  return wellFormed ? { keyId, sequence: sequence as number, previous, mac } : 'malformed';
}
