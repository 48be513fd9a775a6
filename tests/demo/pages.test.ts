/**
 * The demo's pages as a person and an operator meet them, in Chromium with a virtual authenticator, judged by what the pages
 * say and by what the audit log has. Nothing here sleeps for a time.
 */
import { expect, test } from 'vitest';
import { faultsOfPage } from '../support/axe.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { findFaults } from './support/find-faults.ts';
import { expectValid, isSuccess, useDemo } from './support/process.ts';
import {
  focused,
  forgive,
  patiently,
  signInByOneClick,
  signOut,
  signUp,
  useVisitors,
  type Visitor,
} from './support/visitors.ts';

const visit = useVisitors();
const demo = useDemo({ SWEEP_EVERY: '500ms' });

test('a new person signs up, signs out, and signs in by one click in Immediate UI mode', async () => {
  const ada = await visit();
  await signUp(ada, demo.url, 'ada', 'Ada Lovelace');
  await expect
    .poll(() => ada.page.getByRole('heading', { level: 1 }).textContent(), patiently)
    .toBe('Hello, Ada Lovelace');
  // The first success leads to the one click.
  await ada.page.getByRole('heading', { name: 'Your passkey is made' }).waitFor();
  await ada.page.getByRole('button', { name: 'Sign out and try the one click' }).click();
  await ada.page.waitForURL(`${demo.url}/`);
  await signInByOneClick(ada, demo.url);
  await ada.page.getByRole('heading', { name: 'Proved by this sign-in' }).waitFor();
  expect(await ada.page.locator('.enforcement').textContent()).toBe('enforced');
  expect(await ada.page.locator('.proofs').textContent()).toContain('Their device verified them');

  expect(await demo.record(isSuccess)).toMatchObject({
    reason: null,
    attempt: { mode: 'immediate' },
    immediate: {
      policy: 'prefer',
      requested: true,
      clientReport: 'used',
      evidence: 'client_report',
      enforcement: 'enforced',
      unmet: [],
    },
    assertion: { signature: 'valid', userPresent: true, userVerified: true },
  });
  await ada.page.getByRole('link', { name: 'See the record of this sign-in' }).click();
  await ada.page.getByRole('heading', { name: 'Sign-in succeeded; immediate mediation enforced' }).waitFor();
});

test('a browser without a passkey has the form and another way at once, and the record says no more than is known', async () => {
  const { page } = await visit();
  await page.goto(demo.url);
  const begun = page.waitForRequest(
    (request) => request.url().endsWith('/outcome') && request.postDataJSON().errorName,
  );
  const clickedAt = Date.now();
  await page.getByRole('button', { name: 'Sign in' }).click();
  const attemptId = (await begun).url().split('/').at(-2);
  await page.getByText('No passkey was used.').waitFor();
  await page.getByRole('button', { name: 'Use another device' }).waitFor();
  await page.getByText('No passkey for this page yet?').waitFor();
  // A busy machine takes its time; a browser that waited for somebody would wait for a minute or two.
  expect(Date.now() - clickedAt).toBeLessThan(atThisSpeed(20_000));

  expect(await demo.record(({ attempt }) => attempt.id === attemptId)).toMatchObject({
    outcome: 'cancelled',
    reason: 'client_not_allowed',
    reasonSource: 'client_report',
    attempt: { mode: 'immediate' },
    immediate: { enforcement: 'not_evaluated' },
    assertion: { signature: 'not_evaluated', userPresent: null, userVerified: null },
  });
});

test('the sign-in page lets a person in by autofill', async () => {
  const eve = await visit();
  await signUp(eve, demo.url, 'eve');
  await signOut(eve, demo.url);
  // The virtual authenticator picks its passkey in the field as soon as it is offered.
  await eve.page.goto(`${demo.url}/sign-in`);
  await eve.page.waitForURL(`${demo.url}/account`);
  expect(await eve.page.locator('.enforcement').textContent()).toBe('not enforced');
  await demo.record((record) => isSuccess(record) && record.attempt.mode === 'conditional');
});

