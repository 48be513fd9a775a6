/** What an attempt store promises, rule by rule. The words are those of core's `store.ts`. */
import type { AttemptQuery, AttemptRecord, AttemptStore } from '@latchkey/core';
import { atOnce, freshId, randomBytes, type StoreRule, same } from './rule.ts';

const NOW = Date.UTC(2026, 10, 22);

/** A UUIDv7 of that instant. RFC 9562, §5.7. */
function eventId(time: number): string {
  const random = Buffer.from(randomBytes(10)).toString('hex');
  const instant = time.toString(16).padStart(12, '0');
  return `${instant.slice(0, 8)}-${instant.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`;
}

type Members = Partial<Pick<AttemptRecord['event'], 'id' | 'name'>> &
  Partial<Pick<AttemptRecord, 'outcome' | 'message'>> &
  Partial<Pick<AttemptRecord['immediate'], 'enforcement'>> & { time?: number; userId?: string | null };

/** A complete record; what the members say, and the rest of a sign-in that went well. */
function record(members: Members = {}): AttemptRecord {
  const { time = NOW, userId = null, name = 'latchkey.signin.attempt', outcome = 'success' } = members;
  return {
    schema: `${name}/1`,
    event: { id: members.id ?? eventId(time), name, time: new Date(time).toISOString(), severity: 'INFO' },
    attempt: {
      id: freshId(),
      entry: 'options',
      mode: 'immediate',
      stage: 'session',
      startedAt: new Date(time - 900).toISOString(),
      ceremonyMs: 900,
      processingMs: 1.25,
    },
    outcome,
    reason: null,
    reasonSource: null,
    immediate: {
      policy: 'require',
      requested: true,
      requestConformant: true,
      clientReport: 'used',
      evidence: 'client_report',
      enforcement: members.enforcement ?? 'enforced',
      unmet: [],
    },
    assertion: {
      evaluated: true,
      signature: 'valid',
      userPresent: true,
      userVerified: true,
      userVerificationPolicy: 'required',
      backupEligible: true,
      backedUp: false,
      backupEligibleChanged: false,
      signCount: 'zero',
      crossOrigin: false,
    },
    challenge: { status: 'fresh', ageMs: 900, ttlMs: 120_000 },
    policy: { decision: 'allow', requirements: [], failedRule: null, wouldDeny: null },
    credential: {
      ref: 'ref',
      aaguid: null,
      attachmentReported: 'platform',
      discoverableReported: null,
      attestationFormat: null,
    },
    user: { known: userId !== null, id: userId, hash: null, created: false },
    session: { id: null, endedBy: null, endedBecause: null },
    change: { by: null, note: null },
    client: { address: '2001:db8::1', userAgent: 'Mozilla/5.0', immediateGet: true },
    rp: { id: 'example.com', origin: 'https://example.com' },
    http: { method: 'POST', route: '/authentication/verify', status: 200 },
    library: { name: '@latchkey/core', version: '0.0.0', framework: 'express' },
    trace: { traceId: null, spanId: null, sampled: null, optionsTraceId: null, optionsSpanId: null },
    message: members.message ?? 'signed in',
  };
}

/** Every check has a user of its own, and asks for nothing but that user's records. */
const freshUser = () => `user-${freshId()}`;
const ids = (records: readonly AttemptRecord[]) => records.map(({ event }) => event.id);

async function listed(store: AttemptStore, query: Partial<AttemptQuery>) {
  return ids(await store.list({ limit: 100, ...query }));
}

/** Long ago: what a check purges is its own, and nobody else's record is older. */
const LONG_AGO = Date.UTC(1975, 0);

