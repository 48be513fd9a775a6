/** The demo's page of attempts, its charts, and the page about one attempt, in Chromium. */
import { type AttemptRecord, explain, REASON_MEANINGS } from '@latchkey/core';
import { createAgent, USED } from '@latchkey/testing';
import { beforeAll, expect, test, vi } from 'vitest';
import { faultsOfPage } from '../support/axe.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { findFaults } from './support/find-faults.ts';
import { expectValid, isSuccess, useDemo } from './support/process.ts';
import { forgive, patiently, signInByOneClick, signOut, signUp, useVisitors } from './support/visitors.ts';

const visit = useVisitors();
const demo = useDemo({ SWEEP_EVERY: '500ms' });
const isAttempt = ({ event }: AttemptRecord) => event.name.endsWith('.attempt');
const isSignIn = ({ event }: AttemptRecord) => event.name === 'latchkey.signin.attempt';

// What the page has to show: a sign-in, a refusal, and somebody who went away.
beforeAll(async () => {
  const agent = createAgent(demo.url);
  const passkey = await agent.signUp('ruth');
  expect((await agent.signIn(passkey, { client: USED })).status).toBe(200);
  expect((await agent.signIn(passkey, { bend: { flags: { UP: false } } })).status).toBe(401);
  const { attemptId } = await agent.signInOptions();
  await agent.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError' });
});

test('the attempts page shows an attempt as it happens, says it politely, and leaves the focus alone', async () => {
  const watcher = await visit();
  await watcher.page.goto(`${demo.url}/attempts`);
  await watcher.page.getByText('Live', { exact: true }).waitFor();
  await watcher.page.getByText('Success', { exact: true }).first().focus();
  await watcher.page.getByRole('radio', { name: 'All' }).focus();

  const before = Date.now();
  const joan = await visit();
  await signUp(joan, demo.url, 'joan-whose-name-is-not-shown');
  await signOut(joan, demo.url);
  await signInByOneClick(joan, demo.url);
  const { attempt } = await demo.record((record) => isSuccess(record) && Date.parse(record.event.time) > before);

  const row = watcher.page.locator(`[data-attempt="${attempt.id}"]`);
  await row.waitFor();
  expect(await row.locator('.outcome').textContent()).toBe('Success');
  expect(await row.locator('.asked dd').textContent()).toContain('Immediate UI mode');
  expect(await row.locator('.claimed dd').textContent()).toBe('“I used Immediate UI mode”');
  expect(await row.locator('.proved .fact.holds').allTextContents()).toEqual(['signature', 'presence', 'verification']);
  expect(await row.locator('.enforced dd').textContent()).toBe('Yes');
  await expect
    .poll(() => watcher.page.locator('[aria-live=polite]').textContent(), patiently)
    .toMatch(/^Sign-in, Success$|^\d+ new attempts$/);
  expect(await watcher.page.evaluate(() => document.activeElement?.id)).toBe('outcome-all');
  const text = await watcher.page.locator('body').textContent();
  expect(text).not.toContain('joan');
  expect(text).not.toContain('127.0.0.1');
});

test('the attempts page filters by outcome and time, and its charts are there in words and numbers', async () => {
  const { page } = await visit();
  await page.goto(`${demo.url}/attempts`);
  await page.locator('.attempt').first().waitFor();
  await page.getByText('Cancelled', { exact: true }).and(page.locator('label')).click();
  await expect.poll(() => page.locator('.outcome:not([data-outcome=cancelled])').count(), patiently).toBe(0);
  expect(await page.locator('.attempt').count()).toBeGreaterThan(0);

  for (const [choice, title] of [
    ['7 days', 'The last 7 days'],
    ['24 hours', 'The last 24 hours'],
    ['30 minutes', 'The last 30 minutes'],
  ] as const) {
    await page.getByText(choice, { exact: true }).and(page.locator('label')).click();
    await page.getByRole('heading', { name: title }).waitFor();
  }
  expect(new URL(page.url()).search).toBe('?outcome=cancelled');
  await page.reload();
  await page.locator('.attempt').first().waitFor();
  expect(await page.getByRole('radio', { name: 'Cancelled' }).isChecked()).toBe(true);

  await page.getByText('The chart as a table').click();
  // Something left behind by another test may end meanwhile: then both are looked at again.
  await vi.waitFor(async () => {
    const records = (await demo.records()).filter(isAttempt);
    const successes = records.filter(({ outcome }) => outcome === 'success').length;
    const summary = await page.locator('#chart-summary').textContent();
    expect(summary).toContain(`${records.length} attempts: success ${successes}`);
    const cells = await page.locator('#chart-table td:nth-of-type(1)').allTextContents();
    expect(cells.reduce((sum, cell) => sum + Number(cell), 0)).toBe(successes);

    const signIns = records.filter(isSignIn);
    const enforced = signIns.filter(({ immediate }) => immediate.enforcement === 'enforced').length;
    expect(await page.locator('#enforcement-list li').first().textContent()).toContain(`Enforced ${enforced} (`);
    expect(await page.locator('#enforcement-summary').textContent()).toMatch(`Of ${signIns.length} sign-ins.`);

    const counts = new Map<string, number>();
    for (const { reason } of records) if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    const shown = await page
      .locator('#reasons-list li')
      .evaluateAll((items) =>
        items.map((item): [string, number] => [
          item.querySelector('code')?.textContent ?? '',
          Number(item.querySelector('span')?.textContent),
        ]),
      );
    expect(shown.length).toBeGreaterThan(1);
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(counts));
  }, atThisSpeed(20_000));
});

