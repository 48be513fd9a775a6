// What can be prepared before a click: for each ceremony, the request that it would make.

import { run } from './ceremony.ts';
import type { Server } from './prepared.ts';
import type { RegisterOptions, SignUpOptions } from './registration.ts';
import type { Answer, Unsupported } from './result.ts';
import { modeOf, type SignInOptions } from './sign-in.ts';
import type { StepUpOptions } from './step-up.ts';

/** The ceremony, `signIn` by default, and the arguments that its call will have: options serve no other. */
export type PrepareOptions =
  | ({ for?: 'signIn' } & Omit<SignInOptions, 'password'>)
  | ({ for: 'signUp' } & SignUpOptions)
  | ({ for: 'register' } & RegisterOptions)
  | ({ for: 'stepUp' } & StepUpOptions);

/** So many times sign-in options are replaced unused: about eight minutes at the default life. */
const renewals = 5;

export function prepare(server: Server, options: PrepareOptions = {}): Promise<Answer | Unsupported> {
  const making = options.for === 'signUp' || options.for === 'register';
  return run(making ? 'create' : 'get', async ({ immediateGet }): Promise<Answer> => {
    const client = { immediateGet };
    if (making) return server.prepare('registration', options, {});
    if (options.for === 'stepUp') return server.prepare('step-up', options, { client });
    return server.prepare('authentication', options, { mode: modeOf(options), prefetch: true, client }, renewals);
  });
}
