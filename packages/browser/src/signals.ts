// Tells password managers what the server knows, so that they stop offering what would fail. Best effort: nothing waits for
// it, and a browser that lacks it or has another request pending is no fault.
// https://www.w3.org/TR/webauthn-3/#sctn-signal-methods

/** As the server gives them: each exactly the argument of its call. */
export interface Signals {
  allAcceptedCredentials: AllAcceptedCredentialsOptions;
  currentUserDetails: CurrentUserDetailsOptions;
}

type Calls = 'signalAllAcceptedCredentials' | 'signalCurrentUserDetails' | 'signalUnknownCredential';
type SignalApi = Partial<Pick<typeof PublicKeyCredential, Calls>>;

/** After what shows the server's present state: a sign-in, a registration, a removal. */
export async function signalState({ allAcceptedCredentials, currentUserDetails }: Signals): Promise<void> {
  const api: SignalApi = PublicKeyCredential;
  try {
    await api.signalAllAcceptedCredentials?.(allAcceptedCredentials);
    await api.signalCurrentUserDetails?.(currentUserDetails);
  } catch {}
}

/** Only where the page knows that the server does not have this credential. A refused sign-in does not say so. */
export async function signalUnknown(rpId: string, credentialId: string): Promise<void> {
  const api: SignalApi = PublicKeyCredential;
  try {
    await api.signalUnknownCredential?.({ rpId, credentialId });
  } catch {}
}
