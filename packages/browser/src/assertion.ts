// Asking the browser for a passkey and signing in with it: what one click and autofill have in common.
// https://www.w3.org/TR/webauthn-3/#sctn-getAssertion

import { verify, withTimeLeft } from './ceremony.ts';
import type { Offline, Refused, SignedIn, SignIn } from './result.ts';
import type { ClientReport, Issued, Server } from './server.ts';

/** Newer than the DOM library: https://github.com/w3c/webauthn/pull/2291 */
interface RequestOptions extends CredentialRequestOptions {
  /** Left out unless it is "immediate": Chromium throws on any other value. Goes with no `signal`. */
  uiMode?: 'immediate';
  password?: boolean;
}

export function getPasskey(issued: Issued, how: RequestOptions): Promise<Credential | null> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(withTimeLeft(issued));
  const options: RequestOptions = { ...how, publicKey };
  return navigator.credentials.get(options);
}

export async function verifySignIn(
  server: Server,
  issued: Issued,
  credential: Credential,
  client: ClientReport,
): Promise<SignedIn | Refused | Offline> {
  const answer = await verify<SignIn>(server, 'authentication', issued, credential, client);
  return answer.kind === 'done' ? { ...answer, kind: 'passkey', mode: issued.mode } : answer;
}
