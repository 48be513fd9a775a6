/** The first page: a server component that says who is signed in. */
import { passkeySession } from '../passkeys.ts';
import { Buttons } from './buttons.tsx';

export default async function Page() {
  const session = await passkeySession();
  return (
    <main>
      <h1>{session === null ? 'Nobody is signed in' : `Signed in as ${session.user.name}`}</h1>
      <Buttons />
    </main>
  );
}
