/** What a source holds, before anything is written: how long its ids, handles and keys are, how they were read, and one of each. */
import type { Encoding } from './encodings.ts';
import type { SourcePasskey } from './row.ts';

/** One kind of bytes over all rows that can be read. */
export interface Lengths {
  readonly count: number;
  readonly shortest: number;
  readonly longest: number;
  /** How they were encoded, and how many in each way. Keys have their algorithm here, as a COSE number. */
  readonly kinds: Readonly<Record<string, number>>;
  /** The first, in base64url. */
  readonly example: string;
}

export interface Overview {
  readonly credentialId: Lengths | null;
  readonly userHandle: Lengths | null;
  readonly publicKey: Lengths | null;
}

/** Looks at one row after the other. */
export function createOverview() {
  const [ids, handles, keys] = [createLengths(), createLengths(), createLengths()];
  return {
    add({ credentialId, userHandle, publicKey, encodings }: SourcePasskey): void {
      ids.add(credentialId, encodings.credentialId);
      if (userHandle !== null) handles.add(userHandle, encodings.userHandle ?? 'bytes');
      keys.add(publicKey.cose, publicKey.algorithm);
    },
    result: (): Overview => ({ credentialId: ids.result(), userHandle: handles.result(), publicKey: keys.result() }),
  };
}

function createLengths() {
  let found: {
    count: number;
    shortest: number;
    longest: number;
    kinds: Record<string, number>;
    example: string;
  } | null = null;
  return {
    add(bytes: Uint8Array, kind: Encoding | number): void {
      const { length } = bytes;
      found ??= {
        count: 0,
        shortest: length,
        longest: length,
        kinds: {},
        example: Buffer.from(bytes).toString('base64url'),
      };
      found.count += 1;
      found.shortest = Math.min(found.shortest, length);
      found.longest = Math.max(found.longest, length);
      found.kinds[kind] = (found.kinds[kind] ?? 0) + 1;
    },
    result: (): Lengths | null => found,
  };
}
