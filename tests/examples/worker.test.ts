/** In a Worker a request's work ends with its answer: `settled` keeps it until what its attempt left behind is where it belongs. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createAgent } from '@latchkey/testing';
import { Miniflare } from 'miniflare';
import { expect, it, onTestFinished } from 'vitest';
import { bundleWorker, COMPATIBILITY } from '../../scripts/release/bundle.ts';
import { freePort } from '../support/ports.ts';

/** Its sink takes a while before it sends a record to the collector; so does `notify`. */
const WORKER = `
import { createPasskeys, memoryStore } from '@latchkey/core';
import { fetchPasskeys } from '@latchkey/fetch';
const accounts = new Map();
const users = {
  find: (id) => accounts.get(id),
  create: ({ name }) => accounts.set(name, { id: name, name }).get(name),
};
let passkeys;
const open = ({ PORT, COLLECTOR }) => {
  const send = async (what) => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    await fetch(COLLECTOR, { method: 'POST', body: what });
  };
  return createPasskeys({
    rp: { id: 'localhost', name: 'Worker', origins: ['http://localhost:' + PORT] },
    users,
    store: memoryStore(),
    sweepEvery: false,
    audit: { sinks: [{ name: 'late', write: (record) => send(record.event.name) }] },
    notify: ({ kind }) => send('notify: ' + kind),
  });
};
export default {
  async fetch(request, env, context) {
    passkeys ??= open(env);
    const answer = await fetchPasskeys(passkeys).fetch(request);
    context.waitUntil(passkeys.settled());
    return answer ?? new Response(null, { status: 404 });
  },
};`;

it('keeps a request of a Worker going until its record and its notification have been sent', async () => {
  const received: string[] = [];
  const collector = createServer(async (request, response) => {
    received.push(await text(request));
    response.end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void collector.close());
  await once(collector, 'listening');
  const port = await freePort();
  const workerd = new Miniflare({
    ...COMPATIBILITY,
    modules: true,
    script: await bundleWorker({
      stdin: { contents: WORKER, resolveDir: fileURLToPath(new URL('../../packages/fetch', import.meta.url)) },
      conditions: ['latchkey-source'],
    }),
    host: '127.0.0.1',
    port,
    bindings: { PORT: `${port}`, COLLECTOR: `http://127.0.0.1:${(collector.address() as AddressInfo).port}` },
  });
  onTestFinished(() => workerd.dispose());
  await workerd.ready;
  await createAgent(`http://localhost:${port}`).signUp('ada');
  await expect
    .poll(() => [...received].sort())
    .toEqual(['latchkey.passkey.added', 'latchkey.registration.attempt', 'notify: passkey_added']);
});
