/** A route handler of the application's, for people who are signed in. */
import { requireSignIn } from '../../passkeys.ts';

export async function GET(request: Request): Promise<Response> {
  const session = await requireSignIn(request);
  return session instanceof Response ? session : Response.json({ id: session.user.id, name: session.user.name });
}
