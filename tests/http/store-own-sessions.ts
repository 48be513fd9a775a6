/** A session store of your own, verb by verb. In a Map no verb waits for anything, and that alone makes it atomic. */
import type { SessionSelection, SessionStore, SignInSession } from '@latchkey/core';

export function mapSessions(): SessionStore {
  const sessions = new Map<string, SignInSession>();
  const byToken = (tokenHash: string) => [...sessions.values()].find((session) => session.tokenHash === tokenHash);
  const find: SessionStore['find'] = (which) =>
    ('id' in which ? sessions.get(which.id) : byToken(which.tokenHash)) ?? null;
  return {
    find,
    begin({ session, replaces, renews }) {
      const old = replaces === null ? undefined : byToken(replaces);
      if (renews && old?.id !== session.id) return false;
      const isTaken = byToken(session.tokenHash) || (!renews && sessions.has(session.id));
      if (isTaken) throw new Error('This id or token is known already.');
      if (old) sessions.delete(old.id);
      sessions.set(session.id, session);
      return true;
    },
    touch({ id, seenAt }) {
      const session = sessions.get(id);
      if (session) sessions.set(id, { ...session, seenAt: Math.max(seenAt, session.seenAt) });
      return session !== undefined;
    },
    end(which) {
      const selected = [...sessions.values()].filter((session) => isSelected(session, which));
      const latestFirst = (a: SignInSession, b: SignInSession) => b.seenAt - a.seenAt || b.createdAt - a.createdAt;
      const ended = 'keepLatest' in which ? selected.sort(latestFirst).slice(which.keepLatest) : selected;
      for (const { id } of ended) sessions.delete(id);
      return ended;
    },
    listByUser(userId) {
      const own = [...sessions.values()].filter((session) => session.userId === userId);
      return own.sort((a, b) => b.createdAt - a.createdAt);
    },
    forgetExpired({ now, limit }) {
      const expired = [...sessions.values()].filter(({ expiresAt }) => expiresAt <= now).slice(0, limit);
      for (const { id } of expired) sessions.delete(id);
      return expired.length;
    },
  };
}

/** Every member of a selection narrows it. */
function isSelected(session: SignInSession, which: SessionSelection): boolean {
  const { passkeyId, except, ...same }: Record<string, unknown> = which;
  const isSame = Object.entries({ ...session }).every(
    ([name, value]) => same[name] === undefined || same[name] === value,
  );
  const isOfPasskey = [undefined, session.passkeyId, session.stepUp?.passkeyId].includes(passkeyId as string);
  return isSame && isOfPasskey && session.id !== except;
}
