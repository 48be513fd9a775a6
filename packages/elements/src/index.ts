// The elements, all of them: importing this names them, and everything public is here.

import { LatchkeyActivity } from './activity.ts';
import { define } from './define.ts';
import * as languages from './languages.ts';
import { LatchkeyPasskeys } from './passkeys.ts';
import { LatchkeySessions } from './sessions.ts';
import { addLanguages } from './settings.ts';
import { LatchkeySignIn } from './sign-in.ts';
import { LatchkeySignUp } from './sign-up.ts';
import { LatchkeyStepUp } from './step-up.ts';

export type { Child } from './dom.ts';
export {
  type Action,
  type ActionResult,
  ElementBase,
  LatchkeyElement,
  type LatchkeyEventMap,
  type MessageKind,
} from './element.ts';
export * from './languages.ts';
export { configure, type ElementsOptions } from './settings.ts';
export type { WordKey, Words } from './words/keys.ts';
export { LatchkeyActivity, LatchkeyPasskeys, LatchkeySessions, LatchkeySignIn, LatchkeySignUp, LatchkeyStepUp };

addLanguages(languages);
define('latchkey-sign-in', LatchkeySignIn);
define('latchkey-sign-up', LatchkeySignUp);
define('latchkey-passkeys', LatchkeyPasskeys);
define('latchkey-sessions', LatchkeySessions);
define('latchkey-activity', LatchkeyActivity);
define('latchkey-step-up', LatchkeyStepUp);
