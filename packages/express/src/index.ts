/**
 * Latchkey for Express 5 and 4: translates requests and answers, and decides nothing.
 * Works before or after `express.json()`, in any router, and needs no session library.
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
import type { Request, RequestHandler, Response } from 'express';

declare global {
  namespace Express {
    interface Request {
      /** Who is signed in: behind `requireSignIn()`, `requireStepUp()` and, where somebody is, `readSession()`. Elsewhere it is undefined. */
      passkeySession: PasskeySession;
    }
  }
}

/** The options of {@link expressPasskeys}. */
export interface ExpressPasskeysOptions {
  /** Where the routes are, below the router that mounts them. Default `/passkeys`. */
  readonly prefix?: string;
}

/** What an application mounts. */
export interface ExpressPasskeys<U extends User = User> {
  /** The routes below the prefix: `app.use(routes())`, or `app.use('/passkeys', routes())`. Every other path goes on. */
  routes(): RequestHandler;
  /** Our documents under `/.well-known`: `app.use(wellKnown())`, at the root. Every other path goes on. */
  wellKnown(): RequestHandler;
  /** Lets signed-in people pass, and puts their session at `req.passkeySession`. */
  requireSignIn(rule?: SignInRule): RequestHandler;
  /** Lets people pass who confirmed with their passkey just now. */
  requireStepUp(rule: StepUpRule): RequestHandler;
  /** Puts the session at `req.passkeySession` where there is one, and refuses nobody. */
  readSession(): RequestHandler;
  /** The session that a guard put there, with the application's own type of an account. Throws where there is none. */
  passkeySession(req: Request): PasskeySession<U>;
  /** Signs out, for a sign-out route of your own. Rejects when the store does not answer: then the person is still signed in. */
  signOut(req: Request, res: Response): Promise<void>;
}

/** Passkeys as Express middleware. */
export function expressPasskeys<U extends User>(
  passkeys: Passkeys<U, Request, Response>,
  { prefix = '/passkeys' }: ExpressPasskeysOptions = {},
): ExpressPasskeys<U> {
  const mount = prefix.replace(/\/+$/, '');

  /** Express 4 does not look at what a handler's promise becomes. */
  const handler =
    (work: (...args: Parameters<RequestHandler>) => Promise<void> | void): RequestHandler =>
    async (req, res, next) => {
      try {
        await work(req, res, next);
      } catch (thrown) {
        next(thrown);
      }
    };

  const guard = (check: (request: HttpRequest<Request, Response>) => Promise<Guarded<U> | { session: null }>) =>
    handler(async (req, res, next) => {
      const guarded = await check(translate(req, res, req.baseUrl + req.path));
      // Something else has answered meanwhile: a time-out, say.
      if (res.headersSent) return;
      if ('response' in guarded) return send(res, guarded.response);
      if (guarded.session) req.passkeySession = guarded.session;
      next();
    });

  return {
    routes: () =>
      handler(async (req, res, next) => {
        const path = pathBelow(mount, req);
        if (path === null) return next();
        send(res, await passkeys.handle(translate(req, res, path)));
      }),
    wellKnown: () =>
      handler((req, res, next) => {
        const response = passkeys.wellKnown(translate(req, res, req.path));
        if (response) send(res, response);
        else next();
      }),
    requireSignIn: (rule) => guard((request) => passkeys.requireSignIn(request, rule)),
    requireStepUp: (rule) => guard((request) => passkeys.requireStepUp(request, rule)),
    readSession: () => guard((request) => passkeys.readSession(request)),
    passkeySession(req) {
      if (req.passkeySession) return req.passkeySession as PasskeySession<U>;
      throw new Error('There is no passkey session: put requireSignIn() or requireStepUp() in front of this route.');
    },
    async signOut(req, res) {
      for (const cookie of await passkeys.signOut(translate(req, res, req.path))) res.append('set-cookie', cookie);
    },
  };
}

/** The path below the prefix, or null for a path that is not ours. A router may have taken the prefix off already. */
function pathBelow(mount: string, { path, baseUrl }: Request): string | null {
  if (mount !== '' && baseUrl.toLowerCase().endsWith(mount.toLowerCase())) return path;
  return path === mount || path.startsWith(`${mount}/`) ? path.slice(mount.length) || '/' : null;
}

function translate(req: Request, res: Response, path: string): HttpRequest<Request, Response> {
  return {
    method: req.method,
    path,
    url: req.originalUrl,
    header: (name) => {
      const value = req.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    // Express 4's parsers leave an empty object even where they read nothing.
    body: req.body !== undefined && req.readableDidRead ? { parsed: req.body } : { stream: req },
    address: req.ip ?? null,
    framework: 'param' in req ? 'express@4' : 'express@5',
    native: req,
    nativeResponse: res,
    // pino-http puts one there.
    logger: (req as { log?: HttpRequest['logger'] }).log,
  };
}

function send(res: Response, { status, headers, cookies, body }: HttpResponse): void {
  // Something else has answered meanwhile: a time-out, say.
  if (res.headersSent) return;
  res.status(status);
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  for (const cookie of cookies) res.append('set-cookie', cookie);
  // Not res.send or res.json: they add an ETag and a charset of their own.
  res.end(body ?? undefined);
}
