// <latchkey-passkeys>: a person's own passkeys. Only what can succeed can be pressed.

import type { Answer, Passkey, RegistrationResult } from '@latchkey/browser';
import { make, sentence } from './dom.ts';
import { LatchkeyElement } from './element.ts';
import { item, list, momentIn } from './entries.ts';
import { client, sentenceIn } from './settings.ts';

/** The rest is behind "Show all". */
const shownAtFirst = 5;

/**
 * The person's own passkeys: add, rename, disable, remove.
 *
 * - `limit`: how many the server allows an account.
 * - `other-way-in`: the person can sign in without a passkey, so the last one may be removed.
 * - `href`: where to go when the passkey of this session was removed.
 */
export class LatchkeyPasskeys extends LatchkeyElement {
  /** After a change of one of these it is drawn again. */
  static override readonly observedAttributes: readonly string[] = ['lang', 'limit', 'other-way-in'];

  readonly #nickname = make('input', { id: 'nickname', part: 'input', autocomplete: 'off', maxlength: '100' });
  #icons: { readonly [provider: string]: string } = {};
  #passkeys: readonly Passkey[] | undefined;
  #all = false;
  #renaming: string | undefined;

  /** Called by the browser. */
  override connectedCallback(): void {
    super.connectedCallback();
    this.refresh();
  }

  /** The address of a picture for a provider's name, as in `passkey.provider`. */
  get icons(): { readonly [provider: string]: string } {
    return this.#icons;
  }

  set icons(icons: { readonly [provider: string]: string }) {
    this.#icons = icons;
    this.draw();
  }

  /** Fetches the list and draws it. */
  async refresh(): Promise<Answer<{ passkeys: Passkey[] }>> {
    const answer = await client().passkeys();
    if (answer.kind === 'done') {
      this.#passkeys = answer.passkeys;
      this.draw();
    } else this.tell('passkeys', answer);
    return answer;
  }

  /** As by its button. Resolves to undefined while something else is under way here. */
  async add(): Promise<RegistrationResult | undefined> {
    const nickname = this.#nickname.value.trim();
    const result = await this.runConfirmed('register', () => client().register(nickname ? { nickname } : {}));
    if (result?.kind !== 'done') return result as RegistrationResult | undefined;
    this.#nickname.value = '';
    await this.#changed('register', 'added', result.passkey.nickname);
    return result;
  }

  /** Draws the element as it should be now. */
  protected draw(): void {
    const passkeys = this.#passkeys;
    if (passkeys === undefined) return;
    const full = passkeys.length >= Number(this.getAttribute('limit') ?? Number.POSITIVE_INFINITY);
    const onlyOne = !this.hasAttribute('other-way-in') && passkeys.filter(({ enabled }) => enabled).length === 1;
    const shown = this.#all ? passkeys : passkeys.slice(0, shownAtFirst);
    const showAll = () => {
      this.#all = true;
      this.draw();
      this.find('ul')?.focus();
    };
    const submit = (event: Event) => {
      event.preventDefault();
      this.add();
    };
    const why = (code: string) =>
      make('p', { part: 'hint' }, sentenceIn(this.language, { kind: 'refused', code }) ?? '');
    this.show(
      list(
        this.word('passkeys'),
        ...shown.map((passkey) =>
          passkey.id === this.#renaming ? this.#renameForm(passkey) : this.#item(passkey, onlyOne),
        ),
      ),
      shown.length < passkeys.length &&
        make(
          'button',
          { type: 'button', part: 'button', click: showAll },
          this.word('showAll').replace('{}', String(passkeys.length)),
        ),
      onlyOne && why('last_passkey'),
      full
        ? why('passkey_limit_reached')
        : make(
            'form',
            { part: 'form', submit },
            make(
              'div',
              { part: 'field' },
              make('label', { for: 'nickname', part: 'label' }, this.word('nickname')),
              this.#nickname,
            ),
            make('button', { part: 'button add' }, this.word('add')),
          ),
    );
  }

