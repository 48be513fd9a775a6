// What the elements say: words of their own, and what a result means, in the client's sentences.

/** The name of a word or a sentence. */
export type WordKey = keyof typeof import('./en.ts').en;

/** `{}` is the place of a name, a date or a number. */
export type Words = { readonly [key in WordKey]: string };
