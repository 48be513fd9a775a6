// What all elements have in common: a shadow with a body and a line that says what happened, one thing at a time, events.

import {
  type Answer,
  type AutofillResult,
  type ConfirmResult,
  type Done,
  type Registered,
  type RegistrationResult,
  returnTo,
  type SignedIn,
  type SignInResult,
} from '@latchkey/browser';
import { type Child, make, sentence } from './dom.ts';
import { client, drawn, sentenceIn, wordIn } from './settings.ts';
import { styleSheet } from './style.ts';
import type { WordKey } from './words/keys.ts';

/** What an element asked the client for. */
export type Action =
  | 'signIn'
  | 'autofill'
  | 'signUp'
  | 'confirm'
  | 'passkeys'
  | 'register'
  | 'rename'
  | 'setEnabled'
  | 'remove'
  | 'sessions'
  | 'endSession'
  | 'endOtherSessions'
  | 'activity'
  | 'signOut';

/** What an action came to. */
export type ActionResult = SignInResult | AutofillResult | RegistrationResult | ConfirmResult | Answer;

/** The events of the elements. All of them bubble, and are seen outside of a shadow that the application puts around. */
export interface LatchkeyEventMap extends HTMLElementEventMap {
  /** Every action, whatever it came to. */
  result: CustomEvent<{ action: Action; result: ActionResult }>;
  /** Somebody is signed in. After `preventDefault()` the element does not lead on by itself. */
  signedin: CustomEvent<SignedIn | Done<Registered>>;
  /** The session of this page has ended. After `preventDefault()` the element does not lead on by itself. */
  signedout: CustomEvent<null>;
  /** The person confirmed that it is them: by a step-up (`done`) or a sign-in (`passkey`). */
  confirmed: CustomEvent<Extract<ConfirmResult, { kind: 'done' | 'passkey' }>>;
  /** The person's passkeys or sessions are others now. */
  changed: CustomEvent<{ action: Action }>;
}

/** What a message is: done, for information, refused, or that something is under way. */
export type MessageKind = 'done' | 'note' | 'refused' | 'waiting';

const refusing = ['refused', 'offline', 'unreadable'];

