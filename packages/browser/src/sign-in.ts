// Signing in by one click: options prepared before the click or fetched on it, one sheet, verify.

import { getPasskey, verifySignIn } from './assertion.ts';
import { callBrowser, openSheet, run, runAlone } from './ceremony.ts';
import {
  type Answer,
  ended,
  type Misuse,
  type Offline,
  type PasswordCredential,
  type Refused,
  type SignInResult,
  type Unsupported,
} from './result.ts';
import type { ClientReport, Issued, Server } from './server.ts';
import { visibleFrom } from './waiting.ts';

export interface SignInOptions {
  /** Without it the server chooses: immediate where policy and browser allow it, else modal. */
  mode?: 'immediate' | 'modal';
  /** Modal only: whose passkeys, where the page has asked for a name first. */
  identifier?: string;
  /** Immediate only: the browser may offer the passwords that it has stored, too. */
  password?: boolean;
}

/** So many times prepared options are replaced unused: about eight minutes at the default life. */
const refreshes = 5;

export function signingIn(server: Server) {
  let prepared: Promise<Issued | Refused | Offline> | undefined;

  function keepPrepared(client: ClientReport, left: number): Promise<Issued | Refused | Offline> {
    const asked = server.options('authentication', { prefetch: true, client });
    prepared = asked;
    asked.then(async (answer) => {
      if (answer.kind === 'issued') await visibleFrom(answer.freshUntil);
      if (prepared !== asked) return;
      prepared = undefined;
      if (answer.kind === 'issued' && left) keepPrepared(client, left - 1);
    });
    return asked;
  }

  async function prepare(): Promise<Answer | Unsupported | Misuse> {
    return run(async ({ immediateGet }) => {
      const answer = await (prepared ?? keepPrepared({ immediateGet }, refreshes));
      return answer.kind === 'issued' ? { kind: 'done' } : answer;
    });
  }

  /** What was prepared, if it suits this click; it serves only one. */
  async function takePrepared({ mode, identifier }: SignInOptions): Promise<Issued | undefined> {
    const answer = await prepared;
    if (answer?.kind !== 'issued' || Date.now() > answer.freshUntil) return;
    if (identifier || (mode && mode !== answer.mode)) return;
    prepared = undefined;
    return answer;
  }

  async function signIn(options: SignInOptions = {}): Promise<SignInResult> {
    return runAlone(async ({ immediateGet }) => {
      const { mode, identifier, password } = options;
      if (mode === 'immediate' && !immediateGet) return { kind: 'unsupported' };

      const ready = await takePrepared(options);
      const issued = ready ?? (await server.options('authentication', { mode, identifier, client: { immediateGet } }));
      if (issued.kind !== 'issued') return issued;

      const { uiMode } = issued;
      const client: ClientReport = { uiMode: uiMode ?? 'none', immediateGet };
      if (ready) server.report(ready, { begun: true, client });

      const passwordToo = password && immediateGet && 'PasswordCredential' in globalThis && { password };
      const chosen = await callBrowser(server, issued, client, () => {
        if (issued.mode === 'conditional')
          throw new DOMException('Autofill is all that is allowed.', 'NotSupportedError');
        return openSheet(issued, (signal) => getPasskey(issued, uiMode ? { uiMode, ...passwordToo } : { signal }));
      });
      if (chosen instanceof Error) return ended(chosen);
      if (chosen.type === 'password') {
        server.report(issued, { ended: 'password', client });
        return { kind: 'password', credential: chosen as PasswordCredential };
      }
      return verifySignIn(server, issued, chosen, client);
    });
  }

  return { prepare, signIn };
}
