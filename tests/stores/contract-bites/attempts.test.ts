/** Stores of attempts that break their contract, rule by rule. */
import { type AttemptRecord, type AttemptStore, memoryStore } from '@latchkey/core';
import { attemptStoreContract } from '@latchkey/testing';
import { type Breaks, bites } from './bites.ts';

const attempts: Breaks<AttemptStore> = {
  'gives a record back as it was appended': {
    'keeps ASCII only': (sound) => ({
      append: (record) => sound.append({ ...record, message: record.message.replace(/[^ -~]/g, '?') }),
    }),
    'leaves out what is null': (sound) => ({
      append: (record) =>
        sound.append(JSON.parse(JSON.stringify(record, (_, value) => (value === null ? undefined : value)))),
    }),
  },
  'keeps one record for an event, also when it comes ten times at once': {
    'keeps each': () => {
      const records: AttemptRecord[] = [];
      return { append: (record) => void records.push(record), list: ({ limit }) => records.slice(0, limit) };
    },
    'keeps the last': () => {
      const records: AttemptRecord[] = [];
      return { append: (record) => void records.push(record), list: () => records.slice(-1) };
    },
  },
  'lists the newest first, whatever order they came in': {
    'lists the oldest first': (sound) => ({ list: async (query) => (await sound.list(query)).reverse() }),
  },
  'narrows by user, and by the exact user only': {
    'ignores case': (sound) => ({
      append: (record) =>
        sound.append({ ...record, user: { ...record.user, id: record.user.id?.toLowerCase() ?? null } }),
      list: ({ userId, ...rest }) =>
        sound.list(userId === undefined ? rest : { ...rest, userId: userId.toLowerCase() }),
    }),
    'ignores the user': (sound) => ({ list: ({ userId, ...rest }) => sound.list(rest) }),
  },
  'narrows by name, outcome and enforcement, one by one and together': {
    'ignores the name': (sound) => ({ list: ({ name, ...rest }) => sound.list(rest) }),
    'ignores the outcome': (sound) => ({ list: ({ outcome, ...rest }) => sound.list(rest) }),
    'ignores the enforcement': (sound) => ({ list: ({ enforcement, ...rest }) => sound.list(rest) }),
    'uses the first it finds': (sound) => ({
      list: ({ name, outcome, ...rest }) =>
        sound.list({ ...rest, ...(name !== undefined ? { name } : outcome !== undefined ? { outcome } : {}) }),
    }),
  },
  'narrows by time, from an instant on and before another': {
    'leaves out the first instant': (sound) => ({
      list: ({ since, ...rest }) => sound.list(since === undefined ? rest : { ...rest, since: since + 1 }),
    }),
    'includes the last instant': (sound) => ({
      list: ({ until, ...rest }) => sound.list(until === undefined ? rest : { ...rest, until: until + 1 }),
    }),
    'ignores both': (sound) => ({ list: ({ since, until, ...rest }) => sound.list(rest) }),
  },
  'pages through everything once': {
    'ignores where the last page ended': (sound) => ({ list: ({ before, ...rest }) => sound.list(rest) }),
    'goes on after the same millisecond': (sound) => ({
      list: ({ before, ...rest }) =>
        sound.list(before === undefined ? rest : { ...rest, before: `${before.slice(0, 14)}0000` }),
    }),
    'ignores the limit': (sound) => ({ list: (query) => sound.list({ ...query, limit: 1_000 }) }),
  },
  'purges what ended before an instant, so many at a time, and nothing else': {
    'purges nothing': () => ({ purge: () => 0 }),
    'purges all at once': (sound) => ({ purge: ({ before }) => sound.purge({ before, limit: 1_000 }) }),
    'purges what ended at the instant': (sound) => ({
      purge: ({ before, limit }) => sound.purge({ before: before + 1, limit }),
    }),
    'says one more than it did': (sound) => ({ purge: async (due) => ((await sound.purge(due)) % 100) + 1 }),
    'hides what it purged': (sound) => {
      const hidden = new Set<string>();
      return {
        append: (record) => (hidden.has(record.event.id) ? undefined : sound.append(record)),
        async purge(due) {
          const all = await sound.list({ until: due.before, limit: 1_000 });
          for (const { event } of all) hidden.add(event.id);
          return sound.purge(due);
        },
      };
    },
  },
  'erases every record that names a user, so many at a time, and no record of anybody else': {
    'erases nothing': () => ({ eraseUser: () => 0 }),
    'erases all at once': (sound) => ({ eraseUser: ({ userId }) => sound.eraseUser({ userId, limit: 1_000 }) }),
    'ignores case': (sound) => ({
      async eraseUser({ userId, limit }) {
        await sound.eraseUser({ userId: userId.toUpperCase(), limit });
        return sound.eraseUser({ userId, limit });
      },
    }),
    'erases what points to them as well': (sound) => ({
      async eraseUser(user) {
        const own = (await sound.list({ userId: user.userId, limit: 1_000 })).map(({ attempt }) => attempt.id);
        const all = await sound.list({ limit: 1_000 });
        const erased = await sound.eraseUser(user);
        const pointing = all.filter(({ attempt }) => attempt.relatedId && own.includes(attempt.relatedId));
        for (const { event } of pointing) await sound.purge({ before: Date.parse(event.time) + 1, limit: 1_000 });
        return erased;
      },
    }),
  },
  'erases behind what stays, however much that is': {
    'looks at the first hundred only': (sound) => ({
      async eraseUser(user) {
        const first = (await sound.list({ limit: 1_000 })).slice(-100);
        return first.some((record) => record.user.id === user.userId) ? sound.eraseUser(user) : 0;
      },
    }),
  },
};

bites('attempts', attemptStoreContract, attempts, () => memoryStore().attempts);
