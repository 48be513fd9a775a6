export {};
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { createAgent } from '@latchkey/testing';
import { createApp } from './app.ts';

const server = createServer();
await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
server.on('request', createApp(origin));
after(() => server.close().closeAllConnections());

test('lets in whoever has the passkey', async () => {
  const ada = createAgent(origin);
  const passkey = await ada.signUp('ada');
  const elsewhere = createAgent(origin); // another browser, the same passkey
  const signedIn = await elsewhere.signIn(passkey);
  assert.equal(signedIn.json.attempt.enforcement, 'enforced');
  assert.equal((await elsewhere.request('GET', '/me')).json.id, 'ada');
});

test('lets nobody in whose device did not verify them, and says no more than that', async () => {
  const bob = createAgent(origin);
  const passkey = await bob.signUp('bob');
  const thief = createAgent(origin);
  const refused = await thief.signIn(passkey, { bend: { flags: { UV: false } } });
  assert.deepEqual([refused.status, refused.json.code], [401, 'authentication_failed']);
  assert.equal((await thief.request('GET', '/me')).status, 401);
});