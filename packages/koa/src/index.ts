/**
 * Latchkey for Koa 3 and 2: translates contexts, answers and sessions, and decides nothing.
 * Needs no router and no body parser, and works behind one; needs koa-session with a store of its own in front.
 */
import {
  ConfigurationError,
  type Guarded,
  type HttpRequest,
  type HttpResponse,
  type PasskeySession,
  type Passkeys,
  type SessionPort,
  type SignedIn,
  type SignInRule,
  type StepUpRule,
} from '@latchkey/core';
import type { Context, Middleware } from 'koa';

/** Where a guard sends a person who does not meet it; without it the answer is problem+json. */
type Redirecting = { readonly redirectTo?: string };

/** What guards put into `ctx.state`: `new Koa<PasskeyState>()`. */
export interface PasskeyState {
  passkey: PasskeySession;
}

export interface KoaPasskeys {
  /** The routes below `prefix` (default `/passkeys`); every other path goes on. */
  routes(prefix?: string): Middleware;
  /** Our documents under `/.well-known`; every other path goes on. */
  wellKnown(): Middleware;
  /** Lets signed-in people pass and puts them at `ctx.state.passkey`. */
  requireSignIn(rule?: SignInRule & Redirecting): Middleware;
  /** Lets people pass who confirmed with their passkey just now. */
  requireStepUp(rule: StepUpRule & Redirecting): Middleware;
}

export function koaPasskeys(passkeys: Passkeys): KoaPasskeys {
  const guard =
    (check: (request: HttpRequest) => Promise<Guarded>): Middleware =>
    async (ctx, next) => {
      const guarded = await check(translate(ctx, ctx.path));
      if ('response' in guarded) return send(ctx, guarded.response);
      ctx.state.passkey = guarded.session;
      await next();
    };

  return {
    routes:
      (prefix = '/passkeys') =>
      async (ctx, next) => {
        if (ctx.path !== prefix && !ctx.path.startsWith(`${prefix}/`)) return next();
        send(ctx, await passkeys.handle(translate(ctx, ctx.path.slice(prefix.length) || '/')));
      },
    wellKnown: () => async (ctx, next) => {
      const response = passkeys.wellKnown(translate(ctx, ctx.path));
      if (!response) return next();
      send(ctx, response);
    },
    requireSignIn: (rule) => guard((request) => passkeys.requireSignIn(request, rule)),
    requireStepUp: (rule) => guard((request) => passkeys.requireStepUp(request, rule)),
  };
}

function translate(ctx: Context, path: string): HttpRequest {
  const { body } = ctx.request as { body?: unknown };
  return {
    method: ctx.method,
    path,
    header: (name) => {
      const value = ctx.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: body !== undefined && ctx.req.readableDidRead ? { parsed: body } : { stream: ctx.req },
    address: ctx.ip || null,
    session: 'session' in ctx ? sessionOf(ctx as unknown as WithSession) : null,
    framework: 'koa',
    native: ctx,
    logger: (ctx as { log?: HttpRequest['logger'] }).log,
  };
}

/** The status last: setting a body sets one of Koa's own. */
function send(ctx: Context, { status, headers, cookie, body }: HttpResponse): void {
  ctx.body = body;
  for (const [name, value] of Object.entries(headers)) ctx.set(name, value);
  if (cookie !== null) ctx.append('set-cookie', cookie);
  ctx.status = status;
}

/** What we need of koa-session. */
interface KoaSession extends Record<string, unknown> {
  readonly externalKey?: string;
  readonly isNew: boolean;
  regenerate(): Promise<void>;
  save(): Promise<void>;
}

interface WithSession {
  session: KoaSession | Record<string, never> | null;
}

/** Where koa-session's data keeps ours. */
const KEY = 'latchkey';

/** koa-session behind the port. */
function sessionOf(ctx: WithSession): SessionPort {
  const session = () => ctx.session as KoaSession | null;
  // Kept in a cookie, a session outlives its sign-out in every copy of that cookie.
  if (session() && session()!.externalKey === undefined) {
    throw new ConfigurationError('koa-session', 'no store', 'Hand it a `store`, or sessions cannot be ended.');
  }
  return {
    read: () => session()?.[KEY] as SignedIn | undefined,
    rotate: async (keep) => {
      // An id made in this very request is nobody's yet. koa-session stores and signs what it regenerates.
      const isNew = session()?.isNew;
      if (!keep) ctx.session = {};
      if (!isNew) await session()!.regenerate();
    },
    write: async (signedIn) => {
      session()![KEY] = signedIn;
      await session()!.save();
    },
    // koa-session removes it before the answer is sent.
    clear: async () => {
      ctx.session = null;
    },
  };
}