test('the sign-in page lets a person in with the full sheet, by a name in any case', async () => {
  const kay = await visit();
  await signUp(kay, demo.url, 'kay');
  await signOut(kay, demo.url);
  // What waits in the field is not touched, so that it is the sheet that signs in.
  await kay.authenticator.touchBySelf(false);
  const asked: object[] = [];
  await kay.page.exposeFunction('noteCall', (call: object) => asked.push(call));
  await kay.page.addInitScript(noteCalls);
  await kay.page.goto(`${demo.url}/sign-in`);
  await kay.page.locator('[data-asked=conditional]').waitFor();
  await kay.authenticator.touchBySelf(true);
  const name = kay.page.getByLabel('Name');
  expect(await name.getAttribute('autocomplete')).toBe('username webauthn');
  await name.fill('KAY');
  await kay.page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await kay.page.waitForURL(`${demo.url}/account`);
  // Where the browser was told which passkeys may answer: the one of that name.
  expect(asked.at(-1)).toEqual({ mediation: 'modal', allowed: 1 });
  expect(await kay.page.locator('.enforcement').textContent()).toBe('not enforced');
  await demo.record((record) => isSuccess(record) && record.attempt.mode === 'modal');
});

test('a sheet that comes to nothing is told in words, and the focus stays on the button', async () => {
  const { page } = await visit();
  await page.goto(`${demo.url}/sign-in`);
  await page.getByRole('button', { name: 'Sign in with a passkey' }).press('Enter');
  await page.getByRole('status').getByText('No passkey was used.').waitFor();
  expect(await page.evaluate(focused)).toBe('Sign in with a passkey');
});

test('a name that is taken is told beside its field, whatever its case', async () => {
  await signUp(await visit(), demo.url, 'Grace');
  const other = await visit();
  await other.page.goto(`${demo.url}/sign-up`);
  await other.page.getByRole('button', { name: 'Create a passkey' }).click();
  await other.page.getByText('Write a name first.').waitFor();
  await other.page.getByRole('textbox', { name: 'Name', exact: true }).fill('gRACE');
  await other.page.getByRole('button', { name: 'Create a passkey' }).click();
  await other.page.getByText('This name is taken. Please choose another one.').waitFor();
  expect(await other.page.evaluate(focused)).toBe('Name');
  forgive(other, 409);
});

