/** Stores of sessions that break their contract, and that about a use of a passkey with its session, rule by rule. */
import { setImmediate as tick } from 'node:timers/promises';
import {
  memoryStore,
  type PasskeyStore,
  type SessionStart,
  type SessionStore,
  type SignInSession,
} from '@latchkey/core';
import { type SignInStore, sessionStoreContract, signInStoreContract } from '@latchkey/testing';
import { type Break, type Breaks, bites } from './bites.ts';

/** The same store, with every session bent on its way in. */
const beginning =
  (bend: (session: SignInSession) => Partial<SignInSession>): Break<SessionStore> =>
  (sound) => ({ begin: ({ session, ...rest }) => sound.begin({ session: { ...session, ...bend(session) }, ...rest }) });

/** The same session, but as one that replaces and renews nothing. */
const alone = ({ session }: SessionStart): SessionStart => ({ session, replaces: null, renews: false });

/** The sessions that an end would be about: all of the user it names, or the one. */
const aboutToEnd = async (sound: SessionStore, which: Parameters<SessionStore['end']>[0]) => {
  if (!('id' in which) && !('tokenHash' in which)) return sound.listByUser(which.userId);
  const session = await sound.find(which);
  return session === null ? [] : [session];
};

/** Keeps those for which this is greatest, at one relying party or at all. */
const ending =
  (by: (session: SignInSession) => number, { everywhere = false } = {}): Break<SessionStore> =>
  (sound) => ({
    async end(which) {
      if (!('keepLatest' in which)) return sound.end(which);
      const all = (await sound.listByUser(which.userId)).filter(({ id }) => id !== which.except);
      const there = everywhere ? all : all.filter(({ rpId }) => rpId === which.rpId);
      const beyond = there.sort((a, b) => by(b) - by(a)).slice(which.keepLatest);
      return (await Promise.all(beyond.map(({ id }) => sound.end({ id })))).flat();
    },
  });

/** Ends the old session and begins the new one, instead of renewing it. */
const renewsInTwoSteps =
  (sound: SessionStore): SessionStore['begin'] =>
  async (start) => {
    if (!start.renews) return sound.begin(start);
    const ended = await sound.end({ tokenHash: start.replaces! });
    await tick();
    return ended.length > 0 && sound.begin(alone(start));
  };

