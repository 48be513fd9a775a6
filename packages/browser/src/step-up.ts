// Proving again who is signed in, before something that matters: always the full sheet, for that person's own passkeys.

import { getPasskey } from './assertion.ts';
import { callBrowser, openSheet, runAlone, verify } from './ceremony.ts';
import { readAssertion } from './credential.ts';
import type { Server } from './prepared.ts';
import { type ConfirmResult, ended, type StepUp, type StepUpResult } from './result.ts';
import type { ClientReport } from './server.ts';
import { signIn } from './sign-in.ts';

/** The options of `stepUp`. */
export interface StepUpOptions {
  /** What the step-up is for; it then serves nothing else. */
  action?: string;
}

/** The options of `confirm`. */
export interface ConfirmOptions extends StepUpOptions {
  /** Whose passkeys, when it comes to a sign-in: the name of the person that the application knows. */
  identifier?: string;
}

export function stepUp(server: Server, options: StepUpOptions = {}): Promise<StepUpResult> {
  return runAlone('get', async ({ immediateGet }): Promise<StepUpResult> => {
    const client: ClientReport = { uiMode: 'none', immediateGet };
    const issued = await server.options('step-up', options, { client: { immediateGet } });
    if (issued.kind !== 'issued') return issued;

    const open = () => openSheet(issued, (signal) => getPasskey(issued, { signal }));
    const picked = await callBrowser(server, issued, client, open, readAssertion);
    if ('failure' in picked) return ended(picked.failure);
    return verify<StepUp>(server, 'step-up', issued, picked.credential, client, 'steppedUpAt');
  });
}

/** Steps up where there is a session of Latchkey's, and signs in where there is none. */
export async function confirm(server: Server, options: ConfirmOptions = {}): Promise<ConfirmResult> {
  const result = await stepUp(server, options);
  const noSession = result.kind === 'refused' && result.code === 'sign_in_required';
  return noSession ? signIn(server, { mode: 'modal', ...options }) : result;
}
