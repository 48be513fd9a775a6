/**
 * Why this file exists: the application of `outages.test.ts`: two files of records, a table and an SDK, which are all taken away
 * from it and given back. It makes so many attempts at each `run`, says when they are made, and at `end` sends home what it saw.
 */
import { join } from 'node:path';
import { fileSink, queued, type SinkNotice } from '@latchkey/audit';
import { type AttemptRecord, memoryStore } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import { Kysely } from 'kysely';
import { openRecorded } from '../http/findings/recorded.ts';
import { mounts } from '../http/mounts.ts';
import { kyselyDialect } from '../stores/support/databases.ts';
import { startSdk } from '../telemetry/sdk.ts';
import { driverOf } from './attempts.ts';

export interface OutagesTask {
  readonly home: string;
}

/** A line of the application's own log that is about a sink. */
export interface Said {
  readonly message: string;
  readonly sink?: string;
  readonly failed?: number;
  readonly error?: { readonly code?: string; readonly message: string };
}

export interface OutagesSeen {
  readonly records: AttemptRecord[];
  readonly said: Said[];
  readonly notices: SinkNotice[];
  readonly losses: string[];
}

const { home } = JSON.parse(process.argv[2]!) as OutagesTask;
const sdk = startSdk();
const db = new Kysely<Record<never, never>>({ dialect: kyselyDialect(`sqlite:${join(home, 'attempts.db')}`) });
await migrate(db);
const notices: SinkNotice[] = [];
const losses: string[] = [];
const plain = fileSink({ path: join(home, 'plain.log'), name: 'plain', fsync: 'never', onNotice: () => {} });
const patient = queued(
  fileSink({ path: join(home, 'patient.log'), name: 'patient', fsync: 'never', onNotice: () => {} }),
  { onNotice: (notice) => notices.push(notice), onLoss: ({ event }) => losses.push(event.id) },
);

/** What is on its way to the file and to the table. */
const underWay = new Set<Promise<void>>();
const followed = (write: (record: AttemptRecord) => unknown) => (record: AttemptRecord) => {
  const writing = (async () => void (await write(record)))();
  underWay.add(writing);
  writing.catch(() => {}).finally(() => underWay.delete(writing));
  return writing;
};
const { attempts } = sqlStore(db);
const site = await openRecorded({
  mount: mounts['Express 5'],
  store: { ...memoryStore(), attempts: { ...attempts, append: followed(attempts.append) } },
  audit: { sinks: [{ name: 'plain', write: followed(plain.write) }, patient] },
});
const driver = await driverOf(site);

process.on('message', async (what: 'run' | 'end') => {
  if (what === 'run') {
    await driver.run(100);
    // The outage begins, and ends, between two records.
    while (underWay.size > 0) await Promise.allSettled(underWay);
    process.send!(site.records.length);
    return;
  }
  await patient.flush('60s');
  await site.close();
  for (const sink of [plain, patient]) await sink.close();
  await db.destroy();
  await sdk.shutdown();
  const said = site.log.map(({ fields, message }): Said => ({ ...fields, message })).filter(({ sink }) => sink);
  const seen: OutagesSeen = { records: site.records, said, notices, losses };
  process.send!(seen, () => process.disconnect());
});
process.send!('ready');
