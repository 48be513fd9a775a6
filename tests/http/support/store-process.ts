/**
 * Why this file exists: a server process that shares its store with another, for processes.test.ts. Arguments: those of
 * `openPlace`. It prints lines of JSON: its origin, then, having read the origins of all as one line, that it is ready, and
 * from then on every record. A line `sweep MS` sets its clock so far ahead, sweeps, and is answered with the count; `clock MS`
 * only sets the clock.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { createPasskeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express from 'express';
import { openPlace } from './store-urls.ts';

const [url, prefix] = process.argv.slice(2) as [string, string];
const tell = (message: object) => console.log(JSON.stringify(message));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const server = createServer();
server.listen(0, 'localhost');
await once(server, 'listening');
tell({ origin: `http://localhost:${(server.address() as AddressInfo).port}` });
const origins = JSON.parse((await lines.next()).value!) as string[];

let ahead = 0;
const passkeys = createPasskeys({
  rp: { id: 'localhost', name: 'One of two', origins },
  // An account is its name, so that both processes know it.
  users: { find: (id) => ({ id, name: id }), create: ({ name }) => ({ id: name, name }) },
  store: openPlace(url, prefix).store,
  sweepEvery: false,
  rateLimit: false,
  clock: () => Date.now() + ahead,
});

const app = express();
const { routes, requireSignIn } = expressPasskeys(passkeys);
app.use(routes());
app.get('/guarded', requireSignIn(), (req, res) => void res.json({ user: req.passkeySession.user.id }));
server.on('request', app);
tell({ ready: true });

for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const [command, ms] = line.split(' ');
  ahead = Number(ms);
  tell({ swept: command === 'sweep' ? await passkeys.sweep() : 0 });
}
process.exit();
