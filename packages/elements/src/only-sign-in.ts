// <latchkey-sign-in> alone, for a sign-in page that should load no more than it needs.

import { define } from './define.ts';
import { LatchkeySignIn } from './sign-in.ts';

export type { Child } from './dom.ts';
export {
  type Action,
  type ActionResult,
  ElementBase,
  LatchkeyElement,
  type LatchkeyEventMap,
  type MessageKind,
} from './element.ts';
export { configure, type ElementsOptions } from './settings.ts';
export type { WordKey, Words } from './words/keys.ts';
export { LatchkeySignIn };

define('latchkey-sign-in', LatchkeySignIn);
