/** What a page sends back from a passkey, WebAuthn §5.1.8: signed by whoever has the person's private key. */
import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { Person } from './people.ts';

export interface Passkey {
  readonly person: Person;
  readonly key: KeyObject;
}

export function passkeysOf(people: readonly Person[]): Passkey[] {
  return people.map((person) => ({ person, key: createPrivateKey(person.privateKey) }));
}

const RP_ID_HASH = createHash('sha256').update('localhost').digest();
/** User present, user verified, backup eligible, backed up; counter 0. WebAuthn §6.1. */
const AUTHENTICATOR_DATA = Buffer.concat([RP_ID_HASH, Buffer.from([0x1d, 0, 0, 0, 0])]);
const AUTHENTICATOR_DATA_TEXT = AUTHENTICATOR_DATA.toString('base64url');

export function answer({ person, key }: Passkey, challenge: string, origin: string) {
  const clientData = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin, crossOrigin: false }));
  const signed = Buffer.concat([AUTHENTICATOR_DATA, createHash('sha256').update(clientData).digest()]);
  return {
    id: person.credentialId,
    rawId: person.credentialId,
    type: 'public-key' as const,
    authenticatorAttachment: 'platform' as const,
    clientExtensionResults: {},
    response: {
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: AUTHENTICATOR_DATA_TEXT,
      signature: sign('sha256', signed, key).toString('base64url'),
      userHandle: person.userHandle,
    },
  };
}

/** What the page says of itself when it used Immediate UI mode. */
export const CLIENT = { uiMode: 'immediate', immediateGet: true } as const;
/** What a page asks options with. */
export const OPTIONS = { mode: 'immediate', client: { immediateGet: true } } as const;

/** What a browser of today sends along. */
export const HEADERS = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36',
  'sec-ch-ua': '"Chromium";v="149", "Not)A;Brand";v="24"',
  'sec-ch-ua-mobile': '?0',
  'sec-ch-ua-platform': '"Linux"',
  accept: '*/*',
  'accept-language': 'en-GB,en;q=0.9',
  'accept-encoding': 'gzip, deflate, br, zstd',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'empty',
};
