// The whole story by keyboard alone, read in the accessibility tree: sign up, sign in, add, rename, confirm, remove, sign out.

import { expect, it } from 'vitest';
import { ada, inChromium, signOut, site } from './page.ts';

inChromium();

const evaluate = <T>(work: () => T) => ada.page.evaluate(work);
const press = (key: string) => ada.page.keyboard.press(key);
const type = (text: string) => ada.page.keyboard.type(text);
const tree = () => ada.page.locator('main').ariaSnapshot();
const saying = (words: string) => ada.page.getByRole('status').getByText(words).waitFor();

/** The name of what has the focus, as it is read. */
const focused = () =>
  evaluate(() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    const labels = (at as HTMLInputElement | null)?.labels ?? [];
    return at?.getAttribute('aria-label') ?? labels[0]?.textContent ?? at?.textContent ?? '';
  });

/** Tab, until the focus is there. A list of this size has fewer stops than that. */
async function tabTo(name: string | RegExp) {
  const seen: string[] = [];
  for (let stop = 0; stop < 20; stop++) {
    await press('Tab');
    const here = await focused();
    if (typeof name === 'string' ? here === name : name.test(here)) return;
    seen.push(here);
  }
  throw new Error(`No stop is ${name}: ${seen.join(' | ')}`);
}

it('is done by keyboard alone, and read as it should be', async () => {
  await ada.show('<latchkey-sign-up></latchkey-sign-up>');
  await tabTo('Name');
  await press('Enter');
  expect(await focused()).toBe('Name');
  expect(await tree()).toContain('textbox "Name" [invalid]');
  await type('ada');
  await press('Enter');
  await saying('You are signed in as ada.');

  await signOut(ada);
  await ada.show('<latchkey-sign-in></latchkey-sign-in>');
  expect(await tree()).toBe('- main:\n  - heading "Test" [level=1]\n  - button "Sign in"\n  - status');
  await tabTo('Sign in');
  await press('Enter');
  await saying('You are signed in as ada.');

  const [own] = await ada.credentials();
  await ada.forget();
  await ada.show('<latchkey-passkeys></latchkey-passkeys>');
  await ada.page.getByRole('listitem').waitFor();
  await tabTo('Name for another passkey (optional)');
  await type('Phone');
  await tabTo('Add a passkey');
  await press('Enter');
  await saying('“Phone” is added.');
  await ada.forget();
  await ada.plugIn(own!);
  await ada.page.getByRole('listitem').nth(1).waitFor();
  const read = await tree();
  for (const line of [
    '- list "Your passkeys"',
    'button "Rename: Phone"',
    'button "Disable: Phone"',
    'button "Remove: Phone"',
    'textbox "Name for another passkey (optional)"',
    'status: “Phone” is added.',
  ]) {
    expect(read).toContain(line);
  }

  await ada.page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await tabTo('Rename: Phone');
  await press('Enter');
  expect(await focused()).toBe('Name');
  await type('Old phone');
  await press('Enter');
  await saying('It is called “Old phone” now.');
  expect(await focused()).toBe('Rename: Old phone');

  site.clock.now += 20 * 60_000;
  await tabTo('Remove: Old phone');
  await press('Enter');
  expect(await ada.page.getByRole('dialog').ariaSnapshot()).toContain('dialog "Remove this passkey?"');
  expect(await focused()).toBe('Remove');
  await press('Enter');
  await ada.page.getByRole('dialog', { name: 'Confirm that it is you' }).waitFor();
  await press('Escape');
  await expect.poll(focused).toBe('Remove: Old phone');
  await press('Enter');
  await press('Enter');
  await ada.page.getByRole('dialog', { name: 'Confirm that it is you' }).waitFor();
  expect(await focused()).toBe('Confirm with a passkey');
  await press('Enter');
  await saying('“Old phone” is removed.');
  // On the list, because the button that was pressed is gone.
  expect(await focused()).toBe('Your passkeys');

  // Nothing can be pressed in it, and all of it is read.
  await ada.show('<latchkey-activity></latchkey-activity>');
  await ada.page.getByRole('listitem').first().waitFor();
  expect(await tree()).toMatch(/- list "Your last sign-ins":\n +- listitem:[\s\S]*signed in /);

  await ada.show('<latchkey-sessions></latchkey-sessions>');
  await ada.page.getByRole('listitem').waitFor();
  await tabTo(/^Sign out/);
  await press('Enter');
  await saying('You are signed out.');
});