test('what a bar, a share or a reason stands for is one press away, and can be taken back', async () => {
  const { page } = await visit();
  await page.goto(`${demo.url}/attempts?range=7d`);
  const reason = page.locator('#reasons-list button').first();
  await reason.waitFor();
  const name = await reason.textContent();
  await reason.press('Enter');
  const chip = page.getByRole('button', { name: `Reason: ${name}. Remove this filter` });
  await chip.waitFor();
  await expect
    .poll(async () => new Set(await page.locator('.attempt .because').allTextContents()), patiently)
    .toEqual(new Set([name]));
  await chip.click();
  await page.locator('#enforcement-list').getByRole('button', { name: 'Enforced', exact: true }).press('Enter');
  await expect.poll(() => new URL(page.url()).searchParams.get('enforcement'), patiently).toBe('enforced');
  await expect
    .poll(async () => new Set(await page.locator('.attempt .name').allTextContents()), patiently)
    .toEqual(new Set(['Sign-in']));
  await page.getByRole('button', { name: /^Immediate UI mode: Enforced/ }).click();
  await page.getByRole('button', { name: 'Show these' }).click();
  await page.getByRole('button', { name: /^From / }).waitFor();
  expect(await page.locator('.attempt').count()).toBeGreaterThan(0);
});

test('a list that is paused, or read, does not move, and says what waits', async () => {
  const watcher = await visit();
  await watcher.page.goto(`${demo.url}/attempts`);
  await watcher.page.locator('.attempt').first().waitFor();
  const first = () => watcher.page.locator('.attempt').first().getAttribute('data-event');
  const before = await first();
  await watcher.page.getByRole('button', { name: 'Pause' }).click();
  await signUp(await visit(), demo.url, 'seen-later');
  const waiting = watcher.page.getByRole('button', { name: /new attempt/ });
  await waiting.waitFor();
  expect(await first()).toBe(before);
  await waiting.click();
  expect(await first()).not.toBe(before);
  await watcher.page.getByRole('button', { name: 'Pause' }).click();

  await watcher.page.locator('.attempt summary').first().click();
  const read = await first();
  await signUp(await visit(), demo.url, 'seen-even-later');
  await waiting.waitFor();
  expect(await first()).toBe(read);
});

test('the chart is read bar by bar with the keyboard alone', async () => {
  const { page } = await visit();
  // Bars of six hours, so that none of them moves while they are read.
  await page.goto(`${demo.url}/attempts?range=7d`);
  await page.locator('.attempt').first().waitFor();
  const cursor = page.getByRole('slider', { name: 'Look at one bar' });
  const says = page.locator('#cursor-says');
  // The chart is drawn once its figures are there, a moment after the list.
  const atFirstBar = async () => {
    await cursor.press('Home');
    expect(await says.textContent()).toMatch(/: nothing$/);
  };
  await vi.waitFor(atFirstBar, { timeout: atThisSpeed(20_000), interval: 50 });
  expect(await cursor.getAttribute('aria-valuetext')).toBe(await says.textContent());
  let seen = 0;
  for (let bar = 0; bar < 28; bar++) {
    seen += Number(/success (\d+)/.exec((await says.textContent()) ?? '')?.[1] ?? 0);
    await cursor.press('ArrowRight');
  }
  expect(seen).toBe(
    (await demo.records()).filter((record) => isAttempt(record) && record.outcome === 'success').length,
  );
});

