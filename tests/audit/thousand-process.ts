/**
 * Why this file exists: the application that the thousand attempts happen in: a process with an OpenTelemetry SDK, durable
 * sinks and a table. Its one argument is JSON; it sends home what it saw.
 */
import { join } from 'node:path';
import { attemptStoreSink, chained, fileSink, mapped, queued, toEcs, toOcsf } from '@latchkey/audit';
import { type AttemptRecord, memoryStore } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { migrate, sqlStore } from '@latchkey/sql';
import { openSite } from '@latchkey/testing';
import express from 'express';
import { Kysely } from 'kysely';
import { served } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';
import { kyselyDialect } from '../stores/support/databases.ts';
import { startSdk } from '../telemetry/sdk.ts';
import { driverOf } from './attempts.ts';

export interface ThousandTask {
  readonly home: string;
  readonly attempts: number;
  /** Of the chain. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface ThousandSeen {
  readonly records: AttemptRecord[];
  readonly secrets: string[];
  readonly losses: string[];
}

const { home, attempts, keys } = JSON.parse(process.argv[2]!) as ThousandTask;
const sdk = startSdk();
const db = new Kysely<Record<never, never>>({ dialect: kyselyDialect(`sqlite:${join(home, 'attempts.db')}`) });
await migrate(db);
const losses: string[] = [];
const options = { onLoss: (record: AttemptRecord) => void losses.push(record.event.id) };
const chain = chained(fileSink({ path: join(home, 'audit.log'), fsync: 'interval', maxBytes: 500_000 }), {
  keys: { current: 'k1', byId: keys },
});
const sinks = [
  queued(chain, options),
  queued(attemptStoreSink(sqlStore(db).attempts), options),
  queued(mapped(fileSink({ path: join(home, 'ecs.log'), name: 'ecs', fsync: 'never' }), toEcs), options),
  queued(mapped(fileSink({ path: join(home, 'ocsf.log'), name: 'ocsf', fsync: 'never' }), toOcsf), options),
];

/** Everyone has an address of their own, which a proxy in front would say. */
let clients = 0;
const mount = served((passkeys) => {
  const app = express();
  app.set('trust proxy', true);
  app.use((req, _res, next) => {
    clients += 1;
    req.headers['x-forwarded-for'] = `2001:db8:5ec:e7::${clients.toString(16)}:add`;
    next();
  });
  return app.use(expressPasskeys(passkeys).routes());
});

const inner = memoryStore();
let broken = false;
const take: typeof inner.challenges.take = async (...args) => {
  if (!broken) return inner.challenges.take(...args);
  broken = false;
  throw new Error('connection refused');
};
const many = { points: 1_000_000, seconds: 60 };
const site = await openSite(
  { mount, store: () => ({ ...inner, challenges: { ...inner.challenges, take } }), onRecord: assertValidRecord },
  {
    audit: { sinks },
    rateLimit: {
      limits: {
        options: many,
        verify: many,
        outcome: many,
        registration: many,
        account: { points: 3, seconds: 3_600 },
      },
    },
  },
);
const driver = await driverOf(site, {
  breakStore: () => {
    broken = true;
  },
});
await driver.run(attempts);
await site.close();
for (const sink of sinks) await sink.close();
await db.destroy();
await sdk.shutdown();
const seen: ThousandSeen = { records: site.records, secrets: [...driver.secrets], losses };
process.send!(seen, () => process.disconnect());
