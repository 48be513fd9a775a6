export {};
import { passkeySession } from './passkeys.ts';

export async function greet(): Promise<string> {
  const session = await passkeySession();
  return session === null ? 'Nobody is signed in' : `Signed in as ${session.user.name}`;
}