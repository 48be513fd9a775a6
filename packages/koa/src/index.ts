/**
 * Latchkey for Koa 3 and 2: translates contexts and answers, and decides nothing.
 * Needs no router, no body parser and no session library, and works behind each of them.
 *
 * @packageDocumentation
 */
import type {
  Guarded,
  HttpRequest,
  HttpResponse,
  PasskeySession,
  Passkeys,
  SignInRule,
  StepUpRule,
  User,
} from '@latchkey/core';
import type { Context, Middleware } from 'koa';

/** What guards put into `ctx.state`: `new Koa<PasskeyState>()`. */
export interface PasskeyState<U extends User = User> {
  /** Who is signed in: behind `requireSignIn()`, `requireStepUp()` and, where somebody is, `readSession()`. Elsewhere it is undefined. */
  passkeySession: PasskeySession<U>;
}

/** The options of {@link koaPasskeys}. */
export interface KoaPasskeysOptions {
  /** Where the routes are, below what mounts them. Default `/passkeys`. */
  readonly prefix?: string;
}

/** What an application mounts. */
export interface KoaPasskeys<U extends User = User> {
  /** The routes below the prefix: `app.use(routes())`, also in a router or in koa-mount. Every other path goes on. */
  routes(): Middleware;
  /** Our documents under `/.well-known`: `app.use(wellKnown())`, at the root. Every other path goes on. */
  wellKnown(): Middleware;
  /** Lets signed-in people pass, and puts their session at `ctx.state.passkeySession`. */
  requireSignIn(rule?: SignInRule): Middleware;
  /** Lets people pass who confirmed with their passkey just now. */
  requireStepUp(rule: StepUpRule): Middleware;
  /** Puts the session at `ctx.state.passkeySession` where there is one, and refuses nobody. */
  readSession(): Middleware;
  /** The session that a guard put there, with the application's own type of an account. Throws where there is none. */
  passkeySession(ctx: Context): PasskeySession<U>;
  /** Signs out, for a sign-out route of your own. Rejects when the store does not answer: then the person is still signed in. */
  signOut(ctx: Context): Promise<void>;
}

/** Passkeys as Koa middleware. */
export function koaPasskeys<U extends User>(
  passkeys: Passkeys<U, Context, Context>,
  { prefix = '/passkeys' }: KoaPasskeysOptions = {},
): KoaPasskeys<U> {
  const mount = prefix.replace(/\/+$/, '');

  const guard =
    (check: (request: HttpRequest<Context, Context>) => Promise<Guarded<U> | { session: null }>): Middleware =>
    async (ctx, next) => {
      const guarded = await check(translate(ctx, ctx.path));
      // Something else has answered meanwhile: a time-out, say.
      if (ctx.headerSent) return;
      if ('response' in guarded) return send(ctx, guarded.response);
      if (guarded.session) ctx.state.passkeySession = guarded.session;
      await next();
    };

  return {
    routes: () => async (ctx, next) => {
      const path = pathBelow(mount, ctx);
      if (path === null) return next();
      send(ctx, await passkeys.handle(translate(ctx, path)));
    },
    wellKnown: () => async (ctx, next) => {
      const response = passkeys.wellKnown(translate(ctx, ctx.path));
      if (!response) return next();
      send(ctx, response);
    },
    requireSignIn: (rule) => guard((request) => passkeys.requireSignIn(request, rule)),
    requireStepUp: (rule) => guard((request) => passkeys.requireStepUp(request, rule)),
    readSession: () => guard((request) => passkeys.readSession(request)),
    passkeySession(ctx) {
      if (ctx.state.passkeySession) return ctx.state.passkeySession as PasskeySession<U>;
      throw new Error('There is no passkey session: put requireSignIn() or requireStepUp() in front of this route.');
    },
    async signOut(ctx) {
      for (const cookie of await passkeys.signOut(translate(ctx, ctx.path))) ctx.append('set-cookie', cookie);
    },
  };
}

/** What koa-mount and @koa/router leave in a context. */
interface Mounted {
  readonly mountPath?: string;
  readonly _matchedRoute?: unknown;
}

/** The path below the prefix, or null for a path that is not ours. */
function pathBelow(mount: string, ctx: Context & Mounted): string | null {
  const { path, mountPath = '' } = ctx;
  // koa-mount takes the prefix off the path.
  if (mount !== '' && mountPath.endsWith(mount)) return path;
  if (path === mount || path.startsWith(`${mount}/`)) return path.slice(mount.length) || '/';
  // A router leaves its own prefix on the path; that the rest is ours, its route has decided.
  const at = ctx._matchedRoute === undefined ? -1 : `${path}/`.lastIndexOf(`${mount}/`);
  return at === -1 ? null : path.slice(at + mount.length) || '/';
}

function translate(ctx: Context, path: string): HttpRequest<Context, Context> {
  const { body } = ctx.request as { body?: unknown };
  return {
    method: ctx.method,
    path,
    url: ctx.originalUrl,
    header: (name) => {
      const value = ctx.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: body !== undefined && ctx.req.readableDidRead ? { parsed: body } : { stream: ctx.req },
    address: ctx.ip || null,
    framework: 'koa',
    native: ctx,
    nativeResponse: ctx,
    logger: (ctx as { log?: HttpRequest['logger'] }).log,
  };
}

/** The status last: setting a body sets one of Koa's own. */
function send(ctx: Context, { status, headers, cookies, body }: HttpResponse): void {
  // Something else has answered meanwhile: a time-out, say.
  if (ctx.headerSent) return;
  ctx.body = body;
  for (const [name, value] of Object.entries(headers)) ctx.set(name, value);
  for (const cookie of cookies) ctx.append('set-cookie', cookie);
  ctx.status = status;
}
