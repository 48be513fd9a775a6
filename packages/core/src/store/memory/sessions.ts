/** Sign-in sessions in memory. */

import type { SessionSelection, SessionStore, SignInSession } from '../store.ts';
import { type Expiring, expiryQueue } from './expiry-queue.ts';
import { shardedMap } from './sharded-map.ts';

interface SessionEntry extends Expiring {
  session: SignInSession;
}

export function memorySessions(): SessionStore {
  const byId = shardedMap<SessionEntry>();
  const idOfToken = shardedMap<string>();
  const idsOfUser = shardedMap<Set<string>>();
  const queue = expiryQueue<SessionEntry>();

  const add = (session: SignInSession) => {
    const { id, tokenHash, userId, expiresAt } = session;
    const entry = { session, expiresAt, place: 0 };
    byId.set(id, entry);
    idOfToken.set(tokenHash, id);
    queue.add(entry);
    const ids = idsOfUser.get(userId);
    if (ids === undefined) idsOfUser.set(userId, new Set([id]));
    else ids.add(id);
  };
  const drop = (entry: SessionEntry) => {
    const { id, tokenHash, userId } = entry.session;
    byId.delete(id);
    idOfToken.delete(tokenHash);
    queue.remove(entry);
    const ids = idsOfUser.get(userId)!;
    ids.delete(id);
    if (ids.size === 0) idsOfUser.delete(userId);
  };
  const byToken = (tokenHash: string) => byId.get(idOfToken.get(tokenHash) ?? '');
  const ofUser = (userId: string) => [...(idsOfUser.get(userId) ?? [])].map((id) => byId.get(id)!);

  return {
    begin({ session, replaces, renews }) {
      const replaced = replaces === null ? undefined : byToken(replaces);
      if (renews && replaced?.session.id !== session.id) return false;
      const isTaken = idOfToken.has(session.tokenHash) || (byId.has(session.id) && !renews);
      if (isTaken) throw new Error('A session with this id or token is already known.');
      if (replaced) drop(replaced);
      add({ ...session });
      return true;
    },

    find: (which) => ('id' in which ? byId.get(which.id) : byToken(which.tokenHash))?.session ?? null,

    touch({ id, seenAt }) {
      const entry = byId.get(id);
      if (entry === undefined) return false;
      entry.session = { ...entry.session, seenAt: Math.max(entry.session.seenAt, seenAt) };
      return true;
    },

    end(which) {
      const among =
        'id' in which ? [byId.get(which.id)] : 'tokenHash' in which ? [byToken(which.tokenHash)] : ofUser(which.userId);
      const selected = among.filter((entry) => entry !== undefined).filter(({ session }) => isSelected(session, which));
      const ended = 'keepLatest' in which ? selected.sort(latestFirst).slice(which.keepLatest) : selected;
      for (const entry of ended) drop(entry);
      return ended.map(({ session }) => session);
    },

    listByUser: (userId) =>
      ofUser(userId)
        .map(({ session }) => session)
        .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)),

    forgetExpired({ now, limit }) {
      for (let forgotten = 0; forgotten < limit; forgotten++) {
        const first = queue.firstDue(now);
        if (first === undefined) return forgotten;
        drop(first);
      }
      return limit;
    },
  };
}

function latestFirst({ session: a }: SessionEntry, { session: b }: SessionEntry): number {
  return b.seenAt - a.seenAt || b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

/** Whether a session is among those that a selection names. */
function isSelected(session: SignInSession, which: SessionSelection): boolean {
  if ('tokenHash' in which) return session.tokenHash === which.tokenHash;
  if (which.userId !== undefined && session.userId !== which.userId) return false;
  if ('passkeyId' in which) return [session.passkeyId, session.stepUp?.passkeyId].includes(which.passkeyId);
  if (which.rpId !== undefined && session.rpId !== which.rpId) return false;
  return 'id' in which || session.id !== which.except;
}
