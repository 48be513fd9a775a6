/**
 * The sites with passwords, as people use them in real Chromium: a password, a passkey, one click, a payment, both sign-outs,
 * and a second person at the same browser.
 */
import type { AttemptRecord } from '@latchkey/core';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/ports.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { closeBrowser, closePages, run, type Site, stop, stopAll, visit, whenReady } from './example-server.ts';

const root = new URL('../../', import.meta.url);
const ADA = { email: 'ada@example.com', password: 'difference engine' };
const EVE = { email: 'eve@example.com', password: 'apple of eden' };

afterEach(closePages);
afterAll(closeBrowser);
afterAll(stopAll);

async function signInByPassword(page: Page, { email, password }: typeof ADA): Promise<void> {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in with a password' }).click();
  await page.getByText(`Signed in as ${email}`).waitFor();
}

async function signInByOneClick(page: Page, { email }: typeof ADA): Promise<void> {
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByText(`Signed in as ${email}`).waitFor();
}

/** The records of this kind, as soon as there are so many. */
function records({ program }: Site, name: string, count: number): Promise<AttemptRecord[]> {
  const written = () =>
    program.output.stdout
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line): AttemptRecord => JSON.parse(line))
      .filter(({ event }) => event?.name === name);
  return vi.waitUntil(() => (written().length === count ? written() : null), {
    timeout: atThisSpeed(10_000),
    interval: 25,
  });
}

async function add(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await says(page, 'The passkey is added.');
  await page.getByRole('button', { name: 'Remove My passkey' }).waitFor();
}

const says = (page: Page, text: string) => page.getByRole('status').getByText(text).waitFor();
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const isSignedOut = (page: Page) => page.getByText('Nobody is signed in').waitFor();
/** What Latchkey says of this browser: 200 or 401. */
const session = (page: Page) => page.evaluate(async () => (await fetch('/passkeys/session')).status);
/** Asks as the page does not: what a script of somebody with the cookies could try. */
const ask = (page: Page, path: string, body: object = {}): Promise<{ status: number; code: string | undefined }> =>
  page.evaluate(
    async ([url, sent]) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(url, { method: 'POST', headers, body: sent });
      return { status: answer.status, code: (await answer.json()).code };
    },
    [`/passkeys${path}`, JSON.stringify(body)] as const,
  );

