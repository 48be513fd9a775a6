// What every ceremony shares: one at a time on a page, one browser call, then verify, or the report of how it ended.

import { type Capabilities, capabilities } from './capabilities.ts';
import { giveWay, page } from './page.ts';
import { type Busy, type Misuse, misuse, type Unsupported } from './result.ts';
import type { ClientReport, Issued, Purpose, Server } from './server.ts';
import { type Signals, signalState } from './signals.ts';
import { within } from './waiting.ts';

/** Runs a ceremony where the browser can, and turns a fault in the page into a value. */
export async function run<T>(ceremony: (can: Capabilities) => Promise<T>): Promise<T | Unsupported | Misuse> {
  if (!isSecureContext) return misuse('Passkeys need a secure context: https, or http on localhost.');
  try {
    const can = await capabilities();
    return can.passkeys ? await ceremony(can) : { kind: 'unsupported' };
  } catch (error) {
    return misuse(String(error));
  }
}

/** Runs a ceremony that a person started. A second one meanwhile, by a double click, reaches neither server nor browser. */
export async function runAlone<T>(
  ceremony: (can: Capabilities) => Promise<T>,
): Promise<T | Unsupported | Misuse | Busy> {
  if (page.busy) return { kind: 'busy' };
  page.busy = true;
  const result = await run(ceremony);
  page.busy = false;
  return result;
}

/** Calls the browser once. An error is a value here, and has been reported unless `untouched` says that nobody acted. */
export async function callBrowser(
  server: Server,
  issued: Issued<unknown>,
  client: ClientReport,
  call: () => Promise<Credential | null>,
  untouched?: AbortSignal,
): Promise<Credential | Error> {
  try {
    const credential = await call();
    if (credential) return credential;
    throw new DOMException('The browser gave no credential.', 'NotAllowedError');
  } catch (thrown) {
    const error = thrown as Error;
    if (!untouched?.aborted) server.report(issued, { errorName: error.name, client });
    return error;
  }
}

/** Opens the browser's sheet, after what waited without one has given way. */
export function openSheet(issued: Issued<unknown>, open: BrowserCall): Promise<Credential | null> {
  giveWay();
  return withDeadline(issued, open);
}

/** Ends soon after the browser's own time-out, whether or not the browser keeps to it. */
export function withDeadline(issued: Issued<unknown>, call: BrowserCall): Promise<Credential | null> {
  return within(issued.endsAt - Date.now() + issued.grace, call);
}

type BrowserCall = (deadline: AbortSignal) => Promise<Credential | null>;

/** `publicKey` with the time that is left: the browser's own time-out then comes before the challenge expires. */
export function withTimeLeft<PublicKey>({ publicKey, endsAt }: Issued<PublicKey>): PublicKey {
  return { ...publicKey, timeout: Math.max(1, endsAt - Date.now()) };
}

/** Has the server verify what the browser gave; a credential writes itself as JSON (toJSON). */
export async function verify<Verified>(
  server: Server,
  purpose: Purpose,
  { attemptId }: Issued<unknown>,
  credential: Credential,
  client: ClientReport,
) {
  const body = { attemptId, credential, client };
  const answer = await server.send<Verified & { signals?: Signals }>('POST', `/${purpose}/verify`, body);
  if (answer.kind === 'done' && answer.signals) signalState(answer.signals);
  return answer;
}
