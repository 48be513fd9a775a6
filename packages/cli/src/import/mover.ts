/** Moves one passkey after the other into a store: adds, never overwrites, and reads back a sample of what it wrote. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Passkey, PasskeyStore } from '@latchkey/core';
import { Fault, messageOf } from '../terminal/fault.ts';
import type { SourcePasskey } from './row.ts';
import { RowFault, type Unusable } from './row-fault.ts';

/** What a source did not keep, and what becomes of it. */
export const LACKS = {
  user_handle_unknown:
    'user handle: not kept. Any handle is accepted with these passkeys; new ones get a handle of their own.',
  backup_eligibility_unknown: 'backup eligibility: not kept. Nothing is compared with it at sign-in.',
  sign_count_unknown: 'signature counter: not kept. It begins at 0, and goes on from what the passkey says next.',
  transports_unknown: 'transports: not kept. The browser asks all of them.',
  aaguid_unknown: 'AAGUID: not kept. The provider of the passkey stays unnamed.',
  created_at_unknown: 'time of registration: not kept. It is the time of this import.',
} as const;
export type Lack = keyof typeof LACKS;

export interface RefusedRow {
  readonly row: number;
  readonly user: string | null;
  readonly code: Unusable;
  readonly message: string;
}

export interface MoveResult {
  readonly rows: number;
  readonly inserted: number;
  /** There already, from an earlier import. */
  readonly present: number;
  readonly refused: readonly RefusedRow[];
  /** Of the passkeys that were inserted or are present: how many lack what. */
  readonly lacks: Readonly<Partial<Record<Lack, number>>>;
}

export interface MoverOptions {
  readonly rpId: string;
  readonly maxPasskeys: number;
  readonly dryRun?: boolean;
}

/** The first passkeys written, and one of every so many after them, are read back. */
const SAMPLE_FIRST = 20;
const SAMPLE_EVERY = 100;

export function createMover(passkeys: PasskeyStore, { rpId, maxPasskeys, dryRun }: MoverOptions) {
  let rows = 0;
  let inserted = 0;
  let present = 0;
  const refused: RefusedRow[] = [];
  const lacks: Partial<Record<Lack, number>> = {};
  const sample: Passkey[] = [];

  async function add(found: SourcePasskey): Promise<'inserted' | 'present'> {
    if (found.rpId !== null && found.rpId !== rpId) {
      throw new RowFault(
        'rp_id_differs',
        `Registered with the RP ID ${found.rpId}: no browser will use it for ${rpId}.`,
      );
    }
    const there = await withCredentialId(passkeys, found);
    if (there !== null) return checkSame(there, found);
    if (dryRun) {
      const own = (await passkeys.listByUser(found.userId)).length;
      if (own >= maxPasskeys) throw tooMany(maxPasskeys);
      return 'inserted';
    }
    // The first handle a user brings along is kept for passkeys to come; one that is not known must not be.
    await passkeys.keepHandle({ userId: found.userId, proposed: found.userHandle ?? randomBytes(32) });
    const passkey = passkeyOf(found, rpId);
    const answer = await passkeys.insert({ passkey, max: maxPasskeys });
    if (answer === 'limit') throw tooMany(maxPasskeys);
    if (answer === 'inserted') {
      if (inserted < SAMPLE_FIRST || inserted % SAMPLE_EVERY === 0) sample.push(passkey);
      return 'inserted';
    }
    // Someone added it in between.
    const since = await withCredentialId(passkeys, found);
    if (since === null) throw new RowFault('credential_of_another_user', 'Another user has this credential id here.');
    return checkSame(since, found);
  }

  return {
    rows: () => rows,
    async move(read: () => SourcePasskey): Promise<void> {
      rows += 1;
      let found: SourcePasskey | null = null;
      try {
        found = read();
        if ((await add(found)) === 'inserted') inserted += 1;
        else present += 1;
        for (const lack of lacksOf(found)) lacks[lack] = (lacks[lack] ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof RowFault)) throw storeFault(error);
        refused.push({ row: rows, user: found?.userId ?? null, code: error.code, message: error.message });
      }
    },
    /** Reads a sample of what was written, and says how many. Throws a {@link Fault} when one is not as it was written. */
    async readBack(): Promise<number> {
      for (const written of sample) {
        const read = await withCredentialId(passkeys, written);
        const differs = (['userId', 'credentialId', 'publicKey', 'userHandle', 'algorithm', 'signCount'] as const).find(
          (member) => read === null || !isEqual(read[member], written[member]),
        );
        if (differs !== undefined) {
          throw new Fault(
            'broken',
            `The store does not give back what was written: ${differs} of the passkey ${written.id}, user ${written.userId}, ${read === null ? 'is not there' : 'differs'}. Look at its tables before anyone signs in (latchkey doctor --store).`,
          );
        }
      }
      return sample.length;
    },
    result: (): MoveResult => ({ rows, inserted, present, refused, lacks }),
  };
}

function isEqual(one: unknown, other: unknown): boolean {
  return one instanceof Uint8Array && other instanceof Uint8Array ? Buffer.compare(one, other) === 0 : one === other;
}

async function withCredentialId(
  passkeys: PasskeyStore,
  { credentialId, userHandle }: Pick<SourcePasskey, 'credentialId' | 'userHandle'>,
): Promise<Passkey | null> {
  const [there] = await passkeys.find({ credentialId, userHandle });
  return there !== undefined && isEqual(there.credentialId, credentialId) ? there : null;
}

function checkSame(there: Passkey, found: SourcePasskey): 'present' {
  if (there.userId !== found.userId)
    throw new RowFault('credential_of_another_user', 'Another user has this credential id here.');
  if (!isEqual(there.publicKey, found.publicKey.cose))
    throw new RowFault('passkey_differs', 'This user has this credential id here, with another public key.');
  return 'present';
}

function tooMany(max: number): RowFault {
  return new RowFault('too_many_passkeys', `The user has ${max} passkeys already; see --max-passkeys.`);
}

function passkeyOf(found: SourcePasskey, rpId: string): Passkey {
  return {
    id: randomUUID(),
    userId: found.userId,
    userHandle: found.userHandle ?? new Uint8Array(),
    credentialId: found.credentialId,
    publicKey: found.publicKey.cose,
    algorithm: found.publicKey.algorithm,
    signCount: found.signCount ?? 0,
    transports: found.transports ?? [],
    aaguid: found.aaguid ?? '00000000-0000-0000-0000-000000000000',
    backupEligible: found.backupEligible,
    // Not eligible and backed up is what cannot be; what is so now is stored at the next sign-in.
    backedUp: found.backedUp === true && found.backupEligible !== false,
    attested: false,
    rpId,
    nickname: found.nickname?.slice(0, 100).toWellFormed() ?? 'Passkey',
    enabled: found.enabled,
    generation: 0,
    createdAt: found.createdAt ?? Date.now(),
    lastUsedAt: found.lastUsedAt,
  };
}

function lacksOf(found: SourcePasskey): Lack[] {
  const lacks: Record<Lack, unknown> = {
    user_handle_unknown: found.userHandle,
    backup_eligibility_unknown: found.backupEligible,
    sign_count_unknown: found.signCount,
    transports_unknown: found.transports,
    aaguid_unknown: found.aaguid,
    created_at_unknown: found.createdAt,
  };
  return (Object.keys(lacks) as Lack[]).filter((lack) => lacks[lack] === null);
}

function storeFault(error: unknown): unknown {
  return error instanceof Fault ? error : new Fault('unreachable', `The store failed: ${messageOf(error)}`, error);
}
