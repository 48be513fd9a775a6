/**
 * A thousand attempts of all kinds over HTTP, in an application with an OpenTelemetry SDK of each line: the file, the SQL
 * table, the log events and the counters tell the same, and no secret.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf, verifyChain } from '@latchkey/audit';
import type { AttemptRecord } from '@latchkey/core';
import { sqlStore } from '@latchkey/sql';
import { Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { kyselyDialect } from '../stores/support/databases.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { runApplication } from '../telemetry/applications.ts';
import { openReceiver, type Receiver } from '../telemetry/receiver.ts';
import { LINES } from '../telemetry/sdk.ts';
import { folder } from './log-folder.ts';
import { ids } from './records.ts';
import { foundIn, SHORTEST } from './searching.ts';
import type { ThousandSeen, ThousandTask } from './thousand-process.ts';

/** An SDK's own queues drop what does not fit, and its exporter is idle for seconds at a time. */
const ROOM = { OTEL_BSP_MAX_QUEUE_SIZE: '100000', OTEL_BLRP_MAX_QUEUE_SIZE: '100000' };

test.for(LINES)(
  '%s: of a thousand mixed attempts the file, the table, the log events and the counters tell the same, without a secret',
  { timeout: atThisSpeed(300_000) },
  async (line) => {
    const home = folder();
    const receiver = await openReceiver();
    const task: ThousandTask = { home, attempts: 1_000, keys: { k1: 'a key for the chain of a test, no secret' } };
    const { records, secrets, losses } = await runApplication<ThousandSeen>(
      join(import.meta.dirname, 'thousand-process.ts'),
      line,
      task,
      { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...ROOM },
    );
    const made = ids(records);
    expect(made.length).toBeGreaterThanOrEqual(1_000);
    expect(new Set(made).size).toBe(made.length);
    expect(new Set(records.map(({ attempt }) => attempt.id)).size).toBe(made.length);
    const kinds = new Set(records.map(({ event, outcome, reason }) => `${event.name} ${outcome} ${reason}`));
    expect(kinds.size).toBeGreaterThanOrEqual(20);
    expect(new Set(records.map(({ outcome }) => outcome))).toEqual(
      new Set(['success', 'failure', 'cancelled', 'abandoned', 'error']),
    );

    const log = join(home, 'audit.log');
    const lines: AttemptRecord[] = [];
    for await (const text of linesOf(log)) lines.push(JSON.parse(text));
    expect(lines.map(({ integrity, ...record }) => record)).toEqual(records);
    expect((await verifyChain(linesOf(log), { keys: task.keys })).records).toBe(made.length);
    expect(ids(await rowsIn(home)).sort()).toEqual(made.toSorted());
    expect(losses).toEqual([]);

    expect(receiver.logs.map(({ attributes }) => attributes['latchkey.event.id'])).toEqual(made);
    expect(receiver.logs.map(({ attributes }) => attributes['latchkey.attempt.id'])).toEqual(
      records.map(({ attempt }) => attempt.id),
    );
    // A record of refusals over a limit stands for all of them; that is what is counted.
    expect(counted(receiver)).toEqual(tally(records));
    const limited = records.filter(({ reason }) => reason === 'rate_limited');
    expect(Math.max(...limited.map(({ event }) => event.repeatCount!))).toBeGreaterThan(1);
    const verified = receiver.spans.filter(({ name }) => name.endsWith('.verify') && name.startsWith('latchkey.s'));
    expect(verified.length).toBeGreaterThan(500);

    const files = Object.fromEntries(readdirSync(home).map((name) => [name, readFileSync(join(home, name))]));
    const exported = { otlp: Buffer.concat(receiver.bodies) };
    expect(Object.keys(files).length).toBeGreaterThanOrEqual(5);
    // What is looked for would be found: an attempt's id is everywhere, and a user's id in every file of records.
    const { attempt, user } = records[0]!;
    expect(foundIn({ ...files, ...exported }, [attempt.id]).length).toBeGreaterThanOrEqual(5);
    expect(foundIn(files, [user.id!]).length).toBeGreaterThanOrEqual(4);
    const long = secrets.filter((secret) => secret.length >= SHORTEST);
    expect(long.length).toBeGreaterThan(2_500);
    expect(foundIn({ ...files, ...exported }, long)).toEqual([]);
    // And nobody's id or address goes to OpenTelemetry.
    const people = records.flatMap(({ user, client }) => [user.id, client.address]).filter((it) => it !== null);
    expect(new Set(people).size).toBeGreaterThan(900);
    expect(foundIn(exported, people)).toEqual([]);
  },
);

async function rowsIn(home: string): Promise<AttemptRecord[]> {
  const db = new Kysely<Record<never, never>>({ dialect: kyselyDialect(`sqlite:${join(home, 'attempts.db')}`) });
  const table = sqlStore(db).attempts;
  const rows: AttemptRecord[] = [];
  for (let before: string | undefined; ; before = rows.at(-1)!.event.id) {
    const page = await table.list({ limit: 1_000, ...(before && { before }) });
    rows.push(...page);
    if (page.length < 1_000) break;
  }
  await db.destroy();
  return rows;
}

type Tally = Record<string, number>;

/** How many attempts of each kind the records stand for. */
function tally(records: readonly AttemptRecord[]): Tally {
  const sums: Tally = {};
  for (const { event, outcome, reason } of records) {
    const metric = event.name.replace(/\.attempt$/, '.attempts');
    // Changes to passkeys are no attempts.
    if (metric === event.name) continue;
    const kind = [metric, outcome, reason ?? ''].join(' ');
    sums[kind] = (sums[kind] ?? 0) + (event.repeatCount ?? 1);
  }
  return sums;
}

/** How many of each kind were counted. */
function counted({ metrics }: Receiver): Tally {
  const sums: Tally = {};
  for (const { name, points } of metrics.filter(({ name }) => name.endsWith('.attempts'))) {
    for (const { attributes, value } of points) {
      const kind = [name, attributes['latchkey.outcome'], attributes['latchkey.reason'] ?? ''].join(' ');
      sums[kind] = (sums[kind] ?? 0) + value;
    }
  }
  return sums;
}
