// The elements as React 19 takes them: importing this names them, and JSX knows their attributes and events.

import type {
  LatchkeyActivity,
  LatchkeyEventMap,
  LatchkeyPasskeys,
  LatchkeySessions,
  LatchkeySignIn,
  LatchkeySignUp,
  LatchkeyStepUp,
} from '@latchkey/elements';
import type { DetailedHTMLProps, HTMLAttributes } from 'react';

export * from '@latchkey/elements';

/** React listens to the event `signedin` with the attribute `onsignedin`. */
type Listeners = {
  [Name in 'result' | 'signedin' | 'signedout' | 'confirmed' | 'changed' as `on${Name}`]?: (
    event: LatchkeyEventMap[Name],
  ) => void;
};

type Props<Element, Own = object> = DetailedHTMLProps<HTMLAttributes<Element>, Element> & Listeners & Own;

/** The attributes of each element in JSX. */
export interface LatchkeyJSX {
  'latchkey-sign-in': Props<LatchkeySignIn, { href?: string; open?: boolean; 'one-click-only'?: boolean }>;
  'latchkey-sign-up': Props<LatchkeySignUp, { href?: string; username?: string; 'ask-display-name'?: boolean }>;
  'latchkey-passkeys': Props<
    LatchkeyPasskeys,
    { href?: string; limit?: number; 'other-way-in'?: boolean; icons?: LatchkeyPasskeys['icons'] }
  >;
  'latchkey-sessions': Props<LatchkeySessions, { href?: string }>;
  'latchkey-activity': Props<LatchkeyActivity>;
  'latchkey-step-up': Props<LatchkeyStepUp, { action?: string; identifier?: string }>;
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements extends LatchkeyJSX {}
  }
}
