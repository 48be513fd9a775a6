// What a page says to the person in front of it: one sentence for each result and each refusal that a person can do something
// about. An entry of its own (`@latchkey/browser/sentences`), so that a sign-in page need not load it.

import { de } from './sentences/de.ts';
import { en } from './sentences/en.ts';
import { es } from './sentences/es.ts';
import { fr } from './sentences/fr.ts';
import { ja } from './sentences/ja.ts';
import type { Sentences } from './sentences/keys.ts';

export { notForPeople, type SentenceKey, type Sentences } from './sentences/keys.ts';
/** One language each, for a page that loads no more than it needs. */
export { de, en, es, fr, ja };

/** By language (ISO 639-1): English, German, French, Spanish, Japanese. */
export const sentences = { en, de, fr, es, ja } as const satisfies { [language: string]: Sentences };

export interface SentenceOptions {
  /** A language tag such as `de` or `de-AT`. Default: the language of the page (`<html lang>`), else of the browser. English for one that is not there. */
  language?: string;
  /** Sentences of the application's own, in place of ours. */
  replace?: Partial<Sentences>;
}

/**
 * The sentence for a result of the client, or undefined where a person has nothing to be told: it worked, it gave way to
 * something else (`aborted`), or the page has a fault (`misuse`: its `message` is for the console).
 */
export function sentenceFor(
  result: { kind: string; code?: string },
  { language = document.documentElement.lang || navigator.language, replace }: SentenceOptions = {},
): string | undefined {
  const code = language.toLowerCase().split('-')[0]!;
  const ours: Sentences = Object.hasOwn(sentences, code) ? sentences[code as keyof typeof sentences] : en;
  const all = new Map<string, string>(Object.entries({ ...ours, ...replace }));
  return result.kind === 'refused' ? (all.get(result.code ?? '') ?? all.get('refused')) : all.get(result.kind);
}
