// Signing in: by one click, and in the autofill of a field where the page shows one.

import type { AutofillResult, PasskeyClientOptions, SignedIn, SignInOptions, SignInResult } from '@latchkey/browser';
import { useEffect, useRef, useState } from 'react';
import { useClient } from './use-client.ts';

/** The options of {@link useSignIn}: those of the client, and what to do then. */
export interface UseSignInOptions extends PasskeyClientOptions {
  /** Called when the person has signed in, by a click or in the field. */
  onSignIn?: (signedIn: SignedIn) => void;
  /** True while the page shows an `<input autocomplete="username webauthn">`: passkeys wait in it. */
  autofill?: boolean;
}

/** What {@link useSignIn} gives. */
export interface SigningIn {
  /** Signs in. To be called from a click. */
  signIn: (options?: SignInOptions) => Promise<SignInResult>;
  /** The browser or the server is being asked, because of a click. */
  pending: boolean;
  /** What the last one came to; undefined at first and while another is under way. */
  result: SignInResult | AutofillResult | undefined;
}

/** Prepares a sign-in when the component is shown, and makes it on a click. */
export function useSignIn({ onSignIn, autofill = false, ...options }: UseSignInOptions = {}): SigningIn {
  const client = useClient(options);
  const [pending, setPending] = useState(false);
  const [result, setResult] = useState<SigningIn['result']>();
  // A sheet ends what waits in the field: it waits again when the sheet came to nothing.
  const [round, setRound] = useState(0);
  const done = useRef(onSignIn);
  useEffect(() => {
    done.current = onSignIn;
  });

  useEffect(() => {
    if (!autofill) client.prepare();
  }, [client, autofill]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each round waits anew
  useEffect(() => {
    if (!autofill) return;
    const stop = new AbortController();
    const onSignIn = (signedIn: SignedIn) => {
      setResult(signedIn);
      done.current?.(signedIn);
    };
    client.autofill({ onSignIn, onRefused: setResult, signal: stop.signal }).then((ended) => {
      if (!stop.signal.aborted && ['refused', 'offline', 'misuse'].includes(ended.kind)) setResult(ended);
    });
    return () => stop.abort();
  }, [client, autofill, round]);

  return {
    pending,
    result,
    async signIn(how) {
      setPending(true);
      setResult(undefined);
      const result = await client.signIn(how);
      setPending(false);
      setResult(result);
      if (result.kind === 'passkey') done.current?.(result);
      else setRound((rounds) => rounds + 1);
      return result;
    },
  };
}
