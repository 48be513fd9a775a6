// A visitor of the demo: a browser of its own with a virtual authenticator, and what people do there.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { addAuthenticator, launchChromium } from '../../support/chromium.ts';
import { atThisSpeed } from '../../support/slowness.ts';

export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained of, and nothing else. */
  readonly complaints: string[];
  readonly authenticator: {
    forget(): Promise<void>;
    touchBySelf(enabled: boolean): Promise<void>;
  };
}

/** For a file of tests: one browser, and `visit`, which gives a visitor for the test that runs. */
export function useVisitors() {
  let browser: Browser;
  let visitors: Visitor[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });

  afterAll(() => browser?.close());

  beforeEach(() => {
    visitors = [];
  });

  afterEach(async () => {
    for (const { context } of visitors) await context.close();
    expect(visitors.flatMap(({ complaints }) => complaints)).toEqual([]);
  });

  async function visit(options: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Visitor> {
    const { colorScheme = 'light', width = 1100 } = options;
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 720 } });
    // Shorter than a test may take, so that it is the page that says what it waited for.
    context.setDefaultTimeout(atThisSpeed(20_000));
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    const authenticatorId = await addAuthenticator(cdp);
    const complaints: string[] = [];
    // Violations of the content security policy are console errors, too.
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    const visitor: Visitor = {
      context,
      page,
      complaints,
      authenticator: {
        forget: async () => void (await cdp.send('WebAuthn.clearCredentials', { authenticatorId })),
        touchBySelf: async (enabled) =>
          void (await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })),
      },
    };
    visitors.push(visitor);
    return visitor;
  }

  return visit;
}

export async function signUp({ page }: Visitor, url: string, name: string, displayName = ''): Promise<void> {
  await page.goto(`${url}/sign-up`);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  await page.getByLabel('What to call you').fill(displayName);
  await page.getByRole('button', { name: 'Create a passkey' }).click();
  await page.waitForURL(`${url}/account`);
  await page.locator('latchkey-passkeys li').first().waitFor();
}

export async function signOut({ page }: Visitor, url: string): Promise<void> {
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.waitForURL((now) => now.origin === url && now.pathname === '/');
  await page.getByText('You are signed out.').waitFor();
}

export async function signInByOneClick({ page }: Visitor, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${url}/account`);
}

/** The browser logs every answer from 400 on as an error, also one that the page was made for. */
export function forgive({ complaints }: Visitor, status: number): void {
  expect(complaints).toEqual([expect.stringContaining(`status of ${status}`)]);
  complaints.length = 0;
}

/** Slow machines are slow: a page may take this long to show what it must. */
export const patiently = { timeout: atThisSpeed(20_000) };

/** Runs in the page: the name of what has the focus, also inside of an element. */
export function focused(): string {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const [label] = (at as HTMLInputElement | null)?.labels ?? [];
  return at?.getAttribute('aria-label') ?? label?.textContent ?? at?.textContent ?? '';
}
