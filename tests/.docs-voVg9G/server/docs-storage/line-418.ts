export {};
/** A challenge store of your own, verb by verb. In a Map no verb waits for anything, and that alone makes it atomic. */
import { type ChallengeStore, type PendingCeremony, REMEMBERED_MS } from '@latchkey/core';

export function mapChallenges(): ChallengeStore {
  const known = new Map<string, { ceremony: PendingCeremony; status: 'open' | 'consumed' | 'expired' }>();
  return {
    put(ceremony) {
      if (known.has(ceremony.attemptId)) throw new Error('This attempt id is known already.');
      known.set(ceremony.attemptId, { ceremony, status: 'open' });
    },
    begin({ attemptId, binding }) {
      const entry = known.get(attemptId);
      if (entry?.status !== 'open' || entry.ceremony.binding !== binding) return;
      entry.ceremony = { ...entry.ceremony, begun: true };
    },
    take({ attemptId, now, ...expected }) {
      const entry = known.get(attemptId);
      if (!entry || now - entry.ceremony.expiresAt > REMEMBERED_MS) return { status: 'unknown' };
      const { ceremony, status } = entry;
      if (status !== 'open') return { status };
      if (now >= ceremony.expiresAt) return { status: 'expired' };
      const { purpose = ceremony.purpose, binding, userId = ceremony.userId } = expected;
      if (purpose !== ceremony.purpose) return { status: 'mismatch', member: 'purpose' };
      if (binding !== ceremony.binding) return { status: 'mismatch', member: 'binding' };
      if (userId !== ceremony.userId) return { status: 'mismatch', member: 'user' };
      entry.status = 'consumed';
      return { status: 'fresh', ceremony };
    },
    takeExpired({ now, limit }) {
      const entries = [...known.values()].sort((a, b) => a.ceremony.expiresAt - b.ceremony.expiresAt);
      const due = entries.filter(({ ceremony, status }) => status === 'open' && ceremony.expiresAt <= now);
      const given = due.slice(0, limit);
      for (const entry of given) entry.status = 'expired';
      for (const { ceremony, status } of entries) {
        if (status !== 'open' && now - ceremony.expiresAt > REMEMBERED_MS) known.delete(ceremony.attemptId);
      }
      return given.map(({ ceremony }) => ceremony);
    },
  };
}