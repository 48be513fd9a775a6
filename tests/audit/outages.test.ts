/**
 * A full disk, a table that is gone and a collector that takes nothing, all at once under load, and all back again: whatever is
 * lost has a line that says so, and lines, events, rows and metrics together still make every record.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startApplication } from '../telemetry/applications.ts';
import { openReceiver } from '../telemetry/receiver.ts';
import { folder } from './log-folder.ts';
import type { OutagesSeen, OutagesTask } from './outages-process.ts';
import { ids } from './records.ts';

const PATIENCE = { timeout: 60_000, interval: 20 };

test('what a full disk, a lost table and a dead collector take is said, and the numbers agree', {
  timeout: 240_000,
}, async () => {
  const home = folder();
  const [plain, patient] = [join(home, 'plain.log'), join(home, 'patient.log')];
  const receiver = await openReceiver();
  const task: OutagesTask = { home };
  const { child, printed, ended } = startApplication<OutagesSeen>(
    join(import.meta.dirname, 'outages-process.ts'),
    'sdk-3',
    task,
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BLRP_SCHEDULE_DELAY: '50', OTEL_LOG_LEVEL: 'error' },
  );
  const database = new BetterSqlite3(join(home, 'attempts.db'));
  onTestFinished(() => void database.close());
  const heard = async () => (await Promise.race([once(child, 'message'), ended.then(() => ['ended'])]))[0];
  const run = async (): Promise<number> => {
    child.send('run');
    const made = Number(await heard());
    await vi.waitUntil(() => receiver.logs.length + receiver.refused.length === made, PATIENCE);
    return made;
  };
  const fileSize = (limit: number | 'unlimited') =>
    execFileSync('prlimit', ['--pid', String(child.pid), `--fsize=${limit}:unlimited`]);

  expect(await heard()).toBe('ready');
  const before = await run();
  expect([receiver.refused.length, said(printed.errors)]).toEqual([0, false]);

  // The kernel writes as much of a line as the limit leaves room for: what a full disk does.
  fileSize(statSync(plain).size + 1_000);
  receiver.behaviour = 'refuses';
  database.exec('alter table latchkey_attempts rename to mislaid');
  const during = await run();
  fileSize('unlimited');
  receiver.behaviour = 'answers';
  database.exec('alter table mislaid rename to latchkey_attempts');
  const after = await run();
  child.send('end');
  const { records, said: log, notices, losses } = await ended;
  expect(records.length).toBe(after);
  expect([during - before, after - during].every((made) => made >= 100)).toBe(true);

  // The file that is not queued lost them; the log says so at once, with the cause, and at the end how many.
  const outage = ids(records.slice(before, during));
  const [kept, waited, rows] = [idsIn(plain), idsIn(patient), eventIdsOf(database)];
  const missing = (there: readonly string[]) => ids(records).filter((id) => !there.includes(id));
  expect(missing(kept)).toEqual(outage);
  const ofSink = (name: string) => log.filter(({ sink }) => sink === name);
  const ofPlain = ofSink('plain');
  expect(ofPlain[0]).toMatchObject({
    ...{ message: "latchkey: the sink 'plain' does not take records", failed: 1 },
    error: { message: expect.stringMatching(/plain\.log took 1000 of \d+ bytes\.$/) },
  });
  expect(ofPlain.at(-1)).toMatchObject({
    ...{ message: "latchkey: the sink 'plain' takes records again", failed: outage.length },
  });
  // So did the table.
  expect(missing(rows).sort()).toEqual(outage.toSorted());
  const ofTable = ofSink('attempt_store');
  expect(ofTable[0]).toMatchObject({
    failed: 1,
    error: { message: expect.stringContaining('A table or column of Latchkey is missing') },
  });
  expect(ofTable.at(-1)).toMatchObject({
    ...{ message: "latchkey: the sink 'attempt_store' takes records again", failed: outage.length },
  });
  // The queue lost none, and said that they wait.
  expect([missing(waited), losses]).toEqual([[], []]);
  expect(notices.map(({ kind }) => kind)).toEqual(['failing', 'recovered']);
  // The SDK dropped what the collector refused; its own log says so, where it is let.
  expect(receiver.refused.map(({ attributes }) => attributes['latchkey.event.id'])).toEqual(outage);
  expect([...receiver.logs, ...receiver.refused].length).toBe(records.length);
  expect(said(printed.errors)).toBe(true);

  // And the metrics have every one of them, written or failed.
  const counted = (sink: string) =>
    Object.fromEntries(
      receiver.metrics
        .filter(({ name }) => name === 'latchkey.audit.records')
        .flatMap(({ points }) => points)
        .filter(({ attributes }) => attributes['latchkey.audit.sink'] === sink)
        .map(({ attributes, value }) => [attributes['latchkey.audit.result'], value]),
    );
  const [all, lost] = [records.length, outage.length];
  expect(counted('plain')).toEqual({ written: all - lost, failed: lost });
  expect(counted('attempt_store')).toEqual({ written: all - lost, failed: lost });
  expect(counted('patient')).toEqual({ written: all });
});

/** Whether the SDK has said on standard error that it could not send. */
const said = (errors: string) => /OTLPExporterError|Internal Server Error|500/.test(errors);

/** The event ids of the whole lines of a file; a line that was torn by a full disk is none. */
function idsIn(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => (line.endsWith('}') ? [JSON.parse(line).event.id as string] : []));
}

function eventIdsOf(database: BetterSqlite3.Database): string[] {
  return database
    .prepare<[], { event_id: string }>('select event_id from latchkey_attempts')
    .all()
    .map((row) => row.event_id);
}
