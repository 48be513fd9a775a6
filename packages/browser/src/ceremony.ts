// What every ceremony shares: one at a time on a page, one browser call, then verify, or the report of how it ended.

import { isForbidden, type Support, support } from './capabilities.ts';
import type { CredentialJSON, UnreadableMember } from './credential.ts';
import { type Failure, failureOf, unreadableCredential } from './failure.ts';
import { giveWay, page } from './page.ts';
import type { Server } from './prepared.ts';
import { type Busy, type Misuse, misuse, type Unsupported } from './result.ts';
import type { ClientReport, Issued, Purpose } from './server.ts';
import { visibleFrom, within } from './waiting.ts';

/** The call of `navigator.credentials` that a ceremony makes. */
export type Method = 'get' | 'create';

/** Runs a ceremony where the browser can, and turns a fault in the page into a value. */
export async function run<T>(
  method: Method,
  ceremony: (can: Support) => Promise<T>,
): Promise<T | Unsupported | Misuse> {
  if (!isSecureContext) return misuse('No secure context: use https, or localhost.');
  try {
    const feature = `publickey-credentials-${method}`;
    if (isForbidden(feature)) {
      return misuse(`Permissions-Policy, of page or frame, forbids ${feature}.`);
    }
    const can = await support();
    return can.passkeys ? await ceremony(can) : { kind: 'unsupported' };
  } catch (error) {
    return misuse(String(error));
  }
}

/** Runs a ceremony that a person started. A second one meanwhile, by a double click, reaches neither server nor browser. */
export async function runAlone<T>(
  method: Method,
  ceremony: (can: Support) => Promise<T>,
): Promise<T | Unsupported | Misuse | Busy> {
  if (page.busy) return { kind: 'busy' };
  page.busy = true;
  const result = await run(method, ceremony);
  page.busy = false;
  return result;
}

/** How a call of the browser ended: with a credential, written as JSON, or without one. */
export type Outcome<T> = { credential: T } | { failure: Failure; given?: unknown };

/** For how long a page may run on that is being closed, in milliseconds. */
const CLOSING_MS = 100;

/** Calls the browser once. A failure has been reported, unless `untouched` says that nobody acted. */
export async function callBrowser<T extends object = CredentialJSON>(
  server: Server,
  issued: Issued<unknown>,
  client: ClientReport,
  call: () => Promise<unknown>,
  readGiven: (given: unknown) => T | UnreadableMember,
  untouched?: AbortSignal,
): Promise<Outcome<T>> {
  let failure: Failure;
  let given: unknown;
  try {
    given = await call();
    const credential = readGiven(given);
    if (!('unreadable' in credential)) return { credential };
    const name = given ? unreadableCredential : 'NotAllowedError';
    failure = failureOf(given, { name, message: credential.unreadable });
  } catch (thrown) {
    failure = failureOf(thrown);
    // Chromium says this of a page that is being closed as well. It is gone before it can say so: nobody answered.
    if (failure.name === 'NotSupportedError') await visibleFrom(Date.now() + CLOSING_MS);
  }
  if (!untouched?.aborted) server.report(issued, { errorName: failure.name, client });
  return { failure, given };
}

/** Opens the browser's sheet, after what waited without one has given way. */
export function openSheet(issued: Issued<unknown>, open: BrowserCall): Promise<unknown> {
  giveWay();
  return withDeadline(issued, open);
}

/** Ends soon after the browser's own time-out, or when `outer` aborts, whether or not the browser keeps to these. */
export function withDeadline(issued: Issued<unknown>, call: BrowserCall, outer?: AbortSignal): Promise<unknown> {
  return within(issued.endsAt - Date.now() + issued.grace, call, outer);
}

type BrowserCall = (signal: AbortSignal) => Promise<unknown>;

/** Has the server verify the credential. */
export function verify<Verified>(
  server: Server,
  purpose: Purpose,
  { attemptId }: Issued<unknown>,
  credential: CredentialJSON,
  client: ClientReport,
  expected: keyof Verified & string,
  more?: object,
) {
  return server.send<Verified>('POST', `/${purpose}/verify`, expected, { ...more, attemptId, credential, client });
}
