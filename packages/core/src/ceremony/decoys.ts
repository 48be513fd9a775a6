/** Look-alike passkeys for a name that has none, so that options do not tell who has an account. */
import type { KeyObject } from 'node:crypto';
import { derive } from '../record/pseudonym.ts';
import type { DescriptorJSON } from '../webauthn/json.ts';

/** A kind of passkey as browsers meet it: how long its credential ids are, in bytes, and the transports that we would send. */
interface Kind {
  readonly of256: number;
  readonly length: number;
  readonly transports?: readonly string[];
}

/**
 * The kinds that people have, by their shares of 256. 16 bytes: Google Password Manager (Chromium, device/fido/enclave) and
 * others; 20: iCloud Keychain; 32: Windows Hello; 48 and 64: security keys. Synced passkeys are sent without transports.
 */
const KINDS: readonly Kind[] = [
  { of256: 118, length: 16 },
  { of256: 87, length: 20 },
  { of256: 13, length: 32 },
  { of256: 26, length: 32, transports: ['internal'] },
  { of256: 8, length: 48, transports: ['nfc', 'usb'] },
  { of256: 4, length: 64, transports: ['usb'] },
];

/** How many passkeys an account has: 1, 2 or 3, by shares of 256. */
const NUMBERS = [190, 52, 14] as const;

/**
 * Look-alike passkeys for a name that has none at this relying party: the same at every asking, another at every other
 * relying party. `name` is a canonical one: all spellings of one name must give the same decoys; otherwise two requests
 * reveal that no account exists.
 */
export function decoys(key: KeyObject, { rpId, name }: { rpId: string; name: string }): readonly DescriptorJSON[] {
  const bytes = (use: string) => Buffer.from(derive(key, use, `${rpId}\0${name}`), 'base64url');
  const dice = bytes('decoy kinds');
  return Array.from({ length: drawn(NUMBERS, dice[0]!) + 1 }, (_, index) => {
    const { length, transports } =
      KINDS[
        drawn(
          KINDS.map(({ of256 }) => of256),
          dice[index + 1]!,
        )
      ]!;
    const id = Buffer.concat([bytes(`decoy ${index}`), bytes(`decoy ${index} on`)]).subarray(0, length);
    return { type: 'public-key' as const, id: id.toString('base64url'), ...(transports && { transports }) };
  });
}

/** Which of several shares of 256 a byte falls into. */
function drawn(shares: readonly number[], byte: number): number {
  let sum = 0;
  return shares.findIndex((share) => {
    sum += share;
    return byte < sum;
  });
}
