/**
 * The people who sign in. Each has one passkey of the most common kind (ES256, synced, counter 0).
 * Servers are told its public half and the signing process its private one, through a file.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** One person and the passkey they have. Bytes are base64url. */
export interface Person {
  readonly userId: string;
  readonly name: string;
  readonly userHandle: string;
  readonly credentialId: string;
  /** COSE_Key, RFC 9053 §7.1.1. */
  readonly publicKey: string;
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
}

/** How many there are. */
export const PEOPLE = 500;

export const AAGUID = 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4';

export function makePeople(count = PEOPLE): Person[] {
  return Array.from({ length: count }, (_, number) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    return {
      userId: `user-${number}`,
      name: `person-${number}@example.com`,
      userHandle: randomBytes(32).toString('base64url'),
      credentialId: randomBytes(32).toString('base64url'),
      publicKey: Buffer.from(`a5010203262001215820${hex(x)}225820${hex(y)}`, 'hex').toString('base64url'),
      privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    };
  });
}

function hex(base64url: string): string {
  return Buffer.from(base64url, 'base64url').toString('hex');
}
