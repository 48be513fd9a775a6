/**
 * An application as somebody else writes it, with the packages from npm: sign-up, a sign-in that is refused and one that is
 * not, over HTTP through Express, and the records of them. scripts/release/consumer.ts compiles it as a module and, renamed to
 * app.cts, as CommonJS, where every import is a `require`.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type AttemptRecord, createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { createAgent } from '@latchkey/testing';
import express from 'express';

async function ceremony(): Promise<void> {
  const app = express();
  const server = app.listen(0, 'localhost');
  await once(server, 'listening');
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;

  const accounts = new Map<string, User>();
  const users: Users = {
    find: (id) => accounts.get(id),
    create({ name }) {
      const user = { id: name, name };
      accounts.set(name, user);
      return user;
    },
  };
  const records: AttemptRecord[] = [];
  const passkeys = createPasskeys({
    rp: { id: 'localhost', name: 'Consumer', origins: [origin] },
    users,
    store: memoryStore(),
    audit: { sinks: [{ name: 'kept', write: async (record) => void records.push(record) }] },
    logger: { info() {}, warn() {}, error() {} },
  });

  try {
    const { routes, requireSignIn, passkeySession } = expressPasskeys(passkeys);
    app.use(routes());
    app.get('/me', requireSignIn(), (req, res) => void res.json(passkeySession(req).user));

    const client = await fetch(`${origin}/passkeys/client.js`);
    assert.match(await client.text(), /createPasskeyClient/);

    const passkey = await createAgent(origin).signUp('ada');
    const browser = createAgent(origin);
    assert.equal((await browser.request('GET', '/me')).status, 401);
    const forged = await browser.signIn(passkey, { bend: { signature: Buffer.alloc(70) } });
    assert.equal(forged.status, 401);
    assert.equal((await browser.signIn(passkey)).status, 200);
    assert.equal((await browser.request('GET', '/me')).json.id, 'ada');
  } finally {
    await passkeys.close();
    server.closeAllConnections();
    server.close();
  }
  const signIns = records.filter(({ event }) => event.name === 'latchkey.signin.attempt');
  assert.deepEqual(
    signIns.map(({ outcome, reason }) => [outcome, reason]),
    [
      ['failure', 'signature_invalid'],
      ['success', null],
    ],
  );
}

ceremony().then(
  () => console.log('signed in'),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