test('a person adds, renames and removes passkeys, but not the last one', async () => {
  const lin = await visit();
  const { page, authenticator } = lin;
  const status = page.getByRole('status');
  await signUp(lin, demo.url, 'lin');

  // What would be refused is not offered, and it is said why.
  expect(await page.getByRole('button', { name: 'Remove: Passkey' }).isDisabled()).toBe(true);
  await page.getByText('This is your only passkey.').waitFor();

  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await status.getByText('This device already has a passkey for this account.').waitFor();

  await authenticator.forget();
  await page.getByLabel('Name for another passkey').fill('Phone');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await status.getByText('“Phone” is added.').waitFor();

  await page.getByRole('button', { name: 'Rename: Phone' }).click();
  await page.keyboard.press('Escape');
  expect(await page.evaluate(focused)).toBe('Rename: Phone');
  await page.keyboard.press('Enter');
  await page.keyboard.type('Old phone');
  await page.keyboard.press('Enter');
  await status.getByText('It is called “Old phone” now.').waitFor();
  expect(await page.evaluate(focused)).toBe('Rename: Old phone');

  await page.getByRole('button', { name: 'Remove: Old phone' }).click();
  await page.getByRole('button', { name: 'Keep it' }).click();
  expect(await page.locator('latchkey-passkeys li').count()).toBe(2);
  await page.getByRole('button', { name: 'Remove: Old phone' }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await status.getByText('“Old phone” is removed.').waitFor();
  expect(await page.locator('latchkey-passkeys li').count()).toBe(1);

  for (const verb of ['added', 'renamed', 'removed']) {
    await demo.record(({ event }) => event.name === `latchkey.passkey.${verb}`);
  }
});

test('a person sees where they are signed in, and ends one session, then all others', async () => {
  const ivy = await visit();
  const { page, context } = ivy;
  const status = page.getByRole('status');
  const items = page.locator('latchkey-sessions li');
  const others = page.getByRole('button', { name: 'Sign out everywhere else' });
  await signUp(ivy, demo.url, 'ivy');
  await items.first().waitFor();
  expect(await others.count()).toBe(0);
  // The same person in other browsers, as far as the server can tell.
  const elsewhere = [];
  for (const _ of [1, 2]) {
    elsewhere.push(await context.cookies());
    await context.clearCookies();
    await signInByOneClick(ivy, demo.url);
  }
  await expect.poll(() => items.count(), patiently).toBe(3);
  expect(await items.locator('[part=badge]').allTextContents()).toEqual(['this browser']);
  expect(await items.first().locator('bdi').textContent()).toBe('Chrome, Linux');
  expect(await items.first().locator('[part=hint]').textContent()).toMatch(/^signed in .* · Passkey · .*127\.0\.0\.1$/);

  await items
    .nth(1)
    .getByRole('button', { name: /^Sign out there: Chrome, Linux/ })
    .press('Enter');
  await status.getByText('Signed out: Chrome, Linux.').waitFor();
  expect([await items.count(), await page.evaluate(focused)]).toEqual([2, 'Where you are signed in']);
  await others.press('Enter');
  await status.getByText('You are signed in here only.').waitFor();
  expect([await items.count(), await page.evaluate(focused), await others.count()]).toEqual([
    1,
    'Where you are signed in',
    0,
  ]);

  for (const cookies of elsewhere) {
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    expect((await fetch(`${demo.url}/passkeys/session`, { headers: { cookie } })).status).toBe(401);
  }
  await demo.record(({ event }) => event.name === 'latchkey.session.ended');
});

test('what needs a recent sign-in asks for a confirmation first, and then goes on', async () => {
  const mae = await visit();
  await signUp(mae, demo.url, 'mae');
  const problem = {
    type: 'about:blank',
    title: 'Confirm with your passkey first',
    status: 403,
    code: 'step_up_required',
  };
  // As the server answers ten minutes after the sign-in.
  const refusal = { status: 403, contentType: 'application/problem+json', body: JSON.stringify(problem) };
  await mae.page.route('**/registration/options', (route) => route.fulfill(refusal), { times: 1 });
  await mae.page.getByRole('button', { name: 'Add a passkey' }).click();
  await mae.page.getByRole('button', { name: 'Confirm with a passkey' }).click();
  // The step-up went well, so it is the server's own answer that is told now.
  await mae.page.getByRole('status').getByText('This device already has a passkey for this account.').waitFor();
  forgive(mae, 403);
  expect(await demo.record(({ event }) => event.name === 'latchkey.step_up.attempt')).toMatchObject({
    outcome: 'success',
  });
});

test('the account page sends who is not signed in to the sign-in page, and says why', async () => {
  const { page } = await visit();
  await page.goto(`${demo.url}/account`);
  await page.getByText('Sign in to see your account.').waitFor();
  expect(new URL(page.url()).pathname).toBe('/sign-in');
});

test.for([
  ['/', 'light', 1100],
  ['/', 'dark', 360],
  ['/sign-in', 'light', 360],
  ['/sign-in', 'dark', 1100],
  ['/sign-up', 'light', 360],
  ['/sign-up', 'dark', 1100],
  ['/invited#invitation=x', 'light', 360],
  ['/invited#invitation=x', 'dark', 1100],
  ['/account', 'light', 360],
  ['/account', 'dark', 1100],
  ['/people', 'light', 360],
  ['/people', 'dark', 1100],
  ['/attempts', 'light', 360],
  ['/attempts', 'dark', 1100],
] as const)('%s can be read and used by everyone (%s, %i px)', async ([path, colorScheme, width]) => {
  const visitor = await visit({ colorScheme, width });
  if (path === '/account' || path === '/people') await signUp(visitor, demo.url, `reader-${path}-${colorScheme}`);
  if (path !== '/account') await visitor.page.goto(demo.url + path);
  if (path === '/attempts') await visitor.page.locator('.attempt').first().waitFor();
  expect(await visitor.page.evaluate(findFaults)).toEqual([]);
  expect(await faultsOfPage(visitor.page)).toEqual([]);
  await visitor.page.emulateMedia({ forcedColors: 'active' });
  expect(await faultsOfPage(visitor.page)).toEqual([]);
});

test('an operator looks at a person, takes away, invites, and nobody else does', async () => {
  const [mary, olga] = [await visit(), await visit()];
  await signUp(mary, demo.url, 'mary of the lost phone');
  await signUp(olga, demo.url, 'operator');
  const { page } = olga;
  const look = async ({ page }: Visitor, name: string) => {
    await page.goto(`${demo.url}/people`);
    await page.getByLabel('Name of the person').fill(name);
    await page.getByRole('button', { name: 'Confirm and look' }).click();
  };
  await look(mary, 'operator');
  await mary.page.getByText('This is for the operator’s account.').waitFor();

  await look(olga, 'nobody at all');
  await page.getByText('Nobody here has this name.').waitFor();
  await look(olga, 'MARY of the lost phone');
  await page.getByRole('heading', { name: 'mary of the lost phone' }).waitFor();
  expect(await faultsOfPage(page)).toEqual([]);
  await page.getByText('Signed in once.').waitFor();
  const act = (name: string | RegExp) => page.getByRole('button', { name }).click();
  const said = (words: string | RegExp) => page.getByRole('status').getByText(words).waitFor();
  await act(/^Disable:/);
  await said('Write a reason first');
  await page.getByLabel('Reason, for the record').fill('Lost phone, ticket 4711');
  await act(/^Disable:/);
  await said(/is disabled\.$/);
  await page.getByText('Signed in nowhere.').waitFor();
  await act(/^Enable:/);
  await said(/is enabled\.$/);
  await act(/^Remove:/);
  await said(/is removed\.$/);
  await page.getByText('nobody can sign in to this account').waitFor();
  await act('Invite');
  await said('The invitation is issued.');
  const link = await page.locator('#link strong').textContent();
  expect(link).toContain('/invited#invitation=');
  await page.getByText('One is open until').waitFor();
  expect(await faultsOfPage(page)).toEqual([]);
  const changes = (await demo.records()).filter(
    ({ event, change }) => change?.note === 'Lost phone, ticket 4711' && event.name !== 'latchkey.session.ended',
  );
  expect(changes.map(({ event, change }) => [event.name, change?.by])).toEqual([
    ['latchkey.passkey.disabled', 'operator'],
    ['latchkey.passkey.enabled', 'operator'],
    ['latchkey.passkey.removed', 'operator'],
    ['latchkey.invitation.issued', 'operator'],
  ]);
  await act('Revoke the invitation');
  await said('The invitation is revoked.');
  olga.complaints.length = 0;
  mary.complaints.length = 0;
});

test('every answer forbids what the pages do not need', async () => {
  for (const path of ['/', '/account', '/assets/demo.css', '/passkeys/client.js', '/nowhere']) {
    const { headers } = await fetch(demo.url + path, { redirect: 'manual' });
    expect(headers.get('content-security-policy'), path).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

test('an address that is nobody’s is told so on a page', async () => {
  const answer = await fetch(`${demo.url}/nowhere`);
  expect(answer.status).toBe(404);
  expect(await answer.text()).toContain('Nothing here');
});

test('every record of these tests is valid, and each attempt has one', async () => expectValid(await demo.records()));

/** Runs in the page: tells the test, and the page, what the browser was asked for. A page that is left cannot be asked later. */
function noteCalls(): void {
  const get = navigator.credentials.get.bind(navigator.credentials);
  const { noteCall } = window as unknown as { noteCall: (call: object) => Promise<void> };
  navigator.credentials.get = (options) => {
    const answer = get(options);
    const mediation = options?.mediation ?? 'modal';
    noteCall({ mediation, allowed: options?.publicKey?.allowCredentials?.length ?? 0 });
    document.documentElement.dataset.asked = mediation;
    return answer;
  };
}
