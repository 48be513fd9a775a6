export {};
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { chromium } from 'playwright-core';
import { createApp } from './app.ts';

const server = createServer();
await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
server.on('request', createApp(origin));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'], // where the test runs as root
});
after(async () => {
  await browser.close();
  server.close().closeAllConnections();
});

test('signs in by one click', async () => {
  const page = await browser.newPage();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.goto(origin);
  await page.addScriptTag({
    type: 'module',
    content: `
      import { createPasskeyClient } from '/passkeys/client.js';
      const passkeys = createPasskeyClient();
      await passkeys.signUp({ username: 'grace' });
      await passkeys.signOut();
      document.querySelector('button').onclick = async () => (document.title = (await passkeys.signIn()).kind);
      document.title = 'ready';`,
  });
  await page.waitForFunction(() => document.title === 'ready');
  await page.getByRole('button').click(); // a real click: Immediate UI mode needs one
  await page.waitForFunction(() => document.title !== 'ready');
  assert.equal(await page.title(), 'passkey');
});