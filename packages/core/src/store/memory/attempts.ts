/** Attempt records in memory: the newest so many. */

import type { AttemptRecord } from '../../record/attempt.ts';
import type { AttemptStore } from '../store.ts';

/** How many attempt records are kept; the one that came in first goes first. */
const KEPT_ATTEMPTS = 10_000;

export function memoryAttempts(): AttemptStore {
  const records = new Map<string, AttemptRecord>();
  return {
    append(record) {
      if (records.has(record.event.id)) return;
      records.set(record.event.id, record);
      if (records.size > KEPT_ATTEMPTS) records.delete(records.keys().next().value!);
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
  };
}
