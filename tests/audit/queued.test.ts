/** What a queue does for a sink that throws, hangs or is full; and what core does with it. No real sleeps. */
import { join } from 'node:path';
import { fileSink, type LossReason, queued, type SinkNotice } from '@latchkey/audit';
import { type AttemptRecord, ConfigurationError, memoryStore, type Sink } from '@latchkey/core';
import { openSite, type SiteOptions } from '@latchkey/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';
import { folder, idsIn } from './log-folder.ts';
import { ids, recordOf, records } from './records.ts';

/** Timers that go off when told to, and a jitter that is known. */
function manualTimers(random = 1) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const jitter = vi.spyOn(Math, 'random').mockReturnValue(random);
  onTestFinished(() => {
    vi.useRealTimers();
    jitter.mockRestore();
  });
  return {
    /** Lets so many milliseconds go by. */
    async pass(ms: number) {
      await vi.advanceTimersByTimeAsync(ms);
      await settled();
    },
    /** How many are set. */
    pending: () => vi.getTimerCount(),
  };
}

/** Everything that waits for nothing but other promises has gone on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What became of each write: `written`, or why not. */
function fates(writes: readonly Promise<void>[]): string[] {
  const all = writes.map(() => 'waiting');
  writes.forEach((write, index) => {
    write.then(
      () => {
        all[index] = 'written';
      },
      (error: Error) => {
        all[index] = error.message.split(': ').at(-1)!;
      },
    );
  });
  return all;
}

