/**
 * A process of its own with a site and an SDK in it. It signs people up and in over HTTP as its task
 * says, stops everything the way an application does, and sends home what it saw.
 */
import { checkTelemetry, type Logger, memoryStore, standardOutput } from '@latchkey/core';
import { openSite } from '@latchkey/testing';
import { mounts } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';
import type { Seen, Task } from './applications.ts';
import { installed, type Sdk, startSdk } from './sdk.ts';

const task = JSON.parse(process.argv[2]!) as Task;
const said: object[] = [];
const keep = (fields: object) => void said.push(fields);

let sdk: Sdk | undefined;
if (task.start === 'first') sdk = startSdk(task.pino && { instrumentations: [pinoInstrumentation()] });
const site = await openSite(
  { mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord },
  { logger: task.pino ? pinoLogger() : { info: () => {}, warn: keep, error: keep } },
);
const passkey = await site.agent().signUp('ada');
if (task.start === 'after an attempt') sdk = startSdk();
const statuses: number[] = [];
const times: number[] = [];
for (const flags of task.signIns.map((kind) => (kind === 'good' ? {} : { UV: false }))) {
  const begun = performance.now();
  statuses.push((await site.agent().signIn(passkey, { bend: { flags } })).status);
  times.push(performance.now() - begun);
}
await site.agent().signInOptions();
site.clock.now += 130_000;
await site.passkeys.sweep();
await site.close();
const findings = checkTelemetry().map(({ code }) => code);
const stopping = performance.now();
const failed = await sdk?.shutdown().then(
  () => null,
  (thrown: unknown) => String(thrown),
);
const seen: Seen = {
  records: site.records,
  statuses,
  lastSignInMs: times.at(-1)!,
  shutdownMs: performance.now() - stopping,
  shutdownFailed: failed ?? null,
  findings,
  said,
};
process.send!(seen);
process.disconnect();

function pinoInstrumentation(): object {
  const { PinoInstrumentation } = installed('@opentelemetry/instrumentation-pino');
  return new PinoInstrumentation({ disableLogSending: task.pino === 'does not send' });
}

/** The application's own logger, which it has for other things, too. */
function pinoLogger(): Logger {
  const log = installed('pino')();
  log.info('something else');
  return task.pino === 'is passed by' ? standardOutput : log;
}
