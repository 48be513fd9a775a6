/** Invitations in memory. */

import type { Invitation, InvitationStore } from '../store.ts';
import { type Expiring, expiryQueue } from './expiry-queue.ts';

interface InvitationEntry extends Expiring {
  invitation: Invitation;
}

export function memoryInvitations(): InvitationStore {
  const byToken = new Map<string, InvitationEntry>();
  const ids = new Set<string>();
  const tokensOfUser = new Map<string, Set<string>>();
  const queue = expiryQueue<InvitationEntry>();

  const drop = (entry: InvitationEntry) => {
    const { id, tokenHash, userId } = entry.invitation;
    byToken.delete(tokenHash);
    ids.delete(id);
    queue.remove(entry);
    const tokens = tokensOfUser.get(userId)!;
    tokens.delete(tokenHash);
    if (tokens.size === 0) tokensOfUser.delete(userId);
  };
  const ofUser = (userId: string) => [...(tokensOfUser.get(userId) ?? [])].map((token) => byToken.get(token)!);

  return {
    put(invitation) {
      const { id, tokenHash, userId, expiresAt } = invitation;
      if (ids.has(id) || byToken.has(tokenHash))
        throw new Error('An invitation with this id or token is already known.');
      const entry = { invitation: { ...invitation }, expiresAt, place: 0 };
      ids.add(id);
      byToken.set(tokenHash, entry);
      queue.add(entry);
      tokensOfUser.set(userId, (tokensOfUser.get(userId) ?? new Set()).add(tokenHash));
    },

    find: ({ tokenHash }) => byToken.get(tokenHash)?.invitation ?? null,

    change({ tokenHash, from, to }) {
      const entry = byToken.get(tokenHash);
      if (entry === undefined) return false;
      const { status, binding, attemptId } = entry.invitation;
      if (status !== from.status || binding !== from.binding || attemptId !== from.attemptId) return false;
      entry.invitation = { ...entry.invitation, ...to };
      return true;
    },

    listByUser: (userId) =>
      ofUser(userId)
        .map(({ invitation }) => invitation)
        .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)),

    forget(userId) {
      const own = ofUser(userId);
      for (const entry of own) drop(entry);
      return own.filter(({ invitation }) => invitation.status === 'open').length;
    },

    forgetExpired({ before, limit }) {
      for (let forgotten = 0; forgotten < limit; forgotten++) {
        const first = queue.firstDue(before);
        if (first === undefined) return forgotten;
        drop(first);
      }
      return limit;
    },
  };
}
