// For everyone: axe finds nothing, and nothing scrolls sideways, in light, dark, forced colours, on a phone, at 200 %, from right
// to left, and with the longest names that there can be.

import { describe, expect, it } from 'vitest';
import { faultsOfPage } from '../support/axe.ts';
import { inChromium, signUp, until, visit } from './page.ts';

inChromium();

const ALL = `
  <h2>In</h2><latchkey-sign-in></latchkey-sign-in>
  <h2>The form</h2><latchkey-sign-in open><a slot="other" href="/app/password">Use a password</a></latchkey-sign-in>
  <h2>New</h2><latchkey-sign-up ask-display-name></latchkey-sign-up>
  <h2>Own</h2><latchkey-passkeys></latchkey-passkeys>
  <h2>Where</h2><latchkey-sessions></latchkey-sessions>
  <h2>When</h2><latchkey-activity></latchkey-activity>
  <h2>Again</h2><latchkey-step-up></latchkey-step-up>`;

describe.each([
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['forced colours', { forcedColors: 'active' }],
  ['a phone', { viewport: { width: 320, height: 640 } }],
  ['200 %', { viewport: { width: 640, height: 360 }, deviceScaleFactor: 2 }],
  ['dark, on a phone', { colorScheme: 'dark', viewport: { width: 320, height: 640 } }],
] as const)('in %s', (_, options) => {
  it.each([
    ['en', 'ltr'],
    ['ja', 'rtl'],
  ])('everyone can read and use all of it (%s, %s)', async (lang, dir) => {
    const reader = await visit(options);
    await signUp(reader);
    // The one click and the form would sign in by themselves with it.
    await reader.forget();
    const name = `${'W'.repeat(60)} live\u202eevil`;
    await reader.page.route('**/passkeys/credentials', async (route) => {
      const { passkeys } = await (await route.fetch()).json();
      const many = [0, 1, 2].map((at) => ({
        ...passkeys[0],
        id: `${at}`,
        nickname: at ? name : 'Phone',
        enabled: at < 2,
      }));
      await route.fulfill({ json: { passkeys: many } });
    });
    await reader.page.route('**/passkeys/activity', (route) => {
      const signIn = { at: Date.now(), address: '2001:db8::1', userAgent: null, passkey: { id: '1', nickname: name } };
      const activity = ['success', 'failure'].map((outcome) => ({ ...signIn, id: outcome, outcome, current: true }));
      return route.fulfill({ json: { activity } });
    });
    await reader.show(ALL, { lang, dir });
    await until(async () => expect(await reader.page.locator('latchkey-passkeys li').count()).toBe(3));
    await until(async () => expect(await reader.page.locator('latchkey-sessions li').count()).toBe(1));
    await until(async () => expect(await reader.page.locator('latchkey-activity li').count()).toBe(2));
    expect(await faultsOfPage(reader.page)).toEqual([]);

    const sizes = await reader.page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .flatMap((element) => [...(element.shadowRoot?.querySelectorAll('button, input') ?? [])])
        .map((target) => target.getBoundingClientRect().height),
    );
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(24);

    // With what was refused and with a dialog.
    await reader.page.locator('latchkey-sign-up button').click();
    expect(await faultsOfPage(reader.page)).toEqual([]);
    await reader.page.locator('latchkey-passkeys [data-deed=remove]').first().click();
    await reader.page.getByRole('dialog').waitFor();
    expect(await faultsOfPage(reader.page)).toEqual([]);
  });
});

it('nothing moves for who asked for less of it', async () => {
  const reader = await visit({ reducedMotion: 'reduce' });
  await reader.show(ALL);
  const moving = await reader.page.evaluate(() => document.getAnimations().length);
  expect(moving).toBe(0);
});
