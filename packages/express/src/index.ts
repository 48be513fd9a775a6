/**
 * Latchkey for Express 5 and 4: translates requests, answers and sessions, and decides nothing.
 * Works before or after `express.json()`; needs express-session, or anything shaped like it, in front of the routes.
 */
import type {
  Guarded,
  HttpRequest,
  HttpResponse,
  PasskeySession,
  Passkeys,
  SessionPort,
  SignedIn,
  SignInRule,
  StepUpRule,
} from '@latchkey/core';
import type { NextFunction, Request, RequestHandler, Response } from 'express';

declare global {
  namespace Express {
    interface Request {
      /** Who is signed in, behind `requireSignIn()` or `requireStepUp()`. */
      passkey?: PasskeySession;
    }
  }
}

/** Where a guard sends a person who does not meet it; without it the answer is problem+json. */
type Redirecting = { readonly redirectTo?: string };

export interface ExpressPasskeys {
  /** The routes: `app.use('/passkeys', router())`. */
  router(): RequestHandler;
  /** Our documents at the root: `app.use(wellKnown())`. Everything else goes on. */
  wellKnown(): RequestHandler;
  /** Lets signed-in people pass and puts them at `req.passkey`. */
  requireSignIn(rule?: SignInRule & Redirecting): RequestHandler;
  /** Lets people pass who confirmed with their passkey just now. */
  requireStepUp(rule: StepUpRule & Redirecting): RequestHandler;
}

export function expressPasskeys(passkeys: Passkeys): ExpressPasskeys {
  const guard =
    (check: (request: HttpRequest) => Promise<Guarded>): RequestHandler =>
    async (req, res, next) => {
      const guarded = await check(translate(req));
      if ('response' in guarded) return send(res, guarded.response);
      req.passkey = guarded.session;
      next();
    };

  return {
    router: () => async (req, res) => send(res, await passkeys.handle(translate(req))),
    wellKnown: () => (req: Request, res: Response, next: NextFunction) => {
      const response = passkeys.wellKnown(translate(req));
      if (response) send(res, response);
      else next();
    },
    requireSignIn: (rule) => guard((request) => passkeys.requireSignIn(request, rule)),
    requireStepUp: (rule) => guard((request) => passkeys.requireStepUp(request, rule)),
  };
}

function translate(req: Request): HttpRequest {
  return {
    method: req.method,
    path: req.path,
    header: (name) => {
      const value = req.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    // Express 4's parsers leave an empty object even where they read nothing.
    body: req.body !== undefined && req.readableDidRead ? { parsed: req.body } : { stream: req },
    address: req.ip ?? null,
    session: 'session' in req ? sessionOf(req) : null,
    framework: 'param' in req ? 'express@4' : 'express@5',
    native: req,
    // pino-http puts one there.
    logger: (req as { log?: HttpRequest['logger'] }).log,
  };
}

function send(res: Response, { status, headers, cookie, body }: HttpResponse): void {
  res.status(status);
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (cookie !== null) res.append('set-cookie', cookie);
  // Not res.send or res.json: they add an ETag and a charset of their own.
  res.end(body ?? undefined);
}

/** What we need of express-session. */
interface ExpressSession extends Record<string, unknown> {
  regenerate(done: (error: unknown) => void): void;
  save(done: (error: unknown) => void): void;
  destroy(done: (error: unknown) => void): void;
}

/** Where express-session's data keeps ours. */
const KEY = 'latchkey';

/** express-session behind the port: a promise where it has callbacks, and nothing of its own. */
function sessionOf(holder: { session?: unknown }): SessionPort {
  const session = () => holder.session as ExpressSession;
  const settled = (verb: (done: (error: unknown) => void) => void) =>
    new Promise<void>((resolve, reject) => verb((error) => (error ? reject(error) : resolve())));
  return {
    // After a destroy there is no session object any more.
    read: () => session()?.[KEY] as SignedIn | undefined,
    rotate: async (keep) => {
      const { cookie: _, ...kept } = session();
      await settled((done) => session().regenerate(done));
      if (keep) Object.assign(session(), kept);
    },
    write: async (signedIn) => {
      session()[KEY] = signedIn;
      await settled((done) => session().save(done));
    },
    clear: async () => {
      if (session()) await settled((done) => session().destroy(done));
    },
  };
}
