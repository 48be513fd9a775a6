/** Attempt records in memory: the newest so many. */

import type { AttemptRecord } from '../../record/attempt.ts';
import type { AttemptStore } from '../store.ts';

/** How many attempt records are kept; the one that came in first goes first. */
const KEPT_ATTEMPTS = 10_000;

export function memoryAttempts(): AttemptStore {
  const records = new Map<string, AttemptRecord>();
  /** Records of folded refusals go first: strangers make as many of them as they like. */
  const refusals = new Set<string>();
  /** Removes the first so many that match; answers how many. */
  const remove = (limit: number, matches: (record: AttemptRecord) => boolean) => {
    const ids = [...records.values()]
      .filter(matches)
      .slice(0, limit)
      .map(({ event }) => event.id);
    for (const id of ids) {
      records.delete(id);
      refusals.delete(id);
    }
    return ids.length;
  };

  return {
    append(record) {
      const { id, repeatCount } = record.event;
      if (records.has(id)) return;
      records.set(id, record);
      if (repeatCount !== undefined) refusals.add(id);
      if (records.size <= KEPT_ATTEMPTS) return;
      const oldest = refusals.values().next().value ?? records.keys().next().value!;
      refusals.delete(oldest);
      records.delete(oldest);
    },

    list({ name, since, until, userId, outcome, enforcement, before, limit }) {
      const matches = (record: AttemptRecord) => {
        const time = Date.parse(record.event.time);
        return (
          (name === undefined || record.event.name === name) &&
          (since === undefined || time >= since) &&
          (until === undefined || time < until) &&
          (userId === undefined || record.user.id === userId) &&
          (outcome === undefined || record.outcome === outcome) &&
          (enforcement === undefined || record.immediate.enforcement === enforcement) &&
          (before === undefined || record.event.id < before)
        );
      };
      const newestFirst = (a: AttemptRecord, b: AttemptRecord) => (a.event.id < b.event.id ? 1 : -1);
      return [...records.values()].filter(matches).sort(newestFirst).slice(0, limit);
    },

    purge: ({ before, limit }) => remove(limit, ({ event }) => Date.parse(event.time) < before),

    eraseUser: ({ userId, limit }) => remove(limit, ({ user }) => user.id === userId),
  };
}
