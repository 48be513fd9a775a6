/**
 * A contract is worth what it refuses. For every rule there is at least one store broken in just the
 * way the rule is about, and the rule fails on it. Each is the memory store with a verb or two replaced.
 */
import { setImmediate as tick } from 'node:timers/promises';
import {
  type AttemptRecord,
  type AttemptStore,
  type ChallengeStore,
  type Invitation,
  type InvitationStore,
  memoryStore,
  type Passkey,
  type PasskeyStore,
  type PendingCeremony,
  REMEMBERED_MS,
  type SessionStart,
  type SessionStore,
  type SignInSession,
} from '@latchkey/core';
import {
  attemptStoreContract,
  challengeStoreContract,
  invitationStoreContract,
  passkeyStoreContract,
  type SignInStore,
  type StoreRule,
  sessionStoreContract,
  signInStoreContract,
} from '@latchkey/testing';
import { describe, expect, test } from 'vitest';

/** A way to break a store: the verbs that replace those of a sound one. */
type Break<Port> = (sound: Port) => Partial<Port>;
/** Ways to break a rule's promise, each by what such a store does. */
type Breaks<Port> = Record<string, Record<string, Break<Port>>>;

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

/** The same store, with every user id bent first. */
const bending = (sound: PasskeyStore, bend: (userId: string) => string): Partial<PasskeyStore> => ({
  keepHandle: ({ userId, proposed }) => sound.keepHandle({ userId: bend(userId), proposed }),
  insert: ({ passkey, max }) => sound.insert({ passkey: { ...passkey, userId: bend(passkey.userId) }, max }),
  listByUser: (userId) => sound.listByUser(bend(userId)),
});

/** The same store, with every passkey bent on its way in. */
const inserting =
  (bend: (passkey: Passkey) => Partial<Passkey>): Break<PasskeyStore> =>
  (sound) => ({ insert: ({ passkey, max }) => sound.insert({ passkey: { ...passkey, ...bend(passkey) }, max }) });

/** Finds the passkey by its id alone, and then acts in its owner's name. */
const ownerOf = (sound: PasskeyStore) => {
  const owners = new Map<string, string>();
  const insert: PasskeyStore['insert'] = (addition) => {
    owners.set(addition.passkey.id, addition.passkey.userId);
    return sound.insert(addition);
  };
  return { insert, owner: (id: string, otherwise: string) => owners.get(id) ?? otherwise };
};

/** Takes a credential id away from whoever has it. */
const overwrites =
  (pause: () => Promise<void>): Break<PasskeyStore> =>
  (sound) => ({
    async insert(addition) {
      await pause();
      const [old] = await sound.find({ credentialId: addition.passkey.credentialId, userHandle: null });
      if (old !== undefined) await sound.remove({ ...old, keepLast: false });
      return sound.insert(addition);
    },
  });

/** Counts first, acts later. */
const isLast = async (sound: PasskeyStore, { userId, rpId }: { userId: string; rpId: string }) => {
  const own = (await sound.listByUser(userId)).filter((passkey) => passkey.rpId === rpId);
  const last = own.filter(({ enabled }) => enabled).length < 2;
  await tick();
  return last;
};

