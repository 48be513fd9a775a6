/**
 * A small application in a process of its own, for the soak test and for the test that asks a server to stop. State in memory, a line in a file for every record, and an end in good order on SIGTERM.
 *
 * RECORDS: the file. CLOCK_SPEED: how much faster than time its clock runs, so that what is kept for minutes goes in
 * seconds. STORE_HOLDS: storing the use of a passkey says so, and waits for a message.
 */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createPasskeys, memoryStore, type User } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express from 'express';

/** What the server says of itself when it is asked. */
export interface Sample {
  readonly rss: number;
  /** After a collection. */
  readonly heap: number;
  readonly descriptors: number;
  /** Of the event loop since the last sample, in milliseconds. */
  readonly delay: { readonly median: number; readonly p99: number; readonly most: number };
}

const speed = Number(process.env.CLOCK_SPEED ?? 1);
const started = Date.now();
const users = new Map<string, User>();
const file = await open(process.env.RECORDS!, 'a');
const inner = memoryStore();
const recordUse: typeof inner.passkeys.recordUse = async (...args) => {
  if (process.env.STORE_HOLDS) {
    process.send?.({ holding: true });
    await once(process, 'message');
  }
  return inner.passkeys.recordUse(...args);
};

/** Lines that wait for the file; one write takes all there are. */
let lines = '';
let writing: Promise<void> | undefined;
async function flush(): Promise<void> {
  while (lines !== '') {
    const some = lines;
    lines = '';
    await file.appendFile(some);
  }
  writing = undefined;
}

const server = createServer();
server.listen(0, 'localhost', () => {
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const passkeys = createPasskeys({
    rp: { id: 'localhost', name: 'Soak', origins: [origin] },
    users: {
      find: (id) => users.get(id),
      create: ({ name, displayName }) => {
        const user = { id: name, name, displayName };
        users.set(user.id, user);
        return user;
      },
    },
    store: { challenges: inner.challenges, sessions: inner.sessions!, passkeys: { ...inner.passkeys, recordUse } },
    rateLimit: false,
    clock: () => started + (Date.now() - started) * speed,
    sweepEvery: '1s',
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    audit: {
      sinks: [
        {
          name: 'file',
          write: ({ event, attempt, outcome, reason }) => {
            lines += `${JSON.stringify({ id: attempt.id, name: event.name, outcome, reason })}\n`;
            writing ??= flush();
            return writing;
          },
        },
      ],
    },
  });
  const app = express();
  const { routes, requireSignIn } = expressPasskeys(passkeys);
  app.use(routes());
  app.get('/guarded', requireSignIn(), (req, res) => void res.json({ user: req.passkeySession.user.id }));
  server.on('request', app);

  process.once('SIGTERM', () => {
    // Requests under way finish, then the file has every record, then there is nothing left to do.
    server.close(async () => {
      passkeys.close();
      await writing;
      await file.close();
      if (process.connected) process.disconnect();
    });
    server.closeIdleConnections();
  });
  process.send?.({ origin });
});

const histogram = monitorEventLoopDelay({ resolution: 10 });
histogram.enable();
process.on('message', () => {
  const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - 10);
  const loop = { median: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), most: ms(histogram.max) };
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed: heap } = process.memoryUsage();
  histogram.reset();
  const sample: Sample = { rss, heap, descriptors: readdirSync('/proc/self/fd').length, delay: loop };
  process.send?.(sample);
});
