/** What each sink holds at most: one record more is refused at once, and a write that hangs is given up after its time. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  attemptStoreSink,
  chained,
  fileSink,
  type LineSink,
  mapped,
  stdoutSink,
  toEcs,
  verifyChain,
} from '@latchkey/audit';
import { ConfigurationError } from '@latchkey/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openDirect } from '../security/direct.ts';
import { folder } from './log-folder.ts';
import { recordOf, records } from './records.ts';

const keys = { current: 'k1', byId: { k1: 'the first key of a chain, only for tests' } };
const bounds = { capacity: 3, timeout: 200 } as const;

const never = () => new Promise<never>(() => {});
const hangingStream = () => new Writable({ write: () => {}, highWaterMark: 1 });
const hanging: LineSink = { name: 'hanging', write: never, close: async () => {} };

/** A pipe that nobody reads, and that is full: every write to it hangs. */
function fullPipe(): { path: string; drain: () => void } {
  const path = join(folder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const block = Buffer.alloc(1 << 20);
  return {
    path,
    drain() {
      for (let tries = 0; tries < 10; tries += 1) {
        try {
          readSync(reader, block, 0, block.length, null);
        } catch {
          // Nothing in it just now.
        }
      }
      closeSync(reader);
    },
  };
}

test.for([
  ['attemptStoreSink', () => attemptStoreSink({ append: never }, bounds)],
  ['stdoutSink', () => stdoutSink({ stream: hangingStream(), ...bounds })],
  ['chained', () => chained(hanging, { keys, ...bounds })],
  ['mapped', () => mapped(stdoutSink({ stream: hangingStream(), ...bounds }), toEcs)],
] as const)('%s holds so many and no more, and gives up what hangs', async ([, open]) => {
  const sink = open();
  const given = records(3).map((record) => expect(sink.write(record)).rejects.toThrow('was not done within 200 ms'));
  await expect(sink.write(recordOf(3))).rejects.toThrow('3 writes are under way already. This one was refused');
  await Promise.all(given);
  // They hang still: their places are not given again, or memory would fill up.
  if (sink.name === 'attempts') await expect(sink.write(recordOf(4))).rejects.toThrow('This one was refused');
});

test('a file whose writes hang refuses, gives up and closes all the same', async () => {
  const { path, drain } = fullPipe();
  const sink = fileSink({ path, fsync: 'never', ...bounds });
  // 64 KiB fit into a pipe.
  const long = 'x'.repeat(70_000);
  const given = records(3).map((_, n) =>
    expect(sink.write(recordOf(n, long))).rejects.toThrow('was not done within 200 ms'),
  );
  await expect(sink.write(recordOf(3))).rejects.toThrow('This one was refused');
  await Promise.all(given);
  // The end does not wait for it either.
  await sink.close();
  drain();
});

test('a sink of your own that hangs holds a thousand records, also when core waits for them no more', async () => {
  let begun = 0;
  const write = () => {
    begun += 1;
    return never();
  };
  const { browser, passkeys } = openDirect({ audit: { sinks: [{ name: 'hangs', write }] } });
  const leave = async (records: number) => {
    for (let n = 0; n < records; n += 1) await browser().send('POST', '/authentication/options', { mode: 'telepathy' });
    return begun;
  };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  expect(await leave(1_001)).toBe(1_000);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await leave(10)).toBe(1_000);
  vi.useRealTimers();
  await passkeys.close();
});

test.for([
  ['attemptStoreSink', () => attemptStoreSink({ append: never }, { capacity: 0 })],
  ['stdoutSink', () => stdoutSink({ stream: hangingStream(), capacity: 0 })],
  ['chained', () => chained(hanging, { keys, capacity: 0 })],
] as const)('%s names a wrong capacity', ([name, open]) => {
  expect(open).toThrow(ConfigurationError);
  expect(open).toThrow(`${name}.capacity: got 0. Write a number of records, 1 or more.`);
});

test('a chain does not fork when a write that was given up ends after all', async () => {
  const lines: string[] = [];
  let end = () => {};
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      if (lines.length > 1) done();
      else end = done;
    },
  });
  const chain = chained(stdoutSink({ stream, timeout: 50 }), { keys });
  await expect(chain.write(recordOf(0))).rejects.toThrow('a write was not done within 50 ms');
  const second = chain.write(recordOf(1));
  end();
  await second;
  expect(lines.map((line) => JSON.parse(line).integrity.sequence)).toEqual([0, 1]);
  expect(await verifyChain(lines, { keys: keys.byId })).toMatchObject({ intact: true, records: 2 });
  await chain.close();
});

test('a write that was given up before its turn came is not begun', async () => {
  const lines: object[] = [];
  let end = () => {};
  const slow: LineSink = {
    name: 'slow',
    async write(line) {
      lines.push(line);
      if (lines.length === 1) await new Promise<void>((resolve) => (end = resolve));
    },
    close: async () => {},
  };
  const chain = chained(slow, { keys, timeout: 50 });
  const given = [recordOf(0), recordOf(1)].map((record) => chain.write(record));
  await Promise.all(given.map((each) => expect(each).rejects.toThrow('was not done within 50 ms')));
  end();
  await chain.write(recordOf(2));
  expect(lines).toMatchObject([recordOf(0), recordOf(2)]);
  await chain.close();
});
