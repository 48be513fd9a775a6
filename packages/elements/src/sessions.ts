// <latchkey-sessions>: where a person is signed in, and how that ends.

import type { Session } from '@latchkey/browser';
import { deviceOf } from './device.ts';
import { make } from './dom.ts';
import { LatchkeyElement } from './element.ts';
import { item, list, momentIn } from './entries.ts';
import { client } from './settings.ts';

/**
 * Where the person is signed in: this browser first, then the one that was seen last.
 *
 * - `href`: where to go after signing out here.
 */
export class LatchkeySessions extends LatchkeyElement {
  #sessions: readonly Session[] | undefined;

  /** Called by the browser. */
  override connectedCallback(): void {
    super.connectedCallback();
    this.refresh();
  }

  /** Fetches the list and draws it. */
  async refresh(): Promise<void> {
    const answer = await client().sessions();
    if (answer.kind !== 'done') return this.tell('sessions', answer);
    this.#sessions = [...answer.sessions].sort((a, b) => Number(b.current) - Number(a.current) || b.seenAt - a.seenAt);
    this.draw();
  }

  /** Draws the element as it should be now. */
  protected draw(): void {
    const sessions = this.#sessions;
    if (sessions === undefined) return;
    this.show(
      list(this.word('sessions'), ...sessions.map((session) => this.#item(session))),
      sessions.length > 1 &&
        make('button', { type: 'button', part: 'button', click: () => this.#endOthers() }, this.word('endOthers')),
    );
  }

  #item({ id, userAgent, address, createdAt, seenAt, passkey, current }: Session): HTMLLIElement {
    const name = deviceOf(userAgent) ?? this.word('unknownBrowser');
    const at = (key: 'began' | 'seen', instant: number) =>
      this.word(key).replace('{}', momentIn(this.language, instant));
    return item({
      id,
      name,
      badges: [current && this.word('thisBrowser')],
      facts: [at('began', createdAt), !current && at('seen', seenAt), passkey.nickname, address],
      deeds: [
        current
          ? { name: 'end', word: this.word('signOut'), click: () => this.#signOut() }
          : { name: 'end', word: this.word('signOutThere'), click: () => this.#end(id, name) },
      ],
    });
  }

  async #signOut(): Promise<void> {
    const result = await this.run('signOut', () => client().signOut());
    if (result?.kind === 'done') this.leave();
  }

  async #end(id: string, name: string): Promise<void> {
    const result = await this.run('endSession', () => client().endSession(id));
    if (result?.kind === 'done') await this.#changed('endSession', 'ended', name);
  }

  async #endOthers(): Promise<void> {
    const result = await this.run('endOtherSessions', () => client().endOtherSessions());
    if (result?.kind === 'done') await this.#changed('endOtherSessions', 'onlyHere');
  }

  async #changed(action: 'endSession' | 'endOtherSessions', word: 'ended' | 'onlyHere', name = ''): Promise<void> {
    await this.refresh();
    this.say('done', this.word(word), name);
    this.emit('changed', { action });
    // The button that was pressed is gone with its session.
    this.find('ul')?.focus();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-sessions': LatchkeySessions;
  }
}
