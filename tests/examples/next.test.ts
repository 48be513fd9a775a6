// The application on Next.js, as its developers run it: route handlers, a server component, a server action and the proxy, in real
// Chromium. Next.js bundles the built packages: its bundler knows nothing of our sources.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createAgent } from '@latchkey/testing';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { atThisSpeed } from '../support/slowness.ts';
import {
  closeBrowser,
  closePages,
  liveThroughASession,
  recordOf,
  run,
  type Site,
  stopAll,
  visit,
  whenReady,
} from './example-server.ts';

const folder = new URL('../../examples/next/', import.meta.url);

/** What is asked for the first time, is compiled first. */
const COMPILES = atThisSpeed(60_000);

let site: Site;

beforeAll(async () => {
  if (!existsSync(new URL('../../packages/next/dist/index.js', import.meta.url))) {
    throw new Error('@latchkey/next is not built: run `npm run build` first.');
  }
  const PORT = `${await freePort()}`;
  const next = new URL('node_modules/next/dist/bin/next', folder);
  const env = { PORT, NODE_ENV: 'development', NEXT_TELEMETRY_DISABLED: '1' } as const;
  const program = run(next, env, [], ['dev', fileURLToPath(folder), '--hostname', 'localhost', '--port', PORT]);
  site = { origin: `http://localhost:${PORT}`, program };
  for (const path of ['/', '/me', '/account', '/passkeys/session']) {
    await whenReady(program, () => fetch(site.origin + path).catch(() => undefined));
  }
});

afterEach(closePages);
afterAll(closeBrowser);
afterAll(stopAll);

const heading = (page: Page) => page.getByRole('heading', { level: 1 });
const shows = (page: Page, text: string) =>
  expect.poll(() => heading(page).textContent(), { timeout: COMPILES }).toBe(text);
const click = (page: Page, name: string) => page.getByRole('button', { name }).click();

async function signUp(name: string): Promise<Page> {
  const page = await visit(site.origin);
  await shows(page, 'Nobody is signed in');
  await page.getByRole('textbox').fill(name);
  await click(page, 'Sign up');
  await shows(page, `Signed in as ${name}`);
  return page;
}

it('signs a software passkey up, out and in, records it, and lets no copied cookie outlive the sign-out', () =>
  liveThroughASession(site));

it('signs a person up, out, and in by one click; a server component, a server action and the proxy know it', async () => {
  const page = await signUp('grace');
  await page.goto(`${site.origin}/account`);
  await shows(page, 'Account of grace');
  await page.getByRole('textbox').fill('compilers');
  await click(page, 'Keep');
  await expect.poll(() => page.getByRole('status').textContent(), { timeout: COMPILES }).toBe('compilers');

  await page.goto(site.origin);
  await click(page, 'Sign out');
  await shows(page, 'Nobody is signed in');
  await page.goto(`${site.origin}/account`);
  expect(page.url()).toBe(`${site.origin}/?returnTo=%2Faccount`);

  const verified = page.waitForResponse('**/passkeys/authentication/verify');
  await click(page, 'Sign in');
  const { attempt } = await (await verified).json();
  await shows(page, 'Signed in as grace');
  expect(await recordOf(attempt.id, site.program)).toMatchObject({
    outcome: 'success',
    attempt: { mode: 'immediate' },
    immediate: { enforcement: 'enforced' },
    library: { framework: 'fetch' },
  });
});

it('lets nobody act from a page that was open before the sign-out', async () => {
  const page = await signUp('mary');
  await page.goto(`${site.origin}/account`);
  await page.getByRole('textbox').fill('too late');
  const other = await page.context().newPage();
  await other.goto(site.origin);
  await click(other, 'Sign out');
  await shows(other, 'Nobody is signed in');
  await click(page, 'Keep');
  await shows(page, 'Nobody is signed in');
});

it('takes a request of another origin for nobody’s, whatever cookie it brings', async () => {
  const ada = createAgent(site.origin);
  await ada.signUp('eve');
  const shown = async (origin: string | undefined) =>
    (await ada.request('GET', '/', undefined, { headers: { origin } })).text;
  expect(await shown(undefined)).toContain('Signed in as eve');
  expect(await shown(site.origin)).toContain('Signed in as eve');
  expect(await shown('https://evil.example')).toContain('Nobody is signed in');
});
