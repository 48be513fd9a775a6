/** `latchkey attempts` and `latchkey verify`: the same records from a store and from a log, and a log that somebody touched. */
import { once } from 'node:events';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, chained, fileSink } from '@latchkey/audit';
import type { AttemptRecord } from '@latchkey/core';
import { describe, expect, test } from 'vitest';
import { recordOf } from '../audit/records.ts';
import { collect, folder, latchkey, latchkeyJson, start } from './latchkey.ts';
import { KINDS, place } from './stores.ts';

/** Ten sign-ins; every third one refused, and the last with data that a terminal would obey. */
const TEN: readonly AttemptRecord[] = Array.from({ length: 10 }, (_, n): AttemptRecord => {
  const record = recordOf(n * 1_000);
  const user = { ...record.user, id: n === 9 ? 'mallory\u001b[2J\u202e\n' : 'ada' };
  if (n % 3 !== 0) return { ...record, user };
  return { ...record, user, outcome: 'failure', reason: 'signature_invalid', reasonSource: 'server' };
});

const idsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as AttemptRecord).event.id);
const newestFirst = (records: readonly AttemptRecord[]) => records.map(({ event }) => event.id).reverse();

/** A log with those records and what else may stand in a log. */
function logOf(records: readonly AttemptRecord[]): string {
  const file = join(folder(), 'sign-ins.log');
  writeFileSync(
    file,
    `not JSON\n${records.map((record) => `${JSON.stringify(record)}\n`).join('')}{"level":30,"msg":"hello"}\n`,
  );
  return file;
}

describe.each([...KINDS, 'a log'] as const)('attempts in %s', (kind) => {
  async function sourceOf(): Promise<readonly string[]> {
    if (kind === 'a log') return ['--log', logOf(TEN)];
    const { at, store, migrate } = place(kind);
    await migrate();
    for (const record of TEN) await store.attempts.append(record);
    return at;
  }

  test('are listed, filtered and explained, by the id of the attempt and of the event', async () => {
    const from = await sourceOf();
    const all = await latchkey(['attempts', 'list', ...from, '--json']);
    expect({ code: all.code, ids: idsOf(all.stdout) }).toEqual({ code: 0, ids: newestFirst(TEN) });
    expect(JSON.parse(all.stdout.split('\n')[0]!)).toEqual(TEN[9]);

    const time = (n: number) => TEN[n]!.event.time;
    const some = await latchkey([
      'attempts',
      'list',
      ...from,
      '--json',
      '--outcome',
      'failure',
      '--reason',
      'signature_invalid',
      '--user',
      'ada',
      '--since',
      time(1),
      '--until',
      time(8),
    ]);
    expect(idsOf(some.stdout)).toEqual(newestFirst([TEN[3]!, TEN[6]!]));
    const [event, attempt] = [TEN[6]!.event.id, TEN[6]!.attempt.id];
    for (const id of [event, attempt]) {
      const { code, json } = await latchkeyJson(['attempts', 'explain', id, ...from]);
      expect({ code, record: json.record }).toEqual({ code: 0, record: TEN[6] });
      expect(json.explanation.failed.reason).toBe('signature_invalid');
    }
  });
});

test('a few are listed for people, and one is told in sentences', async () => {
  const from = ['--log', logOf(TEN)];
  const two = await latchkey(['attempts', 'list', ...from, '--limit', '2']);
  expect(two.stderr).toContain('The newest 2; --limit shows more.');
  expect(two.stdout.split('\n')).toHaveLength(3);
  // Controls in data are shown, not obeyed.
  expect(two.stdout).toContain('user mallory\\u{1b}[2J\\u{202e}\\u{a}  signature_invalid');

  const attempt = TEN[6]!.attempt.id;
  const told = await latchkey(['attempts', 'explain', attempt, ...from]);
  expect(told.stdout).toMatch(
    /\nAsked\n.*\nProved\n.*\nNot proved\n.*\nRefused {2}signature_invalid; says the server\n/s,
  );
  expect(await latchkey(['attempts', 'explain', 'nope', ...from])).toMatchObject({ code: 1, stdout: '' });
});

