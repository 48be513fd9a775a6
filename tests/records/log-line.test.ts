/** The log line with pseudonyms: nobody is named in it, everything else is as it was, and whatever keeps records has the whole one. */
import { type AttemptRecord, type Logger, memoryStore, pseudonymizer, type Sink, type Store } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import { createSoftwarePasskey, USED } from '@latchkey/testing';
import { Kysely } from 'kysely';
import { expect, onTestFinished, test, vi } from 'vitest';
import { assertValidRecord } from '../http/record-schema.ts';
import { ORIGIN, openDirect } from '../security/direct.ts';
import { kyselyDialect } from '../stores/support/databases.ts';

const KEY = 'a key for tests, and for tests only';
const ADDRESS = '203.0.113.77';

/** A sink that remembers. */
function keeper(more: Partial<Sink> = {}) {
  const records: AttemptRecord[] = [];
  return { records, sink: { name: 'keeper', write: (record) => void records.push(record), ...more } satisfies Sink };
}

function listener() {
  const lines: AttemptRecord[] = [];
  const line = (fields: object) => void lines.push(fields as AttemptRecord);
  return { lines, logger: { info: line, warn: line, error: line } satisfies Logger };
}

/** Ada registers and signs in, a stranger is refused, and an operator ends Ada's sessions with a reason that names her. */
async function visit({ store = memoryStore(), sinks = [], logger, logLine }: Visit) {
  const site = openDirect({
    store,
    logger: logger as Logger,
    audit: { sinks, identityKey: KEY, ...(logLine !== undefined && { logLine }) },
  });
  const passkey = createSoftwarePasskey({ origin: ORIGIN });
  const from = { address: ADDRESS };
  const browser = site.browser();
  const { json } = await browser.send('POST', '/registration/options', { username: 'ada' }, from);
  const credential = passkey.register(json.publicKey);
  await browser.send('POST', '/registration/verify', { attemptId: json.attemptId, credential }, from);
  for (const used of [passkey, createSoftwarePasskey({ origin: ORIGIN, rpId: 'localhost', userHandle: 'AAAA' })]) {
    const options = (await browser.send('POST', '/authentication/options', { mode: 'immediate' }, from)).json;
    const body = { attemptId: options.attemptId, credential: used.authenticate(options.publicKey), client: USED };
    await browser.send('POST', '/authentication/verify', body, from);
  }
  const { id } = [...site.users.values()][0]!;
  await site.passkeys.forUser(id).endSessions({ by: 'operator', reason: 'Ada Lovelace asked for it' });
  await site.passkeys.close();
  expect(site.faults).toEqual([]);
  expect(site.records.map(({ outcome }) => outcome)).toContain('failure');
  expect(site.records.map(({ change }) => change.note)).toContain('Ada Lovelace asked for it');
  return { id, records: site.records };
}

interface Visit {
  readonly store?: Store;
  readonly sinks?: readonly Sink[];
  readonly logger?: Logger | undefined;
  readonly logLine?: 'whole' | 'pseudonyms';
}

/** What the line has of a record: the record, without those who are in it. */
const withPseudonyms = (record: AttemptRecord) => ({
  ...record,
  user: { ...record.user, id: null },
  change: { ...record.change, note: null },
  client: { ...record.client, address: record.client.address === null ? null : '203.0.113.0/24' },
});

async function sqlite(): Promise<Store> {
  const db = new Kysely<Record<never, never>>({ dialect: kyselyDialect('sqlite::memory:') });
  onTestFinished(() => db.destroy());
  await migrate(db);
  return sqlStore(db);
}

test.each([
  ['memory', memoryStore],
  ['SQLite', sqlite],
] as const)('names nobody, where the store (%s) and the sinks keep the whole record', async (_, open) => {
  const [store, kept, { lines, logger }] = [await open(), keeper(), listener()];
  const { id, records } = await visit({ store, sinks: [kept.sink], logger, logLine: 'pseudonyms' });
  expect(lines).toEqual(records.map(withPseudonyms));
  for (const line of lines) assertValidRecord(line);
  for (const trace of [id, ADDRESS, 'Lovelace']) expect(JSON.stringify(lines)).not.toContain(trace);
  // Who has the key finds the person.
  const theirs = lines.filter(({ user }) => user.known);
  expect(new Set(theirs.map(({ user }) => user.hash))).toEqual(new Set([pseudonymizer(KEY).pseudonym(id)]));
  expect(kept.records).toEqual(records);
  const stored = await store.attempts!.list({ limit: 100 });
  expect(stored.sort((a, b) => (a.event.id < b.event.id ? -1 : 1))).toEqual(
    [...records].sort((a, b) => (a.event.id < b.event.id ? -1 : 1)),
  );
});

test('is the whole record where nothing else was said', async () => {
  for (const logLine of [undefined, 'whole'] as const) {
    const { lines, logger } = listener();
    const { records } = await visit({ logger, ...(logLine && { logLine }) });
    expect(lines).toEqual(records);
  }
});

test('has pseudonyms on standard output too, and in whatever sink writes there in its place, also one that is waited for', async () => {
  const written: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  onTestFinished(() => write.mockRestore());
  const { records } = await visit({ logger: undefined, logLine: 'pseudonyms' });
  expect(written.map((line) => JSON.parse(line))).toEqual(records.map(withPseudonyms));
  written.length = 0;
  for (const onFailure of ['fail_open', 'fail_closed'] as const) {
    const there = keeper({ onStandardOutput: true, onFailure });
    const elsewhere = keeper({ onFailure });
    const made = await visit({ logger: undefined, sinks: [there.sink, elsewhere.sink], logLine: 'pseudonyms' });
    const inOrder = (some: readonly object[]) => some.map((one) => JSON.stringify(one)).sort();
    expect(inOrder(there.records)).toEqual(inOrder(made.records.map(withPseudonyms)));
    expect(inOrder(elsewhere.records)).toEqual(inOrder(made.records));
  }
  expect(written).toEqual([]);
});
