/**
 * Latchkey for the App Router of Next.js: route handlers, the session in server components and actions, a guard for the proxy.
 * `@latchkey/fetch` translates; here is only what Next.js has otherwise than everything else that answers a `Request`.
 *
 * @packageDocumentation
 */
import type { PasskeySession, Passkeys, SignInRule, User } from '@latchkey/core';
import { type FetchPasskeys, type FetchPasskeysOptions, fetchPasskeys } from '@latchkey/fetch';
import { headers } from 'next/headers.js';

/** A route handler of Next.js. */
export type RouteHandler = (request: Request) => Promise<Response>;

/** What an application calls. Guards for route handlers are those of `@latchkey/fetch`. */
export interface NextPasskeys<U extends User = User>
  extends Pick<FetchPasskeys<U>, 'requireSignIn' | 'requireStepUp' | 'readSession' | 'signOut' | 'wellKnown'> {
  /** For `app/passkeys/[...path]/route.ts`: `export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = handlers`. */
  readonly handlers: Readonly<Record<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS', RouteHandler>>;
  /**
   * The session of who asks for a page or calls a server action; null for nobody, and where a page of another origin asks. Rejects
   * where the store does not tell: then the nearest `error.tsx` is shown.
   */
  passkeySession(): Promise<PasskeySession<U> | null>;
  /** For `proxy.ts` (`middleware.ts` before Next.js 16): lets pass who is signed in as the rule wants it, and answers all others. */
  guard(rule?: SignInRule): (request: Request) => Promise<Response | undefined>;
}

/** Passkeys for the App Router. Options as for `fetchPasskeys`. */
export function nextPasskeys<U extends User>(
  passkeys: Passkeys<U, Request, Headers>,
  options: FetchPasskeysOptions = {},
): NextPasskeys<U> {
  const { fetch, wellKnown, requireSignIn, requireStepUp, readSession, signOut } = fetchPasskeys(passkeys, options);

  // Below a folder of another name than the prefix nothing is ours.
  const handler: RouteHandler = async (request) => (await fetch(request)) ?? new Response(null, { status: 404 });

  return {
    wellKnown,
    requireSignIn,
    requireStepUp,
    readSession,
    signOut,
    // All methods that Next.js knows: what is not ours among them, core answers, as everywhere.
    handlers: {
      GET: handler,
      HEAD: handler,
      POST: handler,
      PUT: handler,
      PATCH: handler,
      DELETE: handler,
      OPTIONS: handler,
    },
    async passkeySession() {
      const session = await readSession(requestOf(await headers()));
      if (session instanceof Response) throw new Error(`The session could not be read: ${await session.text()}`);
      return session;
    },
    guard: (rule) => async (request) => {
      const session = await requireSignIn(request, rule);
      if (!(session instanceof Response)) return undefined;
      const location = session.headers.get('location');
      // Next.js takes no other address from its proxy than a whole one.
      if (location !== null) session.headers.set('location', new URL(location, request.url).href);
      return session;
    },
  };
}

/**
 * The request behind a server component or action, which are told its headers and nothing else. Browsers send `Origin` with all that
 * may change something: then core asks whose page it comes from, as it does at its own routes.
 */
function requestOf(incoming: Headers): Request {
  const method = incoming.has('origin') ? 'POST' : 'GET';
  return new Request(`http://${incoming.get('host') ?? 'localhost'}/`, { method, headers: new Headers(incoming) });
}
