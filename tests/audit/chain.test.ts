/** What the hash chain shows: every edit, gap, swap, copy and cut is found and located, over restarts, rotations and new keys. */
import { execFile } from 'node:child_process';
import { appendFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type ChainOptions,
  type ChainReport,
  type Checkpoint,
  chained,
  fileSink,
  type LineSink,
  linesOf,
  mapped,
  toEcs,
  toOcsf,
  type VerifyOptions,
  verifyChain,
} from '@latchkey/audit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assertValidRecord } from '../http/record-schema.ts';
import { folder, linesIn, startWriting } from './log-folder.ts';
import { recordOf, records } from './records.ts';

// Processes of their own, and files of many megabytes: on a busy machine they take their time.

const K1 = 'the first key of a chain, only for tests';
const K2 = 'the second key of a chain, only for tests';
const KEYS = { current: 'k1', byId: { k1: K1 } };

/** A sink of lines that is a list. */
function list(): { readonly lines: string[]; readonly sink: LineSink } {
  const lines: string[] = [];
  return {
    lines,
    sink: {
      name: 'list',
      write: async (line) => void lines.push(JSON.stringify(line)),
      linesFromEnd: () => lines.toReversed(),
      close: async () => {},
    },
  };
}

/** A chain of so many records, and the checkpoints it gave. */
async function chainOf(count: number, options: Partial<ChainOptions> = {}) {
  const { lines, sink } = list();
  const checkpoints: Checkpoint[] = [];
  const chain = chained(sink, {
    keys: KEYS,
    checkpoints: { sink: { write: (checkpoint) => void checkpoints.push(checkpoint) }, every: 10 },
    clock: () => 1_800_000_000_000,
    ...options,
  });
  for (const record of records(count)) await chain.write(record);
  await chain.close();
  return { lines, checkpoints };
}

const verify = (lines: Iterable<string> | AsyncIterable<string>, options: Partial<VerifyOptions> = {}) =>
  verifyChain(lines, { keys: KEYS.byId, ...options });

const where = ({ fault }: ChainReport) => fault && [fault.kind, fault.line, fault.sequence, fault.eventId];
const id = (n: number) => recordOf(n).event.id;

test('a chained record is a valid record, and an untouched chain is intact', async () => {
  const { lines, checkpoints } = await chainOf(25);
  for (const line of lines) assertValidRecord(JSON.parse(line));
  expect(checkpoints.map(({ sequence, keyId, time }) => [sequence, keyId, time])).toEqual(
    [9, 19, 24].map((sequence) => [sequence, 'k1', '2027-01-15T08:00:00.000Z']),
  );
  const report = await verify(lines, { checkpoints });
  expect(report).toMatchObject({
    intact: true,
    records: 25,
    first: { line: 1, sequence: 0, eventId: id(0) },
    last: { line: 25, sequence: 24, eventId: id(24) },
    fault: null,
    torn: { count: 0, firstLine: null },
    checkpointed: 24,
  });
  expect(report.unseen[0]).toBe(
    'The last checkpoint is record 24, the last one here: records cut off behind it cannot be seen.',
  );
});

test('concurrent writes make one chain, in the order in which they came', async () => {
  const { lines, sink } = list();
  const slow: LineSink = {
    ...sink,
    write: async (line) => {
      await new Promise((resolve) => setImmediate(resolve));
      return sink.write(line);
    },
  };
  const chain = chained(slow, { keys: KEYS });
  await Promise.all(records(20).map((record) => chain.write(record)));
  expect((await verify(lines)).records).toBe(20);
});

test('an edited record is named', async () => {
  const { lines } = await chainOf(12);
  const edited = lines.with(6, lines[6]!.replace('"outcome":"success"', '"outcome":"failure"'));
  const report = await verify(edited);
  expect(where(report)).toEqual(['edited', 7, 6, id(6)]);
  expect([report.intact, report.records, report.last?.eventId]).toEqual([false, 6, id(5)]);
});

