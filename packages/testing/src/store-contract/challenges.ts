/** What a challenge store promises, rule by rule. The words are those of core's `store.ts`. */
import { type ChallengeStore, type PendingCeremony, REMEMBERED_MS, type TakeResult } from '@latchkey/core';
import { atOnce, freshId, randomBytes, type StoreRule, same, tally } from './rule.ts';

const NOW = Date.UTC(2026, 10, 22);
const MINUTE = 60_000;

function ceremony(members: Partial<PendingCeremony> = {}): PendingCeremony {
  return {
    attemptId: freshId(),
    purpose: 'sign_in',
    binding: Buffer.from(randomBytes(32)).toString('base64url'),
    userId: null,
    begun: false,
    expiresAt: NOW + 2 * MINUTE,
    state: '{"challenge":"abc"}',
    ...members,
  };
}

/** Keeps a ceremony and hands it back, for checks that need one to be there. */
async function kept(store: ChallengeStore, members: Partial<PendingCeremony> = {}): Promise<PendingCeremony> {
  const opened = ceremony(members);
  await store.put(opened);
  return opened;
}

/** A take that matches, unless told otherwise. */
async function take(store: ChallengeStore, { attemptId, binding }: PendingCeremony, now = NOW): Promise<TakeResult> {
  return store.take({ attemptId, binding, now });
}

const statuses = (takes: readonly TakeResult[]) => tally(takes.map(({ status }) => status));
const ids = (ceremonies: readonly PendingCeremony[]) => ceremonies.map(({ attemptId }) => attemptId);

/**
 * An hour of its own for a check that sweeps: somewhere between 1971 and 2001. A sweep takes whatever expired before its
 * `now`, so one in the present would take the live ceremonies of a shared store. What an earlier, failed check left
 * behind in an older hour may turn up too; {@link sweep} looks only at the check's own.
 */
const pastHour = () => Date.UTC(1971, 0) + Math.floor(Math.random() * 30 * 365 * 24) * 60 * MINUTE;

/** Sweeps until nothing is left, and gives those of `own` in the order they came, as often as they came. */
async function sweep(store: ChallengeStore, now: number, own: readonly PendingCeremony[], limit = 100) {
  const swept: PendingCeremony[] = [];
  for (let calls = 0; ; calls++) {
    same('takeExpired comes to an end', calls < 10_000, true);
    const given = await store.takeExpired({ now, limit });
    same(`takeExpired gives at most ${limit} a call`, given.length <= limit, true);
    if (given.length === 0) return swept;
    swept.push(...given.filter(({ attemptId }) => ids(own).includes(attemptId)));
  }
}

