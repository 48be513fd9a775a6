/** What a passkey store promises, rule by rule. The words are those of core's `store.ts`. */
import type { Passkey, PasskeyChange, PasskeyStore, PasskeyUse } from '@latchkey/core';
import { atOnce, freshId, randomBytes, type StoreRule, same, tally } from './rule.ts';

const NOW = Date.UTC(2026, 10, 22);
const NO_LIMIT = 1_000;

function passkey(members: Partial<Passkey> = {}): Passkey {
  return {
    id: freshId(),
    userId: `user-${freshId()}`,
    userHandle: randomBytes(32),
    credentialId: randomBytes(32),
    publicKey: randomBytes(77),
    algorithm: -7,
    signCount: 0,
    transports: ['internal', 'hybrid'],
    aaguid: '00000000-0000-0000-0000-000000000000',
    backupEligible: true,
    backedUp: false,
    attested: false,
    rpId: 'example.com',
    nickname: 'Laptop',
    enabled: true,
    generation: 0,
    createdAt: NOW,
    lastUsedAt: null,
    ...members,
  };
}

/** Inserts a passkey and hands it back, for checks that need one to be there. */
export async function inserted(store: PasskeyStore, members: Partial<Passkey> = {}): Promise<Passkey> {
  const added = passkey(members);
  same('insert adds a new passkey', await store.insert({ passkey: added, max: NO_LIMIT }), 'inserted');
  return added;
}

/** Several passkeys of one new user, in the order they were made. */
async function several(store: PasskeyStore, count: number, members: Partial<Passkey> = {}): Promise<Passkey[]> {
  const userId = `user-${freshId()}`;
  const added: Passkey[] = [];
  for (let i = 0; i < count; i++) added.push(await inserted(store, { userId, createdAt: NOW + i, ...members }));
  return added;
}

/** A use of a passkey whose counter stays 0, unless told otherwise. */
const useOf = (members: Partial<PasskeyUse> = {}): PasskeyUse => ({
  signCount: 0,
  backupEligible: true,
  backedUp: false,
  usedAt: NOW + 5,
  ...members,
});

/** Changes a passkey in its owner's name, at its own relying party. */
async function update(store: PasskeyStore, { userId, rpId, id }: Passkey, change: PasskeyChange, keepLast = false) {
  return store.update({ userId, rpId, id, change, keepLast });
}

async function remove(store: PasskeyStore, { userId, rpId, id }: Passkey, keepLast = false) {
  return store.remove({ userId, rpId, id, keepLast });
}

/** Bytes as hexadecimal: a store may answer with any Uint8Array, a Buffer too. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
export const shown = ({ userHandle, credentialId, publicKey, ...rest }: Passkey) => ({
  ...rest,
  userHandle: hex(userHandle),
  credentialId: hex(credentialId),
  publicKey: hex(publicKey),
});
const ids = (passkeys: readonly Passkey[]) => passkeys.map(({ id }) => id);

async function listed(store: PasskeyStore, userId: string) {
  return (await store.listByUser(userId)).map(shown);
}

/** The passkey as the store has it now. */
async function current(store: PasskeyStore, { credentialId }: Passkey): Promise<Passkey | undefined> {
  return (await store.find({ credentialId, userHandle: null }))[0];
}

