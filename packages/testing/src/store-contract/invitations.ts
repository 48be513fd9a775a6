/** What an invitation store promises, rule by rule. The words are those of core's `store.ts`. */
import type { Invitation, InvitationState, InvitationStore } from '@latchkey/core';
import { atOnce, freshId, type StoreRule, same, tally } from './rule.ts';
import { freshTokenHash } from './sessions.ts';

const NOW = Date.UTC(2026, 10, 22);
const HOUR = 3_600_000;

function invitation(members: Partial<Invitation> = {}): Invitation {
  return {
    id: freshId(),
    tokenHash: freshTokenHash(),
    userId: `user-${freshId()}`,
    rpId: 'example.com',
    replacesAll: false,
    createdAt: NOW,
    expiresAt: NOW + HOUR,
    status: 'open',
    binding: null,
    attemptId: null,
    ...members,
  };
}

async function put(store: InvitationStore, members: Partial<Invitation> = {}): Promise<Invitation> {
  const made = invitation(members);
  await store.put(made);
  return made;
}

const stateOf = ({ status, binding, attemptId }: Invitation): InvitationState => ({ status, binding, attemptId });

const found = async (store: InvitationStore, { tokenHash }: Invitation) => store.find({ tokenHash });

/** Changes what is as in `from`; says whether that was so. */
const change = async (store: InvitationStore, from: Invitation, to: Partial<InvitationState>) =>
  store.change({ tokenHash: from.tokenHash, from: stateOf(from), to: { ...stateOf(from), ...to } });

