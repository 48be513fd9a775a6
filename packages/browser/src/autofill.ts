// Passkeys in the autofill of an input field (autocomplete="username webauthn"): a get() that waits without a sheet until
// the person picks a passkey, renewed before its challenge expires, given up as soon as anything else is asked for.
// https://www.w3.org/TR/webauthn-3/#dom-credentialmediationrequirement-conditional

import { getPasskey, verifySignIn } from './assertion.ts';
import { supportsAutofill } from './capabilities.ts';
import { callBrowser, run } from './ceremony.ts';
import { readAssertion } from './credential.ts';
import { giveWay, page, takeOver } from './page.ts';
import type { Server } from './prepared.ts';
import { type Aborted, type AutofillResult, ended, misuse, type Refused, type SignedIn } from './result.ts';
import type { Asked, ClientReport, Issued } from './server.ts';
import { untilAborted, visibleFrom } from './waiting.ts';

/** The options of `autofill`. */
export interface AutofillOptions {
  /** Called once, when the person has signed in. */
  onSignIn: (signedIn: SignedIn) => void;
  /** Called when the server refused the passkey that was picked: the page should say so. Autofill goes on waiting. */
  onRefused?: (refused: Refused) => void;
  /** Stops autofill, when its field leaves the page. */
  signal?: AbortSignal;
}

/** So many refusals end it: a page that is left alone with a failing authenticator must not go round for ever. */
const refusals = 3;

/** After a renewal that got no answer, in milliseconds. */
const retryAfter = 10_000;

export async function autofill(server: Server, options: AutofillOptions): Promise<AutofillResult> {
  const result = await run('get', async ({ immediateGet }) => {
    if (typeof options?.onSignIn !== 'function') return misuse('autofill() needs onSignIn.');
    return (await supportsAutofill())
      ? waitForPasskey(server, immediateGet, options)
      : { kind: 'unsupported' as const };
  });
  if (result.kind === 'passkey') options.onSignIn(result);
  return result;
}

async function waitForPasskey(
  server: Server,
  immediateGet: boolean,
  options: AutofillOptions,
): Promise<AutofillResult> {
  if (page.busy) return { kind: 'busy' };
  if (options.signal?.aborted) return { kind: 'aborted' };
  let mine = takeOver();
  options.signal?.addEventListener('abort', () => page.waiting === mine && giveWay());

  const client: ClientReport = { uiMode: 'none', immediateGet };
  const ask = (): Promise<Asked> =>
    server.options('authentication', {}, { mode: 'conditional', prefetch: true, client: { immediateGet } });
  let next: Asked | Aborted = await ask();

  for (let left = refusals; ; ) {
    if (page.waiting !== mine) return { kind: 'aborted' };
    if (next.kind !== 'issued') return next;
    const issued = next;
    mine = takeOver();
    const { signal } = mine;
    const renewed = renew(issued, mine, ask);
    const wait = () => untilAborted(signal, () => getPasskey(issued, { mediation: 'conditional', signal }));
    const picked = await callBrowser(server, issued, client, wait, readAssertion, signal);

    if ('failure' in picked) {
      if (page.waiting !== mine) return { kind: 'aborted' };
      if (!signal.aborted) {
        giveWay();
        return ended(picked.failure);
      }
      next = await renewed;
    } else {
      mine.abort();
      const result = await verifySignIn(server, issued, picked.credential, client);
      left -= 1;
      if (result.kind !== 'refused' || !left) return result;
      options.onRefused?.(result);
      next = await ask();
    }
  }
}

/** Fetches new options when these grow old, and only then ends the get() that waits with them: there is no gap. */
async function renew(issued: Issued, waiting: AbortController, ask: () => Promise<Asked>): Promise<Asked | Aborted> {
  for (let at = issued.freshUntil; ; at = Date.now() + retryAfter) {
    await visibleFrom(at);
    if (waiting.signal.aborted) return { kind: 'aborted' };
    const next = await ask();
    if (next.kind === 'offline') continue;
    waiting.abort();
    return next;
  }
}