test('the related attempt is found where its id is of a clock that was set back since', async () => {
  const [first, second] = [recordOf(1_000), recordOf(2_000)];
  const ahead = (Date.parse(first.event.time) + 47 * 86_400_000).toString(16).padStart(12, '0');
  const id = `${ahead.slice(0, 8)}-${ahead.slice(8)}-7000-8000-000000000000`;
  const log = logOf([
    { ...first, attempt: { ...first.attempt, id } },
    { ...second, outcome: 'failure', reason: 'challenge_consumed', attempt: { ...second.attempt, relatedId: id } },
  ]);
  const { json } = await latchkeyJson(['attempts', 'explain', second.attempt.id, '--log', log]);
  expect(json.related.record.attempt.id).toBe(id);
});

describe('attempts follow', () => {
  test('shows what comes into a store, once each, and ends at Ctrl-C', async () => {
    const { at, store, migrate } = place('SQLite');
    await migrate();
    const now = (n: number): AttemptRecord => ({
      ...recordOf(n),
      event: { ...recordOf(n).event, time: new Date().toISOString() },
    });
    await store.attempts.append(now(1));
    const child = start(['attempts', 'follow', ...at, '--json', '--every', '50ms']);
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    // It shows only what comes after its start, so records are added until it has seen one.
    let n = 2;
    while (stdout() === '') {
      await store.attempts.append(now(n++));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await store.attempts.append(now(1_000));
    while (!stdout().includes(recordOf(1_000).event.id))
      await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    const ids = idsOf(stdout());
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).not.toContain(recordOf(1).event.id);
    expect({ code, stderr: stderr() }).toEqual({ code: 0, stderr: 'Waiting for records; Ctrl-C ends it.\n' });
  });

  test('follows a log across its rotation', async () => {
    const log = logOf(TEN);
    const child = start(['attempts', 'follow', '--log', log, '--json']);
    const stdout = collect(child.stdout);
    await once(child.stderr, 'data');
    let n = 100;
    while (stdout() === '') {
      appendFileSync(log, `${JSON.stringify(recordOf(n++))}\n`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // In two pieces, then away with the file.
    const last = JSON.stringify(recordOf(1_000));
    appendFileSync(log, last.slice(0, 40));
    appendFileSync(log, `${last.slice(40)}\n`);
    renameSync(log, `${log}.20261122T163000123Z`);
    writeFileSync(log, `${JSON.stringify(recordOf(2_000))}\n`);
    while (!stdout().includes(recordOf(2_000).event.id))
      await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
    child.kill('SIGINT');
    await once(child, 'close');
    const ids = idsOf(stdout());
    expect(ids.slice(-2)).toEqual([recordOf(1_000).event.id, recordOf(2_000).event.id]);
    expect(ids).not.toContain(TEN[0]!.event.id);
    expect(ids).toEqual([...new Set(ids)]);
  });
});

test('whoever reads may go away: no error, and exit code 141', async () => {
  const log = logOf(Array.from({ length: 20_000 }, (_, n) => recordOf(n)));
  const child = start(['attempts', 'list', '--log', log, '--limit', '20000', '--json']);
  const stderr = collect(child.stderr);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  expect({ code, stderr: stderr() }).toEqual({ code: 141, stderr: expect.not.stringContaining('EPIPE') });
});

test('a log that is not there is exit code 3, and never an intact one', async () => {
  const missing = join(folder(), 'nope.log');
  for (const command of [
    ['attempts', 'list'],
    ['attempts', 'follow'],
    ['verify', '--key', 'k1=env:K1'],
  ]) {
    for (const log of [missing, '/nowhere/at/all.log']) {
      const ran = await latchkey([...command, '--log', log], { K1: 'k'.repeat(32) });
      expect(ran).toMatchObject({ code: 3, stdout: '' });
    }
  }
});

describe('verify', () => {
  const KEY = { AUDIT_KEY_1: 'a key of a chain, only for tests, truly' };

  /** A chained log of twelve records, with a checkpoint for every five; `touch` is what somebody does to its lines. */
  async function verified(touch: (lines: string[]) => string[], env: Readonly<Record<string, string>> = KEY) {
    const file = join(folder(), 'sign-ins.log');
    const checkpoints: Checkpoint[] = [];
    const chain = chained(fileSink({ path: file, fsync: 'never' }), {
      keys: { current: 'k1', byId: { k1: KEY.AUDIT_KEY_1 } },
      checkpoints: { sink: { write: (checkpoint) => void checkpoints.push(checkpoint) }, every: 5 },
    });
    for (let n = 0; n < 12; n++) await chain.write(recordOf(n));
    await chain.close();
    const touched = touch(readFileSync(file, 'utf8').trim().split('\n'));
    writeFileSync(file, touched.map((line) => `${line}\n`).join(''));
    const kept = `${file}.checkpoints`;
    writeFileSync(kept, checkpoints.map((checkpoint) => `${JSON.stringify(checkpoint)}\n`).join(''));
    const args = ['verify', '--log', file, '--checkpoints', kept, '--key', 'k1=env:AUDIT_KEY_1'];
    return { file, args, ...(await latchkeyJson(args, env)) };
  }

  const id = (n: number) => recordOf(n).event.id;

  test('says that a log is as it was written, and what nobody could see', async () => {
    const { code, json, args } = await verified((lines) => lines);
    expect({ code, ...json }).toMatchObject({ code: 0, intact: true, records: 12, fault: null, checkpointed: 11 });
    const { stdout } = await latchkey(args, KEY);
    expect(stdout).toContain('intact  12 records: 0 (event ');
    expect(stdout).toContain('cut off behind it cannot be seen');
  });

  test.each<[string, string, number, (lines: string[]) => string[]]>([
    ['edited', 'edited', 6, (lines) => lines.with(6, lines[6]!.replace('192.0.2.7', '192.0.2.8'))],
    ['removed', 'missing', 6, (lines) => lines.toSpliced(6, 1)],
    ['moved', 'reordered', 6, (lines) => lines.toSpliced(6, 1).toSpliced(8, 0, lines[6]!)],
    ['written twice', 'duplicated', 6, (lines) => lines.toSpliced(8, 0, lines[6]!)],
    ['put in', 'inserted', 6, (lines) => lines.toSpliced(6, 0, JSON.stringify(recordOf(99)))],
    ['cut off', 'cut_off', 9, (lines) => lines.slice(0, 9)],
  ])('finds the first record that was %s', async (_, kind, sequence, touch) => {
    const { code, json, args } = await verified(touch);
    expect({ code, intact: json.intact, kind: json.fault.kind }).toEqual({ code: 1, intact: false, kind });
    expect(json.fault.sequence).toBe(sequence);
    if (kind === 'edited' || kind === 'reordered') expect(json.fault.eventId).toBe(id(6));
    expect(await latchkey(args, KEY)).toMatchObject({ code: 1, stdout: expect.stringContaining(json.fault.message) });
  });

  test('says so when the key is another, missing or too short', async () => {
    expect(await verified((lines) => lines, { AUDIT_KEY_1: 'k'.repeat(40) })).toMatchObject({
      code: 1,
      json: { fault: { kind: 'wrong_key' } },
    });
    const { args, file } = await verified((lines) => lines);
    expect(await latchkey(args)).toMatchObject({ code: 2, stderr: '--key k1: the environment has no AUDIT_KEY_1.\n' });
    expect(await latchkey(args, { AUDIT_KEY_1: 'short' })).toMatchObject({ code: 2, stdout: '' });
    writeFileSync(`${file}.key`, `${KEY.AUDIT_KEY_1}\n`);
    expect((await latchkey(['verify', '--log', file, '--key', `k1=file:${file}.key`])).code).toBe(0);
  });
});
