/** What a session store promises, rule by rule. The words are those of core's `store.ts`. */
import type { SessionSelection, SessionStart, SessionStore, SignInSession } from '@latchkey/core';
import { atOnce, freshId, randomBytes, type StoreRule, same, tally } from './rule.ts';

const NOW = Date.UTC(2026, 10, 22);
const MINUTE = 60_000;

/** As core hashes the token of a cookie: 43 base64url characters. */
export const freshTokenHash = (): string => Buffer.from(randomBytes(32)).toString('base64url');

export function session(members: Partial<SignInSession> = {}): SignInSession {
  return {
    id: freshId(),
    tokenHash: freshTokenHash(),
    userId: `user-${freshId()}`,
    rpId: 'example.com',
    passkeyId: freshId(),
    generation: 0,
    attemptId: freshId(),
    authenticatedAt: NOW,
    userVerified: true,
    enforcement: 'enforced',
    firstFactor: false,
    stepUp: null,
    createdAt: NOW,
    seenAt: NOW,
    expiresAt: NOW + 30 * 24 * 60 * MINUTE,
    persistent: true,
    address: '2001:db8::1',
    userAgent: 'Mozilla/5.0',
    ...members,
  };
}

/** A session to begin, in nobody's place. */
export const start = (begun: SignInSession): SessionStart => ({ session: begun, replaces: null, renews: false });

/** The same session, stepped up, under a new token. */
export function renewal(of: SignInSession, at = NOW + MINUTE): SessionStart & { readonly replaces: string } {
  const stepUp = { at, action: 'pay', passkeyId: of.passkeyId, userVerified: true };
  return { session: { ...of, tokenHash: freshTokenHash(), stepUp, seenAt: at }, replaces: of.tokenHash, renews: true };
}

/** Begins a session and hands it back, for checks that need one to be there. */
export async function begun(store: SessionStore, members: Partial<SignInSession> = {}): Promise<SignInSession> {
  const made = session(members);
  same('begin begins a session', await store.begin(start(made)), true);
  return made;
}

const ids = (sessions: readonly SignInSession[]) => sessions.map(({ id }) => id);
const sorted = (sessions: readonly SignInSession[]) => ids(sessions).sort();

/** The session as the store has it now, by its token. */
export async function found(store: SessionStore, { tokenHash }: SignInSession): Promise<SignInSession | null> {
  return store.find({ tokenHash });
}

/** Promises that a session is there as it is shown: by its token, by its id and in the list of its user. */
export async function isThere(
  store: SessionStore,
  shown: SignInSession,
  label = 'the session is there',
): Promise<void> {
  same(`${label}: by its token`, await found(store, shown), shown);
  same(`${label}: by its id`, await store.find({ id: shown.id }), shown);
  const own = (await store.listByUser(shown.userId)).filter(({ id }) => id === shown.id);
  same(`${label}: in the list of its user`, own, [shown]);
}

/** Promises that nothing leads to a session any more. */
export async function isGone(store: SessionStore, gone: SignInSession, label = 'the session is gone'): Promise<void> {
  same(`${label}: by its token`, await found(store, gone), null);
  same(`${label}: by its id`, await store.find({ id: gone.id }), null);
  same(`${label}: from the list`, ids(await store.listByUser(gone.userId)).includes(gone.id), false);
}

/** Whether `begin` began it; `thrown` when it threw. */
async function outcome(store: SessionStore, which: SessionStart): Promise<string> {
  try {
    return `${await store.begin(which)}`;
  } catch {
    return 'thrown';
  }
}