const sessions: Breaks<SessionStore> = {
  'gives a session back as it was begun': {
    'keeps ASCII only': beginning(({ userAgent }) => ({ userAgent: userAgent?.replace(/[^ -~]/g, '?') ?? null })),
    'keeps 255 characters of a user agent': beginning(({ userAgent }) => ({
      userAgent: userAgent?.slice(0, 255) ?? null,
    })),
    'takes a step-up for no action for none': beginning(({ stepUp }) => ({
      stepUp: stepUp?.action === null ? null : stepUp,
    })),
    'keeps seconds': beginning(({ seenAt }) => ({ seenAt: Math.floor(seenAt / 1000) * 1000 })),
    'drops what its own clock calls expired': (sound) => ({
      find: async (which) => {
        const session = await sound.find(which);
        return session !== null && session.expiresAt > Date.now() ? session : null;
      },
    }),
  },
  'keeps sessions apart whose ids, tokens or users differ in case or in a space': {
    'ignores the case of a token': (sound) => {
      const written = new Map<string, string>();
      return {
        begin(start) {
          written.set(start.session.tokenHash.toLowerCase(), start.session.tokenHash);
          return sound.begin(start);
        },
        find: (which) =>
          sound.find('id' in which ? which : { tokenHash: written.get(which.tokenHash.toLowerCase()) ?? '' }),
      };
    },
    'ignores spaces at the end of a user': beginning(({ userId }) => ({ userId: userId.trimEnd() })),
    'ends those of users whose names look alike': (sound) => {
      const users = new Set<string>();
      const plain = (userId: string) => userId.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
      return {
        begin(start) {
          users.add(start.session.userId);
          return sound.begin(start);
        },
        async end(which) {
          if (!('userId' in which) || which.userId === undefined) return sound.end(which);
          const alike = [...users].filter((userId) => plain(userId) === plain(which.userId!));
          return (await Promise.all(alike.map((userId) => sound.end({ ...which, userId })))).flat();
        },
      };
    },
  },
  'finds nothing for an id or a token that never was': {
    'ignores spaces at the end of an id': (sound) => ({
      find: (which) => sound.find('id' in which ? { id: which.id.trimEnd() } : which),
    }),
    'says that it saw whatever it is told': (sound) => ({
      async touch(seen) {
        await sound.touch(seen);
        return true;
      },
    }),
  },
  'begins one of 50 sessions with the same token at once, and overwrites none': {
    'gives the token to the last': (sound) => ({
      begin(start) {
        // At once, as in memory.
        void sound.end({ tokenHash: start.session.tokenHash });
        return sound.begin(start);
      },
    }),
    'looks first and writes later': (sound) => ({
      async begin(start) {
        if ((await sound.find(start.session)) !== null) throw new Error('taken');
        await tick();
        await sound.end({ tokenHash: start.session.tokenHash });
        return sound.begin(start);
      },
    }),
  },
  'keeps 50 sessions of one user that begin at once': {
    'keeps ten a user': (sound) => ({ listByUser: async (userId) => (await sound.listByUser(userId)).slice(0, 10) }),
  },
  'ends the session that a new one replaces, whoever it belongs to': {
    'keeps it': (sound) => ({ begin: (start) => sound.begin(start.renews ? start : alone(start)) }),
    'keeps a stranger’s': (sound) => ({
      async begin(start) {
        const replaced = start.replaces === null ? null : await sound.find({ tokenHash: start.replaces });
        return sound.begin(replaced?.userId === start.session.userId ? start : alone(start));
      },
    }),
  },
  'renews a session under a new token, and the old token is nobody’s': {
    'leaves the old token good': (sound) => {
      const renewed = new Map<string, string>();
      const latest = (tokenHash: string): string => {
        const next = renewed.get(tokenHash);
        return next === undefined ? tokenHash : latest(next);
      };
      return {
        begin(start) {
          if (start.renews) renewed.set(start.replaces!, start.session.tokenHash);
          return sound.begin(start);
        },
        find: (which) => sound.find('id' in which ? which : { tokenHash: latest(which.tokenHash) }),
      };
    },
  },
  'renews nothing that has ended, was renewed or never was, and begins nothing then': {
    'begins what it cannot renew': (sound) => ({
      async begin(start) {
        if (await sound.begin(start)) return true;
        await sound.end({ id: start.session.id });
        return sound.begin(alone(start));
      },
    }),
    'renews by the id alone': (sound) => ({
      async begin(start) {
        const current = start.renews ? await sound.find({ id: start.session.id }) : null;
        return sound.begin(current === null ? start : { ...start, replaces: current.tokenHash });
      },
    }),
  },
  'renews a session for one of ten at once': {
    'looks first and renews later': (sound) => ({
      async begin(start) {
        if (!start.renews) return sound.begin(start);
        const current = await sound.find({ tokenHash: start.replaces! });
        await tick();
        if (current === null) return false;
        await sound.end({ id: start.session.id });
        return sound.begin(alone(start));
      },
    }),
  },
  'ends a session for good while it is renewed and seen': {
    'renews in two steps': (sound) => ({ begin: renewsInTwoSteps(sound) }),
    'looks first and writes later what it saw': (sound) => ({
      async touch({ id, seenAt }) {
        const session = await sound.find({ id });
        await tick();
        if (session === null) return false;
        await sound.end({ id });
        return sound.begin(alone({ session: { ...session, seenAt }, replaces: null, renews: false }));
      },
    }),
  },
  'stores when a session was seen, and never moves it back': {
    'moves it back': (sound) => ({
      async touch({ id, seenAt }) {
        const [session] = await sound.end({ id });
        return session !== undefined && sound.begin({ session: { ...session, seenAt }, replaces: null, renews: false });
      },
    }),
    'stores nothing': (sound) => ({ touch: async ({ id }) => (await sound.find({ id })) !== null }),
  },
  'sees nothing of a session that has ended, and revives none': {
    'revives it': (sound) => {
      const known = new Map<string, SessionStart>();
      return {
        begin(start) {
          known.set(start.session.id, start);
          return sound.begin(start);
        },
        touch: async (seen) => (await sound.touch(seen)) || sound.begin(known.get(seen.id)!),
      };
    },
  },
  'ends one by its id, only for its user and at its relying party where they are named': {
    'ignores the user': (sound) => ({
      end: (which) => sound.end('id' in which ? { ...which, userId: undefined as never } : which),
    }),
    'ignores the relying party': (sound) => ({
      end: (which) => sound.end('id' in which ? { ...which, rpId: undefined as never } : which),
    }),
    'does not say which': (sound) => ({
      async end(which) {
        await sound.end(which);
        return [];
      },
    }),
  },
  'ends one by its token': {
    'ends all of its user': (sound) => ({
      async end(which) {
        const session = 'tokenHash' in which ? await sound.find(which) : null;
        return sound.end(session === null ? which : { userId: session.userId });
      },
    }),
  },
  'ends all of a user, at one relying party or all but one, and nobody else’s': {
    'ignores the relying party': (sound) => ({
      end: (which) => sound.end('rpId' in which && !('id' in which) ? { ...which, rpId: undefined as never } : which),
    }),
    'ignores which one is to stay': (sound) => ({
      end: (which) => sound.end('except' in which ? { ...which, except: undefined as never } : which),
    }),
  },
  'ends all of a user at one relying party but one and so many others, those that were seen latest': {
    'ends all others, whatever is to be kept': (sound) => ({
      end: (which) => {
        if (!('keepLatest' in which)) return sound.end(which);
        const { keepLatest, ...all } = which;
        return sound.end(all);
      },
    }),
    'goes by when they began': ending(({ createdAt }) => createdAt),
    'counts the one that stays': (sound) => ({
      end: (which) =>
        sound.end('keepLatest' in which ? { ...which, keepLatest: Math.max(0, which.keepLatest - 1) } : which),
    }),
    'counts those elsewhere': ending(({ seenAt }) => seenAt, { everywhere: true }),
    'keeps the older of two that were seen at one instant': ending(
      ({ seenAt, createdAt }) => seenAt - (createdAt % 1_000) / 1_000,
    ),
  },
  'ends each of the sessions beyond those to keep once, though ten begin and end at once': {
    'ends nothing': (sound) => ({ end: (which) => ('keepLatest' in which ? [] : sound.end(which)) }),
    'tells what another ended': (sound) => ({
      async end(which) {
        if (!('keepLatest' in which)) return sound.end(which);
        const before = await sound.listByUser(which.userId);
        await tick();
        await sound.end(which);
        const left = await sound.listByUser(which.userId);
        return before.filter(({ id }) => !left.some((session) => session.id === id));
      },
    }),
  },
  'ends all that a passkey made or confirmed, of this user only': {
    'ends only what it made': (sound) => ({
      async end(which) {
        if (!('passkeyId' in which)) return sound.end(which);
        const made = (await sound.listByUser(which.userId)).filter(({ passkeyId }) => passkeyId === which.passkeyId);
        return (await Promise.all(made.map(({ id }) => sound.end({ id })))).flat();
      },
    }),
    'ends all of the user': (sound) => ({
      end: (which) => sound.end('passkeyId' in which ? { userId: which.userId } : which),
    }),
    'asks for no user': (sound) => {
      const all: SignInSession[] = [];
      return {
        begin(start) {
          all.push(start.session);
          return sound.begin(start);
        },
        async end(which) {
          if (!('passkeyId' in which)) return sound.end(which);
          const users = new Set(all.map(({ userId }) => userId));
          return (await Promise.all([...users].map((userId) => sound.end({ ...which, userId })))).flat();
        },
      };
    },
  },
  'tells one of ten who end a session at once': {
    'reads first and ends later': (sound) => ({
      async end(which) {
        const about = await aboutToEnd(sound, which);
        await tick();
        await sound.end(which);
        return about;
      },
    }),
  },
  'lists the sessions of a user newest first, and no one else’s': {
    'lists the oldest first': (sound) => ({
      listByUser: async (userId) => (await sound.listByUser(userId)).toReversed(),
    }),
    'lists what was seen last first': (sound) => ({
      listByUser: async (userId) => (await sound.listByUser(userId)).toSorted((a, b) => b.seenAt - a.seenAt),
    }),
  },
  'forgets expired sessions, at most so many a call, and never a live one': {
    'forgets a millisecond early': (sound) => ({
      forgetExpired: ({ now, limit }) => sound.forgetExpired({ now: now + 1, limit }),
    }),
    'ignores the limit': (sound) => ({
      forgetExpired: ({ now }) => sound.forgetExpired({ now, limit: Number.POSITIVE_INFINITY }),
    }),
    'counts what it keeps': () => {
      let calls = 0;
      return { forgetExpired: () => (++calls < 6 ? 1 : 0) };
    },
  },
};

