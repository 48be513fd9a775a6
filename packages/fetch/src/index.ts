/**
 * Latchkey for what answers a `Request` with a `Response`: Hono, Bun, Deno, route handlers. Translates, and decides nothing.
 * Reads a request's body itself, and needs no session library.
 *
 * @packageDocumentation
 */
import type { HttpRequest, HttpResponse, PasskeySession, Passkeys, SignInRule, StepUpRule, User } from '@latchkey/core';

/** The options of {@link fetchPasskeys}. `Info`: what the application hands over beside a request. */
export interface FetchPasskeysOptions<Info = unknown> {
  /** Where the routes are: the start of a request's path. Default `/passkeys`. */
  readonly prefix?: string;
  /**
   * The client's address, which limits count and records name. `info` is what the application handed over beside the request.
   * Default: null, so that all clients share one limit. A header counts only where a proxy of yours sets it on every request.
   */
  address?(request: Request, info: Info | undefined): string | null;
}

/** What an application calls. `info` goes to `address`. Nothing here throws, but for `signOut`. */
export interface FetchPasskeys<U extends User = User, Info = unknown> {
  /** Answers a request below the prefix, whose body nobody has read yet. Every other path is undefined: the application's. */
  fetch(request: Request, info?: Info): Promise<Response | undefined>;
  /** Answers our documents under `/.well-known`, at the root. Every other path is undefined: the application's. */
  wellKnown(request: Request): Response | undefined;
  /** The session of who is signed in as the rule wants it; else the answer to send: `if (session instanceof Response) return session`. */
  requireSignIn(request: Request, rule?: SignInRule, info?: Info): Promise<PasskeySession<U> | Response>;
  /** The session of who confirmed with their passkey just now, as the rule wants it; else the answer to send. */
  requireStepUp(request: Request, rule: StepUpRule, info?: Info): Promise<PasskeySession<U> | Response>;
  /** The session, or null where there is none; the answer to send where the store does not tell. */
  readSession(request: Request, info?: Info): Promise<PasskeySession<U> | Response | null>;
  /**
   * Signs out, for a sign-out route of your own. Answers the headers to send: `new Response(null, { status: 204, headers })`.
   * Rejects when the store does not answer: then the person is still signed in.
   */
  signOut(request: Request, info?: Info): Promise<Headers>;
}

/** Passkeys as functions from `Request` to `Response`. `onSignIn` and `onSignOut` get the answer's `Headers` as `response`, to append cookies to. */
export function fetchPasskeys<U extends User, Info = unknown>(
  passkeys: Passkeys<U, Request, Headers>,
  { prefix = '/passkeys', address = () => null }: FetchPasskeysOptions<Info> = {},
): FetchPasskeys<U, Info> {
  const mount = prefix.replace(/\/+$/, '');

  const translate = (native: Request, info?: Info): HttpRequest<Request, Headers> => {
    const { pathname, search } = new URL(native.url);
    return {
      method: native.method,
      path: pathname,
      url: pathname + search,
      header: (name) => native.headers.get(name) ?? undefined,
      body: native.body === null ? { parsed: undefined } : { stream: native.body },
      address: address(native, info),
      framework: 'fetch',
      native,
      nativeResponse: new Headers(),
    };
  };

  /** Resolves to the session, or to the answer to give instead. */
  const guard = async <S>(
    request: HttpRequest<Request, Headers>,
    check: (request: HttpRequest<Request, Headers>) => Promise<{ session: S } | { response: HttpResponse }>,
  ): Promise<S | Response> => {
    const guarded = await check(request);
    return 'response' in guarded ? send(request, guarded.response) : guarded.session;
  };

  return {
    async fetch(native, info) {
      const request = translate(native, info);
      const { path } = request;
      if (path !== mount && !path.startsWith(`${mount}/`)) return undefined;
      return send(request, await passkeys.handle({ ...request, path: path.slice(mount.length) || '/' }));
    },
    wellKnown(native) {
      const request = translate(native);
      const response = passkeys.wellKnown(request);
      return response && send(request, response);
    },
    requireSignIn: (native, rule, info) =>
      guard(translate(native, info), (request) => passkeys.requireSignIn(request, rule)),
    requireStepUp: (native, rule, info) =>
      guard(translate(native, info), (request) => passkeys.requireStepUp(request, rule)),
    readSession: (native, info) => guard(translate(native, info), (request) => passkeys.readSession(request)),
    async signOut(native, info) {
      const request = translate(native, info);
      for (const cookie of await passkeys.signOut(request)) request.nativeResponse.append('set-cookie', cookie);
      return request.nativeResponse;
    },
  };
}

/** The answer, with what the application put into its headers. */
function send(
  { method, nativeResponse }: HttpRequest<Request, Headers>,
  { status, headers, cookies, body }: HttpResponse,
): Response {
  for (const [name, value] of Object.entries(headers)) nativeResponse.set(name, value);
  for (const cookie of cookies) nativeResponse.append('set-cookie', cookie);
  return new Response(method === 'HEAD' ? null : body, { status, headers: nativeResponse });
}