/** What every {@link AttemptStore} promises: one record for each event, found again by what it says. */
export const attemptStoreContract: readonly StoreRule<AttemptStore>[] = [
  {
    name: 'gives a record back as it was appended',
    async check(store) {
      const userId = `${freshUser()} 🙂 ' " \\ % _ ${'\u20ac'.repeat(150)}`;
      const kept = record({ userId, message: '👩🏽‍💻 \' " \\ % \u2028 \u0000 {}' });
      await store.append(kept);
      same('list gives what append kept', await store.list({ userId, limit: 10 }), [kept]);
    },
  },
  {
    name: 'keeps one record for an event, also when it comes ten times at once',
    async check(store) {
      const userId = freshUser();
      const kept = record({ userId });
      await atOnce(10, () => store.append(kept));
      await store.append({ ...kept, message: 'appended later' });
      same('one record, the first', await store.list({ userId, limit: 10 }), [kept]);
    },
  },
  {
    name: 'lists the newest first, whatever order they came in',
    async check(store) {
      const userId = freshUser();
      const records = [3, 1, 4, 2].map((minute) => record({ userId, time: NOW + minute * 60_000 }));
      for (const each of records) await store.append(each);
      same('newest first', await listed(store, { userId }), ids(records).sort().reverse());
    },
  },
  {
    name: 'narrows by user, and by the exact user only',
    async check(store) {
      const userId = freshUser();
      const [own, ...others] = [userId, userId.toUpperCase(), `${userId} `, null].map((id) => record({ userId: id }));
      for (const each of [own!, ...others]) await store.append(each);
      same('only the exact user', await listed(store, { userId }), [own!.event.id]);
    },
  },
  {
    name: 'narrows by name, outcome and enforcement, one by one and together',
    async check(store) {
      const userId = freshUser();
      const signedIn = record({ userId, time: NOW + 3 });
      const failed = record({ userId, time: NOW + 2, outcome: 'failure', enforcement: 'not_enforced' });
      const removed = record({
        userId,
        time: NOW + 1,
        name: 'latchkey.passkey.removed',
        enforcement: 'not_applicable',
      });
      for (const each of [signedIn, failed, removed]) await store.append(each);
      for (const [query, expected] of [
        [{ name: 'latchkey.signin.attempt' }, [signedIn, failed]],
        [{ outcome: 'success' }, [signedIn, removed]],
        [{ enforcement: 'not_enforced' }, [failed]],
        [{ name: 'latchkey.signin.attempt', outcome: 'success', enforcement: 'enforced' }, [signedIn]],
        [{ name: 'latchkey.passkey.removed', outcome: 'failure' }, []],
      ] satisfies [Partial<AttemptQuery>, AttemptRecord[]][]) {
        same(`list by ${JSON.stringify(query)}`, await listed(store, { userId, ...query }), ids(expected));
      }
    },
  },
  {
    name: 'narrows by time, from an instant on and before another',
    async check(store) {
      const userId = freshUser();
      const [first, second, third] = [0, 1, 2].map((ms) => record({ userId, time: NOW + ms }));
      for (const each of [first!, second!, third!]) await store.append(each);
      same('since is included', await listed(store, { userId, since: NOW + 1 }), ids([third!, second!]));
      same('until is not', await listed(store, { userId, until: NOW + 1 }), ids([first!]));
      same('both', await listed(store, { userId, since: NOW + 1, until: NOW + 2 }), ids([second!]));
    },
  },
  {
    name: 'pages through everything once',
    async check(store) {
      const userId = freshUser();
      // Several in the same millisecond: their ids alone tell them apart.
      const records = Array.from({ length: 7 }, (_, index) => record({ userId, time: NOW + Math.floor(index / 3) }));
      for (const each of records) await store.append(each);
      const pages: string[][] = [];
      for (let before: string | undefined; ; before = pages.at(-1)!.at(-1)!) {
        const page = await listed(store, { userId, limit: 3, ...(before === undefined ? {} : { before }) });
        // A store that ignores `before` would go on for ever.
        if (page.length === 0 || pages.length > records.length) break;
        pages.push(page);
      }
      same('pages of three, newest first, nothing twice and nothing missing', pages, [
        ids(records).sort().reverse().slice(0, 3),
        ids(records).sort().reverse().slice(3, 6),
        ids(records).sort().reverse().slice(6),
      ]);
    },
  },
  {
    name: 'purges what ended before an instant, so many at a time, and nothing else',
    async check(store) {
      while ((await store.purge({ before: LONG_AGO + 1_000, limit: 100 })) === 100);
      const userId = freshUser();
      const records = Array.from({ length: 7 }, (_, n) => record({ userId, time: LONG_AGO + n }));
      for (const each of [...records].reverse()) await store.append(each);
      const due = { before: LONG_AGO + 5, limit: 3 };
      same('the first three', await store.purge(due), 3);
      same('four are left', (await listed(store, { userId })).length, 4);
      same('the rest that is due', await store.purge(due), 2);
      same('nothing more', await store.purge(due), 0);
      same('what ended then or later stays', await listed(store, { userId }), ids([records[6]!, records[5]!]));
      await store.append(records[0]!);
      same('a purged record can be appended again', (await listed(store, { userId })).length, 3);
      await store.purge({ before: LONG_AGO + 1_000, limit: 100 });
    },
  },
  {
    name: 'erases every record that names a user, so many at a time, and no record of anybody else',
    async check(store) {
      const userId = freshUser();
      const own = [0, 1, 2, 3, 4].map((ms) => record({ userId, time: NOW + ms }));
      const others = [userId.toUpperCase(), `${userId} `, `${userId}-2`].map((id) => record({ userId: id }));
      const nobody = record({ userId: null, time: NOW + 9 });
      const related = { ...nobody, attempt: { ...nobody.attempt, relatedId: own[0]!.attempt.id } };
      for (const each of [...own, ...others, related]) await store.append(each);
      const user = { userId, limit: 3 };
      same('the first three', await store.eraseUser(user), 3);
      same('two are left', (await listed(store, { userId })).length, 2);
      same('the rest', await store.eraseUser(user), 2);
      same('nothing more', await store.eraseUser(user), 0);
      same('no record is left', await listed(store, { userId }), []);
      for (const { user: other, event } of others) {
        same('those of others stay', await listed(store, { userId: other.id! }), [event.id]);
      }
      const nobodys = await store.list({ since: NOW + 9, until: NOW + 10, limit: 1_000 });
      same('a record that only points to one of them stays', ids(nobodys).includes(related.event.id), true);
    },
  },
  {
    name: 'erases behind what stays, however much that is',
    async check(store) {
      const [userId, other] = [freshUser(), freshUser()];
      const between = Array.from({ length: 250 }, (_, n) => record({ userId: other, time: NOW + n }));
      for (const each of between) await store.append(each);
      await store.append(record({ userId, time: NOW + 1_000 }));
      same('the one behind', await store.eraseUser({ userId, limit: 10 }), 1);
      same('the others stay', (await listed(store, { userId: other, limit: 1_000 })).length, 250);
      same('all of them', await store.eraseUser({ userId: other, limit: 1_000 }), 250);
    },
  },
];
