/** Development without https: localhost, and names under it, which browsers take for secure (W3C Secure Contexts §5.2, Let 'localhost' be localhost). */
import { createPasskeys, memoryStore, type RelyingParty } from '@latchkey/core';
import { createSoftwarePasskey, openSite } from '@latchkey/testing';
import { expect, onTestFinished, test } from 'vitest';
import { mounts } from './mounts.ts';

test('a name under localhost signs up and signs in over http', async () => {
  const origin = 'http://app.localhost:3000';
  const world = { mount: mounts['Express 5'], store: memoryStore };
  const site = await openSite(world, { rp: { id: 'app.localhost', origins: [origin] } });
  onTestFinished(() => site.close());
  const agent = site.agent();
  const asPage = { headers: { origin } };
  const passkey = createSoftwarePasskey({ origin });
  const creation = (await agent.post('/registration/options', { username: 'ada' }, asPage)).json;
  const made = { attemptId: creation.attemptId, credential: passkey.register(creation.publicKey) };
  expect((await agent.post('/registration/verify', made, asPage)).status).toBe(201);
  expect([...agent.cookies.keys()]).toEqual(expect.arrayContaining(['latchkey-session']));
  const request = (await agent.post('/authentication/options', {}, asPage)).json;
  const used = { attemptId: request.attemptId, credential: passkey.authenticate(request.publicKey) };
  expect((await agent.post('/authentication/verify', used, asPage)).status).toBe(200);
  expect((await agent.request('GET', '/passkeys/session', undefined, asPage)).status).toBe(200);
});

const make = (rp: Pick<RelyingParty, 'id' | 'origins'>) => () =>
  createPasskeys({
    rp: { name: 'Site', ...rp },
    users: { find: () => undefined },
    store: memoryStore(),
    sweepEvery: false,
  });

test.each([
  ['app.localhost', 'http://app.localhost:3000'],
  ['app.localhost', 'http://tenant.app.localhost'],
  ['app.localhost', 'https://app.localhost'],
  ['localhost', 'http://localhost:5173'],
])('RP ID %s at %s starts', async (id, origin) => {
  await make({ id, origins: [origin] })().close();
});

test.each([
  // Browsers refuse the RP ID localhost for a page of a name under it.
  ['localhost', 'http://app.localhost:3000', 'rp.origins[0]'],
  ['app.localhost', 'http://other.localhost', 'rp.origins[0]'],
  ['example.com', 'http://example.com', 'rp.origins[0]'],
  ['example.com', 'http://localhost.example.com', 'rp.origins[0]'],
  ['evillocalhost.com', 'http://evillocalhost.com', 'rp.origins[0]'],
  ['127.0.0.1', 'http://127.0.0.1', 'rp.id'],
])('RP ID %s at %s does not start', (id, origin, option) => {
  expect(make({ id, origins: [origin] })).toThrow(expect.objectContaining({ option }));
});
