/**
 * The demo on each framework, as a visitor meets it from sign-up to sign-out, in Chromium with a virtual authenticator, and
 * judged by what the pages say and the audit log has.
 */
import { expect, test } from 'vitest';
import { expectValid, startIn, temporary } from './support/process.ts';
import { forgive, signInByOneClick, signOut, signUp, useVisitors } from './support/visitors.ts';

const visit = useVisitors();

test.each(['express', 'koa', 'fastify'])(
  'the demo on %s tells the whole story: sign up, sign in, step up, add, rename, remove, sign out',
  async (framework) => {
    const demo = await startIn(await temporary(), { FRAMEWORK: framework });
    const zoe = await visit();
    const { page, authenticator } = zoe;
    const status = page.getByRole('status');
    await page.goto(`${demo.url}/account`);
    await page.getByText('Sign in to see your account.').waitFor();
    await signUp(zoe, demo.url, 'zoe', 'Zoë');
    await signOut(zoe, demo.url);
    await signInByOneClick(zoe, demo.url);
    await page.getByRole('heading', { name: 'Hello, Zoë' }).waitFor();
    expect(await page.locator('.enforcement').textContent()).toBe('enforced');

    expect(await page.evaluate(async () => (await fetch('/account/note')).status)).toBe(403);
    forgive(zoe, 403);
    await page.getByRole('button', { name: 'Confirm and read' }).click();
    await status.getByText('under the third flowerpot').waitFor();

    await page.goto(`${demo.url}/people`);
    await page.getByLabel('Name of the person').fill('zoe');
    await page.getByRole('button', { name: 'Confirm and look' }).click();
    await page.getByText('This is for the operator’s account.').waitFor();
    // Asked to confirm, and then refused.
    expect(zoe.complaints.splice(0)).toHaveLength(2);
    await page.goto(`${demo.url}/account`);

    await authenticator.forget();
    await page.getByLabel('Name for another passkey').fill('Phone');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await status.getByText('“Phone” is added.').waitFor();
    await page.getByRole('button', { name: 'Rename: Phone' }).click();
    await page.keyboard.type('Old phone');
    await page.keyboard.press('Enter');
    await status.getByText('It is called “Old phone” now.').waitFor();
    await page.getByRole('button', { name: 'Remove: Old phone' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await status.getByText('“Old phone” is removed.').waitFor();
    expect(await page.locator('#letters .subject').allTextContents()).toEqual([
      'A passkey was removed from your account',
      'A passkey was added to your account',
      'First sign-in with a passkey',
      'A passkey was added to your account',
    ]);

    await page.goto(`${demo.url}/attempts`);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('link', { name: /^Explain: Sign-in, Success/ }).click();
    await page.getByRole('heading', { name: 'Sign-in succeeded; immediate mediation enforced' }).waitFor();
    await page.locator('.proved').getByText('User verification: the authenticator signed').waitFor();
    for (const nobodys of ['00000000-0000-7000-8000-000000000000', 'latest.', '%22']) {
      expect((await fetch(`${demo.url}/attempts/${nobodys}`)).status, nobodys).toBe(404);
    }
    await page.goto(`${demo.url}/account`);

    // An invitation, for a browser where the person is not signed in.
    const mia = await visit();
    await signUp(mia, demo.url, 'mia', 'Mia');
    const asked = await mia.page.evaluate(async () => (await fetch('/account/invitation', { method: 'POST' })).status);
    expect(asked).toBe(403);
    forgive(mia, 403);
    await mia.page.getByRole('button', { name: 'Confirm and invite' }).click();
    await mia.page.getByText('Open this link on the other device').waitFor();
    const link = (await mia.page.locator('#invitation strong').textContent())!;
    const { page: phone } = await visit();
    await phone.goto(link);
    await phone.getByRole('button', { name: 'Create a passkey' }).click();
    await phone.getByText('Your new passkey is made.').waitFor();
    expect(phone.url()).toBe(`${demo.url}/invited`);
    const late = await visit();
    await late.page.goto(link);
    await late.page.getByRole('button', { name: 'Create a passkey' }).click();
    await late.page.getByText('This invitation is not good any more.').waitFor();
    forgive(late, 400);
    await late.page.goto(`${demo.url}/invited`);
    await late.page.getByText('There is no invitation in this address.').waitFor();
    await signOut(zoe, demo.url);
    expect((await page.goto(`${demo.url}/nowhere`))?.status()).toBe(404);
    forgive(zoe, 404);

    await demo.record(({ event }) => event.name === 'latchkey.passkey.removed');
    const records = await demo.records();
    expectValid(records);
    // The application issued the invitation by itself.
    const ofRequests = records.filter(({ event }) => event.name !== 'latchkey.invitation.issued');
    expect(ofRequests.every(({ library }) => library.framework.startsWith(framework))).toBe(true);
    // Autofill on the sign-in page may have ended by itself, for want of a passkey: that is a record, too.
    const successes = records.filter(({ outcome }) => outcome === 'success');
    expect(successes.map(({ event }) => event.name.slice('latchkey.'.length))).toEqual([
      'registration.attempt',
      'passkey.added',
      'session.ended',
      'signin.attempt',
      'step_up.attempt',
      'step_up.attempt',
      'registration.attempt',
      'passkey.added',
      'passkey.renamed',
      'passkey.removed',
      'registration.attempt',
      'passkey.added',
      'step_up.attempt',
      'invitation.issued',
      'registration.attempt',
      'invitation.used',
      'passkey.added',
      'session.ended',
    ]);
  },
);
