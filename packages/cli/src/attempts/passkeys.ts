/** Stored passkeys and the references by which records name them: from an id or nickname to references, and back to nicknames. */
import type { AttemptRecord, Passkey, Pseudonymizer } from '@latchkey/core';
import type { StoreConnection } from '../connection.ts';
import { everyUser } from '../every-passkey.ts';
import { isPseudonym, keyCounter, otherKeys, readIdentityKeys, refsOf } from '../identity.ts';
import { Fault } from '../terminal/fault.ts';
import type { Output } from '../terminal/output.ts';
import type { Filters, WhoFilter } from './filters.ts';
import type { Source } from './source.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** The beginning of what follows the key id in a reference, as `list` shows it. */
const SHORT_REF = /^[\w-]{6,22}$/;

/** What `--passkey` means: a reference, its beginning, the id of a stored passkey, or a nickname. */
export async function passkeyFilter({ passkey, user }: Filters, source: Source, out: Output): Promise<WhoFilter> {
  if (passkey === undefined) return { matches: () => true, explainMissing: () => {} };
  if (isPseudonym(passkey)) return byRefs((ref) => ref === passkey, null);
  const identity = readIdentityKeys();
  const connection = UUID.test(passkey) || identity !== null ? await source.store() : null;
  if (connection !== null) {
    if (identity === null) throw new Fault('usage', `--passkey ${passkey}: ${KEY_NEEDED}`);
    const found = await passkeysCalled(connection, passkey, user);
    if (found.length > 1) out.note(`${found.length} passkeys are called ${passkey}; --user tells them apart.`);
    if (found.length > 0) {
      const refs = new Set(found.flatMap((one) => refsOf(identity, one)));
      return byRefs((ref) => refs.has(ref), identity);
    }
  }
  if (UUID.test(passkey) || !SHORT_REF.test(passkey)) {
    throw new Fault(
      'usage',
      `--passkey ${passkey}: ${connection === null ? `to find a passkey by its id or nickname, name the store (--store). ${KEY_NEEDED}` : 'no passkey here has this id or nickname.'}`,
    );
  }
  const { matches, explainMissing } = byRefs(
    (ref) => ref.slice(ref.lastIndexOf(':') + 1).startsWith(passkey),
    identity,
  );
  return {
    matches,
    // The beginning of a reference is found whatever key made it.
    explainMissing: (found, to) => {
      if (found > 0) return;
      if (connection === null)
        to.note(
          `${passkey} was taken for the beginning of a reference. To find a passkey by its nickname, name the store (--store). ${KEY_NEEDED}`,
        );
      explainMissing(found, to);
    },
  };
}

const KEY_NEEDED = 'Records name a passkey by a pseudonym: set LATCHKEY_IDENTITY_KEY to your audit.identityKey.';

function byRefs(isAsked: (ref: string) => boolean, identity: Pseudonymizer | null): WhoFilter {
  const keys = keyCounter();
  return {
    matches(record) {
      keys.add(record.credential.ref);
      return record.credential.ref !== null && isAsked(record.credential.ref);
    },
    explainMissing: (_, out) => {
      const why = identity === null ? null : otherKeys(identity, keys.counts());
      if (why !== null) out.note(why);
    },
  };
}

async function passkeysCalled(connection: StoreConnection, name: string, user: string | undefined): Promise<Passkey[]> {
  const isCalled = ({ id, nickname }: Passkey) => id === name || nickname.toLowerCase() === name.toLowerCase();
  if (user !== undefined && !isPseudonym(user))
    return (await connection.store.passkeys.listByUser(user)).filter(isCalled);
  const found: Passkey[] = [];
  for await (const { passkeys } of everyUser(connection)) found.push(...passkeys.filter(isCalled));
  return found;
}

/** The nickname of a record's passkey, where it is still stored and the identity key is given; else null. */
export type Nicknames = (record: AttemptRecord) => Promise<string | null>;

/** Users whose passkeys are kept at hand. */
const KEPT = 1_000;

export async function createNicknames(source: Source): Promise<Nicknames> {
  const identity = readIdentityKeys();
  // Records of a log can be read while the store does not answer.
  const connection = identity === null ? null : await source.store().catch(() => null);
  if (identity === null || connection === null) return async () => null;
  const byUser = new Map<string, ReadonlyMap<string, string>>();
  return async ({ user, credential }) => {
    if (user.id === null || credential.ref === null) return null;
    let names = byUser.get(user.id);
    if (names === undefined) {
      const own = await connection.store.passkeys.listByUser(user.id);
      names = new Map(own.flatMap((passkey) => refsOf(identity, passkey).map((ref) => [ref, passkey.nickname])));
      if (byUser.size >= KEPT) byUser.clear();
      byUser.set(user.id, names);
    }
    return names.get(credential.ref) ?? null;
  };
}
