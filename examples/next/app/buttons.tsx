'use client';
/** The page's half: each click is one call of the browser; then the server components are asked again. */
import { createPasskeyClient } from '@latchkey/browser';
import { useRouter } from 'next/navigation';
import { useEffect, useState } from 'react';

const passkeys = createPasskeyClient();

export function Buttons() {
  const router = useRouter();
  const [username, setUsername] = useState('');
  const [kind, setKind] = useState('');
  useEffect(() => void passkeys.prepare(), []); // so that the click goes straight to the browser
  const run = (action: () => Promise<{ kind: string }>) => async () => {
    setKind((await action()).kind);
    router.refresh();
  };
  return (
    <>
      <input
        autoComplete="username webauthn"
        placeholder="Name"
        value={username}
        onChange={(event) => setUsername(event.target.value)}
      />
      <button type="button" onClick={run(() => passkeys.signUp({ username }))}>
        Sign up
      </button>
      <button type="button" onClick={run(() => passkeys.signIn())}>
        Sign in
      </button>
      <button type="button" onClick={run(() => passkeys.signOut())}>
        Sign out
      </button>
      <p role="status">{kind}</p>
    </>
  );
}