bites('sessions', sessionStoreContract, sessions, () => memoryStore().sessions);

type RecordUse = PasskeyStore['recordUse'];

/** The same store, which records a use and begins its session in its own way. */
const recording =
  (breaking: (sound: SignInStore, recordUse: RecordUse) => RecordUse): Break<SignInStore> =>
  (sound) => ({ recordUse: breaking(sound, ({ passkey, use }) => sound.recordUse({ passkey, use })) });

const signIns: Breaks<SignInStore> = {
  'records a use and begins its session': {
    'leaves the session out': recording((_, recordUse) => recordUse),
    'leaves the use out': recording(({ sessions: { begin } }) => async ({ session }) => {
      await begin(session!);
      return 'recorded' as const;
    }),
  },
  'begins, ends and renews nothing where the use is stale': {
    'begins the session first': recording(({ sessions: { begin } }, recordUse) => async (use) => {
      return (await begin(use.session!)) ? recordUse(use) : 'session_gone';
    }),
    'ends what is replaced first': recording((sound) => async (use) => {
      const { replaces, renews } = use.session!;
      if (replaces !== null && !renews) await sound.sessions.end({ tokenHash: replaces });
      return sound.recordUse(use);
    }),
  },
  'records no use where the session to renew is gone': {
    'records the use first': recording(({ sessions: { begin } }, recordUse) => async (use) => {
      const answer = await recordUse(use);
      return answer === 'recorded' && !(await begin(use.session!)) ? 'session_gone' : answer;
    }),
  },
  'begins the session of one of 50 uses that would each be the first': {
    'begins the others too': recording(({ sessions: { begin } }, recordUse) => async (use) => {
      await begin(use.session!);
      return recordUse(use);
    }),
  },
  'renews a session for one of ten uses at once': {
    'begins what it cannot renew': recording(({ sessions }, recordUse) => async (use) => {
      if (!(await sessions.begin(use.session!))) {
        // At once, as in memory.
        void sessions.end({ id: use.session!.session.id });
        void sessions.begin(alone(use.session!));
      }
      return recordUse(use);
    }),
  },
  'ends the session that the new one replaces, also a stranger’s': {
    'keeps it': recording((sound) => (use) => sound.recordUse({ ...use, session: alone(use.session!) })),
  },
  'ends a session for good while a use renews it': {
    'renews in two steps': recording(({ sessions }, recordUse) => async (use) => {
      return (await renewsInTwoSteps(sessions)(use.session!)) ? recordUse(use) : 'session_gone';
    }),
  },
  'throws for a token that is taken, and records no use': {
    'gives the token to the last': recording((sound) => async (use) => {
      await sound.sessions.end({ tokenHash: use.session!.session.tokenHash });
      return sound.recordUse(use);
    }),
    'records the use first': recording(({ sessions: { begin } }, recordUse) => async (use) => {
      const answer = await recordUse(use);
      await begin(use.session!);
      return answer;
    }),
  },
};

bites('uses with a session', signInStoreContract, signIns, () => {
  const store = memoryStore();
  return { ...store.passkeys, sessions: store.sessions };
});