  #item(passkey: Passkey, onlyOne: boolean): HTMLLIElement {
    const { id, nickname: name, provider, createdAt, lastUsedAt, enabled, backedUp, deviceBound, current } = passkey;
    const at = (key: 'made' | 'used', instant: number) =>
      this.word(key).replace('{}', momentIn(this.language, instant));
    const last = onlyOne && enabled;
    return item({
      id,
      name,
      icon: provider !== null && Object.hasOwn(this.#icons, provider) ? this.#icons[provider] : undefined,
      badges: [current && this.word('current'), !enabled && this.word('disabled')],
      facts: [
        provider !== name && provider,
        at('made', createdAt),
        lastUsedAt === null ? this.word('unused') : at('used', lastUsedAt),
        backedUp ? this.word('synced') : deviceBound && this.word('deviceBound'),
      ],
      deeds: [
        { name: 'rename', word: this.word('rename'), click: () => this.#startRenaming(id) },
        {
          name: 'switch',
          word: this.word(enabled ? 'disable' : 'enable'),
          off: last,
          click: () => this.#setEnabled(passkey),
        },
        { name: 'remove', word: this.word('remove'), danger: true, off: last, click: () => this.#remove(passkey) },
      ],
    });
  }

  #renameForm({ id, nickname }: Passkey): HTMLLIElement {
    const field = make('input', {
      part: 'input',
      autocomplete: 'off',
      maxlength: '100',
      'aria-label': this.word('name'),
    });
    field.value = nickname;
    const stop = () => this.#stopRenaming(id);
    const submit = async (event: Event) => {
      event.preventDefault();
      const wanted = field.value.trim();
      if (wanted === '' || wanted === nickname) return stop();
      const result = await this.run('rename', () => client().rename(id, wanted));
      if (result?.kind !== 'done') return;
      await this.#changed('rename', 'renamed', wanted);
      stop();
    };
    return make(
      'li',
      { part: 'entry', 'data-id': id },
      make(
        'form',
        { part: 'form', submit, keydown: (event) => (event as KeyboardEvent).key === 'Escape' && stop() },
        field,
        make(
          'div',
          { part: 'actions' },
          make('button', { part: 'button primary' }, this.word('save')),
          make('button', { type: 'button', part: 'button', click: stop }, this.word('cancel')),
        ),
      ),
    );
  }

  #startRenaming(id: string): void {
    this.say('note');
    this.#renaming = id;
    this.draw();
    (this.find('li input') as HTMLInputElement | null)?.select();
  }

  #stopRenaming(id: string): void {
    this.#renaming = undefined;
    this.draw();
    this.#focus(id, 'rename');
  }

  async #setEnabled({ id, nickname, enabled, current }: Passkey): Promise<void> {
    const result = await this.runConfirmed('setEnabled', () => client().setEnabled(id, !enabled));
    if (result?.kind !== 'done') return;
    // Disabling the passkey of this very session ended it.
    if (enabled && current) return this.leave();
    await this.#changed('setEnabled', enabled ? 'isDisabled' : 'isEnabled', nickname);
    this.#focus(id, 'switch');
  }

  async #remove({ id, nickname, current }: Passkey): Promise<void> {
    const text = [...sentence(this.word('removeText'), nickname), current && ` ${this.word('removeCurrent')}`];
    if (!(await this.ask('removeTitle', text, 'remove', 'keep', true))) return;
    const result = await this.runConfirmed('remove', () => client().remove(id));
    if (result?.kind !== 'done') return;
    if (current) return this.leave();
    await this.#changed('remove', 'removed', nickname);
    // The button that was pressed is gone with its passkey.
    this.find('ul')?.focus();
  }

  async #changed(
    action: 'register' | 'rename' | 'setEnabled' | 'remove',
    word: 'added' | 'renamed' | 'isDisabled' | 'isEnabled' | 'removed',
    name: string,
  ): Promise<void> {
    this.emit('changed', { action });
    const answer = await this.refresh();
    // The passkey that is gone had confirmed this session.
    if (answer.kind === 'refused' && answer.code === 'sign_in_required') this.leave();
    else this.say('done', this.word(word), name);
  }

  #focus(id: string, deed: string): void {
    this.find(`[data-id="${CSS.escape(id)}"] [data-deed="${deed}"]`)?.focus();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-passkeys': LatchkeyPasskeys;
  }
}
