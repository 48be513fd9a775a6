/** What a queue does for a sink that throws, hangs or is full; and what core does with it. No real sleeps. */
import { join } from 'node:path';
import { fileSink, type LossReason, queued } from '@latchkey/audit';
import { type AttemptRecord, memoryStore, type Sink } from '@latchkey/core';
import { openSite, type SiteOptions } from '@latchkey/testing';
import { expect, onTestFinished, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';
import { folder, idsIn } from './log-folder.ts';
import { ids, recordOf, records } from './records.ts';

/** Timers that go off when told to. */
function manualTimers() {
  const set = new Map<() => void, number>();
  return {
    after(ms: number, run: () => void) {
      set.set(run, ms);
      return () => void set.delete(run);
    },
    /** What is set, in milliseconds. */
    pending: () => [...set.values()],
    /** Lets the timers of this length go off. */
    async fire(ms: number) {
      for (const [run, after] of [...set]) {
        if (after !== ms) continue;
        set.delete(run);
        run();
      }
      await settled();
    },
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

test('records are written one after the other, in order', async () => {
  const { sink, begun, end } = held();
  const queue = queued(sink, manualTimers());
  const fate = fates(records(3).map((record) => queue.write(record)));
  await settled();
  expect([begun.length, queue.waiting()]).toEqual([1, 3]);
  for (let n = 0; n < 3; n += 1) await end();
  expect(begun).toEqual(records(3));
  expect([fate, queue.waiting()]).toEqual([['written', 'written', 'written'], 0]);
});

test('a failed write is tried again after a pause that doubles up to a limit, with jitter', async () => {
  const { sink, begun, end } = held();
  const timers = manualTimers();
  const queue = queued(sink, { ...timers, timeoutMs: 7, backoff: { firstMs: 100, mostMs: 350 }, random: () => 0.5 });
  const fate = fates([queue.write(recordOf(0))]);
  await settled();
  const pauses: number[] = [];
  for (let n = 0; n < 4; n += 1) {
    await end(down);
    const [pause] = timers.pending();
    pauses.push(pause!);
    await timers.fire(pause!);
  }
  expect(pauses).toEqual([75, 150, 262.5, 262.5]);
  await end();
  expect([begun.length, fate]).toEqual([5, ['written']]);
  expect(timers.pending()).toEqual([]);
  // It works again: the next failure begins with the first pause.
  const next = fates([queue.write(recordOf(1))]);
  await settled();
  await end(down);
  expect(timers.pending()).toEqual([75]);
  await timers.fire(75);
  await end();
  expect(next).toEqual(['written']);
});

test('a record that fails too often is lost, counted once, and the next one has its turn', async () => {
  const { sink, end } = held();
  const timers = manualTimers();
  const losses: [string, LossReason, unknown][] = [];
  const queue = queued(sink, {
    ...timers,
    retries: 1,
    timeoutMs: 7,
    random: () => 1,
    onLoss: (record, reason, cause) => losses.push([record.event.id, reason, cause]),
  });
  const fate = fates(records(2).map((record) => queue.write(record)));
  await settled();
  await end(down);
  await timers.fire(100);
  await end(down);
  await end();
  expect(fate).toEqual(['retries_exhausted', 'written']);
  expect(losses).toEqual([[recordOf(0).event.id, 'retries_exhausted', down]]);
});

test('a queue that is full loses the newest, and those that wait stay', async () => {
  const { sink, end } = held();
  const losses: string[] = [];
  const queue = queued(sink, {
    ...manualTimers(),
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
  const queue = queued(sink, { ...timers, timeoutMs: 10_000, random: () => 1 });
  const fate = fates([queue.write(recordOf(0))]);
  await settled();
  await timers.fire(10_000);
  await timers.fire(100);
  expect(begun).toHaveLength(2);
  await end();
  // The first, late: it changes nothing any more.
  expect(fate).toEqual(['waiting']);
  await end();
  expect(fate).toEqual(['written']);
});

test('a flush tries at once, and tells at its deadline how many still wait', async () => {
  const { sink, begun, end } = held();
  const timers = manualTimers();
  const queue = queued(sink, { ...timers, timeoutMs: 7 });
  expect(await queue.flush(1)).toBe(0);
  const fate = fates(records(2).map((record) => queue.write(record)));
  await settled();
  await end(down);
  expect(begun).toHaveLength(1);
  const tooShort = queue.flush(1_000);
  await settled();
  expect(begun).toHaveLength(2);
  await timers.fire(1_000);
  expect(await tooShort).toBe(2);
  const long = queue.flush(60_000);
  await end();
  await end();
  expect(await long).toBe(0);
  expect(fate).toEqual(['written', 'written']);
  expect(timers.pending()).toEqual([]);
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
    ...timers,
    timeoutMs: 7,
    onLoss: (_record, reason) => losses.push(reason),
  });
  const fate = fates(records(3).map((record) => queue.write(record)));
  await settled();
  const closed = queue.close(2_000);
  await end();
  await timers.fire(2_000);
  await closed;
  await expect(queue.write(recordOf(9))).rejects.toThrow('closed');
  await settled();
  expect(fate).toEqual(['written', 'closed', 'closed']);
  expect(losses).toEqual(['closed', 'closed', 'closed']);
  expect([closes, queue.waiting(), timers.pending()]).toEqual([1, 0, []]);
});

test('a queue around a fail_closed sink is refused, with the reason', () => {
  const sink: Sink = { name: 'ledger', write: () => {}, onFailure: 'fail_closed' };
  expect(() => queued(sink)).toThrow(/'ledger' is fail_closed, so a sign-in has to wait/);
  expect(() => queued({ ...sink, onFailure: 'fail_open' }, { capacity: 0 })).toThrow('capacity is 0');
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
    { capacity: 3, retries: 0, onLoss: (_record, reason) => losses.push(reason) },
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
