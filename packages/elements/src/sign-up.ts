// <latchkey-sign-up>: a name, and a passkey for it. Whether the name is free is known only when the passkey is made.

import type { RegistrationResult } from '@latchkey/browser';
import { make } from './dom.ts';
import { LatchkeyElement } from './element.ts';
import { client, sentenceIn } from './settings.ts';

/**
 * Makes an account and its first passkey.
 *
 * - `href`: where to go then, unless the address of the page has `?returnTo=`.
 * - `ask-display-name`: asks what to call the person, too.
 * - `username`: what stands in the field at first.
 */
export class LatchkeySignUp extends LatchkeyElement {
  /** After a change of one of these it is drawn again. */
  static override readonly observedAttributes: readonly string[] = ['lang', 'ask-display-name'];

  readonly #name = make('input', {
    id: 'name',
    part: 'input',
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: 'false',
    maxlength: '256',
    'aria-describedby': 'fault',
    input: () => this.#complain(''),
  });
  readonly #displayName = make('input', { id: 'display-name', part: 'input', autocomplete: 'name', maxlength: '256' });
  readonly #fault = make('p', { id: 'fault', part: 'fault' });

  /** Called by the browser. */
  override connectedCallback(): void {
    this.#name.value ||= this.getAttribute('username') ?? '';
    super.connectedCallback();
  }

  /** As by its button. Resolves to undefined without a name, and while something else is under way here. */
  async signUp(): Promise<RegistrationResult | undefined> {
    const username = this.#name.value.trim();
    if (username === '') {
      this.say('note');
      this.#complain(this.word('nameMissing'));
      return undefined;
    }
    const displayName = this.#displayName.value.trim();
    const result = await this.run('signUp', () => client().signUp({ username, ...(displayName && { displayName }) }));
    if (result?.kind === 'done') this.arrive(result);
    if (result?.kind === 'refused' && result.code === 'username_unavailable') {
      this.say('note');
      this.#complain(sentenceIn(this.language, result) ?? '');
    }
    return result;
  }

  /** Draws the element as it should be now. */
  protected draw(): void {
    const submit = (event: Event) => {
      event.preventDefault();
      this.signUp();
    };
    this.show(
      make(
        'form',
        { part: 'form', novalidate: true, submit },
        make(
          'div',
          { part: 'field' },
          make('label', { for: 'name', part: 'label' }, this.word('name')),
          this.#name,
          this.#fault,
        ),
        this.hasAttribute('ask-display-name') &&
          make(
            'div',
            { part: 'field' },
            make('label', { for: 'display-name', part: 'label' }, this.word('displayName')),
            this.#displayName,
          ),
        make('button', { part: 'button primary' }, this.word('createPasskey')),
      ),
    );
  }

  #complain(words: string): void {
    this.#fault.textContent = words;
    this.#name.ariaInvalid = words === '' ? null : 'true';
    if (words !== '') this.#name.focus();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-sign-up': LatchkeySignUp;
  }
}
