/** The application on Hono that the HTTP contract is run over: alone in its file, for runtimes that have no server of Node.js. */
import type { PasskeySession, Passkeys } from '@latchkey/core';
import { fetchPasskeys } from '@latchkey/fetch';
import { Hono, type Context as HonoContext } from 'hono';

/** The application for whatever hands over a `Request` and the client's address. */
export function honoApplication(passkeys: Passkeys) {
  type Env = { Bindings: { readonly address: string | null } };
  const { fetch, wellKnown, requireSignIn, requireStepUp, readSession, signOut } = fetchPasskeys(passkeys, {
    address: (_request, context: HonoContext<Env> | undefined) => context?.env.address ?? null,
  });
  const app = new Hono<Env>();
  type Guard = (request: Request, context: HonoContext<Env>) => Promise<PasskeySession | Response | null>;
  const show = (guard: Guard) => async (context: HonoContext<Env>) => {
    const session = await guard(context.req.raw, context);
    return session instanceof Response ? session : context.json({ user: session?.user.id ?? null });
  };
  app.use(async (context, next) => (await fetch(context.req.raw, context)) ?? wellKnown(context.req.raw) ?? next());
  app.all(
    '/guarded',
    show((request, info) => requireSignIn(request, {}, info)),
  );
  app.get(
    '/enforced',
    show((request, info) => requireSignIn(request, { enforced: true }, info)),
  );
  app.get(
    '/page',
    show((request, info) => requireSignIn(request, { redirectTo: '/sign-in' }, info)),
  );
  app.get(
    '/recent',
    show((request, info) => requireSignIn(request, { within: '1m' }, info)),
  );
  app.get(
    '/transfer',
    show((request, info) => requireStepUp(request, { within: '5m', action: 'transfer' }, info)),
  );
  app.all('/perhaps', show(readSession));
  app.post('/sign-out', async (context) => {
    const headers = await signOut(context.req.raw, context);
    return new Response(null, { status: 204, headers });
  });
  return (request: Request, address: string | null) => app.fetch(request, { address });
}