/** What every {@link PasskeyStore} promises: bytes stay bytes, owners own, and two who race do not both win. */
export const passkeyStoreContract: readonly StoreRule<PasskeyStore>[] = [
  {
    name: 'keeps the first handle proposed for a user, also among 20 at once',
    async check(store) {
      const userId = `user-${freshId()}`;
      const proposals = Array.from({ length: 20 }, () => randomBytes(32));
      const handles = (await atOnce(20, (index) => store.keepHandle({ userId, proposed: proposals[index]! }))).map(hex);
      same('everyone gets the same handle', tally(handles), { [handles[0]!]: 20 });
      same('it is one of those proposed', proposals.map(hex).includes(handles[0]!), true);
      same('it stays', hex(await store.keepHandle({ userId, proposed: randomBytes(32) })), handles[0]);
    },
  },
  {
    name: 'keeps users apart whose ids differ in case, in an accent or in a space',
    async check(store) {
      const unique = freshId();
      const users = ['zoë', 'Zoë', 'zoe', 'zoe\u0308', 'zoë '].map((name) => `${unique}-${name}`);
      const own = users.map((userId) => passkey({ userId }));
      for (const each of own) {
        same(
          'a handle each',
          hex(await store.keepHandle({ userId: each.userId, proposed: each.userHandle })),
          hex(each.userHandle),
        );
        await store.insert({ passkey: each, max: 1 });
      }
      for (const each of own) {
        const label = `${JSON.stringify(each.userId)} has a passkey of its own`;
        same(label, await listed(store, each.userId), [shown(each)]);
      }
    },
  },
  {
    name: 'gives a passkey back as it was inserted',
    async check(store) {
      const extremes: Partial<Passkey>[] = [
        { credentialId: randomBytes(16), publicKey: randomBytes(2_592), algorithm: -50, signCount: 4_294_967_295 },
        { credentialId: randomBytes(1_023), publicKey: randomBytes(4_096), algorithm: -65_535, transports: [] },
        { nickname: `👩🏽‍💻🔑 ' " \` \\ % _ ; -- /* ${'é'.repeat(70)}`, transports: Array(8).fill('x'.repeat(32)) },
        {
          nickname: '',
          backupEligible: false,
          backedUp: true,
          attested: true,
          enabled: false,
          generation: 3,
          lastUsedAt: NOW + 1,
        },
        { userId: `${freshId()}${'\u20ac'.repeat(255 - 36)}`, createdAt: 0, lastUsedAt: Date.UTC(9999, 0) },
        { userId: `${freshId()} ' " \\ % _ ; -- \n\t{}[]:*?\u2028 ${'🔑'.repeat(100)}`, rpId: 'xn--bcher-kva.example' },
        { userHandle: new Uint8Array(32), publicKey: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
      ];
      for (const members of extremes) {
        const added = await inserted(store, members);
        same('listByUser gives what insert added', await listed(store, added.userId), [shown(added)]);
        same(
          'find gives it too',
          (await store.find({ credentialId: added.credentialId, userHandle: null })).map(shown),
          [shown(added)],
        );
      }
    },
  },
  {
    name: 'keeps credential ids apart that differ in case or in a trailing byte',
    async check(store) {
      const unique = hex(randomBytes(8));
      const endings = ['a', 'A', 'a\0', 'a\0\0', 'a ', '', '\0'].map((ending) =>
        Buffer.from(unique + ending, 'latin1'),
      );
      const long = randomBytes(1_023);
      const longer = [
        long,
        long.with(1_022, long[1_022]! ^ 1),
        long.with(1_022, long[1_022]! ^ 0x20),
        long.slice(0, -1),
      ];
      const all: Passkey[] = [];
      for (const credentialId of [...endings, ...longer]) all.push(await inserted(store, { credentialId }));
      for (const each of all) {
        same(
          'find gives the owner of exactly these bytes',
          ids(await store.find({ credentialId: each.credentialId, userHandle: null })),
          [each.id],
        );
      }
      same(
        'a prefix of an id is no id',
        await store.find({ credentialId: long.slice(0, 1_000), userHandle: null }),
        [],
      );
    },
  },
  {
    name: 'keeps its own copy of the bytes',
    async check(store) {
      const added = await inserted(store);
      const before = shown(added);
      const { credentialId } = before;
      for (const bytes of [added.userHandle, added.publicKey, added.credentialId]) bytes.fill(0);
      const [found] = await store.find({ credentialId: Buffer.from(credentialId, 'hex'), userHandle: null });
      same('writing into what was inserted changes nothing', found && shown(found), before);
      for (const bytes of [found!.userHandle, found!.publicKey, found!.credentialId]) bytes.fill(0);
      same('writing into what was found changes nothing', await listed(store, added.userId), [before]);
    },
  },
  {
    name: 'never overwrites a credential id that anyone has',
    async check(store) {
      const first = await inserted(store);
      const again = passkey({ credentialId: first.credentialId, userId: first.userId, nickname: 'again' });
      const thief = passkey({ credentialId: first.credentialId, nickname: 'thief' });
      same('refused to its owner', await store.insert({ passkey: again, max: NO_LIMIT }), 'exists');
      same('refused to another', await store.insert({ passkey: thief, max: NO_LIMIT }), 'exists');
      same('the first is unchanged', await listed(store, first.userId), [shown(first)]);
      same('the other has none', await listed(store, thief.userId), []);
    },
  },
  {
    name: 'gives one credential id to one of two users who insert it at once',
    async check(store) {
      for (let round = 0; round < 5; round++) {
        const credentialId = randomBytes(32);
        const rivals = [passkey({ credentialId }), passkey({ credentialId })];
        const answers = await atOnce(2, (index) => store.insert({ passkey: rivals[index]!, max: NO_LIMIT }));
        same('one inserts, the other is told it exists', tally(answers), { inserted: 1, exists: 1 });
        const winner = rivals[answers.indexOf('inserted')]!;
        same('it is the one who inserted that has it', ids(await store.find({ credentialId, userHandle: null })), [
          winner.id,
        ]);
      }
    },
  },
  {
    name: 'inserts no more than the limit at each relying party, also among ten at once',
    async check(store) {
      const [first] = await several(store, 1);
      const { userId, credentialId } = first!;
      const answers = await atOnce(10, () => store.insert({ passkey: passkey({ userId }), max: 4 }));
      same('three more fit', tally(answers), { inserted: 3, limit: 7 });
      same('the user has four', (await store.listByUser(userId)).length, 4);
      const elsewhere = () => passkey({ userId, rpId: 'example.org' });
      same('another relying party counts its own', await store.insert({ passkey: elsewhere(), max: 1 }), 'inserted');
      same('and no more', await store.insert({ passkey: elsewhere(), max: 1 }), 'limit');
      same('a limit is per user', await store.insert({ passkey: passkey(), max: 1 }), 'inserted');
      const again = passkey({ userId, credentialId });
      same('the limit is told before a known id', await store.insert({ passkey: again, max: 4 }), 'limit');
    },
  },
  {
    name: 'finds every passkey of the owner, the one asked for first, whatever handle was claimed',
    async check(store) {
      const own = await several(store, 3);
      await several(store, 1);
      for (const claimed of [own[1]!.userHandle, randomBytes(32), new Uint8Array(0), null]) {
        const found = await store.find({ credentialId: own[1]!.credentialId, userHandle: claimed });
        same('the one asked for is first', found[0]?.id, own[1]!.id);
        same('with all others of its owner', ids(found).sort(), ids(own).sort());
      }
      for (const length of [0, 32, 1_024, 60_000]) {
        const unknown = randomBytes(length);
        same(
          `nobody owns ${length} unknown bytes`,
          await store.find({ credentialId: unknown, userHandle: own[0]!.userHandle }),
          [],
        );
      }
    },
  },
  {
    name: "lists a user's passkeys oldest first, and no one else's",
    async check(store) {
      const userId = `user-${freshId()}`;
      const made = [3, 1, 2].map((day) => passkey({ userId, createdAt: NOW + day }));
      for (const each of made) await store.insert({ passkey: each, max: NO_LIMIT });
      await inserted(store, { userId: `${userId}x` });
      same('oldest first', ids(await store.listByUser(userId)), [made[1]!.id, made[2]!.id, made[0]!.id]);
      same('a user without passkeys has none', await store.listByUser(`${userId}y`), []);
      same('a pattern is no user', await store.listByUser('user-%'), []);
    },
  },
  {
    name: 'lists a passkey that came without a handle, to its owner only',
    async check(store) {
      const own: Passkey[] = [];
      for (let i = 0; i < 2; i++) {
        const moved = passkey({ userHandle: new Uint8Array(0) });
        // As core does: a handle is kept for the user before a passkey without one is inserted.
        await store.keepHandle({ userId: moved.userId, proposed: randomBytes(32) });
        own.push(await inserted(store, moved));
      }
      for (const each of own) same('its owner has it', await listed(store, each.userId), [shown(each)]);
      same('a stranger has none', await listed(store, `user-${freshId()}`), []);
      const found = await store.find({ credentialId: own[0]!.credentialId, userHandle: new Uint8Array(0) });
      same('it is found, whatever was claimed', ids(found), [own[0]!.id]);
    },
  },
  {
    name: 'records a use, and only what a use changes',
    async check(store) {
      const [used, other] = await several(store, 2, { backupEligible: null });
      const use = { signCount: 4_294_967_295, backupEligible: false, backedUp: true, usedAt: NOW + 5 };
      same('recorded', await store.recordUse({ passkey: used!, use }), 'recorded');
      const { usedAt, ...changed } = use;
      const expected = { ...used!, ...changed, lastUsedAt: usedAt };
      same(
        'the use is stored, the rest is as before',
        await listed(store, used!.userId),
        [expected, other!].map(shown),
      );
    },
  },
  {
    name: 'records each use of a passkey whose counter stays 0',
    async check(store) {
      const added = await inserted(store);
      const use = useOf();
      let seen = added;
      for (const time of ['first', 'second']) {
        // The same instant twice: a use that changes nothing is still recorded.
        same(`the ${time} use is recorded`, await store.recordUse({ passkey: seen, use }), 'recorded');
        seen = { ...added, lastUsedAt: use.usedAt };
      }
    },
  },
  {
    name: 'records one of ten uses that would each be the first, though the counter stays 0',
    async check(store) {
      const added = await inserted(store);
      const answers = await atOnce(10, (index) =>
        store.recordUse({ passkey: added, use: useOf({ usedAt: NOW + index }) }),
      );
      same('exactly one is recorded', tally(answers), { recorded: 1, stale: 9 });
      same('it is the one stored', (await current(store, added))?.lastUsedAt, NOW + answers.indexOf('recorded'));
    },
  },
  {
    name: 'records one of ten uses that saw the same counter',
    async check(store) {
      // It was used before: else the counter would not be what tells the uses apart.
      const added = await inserted(store, { signCount: 5, lastUsedAt: NOW });
      const answers = await atOnce(10, (index) =>
        store.recordUse({ passkey: added, use: useOf({ signCount: 6 + index }) }),
      );
      same('exactly one is recorded', tally(answers), { recorded: 1, stale: 9 });
      same('it is the one stored', (await current(store, added))?.signCount, 6 + answers.indexOf('recorded'));
    },
  },
  {
    name: 'records no use of a passkey that is disabled, removed, moved on or never was',
    async check(store) {
      const use = useOf({ signCount: 9, backedUp: true });
      const disabled = await inserted(store);
      await update(store, disabled, { enabled: false });
      same('disabled', await store.recordUse({ passkey: disabled, use }), 'stale');
      const read = (await current(store, disabled))!;
      same('also to who read that it is', await store.recordUse({ passkey: read, use }), 'stale');
      same('and nothing is stored', (await current(store, disabled))?.signCount, 0);

      const removed = await inserted(store);
      await remove(store, removed);
      same('removed', await store.recordUse({ passkey: removed, use }), 'stale');
      same('and it stays removed', await current(store, removed), undefined);

      const moved = await inserted(store, { signCount: 4 });
      same('seen with an older counter', await store.recordUse({ passkey: { ...moved, signCount: 3 }, use }), 'stale');
      same('and nothing is stored', (await current(store, moved))?.signCount, 4);

      same('never inserted', await store.recordUse({ passkey: passkey(), use }), 'stale');
    },
  },
  {
    name: 'records no use of a passkey that was disabled and enabled meanwhile',
    async check(store) {
      const read = await inserted(store);
      await update(store, read, { enabled: false });
      await update(store, read, { enabled: true });
      same('the generation is another', await store.recordUse({ passkey: read, use: useOf() }), 'stale');
      const now = (await current(store, read))!;
      same('and nothing is stored', now.lastUsedAt, null);
      same('a use that read it anew is recorded', await store.recordUse({ passkey: now, use: useOf() }), 'recorded');
    },
  },
  {
    name: 'loses no use to a change at the same time, and no change to a use',
    async check(store) {
      const [added] = await several(store, 1);
      let changing = true;
      const change = async () => {
        for (let i = 0; i < 10; i++) {
          await update(store, added!, { nickname: `${i}`, enabled: true });
        }
        changing = false;
      };
      const use = async () => {
        let seen = added!;
        for (let signCount = 1; (changing && signCount < 1_000) || signCount <= 10; signCount++) {
          const usedAt = NOW + signCount;
          const answer = await store.recordUse({ passkey: seen, use: useOf({ signCount, usedAt }) });
          same(`use ${signCount} is recorded`, answer, 'recorded');
          seen = { ...seen, signCount, lastUsedAt: usedAt };
        }
        return seen;
      };
      const [seen] = await Promise.all([use(), change()]);
      const { signCount, lastUsedAt, nickname } = (await current(store, added!))!;
      same(
        'the last use and the last name are stored',
        { signCount, lastUsedAt, nickname },
        { signCount: seen.signCount, lastUsedAt: seen.lastUsedAt, nickname: '9' },
      );
    },
  },
  {
    name: "changes and removes only its owner's passkey, and only at its relying party",
    async check(store) {
      const [own] = await several(store, 1);
      const [other] = await several(store, 1);
      const absent = { status: 'not_found' };
      const takeOver = { nickname: 'mine now', enabled: false };
      const notOwn: [string, Passkey][] = [
        ["another's", { ...own!, userId: other!.userId }],
        ['one at another relying party', { ...own!, rpId: 'example.org' }],
        ['an unknown id', { ...own!, id: freshId() }],
      ];
      for (const [which, named] of notOwn) {
        for (const keepLast of [true, false]) {
          same(`update of ${which}`, await update(store, named, takeOver, keepLast), absent);
          same(`remove of ${which}`, await remove(store, named, keepLast), absent);
        }
      }
      same('nothing changed', await listed(store, own!.userId), [shown(own!)]);
    },
  },
  {
    name: 'renames, also the last one, and changes nothing else',
    async check(store) {
      const [added] = await several(store, 1);
      const nickname = '🔑 "Schlüssel" 100 % \\';
      const changed = await update(store, added!, { nickname }, true);
      same(
        'the change is answered',
        changed.status === 'done' && shown(changed.passkey),
        shown({ ...added!, nickname }),
      );
      same('and stored', await listed(store, added!.userId), [shown({ ...added!, nickname })]);
    },
  },
  {
    name: 'raises the generation at each disabling',
    async check(store) {
      const added = await inserted(store);
      let generation = 0;
      for (const enabled of [false, true, false, true]) {
        if (!enabled) generation++;
        const changed = await update(store, added, { enabled });
        const expected = shown({ ...added, enabled, generation });
        same(`enabled: ${enabled} is answered`, changed.status === 'done' && shown(changed.passkey), expected);
        same('and stored', await listed(store, added.userId), [expected]);
      }
      await update(store, added, { nickname: 'renamed' });
      same('a new name raises nothing', (await current(store, added))?.generation, 2);
    },
  },
  {
    name: 'tells one of ten who disable or enable a passkey at once that it was otherwise before',
    async check(store) {
      const added = await inserted(store);
      for (const enabled of [false, true]) {
        const answers = await atOnce(10, () => update(store, added, { enabled }));
        const before = answers.map((answer) => `${answer.status === 'done' && answer.wasEnabled}`);
        same(`enabled: ${enabled}`, tally(before), { [`${!enabled}`]: 1, [`${enabled}`]: 9 });
      }
      const renamed = await update(store, added, { nickname: 'renamed' });
      same('a new name changes nothing about it', renamed.status === 'done' && renamed.wasEnabled, true);
    },
  },
  {
    name: 'removes a passkey, and its credential id with it',
    async check(store) {
      const [gone, stays] = await several(store, 2);
      const removed = await remove(store, gone!, true);
      same('the answer is what was removed', removed.status === 'done' && shown(removed.passkey), shown(gone!));
      same('the other stays', await listed(store, gone!.userId), [shown(stays!)]);
      same('its credential id is nobody’s', await current(store, gone!), undefined);
      same('a second removal finds nothing', await remove(store, gone!, true), { status: 'not_found' });
    },
  },
  {
    name: 'keeps the last enabled passkey at a relying party when asked to, and only then',
    async check(store) {
      const [last, disabled] = await several(store, 2);
      const { userId } = last!;
      await inserted(store, { userId, rpId: 'example.org' });
      await update(store, disabled!, { enabled: false }, true);
      same('the last enabled one is not removed', await remove(store, last!, true), { status: 'last' });
      const disabling = await update(store, last!, { enabled: false, nickname: 'x' }, true);
      same('and not disabled', disabling, { status: 'last' });
      same('it is as it was', await current(store, last!).then((found) => found && shown(found)), shown(last!));
      same('a disabled one is removed', (await remove(store, disabled!, true)).status, 'done');
      same('the last one too, unless asked to keep it', (await remove(store, last!)).status, 'done');
      const left = (await store.listByUser(userId)).map(({ rpId }) => rpId);
      same('then there is none, but at the other relying party', left, ['example.org']);
    },
  },
  {
    name: 'keeps one of two enabled passkeys when both are removed or disabled at once',
    async check(store) {
      const removing = (passkey: Passkey) => remove(store, passkey, true);
      const disabling = (passkey: Passkey) => update(store, passkey, { enabled: false }, true);
      for (const [one, two] of [
        [removing, removing],
        [disabling, disabling],
        [removing, disabling],
      ] as const) {
        for (let round = 0; round < 5; round++) {
          const [first, second] = await several(store, 2);
          const answers = await Promise.all([one(first!), two(second!)]);
          same('one is done, the other refused', tally(answers.map(({ status }) => status)), { done: 1, last: 1 });
          const left = (await store.listByUser(first!.userId)).filter(({ enabled }) => enabled);
          same('one enabled passkey is left', left.length, 1);
        }
      }
    },
  },
  {
    name: 'forgets a user: every passkey and the handle, and nobody else',
    async check(store) {
      const [first, second] = await several(store, 2);
      const { userId, credentialId, userHandle } = first!;
      const elsewhere = await inserted(store, { userId, rpId: 'example.org', createdAt: NOW + 9 });
      const [other] = await several(store, 1);
      await store.keepHandle({ userId, proposed: userHandle });
      const answers = await atOnce(5, () => store.forget(userId));
      const answered = answers.flat().map(shown);
      const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
      same(
        'each passkey is answered once, though five forget at once',
        answered.sort(byId),
        [first!, second!, elsewhere].map(shown).sort(byId),
      );
      same('the user has none', await store.listByUser(userId), []);
      same('no use is recorded any more', await store.recordUse({ passkey: first!, use: useOf() }), 'stale');
      same('the other user has theirs', await listed(store, other!.userId), [shown(other!)]);

      const proposed = randomBytes(32);
      same('a new handle is kept', hex(await store.keepHandle({ userId, proposed })), hex(proposed));
      const again = passkey({ userId, userHandle: proposed });
      same('a new passkey is added', await store.insert({ passkey: again, max: 1 }), 'inserted');
      same('and it is the only one', await listed(store, userId), [shown(again)]);
      const taken = passkey({ credentialId });
      same('a forgotten credential id is free', await store.insert({ passkey: taken, max: 1 }), 'inserted');
      same('nobody is forgotten twice', await store.forget(`user-${freshId()}`), []);
    },
  },
  {
    name: 'keeps the latest "not now" of a user, also of ten at once, until the user is forgotten',
    async check(store) {
      const [one] = await several(store, 1);
      const { userId } = one!;
      same('nobody has said it', await store.declinedAt(userId), null);
      await atOnce(10, (index) => store.decline({ userId, at: NOW + index }));
      same('the latest stays', await store.declinedAt(userId), NOW + 9);
      await store.decline({ userId, at: NOW });
      same('and is not moved back', await store.declinedAt(userId), NOW + 9);
      const far = Date.UTC(9999, 0);
      await store.decline({ userId, at: far });
      same('a later one takes its place', await store.declinedAt(userId), far);
      for (const id of [`${userId} `, userId.toUpperCase(), `${userId}x`]) {
        same('nobody else has said it', await store.declinedAt(id), null);
      }
      same('the passkeys are as before', await listed(store, userId), [shown(one!)]);

      const without = `user-${freshId()}`;
      await store.decline({ userId: without, at: NOW });
      for (const forgotten of [userId, without]) {
        await store.forget(forgotten);
        same('it is forgotten with the user', await store.declinedAt(forgotten), null);
      }
    },
  },
  {
    name: 'finds and lists the same, while a user is forgotten and comes back at once',
    async check(store) {
      const userId = `user-${freshId()}`;
      const own = Array.from({ length: 10 }, () => passkey({ userId }));
      await store.insert({ passkey: own[0]!, max: NO_LIMIT });
      await Promise.all([
        ...own.slice(1).map(async (each) => store.insert({ passkey: each, max: NO_LIMIT })),
        ...Array.from({ length: 3 }, async () => store.forget(userId)),
      ]);
      const inList = ids(await store.listByUser(userId)).sort();
      const found = await Promise.all(own.map((each) => current(store, each)));
      const inFind = found.filter((each) => each !== undefined).map(({ id }) => id);
      same('what is found is listed', inFind.sort(), inList);
      await store.forget(userId);
      same('what is listed is forgotten', await store.listByUser(userId), []);
      for (const each of own) same('and found no more', await current(store, each), undefined);
    },
  },
];