test('the charts go along with what happens', async () => {
  const watcher = await visit();
  await watcher.page.goto(`${demo.url}/attempts`);
  await watcher.page.getByText('Live', { exact: true }).waitFor();
  await watcher.page.locator('.attempt').first().waitFor();
  const enforced = async () =>
    Number(/Enforced (\d+)/.exec((await watcher.page.locator('#enforcement-list').textContent()) ?? '')?.[1]);
  const before = await enforced();
  const kim = await visit();
  await signUp(kim, demo.url, 'kim');
  await signOut(kim, demo.url);
  await signInByOneClick(kim, demo.url);
  await expect.poll(enforced, patiently).toBe(before + 1);
});

test('an attempt has an address of its own, says what failed and what to do, and the way back leads where one was', async () => {
  const lou = await visit();
  const { page } = lou;
  await signUp(lou, demo.url, 'lou-whose-name-is-not-shown', 'Lou');
  const status = await page.evaluate(async () => {
    const post = (path: string, body: object) =>
      fetch(`/passkeys${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const { attemptId, publicKey } = await (await post('/authentication/options', { mode: 'modal' })).json();
    const asked = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    const credential = (await navigator.credentials.get({ publicKey: asked })) as PublicKeyCredential;
    // biome-ignore lint/suspicious/noExplicitAny: what is changed here is not for its type.
    const answer: any = credential.toJSON();
    answer.response.signature = answer.response.signature.replace(/.{8}$/, 'AAAAAAAA');
    return (await post('/authentication/verify', { attemptId, credential: answer })).status;
  });
  expect(status).toBe(401);
  forgive(lou, 401);
  const refused = await demo.record(({ reason }) => reason === 'signature_invalid');

  await page.goto(`${demo.url}/attempts?range=24h&outcome=failure`);
  const row = page.locator(`[data-attempt="${refused.attempt.id}"]`);
  await row.getByRole('link', { name: /^Explain: Sign-in, Refused/ }).press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Sign-in was refused: signature invalid' }).waitFor();
  expect(new URL(page.url()).pathname).toBe(`/attempts/${refused.event.id}`);
  const failed = await page.locator('.failed').textContent();
  expect(failed).toContain('signature_invalid');
  expect(failed).toContain(REASON_MEANINGS.signature_invalid.meaning);
  expect(failed).toContain(REASON_MEANINGS.signature_invalid.advice);
  const { asked, claimed, proved, unproved } = explain(refused);
  for (const [part, sentences] of Object.entries({ asked, claimed, proved, unproved })) {
    expect(await page.locator(`.explained .${part} li`).allTextContents(), part).toEqual(sentences);
  }
  const text = await page.locator('body').textContent();
  for (const secret of ['lou-whose', '127.0.0.1', refused.credential.ref!, refused.user.hash!]) {
    expect(text).not.toContain(secret);
  }
  await page.goBack();
  await row.waitFor();
  expect(await page.getByRole('radio', { name: 'Refused' }).isChecked()).toBe(true);
  expect(await page.getByRole('radio', { name: '24 hours' }).isChecked()).toBe(true);
});

test.for([
  ['light', 360],
  ['dark', 1100],
] as const)('the page about an attempt can be read and used by everyone (%s, %i px)', async ([colorScheme, width]) => {
  const { page } = await visit({ colorScheme, width });
  const { event } = await demo.record(({ reason }) => reason === 'signature_invalid');
  await page.goto(`${demo.url}/attempts/${event.id}`);
  expect(await page.evaluate(findFaults)).toEqual([]);
  expect(await faultsOfPage(page)).toEqual([]);
});

test('what an attacker wrote into an attempt is text on its page, and nothing else', async () => {
  const agent = createAgent(demo.url);
  const passkey = await agent.signUp('mallory');
  const origin = 'https://evil.example/<b id=planted>x</b>';
  const refused = await agent.signIn(passkey, { bend: { clientData: { origin } } });
  const { event } = await demo.record(({ attempt }) => attempt.id === refused.json.attemptId);
  const { page } = await visit();
  await page.goto(`${demo.url}/attempts/${event.id}`);
  await page.getByText(origin).first().waitFor();
  expect(await page.locator('#planted').count()).toBe(0);
});

test('every record of these tests is valid, and each attempt has one', async () => expectValid(await demo.records()));
