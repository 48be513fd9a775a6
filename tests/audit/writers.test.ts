/** Who writes to a log: told rightly after kill -9, when process ids are given again, and between hosts. Real processes. */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { chained, type FileNotice, fileSink, linesOf, verifyChain } from '@latchkey/audit';
import { expect, test } from 'vitest';
import { folder, startWriting } from './log-folder.ts';
import { recordOf } from './records.ts';

// Processes of their own: on a busy machine they take their time.

const K1 = 'the first key of a chain, only for tests';
const keys = { current: 'k1', byId: { k1: K1 } };

const markersIn = (home: string) => readdirSync(home).filter((file) => file.includes('.open-'));

/** Gives a marker the name of another process. The lock stays with the file. */
function renameMarker(home: string, { host = hostname(), pid }: { host?: string; pid: number }): void {
  const [marker] = markersIn(home);
  const random = marker!.slice(-8);
  renameSync(join(home, marker!), join(home, `audit.log.open-${host}-${pid}-${random}`));
}

/** A chain on this log, if it is let; what it says about the processes before it. */
function open(path: string) {
  const notices: FileNotice[] = [];
  const sink = fileSink({ path, fsync: 'never', onNotice: (notice) => notices.push(notice) });
  return { chain: chained(sink, { keys }), notices };
}

test('a marker whose process id was given again to a living process does not stop the start', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const { child, wrote, gone } = await startWriting({ file: { path, fsync: 'never' }, count: 0, chain: K1 });
  await wrote(20);
  child.kill('SIGKILL');
  await gone;
  // What the start after that finds, when the system has given the number to another process: this one's parent lives.
  renameMarker(home, { pid: process.ppid });
  const { chain, notices } = open(path);
  expect(notices.map(({ kind }) => kind)).toContain('unclean_end');
  expect(notices[0]!.message).toContain(`process ${process.ppid} on ${hostname()} ended without closing it.`);
  await chain.write(recordOf(0));
  await chain.close();
  expect(markersIn(home)).toEqual([]);
  expect((await verifyChain(linesOf(path), { keys: keys.byId })).fault).toBeNull();
});

test('a process of another host that holds its marker is another writer, also when its process id lives nowhere here', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const { child, wrote, gone } = await startWriting({ file: { path, fsync: 'never' }, count: 0, chain: K1 });
  await wrote(20);
  renameMarker(home, { host: 'container-b', pid: 4_000_000 });
  expect(() => open(path)).toThrow('chained: process 4000000 on container-b writes to this log.');
  child.kill('SIGTERM');
  expect(await gone).toBe(0);
  expect((await verifyChain(linesOf(path), { keys: keys.byId })).fault).toBeNull();
});

test('a process of the same host name and the same process id, as in another container, is another writer', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const { child, wrote, gone } = await startWriting({ file: { path, fsync: 'never' }, count: 0, chain: K1 });
  await wrote(20);
  renameMarker(home, { pid: process.pid });
  expect(() => open(path)).toThrow(`chained: process ${process.pid} on ${hostname()} writes to this log.`);
  child.kill('SIGKILL');
  await gone;
  const { chain, notices } = open(path);
  expect(notices.map(({ kind }) => kind)).toContain('unclean_end');
  await chain.close();
});

test('a chain that throws leaves no marker, and the files can be opened at once', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  writeFileSync(path, '{"no":"chain"}\n');
  const attempt = () =>
    chained(fileSink({ path, fsync: 'never' }), {
      keys,
      checkpoints: { sink: fileSink({ path: join(home, 'checkpoints.log'), fsync: 'never' }) },
    });
  expect(attempt).toThrow('belongs to no chain');
  expect(markersIn(home)).toEqual([]);
  // Not: "is open in this process already".
  expect(attempt).toThrow('belongs to no chain');
  expect(() => chained(fileSink({ path, fsync: 'never' }), { keys: { current: 'none', byId: {} } })).toThrow(
    'got "none"',
  );
  expect(markersIn(home)).toEqual([]);
});

test('two chains do not share a file of checkpoints', async () => {
  const home = folder();
  const second = join(home, 'checkpoints.log');
  const file = { path: join(home, 'first.log'), fsync: 'never' };
  const { child, wrote, gone } = await startWriting({ file, count: 0, chain: K1, checkpoints: second });
  await wrote(1);
  const sink = () => fileSink({ path: join(home, 'other.log'), fsync: 'never' });
  const checkpoints = () => ({ sink: fileSink({ path: second, fsync: 'never' }) });
  expect(() => chained(sink(), { keys, checkpoints: checkpoints() })).toThrow(
    `chained: process ${child.pid} on ${hostname()} writes to these checkpoints.`,
  );
  child.kill('SIGTERM');
  expect(await gone).toBe(0);
  // Nor one after the other: they are of another log.
  expect(() => chained(sink(), { keys, checkpoints: checkpoints() })).toThrow(
    /a checkpoint kept record \d+, and this log has no record: its end was cut off or rewritten, or these are checkpoints of/,
  );
});
