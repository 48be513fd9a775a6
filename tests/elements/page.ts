// The elements on a page in real Chromium with its virtual authenticator, against a real server. Every page is as strict as
// can be: nothing inline, no HTML from text. What the browser complains of fails the test.

import { memoryStore } from '@latchkey/core';
import { type Mount, openSite, type Site } from '@latchkey/testing';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { addAuthenticator, launchChromium } from '../support/chromium.ts';
import { atThisSpeed } from '../support/slowness.ts';

/** Nothing inline, no HTML from text, no policy that could make some. */
export const STRICT = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** As Chromium gives and takes it. */
export type Credential = Awaited<ReturnType<Visitor['credentials']>>[number];

export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained of, besides answers that are refusals. */
  readonly complaints: string[];
  /** Opens `/app` with this in its body. The events of the elements are noted. */
  show(
    body: string,
    more?: { lang?: string; dir?: string; head?: string; query?: string; csp?: string },
  ): Promise<void>;
  /** The events so far. `kind` is of the result that came with it. */
  events(): Promise<{ type: string; from: string; kind: string; action?: string }[]>;
  credentials(): ReturnType<typeof credentialsOf>;
  /** Resolves once this many requests wait, or waited, for a passkey to be picked in a field. */
  askedInField(times: number): Promise<void>;
  /** `untouched`: nobody touches the authenticator from now on, so that what waits in a field goes on waiting; until `touch()`. */
  plugIn(credential: Credential, options?: { untouched?: boolean }): Promise<void>;
  touch(): Promise<void>;
  forget(): Promise<void>;
}

let browser: Browser;
export let site: Site;
export let ada: Visitor;
let visitors: Visitor[] = [];

export const until = (check: () => unknown) => vi.waitFor(check, { timeout: atThisSpeed(30_000), interval: 20 });

/** To be called once at the top of a test file: each test gets a visitor and a server of its own. */
export function inChromium(mount: () => Mount = () => mounts['Express 5']) {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    visitors = [];
    site = await openSite({ mount: mount(), store: memoryStore });
    ada = await visit();
  });
  afterEach(async () => {
    for (const { context } of visitors) await context.close();
    await site.close();
    expect(visitors.flatMap(({ complaints }) => complaints)).toEqual([]);
  });
}

const credentialsOf = async (cdp: CDPSession, authenticatorId: string) =>
  (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;

export async function visit(options: Parameters<Browser['newContext']>[0] = {}): Promise<Visitor> {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  context.setDefaultTimeout(atThisSpeed(30_000));
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const authenticatorId = await addAuthenticator(cdp);
  const presence = async (enabled: boolean) =>
    void (await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }));
  const complaints: string[] = [];
  page.on('console', (message) => {
    // The browser logs every answer from 400 on as an error, also one that the page was made for.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(noteEvents);
  const visitor: Visitor = {
    context,
    page,
    complaints,
    async show(body, { lang = 'en', dir = 'ltr', head = '', query = '', csp = STRICT } = {}) {
      await page.unroute(/\/app/);
      await page.route(/\/app/, (route) =>
        route.fulfill({
          headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': csp },
          body: `<!doctype html><html lang="${lang}" dir="${dir}"><head><title>Test</title>
            <meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
            <link rel="stylesheet" href="/app.css"><script type="module" src="/passkeys/elements.js"></script>${head}</head><body><main><h1>Test</h1>${body}</main></body></html>`,
        }),
      );
      // axe takes a page without a background for a white one, in the dark as well.
      const paper = ':root { background: Canvas; color: CanvasText; }';
      await page.route('**/app.css', (route) => route.fulfill({ contentType: 'text/css', body: paper }));
      await page.goto(`${site.origin}/app${query}`);
    },
    events: () => page.evaluate(() => (window as unknown as { noted: [] }).noted),
    credentials: () => credentialsOf(cdp, authenticatorId),
    plugIn: async (credential, { untouched = false } = {}) => {
      if (untouched) await presence(false);
      await cdp.send('WebAuthn.addCredential', { authenticatorId, credential });
    },
    touch: () => presence(true),
    askedInField: async (times) =>
      void (await page.waitForFunction((times) => (window as unknown as { asked: number }).asked >= times, times)),
    forget: async () => void (await cdp.send('WebAuthn.clearCredentials', { authenticatorId })),
  };
  visitors.push(visitor);
  return visitor;
}

/** Runs in the page. */
function noteEvents(): void {
  const noted: object[] = [];
  Object.assign(window, { noted, asked: 0 });
  const { get } = CredentialsContainer.prototype;
  CredentialsContainer.prototype.get = function (options) {
    if (options?.mediation === 'conditional')
      Object.assign(window, { asked: (window as unknown as { asked: number }).asked + 1 });
    return get.call(this, options);
  };
  for (const type of ['result', 'signedin', 'signedout', 'confirmed', 'changed']) {
    document.addEventListener(type, (event) => {
      const { detail, target } = event as CustomEvent;
      const { kind } = detail?.result ?? detail ?? {};
      noted.push({ type, from: (target as Element).localName, kind, action: detail?.action });
    });
  }
}

/** Signs up by the element, and is signed in then. */
export async function signUp({ page, show }: Visitor, name = 'ada'): Promise<void> {
  await show('<latchkey-sign-up></latchkey-sign-up>');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('button', { name: 'Create a passkey' }).click();
  await page.getByText(`You are signed in as ${name}.`).waitFor();
}

export const signOut = ({ page }: Visitor) =>
  page.evaluate(() => fetch('/passkeys/session', { method: 'DELETE' }).then(() => {}));