describe.each([
  ['passwords-express', 'server.js'],
  ['passwords-koa', 'server.js'],
  ['passwords-fastify', 'server.ts'],
])('examples/%s', (name, file) => {
  let site: Site;
  // Each test has a site that knows no passkey yet.
  beforeEach(async () => {
    const program = run(new URL(`examples/${name}/${file}`, root), { PORT: String(await freePort()) });
    const listening = () => /listening on (http:\/\/localhost:\d+)/.exec(program.output.stdout)?.[1];
    site = { origin: await whenReady(program, listening), program };
  });
  afterEach(() => stop(site.program));

  it('takes a password, adds a passkey, signs in by one click, and lets the passkey confirm and be removed', async () => {
    const page = await visit(site.origin);
    await signInByPassword(page, ADA);
    expect(await session(page)).toBe(401);
    await add(page);
    await press(page, 'Sign out');
    await isSignedOut(page);
    await signInByOneClick(page, ADA);
    expect(await session(page)).toBe(200);
    const [signedIn] = await records(site, 'latchkey.signin.attempt', 1);
    expect(signedIn).toMatchObject({ outcome: 'success', immediate: { enforcement: 'enforced' }, user: { id: '1' } });
    // The site's own guard knows the person as well, and the passkey's lets nobody pass before the step-up.
    await press(page, 'Pay');
    await says(page, 'ada@example.com has paid.');
    expect(await records(site, 'latchkey.step_up.attempt', 1)).toMatchObject([{ attempt: { action: 'pay' } }]);
    await press(page, 'Remove My passkey');
    await isSignedOut(page);
    expect(await session(page)).toBe(401);
  });

  it('takes the password again for a payment of a person without a passkey, and never of one who has one', async () => {
    const page = await visit(site.origin);
    await signInByPassword(page, ADA);
    await press(page, 'Pay');
    await says(page, 'It was not paid (403).');
    await page.getByLabel('Password, without a passkey').fill(ADA.password);
    await press(page, 'Pay');
    await says(page, 'ada@example.com has paid.');
    await add(page);
    // Signed in by a password only: the client signs in with the passkey, and then steps up.
    const signedIn = page.waitForResponse('**/passkeys/authentication/verify');
    const steppedUp = page.waitForResponse('**/passkeys/step-up/verify');
    await press(page, 'Pay');
    expect([(await signedIn).status(), (await steppedUp).status()]).toEqual([200, 200]);
    await says(page, 'ada@example.com has paid.');
  });

  it('offers a passkey after a password, until the person says "not now" or has one', async () => {
    const page = await visit(site.origin);
    /** Signs in by password, and waits for what the page is told to offer. */
    const signedIn = async (person: typeof ADA) => {
      const told = page.waitForResponse('**/passkeys/offer');
      await signInByPassword(page, person);
      return (await (await told).json()).offer;
    };
    expect(await signedIn(ADA)).toBe('ask');
    await press(page, 'Not now');
    await page.getByRole('button', { name: 'Not now' }).waitFor({ state: 'hidden' });
    await press(page, 'Sign out');
    await isSignedOut(page);
    expect(await signedIn(ADA)).toBe('none');
    expect(await page.getByRole('button', { name: 'Not now' }).isVisible()).toBe(false);
    await press(page, 'Sign out');
    await isSignedOut(page);

    expect(await signedIn(EVE)).toBe('ask');
    await press(page, 'Yes, please');
    await says(page, 'The passkey is added.');
    await page.getByRole('button', { name: 'Yes, please' }).waitFor({ state: 'hidden' });
    const [made] = await records(site, 'latchkey.registration.attempt', 1);
    expect(made).toMatchObject({ outcome: 'success', attempt: { occasion: 'offered' }, user: { id: '2' } });
    await press(page, 'Sign out');
    await isSignedOut(page);
    expect(await signedIn(EVE)).toBe('none');
  });

  it('shows the own passkeys after a password, and removes one after the passkey has confirmed it', async () => {
    const page = await visit(site.origin);
    await signInByPassword(page, ADA);
    await add(page);
    await press(page, 'Sign out');
    await isSignedOut(page);
    await signInByPassword(page, ADA);
    const verified = page.waitForResponse('**/passkeys/authentication/verify');
    await press(page, 'Remove My passkey');
    expect((await verified).status()).toBe(200);
    // It was the passkey of this session by then, so both sign-ins end.
    await isSignedOut(page);
    const removed = await records(site, 'latchkey.passkey.removed', 1);
    expect(removed).toMatchObject([{ outcome: 'success', user: { id: '1' } }]);
    await signInByPassword(page, ADA);
    expect(await page.locator('#passkeys li').count()).toBe(0);
  });

  it.each(['Sign out', 'Sign out by the passkey client'])('ends both sign-ins by: %s', async (way) => {
    const page = await visit(site.origin);
    await signInByPassword(page, ADA);
    await add(page);
    await press(page, 'Sign out');
    await isSignedOut(page);
    await signInByOneClick(page, ADA);
    const cookies = await page.context().cookies();
    await press(page, way);
    await isSignedOut(page);
    expect(await session(page)).toBe(401);
    // A copy of the cookies is worth nothing either.
    await page.context().addCookies(cookies);
    await page.reload();
    await isSignedOut(page);
    expect(await session(page)).toBe(401);
  });

  it('keeps its own defence against requests from elsewhere, and the routes have theirs', async () => {
    const body = new URLSearchParams({ username: ADA.email, password: ADA.password });
    // The site on Koa has a cookie with SameSite=Lax instead of tokens.
    const expected = name === 'passwords-koa' ? 302 : 403;
    expect((await fetch(`${site.origin}/login`, { method: 'POST', redirect: 'manual', body })).status).toBe(expected);
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const url = `${site.origin}/passkeys/authentication/options`;
      const asked = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{}' };
      const answer = await fetch(url, asked as RequestInit);
      expect([answer.status, (await answer.json()).code]).toEqual([403, 'origin_not_allowed']);
    }
  });

  it('gives a second person in the same browser nothing of the first one', async () => {
    const page = await visit(site.origin);
    await signInByPassword(page, ADA);
    await add(page);
    await press(page, 'Sign out');
    await isSignedOut(page);
    await signInByOneClick(page, ADA);
    // What the page asked by itself is answered: during Eve's sign-in it would find nobody, and the session would end for that.
    await page.waitForLoadState('networkidle');
    // Eve signs in over it, without a sign-out between.
    await page.evaluate(async ({ email, password }) => {
      const _csrf = document.querySelector<HTMLMetaElement>('meta[name=csrf-token]')!.content;
      const body = new URLSearchParams({ username: email, password, _csrf });
      await fetch('/login', { method: 'POST', redirect: 'manual', body });
    }, EVE);
    await page.reload();
    await page.getByText('Signed in as eve@example.com').waitFor();
    expect(await session(page)).toBe(401);
    expect(await page.locator('#passkeys li').count()).toBe(0);
    expect(await ask(page, '/step-up/options')).toEqual({ status: 401, code: 'sign_in_required' });
    expect(await records(site, 'latchkey.session.ended', 1)).toMatchObject([
      { session: { endedBecause: 'person_changed' }, user: { id: '1' } },
    ]);
    // Ada's passkey is on this device, and neither pays nor signs in while Eve is there.
    await press(page, 'Pay');
    await says(page, 'It was not paid (403).');
    const refused = await page.evaluate(`import('/passkeys/client.js')
      .then(({ createPasskeyClient }) => createPasskeyClient().signIn())
      .then(({ kind, code }) => ({ kind, code }))`);
    expect(refused).toEqual({ kind: 'refused', code: 'authentication_failed' });
    await page.reload();
    await page.getByText('Signed in as eve@example.com').waitFor();
  });
});
