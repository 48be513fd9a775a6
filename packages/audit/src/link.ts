/**
 * One link of the hash chain, for those who make links and those who check them. A line's MAC is HMAC-SHA-256 over the
 * canonical JSON of the sealed line: the line with its `integrity`, without the MAC, and with a salted hash in the place of the
 * members that are personal. Who drops those members and the salt erases them, and the MAC still verifies.
 */
import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ConfigurationError } from '@latchkey/core';
import { canonicalJson } from './canonical.ts';
import { leafOf } from './merkle.ts';
import type { Signature } from './signing.ts';

/** Secret keys by their ids, at least 32 bytes (or characters) each. */
export type ChainKeys = Readonly<Record<string, string | Uint8Array>>;

/** A place in a chain: what the next link builds on, and what a checkpoint keeps. A line's `integrity` is one. */
export interface ChainPlace {
  /** From 0. */
  readonly sequence: number;
  /** HMAC-SHA-256 of the line at this place, hex. */
  readonly mac: string;
}

/** What the second channel keeps: a place, and a Merkle tree over the lines since the checkpoint before it. */
export interface Checkpoint extends ChainPlace {
  /** The key that sealed the line at this place. */
  readonly keyId: string;
  /** The first line that the tree covers; the last one is `sequence`. */
  readonly first: number;
  /** The root of the tree, hex (RFC 9162 §2.1). */
  readonly root: string;
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** Over all the rest, when the chain has a `signingKey`. */
  readonly signature?: Signature;
}

export interface Integrity extends ChainPlace {
  readonly keyId: string;
  readonly previous: string;
  /** Which members of the line are personal, and SHA-256 over the salt and their canonical JSON. */
  readonly personal?: { readonly members: readonly string[]; readonly hash: string };
  /** Gone from a line whose personal members were erased. */
  readonly salt?: string;
}

/** What the first link of a chain builds on: nothing, told apart from every other chain's nothing. */
const START = 'start:';
export const newStart = () => `${START}${randomBytes(16).toString('hex')}`;
export const isStart = (previous: string) => previous.startsWith(START);

/** The line's next link, and its leaf. `personal` names the members that can be erased later, where the line has them. */
export function seal(
  line: Readonly<Record<string, unknown>>,
  place: { readonly keyId: string; readonly sequence: number; readonly previous: string },
  { key, personal }: { key: string | Uint8Array; personal: readonly string[] },
): { readonly integrity: Integrity; readonly leaf: Buffer } {
  const members = personal.filter((member) => line[member] !== undefined).sort();
  const salt = randomBytes(16).toString('hex');
  const sealed =
    members.length === 0 ? place : { ...place, personal: { members, hash: personalHash(line, members, salt) }, salt };
  const content = contentOf(line, sealed);
  const mac = macOf(content, key);
  return { integrity: { ...sealed, mac }, leaf: leafOfContent(content, mac) };
}

/** What a line turned out to be. `erased`: its personal members are gone, and all the rest is as it was sealed. */
export type SealState = 'sealed' | 'erased' | 'edited';

/**
 * Whether a line is as it was sealed, and its leaf in the tree of its checkpoint, which is the same before and after its
 * personal members are erased. Without a key the MAC is not looked at.
 */
export function openSeal(
  line: object,
  integrity: Integrity,
  key: string | Uint8Array | null,
): { readonly state: SealState; readonly leaf: Buffer } {
  const content = contentOf(line, integrity);
  const isSealed = key === null || sameText(macOf(content, key), integrity.mac);
  return { state: isSealed ? personalState(line, integrity) : 'edited', leaf: leafOfContent(content, integrity.mac) };
}

function personalState(line: object, { personal, salt }: Integrity): SealState {
  if (personal === undefined) return salt === undefined ? 'sealed' : 'edited';
  const { members } = personal;
  if (salt === undefined) return members.some((member) => Object.hasOwn(line, member)) ? 'edited' : 'erased';
  return sameText(personalHash(line as Record<string, unknown>, members, salt), personal.hash) ? 'sealed' : 'edited';
}

const leafOfContent = (content: string, mac: string) => leafOf(Buffer.from(`${content}\n${mac}`));

/** A line without its personal members and without the salt: what stays when a person is erased. */
export function withoutPersonal(line: object, integrity: Integrity): object {
  const members = integrity.personal?.members ?? [];
  const { salt: _, ...kept } = integrity;
  const rest = Object.entries(line).filter(([member]) => !members.includes(member));
  return { ...Object.fromEntries(rest), integrity: kept };
}

/** The text that is sealed. */
function contentOf(line: object, integrity: Omit<Integrity, 'mac'>): string {
  const { integrity: kept, ...rest } = withoutPersonal(line, { ...integrity, mac: '' }) as { integrity: Integrity };
  const { mac: _, ...place } = kept;
  return canonicalJson({ ...rest, integrity: place });
}

function personalHash(line: Readonly<Record<string, unknown>>, members: readonly string[], salt: string): string {
  const personal = Object.fromEntries(members.map((member) => [member, line[member]]));
  return hash('sha256', `${salt}\n${canonicalJson(personal)}`);
}

const macOf = (content: string, key: string | Uint8Array) => createHmac('sha256', key).update(content).digest('hex');

function sameText(expected: string, found: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(found)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Throws for a key that anyone could guess. */
export function checkKeys(keys: ChainKeys, option: string): void {
  for (const [keyId, key] of Object.entries(keys)) {
    if (key.length < 32) {
      const instead = 'Hand in at least 32 bytes, made with: openssl rand -base64 32';
      throw new ConfigurationError(`${option}.${keyId}`, `${key.length} bytes`, instead);
    }
  }
}

/** A line's `integrity`; null without one; `malformed` when it is not what a link looks like. */
export function integrityOf(line: object): Integrity | null | 'malformed' {
  if (!Object.hasOwn(line, 'integrity')) return null;
  const { integrity } = line as { integrity: unknown };
  if (!isObject(integrity)) return 'malformed';
  const { keyId, sequence, previous, mac, personal, salt, ...more } = integrity;
  const wellFormed =
    typeof keyId === 'string' &&
    Number.isSafeInteger(sequence) &&
    (sequence as number) >= 0 &&
    typeof previous === 'string' &&
    typeof mac === 'string' &&
    (personal === undefined || isPersonal(personal)) &&
    (salt === undefined || typeof salt === 'string') &&
    Object.keys(more).length === 0;
  return wellFormed ? (integrity as unknown as Integrity) : 'malformed';
}

function isPersonal(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { members, hash: digest, ...more } = value;
  return (
    Array.isArray(members) &&
    members.every((member) => typeof member === 'string' && member !== 'integrity') &&
    typeof digest === 'string' &&
    Object.keys(more).length === 0
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
