export {};
// server.ts
import { fetchPasskeys } from '@latchkey/fetch';
import { passkeys } from './passkeys.ts';

/** What Bun hands over beside a request. On Deno it is `info.remoteAddr.hostname`, and as written here no address is recorded. */
interface Server {
  requestIP(request: Request): { address: string } | null;
}

const { fetch, wellKnown, requireSignIn } = fetchPasskeys(passkeys, {
  address: (request, server: Server | undefined) => server?.requestIP?.(request)?.address ?? null,
});

export default {
  port: 3000,
  async fetch(request: Request, server: Server): Promise<Response> {
    const answer = (await fetch(request, server)) ?? wellKnown(request);
    if (answer) return answer;
    if (new URL(request.url).pathname !== '/me') return new Response('Not found', { status: 404 });
    const session = await requireSignIn(request, {}, server);
    return session instanceof Response ? session : Response.json({ id: session.user.id });
  },
};