/**
 * A small application that is watched: Latchkey on Express, passkeys in SQLite, records in a file, and the OpenTelemetry SDK
 * with a page of metrics for Prometheus. Nothing in it knows how it is going to be treated.
 */
import { randomUUID } from 'node:crypto';
import { appendFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { createPasskeys, type User } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { migrate, preparedOnce, sqlStore } from '@latchkey/sql';
import { NodeSDK } from '@opentelemetry/sdk-node';
import Database from 'better-sqlite3';
import express, { type Request } from 'express';
import { Kysely, SqliteDialect } from 'kysely';

export interface Application {
  readonly origin: string;
  /** Where its metrics are, as `host:port`; the path is `/metrics`. */
  readonly metrics: string;
  /** The file of its SQLite database. */
  readonly database: string;
  /** The file of its records, one line each. */
  readonly records: string;
  /** Ends what has expired by now. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

export interface ApplicationOptions {
  /** An empty folder of its own. */
  readonly folder: string;
  /** Where its metrics will be. */
  readonly metricsPort: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Few enough that one impatient browser runs into it. */
export const PER_BROWSER = { points: 20, seconds: 60 };
const MANY = { points: 1_000_000, seconds: 60 };

export async function startApplication({ folder, metricsPort, clock }: ApplicationOptions): Promise<Application> {
  const sdk = startTelemetry(metricsPort);
  const database = join(folder, 'passkeys.sqlite');
  const records = join(folder, 'records', 'attempts.jsonl');
  await mkdir(dirname(records), { recursive: true });
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: preparedOnce(new Database(database)) }) });
  await migrate(db);

  const app = express();
  const server = createServer(app);
  await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;

  const accounts = new Map<string, User>();
  /** Who gave a password here, and when, by what is in the cookie for it. */
  const passwordSignIns = new Map<string, User & { passwordAt: number }>();
  const passkeys = createPasskeys({
    rp: { id: 'localhost', name: 'Watched', origins: [origin] },
    users: {
      find: (id) => accounts.get(id),
      create: ({ name, displayName }) => {
        const user = { id: name, name, displayName };
        accounts.set(name, user);
        return user;
      },
      identify: ({ headers }: Request) =>
        passwordSignIns.get(/with-password=([\w-]+)/.exec(headers.cookie ?? '')?.[1] ?? ''),
    },
    policy: { conditionalCreate: true },
    store: sqlStore(db),
    clock,
    sweepEvery: false,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    rateLimit: {
      limits: { browser: PER_BROWSER, options: MANY, verify: MANY, outcome: MANY, registration: MANY, changes: MANY },
    },
    audit: { sinks: [{ name: 'file', write: (record) => appendFile(records, `${JSON.stringify(record)}\n`) }] },
  });
  app.use(expressPasskeys(passkeys).routes());
  // Its own sign-in, in which every password is right.
  app.post('/sign-in', express.json(), (request, response) => {
    const { name } = request.body as { name: string };
    const user = accounts.get(name) ?? { id: name, name };
    accounts.set(name, user);
    const token = randomUUID();
    passwordSignIns.set(token, { ...user, passwordAt: clock() });
    response.cookie('with-password', token, { httpOnly: true }).status(204).end();
  });

  return {
    origin,
    metrics: `127.0.0.1:${metricsPort}`,
    database,
    records,
    sweep: async () => void (await passkeys.sweep()),
    close: async () => {
      await new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      });
      await passkeys.close();
      await db.destroy();
      await sdk.shutdown();
    },
  };
}

/** What an application has already. Metrics also go to a Collector where the environment names one. */
function startTelemetry(port: number): NodeSDK {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: collector } = process.env;
  process.env.OTEL_SERVICE_NAME ??= 'watched';
  process.env.OTEL_METRICS_EXPORTER = collector ? 'prometheus,otlp' : 'prometheus';
  process.env.OTEL_EXPORTER_PROMETHEUS_HOST = '127.0.0.1';
  process.env.OTEL_EXPORTER_PROMETHEUS_PORT = String(port);
  process.env.OTEL_TRACES_EXPORTER ??= collector ? 'otlp' : 'none';
  process.env.OTEL_LOGS_EXPORTER ??= collector ? 'otlp' : 'none';
  const sdk = new NodeSDK();
  sdk.start();
  return sdk;
}
