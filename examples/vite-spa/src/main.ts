/** The page: it asks the routes at its own origin, through Vite while you develop. */
import { createPasskeyClient } from '@latchkey/browser';
import { greet } from './greeting.ts';

const passkeys = createPasskeyClient();
const at = (id: string) => document.getElementById(id)!;
passkeys.prepare();

at('sign-up').onclick = async () => {
  const { value } = at('name') as HTMLInputElement;
  show(await passkeys.signUp({ username: value }));
};
at('sign-in').onclick = async () => show(await passkeys.signIn());
at('sign-out').onclick = async () => show(await passkeys.signOut());

async function show({ kind }: { kind: string }) {
  const answer = await fetch('/api/me');
  at('status').textContent = answer.ok ? `${kind}: ${(await answer.json()).name}` : `${kind}: nobody is signed in`;
}

greet(at('greeting'));
