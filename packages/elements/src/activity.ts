// <latchkey-activity>: a person's own last sign-ins, in words.

import type { Activity } from '@latchkey/browser';
import { deviceOf } from './device.ts';
import { make } from './dom.ts';
import { LatchkeyElement } from './element.ts';
import { item, list, momentIn } from './entries.ts';
import { client } from './settings.ts';

/** The person's own last sign-ins, newest first: when, with which browser and passkey, and what it came to. */
export class LatchkeyActivity extends LatchkeyElement {
  #activity: readonly Activity[] | undefined;

  /** Called by the browser. */
  override connectedCallback(): void {
    super.connectedCallback();
    this.refresh();
  }

  /** Fetches the list and draws it. */
  async refresh(): Promise<void> {
    const answer = await client().activity();
    if (answer.kind !== 'done') return this.tell('activity', answer);
    this.#activity = answer.activity;
    this.draw();
  }

  /** Draws the element as it should be now. */
  protected draw(): void {
    const activity = this.#activity;
    if (activity === undefined) return;
    this.show(
      activity.length > 0
        ? list(this.word('activity'), ...activity.map((signIn) => this.#item(signIn)))
        : make('p', { part: 'hint' }, this.word('noActivity')),
    );
  }

  #item({ id, at, outcome, passkey, address, userAgent, current }: Activity): HTMLLIElement {
    const done = this.word(outcome === 'success' ? 'began' : 'notLetIn');
    return item({
      id,
      name: deviceOf(userAgent) ?? this.word('unknownBrowser'),
      badges: [current && this.word('current')],
      facts: [done.replace('{}', momentIn(this.language, at)), passkey?.nickname, address],
      deeds: [],
    });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-activity': LatchkeyActivity;
  }
}
