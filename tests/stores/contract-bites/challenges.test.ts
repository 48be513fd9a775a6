/** Stores of challenges that break their contract, rule by rule. */
import { setImmediate as tick } from 'node:timers/promises';
import { type ChallengeStore, memoryStore, type PendingCeremony, REMEMBERED_MS } from '@latchkey/core';
import { challengeStoreContract } from '@latchkey/testing';
import { type Break, type Breaks, bites } from './bites.ts';

/** A sound store that also leaves its open ceremonies lying open, to be misused. */
function careless(sound: ChallengeStore) {
  const open = new Map<string, PendingCeremony>();
  const put: ChallengeStore['put'] = (ceremony) => {
    open.set(ceremony.attemptId, ceremony);
    return sound.put(ceremony);
  };
  return { open, put };
}

/** Reads what is due, and marks it only later. */
const sweepsInTwoSteps: Break<ChallengeStore> = (sound) => {
  const { open, put } = careless(sound);
  return {
    put,
    async take(condition) {
      const answer = await sound.take(condition);
      if (answer.status === 'fresh') open.delete(condition.attemptId);
      return answer;
    },
    async takeExpired({ now, limit }) {
      const due = [...open.values()].filter(({ expiresAt }) => expiresAt <= now).slice(0, limit);
      await tick();
      for (const { attemptId } of due) open.delete(attemptId);
      return due;
    },
  };
};