const passkeys: Breaks<PasskeyStore> = {
  'keeps the first handle proposed for a user, also among 20 at once': {
    'looks first and writes later': () => {
      const handles = new Map<string, Uint8Array>();
      return {
        async keepHandle({ userId, proposed }) {
          const kept = handles.get(userId);
          await tick();
          if (kept === undefined) handles.set(userId, proposed);
          return kept ?? proposed;
        },
      };
    },
    'gives everyone what they proposed': () => ({ keepHandle: ({ proposed }) => proposed }),
  },
  'keeps users apart whose ids differ in case, in an accent or in a space': {
    'ignores case': (sound) => bending(sound, (userId) => userId.toLowerCase()),
    'ignores accents': (sound) => bending(sound, (userId) => userId.normalize('NFD').replace(/\p{M}/gu, '')),
    'ignores how an accent is written': (sound) => bending(sound, (userId) => userId.normalize()),
    'ignores spaces at the end': (sound) => bending(sound, (userId) => userId.trimEnd()),
  },
  'gives a passkey back as it was inserted': {
    'keeps counters as signed': inserting(({ signCount }) => ({ signCount: signCount | 0 })),
    'keeps 255 bytes of an id': inserting(({ credentialId }) => ({ credentialId: credentialId.slice(0, 255) })),
    'keeps 2 KiB of a key': inserting(({ publicKey }) => ({ publicKey: publicKey.slice(0, 2_048) })),
    'keeps two bytes of a character': inserting(({ nickname }) => ({ nickname: nickname.replace(/\p{Emoji}/gu, '?') })),
    'keeps keys as text': inserting(({ publicKey }) => ({ publicKey: Buffer.from(Buffer.from(publicKey).toString()) })),
    'keeps seconds': inserting(({ lastUsedAt }) => ({
      lastUsedAt: lastUsedAt && Math.floor(lastUsedAt / 1000) * 1000,
    })),
    'keeps transports as a list with commas': inserting(({ transports }) => ({
      transports: transports.join().split(','),
    })),
  },
  'keeps credential ids apart that differ in case or in a trailing byte': {
    'ignores zeros at the end': inserting(({ credentialId }) => ({
      credentialId: Buffer.from(Buffer.from(credentialId).toString('latin1').replace(/\0+$/, ''), 'latin1'),
    })),
    'ignores case': inserting(({ credentialId }) => ({
      credentialId: credentialId.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)),
    })),
    'compares the first 255 bytes': (sound) => ({
      insert: ({ passkey, max }) =>
        sound.insert({ passkey: { ...passkey, credentialId: passkey.credentialId.slice(0, 255) }, max }),
      find: ({ credentialId, userHandle }) => sound.find({ credentialId: credentialId.slice(0, 255), userHandle }),
    }),
  },
  'keeps its own copy of the bytes': {
    "keeps the caller's arrays": (sound) => {
      const kept: Passkey[] = [];
      return {
        insert(addition) {
          kept.push(addition.passkey);
          return sound.insert(addition);
        },
        find: () => kept,
      };
    },
    'hands out its own arrays': (sound) => {
      const found: Passkey[] = [];
      return {
        async find(credential) {
          found.push(...(await sound.find(credential)));
          return found;
        },
        listByUser: () => found,
      };
    },
  },
  'never overwrites a credential id that anyone has': { 'gives it to the last': overwrites(async () => {}) },
  'gives one credential id to one of two users who insert it at once': {
    'looks first and writes later': overwrites(() => tick()),
  },
  'inserts no more than the limit at each relying party, also among ten at once': {
    'counts first and inserts later': (sound) => ({
      async insert({ passkey, max }) {
        const count = (await sound.listByUser(passkey.userId)).filter(({ rpId }) => rpId === passkey.rpId).length;
        await tick();
        return count >= max ? 'limit' : sound.insert({ passkey, max: Number.POSITIVE_INFINITY });
      },
    }),
    'counts what everyone has': (sound) => {
      let count = 0;
      return {
        insert: ({ passkey, max }) =>
          ++count > max ? 'limit' : sound.insert({ passkey, max: Number.POSITIVE_INFINITY }),
      };
    },
  },
  'finds every passkey of the owner, the one asked for first, whatever handle was claimed': {
    'finds only the one': (sound) => ({ find: async (...args) => (await sound.find(...args)).slice(0, 1) }),
    'finds the oldest first': (sound) => ({
      find: async (...args) => (await sound.find(...args)).sort((a, b) => a.createdAt - b.createdAt),
    }),
    'believes the handle': (sound) => ({
      async find({ credentialId, userHandle }) {
        const found = await sound.find({ credentialId, userHandle });
        return userHandle === null || Buffer.compare(found[0]?.userHandle ?? userHandle, userHandle) === 0 ? found : [];
      },
    }),
  },
  "lists a user's passkeys oldest first, and no one else's": {
    'lists the newest first': (sound) => ({ listByUser: async (userId) => (await sound.listByUser(userId)).reverse() }),
    'lists by the order of insertion': (sound) => {
      let clock = 0;
      return inserting(() => ({ createdAt: clock++ }))(sound);
    },
  },
  'records a use, and only what a use changes': {
    'forgets the backup state': (sound) => ({
      recordUse: ({ passkey, use }) => sound.recordUse({ passkey, use: { ...use, backedUp: passkey.backedUp } }),
    }),
    'renames it too': (sound) => ({
      async recordUse(use) {
        await sound.update({ ...use.passkey, change: { nickname: 'used' }, keepLast: false });
        return sound.recordUse(use);
      },
    }),
  },
  'records each use of a passkey whose counter stays 0': {
    'wants the counter to rise': (sound) => ({
      recordUse: (use) => (use.use.signCount > use.passkey.signCount ? sound.recordUse(use) : 'stale'),
    }),
  },
  'records one of ten uses that would each be the first, though the counter stays 0': {
    'compares the counter alone': (sound) => ({
      recordUse: ({ passkey, use }) => sound.recordUse({ passkey: { ...passkey, lastUsedAt: 0 }, use }),
    }),
  },
  'records one of ten uses that saw the same counter': {
    'does not compare': (sound) => ({
      async recordUse({ passkey, use }) {
        for (;;) {
          const [current] = await sound.find({ credentialId: passkey.credentialId, userHandle: null });
          if ((await sound.recordUse({ passkey: current!, use })) === 'recorded') return 'recorded' as const;
        }
      },
    }),
  },
  'records no use of a passkey that is disabled, removed, moved on or never was': {
    'always says yes': (sound) => ({
      async recordUse(use) {
        await sound.recordUse(use);
        return 'recorded' as const;
      },
    }),
    'enables it by the way': (sound) => ({
      async recordUse(use) {
        await sound.update({ ...use.passkey, change: { enabled: true }, keepLast: false });
        return sound.recordUse(use);
      },
    }),
    'inserts what is not there': (sound) => ({
      async recordUse(use) {
        await sound.insert({ passkey: use.passkey, max: Number.POSITIVE_INFINITY });
        return sound.recordUse(use);
      },
    }),
  },
  "changes and removes only its owner's passkey, and only at its relying party": {
    'updates by the id alone': (sound) => {
      const { insert, owner } = ownerOf(sound);
      return { insert, update: (change) => sound.update({ ...change, userId: owner(change.id, change.userId) }) };
    },
    'removes by the id alone': (sound) => {
      const { insert, owner } = ownerOf(sound);
      return { insert, remove: (which) => sound.remove({ ...which, userId: owner(which.id, which.userId) }) };
    },
  },
  'renames, also the last one, and changes nothing else': {
    'does not rename the last': (sound) => ({
      async update(change) {
        return (await isLast(sound, change)) ? { status: 'last' } : sound.update(change);
      },
    }),
    'disables what it is not told to enable': (sound) => ({
      update: (change) => sound.update({ ...change, change: { enabled: false, ...change.change }, keepLast: false }),
    }),
  },
  'raises the generation at each disabling': {
    'raises it once': (sound) => {
      const once = (passkey: Passkey) => ({ ...passkey, generation: Math.min(passkey.generation, 1) });
      return {
        listByUser: async (userId) => (await sound.listByUser(userId)).map(once),
        find: async (credential) => (await sound.find(credential)).map(once),
      };
    },
    'raises it when it is renamed': (sound) => ({
      async update({ change, ...which }) {
        if (change.enabled !== undefined) return sound.update({ ...which, change });
        await sound.update({ ...which, change: { enabled: false } });
        return sound.update({ ...which, change: { ...change, enabled: true } });
      },
    }),
  },
  'tells one of ten who disable or enable a passkey at once that it was otherwise before': {
    'looks before it changes': (sound) => ({
      async update(change) {
        const before = (await sound.listByUser(change.userId)).find(({ id }) => id === change.id);
        const changed = await sound.update(change);
        return changed.status === 'done' ? { ...changed, wasEnabled: before!.enabled } : changed;
      },
    }),
    'tells everyone': (sound) => ({
      async update(change) {
        const changed = await sound.update(change);
        return changed.status === 'done' ? { ...changed, wasEnabled: change.change.enabled !== true } : changed;
      },
    }),
  },
  'removes a passkey, and its credential id with it': {
    'only disables it': (sound) => ({
      remove: (which) => sound.update({ ...which, change: { enabled: false } }),
    }),
  },
  'keeps the last enabled passkey at a relying party when asked to, and only then': {
    'removes whatever it is told': (sound) => ({ remove: (which) => sound.remove({ ...which, keepLast: false }) }),
    'disables whatever it is told': (sound) => ({
      update: (change) => sound.update({ ...change, keepLast: false }),
    }),
    'always keeps it': (sound) => ({ remove: (which) => sound.remove({ ...which, keepLast: true }) }),
    'counts disabled ones': (sound) => ({
      async remove(which) {
        const own = (await sound.listByUser(which.userId)).filter(({ rpId }) => rpId === which.rpId);
        return own.length === 1 && which.keepLast ? { status: 'last' } : sound.remove({ ...which, keepLast: false });
      },
    }),
    'counts those of every relying party': (sound) => ({
      async remove(which) {
        const enabled = (await sound.listByUser(which.userId)).filter((passkey) => passkey.enabled);
        return sound.remove({ ...which, keepLast: which.keepLast && enabled.length === 1 });
      },
    }),
  },
  'keeps one of two enabled passkeys when both are removed or disabled at once': {
    'counts first and removes later': (sound) => ({
      async remove(which) {
        const last = await isLast(sound, which);
        return last && which.keepLast ? { status: 'last' } : sound.remove({ ...which, keepLast: false });
      },
    }),
    'counts first and disables later': (sound) => ({
      async update(change) {
        const last = await isLast(sound, change);
        return last && change.keepLast ? { status: 'last' } : sound.update({ ...change, keepLast: false });
      },
    }),
  },
  'lists a passkey that came without a handle, to its owner only': {
    'lists by the handle, which is nobody’s': (sound) => {
      const withoutHandle: Passkey[] = [];
      return {
        insert(addition) {
          if (addition.passkey.userHandle.length === 0) withoutHandle.push(addition.passkey);
          return sound.insert(addition);
        },
        async listByUser(userId) {
          const own = await sound.listByUser(userId);
          return own.length > 0 ? own : withoutHandle;
        },
      };
    },
    'finds nobody where no handle was claimed': (sound) => ({
      find: (credential) => (credential.userHandle?.length === 0 ? [] : sound.find(credential)),
    }),
  },
  'records no use of a passkey that was disabled and enabled meanwhile': {
    'looks only whether it is enabled': (sound) => ({
      async recordUse({ passkey, use }) {
        const [current] = await sound.find({ credentialId: passkey.credentialId, userHandle: null });
        return sound.recordUse({ passkey: { ...passkey, generation: current?.generation ?? 0 }, use });
      },
    }),
  },
  'loses no use to a change at the same time, and no change to a use': {
    'writes back the counter that a change had read': (sound) => ({
      async update(change) {
        const before = (await sound.listByUser(change.userId)).find(({ id }) => id === change.id)!;
        await tick();
        const changed = await sound.update(change);
        if (changed.status !== 'done') return changed;
        const { signCount, lastUsedAt } = before;
        await sound.remove({ ...change, keepLast: false });
        await sound.insert({ passkey: { ...changed.passkey, signCount, lastUsedAt }, max: Number.POSITIVE_INFINITY });
        return changed;
      },
    }),
    'writes back the name that a use had read': (sound) => ({
      async recordUse(use) {
        const before = (await sound.listByUser(use.passkey.userId)).find(({ id }) => id === use.passkey.id)!;
        await tick();
        const answer = await sound.recordUse(use);
        await sound.update({ ...before, change: { nickname: before.nickname }, keepLast: false });
        return answer;
      },
    }),
  },
  'forgets a user: every passkey and the handle, and nobody else': {
    'forgets nothing': () => ({ forget: () => [] }),
    'keeps the handle': (sound) => ({
      async forget(userId) {
        const proposed = await sound.keepHandle({ userId, proposed: new Uint8Array(32) });
        const forgotten = await sound.forget(userId);
        await sound.keepHandle({ userId, proposed });
        return forgotten;
      },
    }),
    'forgets at one relying party': (sound) => ({
      async forget(userId) {
        const own = (await sound.listByUser(userId)).filter(({ rpId }) => rpId === 'example.com');
        for (const each of own) await sound.remove({ ...each, keepLast: false });
        return own;
      },
    }),
    'tells everyone what it removed': (sound) => ({
      async forget(userId) {
        const own = await sound.listByUser(userId);
        await tick();
        await sound.forget(userId);
        return own;
      },
    }),
  },
  'keeps the latest "not now" of a user, also of ten at once, until the user is forgotten': {
    'keeps none': () => ({ decline() {} }),
    'keeps the last that came': () => {
      const kept = new Map<string, number>();
      return {
        decline: ({ userId, at }) => void kept.set(userId, at),
        declinedAt: (userId) => kept.get(userId) ?? null,
        forget(userId) {
          kept.delete(userId);
          return [];
        },
      };
    },
    'reads first and writes later': (sound) => ({
      async decline({ userId, at }) {
        const kept = await sound.declinedAt(userId);
        for (let i = 0; i < at % 7; i++) await tick();
        if (kept === null || kept < at) {
          await sound.forget(userId);
          await sound.decline({ userId, at });
        }
      },
    }),
    'ignores spaces at the end of an id': (sound) => ({ declinedAt: (userId) => sound.declinedAt(userId.trimEnd()) }),
    'does not forget it': (sound) => {
      const kept = new Map<string, number>();
      return {
        decline: ({ userId, at }) => void kept.set(userId, Math.max(at, kept.get(userId) ?? at)),
        declinedAt: (userId) => kept.get(userId) ?? null,
        forget: (userId) => sound.forget(userId),
      };
    },
    'forgets it only with a passkey': (sound) => ({
      async forget(userId) {
        const at = await sound.declinedAt(userId);
        const forgotten = await sound.forget(userId);
        if (forgotten.length === 0 && at !== null) await sound.decline({ userId, at });
        return forgotten;
      },
    }),
  },
  'finds and lists the same, while a user is forgotten and comes back at once': {
    'forgets the list only': (sound) => {
      const inserted: Passkey[] = [];
      const sameBytes = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
      return {
        insert(addition) {
          inserted.push(addition.passkey);
          return sound.insert(addition);
        },
        find: ({ credentialId }) => inserted.filter((each) => sameBytes(each.credentialId, credentialId)),
      };
    },
  },
};

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

