/** Whose records were asked for: of which user, and of which passkey; and why some may be missing. */
import type { AttemptRecord } from '@latchkey/core';
import { everyUser } from '../every-passkey.ts';
import { keyCounter, otherKeys, readIdentityKeys } from '../identity.ts';
import { many, type Output } from '../terminal/output.ts';
import type { Filters, WhoFilter } from './filters.ts';
import { passkeyFilter } from './passkeys.ts';
import type { Source } from './source.ts';

export async function whoFilter(filters: Filters, source: Source, out: Output): Promise<WhoFilter> {
  const user = userFilter(filters);
  const passkey = await passkeyFilter(filters, source, out);
  return {
    matches: (record) => user.matches(record) && passkey.matches(record),
    explainMissing(found, to) {
      user.explainMissing(found, to);
      passkey.explainMissing(found, to);
    },
  };
}

/** What `--user` means: the application's own id, or a pseudonym. A record has both, or a pseudonym alone (`audit.logLine`). */
function userFilter({ user }: Filters): WhoFilter {
  if (user === undefined) return { matches: () => true, explainMissing: () => {} };
  const identity = readIdentityKeys();
  const names = new Set([user, ...(identity?.pseudonyms(user) ?? [])]);
  const keys = keyCounter();
  return {
    matches({ user: { id, hash } }) {
      if (id === null) keys.add(hash);
      return names.has(id ?? '') || names.has(hash ?? '');
    },
    explainMissing(_, out) {
      const counts = keys.counts();
      if (identity !== null) {
        const why = otherKeys(identity, counts);
        if (why !== null) out.note(why);
        return;
      }
      const unread = [...counts.values()].reduce((sum, count) => sum + count, 0);
      if (unread > 0) out.note(`${many(unread, 'record')} with a pseudonym in place of the user. ${KEY_TELLS}`);
    },
  };
}

const KEY_TELLS = 'LATCHKEY_IDENTITY_KEY, your audit.identityKey, tells whose they are.';

/** The id of a record's user: its own, or the one that its pseudonym stands for, where the store and the keys tell; else null. */
export async function userIdOf({ user }: AttemptRecord, source: Source): Promise<string | null> {
  if (user.id !== null || user.hash === null) return user.id;
  const identity = readIdentityKeys();
  // Records of a log can be read while the store does not answer.
  const connection = identity === null ? null : await source.store().catch(() => null);
  if (identity === null || connection === null) return null;
  for await (const { userId } of everyUser(connection)) {
    if (identity.pseudonyms(userId).includes(user.hash)) return userId;
  }
  return null;
}