const challenges: Breaks<ChallengeStore> = {
  'gives a ceremony back as it was put': {
    'keeps only 8 KiB of its state': (sound) => ({
      put: (ceremony) => sound.put({ ...ceremony, state: ceremony.state.slice(0, 8_192) }),
    }),
    'forgets that it was begun': (sound) => ({ put: (ceremony) => sound.put({ ...ceremony, begun: false }) }),
  },
  'gives the challenge to one of 50 concurrent takers': {
    'looks first and deletes later': (sound) => {
      const { open, put } = careless(sound);
      return {
        put,
        async take(condition) {
          const ceremony = open.get(condition.attemptId);
          await tick();
          open.delete(condition.attemptId);
          return ceremony === undefined ? sound.take(condition) : { status: 'fresh', ceremony };
        },
      };
    },
  },
  'answers consumed to every later take, whatever it expects': {
    'forgets what was taken': (sound) => ({
      async take(condition) {
        const answer = await sound.take(condition);
        return answer.status === 'consumed' ? { status: 'unknown' } : answer;
      },
    }),
  },
  'answers unknown to an id that was never put': {
    'ignores spaces at the end of an id': (sound) => ({
      take: (condition) => sound.take({ ...condition, attemptId: condition.attemptId.trimEnd() }),
    }),
  },
  'gives a ceremony only for its purpose, and leaves it open otherwise': {
    'ignores the purpose': (sound) => ({
      take: ({ purpose, ...rest }) => sound.take(rest),
    }),
    'takes before it compares': (sound) => ({
      async take({ purpose, ...rest }) {
        const answer = await sound.take(rest);
        const wrong = answer.status === 'fresh' && purpose !== undefined && answer.ceremony.purpose !== purpose;
        return wrong ? { status: 'mismatch', member: 'purpose' } : answer;
      },
    }),
  },
  'gives a ceremony only to its binding, and leaves it open otherwise': {
    'ignores the binding': (sound) => {
      const { open, put } = careless(sound);
      return {
        put,
        take: (condition) => sound.take({ ...condition, binding: open.get(condition.attemptId)?.binding ?? '' }),
      };
    },
  },
  'gives a ceremony only to its user, and leaves it open otherwise': {
    'ignores the user': (sound) => ({
      take: ({ userId, ...rest }) => sound.take(rest),
    }),
    'takes an expected null for anything': (sound) => ({
      take: ({ userId, ...rest }) => sound.take(typeof userId === 'string' ? { ...rest, userId } : rest),
    }),
  },
  'judges purpose before binding before user': {
    'judges the binding first': (sound) => {
      const { open, put } = careless(sound);
      return {
        put,
        take: (condition) =>
          open.get(condition.attemptId)?.binding === condition.binding
            ? sound.take(condition)
            : { status: 'mismatch', member: 'binding' },
      };
    },
  },
  'matches anything where nothing is expected': {
    'expects no user unless told otherwise': (sound) => ({
      take: (condition) => sound.take({ userId: null, ...condition }),
    }),
  },
  'gives nothing from the instant of expiry on, and a late take changes nothing': {
    'is a millisecond generous': (sound) => ({
      take: (condition) => sound.take({ ...condition, now: condition.now - 1 }),
    }),
    'deletes what it finds expired': (sound) => {
      const { open, put } = careless(sound);
      return {
        put,
        async take(condition) {
          const answer = await sound.take(condition);
          if (answer.status === 'expired') await sound.take({ ...open.get(condition.attemptId)!, now: 0 });
          return answer;
        },
      };
    },
  },
  'judges expiry by the instant handed in, far past or far future': {
    'asks its own clock': (sound) => ({ take: (condition) => sound.take({ ...condition, now: Date.now() }) }),
  },
  'remembers that an id was taken until ten minutes after its expiry, and no longer': {
    'forgets it at its expiry': (sound) => ({
      async take(condition) {
        const answer = await sound.take({ ...condition, now: condition.now + REMEMBERED_MS });
        return answer.status === 'expired' ? sound.take(condition) : answer;
      },
    }),
    'never forgets it': (sound) => ({
      async take(condition) {
        const answer = await sound.take(condition);
        return answer.status === 'unknown' ? sound.take({ ...condition, now: 0 }) : answer;
      },
    }),
  },
  'remembers that an id expired until ten minutes after its expiry, and no longer': {
    'forgets it at its expiry': (sound) => ({
      async take(condition) {
        const answer = await sound.take(condition);
        return answer.status === 'expired' ? { status: 'unknown' } : answer;
      },
    }),
  },
  'remembers ids through a sweep': {
    'deletes what it sweeps': (sound) => {
      const swept = new Set<string>();
      return {
        take: (condition) => (swept.has(condition.attemptId) ? { status: 'unknown' } : sound.take(condition)),
        async takeExpired(due) {
          const given = await sound.takeExpired(due);
          for (const { attemptId } of given) swept.add(attemptId);
          return given;
        },
      };
    },
  },
  'begins an open ceremony for its own binding only': {
    'begins it for any binding': (sound) => {
      const { open, put } = careless(sound);
      return { put, begin: ({ attemptId }) => sound.begin({ attemptId, binding: open.get(attemptId)?.binding ?? '' }) };
    },
    'begins nothing': () => ({ begin() {} }),
  },
  'begins nothing that is taken or unknown': {
    'puts it back': (sound) => {
      const { open, put } = careless(sound);
      const begun = new Set<string>();
      return {
        put,
        begin: ({ attemptId }) => void begun.add(attemptId),
        take: (condition) =>
          begun.delete(condition.attemptId)
            ? { status: 'fresh', ceremony: open.get(condition.attemptId)! }
            : sound.take(condition),
      };
    },
  },
  'gives each expired ceremony to one of two sweepers': { 'reads first and marks later': sweepsInTwoSteps },
  'gives a ceremony to a taker or to a sweeper, never to both': { 'reads first and marks later': sweepsInTwoSteps },
  'sweeps nothing that was taken': {
    'sweeps whatever expired': (sound) => {
      const { open, put } = careless(sound);
      return {
        put,
        takeExpired({ now, limit }) {
          const due = [...open.values()].filter(({ expiresAt }) => expiresAt <= now).slice(0, limit);
          for (const { attemptId } of due) open.delete(attemptId);
          return due;
        },
      };
    },
  },
  'sweeps nothing that is still open': {
    'sweeps a millisecond early': (sound) => ({
      takeExpired: ({ now, limit }) => sound.takeExpired({ now: now + 1, limit }),
    }),
  },
  'sweeps oldest first, at most so many a call': {
    'sweeps the newest first': (sound) => ({
      takeExpired: async (due) => (await sound.takeExpired(due)).reverse(),
    }),
    'ignores the limit': (sound) => ({
      takeExpired: ({ now }) => sound.takeExpired({ now, limit: Number.MAX_SAFE_INTEGER }),
    }),
  },
  'sweeps what expired long ago': {
    'drops what nobody swept in time': (sound) => ({
      takeExpired: async (due) =>
        (await sound.takeExpired(due)).filter(({ expiresAt }) => due.now - expiresAt <= REMEMBERED_MS),
    }),
  },
  'gives a swept ceremony to no taker': {
    'only reads what is due': (sound) => {
      const { open, put } = careless(sound);
      return {
        put,
        takeExpired({ now }) {
          const due = [...open.values()].filter(({ expiresAt }) => expiresAt <= now);
          for (const { attemptId } of due) open.delete(attemptId);
          return due;
        },
      };
    },
  },
};

bites('challenges', challengeStoreContract, challenges, () => memoryStore().challenges);
