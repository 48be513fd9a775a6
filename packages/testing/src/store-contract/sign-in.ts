/**
 * What `recordUse` promises with a session to begin: both are stored, or neither. For stores whose passkeys have
 * `sessions`; in all others core does one after the other.
 */
import type { Passkey, PasskeyStore, PasskeyUse, SessionStart, SessionStore } from '@latchkey/core';
import { inserted, shown } from './passkeys.ts';
import { atOnce, type StoreRule, same, tally } from './rule.ts';
import { begun, freshTokenHash, isGone, isThere, renewal, session, start } from './sessions.ts';

const NOW = Date.UTC(2026, 10, 22);

const USE: PasskeyUse = { signCount: 0, backupEligible: true, backedUp: true, usedAt: NOW + 5 };

/** A passkey store that can begin sessions. */
export type SignInStore = PasskeyStore & { readonly sessions: SessionStore };

/** A session that this passkey makes. */
const madeBy = ({ id: passkeyId, userId, rpId, generation }: Passkey) =>
  session({ passkeyId, userId, rpId, generation });

/** Promises that the passkey is as it was read. */
async function isUnused(store: SignInStore, read: Passkey): Promise<void> {
  same('the passkey is as it was', (await store.listByUser(read.userId)).map(shown), [shown(read)]);
}

/** What every passkey store with `sessions` promises: no session without a recorded use, and no use without its session. */
export const signInStoreContract: readonly StoreRule<SignInStore>[] = [
  {
    name: 'records a use and begins its session',
    async check(store) {
      const passkey = await inserted(store);
      const made = madeBy(passkey);
      const answer = await store.recordUse({ passkey, use: USE, session: start(made) });
      same('recorded', answer, 'recorded');
      await isThere(store.sessions, made);
      const { usedAt, ...changed } = USE;
      const expected = shown({ ...passkey, ...changed, lastUsedAt: usedAt });
      same('the use is stored', (await store.listByUser(passkey.userId)).map(shown), [expected]);
    },
  },
  {
    name: 'begins, ends and renews nothing where the use is stale',
    async check(store) {
      const passkey = await inserted(store, { signCount: 5 });
      const old = await begun(store.sessions, { userId: passkey.userId });
      const stale: [string, Passkey][] = [
        ['another counter', { ...passkey, signCount: 4 }],
        ['another generation', { ...passkey, generation: 1 }],
      ];
      for (const [which, read] of stale) {
        const starts: SessionStart[] = [
          start(madeBy(read)),
          { session: madeBy(read), replaces: old.tokenHash, renews: false },
          renewal(old),
        ];
        for (const begin of starts) {
          same(which, await store.recordUse({ passkey: read, use: USE, session: begin }), 'stale');
          same('its token is nobody’s', await store.sessions.find({ tokenHash: begin.session.tokenHash }), null);
        }
      }
      await isUnused(store, passkey);
      await isThere(store.sessions, old, 'the session before stays');
      same('and is the only one', (await store.sessions.listByUser(passkey.userId)).length, 1);
    },
  },
  {
    name: 'records no use where the session to renew is gone',
    async check(store) {
      const passkey = await inserted(store);
      const ended = await begun(store.sessions, { userId: passkey.userId });
      await store.sessions.end({ id: ended.id });
      const renewed = await begun(store.sessions, { userId: passkey.userId });
      const current = renewal(renewed);
      await store.sessions.begin(current);
      for (const gone of [renewal(ended), renewal(renewed)]) {
        same('told', await store.recordUse({ passkey, use: USE, session: gone }), 'session_gone');
        same('its token is nobody’s', await store.sessions.find({ tokenHash: gone.session.tokenHash }), null);
      }
      await isUnused(store, passkey);
      await isGone(store.sessions, ended);
      await isThere(store.sessions, current.session);
    },
  },
  {
    name: 'begins the session of one of 50 uses that would each be the first',
    async check(store) {
      const passkey = await inserted(store);
      const made = Array.from({ length: 50 }, () => madeBy(passkey));
      const answers = await atOnce(50, (index) => store.recordUse({ passkey, use: USE, session: start(made[index]!) }));
      same('exactly one is recorded', tally(answers), { recorded: 1, stale: 49 });
      const own = await store.sessions.listByUser(passkey.userId);
      same('it is the one session', own, [made[answers.indexOf('recorded')]]);
    },
  },
  {
    name: 'renews a session for one of ten uses at once',
    async check(store) {
      // It was used before, and its counter stays 0: as uses alone, all ten would be recorded.
      const passkey = await inserted(store, { lastUsedAt: NOW });
      const old = await begun(store.sessions, { userId: passkey.userId });
      const rivals = Array.from({ length: 10 }, () => renewal(old));
      const answers = await atOnce(10, (index) =>
        store.recordUse({ passkey, use: { ...USE, usedAt: NOW + index }, session: rivals[index]! }),
      );
      same('exactly one renews', tally(answers), { recorded: 1, session_gone: 9 });
      const winner = answers.indexOf('recorded');
      await isThere(store.sessions, rivals[winner]!.session);
      const [stored] = await store.listByUser(passkey.userId);
      same('it is the one use', stored?.lastUsedAt, NOW + winner);
    },
  },
  {
    name: 'ends the session that the new one replaces, also a stranger’s',
    async check(store) {
      const passkey = await inserted(store, { lastUsedAt: NOW });
      for (const replaced of [await begun(store.sessions, { userId: passkey.userId }), await begun(store.sessions)]) {
        const next = { session: madeBy(passkey), replaces: replaced.tokenHash, renews: false };
        same('recorded', await store.recordUse({ passkey, use: USE, session: next }), 'recorded');
        await isThere(store.sessions, next.session);
        await isGone(store.sessions, replaced);
      }
      const next = { session: madeBy(passkey), replaces: freshTokenHash(), renews: false };
      same('also where there is none', await store.recordUse({ passkey, use: USE, session: next }), 'recorded');
    },
  },
  {
    name: 'ends a session for good while a use renews it',
    async check(store) {
      const passkey = await inserted(store, { lastUsedAt: NOW });
      for (let round = 0; round < 10; round++) {
        const old = await begun(store.sessions, { userId: passkey.userId });
        const renewed = renewal(old);
        const [, ended] = await Promise.all([
          store.recordUse({ passkey, use: USE, session: renewed }),
          store.sessions.end({ id: old.id }),
        ]);
        same('the end is told', ended.length, 1);
        await isGone(store.sessions, renewed.session);
      }
    },
  },
  {
    name: 'throws for a token that is taken, and records no use',
    async check(store) {
      const passkey = await inserted(store);
      const other = await begun(store.sessions);
      const begin = start({ ...madeBy(passkey), tokenHash: other.tokenHash });
      const recording = (async () => store.recordUse({ passkey, use: USE, session: begin }))();
      const thrown = await recording.then(
        (answer) => answer,
        () => 'thrown',
      );
      same('it throws', thrown, 'thrown');
      await isUnused(store, passkey);
      await isThere(store.sessions, other);
    },
  },
];
