/** What a file of records keeps: under two processes, kill -9, logrotate, rotation and a full disk. Real files and processes. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import {
  attemptStoreSink,
  type FileNotice,
  type FileSinkOptions,
  fileSink,
  linesOf,
  stdoutSink,
} from '@latchkey/audit';
import { ConfigurationError, memoryStore } from '@latchkey/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { assertValidRecord } from '../http/record-schema.ts';
import { folder, idsIn, idsUnder, linesIn, startWriting } from './log-folder.ts';
import { ids, recordOf, records } from './records.ts';

// Processes of their own, and files of many megabytes: on a busy machine they take their time.

const collect = async (lines: AsyncIterable<string>) => {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
};

test('a record is one line of JSON in a file that only its owner may read', async () => {
  const path = join(folder(), 'new', 'audit.log');
  const sink = fileSink({ path, fsync: 'always' });
  const given = records(50);
  await Promise.all(given.map((record) => sink.write(record)));
  expect(linesIn(path).map((line) => JSON.parse(line))).toEqual(given);
  for (const record of given) assertValidRecord(record);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await sink.close();
  await expect(sink.write(recordOf(1))).rejects.toThrow('closed');
  expect(readdirSync(join(path, '..'))).toEqual(['audit.log']);
});

test('lines of two processes never mix', async () => {
  const path = join(folder(), 'audit.log');
  const task = (process: number) => ({ file: { path, fsync: 'never' }, count: 4_000, process, atOnce: 20 });
  const both = await Promise.all([startWriting(task(1)), startWriting(task(2))]);
  expect(await Promise.all(both.map(({ gone }) => gone))).toEqual([0, 0]);
  const found = idsIn(path);
  expect(found).toHaveLength(8_000);
  expect(new Set(found)).toEqual(new Set(both.flatMap(({ written }) => written)));
  // They did take turns: else nothing was tried.
  const turns = found.filter((id, index) => index > 0 && id.slice(0, 13) !== found[index - 1]!.slice(0, 13));
  expect(turns.length).toBeGreaterThan(10);
});

test.for(['always', 'interval', 'never'] as const)(
  'kill -9 under load loses records in flight only, and the next start says so (fsync %s)',
  async (fsync) => {
    const path = join(folder(), 'audit.log');
    const { child, written, wrote, gone } = await startWriting({ file: { path, fsync }, count: 0, atOnce: 8 });
    await wrote(300);
    child.kill('SIGKILL');
    await gone;
    const notices: FileNotice[] = [];
    const sink = fileSink({ path, fsync, onNotice: (notice) => notices.push(notice) });
    await sink.write(recordOf(0, 'the next start', 9));
    await sink.close();
    expect(notices.map(({ kind }) => kind)).toContain('unclean_end');
    expect(notices[0]!.message).toContain(`process ${child.pid} on ${hostname()} ended without closing it.`);
    const found = new Set(
      linesIn(path).flatMap((line) => (line.endsWith('}') ? [JSON.parse(line).event.id as string] : [])),
    );
    expect(written.filter((id) => !found.has(id))).toEqual([]);
    // What the process did not live to say it had written: no more than were under way.
    expect(found.size - 1 - written.length).toBeLessThanOrEqual(8);
    const quiet: FileNotice[] = [];
    await fileSink({ path, fsync, onNotice: (notice) => quiet.push(notice) }).close();
    expect(quiet).toEqual([]);
  },
);

test('a torn last line is found on the next start, said, and closed off', async () => {
  const path = join(folder(), 'audit.log');
  const first = fileSink({ path, fsync: 'never' });
  await first.write(recordOf(0));
  await first.close();
  appendFileSync(path, '{"schema":"latchkey.signin.att');
  const notices: FileNotice[] = [];
  const sink = fileSink({ path, fsync: 'never', onNotice: (notice) => notices.push(notice) });
  await sink.write(recordOf(1));
  await sink.close();
  expect(notices.map(({ kind }) => kind)).toEqual(['torn_line']);
  const [before, torn, after] = linesIn(path);
  expect([JSON.parse(before!), torn, JSON.parse(after!)]).toEqual([
    recordOf(0),
    '{"schema":"latchkey.signin.att',
    recordOf(1),
  ]);
});

test('a file that logrotate moved goes on under its old name after SIGHUP, and nothing is lost', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const task = { file: { path, fsync: 'interval', reopenOn: 'SIGHUP' }, count: 0, atOnce: 4 };
  const { child, written, wrote, gone } = await startWriting(task);
  for (let turn = 1; turn <= 3; turn += 1) {
    await wrote(written.length + 100);
    renameSync(path, join(home, `audit.log.${turn}`));
    await wrote(written.length + 50);
    expect(existsSync(path)).toBe(false);
    child.kill('SIGHUP');
    await wrote(written.length + 100);
    expect(existsSync(path)).toBe(true);
  }
  child.kill('SIGTERM');
  expect(await gone).toBe(0);
  expect(new Set(idsUnder(home, 'audit.log'))).toEqual(new Set(written));
  expect(idsUnder(home, 'audit.log')).toHaveLength(written.length);
});

test('rotation under load loses nothing, keeps the order, and no file is too large', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  let now = Date.UTC(2026, 10, 22);
  const sink = fileSink({ path, fsync: 'never', maxBytes: 20_000, clock: () => now++ });
  const given = records(1_000);
  await Promise.all(given.map((record) => sink.write(record)));
  await sink.close();
  const files = readdirSync(home);
  expect(files.length).toBeGreaterThan(40);
  for (const file of files) expect(statSync(join(home, file)).size).toBeLessThanOrEqual(20_000);
  expect((await collect(linesOf(path))).map((line) => JSON.parse(line))).toEqual(given);
});

test('as many rotated files stay as were asked for: the newest', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  let now = Date.UTC(2026, 10, 22);
  const sink = fileSink({ path, fsync: 'never', maxBytes: 5_000, keep: 3, clock: () => now++ });
  const given = records(100);
  for (const record of given) await sink.write(record);
  await sink.close();
  expect(readdirSync(home)).toHaveLength(4);
  const kept = (await collect(linesOf(path))).map((line) => JSON.parse(line).event.id);
  expect(kept).toEqual(ids(given).slice(-kept.length));
});

test('an empty line, which two processes can leave between them, is read over', async () => {
  const path = join(folder(), 'audit.log');
  appendFileSync(path, '{"a":1}\n\n{"b":2}\n');
  expect(await collect(linesOf(path))).toEqual(['{"a":1}', '{"b":2}']);
});

test('two processes that rotate one file lose nothing', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const task = (process: number) => ({
    file: { path, fsync: 'never', maxBytes: 200_000 },
    count: 1_500,
    process,
    atOnce: 10,
  });
  const both = await Promise.all([startWriting(task(1)), startWriting(task(2))]);
  expect(await Promise.all(both.map(({ gone }) => gone))).toEqual([0, 0]);
  expect(readdirSync(home).length).toBeGreaterThan(5);
  expect(new Set(idsUnder(home, 'audit.log'))).toEqual(new Set(both.flatMap(({ written }) => written)));
});

test('a file that another process has rotated already is not rotated once more', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const sink = fileSink({ path, fsync: 'never', maxBytes: 4_000 });
  await sink.write(recordOf(0));
  renameSync(path, join(home, 'audit.log.theirs'));
  appendFileSync(path, `${JSON.stringify(recordOf(7))}\n`);
  await sink.write(recordOf(1));
  await sink.write(recordOf(2));
  await sink.close();
  expect(readdirSync(home).sort()).toEqual(['audit.log', 'audit.log.theirs']);
  expect(idsIn(path)).toEqual(ids([recordOf(7), recordOf(2)]));
});

test('a full disk tears one line; once there is room it is closed off, and the queue writes what waited', async () => {
  const path = join(folder(), 'audit.log');
  const task = { file: { path, fsync: 'never' }, count: 150, queue: true };
  // The kernel writes as much of a line as 64 KiB leave room for: what a full disk does.
  const under = ['bash', '-c', 'ulimit -S -f 64; exec "$@"', '-'];
  const { child, written, notices, gone } = await startWriting(task, under);
  await vi.waitUntil(() => statSync(path).size === 65_536, { timeout: 60_000 });
  // The last line there is torn. What the process says of those before it may still be on its way here.
  const before = readFileSync(path, 'utf8').split('\n').length - 1;
  expect(before).toBeLessThan(150);
  execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
  expect(await gone).toBe(0);
  expect(notices.map(({ kind }) => kind)).toEqual(['torn_line']);
  const torn = linesIn(path).findIndex((line) => !line.endsWith('}'));
  expect(torn).toBe(before);
  const whole = linesIn(path).toSpliced(torn, 1);
  expect(whole.map((line) => JSON.parse(line).event.id)).toEqual(written);
  expect(written).toHaveLength(150);
});

test('a device without room rejects each record', async () => {
  const full = fileSink({ path: '/dev/full', fsync: 'never' });
  await expect(full.write(recordOf(0))).rejects.toThrow('ENOSPC');
  await expect(full.write(recordOf(1))).rejects.toThrow('ENOSPC');
  await full.close();
});

test('under always a record is written only when the disk says that it has it', async () => {
  // It takes every line, and cannot bring one to a disk.
  const path = '/dev/null';
  const strict = fileSink({ path, fsync: 'always' });
  await expect(strict.write(recordOf(0))).rejects.toThrow('fdatasync');
  await strict.close().catch(() => {});
  const none = fileSink({ path, fsync: 'never' });
  await none.write(recordOf(0));
  await none.close();
});

test('rotation that cannot be done is said, and the record is written all the same', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const notices: FileNotice[] = [];
  const sink = fileSink({
    path,
    fsync: 'never',
    maxBytes: 1_000,
    clock: () => Number.NaN,
    onNotice: (n) => notices.push(n),
  });
  await sink.write(recordOf(0));
  await sink.write(recordOf(1));
  await sink.close();
  expect(notices.map(({ kind }) => kind)).toEqual(['rotation_failed']);
  expect(idsIn(path)).toEqual(ids(records(2)));
});

test('reopening that cannot be done is said, and the old file goes on', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const notices: FileNotice[] = [];
  const sink = fileSink({ path, fsync: 'never', onNotice: (notice) => notices.push(notice) });
  await sink.write(recordOf(0));
  renameSync(path, join(home, 'audit.log.1'));
  mkdirSync(path);
  await sink.reopen();
  await sink.write(recordOf(1));
  await sink.close();
  expect(notices.map(({ kind }) => kind)).toEqual(['reopen_failed']);
  expect(idsIn(join(home, 'audit.log.1'))).toEqual(ids(records(2)));
});

test('under interval the disk gets it within a second', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const notices: FileNotice[] = [];
  // It takes every line, and cannot bring one to a disk.
  const sink = fileSink({ path: '/dev/null', fsync: 'interval', onNotice: (notice) => notices.push(notice) });
  await sink.write(recordOf(0));
  vi.advanceTimersByTime(999);
  await sink.lastWritten();
  expect(notices).toEqual([]);
  vi.advanceTimersByTime(1);
  await sink.close().catch(() => {});
  expect(notices.map(({ kind }) => kind)).toEqual(['sync_failed']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a wrong option or a second sink on the same file fails at once, saying what to do', async () => {
  const path = join(folder(), 'audit.log');
  for (const [options, message] of [
    [{ fsync: 'sometimes' }, "fileSink.fsync: got \"sometimes\". Write 'always', 'interval' or 'never'."],
    [{ maxBytes: 0 }, 'fileSink.maxBytes: got 0. Write a number of bytes above 0.'],
    [{ keep: 0 }, 'fileSink.keep: got 0. Write a number of files, 1 or more.'],
    [{ capacity: 0.5 }, 'fileSink.capacity: got 0.5. Write a number of records, 1 or more.'],
    [{ timeout: '5 seconds' }, "fileSink.timeout: got \"5 seconds\". Write '90s', '2m', or milliseconds."],
  ] as const) {
    const wrong = () => fileSink({ path, fsync: 'never', ...options } as FileSinkOptions);
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow(message);
  }
  const sink = fileSink({ path, fsync: 'never' });
  expect(() => fileSink({ path, fsync: 'never' })).toThrow('open in this process already');
  await sink.close();
});

test('standard output gets one line a record; a reader that went away rejects and ends nothing', async () => {
  const stream = new PassThrough();
  const sink = stdoutSink({ stream });
  await Promise.all(records(3).map((record) => sink.write(record)));
  await sink.close();
  expect(
    String(stream.read())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(records(3));
  const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
  await expect(stdoutSink({ stream: gone }).write(recordOf(0))).rejects.toThrow('EPIPE');
});

test('an attempt store is a sink', async () => {
  const { attempts } = memoryStore();
  const sink = attemptStoreSink(attempts!, { name: 'ledger', onFailure: 'fail_closed' });
  expect([sink.name, sink.onFailure]).toEqual(['ledger', 'fail_closed']);
  for (const record of records(3)) await sink.write(record);
  await sink.close();
  expect(await attempts!.list({ limit: 10 })).toEqual(records(3).toReversed());
});
