// A page in real Chromium with its virtual authenticator, by real clicks, against a server that plays the contract. The
// page's get() and create() are the browser's own, unless a test says otherwise; an init script only notes what they were passed.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { addAuthenticator, launchChromium } from '../support/chromium.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { buildClient, type Json, type PasskeyServer, startPasskeyServer } from './server.ts';

/** Waits for what must come, however busy the machine is. */
export const until = (check: () => unknown) => vi.waitFor(check, { timeout: atThisSpeed(30_000), interval: 20 });

const flags = ['--host-resolver-rules=MAP insecure.test 127.0.0.1'];

let browser: Browser;
let clientModule: Buffer;
export let server: PasskeyServer;
export let context: BrowserContext;
export let page: Page;
export let cdp: CDPSession;
let authenticatorId: string;

/**
 * To be called once at the top of a test file: each test gets a page and a server of its own, in a browser without cookies.
 * `whole`: not only the engine, but the browser around it.
 */
export function inChromium({ whole = false } = {}) {
  beforeAll(async () => {
    [clientModule, browser] = await Promise.all([buildClient(), launchChromium({ whole, flags })]);
    // One for all: a context is a window of its own, and takes twice as long as a page.
    context = await browser.newContext();
  });

  afterAll(() => browser?.close());

  beforeEach(async () => {
    server = await startPasskeyServer(clientModule);
    page = await context.newPage();
    cdp = await context.newCDPSession(page);
    authenticatorId = await addAuthenticator(cdp);
    await page.addInitScript(noteBrowserCalls);
  });

  afterEach(async () => {
    for (const open of context.pages()) await open.close();
    await context.setOffline(false);
    await context.clearCookies();
    server.close();
  });
}

/** Runs in the page: notes what get(), create() and fetch() were passed, and hands everything on. */
function noteBrowserCalls() {
  const noted: object[] = [];
  const keptAlive: string[] = [];
  Object.assign(window, { noted, keptAlive });
  const send = window.fetch;
  window.fetch = (url, options) => {
    if (options?.keepalive) keptAlive.push(String(url));
    return send(url, options);
  };
  for (const name of ['get', 'create'] as const) {
    const original = navigator.credentials?.[name].bind(navigator.credentials) as (options: object) => Promise<never>;
    if (!original) continue;
    navigator.credentials[name] = (options: object = {}) => {
      const { publicKey, signal, ...plain } = options as { publicKey: { timeout: number }; signal?: AbortSignal };
      noted.push({ name, ...plain, signal: Boolean(signal), timeout: publicKey.timeout });
      return original(options);
    };
  }
}

export async function open(clientOptions: object = {}, host = 'localhost') {
  await page.goto(`http://${host}:${server.port}/`);
  await page.evaluate((options) => {
    const scope = window as Json;
    scope.client = scope.createPasskeyClient(options);
  }, clientOptions);
}

/** Calls the client from a real click and gives what the call resolves to. */
export async function click(method: string, ...args: unknown[]): Promise<Json> {
  await arm(method, ...args);
  await page.click('button');
  return result();
}

export async function arm(method: string, ...args: unknown[]) {
  await page.evaluate(
    ([method, args]) => {
      const scope = window as Json;
      document.querySelector('button')!.onclick = () => {
        const clickedAt = performance.now();
        scope.result = scope.client[method](...args);
        scope.result.then(() => {
          scope.took = performance.now() - clickedAt;
        });
      };
    },
    [method, args] as const,
  );
}

export const result = (): Promise<Json> => page.evaluate(() => (window as Json).result);
export const noted = (): Promise<Json[]> => page.evaluate(() => (window as Json).noted);
export const call = (method: string, ...args: unknown[]): Promise<Json> =>
  page.evaluate(([method, args]) => (window as Json).client[method](...args), [method, args] as const);

/** Starts autofill; `autofilled()` gives what it resolves to, `heard()` what it called back with. */
export async function startAutofill() {
  await page.evaluate(() => {
    const scope = window as Json;
    scope.heard = [];
    scope.autofilled = scope.client.autofill({
      onSignIn: (signedIn: Json) => scope.heard.push(['onSignIn', signedIn.user.name]),
      onRefused: (refused: Json) => scope.heard.push(['onRefused', refused.code]),
    });
  });
}

export const autofilled = (): Promise<Json> => page.evaluate(() => (window as Json).autofilled);
export const heard = (): Promise<Json[]> => page.evaluate(() => (window as Json).heard);

/** Headless Chromium never hides a page: this stands in for another tab in front. */
export const hide = () =>
  page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
export const show = () =>
  page.evaluate(() => {
    Reflect.deleteProperty(document, 'hidden');
    document.dispatchEvent(new Event('visibilitychange'));
  });

export async function addPasskey(): Promise<string> {
  const credentialId = randomBytes(16);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await cdp.send('WebAuthn.addCredential', {
    authenticatorId,
    credential: {
      credentialId: credentialId.toString('base64'),
      isResidentCredential: true,
      rpId: 'localhost',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
      userHandle: Buffer.from('ada').toString('base64'),
      signCount: 0,
      backupEligibility: true,
      backupState: true,
    },
  });
  return credentialId.toString('base64url');
}

/** Whether the person touches the authenticator when it asks. */
export const touching = (enabled: boolean) =>
  cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });

export const passkeysOnDevice = async () =>
  (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;

export const challengeIn = (verified: Json): string =>
  JSON.parse(Buffer.from(verified.credential.response.clientDataJSON, 'base64url').toString()).challenge;

export const used = { uiMode: 'immediate', immediateGet: true };
export const notUsed = { uiMode: 'none', immediateGet: true };
