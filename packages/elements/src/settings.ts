// What is said once for all elements of a page: where the routes are, and words of the application's own.

import { createPasskeyClient, type PasskeyClient, type PasskeyClientOptions } from '@latchkey/browser';
import { en } from './words/en.ts';
import type { WordKey, Words } from './words/keys.ts';

/** The options of {@link configure}: those of the client, and words. */
export interface ElementsOptions extends PasskeyClientOptions {
  /** Words and sentences of the application's own, whatever the language. `{}` is the place of a name, a date or a number. */
  replace?: Partial<Words>;
  /** Languages by their code (ISO 639-1), besides those that are there. What one lacks is said in English. */
  languages?: { readonly [code: string]: Partial<Words> };
}

/** Each a language that is there. */
const languages = new Map<string, Partial<Words>>([['en', en]]);

let settings: ElementsOptions = {};
let made: PasskeyClient | undefined;
const shown = new Set<() => void>();

/** Sets up all elements of the page. Those that are there already are drawn again. */
export function configure(options: ElementsOptions): void {
  settings = options;
  made = undefined;
  addLanguages(options.languages);
  for (const draw of shown) draw();
}

export function addLanguages(more: ElementsOptions['languages'] = {}): void {
  for (const [code, words] of Object.entries(more)) languages.set(code, words);
}

/** The client of all elements. */
export function client(): PasskeyClient {
  made ??= createPasskeyClient(settings);
  return made;
}

/** Has an element drawn again after each `configure`, for as long as it is in the page. */
export const drawn = {
  add: (draw: () => void) => shown.add(draw),
  remove: (draw: () => void) => shown.delete(draw),
};

/** A word in the language of this tag (`de-AT`), English where we do not have it. */
export function wordIn(language: string, key: WordKey): string {
  const code = language.toLowerCase().split('-')[0]!;
  return settings.replace?.[key] ?? languages.get(code)?.[key] ?? en[key];
}

/** What a result means for a person; undefined where there is nothing to be told. */
export function sentenceIn(language: string, { kind, code }: { kind: string; code?: string }): string | undefined {
  const isKey = (key: string): key is WordKey => Object.hasOwn(en, key);
  if (kind === 'refused') return wordIn(language, code !== undefined && isKey(code) ? code : kind);
  return isKey(kind) ? wordIn(language, kind) : undefined;
}
