/**
 * The demo application, from the environment to "listening on URL" and back: each part is opened in turn, and closed in
 * the opposite order when the process is asked to stop.
 */
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attemptsConsole } from '@latchkey/console';
import { createPasskeys } from '@latchkey/core';
import { openAuditLog } from './audit-log.ts';
import { loadFramework } from './framework.ts';
import { openMailbox } from './mailbox.ts';
import { openPeople } from './people.ts';
import { readSettings, type Settings, SettingsError } from './settings.ts';
import { buildSite } from './site.ts';
import { openStore, PlaceError } from './store.ts';
import { startTelemetry } from './telemetry.ts';
import { terminalLog } from './terminal.ts';

/** How long requests that are under way may take to finish when the process is asked to stop. */
const PATIENCE_MS = 10_000;

const asked = process.argv.slice(2);
if (asked.length > 0) {
  const forHelp = asked.includes('--help') || asked.includes('-h');
  if (forHelp) process.stdout.write(readFileSync(new URL('../help.txt', import.meta.url), 'utf8'));
  else console.error(`It is set up by environment variables, not by ${asked[0]}. See --help.`);
  process.exitCode = forHelp ? 0 : 2;
} else {
  await start().catch((error: unknown) => {
    console.error(isForPeople(error) ? error.message : error);
    process.exit(1);
  });
}

async function start(): Promise<void> {
  const settings = readSettings(process.env);
  const serve = await loadFramework(settings.framework);

  const stopTelemetry = await startTelemetry();
  const { store, accounts, close: closeStore } = await openStore(settings.place);
  const auditLog = settings.auditLog === undefined ? undefined : openAuditLog(settings.auditLog);

  // With PORT=0 the origin is known only now; whoever asks already waits for the application.
  const application = Promise.withResolvers<RequestListener>();
  const server = createServer(async (request, response) => (await application.promise)(request, response));
  const port = await listen(server, settings);
  const origin = settings.origin ?? `http://localhost:${port}`;

  const mailbox = openMailbox();
  const passkeys = createPasskeys({
    rp: { id: settings.rpId, name: 'Latchkey demo', origins: [origin] },
    users: accounts,
    store,
    policy: { immediateMediation: settings.immediate, challengeTtl: settings.challengeTtl },
    rateLimit: settings.rateLimit ? {} : false,
    sweepEvery: settings.sweepEvery,
    audit: {
      identityKey: settings.identityKey,
      sinks: auditLog ? [auditLog] : [],
    },
    notify: mailbox.send,
    ...(process.stdout.isTTY && { logger: terminalLog }),
    passkeyEndpoints: { enroll: `${origin}/account`, manage: `${origin}/account` },
  });
  const attempts = attemptsConsole({
    attempts: store.attempts,
    // A demo on your machine: whoever can open it sees the attempts of everyone. Yours asks who it is.
    guard: () => true,
    home: { href: '/', name: 'The demo' },
  });
  const people = openPeople({ passkeys, accounts, origin, operator: settings.operator });
  const site = buildSite(settings, origin);
  application.resolve(await serve({ origin, passkeys, site, attempts, mailbox, people }));

  async function stop(): Promise<void> {
    attempts.close();
    await finish(server);
    await passkeys.close();
    await auditLog?.close();
    await closeStore();
    await stopTelemetry();
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stop().catch((error: unknown) => {
        console.error(error);
        process.exitCode = 1;
      });
    });
  }

  const here = `http://${settings.host === '127.0.0.1' ? 'localhost' : settings.host}:${port}`;
  process.stdout.write(`listening on ${here}\n`);
  if (process.stdout.isTTY)
    process.stdout.write('Open it and sign up. Each attempt is a line here; Ctrl+C stops it.\n\n');
  if (origin !== here) console.error(`Open ${origin}: that is ORIGIN, and passkeys work nowhere else.`);
}

async function listen(server: Server, { port, host }: Settings): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  // A click need not wait for a new connection.
  server.keepAliveTimeout = 75_000;
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new SettingsError(whyNotListening((cause as NodeJS.ErrnoException).code, port, host), { cause });
  }
  return (server.address() as AddressInfo).port;
}

function whyNotListening(code: string | undefined, port: number, host: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken: stop what listens there, or choose another, e.g. PORT=${port < 65_535 ? port + 1 : 3000}.`;
    case 'EACCES':
      return `Port ${port} needs more rights than this process has: choose one above 1023, e.g. PORT=3000.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST is "${host}", which is no address of this machine. Leave it out, or write 0.0.0.0 for all of them.`;
    default:
      return `Cannot listen on ${host}, port ${port} (${code}).`;
  }
}

/** Takes no new connection, lets the requests that are under way finish, and then ends what is left. */
async function finish(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connection is kept alive after its request, for one that will not come any more.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const patience = setTimeout(() => server.closeAllConnections(), PATIENCE_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(patience);
}

/** An error whose message is a sentence for whoever starts the demo. */
function isForPeople(error: unknown): error is Error {
  return error instanceof SettingsError || error instanceof PlaceError;
}
