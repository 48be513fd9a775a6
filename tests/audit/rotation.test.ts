/** Chains whose older files are removed, by `keep` or by logrotate: they verify, and the report says what is not here. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, chained, fileSink, type LineSink, linesOf, verifyChain } from '@latchkey/audit';
import { expect, test, vi } from 'vitest';
import { folder, linesIn, startWriting } from './log-folder.ts';
import { recordOf, records } from './records.ts';

const K1 = 'the first key of a chain, only for tests';
const keys = { current: 'k1', byId: { k1: K1 } };

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

test('with keep, a checkpoint stands at the end of each file, and what is left verifies', async () => {
  const home = folder();
  const [path, second] = [join(home, 'audit.log'), join(home, 'second', 'checkpoints.log')];
  let now = Date.UTC(2026, 10, 22);
  const chain = chained(fileSink({ path, fsync: 'never', maxBytes: 50_000, keep: 3, clock: () => now++ }), {
    keys,
    checkpoints: { sink: fileSink({ path: second, fsync: 'never' }) },
  });
  for (const record of records(1_000)) await chain.write(record);
  await chain.close();
  const first = JSON.parse((await collect(linesOf(path)))[0]!).integrity;
  expect(first.sequence).toBeGreaterThan(500);
  const verify = (options: object) =>
    verifyChain(linesOf(path), { keys: keys.byId, checkpoints: linesOf(second), ...options });

  // Removed on purpose or not: who verifies has to say so.
  expect((await verify({})).fault).toMatchObject({ kind: 'cut_off', line: 1 });
  const report = await verify({ fromFirstLine: true });
  expect(report).toMatchObject({ intact: true, records: 1_000 - first.sequence, checkpointed: 999 });
  expect(report.unseen).toContain(`Records 0 to ${first.sequence - 1} are not here and were not checked.`);
  expect(report.unseen).toContain(
    `A checkpoint kept record ${first.sequence - 1}, which the first record here follows.`,
  );
  const checkpoints = linesIn(second).map((line) => JSON.parse(line) as Checkpoint);
  const after = checkpoints.find(({ sequence }) => sequence === first.sequence - 1);
  expect((await verify({ after })).intact).toBe(true);

  // Every line is in the tree of a checkpoint, each tree begins where the one before ended.
  expect(checkpoints.map((it) => it.first)).toEqual([0, ...checkpoints.slice(0, -1).map((it) => it.sequence + 1)]);
});

test('a log that was cut elsewhere than at the end of a file is told from one whose files were removed', async () => {
  const home = folder();
  const [path, second] = [join(home, 'audit.log'), join(home, 'checkpoints.log')];
  const chain = chained(fileSink({ path, fsync: 'never' }), {
    keys,
    checkpoints: { sink: fileSink({ path: second, fsync: 'never' }), every: 10 },
  });
  for (const record of records(25)) await chain.write(record);
  await chain.close();
  const lines = linesIn(path);
  const verify = (from: number) =>
    verifyChain(lines.slice(from), { keys: keys.byId, checkpoints: linesOf(second), fromFirstLine: true });
  expect((await verify(10)).unseen.at(-1)).toBe('A checkpoint kept record 9, which the first record here follows.');
  const report = await verify(13);
  expect([report.intact, report.records]).toEqual([true, 12]);
  expect(report.unseen.at(-1)).toBe('No checkpoint kept record 12: whether the log was cut elsewhere cannot be seen.');
  // A checkpoint of another history does not vouch for this beginning.
  const other = linesIn(second).map((line) => line.replace(/"mac":"../, '"mac":"zz'));
  const foreign = await verifyChain(lines.slice(10), {
    keys: keys.byId,
    checkpoints: other.slice(0, 1),
    fromFirstLine: true,
  });
  expect(foreign.unseen.at(-1)).toBe('No checkpoint kept record 9: whether the log was cut elsewhere cannot be seen.');
  // The place before can also be taken from the last line that was removed.
  const after = JSON.parse(lines[12]!).integrity;
  expect(await verifyChain(lines.slice(13), { keys: keys.byId, after })).toMatchObject({ intact: true, records: 12 });
});

test('a file that logrotate moved under load ends with a checkpoint, whichever line was the last one in it', async () => {
  const home = folder();
  const [path, second] = [join(home, 'audit.log'), join(home, 'checkpoints.log')];
  const file = { path, fsync: 'never', reopenOn: 'SIGHUP' };
  const { child, written, wrote, gone } = await startWriting({
    ...{ file, count: 0, atOnce: 4, chain: K1, checkpoints: second },
  });
  for (let turn = 1; turn <= 3; turn += 1) {
    await wrote(written.length + 57);
    renameSync(path, `${path}.2026112${turn}T000000`);
    child.kill('SIGHUP');
    await vi.waitUntil(() => existsSync(path), { timeout: 60_000 });
    await wrote(written.length + 57);
  }
  child.kill('SIGTERM');
  expect(await gone).toBe(0);
  for (const turn of [1, 2, 3]) {
    rmSync(`${path}.2026112${turn}T000000`);
    const report = await verifyChain(linesOf(path), {
      ...{ keys: keys.byId, checkpoints: linesOf(second), fromFirstLine: true },
    });
    expect(report.fault).toBeNull();
    expect(report.unseen.at(-1)).toMatch(/^A checkpoint kept record \d+, which the first record here follows\.$/);
  }
});

test('lines that a killed process left without a checkpoint are covered by the next one', async () => {
  const home = folder();
  const [path, second] = [join(home, 'audit.log'), join(home, 'checkpoints.log')];
  const { child, wrote, gone } = await startWriting({
    ...{ file: { path, fsync: 'never' }, count: 65, stay: true, chain: K1, checkpoints: second },
  });
  await wrote(65);
  // One every ten lines.
  await vi.waitUntil(() => linesIn(second).length === 6, { timeout: 60_000 });
  child.kill('SIGKILL');
  await gone;
  const sink = () => fileSink({ path: second, fsync: 'never', onNotice: () => {} });
  const chain = () =>
    chained(fileSink({ path, fsync: 'never', onNotice: () => {} }), { keys, checkpoints: { sink: sink(), every: 10 } });
  // One of those lines edited before the start: no checkpoint is made over it.
  const text = readFileSync(path, 'utf8');
  const lines = text.trimEnd().split('\n');
  const kept = JSON.parse(linesIn(second).at(-1)!) as Checkpoint;
  expect([kept.sequence, lines.length]).toEqual([59, 65]);
  const edited = lines[kept.sequence + 1]!.replace('"success"', '"failure"');
  writeFileSync(path, `${lines.with(kept.sequence + 1, edited).join('\n')}\n`);
  expect(chain).toThrow("a line of this log does not verify with key 'k1'");
  writeFileSync(path, text);
  const next = chain();
  await next.write(recordOf(1));
  await next.close();
  const checkpoints = linesIn(second).flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Checkpoint] : []));
  expect(checkpoints.map((it) => it.first)).toEqual([0, ...checkpoints.slice(0, -1).map((it) => it.sequence + 1)]);
  const report = await verifyChain(linesOf(path), { keys: keys.byId, checkpoints: linesOf(second) });
  expect([report.fault, report.checkpointed]).toEqual([null, report.records - 1]);
});

test('a log that was cut off or rewritten behind its checkpoints is not continued', async () => {
  const home = folder();
  const [path, second] = [join(home, 'audit.log'), join(home, 'checkpoints.log')];
  const open = () =>
    chained(fileSink({ path, fsync: 'never' }), {
      keys,
      checkpoints: { sink: fileSink({ path: second, fsync: 'never' }), every: 10 },
    });
  const chain = open();
  for (const record of records(20)) await chain.write(record);
  await chain.close();
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, `${linesIn(path).slice(0, 15).join('\n')}\n`);
  expect(open).toThrow('a checkpoint kept record 19, and this log has record 14, another one, as its last');
  // By somebody who has the secret key: as long, and sealed anew.
  writeFileSync(path, '');
  const forger = chained(fileSink({ path, fsync: 'never' }), { keys });
  for (const record of records(20)) await forger.write({ ...record, outcome: 'failure' });
  await forger.close();
  expect(open).toThrow('a checkpoint kept record 19, and this log has record 19, another one, as its last');
  writeFileSync(path, whole);
  await open().close();
});

test('a checkpoint is handed over only when its lines are on the disk', async () => {
  const steps: string[] = [];
  const sink: LineSink = {
    name: 'list',
    write: async () => void steps.push('line'),
    sync: async () => void steps.push('sync'),
    close: async () => {},
  };
  const write = () => void steps.push('checkpoint');
  const chain = chained(sink, { keys, checkpoints: { sink: { write }, every: 2 } });
  for (const record of records(2)) await chain.write(record);
  await chain.close();
  expect(steps).toEqual(['line', 'line', 'sync', 'checkpoint']);
});
