// The languages besides English, for a page that has loaded `@latchkey/elements/sign-in` alone.

export { de } from './words/de.ts';
export { es } from './words/es.ts';
export { fr } from './words/fr.ts';
export { ja } from './words/ja.ts';
