/** Stores of passkeys that break their contract, rule by rule. */
import { setImmediate as tick } from 'node:timers/promises';
import { memoryStore, type Passkey, type PasskeyStore } from '@latchkey/core';
import { passkeyStoreContract } from '@latchkey/testing';
import { type Break, type Breaks, bites } from './bites.ts';

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

bites('passkeys', passkeyStoreContract, passkeys, () => memoryStore().passkeys);