/** What every {@link InvitationStore} promises: a right that is used, revoked or forgotten is one nobody has, and two who race do not both have it. */
export const invitationStoreContract: readonly StoreRule<InvitationStore>[] = [
  {
    name: 'gives an invitation back as it was put',
    async check(store) {
      const odd = ` ' " \` \\ % _ ; -- /* {}[]:*?\n\t\u2028 é 🔑`;
      const extremes: Partial<Invitation>[] = [
        {},
        { userId: `${freshId()}${odd}`, rpId: 'xn--bcher-kva.example', replacesAll: true },
        { userId: `${freshId()}${'\u20ac'.repeat(255 - 36)}`, binding: freshTokenHash() },
        { status: 'used', binding: freshTokenHash(), attemptId: freshId() },
        { status: 'revoked', createdAt: 0, expiresAt: 1 },
        { expiresAt: Date.UTC(9999, 0) },
      ];
      for (const members of extremes) {
        const made = await put(store, members);
        same('found by its token', await found(store, made), made);
        same('and in the list of its user', await store.listByUser(made.userId), [made]);
      }
    },
  },
  {
    name: 'finds nothing for a token that never was, or that differs in case',
    async check(store) {
      const unique = freshTokenHash().slice(0, 40);
      const [lower, upper] = [
        await put(store, { tokenHash: `${unique}abc` }),
        invitation({ tokenHash: `${unique}ABC` }),
      ];
      same('another case is another token', await found(store, upper), null);
      await store.put(upper);
      for (const each of [lower, upper]) same('each is found by its own', await found(store, each), each);
      for (const tokenHash of [freshTokenHash(), lower.id, `${lower.tokenHash} `, `${lower.tokenHash}\0`, '', '%']) {
        same(`${JSON.stringify(tokenHash)} is nobody’s`, await store.find({ tokenHash }), null);
        const to = { ...stateOf(lower), status: 'used' } as const;
        same('and changes nothing', await store.change({ tokenHash, from: stateOf(lower), to }), false);
      }
    },
  },
  {
    name: 'puts one of 50 invitations with the same token at once, and overwrites none',
    async check(store) {
      const tokenHash = freshTokenHash();
      const rivals = Array.from({ length: 50 }, () => invitation({ tokenHash }));
      const answers = await atOnce(50, async (index) => {
        try {
          await store.put(rivals[index]!);
          return 'put';
        } catch {
          return 'thrown';
        }
      });
      same('one is put, the others are refused', tally(answers), { put: 1, thrown: 49 });
      const winner = rivals[answers.indexOf('put')]!;
      same('the one is there', await store.find({ tokenHash }), winner);
      const sameId = invitation({ id: winner.id });
      const refused = await Promise.resolve()
        .then(() => store.put(sameId))
        .then(
          () => false,
          () => true,
        );
      same('an id that is taken is refused', refused, true);
      same('and its token is nobody’s', await found(store, sameId), null);
      same('the one is as it was', await store.find({ tokenHash }), winner);
    },
  },
  {
    name: 'changes the state only from the one that is expected',
    async check(store) {
      const made = await put(store);
      const [binding, other, attemptId] = [freshTokenHash(), freshTokenHash(), freshId()];
      same('nothing is bound yet', await change(store, { ...made, binding: other }, { status: 'used' }), false);
      same('nobody has used it', await change(store, { ...made, attemptId }, { status: 'used' }), false);
      same('it is not used', await change(store, { ...made, status: 'used' }, { status: 'open' }), false);
      same('it is as it was', await found(store, made), made);
      same('bound', await change(store, made, { binding }), true);
      const bound = { ...made, binding };
      same('as it is now', await found(store, made), bound);
      same('not bound again', await change(store, made, { binding: other }), false);
      same('not spent for another', await change(store, { ...made, binding: other }, { status: 'used' }), false);
      same('spent', await change(store, bound, { status: 'used', attemptId }), true);
      const used = { ...bound, status: 'used', attemptId } as const;
      same('not spent again', await change(store, bound, { status: 'used', attemptId: freshId() }), false);
      same('not given back by another', await change(store, { ...used, attemptId: freshId() }, bound), false);
      same('given back', await change(store, used, bound), true);
      same('it is open again', await found(store, made), bound);
      same('revoked', await change(store, bound, { status: 'revoked' }), true);
      same('and stays so', await change(store, bound, { status: 'used', attemptId }), false);
      same('in lists as well', await store.listByUser(made.userId), [{ ...bound, status: 'revoked' }]);
    },
  },
  {
    name: 'gives the change to one of 50 at once',
    async check(store) {
      for (const before of [{}, { binding: freshTokenHash() }]) {
        const made = await put(store, before);
        const attempts = Array.from({ length: 50 }, freshId);
        const answers = await atOnce(50, async (index) =>
          String(await change(store, made, { status: 'used', attemptId: attempts[index]! })),
        );
        same('exactly one makes it', tally(answers), { true: 1, false: 49 });
        const attemptId = attempts[answers.indexOf('true')]!;
        same('and it is that one’s', await found(store, made), { ...made, status: 'used', attemptId });
      }
    },
  },
  {
    name: 'lists a user’s invitations, newest first, and nobody else’s',
    async check(store) {
      const userId = `User-${freshId()}`;
      const own = await atOnce(5, (index) => put(store, { userId, createdAt: NOW + index, rpId: `${index}.example` }));
      const other = await put(store, { userId: userId.toLowerCase() });
      same('all, newest first', await store.listByUser(userId), own.toReversed());
      same('the other has one', await store.listByUser(other.userId), [other]);
      same('a user without any has none', await store.listByUser(`user-${freshId()}`), []);
    },
  },
  {
    name: 'forgets a user’s invitations, and says how many were open',
    async check(store) {
      const userId = `user-${freshId()}`;
      const own = [
        await put(store, { userId }),
        await put(store, { userId, rpId: 'example.org', binding: freshTokenHash() }),
        await put(store, { userId, status: 'used', attemptId: freshId() }),
        await put(store, { userId, status: 'revoked' }),
      ];
      const other = await put(store);
      same('two were open', await store.forget(userId), 2);
      for (const each of own) {
        same('gone by its token', await found(store, each), null);
        same('and changes no more', await change(store, each, { status: 'used', attemptId: freshId() }), false);
      }
      same('gone from the list', await store.listByUser(userId), []);
      same('nobody else’s is', await found(store, other), other);
      same('there is nothing left to forget', await store.forget(userId), 0);
      await store.put(own[0]!);
      same('its token may be put again', await found(store, own[0]!), own[0]);
    },
  },
  {
    name: 'forgets only what expired, at most as many as asked',
    async check(store) {
      // Long ago, so that hardly anything else in the store is due.
      const at = 1_000;
      while ((await store.forgetExpired({ before: at, limit: 1_000 })) > 0);
      const live = await put(store, { expiresAt: at + 1 });
      const expired = await atOnce(5, () => put(store, { expiresAt: at }));
      const left = async () => {
        const each = await Promise.all(expired.map((one) => found(store, one)));
        return each.filter((one) => one !== null).length;
      };
      const first = await store.forgetExpired({ before: at, limit: 2 });
      // A store whose rows expire by its own clock has nothing to do here.
      if (first > 0) {
        same('two at once', first, 2);
        same('three are left', await left(), 3);
        same('then the rest', await store.forgetExpired({ before: at, limit: 10 }), 3);
        same('none is left', await left(), 0);
      }
      same('what has not expired stays', await found(store, live), live);
      same('there is nothing more', await store.forgetExpired({ before: at, limit: 10 }), 0);
    },
  },
];