/** What every {@link ChallengeStore} promises: each ceremony ends once, for one taker, in time. */
export const challengeStoreContract: readonly StoreRule<ChallengeStore>[] = [
  {
    name: 'gives a ceremony back as it was put',
    async check(store) {
      const state = JSON.stringify({ text: `🔑 ' " % _ \\ \u0000 \u2028 ${'x'.repeat(32_000)}` });
      for (const members of [
        { state },
        { purpose: 'registration', userId: 'üser 🙂 \'";--%_\\', begun: true },
        { purpose: 'step_up', userId: 'u'.repeat(255), expiresAt: NOW + 1 },
        { attemptId: `${freshId()}-${'A'.repeat(64 - 37)}` },
      ] satisfies Partial<PendingCeremony>[]) {
        const opened = await kept(store, members);
        same('take gives what put kept', await take(store, opened), { status: 'fresh', ceremony: opened });
      }
    },
  },
  {
    name: 'gives the challenge to one of 50 concurrent takers',
    async check(store) {
      const opened = await kept(store);
      const takes = await atOnce(50, () => take(store, opened));
      same('exactly one of 50 concurrent takers gets it', statuses(takes), { fresh: 1, consumed: 49 });
    },
  },
  {
    name: 'answers consumed to every later take, whatever it expects',
    async check(store) {
      const opened = await kept(store);
      await take(store, opened);
      for (const binding of [opened.binding, ceremony().binding]) {
        same('a taken ceremony is consumed', await store.take({ attemptId: opened.attemptId, binding, now: NOW }), {
          status: 'consumed',
        });
      }
    },
  },
  {
    name: 'answers unknown to an id that was never put',
    async check(store) {
      const opened = await kept(store, { attemptId: `Case-${freshId()}` });
      const near = [opened.attemptId.toLowerCase(), `${opened.attemptId} `, `${opened.attemptId}\0`];
      // An id is whatever someone sends: what cannot be one is no error, it is unknown.
      for (const attemptId of [freshId(), ...near, '', '%', '\0', '\ud800', '🔑', "' or 1=1 --", 'x'.repeat(10_000)]) {
        const label = `${JSON.stringify(attemptId.slice(0, 80))} is unknown`;
        await store.begin({ attemptId, binding: opened.binding });
        same(label, await take(store, { ...opened, attemptId }), { status: 'unknown' });
      }
      same('the ceremony is still open', await take(store, opened), { status: 'fresh', ceremony: opened });
    },
  },
  {
    name: 'gives a ceremony only for its purpose, and leaves it open otherwise',
    async check(store) {
      const opened = await kept(store, { purpose: 'sign_in' });
      const { attemptId, binding } = opened;
      for (const purpose of ['registration', 'step_up'] as const) {
        const answer = await store.take({ attemptId, binding, purpose, now: NOW });
        same(`a sign-in is not given for ${purpose}`, answer, { status: 'mismatch', member: 'purpose' });
      }
      const answer = await store.take({ attemptId, binding, purpose: 'sign_in', now: NOW });
      same('a mismatch leaves the ceremony open', answer.status, 'fresh');
    },
  },
  {
    name: 'gives a ceremony only to its binding, and leaves it open otherwise',
    async check(store) {
      const opened = await kept(store, { binding: 'Ab'.repeat(21) });
      for (const binding of [ceremony().binding, opened.binding.toLowerCase(), `${opened.binding} `, '']) {
        const answer = await store.take({ attemptId: opened.attemptId, binding, now: NOW });
        same('another binding gets nothing', answer, { status: 'mismatch', member: 'binding' });
      }
      same('a mismatch leaves the ceremony open', (await take(store, opened)).status, 'fresh');
    },
  },
  {
    name: 'gives a ceremony only to its user, and leaves it open otherwise',
    async check(store) {
      for (const [userId, others] of [
        ['Alice', ['alice', 'Alice ', 'bob', '', null]],
        [null, ['alice', 'null', '']],
      ] as const) {
        const opened = await kept(store, { userId });
        const { attemptId, binding } = opened;
        for (const other of others) {
          const answer = await store.take({ attemptId, binding, userId: other, now: NOW });
          same(`${userId}'s ceremony is not given to ${JSON.stringify(other)}`, answer, {
            status: 'mismatch',
            member: 'user',
          });
        }
        const answer = await store.take({ attemptId, binding, userId, now: NOW });
        same('a mismatch leaves the ceremony open', answer.status, 'fresh');
      }
    },
  },
  {
    name: 'judges purpose before binding before user',
    async check(store) {
      const { attemptId, binding } = await kept(store, { userId: 'alice' });
      const other = { purpose: 'step_up', binding: ceremony().binding, userId: 'bob' } as const;
      const all = await store.take({ attemptId, ...other, now: NOW });
      same('all three differ: purpose is named', all, { status: 'mismatch', member: 'purpose' });
      const two = await store.take({ attemptId, ...other, purpose: 'sign_in', now: NOW });
      same('binding and user differ: binding is named', two, { status: 'mismatch', member: 'binding' });
      const one = await store.take({ attemptId, ...other, purpose: 'sign_in', binding, now: NOW });
      same('the user differs: user is named', one, { status: 'mismatch', member: 'user' });
    },
  },
  {
    name: 'matches anything where nothing is expected',
    async check(store) {
      const opened = await kept(store, { purpose: 'step_up', userId: 'alice' });
      same('purpose and user left out match', (await take(store, opened)).status, 'fresh');
    },
  },
  {
    name: 'gives nothing from the instant of expiry on, and a late take changes nothing',
    async check(store) {
      const opened = await kept(store);
      for (const late of [opened.expiresAt, opened.expiresAt + 1, opened.expiresAt + REMEMBERED_MS]) {
        same(`expired ${late - opened.expiresAt} ms late`, await take(store, opened, late), { status: 'expired' });
      }
      const inTime = await take(store, opened, opened.expiresAt - 1);
      same('open while now < expiresAt, also after a late take', inTime.status, 'fresh');
    },
  },
  {
    name: 'judges expiry by the instant handed in, far past or far future',
    async check(store) {
      for (const expiresAt of [1, Date.UTC(1980, 0), NOW, Date.UTC(2222, 0), Date.UTC(9999, 0)]) {
        const opened = await kept(store, { expiresAt });
        same(`expired at ${expiresAt}`, (await take(store, opened, expiresAt)).status, 'expired');
        same(`open at ${expiresAt - 1}`, (await take(store, opened, expiresAt - 1)).status, 'fresh');
      }
    },
  },
  {
    name: 'remembers that an id was taken until ten minutes after its expiry, and no longer',
    async check(store) {
      const opened = await kept(store);
      await take(store, opened);
      const last = opened.expiresAt + REMEMBERED_MS;
      same('still consumed', (await take(store, opened, last)).status, 'consumed');
      same('unknown a millisecond later', (await take(store, opened, last + 1)).status, 'unknown');
    },
  },
  {
    name: 'remembers that an id expired until ten minutes after its expiry, and no longer',
    async check(store) {
      const opened = await kept(store);
      const last = opened.expiresAt + REMEMBERED_MS;
      same('still expired', (await take(store, opened, last)).status, 'expired');
      same('unknown a millisecond later', (await take(store, opened, last + 1)).status, 'unknown');
    },
  },
  {
    name: 'remembers ids through a sweep',
    async check(store) {
      const expiresAt = pastHour();
      const taken = await kept(store, { expiresAt });
      const swept = await kept(store, { expiresAt });
      await take(store, taken, expiresAt - 1);
      const last = expiresAt + REMEMBERED_MS;
      await sweep(store, last, [taken, swept]);
      same('the taken one is consumed', (await take(store, taken, last)).status, 'consumed');
      same('the swept one is expired', (await take(store, swept, last)).status, 'expired');
      await sweep(store, last + 1, [taken, swept]);
      same('the taken one is forgotten', (await take(store, taken, last + 1)).status, 'unknown');
      same('the swept one is forgotten', (await take(store, swept, last + 1)).status, 'unknown');
    },
  },
  {
    name: 'begins an open ceremony for its own binding only',
    async check(store) {
      const own = await kept(store);
      await store.begin({ attemptId: own.attemptId, binding: own.binding });
      same('begun by its own binding', await take(store, own), { status: 'fresh', ceremony: { ...own, begun: true } });

      const other = await kept(store);
      await store.begin({ attemptId: other.attemptId, binding: ceremony().binding });
      same('not begun by another', await take(store, other), { status: 'fresh', ceremony: other });
    },
  },
  {
    name: 'begins nothing that is taken or unknown',
    async check(store) {
      const taken = await kept(store);
      await take(store, taken);
      await store.begin({ attemptId: taken.attemptId, binding: taken.binding });
      same('a taken ceremony stays taken', (await take(store, taken)).status, 'consumed');

      const never = ceremony();
      await store.begin({ attemptId: never.attemptId, binding: never.binding });
      same('an unknown id stays unknown', (await take(store, never)).status, 'unknown');
    },
  },
  {
    name: 'gives each expired ceremony to one of two sweepers',
    async check(store) {
      const hour = pastHour();
      const expired = await atOnce(40, (index) => kept(store, { expiresAt: hour + index, begun: index % 2 === 0 }));
      const swept = (await atOnce(2, () => sweep(store, hour + MINUTE, expired, 7))).flat();
      const byId = (a: PendingCeremony, b: PendingCeremony) => (a.attemptId < b.attemptId ? -1 : 1);
      same('two sweepers together get each once, as it was put', swept.sort(byId), expired.sort(byId));
      same('a third gets none of them', await sweep(store, hour + MINUTE, expired), []);
    },
  },
  {
    name: 'sweeps nothing that was taken',
    async check(store) {
      const expiresAt = pastHour();
      const taken = await kept(store, { expiresAt });
      const left = await kept(store, { expiresAt });
      await take(store, taken, expiresAt - 1);
      same('only the one nobody took', ids(await sweep(store, expiresAt, [taken, left])), [left.attemptId]);
    },
  },
  {
    name: 'sweeps nothing that is still open',
    async check(store) {
      const expiresAt = pastHour();
      const due = await kept(store, { expiresAt });
      const open = await kept(store, { expiresAt: expiresAt + 1 });
      same('only the one that expired', ids(await sweep(store, expiresAt, [due, open])), [due.attemptId]);
      same('the other can be taken', (await take(store, open, expiresAt)).status, 'fresh');
    },
  },
  {
    name: 'sweeps oldest first, at most so many a call',
    async check(store) {
      const hour = pastHour();
      const order = [4, 1, 3, 0, 2].map((index) => ceremony({ expiresAt: hour + index * 700 }));
      for (const each of order) await store.put(each);
      const oldestFirst = ids([...order].sort((a, b) => a.expiresAt - b.expiresAt));
      same('the oldest comes first', ids(await sweep(store, hour + MINUTE, order, 2)), oldestFirst);
    },
  },
  {
    name: 'sweeps what expired long ago',
    async check(store) {
      const expiresAt = pastHour();
      const opened = await kept(store, { expiresAt });
      // Nobody swept for a day: the attempt was still abandoned, and its record is still owed.
      same('an old one is swept', ids(await sweep(store, expiresAt + 24 * 60 * MINUTE, [opened])), [opened.attemptId]);
    },
  },
  {
    name: 'gives a swept ceremony to no taker',
    async check(store) {
      const expiresAt = pastHour();
      const opened = await kept(store, { expiresAt });
      await sweep(store, expiresAt, [opened]);
      // Even to one whose clock is behind the sweeper's.
      same('a swept ceremony has expired', await take(store, opened, expiresAt - 1), { status: 'expired' });
    },
  },
  {
    name: 'gives a ceremony to a taker or to a sweeper, never to both',
    async check(store) {
      const expiresAt = pastHour();
      const opened = await atOnce(20, () => kept(store, { expiresAt }));
      const [swept, ...takes] = await Promise.all([
        sweep(store, expiresAt, opened, 3),
        ...opened.map((each) => take(store, each, expiresAt - 1)),
      ]);
      const taken = takes.filter(({ status }) => status === 'fresh');
      same('takers and sweeper together got each once', taken.length + swept.length, opened.length);
    },
  },
];