/** A sink whose writes end when told to. */
function held() {
  const begun: AttemptRecord[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const sink: Sink = {
    name: 'held',
    write: (record) =>
      new Promise<void>((resolve, reject) => {
        begun.push(record);
        ends.push((error) => (error ? reject(error) : resolve()));
      }),
  };
  return {
    sink,
    begun,
    async end(error?: Error) {
      ends.shift()!(error);
      await settled();
    },
  };
}

const down = new Error('connection refused');

/** Keeps what a queue says. */
function noticesOf() {
  const notices: SinkNotice[] = [];
  return { notices, onNotice: (notice: SinkNotice) => void notices.push(notice) };
}

test('records are written one after the other, in order', async () => {
  const { sink, begun, end } = held();
  const queue = queued(sink);
  const fate = fates(records(3).map((record) => queue.write(record)));
  await settled();
  expect([begun.length, queue.waiting()]).toEqual([1, 3]);
  for (let n = 0; n < 3; n += 1) await end();
  expect(begun).toEqual(records(3));
  expect([fate, queue.waiting()]).toEqual([['written', 'written', 'written'], 0]);
});

test('a failed write is tried again after a pause that doubles up to a limit, with jitter', async () => {
  const { sink, begun, end } = held();
  const timers = manualTimers(0.5);
  const { onNotice } = noticesOf();
  const queue = queued(sink, { timeout: '1h', backoff: { first: 100, most: '350ms' }, onNotice });
  const fate = fates([queue.write(recordOf(0))]);
  await settled();
  let tries = 1;
  for (const pause of [75, 150, 262.5, 262.5]) {
    await end(down);
    await timers.pass(Math.floor(pause));
    if (!Number.isInteger(pause)) await timers.pass(1);
    tries += 1;
    expect(begun).toHaveLength(tries);
  }
  await end();
  expect(fate).toEqual(['written']);
  expect(timers.pending()).toBe(0);
  // It works again: the next failure begins with the first pause.
  const next = fates([queue.write(recordOf(1))]);
  await settled();
  await end(down);
  await timers.pass(74);
  expect(begun).toHaveLength(tries + 1);
  await timers.pass(1);
  await end();
  expect(next).toEqual(['written']);
});

test('a sink that takes nothing loses nothing, however long, while there is room', async () => {
  const timers = manualTimers();
  let up = false;
  let tries = 0;
  const written: string[] = [];
  const sink: Sink = {
    name: 'ledger',
    write(record) {
      tries += 1;
      if (!up) throw down;
      written.push(record.event.id);
    },
  };
  const { onNotice } = noticesOf();
  const queue = queued(sink, { retries: 2, onNotice, onLoss: () => expect.unreachable() });
  const fate = fates(records(20).map((record) => queue.write(record)));
  await timers.pass(3_600_000);
  expect([queue.waiting(), tries > 700]).toEqual([20, true]);
  up = true;
  // The longest pause is five seconds.
  await timers.pass(5_000);
  expect(fate).toEqual(records(20).map(() => 'written'));
  expect(written.toSorted()).toEqual(ids(records(20)));
});

test('a record that the sink does not take, while it takes others, is lost aloud', async () => {
  const timers = manualTimers();
  const losses: [string, LossReason, unknown][] = [];
  const sink: Sink = {
    name: 'ledger',
    write(record) {
      if (record.event.id === recordOf(1).event.id) throw down;
    },
  };
  const { onNotice } = noticesOf();
  const queue = queued(sink, {
    retries: 3,
    onNotice,
    onLoss: (record, reason, cause) => losses.push([record.event.id, reason, cause]),
  });
  const fate = fates(records(4).map((record) => queue.write(record)));
  await timers.pass(60_000);
  expect(fate).toEqual(['written', 'retries_exhausted', 'written', 'written']);
  expect(losses).toEqual([[recordOf(1).event.id, 'retries_exhausted', down]]);
  expect(queue.waiting()).toBe(0);
});

test('the first failure is said at once, then one a minute with the count, and the recovery once', async () => {
  const timers = manualTimers();
  let up = false;
  const sink: Sink = {
    name: 'ledger',
    write() {
      if (!up) throw down;
    },
  };
  const { notices, onNotice } = noticesOf();
  const queue = queued(sink, { onNotice });
  fates(records(3).map((record) => queue.write(record)));
  await settled();
  expect(notices).toEqual([
    {
      ...{ kind: 'failing', sink: 'ledger', failures: 1, waiting: 3, cause: down },
      message: 'ledger does not take what it is given: a write failed. Cause: connection refused. 3 waiting.',
    },
  ]);
  await timers.pass(59_000);
  expect(notices).toHaveLength(1);
  await timers.pass(6_000);
  expect(notices[1]).toMatchObject({ kind: 'failing', waiting: 3, cause: down });
  expect(notices[1]!.failures).toBeGreaterThan(10);
  up = true;
  await timers.pass(5_000);
  expect(notices.slice(2)).toMatchObject([{ kind: 'recovered', cause: null }]);
  expect(queue.waiting()).toBe(0);
});

test('without a listener a process warning says it', async () => {
  const timers = manualTimers();
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const queue = queued({ name: 'ledger', write: () => Promise.reject(down) });
  const fate = fates([queue.write(recordOf(0))]);
  await vi.waitUntil(() => warned.mock.calls.length > 0);
  expect(warned.mock.calls[0]![1]).toEqual({ type: 'LatchkeyAudit', code: 'failing' });
  warned.mockRestore();
  const closed = queue.close(0);
  await timers.pass(1);
  await closed;
  expect(fate).toEqual(['closed']);
});

test('a queue that is full loses the newest, and those that wait stay', async () => {
  const { sink, end } = held();
  const losses: string[] = [];
  const queue = queued(sink, {
    capacity: 2,
    onLoss: (record, reason) => {
      losses.push(`${record.event.id} ${reason}`);
      throw new Error('the listener fails too');
    },
  });
  const fate = fates(records(4).map((record) => queue.write(record)));
  await settled();
  expect(fate).toEqual(['waiting', 'waiting', 'full', 'full']);
  expect(losses).toEqual([2, 3].map((n) => `${recordOf(n).event.id} full`));
  await end();
  await end();
  expect(fate.slice(0, 2)).toEqual(['written', 'written']);
});

test('a write that hangs counts as failed after its time, and is tried again', async () => {
  const { sink, begun, end } = held();
  const timers = manualTimers();
  const queue = queued(sink, { timeout: '10s', onNotice: () => {} });
  const fate = fates([queue.write(recordOf(0))]);
  await settled();
  await timers.pass(10_000);
  await timers.pass(100);
  expect(begun).toHaveLength(2);
  await end();
  // The first, late: it changes nothing any more.
  expect(fate).toEqual(['waiting']);
  await end();
  expect(fate).toEqual(['written']);
});

test('of writes that hang for ever only ten are begun', async () => {
  const { sink, begun, end } = held();
  const timers = manualTimers();
  const queue = queued(sink, { timeout: '1s', onNotice: () => {} });
  const fate = fates([queue.write(recordOf(0))]);
  await timers.pass(3_600_000);
  expect([begun.length, fate]).toEqual([10, ['waiting']]);
  await end();
  await timers.pass(5_000);
  expect(begun).toHaveLength(11);
});

test('a flush tries at once, and tells at its deadline how many still wait', async () => {
  const { sink, begun, end } = held();
  const timers = manualTimers();
  const queue = queued(sink, { timeout: '1h', onNotice: () => {} });
  expect(await queue.flush(1)).toBe(0);
  const fate = fates(records(2).map((record) => queue.write(record)));
  await settled();
  await end(down);
  expect(begun).toHaveLength(1);
  const tooShort = queue.flush('1s');
  await settled();
  expect(begun).toHaveLength(2);
  await timers.pass(1_000);
  expect(await tooShort).toBe(2);
  const long = queue.flush('1m');
  await end();
  await end();
  expect(await long).toBe(0);
  expect(fate).toEqual(['written', 'written']);
  expect(timers.pending()).toBe(0);
});

test('closing writes what it can until the deadline; the rest is lost aloud, and so is what comes later', async () => {
  const { sink, end } = held();
  const timers = manualTimers();
  let closes = 0;
  const close = async () => {
    closes += 1;
  };
  const losses: LossReason[] = [];
  const queue = queued({ ...sink, close } as Sink, {
    timeout: '1h',
    onLoss: (_record, reason) => losses.push(reason),
  });
  const fate = fates(records(3).map((record) => queue.write(record)));
  await settled();
  const closed = queue.close('2s');
  await end();
  await timers.pass(2_000);
  await closed;
  await expect(queue.write(recordOf(9))).rejects.toThrow('closed');
  await settled();
  expect(fate).toEqual(['written', 'closed', 'closed']);
  expect(losses).toEqual(['closed', 'closed', 'closed']);
  expect([closes, queue.waiting(), timers.pending()]).toEqual([1, 0, 0]);
});

test('a queue around a fail_closed sink is refused, with the reason; so is a wrong option, by its name', () => {
  const sink: Sink = { name: 'ledger', write: () => {}, onFailure: 'fail_closed' };
  expect(() => queued(sink)).toThrow(ConfigurationError);
  expect(() => queued(sink)).toThrow(/'ledger', which is fail_closed.*A sign-in has to wait/);
  const open: Sink = { ...sink, onFailure: 'fail_open' };
  expect(() => queued(open, { capacity: 0 })).toThrow('queued.capacity: got 0. Write a number of records, 1 or more.');
  expect(() => queued(open, { backoff: { first: 'soon' as never } })).toThrow('queued.backoff.first: got "soon"');
});

const open = async (options: SiteOptions) => {
  const site = await openSite({ mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord }, options);
  onTestFinished(() => site.close());
  return site;
};

test.for([
  ['throws', () => Promise.reject(down)],
  ['hangs', () => new Promise<void>(() => {})],
] as const)('no sign-in changes when a queued sink %s, its queue fills up, or it is closed', async ([, write]) => {
  const losses: LossReason[] = [];
  const queue = queued(
    { name: 'broken', write },
    { capacity: 3, retries: 0, onLoss: (_record, reason) => losses.push(reason), onNotice: () => {} },
  );
  const site = await open({ audit: { sinks: [queue] } });
  const passkey = await site.agent().signUp('ada');
  for (let n = 0; n < 8; n += 1) expect((await site.agent().signIn(passkey)).status).toBe(200);
  await queue.close(0);
  expect((await site.agent().signIn(passkey)).status).toBe(200);
  await settled();
  expect(losses).toHaveLength(site.records.length);
});

test('a fail_closed file that cannot be written refuses the sign-in and leaves no session', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const kept = fileSink({ path, fsync: 'always', onFailure: 'fail_closed' });
  const full = fileSink({ path: '/dev/full', fsync: 'never' });
  let room = true;
  const ledger: Sink = { ...kept, write: (record) => (room ? kept : full).write(record) };
  const site = await open({ audit: { sinks: [ledger] } });
  const passkey = await site.agent().signUp('ada');
  room = false;
  const agent = site.agent();
  const reply = await agent.signIn(passkey);
  expect([reply.status, reply.json.code]).toEqual([503, 'audit_unavailable']);
  expect((await agent.session()).status).toBe(401);
  room = true;
  expect((await agent.signIn(passkey)).status).toBe(200);
  await kept.close();
  const refused = site.records.filter(({ reason }) => reason === 'audit_unavailable');
  expect(refused).toHaveLength(1);
  // No record says of the refused attempt that it succeeded; every attempt that did succeed has its record.
  const succeeded = site.records.filter(
    ({ event, outcome }) => outcome === 'success' && event.name.endsWith('.attempt'),
  );
  const inFile = new Set(idsIn(path));
  expect(ids(succeeded).filter((id) => !inFile.has(id))).toEqual([]);
  expect([...inFile].filter((id) => !ids(site.records).includes(id))).toEqual([]);
});
