/** Ceremonies in memory: open until they are taken or swept, and then only how they ended. */

import { type ChallengeStore, type PendingCeremony, REMEMBERED_MS, type TakeResult } from '../store.ts';
import { type Expiring, expiryQueue } from './expiry-queue.ts';
import { shardedMap } from './sharded-map.ts';

/** How many ids are forgotten in one turn of the event loop (2 to 4 ms), so that no request waits for more. */
const FORGOTTEN_AT_ONCE = 2_500;

/** What is known of an id: the ceremony while it is open, afterwards only how it ended. */
interface ChallengeEntry extends Expiring {
  readonly attemptId: string;
  ceremony: PendingCeremony | 'consumed' | 'expired';
}

/**
 * Open ceremonies in the memory of one process, beside passkeys that are kept elsewhere:
 * `{ ...sqlStore(db), challenges: memoryChallenges() }`. A second process sees nothing of them, and refuses what the first one began.
 * A restart forgets those that are open: whoever was signing in clicks once more, and an attempt that was abandoned leaves no record.
 */
export function memoryChallenges(): ChallengeStore {
  const known = shardedMap<ChallengeEntry>();
  const unswept = expiryQueue<ChallengeEntry>();
  const unforgotten = expiryQueue<ChallengeEntry>();

  const forget = (until: number) => {
    for (let forgotten = 0; forgotten < FORGOTTEN_AT_ONCE; forgotten++) {
      const entry = unforgotten.firstDue(until);
      if (entry === undefined) return;
      unforgotten.remove(entry);
      known.delete(entry.attemptId);
    }
    setImmediate(forget, until).unref();
  };

  return {
    put(ceremony) {
      const { attemptId, expiresAt } = ceremony;
      // Overwriting would open a ceremony that was already taken.
      if (known.has(attemptId)) throw new Error('A ceremony with this attempt id is already known.');
      const entry: ChallengeEntry = { attemptId, expiresAt, place: 0, ceremony: { ...ceremony } };
      known.set(attemptId, entry);
      unswept.add(entry);
    },

    begin({ attemptId, binding }) {
      const entry = known.get(attemptId);
      if (entry === undefined || typeof entry.ceremony === 'string' || entry.ceremony.binding !== binding) return;
      entry.ceremony = { ...entry.ceremony, begun: true };
    },

    take({ attemptId, purpose, binding, userId, now }): TakeResult {
      const entry = known.get(attemptId);
      if (entry === undefined || now - entry.expiresAt > REMEMBERED_MS) return { status: 'unknown' };
      const { ceremony } = entry;
      if (typeof ceremony === 'string') return { status: ceremony };
      if (now >= entry.expiresAt) return { status: 'expired' };
      if (purpose !== undefined && purpose !== ceremony.purpose) return { status: 'mismatch', member: 'purpose' };
      if (binding !== ceremony.binding) return { status: 'mismatch', member: 'binding' };
      if (userId !== undefined && userId !== ceremony.userId) return { status: 'mismatch', member: 'user' };
      entry.ceremony = 'consumed';
      unswept.remove(entry);
      unforgotten.add(entry);
      return { status: 'fresh', ceremony };
    },

    takeExpired({ now, limit }) {
      const given: PendingCeremony[] = [];
      while (given.length < limit) {
        const entry = unswept.firstDue(now);
        if (entry === undefined) break;
        unswept.remove(entry);
        if (typeof entry.ceremony !== 'string') given.push(entry.ceremony);
        entry.ceremony = 'expired';
        unforgotten.add(entry);
      }
      forget(now - REMEMBERED_MS - 1);
      return given;
    },
  };
}
