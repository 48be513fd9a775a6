// A list of what is the person's own: a name, facts about it, and what can be done with it.

import { type Child, make } from './dom.ts';

/** What can be done with an entry. `label` says with which one, for who does not see the list. */
export interface Deed {
  readonly name: string;
  readonly word: string;
  readonly danger?: boolean;
  /** It could not succeed: it is shown, and cannot be pressed. */
  readonly off?: boolean;
  readonly click: () => void;
}

export interface Entry {
  readonly id: string;
  readonly name: string;
  readonly icon?: string | undefined;
  readonly badges: readonly (string | false)[];
  readonly facts: readonly (string | null | false | undefined)[];
  readonly deeds: readonly Deed[];
}

export const list = (label: string, ...items: readonly Child[]) =>
  make('ul', { part: 'list', tabindex: '-1', 'aria-label': label, role: 'list' }, ...items);

export function item({ id, name, icon, badges, facts, deeds }: Entry): HTMLLIElement {
  return make(
    'li',
    { part: 'entry', 'data-id': id },
    make(
      'div',
      { part: 'about' },
      make(
        'p',
        { part: 'name' },
        icon !== undefined && make('img', { part: 'icon', src: icon, alt: '' }),
        make('bdi', {}, name),
        ...badges.flatMap((badge) => (badge ? [' ', make('span', { part: 'badge' }, badge)] : [])),
      ),
      make('p', { part: 'hint' }, facts.filter(Boolean).join(' · ')),
    ),
    make(
      'div',
      { part: 'actions' },
      ...deeds.map(({ name: deed, word, danger, off, click }) =>
        make(
          'button',
          {
            type: 'button',
            part: danger ? 'button danger' : 'button',
            'data-deed': deed,
            'aria-label': `${word}: ${name}`,
            disabled: off === true,
            click,
          },
          word,
        ),
      ),
    ),
  );
}

/** A moment as the person reads it. */
export const momentIn = (language: string, instant: number) =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(instant);
