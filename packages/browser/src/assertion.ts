// Asking the browser for a passkey and signing in with it: what one click and autofill have in common.
// https://www.w3.org/TR/webauthn-3/#sctn-getAssertion

import { verify } from './ceremony.ts';
import type { CredentialJSON } from './credential.ts';
import { requestOptions } from './options.ts';
import type { Server } from './prepared.ts';
import type { Misuse, Offline, Refused, SignedIn, SignIn } from './result.ts';
import type { ClientReport, Issued } from './server.ts';

/** Newer than the DOM library: https://github.com/w3c/webauthn/pull/2291 */
interface RequestOptions extends CredentialRequestOptions {
  /** Left out unless it is "immediate": Chromium throws on any other value. Goes with no `signal`. */
  uiMode?: 'immediate';
  password?: boolean;
}

export function getPasskey(issued: Issued, how: RequestOptions): Promise<unknown> {
  const options: RequestOptions = { ...how, publicKey: requestOptions(issued) };
  return navigator.credentials.get(options);
}

export async function verifySignIn(
  server: Server,
  issued: Issued,
  credential: CredentialJSON,
  client: ClientReport,
): Promise<SignedIn | Refused | Offline | Misuse> {
  const answer = await verify<SignIn>(server, 'authentication', issued, credential, client, 'user');
  return answer.kind === 'done' ? { ...answer, kind: 'passkey', mode: issued.mode } : answer;
}