/** What every {@link SessionStore} promises: who has ended is out, one token is good at a time, and two who race do not both win. */
export const sessionStoreContract: readonly StoreRule<SessionStore>[] = [
  {
    name: 'gives a session back as it was begun',
    async check(store) {
      const odd = ` ' " \` \\ % _ ; -- /* {}[]:*?\n\t\u2028 é 🔑`;
      const extremes: Partial<SignInSession>[] = [
        {},
        { userId: `${freshId()}${odd}`, rpId: 'xn--bcher-kva.example', userAgent: `Mozilla${odd}${'x'.repeat(900)}` },
        { userId: `${freshId()}${'\u20ac'.repeat(255 - 36)}`, address: null, userAgent: null },
        { userVerified: false, enforcement: 'not_enforced', generation: 4_000_000, seenAt: NOW + 1 },
        { firstFactor: true, stepUp: { at: NOW + 1, action: null, passkeyId: freshId(), userVerified: true } },
        { stepUp: { at: NOW + 2, action: `pay${odd}`, passkeyId: freshId(), userVerified: false } },
        { createdAt: 0, authenticatedAt: 1, seenAt: 2, expiresAt: 3 },
        { expiresAt: Date.UTC(9999, 0) },
      ];
      for (const members of extremes) await isThere(store, await begun(store, members));
    },
  },
  {
    name: 'keeps sessions apart whose ids, tokens or users differ in case or in a space',
    async check(store) {
      const unique = freshTokenHash().slice(0, 30);
      const own = ['aB', 'Ab', 'ab'].map((end) => session({ id: `${unique}-${end}`, tokenHash: `${unique}_${end}` }));
      const users = ['zoë', 'Zoë', 'zoe', 'zoe\u0308', 'zoë '].map((name) => session({ userId: `${unique}-${name}` }));
      for (const each of [...own, ...users]) await store.begin(start(each));
      for (const each of [...own, ...users]) {
        same('found by exactly its token', await found(store, each), each);
        same('and by exactly its id', await store.find({ id: each.id }), each);
      }
      for (const each of users) {
        same(`${JSON.stringify(each.userId)} has one of their own`, await store.listByUser(each.userId), [each]);
      }
      await store.end({ userId: users[0]!.userId });
      for (const each of users.slice(1)) same('another user’s has not ended', await found(store, each), each);
    },
  },
  {
    name: 'finds nothing for an id or a token that never was',
    async check(store) {
      const own = await begun(store, { id: `Case-${freshId()}` });
      // An id is whatever someone sends: what cannot be one is no error, it is unknown.
      const near = [own.id.toLowerCase(), `${own.id} `, `${own.id}\0`, own.tokenHash];
      for (const id of [freshId(), ...near, '', '%', '\0', '\ud800', '🔑', "' or 1=1 --", 'x'.repeat(10_000)]) {
        const label = JSON.stringify(id.slice(0, 80));
        same(`${label} is nobody’s id`, await store.find({ id }), null);
        same(`nothing is seen of ${label}`, await store.touch({ id, seenAt: NOW + MINUTE }), false);
        same(`nothing ends with ${label}`, await store.end({ id, userId: own.userId }), []);
      }
      for (const tokenHash of [freshTokenHash(), own.id, own.tokenHash.slice(0, -1), `${own.tokenHash} `, '']) {
        same(`${JSON.stringify(tokenHash)} is nobody’s token`, await store.find({ tokenHash }), null);
        same('and ends nothing', await store.end({ tokenHash }), []);
      }
      same('a user without sessions has none', await store.listByUser(`user-${freshId()}`), []);
      await isThere(store, own);
    },
  },
  {
    name: 'begins one of 50 sessions with the same token at once, and overwrites none',
    async check(store) {
      const tokenHash = freshTokenHash();
      const rivals = Array.from({ length: 50 }, () => session({ tokenHash }));
      const answers = await atOnce(50, (index) => outcome(store, start(rivals[index]!)));
      same('one is begun, the others are refused', tally(answers), { true: 1, thrown: 49 });
      const winner = rivals[answers.indexOf('true')]!;
      await isThere(store, winner);
      const sameId = session({ id: winner.id });
      same('an id that is taken is refused', await outcome(store, start(sameId)), 'thrown');
      same('and its token is nobody’s', await found(store, sameId), null);
      await isThere(store, winner);
    },
  },
  {
    name: 'keeps 50 sessions of one user that begin at once',
    async check(store) {
      const userId = `user-${freshId()}`;
      const own = await atOnce(50, (index) => begun(store, { userId, createdAt: NOW + index }));
      same('all are listed, newest first', await store.listByUser(userId), own.toReversed());
      for (const each of own) same('each is found', await found(store, each), each);
    },
  },
  {
    name: 'ends the session that a new one replaces, whoever it belongs to',
    async check(store) {
      const [own, other] = [await begun(store), await begun(store)];
      for (const replaced of [own, other]) {
        const next = session({ userId: own.userId });
        same('begun', await store.begin({ session: next, replaces: replaced.tokenHash, renews: false }), true);
        await isThere(store, next, 'the new one is there');
        await isGone(store, replaced, 'the replaced one is gone');
      }
      const next = session();
      const nothing = freshTokenHash();
      same('also where there is none', await store.begin({ session: next, replaces: nothing, renews: false }), true);
      await isThere(store, next);
    },
  },
  {
    name: 'renews a session under a new token, and the old token is nobody’s',
    async check(store) {
      const own = await begun(store);
      const first = renewal(own);
      same('renewed', await store.begin(first), true);
      await isThere(store, first.session, 'it is there as renewed');
      same('the old token finds nothing', await found(store, own), null);
      same('and ends nothing', await store.end({ tokenHash: own.tokenHash }), []);
      same('it is one session', (await store.listByUser(own.userId)).length, 1);
      const second = renewal(first.session, NOW + 2 * MINUTE);
      same('renewed again', await store.begin(second), true);
      await isThere(store, second.session);
      same('the token before finds nothing', await found(store, first.session), null);
    },
  },
  {
    name: 'renews nothing that has ended, was renewed or never was, and begins nothing then',
    async check(store) {
      const ended = await begun(store);
      await store.end({ id: ended.id });
      const renewed = await begun(store);
      const current = renewal(renewed);
      await store.begin(current);
      const other = await begun(store);
      const cases: [string, SessionStart][] = [
        ['has ended', renewal(ended)],
        ['has another token since', renewal(renewed)],
        ['never was', renewal(session())],
        ['is another', { ...renewal(session()), replaces: other.tokenHash }],
      ];
      for (const [which, start] of cases) {
        same(`one that ${which} is not renewed`, await store.begin(start), false);
        same('and its new token is nobody’s', await found(store, start.session), null);
      }
      await isGone(store, ended);
      await isThere(store, current.session);
      await isThere(store, other);
    },
  },
  {
    name: 'renews a session for one of ten at once',
    async check(store) {
      for (let round = 0; round < 3; round++) {
        const own = await begun(store);
        const rivals = Array.from({ length: 10 }, (_, index) => renewal(own, NOW + index));
        const answers = await atOnce(10, (index) => outcome(store, rivals[index]!));
        same('exactly one renews it', tally(answers), { true: 1, false: 9 });
        for (const [index, rival] of rivals.entries()) {
          if (answers[index] === 'true') await isThere(store, rival.session, 'it is there as that one said');
          else same('another’s token is nobody’s', await found(store, rival.session), null);
        }
      }
    },
  },
  {
    name: 'ends a session for good while it is renewed and seen',
    async check(store) {
      for (let round = 0; round < 10; round++) {
        const own = await begun(store);
        const renewed = renewal(own);
        const seen = atOnce(3, (index) => store.touch({ id: own.id, seenAt: NOW + index }));
        const [, , ended] = await Promise.all([seen, store.begin(renewed), store.end({ id: own.id })]);
        same('the end is told', ids(ended), [own.id]);
        await isGone(store, own, 'the session is gone');
        await isGone(store, renewed.session, 'the renewed one too');
      }
    },
  },
  {
    name: 'stores when a session was seen, and never moves it back',
    async check(store) {
      const own = await begun(store);
      for (const [seenAt, stored] of [
        [NOW + MINUTE, NOW + MINUTE],
        [NOW + 5, NOW + MINUTE],
        [NOW + MINUTE, NOW + MINUTE],
        [NOW + 2 * MINUTE, NOW + 2 * MINUTE],
      ] as const) {
        same('it was there to be seen', await store.touch({ id: own.id, seenAt }), true);
        await isThere(store, { ...own, seenAt: stored }, `seen at ${seenAt - NOW}`);
      }
      const other = await begun(store);
      await atOnce(20, (index) => store.touch({ id: other.id, seenAt: NOW + ((index * 7) % 20) }));
      same('of twenty at once the latest stays', (await found(store, other))?.seenAt, NOW + 19);
    },
  },
  {
    name: 'sees nothing of a session that has ended, and revives none',
    async check(store) {
      const own = await begun(store);
      await store.end({ id: own.id });
      same('it is gone', await store.touch({ id: own.id, seenAt: NOW + MINUTE }), false);
      await isGone(store, own);
    },
  },
  {
    name: 'ends one by its id, only for its user and at its relying party where they are named',
    async check(store) {
      const own = await begun(store);
      const { id, userId, rpId } = own;
      const others: SessionSelection[] = [
        { id, userId: `user-${freshId()}` },
        { id, rpId: 'example.org' },
        { id, userId, rpId: 'example.org' },
      ];
      for (const other of others) same(`nothing ends with ${JSON.stringify(other)}`, await store.end(other), []);
      await isThere(store, own);
      for (const which of [{ id }, { id, userId }, { id, rpId }, { id, userId, rpId }]) {
        const next = { ...own, tokenHash: freshTokenHash() };
        await store.end({ id });
        await store.begin(start(next));
        same('the end answers the session', await store.end(which), [next]);
        await isGone(store, next);
      }
    },
  },
  {
    name: 'ends one by its token',
    async check(store) {
      const userId = `user-${freshId()}`;
      const [own, other] = [await begun(store, { userId }), await begun(store, { userId })];
      same('the end answers the session', await store.end({ tokenHash: own.tokenHash }), [own]);
      await isGone(store, own);
      await isThere(store, other);
    },
  },
  {
    name: 'ends all of a user, at one relying party or all but one, and nobody else’s',
    async check(store) {
      const userId = `user-${freshId()}`;
      const make = async () => ({
        here: [await begun(store, { userId }), await begun(store, { userId })] as const,
        there: await begun(store, { userId, rpId: 'example.org' }),
      });
      const stranger = await begun(store);
      const { here, there } = await make();
      same('all but one here', await store.end({ userId, rpId: 'example.com', except: here[0].id }), [here[1]]);
      await isThere(store, here[0], 'that one stays');
      await isThere(store, there, 'and those elsewhere');
      const more = await make();
      const ended = await store.end({ userId, except: there.id });
      same('all but one everywhere', sorted(ended), sorted([here[0], ...more.here, more.there]));
      const last = await make();
      same('all here', sorted(await store.end({ userId, rpId: 'example.com' })), sorted([...last.here]));
      same('all', sorted(await store.end({ userId })), sorted([there, last.there]));
      same('then there is none', await store.listByUser(userId), []);
      await isThere(store, stranger, 'a stranger’s session stays');
    },
  },
  {
    name: 'ends all of a user at one relying party but one and so many others, those that were seen latest',
    async check(store) {
      const userId = `user-${freshId()}`;
      const make = (seen: number, members: Partial<SignInSession> = {}) =>
        begun(store, { userId, seenAt: NOW + seen, ...members });
      // Neither the order in which they began nor that of their ids is the order in which they were seen.
      const own = [
        await make(5, { createdAt: NOW }),
        await make(2, { createdAt: NOW + 9 }),
        await make(9),
        await make(7),
      ];
      const [, oldest, ...others] = own;
      const elsewhere = [await make(0, { rpId: 'example.org' }), await make(99, { rpId: 'example.org' })];
      const stranger = await begun(store, { seenAt: 0 });
      const besides = (except: SignInSession, keepLatest: number) =>
        store.end({ userId, rpId: 'example.com', except: except.id, keepLatest });
      same('who has no more than that keeps all', await besides(own[0]!, 3), []);
      same('the one seen longest ago ends', await besides(own[0]!, 2), [oldest]);
      await isGone(store, oldest!);
      same('the one that stays does not count, and is not judged', sorted(await besides(others[0]!, 1)), [own[0]!.id]);
      same('none but the one', sorted(await besides(own[3]!, 0)), sorted([own[2]!]));
      await isThere(store, own[3]!, 'that one stays');
      for (const each of elsewhere) await isThere(store, each, 'and those elsewhere');
      await isThere(store, stranger, 'and a stranger’s');
      const alike = [await make(0, { createdAt: NOW + 1 }), await make(0, { createdAt: NOW })];
      same('of those seen at one instant the one that began first ends', await besides(own[3]!, 1), [alike[1]]);
    },
  },
  {
    name: 'ends each of the sessions beyond those to keep once, though ten begin and end at once',
    async check(store) {
      const userId = `user-${freshId()}`;
      for (let seen = 0; seen < 5; seen++) await begun(store, { userId, seenAt: NOW + seen });
      const answers = await atOnce(10, async (index) => {
        const { id } = await begun(store, { userId, seenAt: NOW + 100 + index });
        return store.end({ userId, rpId: 'example.com', except: id, keepLatest: 4 });
      });
      const ended = ids(answers.flat());
      same('none is told twice', new Set(ended).size, ended.length);
      const left = await store.listByUser(userId);
      same('what is not told is there', left.length + ended.length, 15);
      same('no more than that are left', left.length <= 5, true);
    },
  },
  {
    name: 'ends all that a passkey made or confirmed, of this user only',
    async check(store) {
      const userId = `user-${freshId()}`;
      const passkeyId = freshId();
      const made = await begun(store, { userId, passkeyId });
      const confirmed = await begun(store, {
        userId,
        stepUp: { at: NOW, action: null, passkeyId, userVerified: true },
      });
      const other = await begun(store, {
        userId,
        stepUp: { at: NOW, action: null, passkeyId: freshId(), userVerified: true },
      });
      const elsewhere = await begun(store, { userId, passkeyId, rpId: 'example.org' });
      const stranger = await begun(store, { passkeyId });
      const ended = await store.end({ userId, passkeyId });
      same('those that it made or confirmed', sorted(ended), sorted([made, confirmed, elsewhere]));
      await isGone(store, made);
      await isGone(store, confirmed);
      await isThere(store, other, 'another passkey’s stays');
      await isThere(store, stranger, 'a stranger’s stays');
    },
  },
  {
    name: 'tells one of ten who end a session at once',
    async check(store) {
      for (const select of [
        ({ id }: SignInSession) => ({ id }),
        ({ tokenHash }: SignInSession) => ({ tokenHash }),
        ({ userId }: SignInSession) => ({ userId }),
        ({ userId, passkeyId }: SignInSession) => ({ userId, passkeyId }),
      ]) {
        const own = await begun(store);
        const answers = await atOnce(10, () => store.end(select(own)));
        same(`${Object.keys(select(own))}: told once`, ids(answers.flat()), [own.id]);
        same('a later end finds nothing', await store.end(select(own)), []);
      }
    },
  },
  {
    name: 'lists the sessions of a user newest first, and no one else’s',
    async check(store) {
      const userId = `user-${freshId()}`;
      const made: SignInSession[] = [];
      for (const day of [3, 1, 2]) made.push(await begun(store, { userId, createdAt: NOW + day, seenAt: NOW - day }));
      await begun(store, { userId: `${userId}x` });
      same('newest first', ids(await store.listByUser(userId)), [made[0]!.id, made[2]!.id, made[1]!.id]);
      same('a pattern is no user', await store.listByUser('user-%'), []);
    },
  },
  {
    name: 'forgets expired sessions, at most so many a call, and never a live one',
    async check(store) {
      // An hour of its own between 1971 and 2001: in the present it would forget the live sessions of a shared store.
      const hour = Date.UTC(1971, 0) + Math.floor(Math.random() * 30 * 365 * 24) * 60 * MINUTE;
      const userId = `user-${freshId()}`;
      const expired = await atOnce(5, (index) => begun(store, { userId, expiresAt: hour - index }));
      const live = await begun(store, { userId, expiresAt: hour + 1 });
      let forgotten = 0;
      for (let calls = 0; ; calls++) {
        same('forgetExpired comes to an end', calls < 10_000, true);
        const count = await store.forgetExpired({ now: hour, limit: 2 });
        same('at most two a call', count >= 0 && count <= 2, true);
        if (count === 0) break;
        forgotten += count;
      }
      await isThere(store, live, 'a live one stays');
      // A store whose rows expire by its own clock has nothing to forget.
      if (forgotten === 0) return;
      same('the others are counted', forgotten >= expired.length, true);
      for (const each of expired) await isGone(store, each, 'an expired one is gone');
    },
  },
];