/** Puts an invitation of another state over the one there is, whatever anybody expects. */
const replaces = async (sound: InvitationStore, changed: Invitation) => {
  const rest = (await sound.listByUser(changed.userId)).filter(({ id }) => id !== changed.id);
  await sound.forget(changed.userId);
  for (const each of [...rest, changed]) await sound.put(each);
};

const invitations: Breaks<InvitationStore> = {
  'gives an invitation back as it was put': {
    'forgets whom it replaces': (sound) => ({ put: (invitation) => sound.put({ ...invitation, replacesAll: false }) }),
    'opens what was not open': (sound) => ({ put: (invitation) => sound.put({ ...invitation, status: 'open' }) }),
  },
  'finds nothing for a token that never was, or that differs in case': {
    'ignores case': (sound) => ({
      put: (invitation) => sound.put({ ...invitation, tokenHash: invitation.tokenHash.toLowerCase() }),
      find: ({ tokenHash }) => sound.find({ tokenHash: tokenHash.toLowerCase() }),
    }),
    'ignores spaces at the end': (sound) => ({
      find: ({ tokenHash }) => sound.find({ tokenHash: tokenHash.trimEnd() }),
    }),
  },
  'puts one of 50 invitations with the same token at once, and overwrites none': {
    'overwrites what is there': (sound) => ({
      put(invitation) {
        // In memory no verb waits.
        const there = sound.find(invitation) as Invitation | null;
        if (there) void sound.forget(there.userId);
        return sound.put(invitation);
      },
    }),
  },
  'changes the state only from the one that is expected': {
    'ignores the browser': (sound) => ({
      async change({ tokenHash, from, to }) {
        const binding = (await sound.find({ tokenHash }))?.binding ?? null;
        return sound.change({ tokenHash, from: { ...from, binding }, to });
      },
    }),
    'ignores which attempt it was': (sound) => ({
      async change({ tokenHash, from, to }) {
        const attemptId = (await sound.find({ tokenHash }))?.attemptId ?? null;
        return sound.change({ tokenHash, from: { ...from, attemptId }, to });
      },
    }),
    'ignores the status': (sound) => ({
      async change({ tokenHash, from, to }) {
        const status = (await sound.find({ tokenHash }))?.status ?? 'open';
        return sound.change({ tokenHash, from: { ...from, status }, to });
      },
    }),
    'says yes and changes nothing': () => ({ change: () => true }),
  },
  'gives the change to one of 50 at once': {
    'looks first and writes later': (sound) => ({
      async change({ tokenHash, from, to }) {
        const current = await sound.find({ tokenHash });
        await tick();
        const fits = current?.status === from.status && current.binding === from.binding;
        if (current === null || !fits || current.attemptId !== from.attemptId) return false;
        await replaces(sound, { ...current, ...to });
        return true;
      },
    }),
  },
  'lists a user’s invitations, newest first, and nobody else’s': {
    'lists the oldest first': (sound) => ({ listByUser: async (id) => (await sound.listByUser(id)).toReversed() }),
    'ignores case in a user': (sound) => ({
      put: (invitation) => sound.put({ ...invitation, userId: invitation.userId.toLowerCase() }),
      listByUser: (userId) => sound.listByUser(userId.toLowerCase()),
    }),
  },
  'forgets a user’s invitations, and says how many were open': {
    'counts also what was not open': (sound) => ({
      async forget(userId) {
        const { length } = await sound.listByUser(userId);
        await sound.forget(userId);
        return length;
      },
    }),
    'forgets nothing': (sound) => ({
      forget: async (userId) => (await sound.listByUser(userId)).filter(({ status }) => status === 'open').length,
    }),
  },
  'forgets only what expired, at most as many as asked': {
    'forgets a millisecond early': (sound) => ({
      forgetExpired: ({ before, limit }) => sound.forgetExpired({ before: before + 1, limit }),
    }),
    'ignores the limit': (sound) => ({
      forgetExpired: ({ before }) => sound.forgetExpired({ before, limit: Number.POSITIVE_INFINITY }),
    }),
    'counts what it keeps': () => {
      let calls = 0;
      return { forgetExpired: () => (++calls === 2 ? 2 : 0) };
    },
  },
};