/** `HTMLElement`; an empty class where there is no page, on a server that renders one: the modules can be loaded there all the same. */
export const ElementBase = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/** What every element of Latchkey is. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface types the events, and declares no property
export abstract class LatchkeyElement extends ElementBase {
  /** After a change of one of these it is drawn again. */
  static readonly observedAttributes: readonly string[] = ['lang'];

  readonly #body = make('div', { part: 'body' });
  readonly #status = make('p', { part: 'status', role: 'status' });
  readonly #redraw = () => this.draw();
  #busy = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [styleSheet()];
    root.append(this.#body, this.#status);
  }

  /** Called by the browser. */
  connectedCallback(): void {
    drawn.add(this.#redraw);
    this.draw();
  }

  /** Called by the browser. */
  disconnectedCallback(): void {
    drawn.remove(this.#redraw);
  }

  /** Called by the browser. */
  attributeChangedCallback(): void {
    if (this.isConnected) this.draw();
  }

  /** Draws the element as it should be now. */
  protected abstract draw(): void;

  /** The tag of the language around. */
  protected get language(): string {
    return this.closest<HTMLElement>('[lang]')?.lang || document.documentElement.lang || navigator.language;
  }

  /** A word in that language. */
  protected word(key: WordKey): string {
    return wordIn(this.language, key);
  }

  /** Puts this into the body, in place of what was there. */
  protected show(...children: readonly Child[]): void {
    this.#body.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
  }

  /** In the body. */
  protected find(selector: string): HTMLElement | null {
    return this.#body.querySelector<HTMLElement>(selector);
  }

  /** Says one thing in place of what was said before; nothing with an empty template. */
  protected say(kind: MessageKind, template = '', name = ''): void {
    this.#status.dataset.kind = kind;
    this.#status.replaceChildren(...(template === '' ? [] : sentence(template, name)));
  }

  /** Tells page and person what an action came to. What went well is said by whoever asked for it. */
  protected tell(action: Action, result: ActionResult): void {
    this.emit('result', { action, result });
    if (result.kind === 'misuse') console.error(`<${this.localName}> ${result.message}`);
    this.say(refusing.includes(result.kind) ? 'refused' : 'note', sentenceIn(this.language, result));
  }

  /** Does one thing at a time; undefined while another is under way. */
  protected async run<R extends ActionResult>(action: Action, work: () => Promise<R>): Promise<R | undefined> {
    if (this.#busy) return undefined;
    this.#busy = true;
    this.#body.ariaBusy = 'true';
    this.say('waiting', this.word('waiting'));
    const result = await work();
    this.#busy = false;
    this.#body.ariaBusy = null;
    this.tell(action, result);
    return result;
  }

  /** The same for what needs a recent sign-in: when that is too long ago, the person is asked to confirm, and it is done again. */
  protected runConfirmed<R extends ActionResult>(action: Action, work: () => Promise<R>) {
    return this.run<R | Exclude<ConfirmResult, { kind: 'done' | 'passkey' }>>(action, async () => {
      const result = await work();
      if (result.kind !== 'refused' || result.code !== 'step_up_required') return result;
      if (!(await this.ask('confirmTitle', [this.word('confirmTitle')], 'confirm', 'notNow')))
        return { kind: 'aborted' };
      const confirmed = await client().confirm();
      return confirmed.kind === 'done' || confirmed.kind === 'passkey' ? work() : confirmed;
    });
  }

  /** Asks yes or no in a dialog; no when it is closed. The browser puts the focus back. */
  protected ask(title: WordKey, text: readonly Child[], yes: WordKey, no: WordKey, danger = false): Promise<boolean> {
    const heading = make('h2', { id: 'title' }, this.word(title));
    const close = (answer: string) => () => dialog.close(answer);
    const dialog = make(
      'dialog',
      { part: 'dialog', 'aria-labelledby': 'title' },
      heading,
      make('p', {}, ...text),
      make(
        'div',
        { part: 'actions' },
        make(
          'button',
          { type: 'button', part: danger ? 'button danger' : 'button primary', click: close('yes') },
          this.word(yes),
        ),
        make('button', { type: 'button', part: 'button', click: close('') }, this.word(no)),
      ),
    );
    this.shadowRoot!.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener('close', () => {
        dialog.remove();
        resolve(dialog.returnValue === 'yes');
      });
    });
  }

  /** False when the page prevented what would come next. */
  protected emit<Name extends keyof LatchkeyEventMap>(
    name: Name,
    detail: LatchkeyEventMap[Name] extends CustomEvent<infer Detail> ? Detail : never,
  ): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** Leads on: to where the person wanted to go (after a sign-in), else to `href`, else nowhere, and says `template`. */
  protected leadOn(wanted: string | undefined, template: string, name = ''): void {
    const href = wanted ?? this.getAttribute('href');
    this.say('done', template, name);
    if (href === null) return;
    const { protocol } = new URL(href, location.href);
    if (/^https?:$/.test(protocol)) location.assign(href);
  }

  /** Somebody is signed in: the page is told, and led on. */
  protected arrive(signedIn: SignedIn | Done<Registered>): void {
    this.show();
    if (this.emit('signedin', signedIn)) this.leadOn(returnTo(), this.word('signedIn'), signedIn.user.displayName);
  }

  /** The session of this page has ended. */
  protected leave(): void {
    this.show();
    if (this.emit('signedout', null)) this.leadOn(undefined, this.word('signedOut'));
  }
}

// The typed events, as the DOM library types those of its own elements: no property is declared here.
/** What every element of Latchkey is. */
export interface LatchkeyElement {
  /** Listens to an event of the elements, or of any element. */
  addEventListener<Name extends keyof LatchkeyEventMap>(
    name: Name,
    listener: (this: this, event: LatchkeyEventMap[Name]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Listens to any other event. */
  addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}
