/** What sockets can do to a site, on each framework: send too much, too slowly, half, or go away; and a server that is asked to stop. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expressPasskeys } from '@latchkey/express';
import { createAgent, type Mount, type Site, USED } from '@latchkey/testing';
import express from 'express';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { open } from './evidence.ts';

const OPTIONS = '/passkeys/authentication/options';
const TEN_MIB = 10 * 1_024 * 1_024;

/** What would have ended a process of an application that listens for neither. */
const crashes: unknown[] = [];
const crash = (thrown: unknown) => void crashes.push(thrown);
beforeAll(() => void process.on('uncaughtException', crash).on('unhandledRejection', crash));
afterAll(() => void process.off('uncaughtException', crash).off('unhandledRejection', crash));
afterEach(() => expect(crashes.splice(0), 'nothing is thrown where nobody catches it').toEqual([]));

/** A connection to a site that says what it likes. Whatever comes back is kept. */
interface Line {
  readonly socket: Socket;
  heard(): string;
  /** Resolves once what was heard matches, or the connection is closed. */
  hears(wanted: RegExp, ms?: number): Promise<string>;
  readonly closed: Promise<void>;
  /** Resolves with the first of what is heard. */
  readonly answered: Promise<unknown>;
}

async function dial({ origin }: Pick<Site, 'origin'>): Promise<Line> {
  const socket = connect({ port: Number(new URL(origin).port), host: 'localhost', allowHalfOpen: true });
  let heard = '';
  // Being cut off while sending is one of the clean ends here.
  socket.on('error', () => {});
  socket.setEncoding('latin1').on('data', (text) => {
    heard += text;
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const answered = new Promise((resolve) => socket.once('data', resolve));
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return {
    socket,
    heard: () => heard,
    closed,
    answered,
    async hears(wanted, ms = 5_000) {
      const until = performance.now() + atThisSpeed(ms);
      while (!wanted.test(heard) && !socket.destroyed && !socket.readableEnded && performance.now() < until)
        await wait(5);
      return heard;
    },
  };
}

const head = ({ origin }: Pick<Site, 'origin'>, path: string, ...headers: readonly string[]) =>
  [
    `POST ${path} HTTP/1.1`,
    `Host: ${new URL(origin).host}`,
    `Origin: ${origin}`,
    'Content-Type: application/json',
    ...headers,
  ]
    .map((line) => `${line}\r\n`)
    .join('')
    .concat('\r\n');

/** Writes a lot, no faster than it is taken, until all is sent or the other side has had enough. */
async function pour({ socket, closed, answered }: Line, chunk: Buffer, times: number): Promise<void> {
  for (let i = 0; i < times && !socket.destroyed && socket.writable; i++) {
    if (socket.write(chunk)) continue;
    const round = new AbortController();
    const drained = once(socket, 'drain', { signal: round.signal }).catch(() => {});
    // Who has answered may read nothing more: what is left waits here then.
    await Promise.race([drained, closed, answered]);
    round.abort();
  }
}

/** The connection answers the next request, or was closed cleanly: it never hangs. */
async function goesOn(site: Site, line: Line): Promise<void> {
  const answers = line.heard().split('HTTP/1.1 ').length;
  if (!line.socket.destroyed && !line.socket.readableEnded) {
    line.socket.write(`${head(site, OPTIONS, 'Content-Length: 2')}{}`);
    // A parser that reads no more leaves the connection to Node's keep-alive time-out, which is 5 s.
    await line.hears(new RegExp(`(HTTP/1.1 [^]*){${answers}}`), 10_000);
    const closed = line.socket.destroyed || line.socket.readableEnded;
    expect(closed || line.heard().split('HTTP/1.1 ').length > answers, 'the connection hangs').toBe(true);
  }
  expect((await site.agent().post('/authentication/options')).status).toBe(200);
}

/** A person signs in, quickly. */
async function signsIn(site: Site, passkey: Awaited<ReturnType<ReturnType<Site['agent']>['signUp']>>): Promise<void> {
  const started = performance.now();
  expect((await site.agent().signIn(passkey)).status).toBe(200);
  expect(performance.now() - started).toBeLessThan(atThisSpeed(2_000));
}

describe.each(Object.entries<Mount>(mounts))('%s', (framework, mount) => {
  test('10 MiB with their length are refused, and the connection goes on or is closed', async () => {
    const site = await open({}, { mount });
    const line = await dial(site);
    line.socket.write(head(site, OPTIONS, `Content-Length: ${TEN_MIB}`));
    await pour(line, Buffer.alloc(64 * 1_024, 0x20), TEN_MIB / (64 * 1_024));
    expect(await line.hears(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 413 /);
    await goesOn(site, line);
  });

  test('10 MiB in chunks are refused before they end, and the connection goes on or is closed', async () => {
    const site = await open({}, { mount });
    const line = await dial(site);
    line.socket.write(head(site, OPTIONS, 'Transfer-Encoding: chunked'));
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x1_0000, 0x20), Buffer.from('\r\n')]);
    await pour(line, chunk, TEN_MIB / 0x1_0000);
    const end = () => line.socket.write('0\r\n\r\n');
    // A parser of the application's in front reads to the end before it answers.
    const parsed = framework.includes('behind');
    if (parsed) end();
    expect(await line.hears(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 413 /);
    if (!parsed) end();
    await goesOn(site, line);
  });

  test('a connection that is closed on one side gets its answer', async () => {
    const site = await open({}, { mount });
    const line = await dial(site);
    line.socket.end(`${head(site, OPTIONS, 'Content-Length: 2')}{}`);
    expect(await line.hears(/"attemptId"/)).toMatch(/^HTTP\/1\.1 200 /);
    await line.closed;
  });

  test('a client that goes away in the middle of its body leaves one record and no crash', async () => {
    const site = await open({}, { mount });
    for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
      const line = await dial(site);
      const begun = `${head(site, OPTIONS, framing)}${framing.startsWith('T') ? '5\r\n{"mod' : '{"mod'}`;
      await new Promise((resolve) => line.socket.write(begun, resolve));
      line.socket.destroy();
    }
    // Behind a parser of the application's the request never gets as far as us.
    const records = framework.includes('behind') ? [] : ['malformed_request', 'malformed_request'];
    await expect.poll(() => site.records.map(({ reason }) => reason)).toEqual(records);
    expect((await site.agent().post('/authentication/options')).status).toBe(200);
  });
});

