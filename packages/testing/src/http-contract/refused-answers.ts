/** What a sign-in and a registration must both refuse, and what the tables of the two have in common. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ProblemCode, Reason } from '@latchkey/core';
import type { AuthenticationBend, Patch, RegistrationBend } from '../passkey/bend.ts';

/** How a request is refused: what it is answered, and the reason in its record. */
export type Refusal = readonly [status: number, code: ProblemCode, reason: Reason];

/** A row of a table: a genuine answer, bent in one way, is refused like this. */
export type RefusedBend<Bend> = readonly [name: string, bend: Bend, refusal: Refusal];

export const SPENT = (reason: Reason): Refusal => [400, 'challenge_invalid', reason];
export const MALFORMED: Refusal = [400, 'malformed_request', 'malformed_request'];

/** 32 bytes in base64url that no passkey, user or challenge has. */
export const OTHER_ID: string = Buffer.alloc(32, 7).toString('base64url');
/** A key on P-256 that no passkey has. */
export const OTHER_KEY: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Origins that look like `http://localhost:PORT` and are not. */
const ORIGINS: readonly (readonly [name: string, bend: (origin: string) => string])[] = [
  ['another site', () => 'https://evil.example'],
  ['another scheme', (origin) => origin.replace('http:', 'https:')],
  ['another port', (origin) => origin.replace(/\d+$/, '1')],
  ['no port', (origin) => origin.replace(/:\d+$/, '')],
  ['a suffix', (origin) => `${origin}.evil.example`],
  ['a prefix', (origin) => origin.replace('localhost', 'evil-localhost')],
  ['a subdomain', (origin) => origin.replace('localhost', 'www.localhost')],
  ['a trailing dot', (origin) => origin.replace('localhost', 'localhost.')],
  ['a trailing slash', (origin) => `${origin}/`],
  ['another case', (origin) => origin.replace('localhost', 'LOCALHOST')],
  ['user information', (origin) => origin.replace('//', '//localhost@')],
  ['null', () => 'null'],
  ['nothing', () => ''],
];

/** Client data that both ceremonies must refuse. `type` is the one that belongs to the other ceremony. */
export const refusedClientData = (
  type: string,
): readonly (readonly [name: string, bend: AuthenticationBend & RegistrationBend, reason: Reason])[] => [
  ['client data of another type', { clientData: { type } }, 'type_mismatch'],
  ['client data with crossOrigin', { clientData: { crossOrigin: true } }, 'cross_origin_denied'],
  ['client data with a topOrigin', { clientData: { topOrigin: 'https://evil.example' } }, 'cross_origin_denied'],
  ['client data whose crossOrigin is not a boolean', { clientData: { crossOrigin: 'yes' } }, 'client_data_malformed'],
  ['client data whose topOrigin is not a string', { clientData: { topOrigin: 1 } }, 'client_data_malformed'],
  ['client data without an origin', { clientData: { origin: undefined } }, 'client_data_malformed'],
  ['client data without a type', { clientData: { type: undefined } }, 'client_data_malformed'],
  ['client data whose challenge is a list', { clientData: { challenge: ['x'] } }, 'client_data_malformed'],
  ['client data that is a list', { clientDataJSON: utf8('[]') }, 'client_data_malformed'],
  ['client data that is null', { clientDataJSON: utf8('null') }, 'client_data_malformed'],
  ['client data that is empty', { clientDataJSON: utf8('') }, 'client_data_malformed'],
  ['client data that is not JSON', { clientDataJSON: utf8('{"type":') }, 'client_data_malformed'],
  [
    'client data that is not UTF-8',
    { clientDataJSON: (json) => Buffer.concat([json.subarray(0, -1), Buffer.from(',"x":"\xff"}', 'latin1')]) },
    'client_data_malformed',
  ],
  [
    'client data with members in a prototype',
    { clientDataJSON: utf8('{"__proto__":{"type":"webauthn.get"}}') },
    'client_data_malformed',
  ],
  ...ORIGINS.map(
    ([name, bend]) =>
      [
        `an origin with ${name}`,
        { clientData: (data: Patch) => ({ ...data, origin: bend(String(data.origin)) }) },
        'origin_mismatch',
      ] as const,
  ),
];
