// What each element does, with a click and against a real server.

import type { AttemptRecord } from '@latchkey/core';
import type {} from '@latchkey/elements';
import { describe, expect, it } from 'vitest';
import { ada, inChromium, signOut, signUp, site, until, visit } from './page.ts';

inChromium();

const status = () => ada.page.getByRole('status');
const signIns = () => site.records.filter(({ event }) => event.name === 'latchkey.signin.attempt');
const succeeded = ({ outcome }: AttemptRecord) => outcome === 'success';

describe('<latchkey-sign-in>', () => {
  it('signs in by one click in Immediate UI mode, and leads on', async () => {
    await signUp(ada);
    await signOut(ada);
    await ada.show('<latchkey-sign-in href="/app/account"></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await ada.page.waitForURL('**/app/account');
    expect(signIns().filter(succeeded)).toMatchObject([{ immediate: { enforcement: 'enforced' } }]);
  });

  it('leads back to where the person wanted to go, and nowhere else', async () => {
    await signUp(ada);
    await signOut(ada);
    for (const [query, path] of [
      ['?returnTo=/app/wanted', '/app/wanted'],
      ['?returnTo=//evil.example', '/app/account'],
    ] as const) {
      await ada.show('<latchkey-sign-in href="/app/account"></latchkey-sign-in>', { query });
      await ada.page.getByRole('button', { name: 'Sign in' }).click();
      await ada.page.waitForURL((now) => now.pathname === path);
      expect(new URL(ada.page.url()).origin).toBe(site.origin);
    }
  });

  it('does not lead to a script', async () => {
    await signUp(ada);
    await signOut(ada);
    await ada.show('<latchkey-sign-in href="javascript:document.title=1"></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await status().getByText('You are signed in as ada.').waitFor();
    expect(await ada.page.title()).toBe('Test');
  });

  it('makes the button of the page its own, which was there before the script', async () => {
    await signUp(ada);
    await signOut(ada);
    await ada.show('<latchkey-sign-in><button>Come in</button></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Come in' }).click();
    await status().getByText('You are signed in as ada.').waitFor();
    expect(await ada.events()).toMatchObject([
      { type: 'result', from: 'latchkey-sign-in', kind: 'passkey', action: 'signIn' },
      { type: 'signedin', from: 'latchkey-sign-in', kind: 'passkey' },
    ]);
  });

  it('leads nowhere when the page prevents it', async () => {
    await signUp(ada);
    await signOut(ada);
    await ada.show('<latchkey-sign-in href="/app/account"></latchkey-sign-in>');
    await ada.page.evaluate(() =>
      document.querySelector('latchkey-sign-in')!.addEventListener('signedin', (event) => event.preventDefault()),
    );
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await until(async () => expect((await ada.events()).at(-1)).toMatchObject({ type: 'signedin' }));
    expect(new URL(ada.page.url()).pathname).toBe('/app');
  });

  it('becomes the form when the browser offers nothing, says so, and shows the other ways', async () => {
    await ada.show('<latchkey-sign-in><a slot="other" href="/app/password">Use a password</a></latchkey-sign-in>');
    expect(await ada.page.getByRole('link').count()).toBe(0);
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await status().getByText('No passkey was used.').waitFor();
    const name = ada.page.getByRole('textbox', { name: 'Name' });
    expect(await name.evaluate((field: HTMLInputElement) => field.matches(':focus') && field.autocomplete)).toBe(
      'username webauthn',
    );
    await ada.page.getByRole('button', { name: 'Use another device' }).waitFor();
    await ada.page.getByRole('link', { name: 'Use a password' }).waitFor();
  });

  it('signs in from the form with the full sheet, after the first one came to nothing', async () => {
    await signUp(ada);
    await signOut(ada);
    const [passkey] = await ada.credentials();
    await ada.forget();
    await ada.show('<latchkey-sign-in></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await ada.page.getByRole('textbox').waitFor();
    await ada.askedInField(1);
    // Whether the request in the field sees this passkey is a matter of milliseconds: the sheet shall.
    await ada.plugIn(passkey!, { untouched: true });
    await ada.page.getByRole('textbox').fill('ada');
    await ada.touch();
    await ada.page.keyboard.press('Enter');
    await status().getByText('You are signed in as ada.').waitFor();
    expect(signIns().filter(succeeded)).toMatchObject([{ attempt: { mode: 'modal' } }]);
  });

  it('signs in with what is picked in the field, where it is the form from the start', async () => {
    await signUp(ada);
    await signOut(ada);
    await ada.show('<latchkey-sign-in open></latchkey-sign-in>');
    await status().getByText('You are signed in as ada.').waitFor();
    expect(signIns().filter(succeeded)).toMatchObject([{ attempt: { mode: 'conditional' } }]);
    expect(await ada.events()).toMatchObject([{ action: 'autofill', kind: 'passkey' }, { type: 'signedin' }]);
  });

  it('stays one click where nothing else is allowed, and shows the other ways', async () => {
    await ada.show('<latchkey-sign-in one-click-only><a slot="other" href="/app/ask">Ask us</a></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await status().getByText('No passkey was used.').waitFor();
    expect(await ada.page.getByRole('textbox').count()).toBe(0);
    await ada.page.getByRole('button', { name: 'Sign in' }).waitFor();
    await ada.page.getByRole('link', { name: 'Ask us' }).waitFor();
  });

  it('says what the server refused', async () => {
    await signUp(ada);
    await signOut(ada);
    for (const [id, account] of site.accounts) site.accounts.set(id, { ...account, active: false });
    await ada.show('<latchkey-sign-in></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await status().getByText('This passkey was not accepted.').waitFor();
    expect(await status().evaluate((line: HTMLElement) => line.dataset.kind)).toBe('refused');
  });
});

describe('<latchkey-sign-up>', () => {
  it('makes an account with its first passkey, and leads on', async () => {
    await ada.show('<latchkey-sign-up href="/app/account" ask-display-name></latchkey-sign-up>');
    await ada.page.getByRole('textbox', { name: 'Name' }).fill('ada');
    await ada.page.getByRole('textbox', { name: 'What to call you' }).fill('Ada Lovelace');
    await ada.page.keyboard.press('Enter');
    await ada.page.waitForURL('**/app/account');
    expect([...site.accounts.values()]).toMatchObject([{ name: 'ada', displayName: 'Ada Lovelace' }]);
  });

  it('asks for a name, and says when it is taken, at the field', async () => {
    await signUp(ada);
    await signOut(ada);
    await ada.forget();
    await ada.show('<latchkey-sign-up></latchkey-sign-up>');
    const name = ada.page.getByRole('textbox', { name: 'Name' });
    const create = ada.page.getByRole('button', { name: 'Create a passkey' });
    await create.click();
    expect(await name.getAttribute('aria-invalid')).toBe('true');
    await expect.poll(() => name.evaluate((field) => field.matches(':focus'))).toBe(true);
    await ada.page.getByText('Write a name first.').waitFor();
    await name.fill('ada');
    expect(await name.getAttribute('aria-invalid')).toBeNull();
    await create.click();
    await ada.page.getByText('This name is taken.').waitFor();
    await name.fill('grace');
    await create.click();
    await status().getByText('You are signed in as grace.').waitFor();
  });
});

describe('<latchkey-passkeys>', () => {
  const passkeys = '<latchkey-passkeys href="/app/out"></latchkey-passkeys>';
  const names = () => ada.page.getByRole('listitem').locator('bdi').allTextContents();
  const button = (name: string) => ada.page.getByRole('button', { name, exact: true });

  async function withTwo() {
    await signUp(ada);
    const [own] = await ada.credentials();
    await ada.forget();
    await ada.show(passkeys);
    await ada.page.getByRole('textbox', { name: 'Name for another passkey' }).fill('Phone');
    await button('Add a passkey').click();
    await status().getByText('“Phone” is added.').waitFor();
    const [phone] = await ada.credentials();
    // What is asked from now on is answered by the first one.
    await ada.forget();
    await ada.plugIn(own!);
    return phone!;
  }

  it('lists, adds, renames, disables, enables and removes', async () => {
    await withTwo();
    expect(await names()).toHaveLength(2);
    await button('Rename: Phone').click();
    await ada.page.keyboard.type('Old phone');
    await ada.page.keyboard.press('Enter');
    await status().getByText('It is called “Old phone” now.').waitFor();
    expect(await button('Rename: Old phone').evaluate((there) => there.matches(':focus'))).toBe(true);
    await button('Disable: Old phone').click();
    await status().getByText('“Old phone” is disabled.').waitFor();
    await ada.page.getByText('disabled', { exact: true }).waitFor();
    await button('Enable: Old phone').click();
    await status().getByText('“Old phone” is enabled.').waitFor();
    await button('Remove: Old phone').click();
    await button('Keep it').click();
    expect(await names()).toHaveLength(2);
    await button('Remove: Old phone').click();
    await button('Remove').click();
    await status().getByText('“Old phone” is removed.').waitFor();
    expect(await names()).toHaveLength(1);
    const changed = (await ada.events()).filter(({ type }) => type === 'changed');
    expect(changed.map(({ action }) => action)).toEqual(['register', 'rename', 'setEnabled', 'setEnabled', 'remove']);
  });

  it('gives up a rename at Escape', async () => {
    await withTwo();
    await button('Rename: Phone').click();
    await ada.page.keyboard.type('Something');
    await ada.page.keyboard.press('Escape');
    expect(await button('Rename: Phone').evaluate((there) => there.matches(':focus'))).toBe(true);
    expect(await names()).toContain('Phone');
  });

  it('offers only what can succeed', async () => {
    await signUp(ada);
    await ada.show('<latchkey-passkeys limit="1"></latchkey-passkeys>');
    await ada.page.getByText('This is your only passkey.').waitFor();
    const [name] = await names();
    expect(await button(`Remove: ${name}`).isDisabled()).toBe(true);
    expect(await button(`Disable: ${name}`).isDisabled()).toBe(true);
    expect(await button(`Rename: ${name}`).isDisabled()).toBe(false);
    await ada.page.getByText('You have too many passkeys.').waitFor();
    expect(await button('Add a passkey').count()).toBe(0);
    await ada.page.evaluate(() => document.querySelector('latchkey-passkeys')!.setAttribute('other-way-in', ''));
    expect(await button(`Remove: ${name}`).isDisabled()).toBe(false);
  });

  it('has the person confirm when the sign-in is too long ago, and then goes on', async () => {
    await withTwo();
    site.clock.now += 20 * 60_000;
    await button('Remove: Phone').click();
    await button('Remove').click();
    await ada.page.getByRole('dialog', { name: 'Confirm that it is you' }).waitFor();
    await button('Not now').click();
    await expect.poll(() => status().textContent()).toBe('');
    expect(await names()).toHaveLength(2);
    await button('Remove: Phone').click();
    await button('Remove').click();
    await button('Confirm with a passkey').click();
    await status().getByText('“Phone” is removed.').waitFor();
  });

  it('leads out when the passkey of this session is removed', async () => {
    await withTwo();
    const own = ada.page.getByRole('listitem').filter({ hasText: 'this session' });
    await own.getByRole('button', { name: /^Remove/ }).click();
    await ada.page.getByText('You are signed in with it: this signs you out.').waitFor();
    await button('Remove').click();
    await ada.page.waitForURL('**/app/out');
  });

  it('leads out when the passkey that confirmed this session is removed', async () => {
    const phone = await withTwo();
    await ada.forget();
    await ada.plugIn(phone);
    site.clock.now += 20 * 60_000;
    await button('Remove: Phone').click();
    await button('Remove').click();
    await button('Confirm with a passkey').click();
    await ada.page.waitForURL('**/app/out');
  });

  it('shows the pictures of providers that the page supplies', async () => {
    await signUp(ada);
    await ada.show(passkeys);
    await ada.page.route('**/icon.svg', (route) =>
      route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' }),
    );
    await ada.page.route('**/passkeys/credentials', async (route) => {
      const answer = await route.fetch();
      const { passkeys } = await answer.json();
      await route.fulfill({ json: { passkeys: passkeys.map((one: object) => ({ ...one, provider: 'Manager' })) } });
    });
    await ada.page.evaluate(async () => {
      const element = document.querySelector('latchkey-passkeys')!;
      await element.refresh();
      element.icons = { Manager: '/icon.svg' };
    });
    expect(await ada.page.locator('latchkey-passkeys img').getAttribute('src')).toBe('/icon.svg');
  });

  it('shows a name as text, in its own direction, and five before all', async () => {
    await signUp(ada);
    const name = '<b>bold</b> & "quoted"';
    await ada.page.route('**/passkeys/credentials', async (route) => {
      const { passkeys } = await (await route.fetch()).json();
      const many = Array.from({ length: 8 }, (_, at) => ({ ...passkeys[0], id: `${at}`, nickname: name }));
      await route.fulfill({ json: { passkeys: many } });
    });
    await ada.show(passkeys);
    await ada.page.getByRole('button', { name: 'Show all 8' }).waitFor();
    expect(await names()).toEqual(Array(5).fill(name));
    await ada.page.getByRole('button', { name: 'Show all 8' }).click();
    expect(await names()).toEqual(Array(8).fill(name));
  });

  it('says so to somebody who is not signed in', async () => {
    await ada.show(passkeys);
    await status().getByText('You are not signed in.').waitFor();
  });
});

describe('<latchkey-sessions>', () => {
  it('says where the person is signed in, ends one, all others, and this one', async () => {
    await signUp(ada);
    const [passkey] = await ada.credentials();
    for (let other = 0; other < 3; other++) {
      const elsewhere = await visit();
      await elsewhere.plugIn(passkey!);
      await elsewhere.show('<latchkey-sign-in></latchkey-sign-in>');
      await elsewhere.page.getByRole('button', { name: 'Sign in' }).click();
      await elsewhere.page.getByText('You are signed in as ada.').waitFor();
    }
    await ada.show('<latchkey-sessions href="/app/out"></latchkey-sessions>');
    const entries = ada.page.getByRole('list', { name: 'Where you are signed in' }).getByRole('listitem');
    await expect.poll(() => entries.count()).toBe(4);
    expect(await entries.first().textContent()).toMatch(/^Chrome, \w+ this browser/);
    await ada.page
      .getByRole('button', { name: /^Sign out there/ })
      .first()
      .click();
    await status()
      .getByText(/^Signed out: Chrome/)
      .waitFor();
    expect(await entries.count()).toBe(3);
    await ada.page.getByRole('button', { name: 'Sign out everywhere else' }).click();
    await status().getByText('You are signed in here only.').waitFor();
    expect(await entries.count()).toBe(1);
    await ada.page.getByRole('button', { name: /^Sign out/ }).click();
    await ada.page.waitForURL('**/app/out');
  });
});

describe('<latchkey-activity>', () => {
  it('says when and with what the person signed in, and what was refused', async () => {
    await signUp(ada);
    await ada.show('<latchkey-activity></latchkey-activity>');
    await ada.page.getByText('There is no sign-in to show yet.').waitFor();
    await signOut(ada);
    await ada.show('<latchkey-sign-in></latchkey-sign-in>');
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await status().getByText('You are signed in as ada.').waitFor();
    const { id } = signIns().at(-1)!.attempt;
    const list = ada.page.getByRole('list', { name: 'Your last sign-ins' });
    await ada.page.route('**/passkeys/activity', async (route) => {
      const { activity } = await (await route.fetch()).json();
      expect(activity).toMatchObject([{ id, outcome: 'success', current: true }]);
      const refused = { ...activity[0], id: 'refused', outcome: 'failure', current: false, passkey: null };
      await route.fulfill({ json: { activity: [refused, ...activity] } });
    });
    await ada.show('<latchkey-activity></latchkey-activity>');
    const entries = list.getByRole('listitem');
    await entries.nth(1).waitFor();
    const words = await entries.allTextContents();
    expect(words[0]).toMatch(/^Chrome, \w+not let in \w/);
    expect(words[1]).toMatch(/^Chrome, \w+ this sessionsigned in .+ · Passkey · /);
    expect(await list.ariaSnapshot()).toContain('- list "Your last sign-ins"');
  });

  it('says why there is nothing to be shown', async () => {
    await ada.show('<latchkey-activity></latchkey-activity>');
    await status().getByText('You are not signed in.').waitFor();
  });
});

describe('<latchkey-step-up>', () => {
  it('confirms for one action', async () => {
    await signUp(ada);
    await ada.show('<latchkey-step-up action="transfer"></latchkey-step-up>');
    const opened = () => ada.page.evaluate(async () => (await fetch('/transfer')).status);
    expect(await opened()).toBe(403);
    await ada.page.getByRole('button', { name: 'Confirm with a passkey' }).click();
    await status().getByText('Confirmed.').waitFor();
    expect(await opened()).toBe(200);
    expect(await ada.events()).toMatchObject([{ action: 'confirm' }, { type: 'confirmed', kind: 'done' }]);
  });
});

describe('the modules', () => {
  it('can be loaded where there is no page, and do nothing there', async () => {
    const { LatchkeySignIn } = await import('@latchkey/elements');
    expect(LatchkeySignIn).toBeTypeOf('function');
  });
});

describe('the words', () => {
  it.each([
    ['de-AT', 'Anmelden'],
    ['fr', 'Se connecter'],
    ['es', 'Iniciar sesión'],
    ['ja', 'ログイン'],
    ['nl', 'Sign in'],
  ])('are in the language of the page: %s', async (lang, words) => {
    await ada.show('<latchkey-sign-in></latchkey-sign-in>', { lang });
    await ada.page.getByRole('button', { name: words, exact: true }).waitFor();
  });

  it('are in the one language that a page loads beside sign-in alone', async () => {
    await ada.page.route('**/passkeys/elements.js', (route) =>
      route.fulfill({
        contentType: 'text/javascript',
        body: `import { de } from '/passkeys/elements/de.js';
          import { configure } from '/passkeys/elements/sign-in.js';
          configure({ languages: { de } });`,
      }),
    );
    await ada.show('<latchkey-sign-in></latchkey-sign-in><latchkey-sign-up></latchkey-sign-up>', { lang: 'de' });
    await ada.page.getByRole('button', { name: 'Anmelden' }).click();
    await status().getByText('Es wurde kein Passkey verwendet.').waitFor();
    expect(await ada.page.evaluate(() => customElements.get('latchkey-sign-up'))).toBeUndefined();
  });

  it('are replaced by the page, in a language of its own too', async () => {
    await ada.show(
      '<latchkey-sign-in open></latchkey-sign-in><div lang="nl"><latchkey-sign-up></latchkey-sign-up></div>',
    );
    await ada.page.evaluate(`import('/passkeys/elements.js').then(({ configure }) =>
      configure({ replace: { usePasskey: 'In we go' }, languages: { nl: { createPasskey: 'Passkey maken' } } }))`);
    await ada.page.getByRole('button', { name: 'In we go' }).waitFor();
    await ada.page.getByRole('button', { name: 'Passkey maken' }).waitFor();
  });
});