describe.each(['Express 5', 'Koa 3', 'Fastify 5'] as const)('%s', (framework) => {
  test('300 connections that send a byte now and then hold up nobody', async () => {
    const site = await open({}, { mount: mounts[framework] });
    const passkey = await site.agent().signUp('ada');
    const lines = await Promise.all(Array.from({ length: 300 }, () => dial(site)));
    for (const [index, { socket }] of lines.entries()) {
      // A third are slow in the request line, a third in a header, a third in the body.
      const whole = head(site, OPTIONS, 'Content-Length: 60000');
      socket.write([whole.slice(0, 9), whole.slice(0, -7), `${whole}{`][index % 3]!);
    }
    for (let second = 0; second < 3; second++) {
      for (const { socket } of lines) socket.write('x');
      await signsIn(site, passkey);
      await wait(100);
    }
    for (const { socket } of lines) socket.destroy();
    await signsIn(site, passkey);
  });
});

/** An application whose server waits for nobody: Node's own time-outs, shortened. */
const impatient: Mount = async (passkeys) => {
  const server = createServer({ headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 50 });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const app = express();
  app.use(expressPasskeys(passkeys(origin)).routes());
  server.on('request', app);
  return {
    origin,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

test.each([
  ['headers', (site: Site) => head(site, OPTIONS).slice(0, -4), 0],
  ['a body', (site: Site) => `${head(site, OPTIONS, 'Content-Length: 1000')}{"mode":`, 1],
] as const)('Node’s own time-outs end a request that never finishes its %s', async (_what, begin, records) => {
  const site = await open({}, { mount: impatient });
  const line = await dial(site);
  line.socket.write(begin(site));
  await Promise.race([line.closed, once(line.socket, 'end'), wait(atThisSpeed(5_000))]);
  expect(line.heard()).toMatch(/^HTTP\/1\.1 408 /);
  await expect.poll(() => site.records.map(({ reason }) => reason)).toEqual(Array(records).fill('malformed_request'));
  expect((await site.agent().post('/authentication/options')).status).toBe(200);
});

test('SIGTERM during a verify: it is answered, its record is in the file, and the process ends with 0', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-stop-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'records.jsonl');
  const child = fork(new URL('../soak/server.ts', import.meta.url), {
    execArgv: ['--conditions=latchkey-source', '--disable-warning=ExperimentalWarning'],
    env: { ...process.env, RECORDS: file, STORE_HOLDS: '1' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const [{ origin }] = (await once(child, 'message')) as [{ origin: string }];
  const agent = createAgent(origin);
  const passkey = await createAgent(origin).signUp('ada');
  const { attemptId, publicKey } = await agent.signInOptions();
  const answer = agent.post('/authentication/verify', {
    attemptId,
    credential: passkey.authenticate(publicKey),
    client: USED,
  });
  await once(child, 'message');
  child.kill('SIGTERM');
  await vi.waitFor(() => expect(fetch(`${origin}/guarded`)).rejects.toThrow(), atThisSpeed(10_000));
  child.send('go on');
  expect((await answer).status).toBe(200);
  expect(await exit).toEqual([0, null]);
  const last = JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1)!);
  expect(last).toEqual({ id: attemptId, name: 'latchkey.signin.attempt', outcome: 'success', reason: null });
});
