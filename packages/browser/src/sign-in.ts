// Signing in by one click: options prepared before the click or fetched on it, one sheet, verify.

import { getPasskey, verifySignIn } from './assertion.ts';
import { callBrowser, openSheet, runAlone } from './ceremony.ts';
import { read, readAssertion } from './credential.ts';
import type { Server } from './prepared.ts';
import { ended, type PasswordCredential, type SignInResult } from './result.ts';
import type { ClientReport } from './server.ts';

/** Which authenticator the browser should begin with: a hint, which the person may override. */
export type Authenticator = 'this_device' | 'phone' | 'security_key';

/** The options of `signIn`. */
export interface SignInOptions {
  /** Without it the server chooses: immediate where policy and browser allow it, else modal. */
  mode?: 'immediate' | 'modal';
  /** Modal only: whose passkeys, where the page has asked for a name first. */
  identifier?: string;
  /** Opens the full sheet (`mode: 'modal'`), beginning with this kind. */
  authenticator?: Authenticator;
  /** Immediate only: the browser may offer the passwords that it has stored, too. */
  password?: boolean;
}

/** A kind of authenticator implies the sheet: Immediate UI mode knows this device only. */
export function modeOf({ mode, authenticator }: SignInOptions) {
  return mode ?? (authenticator && 'modal');
}

export function signIn(server: Server, options: SignInOptions = {}): Promise<SignInResult> {
  return runAlone('get', async ({ immediateGet }): Promise<SignInResult> => {
    const mode = modeOf(options);
    if (mode === 'immediate' && !immediateGet) return { kind: 'unsupported' };

    const issued = await server.options('authentication', options, { mode, client: { immediateGet } });
    if (issued.kind !== 'issued') return issued;

    const { uiMode } = issued;
    const client: ClientReport = { uiMode: uiMode ?? 'none', immediateGet };
    if (issued.prepared) server.report(issued, { begun: true, client });

    const passwordToo = options.password && immediateGet && 'PasswordCredential' in globalThis && { password: true };
    const open = async () => {
      if (issued.mode === 'conditional') throw new DOMException('', 'NotSupportedError');
      return openSheet(issued, (signal) => getPasskey(issued, uiMode ? { uiMode, ...passwordToo } : { signal }));
    };
    const readGiven = (given: unknown) =>
      passwordToo && read(given, 'type') === 'password'
        ? { password: given as PasswordCredential }
        : readAssertion(given);

    const chosen = await callBrowser(server, issued, client, open, readGiven);
    if ('failure' in chosen) return ended(chosen.failure);
    const { credential } = chosen;
    if (!('password' in credential)) return verifySignIn(server, issued, credential, client);
    server.report(issued, { ended: 'password', client });
    return { kind: 'password', credential: credential.password };
  });
}