function bites<Port extends object>(
  title: string,
  rules: readonly StoreRule<Port>[],
  breaks: Breaks<Port>,
  sound: () => Port,
): void {
  describe(title, () => {
    test('every rule has a store that breaks it', () => {
      expect(Object.keys(breaks).sort()).toEqual(rules.map(({ name }) => name).sort());
    });

    for (const { name, check } of rules) {
      describe(`"${name}"`, () => {
        test('accepts a sound store', () => check(sound()));

        for (const [how, breaking] of Object.entries(breaks[name] ?? {})) {
          test(`refuses a store that ${how}`, async () => {
            const store = sound();
            await expect(check({ ...store, ...breaking(store) })).rejects.toThrow(/^Promised: /);
          });
        }
      });
    }
  });
}

bites('challenges', challengeStoreContract, challenges, () => memoryStore().challenges);
bites('passkeys', passkeyStoreContract, passkeys, () => memoryStore().passkeys);
bites('sessions', sessionStoreContract, sessions, () => memoryStore().sessions);
bites('uses with a session', signInStoreContract, signIns, () => {
  const store = memoryStore();
  return { ...store.passkeys, sessions: store.sessions };
});
bites('attempts', attemptStoreContract, attempts, () => memoryStore().attempts);
bites('invitations', invitationStoreContract, invitations, () => memoryStore().invitations);
