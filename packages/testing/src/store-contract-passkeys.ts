/** Why this file exists: what a passkey store promises, rule by rule. The words are those of core's `store.ts`. */
import type { Passkey, PasskeyStore } from '@latchkey/core';
import { atOnce, freshId, randomBytes, type StoreRule, same, tally } from './store-contract-rule.ts';

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
async function inserted(store: PasskeyStore, members: Partial<Passkey> = {}): Promise<Passkey> {
  const added = passkey(members);
  same('insert adds a new passkey', await store.insert(added, NO_LIMIT), 'inserted');
  return added;
}

/** Several passkeys of one new user, in the order they were made. */
async function several(store: PasskeyStore, count: number, members: Partial<Passkey> = {}): Promise<Passkey[]> {
  const userId = `user-${freshId()}`;
  const added: Passkey[] = [];
  for (let i = 0; i < count; i++) added.push(await inserted(store, { userId, createdAt: NOW + i, ...members }));
  return added;
}

/** Bytes as hexadecimal: a store may answer with any Uint8Array, a Buffer too. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const shown = ({ userHandle, credentialId, publicKey, ...rest }: Passkey) => ({
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
  return (await store.find(credentialId, null))[0];
}

/** What every {@link PasskeyStore} promises: bytes stay bytes, owners own, and two who race do not both win. */
export const passkeyStoreContract: readonly StoreRule<PasskeyStore>[] = [
  {
    name: 'keeps the first handle proposed for a user, also among 20 at once',
    async check(store) {
      const userId = `user-${freshId()}`;
      const proposals = Array.from({ length: 20 }, () => randomBytes(32));
      const handles = (await atOnce(20, (index) => store.keepHandle(userId, proposals[index]!))).map(hex);
      same('everyone gets the same handle', tally(handles), { [handles[0]!]: 20 });
      same('it is one of those proposed', proposals.map(hex).includes(handles[0]!), true);
      same('it stays for ever', hex(await store.keepHandle(userId, randomBytes(32))), handles[0]);
    },
  },
  {
    name: 'keeps users apart whose ids differ in case, in an accent or in a space',
    async check(store) {
      const unique = freshId();
      const users = ['zoë', 'Zoë', 'zoe', 'zoe\u0308', 'zoë '].map((name) => `${unique}-${name}`);
      const own = users.map((userId) => passkey({ userId }));
      for (const each of own) {
        same('a handle each', hex(await store.keepHandle(each.userId, each.userHandle)), hex(each.userHandle));
        await store.insert(each, 1);
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
        { nickname: '', backupEligible: false, backedUp: true, enabled: false, generation: 3, lastUsedAt: NOW + 1 },
        { userId: `${freshId()}${'\u20ac'.repeat(255 - 36)}`, createdAt: 0, lastUsedAt: Date.UTC(9999, 0) },
        { userId: `${freshId()} ' " \\ % _ ; -- \n\t{}[]:*?\u2028 ${'🔑'.repeat(100)}`, rpId: 'xn--bcher-kva.example' },
        { userHandle: new Uint8Array(32), publicKey: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
      ];
      for (const members of extremes) {
        const added = await inserted(store, members);
        same('listByUser gives what insert added', await listed(store, added.userId), [shown(added)]);
        same('find gives it too', (await store.find(added.credentialId, null)).map(shown), [shown(added)]);
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
        same('find gives the owner of exactly these bytes', ids(await store.find(each.credentialId, null)), [each.id]);
      }
      same('a prefix of an id is no id', await store.find(long.slice(0, 1_000), null), []);
    },
  },
  {
    name: 'keeps its own copy of the bytes',
    async check(store) {
      const added = await inserted(store);
      const before = shown(added);
      const { credentialId } = before;
      for (const bytes of [added.userHandle, added.publicKey, added.credentialId]) bytes.fill(0);
      const [found] = await store.find(Buffer.from(credentialId, 'hex'), null);
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
      same('refused to its owner', await store.insert(again, NO_LIMIT), 'exists');
      same('refused to another', await store.insert(thief, NO_LIMIT), 'exists');
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
        const answers = await atOnce(2, (index) => store.insert(rivals[index]!, NO_LIMIT));
        same('one inserts, the other is told it exists', tally(answers), { inserted: 1, exists: 1 });
        const winner = rivals[answers.indexOf('inserted')]!;
        same('it is the one who inserted that has it', ids(await store.find(credentialId, null)), [winner.id]);
      }
    },
  },
  {
    name: 'inserts no more than the limit, also among ten at once',
    async check(store) {
      const [first] = await several(store, 1);
      const { userId } = first!;
      const answers = await atOnce(10, () => store.insert(passkey({ userId }), 4));
      same('three more fit', tally(answers), { inserted: 3, limit: 7 });
      same('the user has four', (await store.listByUser(userId)).length, 4);
      same('a limit is per user', await store.insert(passkey(), 1), 'inserted');
    },
  },
  {
    name: 'finds every passkey of the owner, the one asked for first, whatever handle was claimed',
    async check(store) {
      const own = await several(store, 3);
      await several(store, 1);
      for (const claimed of [own[1]!.userHandle, randomBytes(32), new Uint8Array(0), null]) {
        const found = await store.find(own[1]!.credentialId, claimed);
        same('the one asked for is first', found[0]?.id, own[1]!.id);
        same('with all others of its owner', ids(found).sort(), ids(own).sort());
      }
      for (const length of [0, 32, 1_024, 60_000]) {
        const unknown = randomBytes(length);
        same(`nobody owns ${length} unknown bytes`, await store.find(unknown, own[0]!.userHandle), []);
      }
    },
  },
  {
    name: "lists a user's passkeys oldest first, and no one else's",
    async check(store) {
      const userId = `user-${freshId()}`;
      const made = [3, 1, 2].map((day) => passkey({ userId, createdAt: NOW + day }));
      for (const each of made) await store.insert(each, NO_LIMIT);
      await inserted(store, { userId: `${userId}x` });
      same('oldest first', ids(await store.listByUser(userId)), [made[1]!.id, made[2]!.id, made[0]!.id]);
      same('a user without passkeys has none', await store.listByUser(`${userId}y`), []);
      same('a pattern is no user', await store.listByUser('user-%'), []);
    },
  },
  {
    name: 'records a use, and only what a use changes',
    async check(store) {
      const [used, other] = await several(store, 2);
      const use = { signCount: 4_294_967_295, backedUp: true, usedAt: NOW + 5 };
      same('recorded', await store.recordUse(used!, use), true);
      const expected = { ...used!, signCount: 4_294_967_295, backedUp: true, lastUsedAt: NOW + 5 };
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
      const use = { signCount: 0, backedUp: false, usedAt: NOW + 5 };
      let seen = added;
      for (const time of ['first', 'second']) {
        // The same instant twice: a use that changes nothing is still recorded.
        same(`the ${time} use is recorded`, await store.recordUse(seen, use), true);
        seen = { ...added, lastUsedAt: use.usedAt };
      }
    },
  },
  {
    name: 'records one of ten uses that would each be the first, though the counter stays 0',
    async check(store) {
      const added = await inserted(store);
      const recorded = await atOnce(10, (index) =>
        store.recordUse(added, { signCount: 0, backedUp: false, usedAt: NOW + index }),
      );
      same('exactly one is recorded', tally(recorded.map(String)), { true: 1, false: 9 });
      same('it is the one stored', (await current(store, added))?.lastUsedAt, NOW + recorded.indexOf(true));
    },
  },
  {
    name: 'records one of ten uses that saw the same counter',
    async check(store) {
      const added = await inserted(store, { signCount: 5 });
      const uses = Array.from({ length: 10 }, (_, index) => ({ signCount: 6 + index, backedUp: false, usedAt: NOW }));
      const recorded = await atOnce(10, (index) => store.recordUse(added, uses[index]!));
      same('exactly one is recorded', tally(recorded.map(String)), { true: 1, false: 9 });
      same('it is the one stored', (await current(store, added))?.signCount, 6 + recorded.indexOf(true));
    },
  },
  {
    name: 'records no use of a passkey that is disabled, removed, moved on or never was',
    async check(store) {
      const use = { signCount: 9, backedUp: true, usedAt: NOW + 5 };
      const disabled = await inserted(store);
      await store.update(disabled.userId, disabled.id, { enabled: false }, false);
      same('disabled', await store.recordUse(disabled, use), false);
      same('and nothing is stored', (await current(store, disabled))?.signCount, 0);

      const removed = await inserted(store);
      await store.remove(removed.userId, removed.id, false);
      same('removed', await store.recordUse(removed, use), false);
      same('and it stays removed', await current(store, removed), undefined);

      const moved = await inserted(store, { signCount: 4 });
      same('seen with an older counter', await store.recordUse({ ...moved, signCount: 3 }, use), false);
      same('and nothing is stored', (await current(store, moved))?.signCount, 4);

      same('never inserted', await store.recordUse(passkey(), use), false);
    },
  },
  {
    name: "changes and removes only its owner's passkey",
    async check(store) {
      const [own] = await several(store, 1);
      const [other] = await several(store, 1);
      const absent = { status: 'not_found' };
      const takeOver = { nickname: 'mine now', enabled: false };
      for (const keepLast of [true, false]) {
        same("update of another's", await store.update(other!.userId, own!.id, takeOver, keepLast), absent);
        same("remove of another's", await store.remove(other!.userId, own!.id, keepLast), absent);
        same('update of an unknown id', await store.update(own!.userId, freshId(), takeOver, keepLast), absent);
        same('remove of an unknown id', await store.remove(own!.userId, freshId(), keepLast), absent);
      }
      same('nothing changed', await listed(store, own!.userId), [shown(own!)]);
    },
  },
  {
    name: 'renames, also the last one, and changes nothing else',
    async check(store) {
      const [added] = await several(store, 1);
      const nickname = '🔑 "Schlüssel" 100 % \\';
      const changed = await store.update(added!.userId, added!.id, { nickname }, true);
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
        const changed = await store.update(added.userId, added.id, { enabled }, false);
        const expected = shown({ ...added, enabled, generation });
        same(`enabled: ${enabled} is answered`, changed.status === 'done' && shown(changed.passkey), expected);
        same('and stored', await listed(store, added.userId), [expected]);
      }
      await store.update(added.userId, added.id, { nickname: 'renamed' }, false);
      same('a new name raises nothing', (await current(store, added))?.generation, 2);
    },
  },
  {
    name: 'tells one of ten who disable or enable a passkey at once that it was otherwise before',
    async check(store) {
      const added = await inserted(store);
      for (const enabled of [false, true]) {
        const answers = await atOnce(10, () => store.update(added.userId, added.id, { enabled }, false));
        const before = answers.map((answer) => `${answer.status === 'done' && answer.wasEnabled}`);
        same(`enabled: ${enabled}`, tally(before), { [`${!enabled}`]: 1, [`${enabled}`]: 9 });
      }
      const renamed = await store.update(added.userId, added.id, { nickname: 'renamed' }, false);
      same('a new name changes nothing about it', renamed.status === 'done' && renamed.wasEnabled, true);
    },
  },
  {
    name: 'removes a passkey, and its credential id with it',
    async check(store) {
      const [gone, stays] = await several(store, 2);
      const removed = await store.remove(gone!.userId, gone!.id, true);
      same('the answer is what was removed', removed.status === 'done' && shown(removed.passkey), shown(gone!));
      same('the other stays', await listed(store, gone!.userId), [shown(stays!)]);
      same('its credential id is nobody’s', await store.find(gone!.credentialId, null), []);
      same('a second removal finds nothing', await store.remove(gone!.userId, gone!.id, true), { status: 'not_found' });
    },
  },
  {
    name: 'keeps the last enabled passkey when asked to, and only then',
    async check(store) {
      const [last, disabled] = await several(store, 2);
      const { userId } = last!;
      await store.update(userId, disabled!.id, { enabled: false }, true);
      same('the last enabled one is not removed', await store.remove(userId, last!.id, true), { status: 'last' });
      const disabling = await store.update(userId, last!.id, { enabled: false, nickname: 'x' }, true);
      same('and not disabled', disabling, { status: 'last' });
      same('it is as it was', await current(store, last!).then((found) => found && shown(found)), shown(last!));
      same('a disabled one is removed', (await store.remove(userId, disabled!.id, true)).status, 'done');
      same('the last one too, unless asked to keep it', (await store.remove(userId, last!.id, false)).status, 'done');
      same('then there is none', await store.listByUser(userId), []);
    },
  },
  {
    name: 'keeps one of two enabled passkeys when both are removed or disabled at once',
    async check(store) {
      const remove = ({ userId, id }: Passkey) => store.remove(userId, id, true);
      const disable = ({ userId, id }: Passkey) => store.update(userId, id, { enabled: false }, true);
      for (const [one, two] of [
        [remove, remove],
        [disable, disable],
        [remove, disable],
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
];
