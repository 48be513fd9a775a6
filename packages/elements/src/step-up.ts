// <latchkey-step-up>: a person who is signed in proves it again, before something that matters.

import type { ConfirmResult } from '@latchkey/browser';
import { make } from './dom.ts';
import { LatchkeyElement } from './element.ts';
import { client } from './settings.ts';

/**
 * Has the person confirm that it is them.
 *
 * - `action`: what it is for; it then serves nothing else.
 * - `identifier`: whose passkeys, where only the application knows the person.
 *
 * A `<button>` inside is the button.
 */
export class LatchkeyStepUp extends LatchkeyElement {
  /** As by a click on its button. Resolves to undefined while something else is under way here. */
  async confirm(): Promise<ConfirmResult | undefined> {
    const action = this.getAttribute('action');
    const identifier = this.getAttribute('identifier');
    const result = await this.run('confirm', () =>
      client().confirm({ ...(action && { action }), ...(identifier && { identifier }) }),
    );
    if (result?.kind !== 'done' && result?.kind !== 'passkey') return result;
    this.say('done', this.word('confirmed'));
    this.emit('confirmed', result);
    return result;
  }

  /** Draws the element as it should be now. */
  protected draw(): void {
    const click = (event: Event) => (event.target as Element).closest('button') && this.confirm();
    this.show(
      make('slot', { click }, make('button', { type: 'button', part: 'button primary' }, this.word('confirm'))),
    );
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-step-up': LatchkeyStepUp;
  }
}
