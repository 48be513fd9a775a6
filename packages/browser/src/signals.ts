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

/** Does what nothing waits for, and what is no fault where it fails. */
export async function bestEffort(work: () => Promise<unknown> | undefined): Promise<void> {
  try {
    await work();
  } catch {}
}

/** After what shows the server's present state: a sign-in, a registration, a removal. */
export function signalState({ allAcceptedCredentials, currentUserDetails }: Signals): void {
  bestEffort(async () => {
    const api: SignalApi = PublicKeyCredential;
    await api.signalAllAcceptedCredentials?.(allAcceptedCredentials);
    await api.signalCurrentUserDetails?.(currentUserDetails);
  });
}

/** Only where the page knows that the server does not have this credential. A refused sign-in does not say so. */
export function signalUnknown(rpId: string, credentialId: string): void {
  bestEffort(() => (PublicKeyCredential as SignalApi).signalUnknownCredential?.({ rpId, credentialId }));
}