test('any one changed character is found on its line', async () => {
  const { lines, checkpoints } = await chainOf(6);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(5),
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme-ascii' }),
      async (at, place, put) => {
        const line = lines[at]!;
        const position = place % line.length;
        fc.pre(line[position] !== put);
        const changed = line.slice(0, position) + put + line.slice(position + 1);
        const report = await verify(lines.with(at, changed), { checkpoints });
        expect(report.intact).toBe(false);
        expect(report.fault!.line === at + 1 || report.fault!.kind === 'cut_off').toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

test('a name that stands twice is found, though the last one says what was sealed', async () => {
  const { lines } = await chainOf(3);
  const doubled = lines.with(1, lines[1]!.replace('"outcome"', '"outcome":"failure","outcome"'));
  expect(JSON.parse(doubled[1]!)).toEqual(JSON.parse(lines[1]!));
  expect(where(await verify(doubled))).toEqual(['edited', 2, 1, id(1)]);
});

test('a missing record is named by its place, wherever it was', async () => {
  const { lines, checkpoints } = await chainOf(12);
  expect(where(await verify(lines.toSpliced(6, 1)))).toEqual(['missing', 7, 6, null]);
  expect((await verify(lines.toSpliced(6, 2))).fault!.message).toBe(
    `Line 7: record 8 (event ${id(8)}) comes where record 6 should, which is nowhere after it.`,
  );
  expect(where(await verify(lines.slice(3)))).toEqual(['cut_off', 1, 0, null]);
  expect(where(await verify(lines.slice(0, -1), { checkpoints }))).toEqual(['cut_off', null, 11, null]);
  expect(where(await verify([], { checkpoints }))).toEqual(['cut_off', null, 0, null]);
});

test('records that changed places are named', async () => {
  const { lines } = await chainOf(12);
  const swapped = lines.with(4, lines[8]!).with(8, lines[4]!);
  expect(where(await verify(swapped))).toEqual(['reordered', 5, 4, id(4)]);
  expect((await verify(swapped)).fault!.message).toContain('which stands on line 9');
});

test('a record that stands twice is named', async () => {
  const { lines } = await chainOf(8);
  expect(where(await verify(lines.toSpliced(5, 0, lines[4]!)))).toEqual(['duplicated', 6, 4, id(4)]);
  expect(where(await verify(lines.toSpliced(6, 0, lines[0]!)))).toEqual(['duplicated', 7, 0, id(0)]);
});

test('a record that was never sealed is named', async () => {
  const { lines } = await chainOf(4);
  expect(where(await verify(lines.toSpliced(2, 0, JSON.stringify(recordOf(9)))))).toEqual(['inserted', 3, 2, id(9)]);
});

test('a tail cut off behind the last checkpoint cannot be seen, and the report says so', async () => {
  const { lines, checkpoints } = await chainOf(25);
  const report = await verify(lines.slice(0, 22), { checkpoints: checkpoints.slice(0, 2) });
  expect([report.intact, report.checkpointed]).toEqual([true, 19]);
  expect(report.unseen[0]).toBe('The last checkpoint is record 19: a tail cut off behind it cannot be seen.');
  const without = await verify(lines.slice(0, 22));
  expect(without.unseen[0]).toBe('No checkpoint confirms any record: a tail that was cut off cannot be seen.');
});

test('a chain rewritten by someone who has the key shows against a checkpoint', async () => {
  const { checkpoints } = await chainOf(12);
  const { lines } = await chainOf(12);
  expect(where(await verify(lines, { checkpoints }))).toEqual(['edited', 10, 9, id(9)]);
});

test('a log whose older files were removed is checked from a checkpoint on', async () => {
  const { lines, checkpoints } = await chainOf(25);
  const report = await verify(lines.slice(10), { checkpoints, after: checkpoints[0]! });
  expect([report.intact, report.records, report.first?.sequence]).toEqual([true, 15, 10]);
  expect(report.unseen.at(-1)).toContain('`after` was not checked');
  expect(where(await verify(lines.slice(11), { after: checkpoints[0]! }))).toEqual(['missing', 1, 10, null]);
});

test('a new key goes on with the same chain, and both are needed to verify it', async () => {
  const { lines, sink } = list();
  const before = chained(sink, { keys: KEYS });
  for (const record of records(3)) await before.write(record);
  const after = chained(sink, { keys: { current: 'k2', byId: { k1: K1, k2: K2 } } });
  for (const record of records(3)) await after.write(record);
  expect((await verify(lines, { keys: { k1: K1, k2: K2 } })).records).toBe(6);
  const report = await verify(lines);
  expect(where(report)).toEqual(['unknown_key', 4, 3, id(0)]);
  expect(report.fault!.message).toContain("'k2', which is not among the keys given");
  expect((await verify(lines, { keys: { k1: K2, k2: K1 } })).fault!.kind).toBe('wrong_key');
  expect(where(await verify(lines, { keys: { k1: K1, k2: K1 } }))).toEqual(['wrong_key', 4, 3, id(0)]);
});

test('a wrong key is told from an edited first record', async () => {
  const { lines } = await chainOf(5);
  expect((await verify(lines, { keys: { k1: K2 } })).fault!.message).toContain("the key given for 'k1'");
  const edited = lines.with(0, lines[0]!.replace('"success"', '"failure"'));
  expect(where(await verify(edited))).toEqual(['edited', 1, 0, id(0)]);
});

test('a chain goes on after a restart, over rotated files, and after kill -9 and a torn line', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  let now = Date.UTC(2020, 0, 1);
  const open = () =>
    chained(fileSink({ path, fsync: 'never', maxBytes: 9_000, clock: () => now++, onNotice: () => {} }), {
      keys: KEYS,
    });
  for (let start = 0; start < 3; start += 1) {
    const chain = open();
    for (const record of records(10)) await chain.write(record);
    await chain.close();
  }
  const task = { file: { path, fsync: 'never', maxBytes: 50_000 }, count: 0, atOnce: 3, chain: K1 };
  const { child, written, wrote, gone } = await startWriting(task);
  await wrote(150);
  child.kill('SIGKILL');
  await gone;
  appendFileSync(path, '{"schema":"latchkey.sig');
  now = Date.UTC(2040, 0, 1);
  const chain = open();
  for (const record of records(2)) await chain.write(record);
  await chain.close();
  expect(readdirSync(home).length).toBeGreaterThan(5);
  const report = await verify(linesOf(path));
  expect(report.fault).toBeNull();
  expect(report.torn.count).toBe(1);
  expect(report.records).toBeGreaterThanOrEqual(30 + written.length + 2);
  expect(report.records).toBeLessThanOrEqual(30 + written.length + 3 + 2);
});

test('a chain whose file logrotate moved away goes on from the moved one', async () => {
  const path = join(folder(), 'audit.log');
  for (let start = 0; start < 3; start += 1) {
    const chain = chained(fileSink({ path, fsync: 'never' }), { keys: KEYS });
    await chain.write(recordOf(start));
    await chain.close();
    if (start < 2) renameSync(path, `${path}.2026112${start}T000000`);
  }
  const report = await verify(linesOf(path));
  expect([report.fault, report.records]).toEqual([null, 3]);
});

test('a torn line that hides a record is no accident', async () => {
  const { lines } = await chainOf(6);
  const cut = lines.with(3, lines[3]!.slice(0, 40));
  expect(where(await verify(cut))).toEqual(['edited', 4, 3, null]);
  const accident = lines.toSpliced(3, 0, lines[3]!.slice(0, 40));
  const report = await verify(accident);
  expect([report.intact, report.records, report.torn]).toEqual([true, 6, { count: 1, firstLine: 4 }]);
  expect((await verify([...lines, lines[3]!.slice(0, 40)])).torn).toEqual({ count: 1, firstLine: 7 });
});

test('a write that fails leaves no gap, whether its line is there or not', async () => {
  const { lines, sink } = list();
  let fail: 'before' | 'after' | null = null;
  const unreliable: LineSink = {
    ...sink,
    async write(line) {
      if (fail === 'before') throw new Error('disk full');
      await sink.write(line);
      if (fail === 'after') throw new Error('fsync failed');
    },
  };
  const chain = chained(unreliable, { keys: KEYS });
  for (const way of [null, 'before', 'after', null, 'after', 'before', null] as const) {
    fail = way;
    await chain.write(recordOf(lines.length)).catch(() => {});
  }
  const report = await verify(lines);
  expect([report.fault, report.records]).toEqual([null, 5]);
});

test('a line that was cut just before its newline counts as failed, is there all the same, and makes no fork', async () => {
  const path = join(folder(), 'audit.log');
  const file = fileSink({ path, fsync: 'never', onNotice: () => {} });
  let cut = false;
  const chain = chained(
    {
      ...file,
      async write(line) {
        if (!cut) return file.write(line);
        appendFileSync(path, JSON.stringify(line));
        throw new Error('the disk was full just before the newline');
      },
    },
    { keys: KEYS },
  );
  await chain.write(recordOf(0));
  cut = true;
  await expect(chain.write(recordOf(1))).rejects.toThrow('just before the newline');
  cut = false;
  appendFileSync(path, '\n');
  await chain.write(recordOf(2));
  await chain.close();
  expect(await verify(linesOf(path))).toMatchObject({ intact: true, records: 3 });
});

test('a checkpoint that fails is due again with the next record, and fails no write', async () => {
  const tried: number[] = [];
  const taken: number[] = [];
  const notices: string[] = [];
  const { lines, checkpoints } = await chainOf(13, {
    checkpoints: {
      every: 5,
      sink: {
        write({ sequence }) {
          tried.push(sequence);
          if (tried.length < 3) throw new Error('the second channel is down');
          taken.push(sequence);
        },
      },
      onNotice: ({ kind, message }) => notices.push(`${kind}: ${message}`),
    },
  });
  // While it was down one tree grew: no checkpoint is lost, and none was made in between.
  expect([lines.length, tried, taken]).toEqual([13, [4, 4, 4, 9, 12], [4, 9, 12]]);
  expect(checkpoints).toEqual([]);
  expect(notices).toEqual([
    'failing: checkpoints does not take what it is given: a write failed. Cause: the second channel is down. 1 waiting.',
    'recovered: checkpoints works again. 2 writes failed before. 0 waiting.',
  ]);
});

test('checkpoints go to a file of their own, which the chain closes, and are read back as lines', async () => {
  const home = folder();
  const [path, second] = [join(home, 'audit.log'), join(home, 'checkpoints.log')];
  const chain = chained(fileSink({ path, fsync: 'never' }), {
    keys: KEYS,
    checkpoints: { sink: fileSink({ path: second, fsync: 'always' }), every: 5 },
  });
  for (const record of records(12)) await chain.write(record);
  await chain.close();
  expect(readdirSync(home)).toEqual(['audit.log', 'checkpoints.log']);
  const read = () => verify(linesOf(path), { checkpoints: linesOf(second) });
  expect(await read()).toMatchObject({ intact: true, checkpointed: 11 });
  writeFileSync(path, `${linesIn(path).slice(0, 7).join('\n')}\n`);
  expect(where(await read())).toEqual(['cut_off', null, 7, null]);
});

test('two processes cannot share a chain', async () => {
  const path = join(folder(), 'audit.log');
  const task = { file: { path, fsync: 'never' }, count: 0, chain: K1 };
  const { child, gone } = await startWriting(task);
  const second = await startWriting(task).then(
    () => 'started',
    (error: Error) => error.message,
  );
  expect(second).toContain(
    `process ${child.pid} on ${hostname()} writes to this log. A chain needs a file that is one`,
  );
  child.kill('SIGTERM');
  expect(await gone).toBe(0);
  expect((await verify(linesOf(path))).fault).toBeNull();
});

test('a second writer of a chain, and a chain begun anew, are told apart from a copy', async () => {
  const { lines } = await chainOf(5);
  const last = JSON.parse(lines[4]!).integrity;
  const sinks = [list(), list()];
  for (const [n, { sink }] of sinks.entries()) await chained(sink, { keys: KEYS, after: last }).write(recordOf(20 + n));
  const both = [...lines, ...sinks.flatMap((each) => each.lines)];
  expect(where(await verify(both))).toEqual(['duplicated', 7, 5, id(21)]);
  const third = list();
  await chained(third.sink, { keys: KEYS, after: { ...last, mac: 'another' } }).write(recordOf(30));
  expect(where(await verify([...lines, ...third.lines]))).toEqual(['forked', 6, 5, id(30)]);
  const anew = await chainOf(2);
  expect(where(await verify([...lines, ...anew.lines]))).toEqual(['forked', 6, 0, id(0)]);
});

test('a log that ends in no chain, or in another key, is not continued', async () => {
  const path = join(folder(), 'audit.log');
  const plain = fileSink({ path, fsync: 'never' });
  await plain.write(recordOf(0));
  expect(() => chained(plain, { keys: KEYS })).toThrow('belongs to no chain');
  const { sink } = list();
  await chained(sink, { keys: KEYS }).write(recordOf(0));
  expect(() => chained(sink, { keys: { current: 'k1', byId: { k1: K2 } } })).toThrow("does not verify with key 'k1'");
  expect(() => chained(sink, { keys: { current: 'k2', byId: { k1: K1 } } })).toThrow(
    'chained.keys.current: got "k2". Write the id of a key in keys.byId.',
  );
  expect(() => chained(sink, { keys: { current: 'k1', byId: { k1: 'short' } } })).toThrow('at least 32');
  await plain.close();
});

test.for([
  ['ECS', toEcs],
  ['OCSF', toOcsf],
] as const)('lines in %s are sealed as they are written, and named by their event id', async ([, map]) => {
  const { lines, sink } = list();
  const mappedChain = mapped(chained(sink, { keys: KEYS }), map);
  for (const record of records(4)) await mappedChain.write(record);
  expect((await verify(lines)).records).toBe(4);
  const edited = lines.with(2, lines[2]!.replace('192.0.2.7', '192.0.2.8'));
  expect(where(await verify(edited))).toEqual(['edited', 3, 2, id(2)]);
});

test('a line nested too deep, and a file without newlines, are faults and no crash', async () => {
  const { lines } = await chainOf(2);
  const deep = lines[1]!.replace('"schema"', `"deep":${'['.repeat(200_000)}${']'.repeat(200_000)},"schema"`);
  expect(where(await verify([lines[0]!, deep]))).toEqual(['edited', 2, 1, id(1)]);
  const path = join(folder(), 'long.log');
  writeFileSync(path, 'x'.repeat(8_000_000));
  expect((await verify(linesOf([path]))).torn).toEqual({ count: 1, firstLine: 1 });
});

test('verifying keeps nothing but its place: a log of many megabytes needs no more memory than a short one', async () => {
  const path = join(folder(), 'audit.log');
  const chain = chained(fileSink({ path, fsync: 'never' }), { keys: KEYS });
  for (let n = 0; n < 4_000; n += 1) await chain.write(recordOf(n, 'x'.repeat(12_000)));
  await chain.close();
  expect(statSync(path).size).toBeGreaterThan(48_000_000);
  const script = join(import.meta.dirname, 'verifying-process.ts');
  // Of these 36 megabytes core takes 16 before the first line is read.
  const args = ['--max-old-space-size=36', '--conditions=latchkey-source', script, path, K1];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toMatchObject({ intact: true, records: 4_000 });
});
