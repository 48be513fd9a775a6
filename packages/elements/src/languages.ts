// The languages that there are, for a page that has loaded `@latchkey/elements/sign-in`, which has English alone.

export { de } from './words/de.ts';
export { en } from './words/en.ts';
export { es } from './words/es.ts';
export { fr } from './words/fr.ts';
export { ja } from './words/ja.ts';
