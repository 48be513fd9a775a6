// <latchkey-sign-in>: one click; when the browser offers nothing, the form with autofill, another device, and the
// application's own other ways. No second sheet opens by itself.

import type { SignInOptions, SignInResult } from '@latchkey/browser';
import { make } from './dom.ts';
import { LatchkeyElement } from './element.ts';
import { client } from './settings.ts';

/**
 * Signs in.
 *
 * - `href`: where to go then, unless the address of the page has `?returnTo=`.
 * - `open`: it is the form already. The element sets it itself when one click came to nothing.
 * - `one-click-only`: it never becomes the form, as under the policy `require`.
 *
 * A `<button>` inside is the button; slot `other`: other ways in, shown when one click came to nothing.
 */
export class LatchkeySignIn extends LatchkeyElement {
  /** After a change of one of these it is drawn again. */
  static override readonly observedAttributes: readonly string[] = ['lang', 'open', 'one-click-only'];

  #waiting = new AbortController();
  #failed = false;

  /** Called by the browser. */
  override async connectedCallback(): Promise<void> {
    super.connectedCallback();
    if (this.#isForm) return;
    const { immediateGet } = await client().capabilities();
    // Where only one click will do and this browser has none, to ask is to be refused: the click will say so.
    if (immediateGet || !this.hasAttribute('one-click-only')) client().prepare();
  }

  /** Called by the browser. */
  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#waiting.abort();
  }

  /** As by a click on its button, with these options. Resolves to undefined while something else is under way here. */
  async signIn(options: SignInOptions = {}): Promise<SignInResult | undefined> {
    const result = await this.run('signIn', () => client().signIn(options));
    if (result === undefined || result.kind === 'busy') return result;
    if (result.kind === 'passkey') this.arrive(result);
    else if (this.#isForm) this.#waitInField();
    else this.#fail(result.kind === 'offline');
    return result;
  }

  get #isForm(): boolean {
    return this.hasAttribute('open') && !this.hasAttribute('one-click-only');
  }

  /** Shows the other ways; the form unless there was only no answer. */
  #fail(offline: boolean): void {
    this.#failed = true;
    if (offline) this.draw();
    else this.toggleAttribute('open', true);
    this.find('input')?.focus();
  }

  /** Draws the element as it should be now. */
  protected draw(): void {
    const other = make('slot', { name: 'other' });
    if (!this.#isForm) {
      const button = make('button', { type: 'button', part: 'button primary' }, this.word('signIn'));
      // Also for a button of the page's own, which is slotted here.
      const click = (event: Event) => (event.target as Element).closest('button') && this.signIn();
      this.show(make('slot', { click }, button), (this.#failed || this.hasAttribute('open')) && other);
      return;
    }
    const name = make('input', {
      id: 'name',
      part: 'input',
      name: 'username',
      autocomplete: 'username webauthn',
      autocapitalize: 'none',
      spellcheck: 'false',
      maxlength: '256',
    });
    const submit = (event: Event) => {
      event.preventDefault();
      const identifier = name.value.trim();
      this.signIn({ mode: 'modal', ...(identifier && { identifier }) });
    };
    const elsewhere = () => this.signIn({ authenticator: 'phone' });
    this.show(
      make(
        'form',
        { part: 'form', submit },
        make('div', { part: 'field' }, make('label', { for: 'name', part: 'label' }, this.word('name')), name),
        make('button', { part: 'button primary' }, this.word('usePasskey')),
        make('button', { type: 'button', part: 'button', click: elsewhere }, this.word('anotherDevice')),
      ),
      other,
    );
    this.#waitInField();
  }

  /** A sheet ends what waits in the field; whoever closes the sheet finds it waiting again. */
  async #waitInField(): Promise<void> {
    this.#waiting.abort();
    this.#waiting = new AbortController();
    const result = await client().autofill({
      onSignIn: (signedIn) => {
        this.tell('autofill', signedIn);
        this.arrive(signedIn);
      },
      onRefused: (refused) => this.tell('autofill', refused),
      signal: this.#waiting.signal,
    });
    if (['refused', 'offline', 'misuse'].includes(result.kind)) this.tell('autofill', result);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-sign-in': LatchkeySignIn;
  }
}
