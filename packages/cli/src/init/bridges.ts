/**
 * For each session that a site with passwords may have: whom it names, and how it signs in and out, as docs/passwords.md says. What only
 * TypeScript has stands between « and ».
 */
import type { Session } from './application.ts';

interface Bridge {
  readonly imports?: string;
  /** The request as this session leaves it. */
  readonly type: string;
  /** `accountOf`, `logIn` and `logOut`. */
  readonly functions: string;
  /** The same in the site's own sign-out: it has this already. */
  readonly ownSignOut: string;
}

const KEY = '`userId` is the key that your sign-in writes.';

export const BRIDGES: Readonly<Record<Session, Bridge>> = {
  passport: {
    imports: `import { promisify } from 'node:util';`,
    type: `type Login = (account: unknown, options: { keepSessionInfo: boolean }, done: (error?: unknown) => void) => void;
type SiteRequest = Request & { user?: Account; login: Login; logout: (done: (error?: unknown) => void) => void };`,
    functions: `const accountOf = (req«: SiteRequest») => req.user;

async function logIn(req«: SiteRequest», account«: Account») {
  await promisify(req.login).call(req, account, { keepSessionInfo: true }); // keeps the cart
}

const logOut = (req«: SiteRequest») => promisify(req.logout).call(req);`,
    ownSignOut: 'req.logout(done)',
  },
  'express-session': {
    imports: `import { promisify } from 'node:util';`,
    type: `type Step = (done: (error?: unknown) => void) => void;
type SiteRequest = Request & { session: { userId?: Account['id']; regenerate: Step; save: Step; destroy: Step } };`,
    functions: `/** Yours: ${KEY} */
async function accountOf({ session }«: SiteRequest») {
  return session.userId === undefined ? undefined : accountById(String(session.userId));
}

/** A new session id; what should stay, a cart say, is copied over here. */
async function logIn(req«: SiteRequest», { id }«: Account») {
  await promisify(req.session.regenerate).call(req.session);
  req.session.userId = id;
  await promisify(req.session.save).call(req.session);
}

const logOut = (req«: SiteRequest») => promisify(req.session.destroy).call(req.session);`,
    ownSignOut: 'req.session.destroy(done)',
  },
  'koa-passport': {
    type: `type SiteContext = Context & {
  login: (account: unknown, options: { keepSessionInfo: boolean }) => Promise<void>;
  logout: () => Promise<void>;
  session: object | null;
};`,
    functions: `const accountOf = (ctx«: SiteContext») => ctx.state.user« as Account | undefined»;

async function logIn(ctx«: SiteContext», account«: Account») {
  await ctx.login(account, { keepSessionInfo: true }); // keeps the cart
}

async function logOut(ctx«: SiteContext») {
  await ctx.logout();
  ctx.session = null;
}`,
    ownSignOut: 'await ctx.logout(), then ctx.session = null',
  },
  'koa-session': {
    type: `type SiteContext = Context & { session: { userId?: Account['id']; regenerate: () => unknown } | null };`,
    functions: `/** Yours: ${KEY} */
async function accountOf({ session }«: SiteContext») {
  return session?.userId === undefined ? undefined : accountById(String(session.userId));
}

/** A new session id; what should stay, a cart say, is copied over here. */
async function logIn(ctx«: SiteContext», { id }«: Account») {
  await ctx.session«!».regenerate();
  ctx.session«!».userId = id;
}

async function logOut(ctx«: SiteContext») {
  ctx.session = null;
}`,
    ownSignOut: 'ctx.session = null',
  },
  '@fastify/session': {
    type: `type SiteRequest = FastifyRequest & {
  session: { userId?: Account['id']; regenerate: (keep: string[]) => Promise<void>; destroy: () => Promise<void> };
};`,
    functions: `/** Yours: ${KEY} */
async function accountOf({ session }«: SiteRequest») {
  return session.userId === undefined ? undefined : accountById(String(session.userId));
}

/** A new session id; what should stay is kept by name. */
async function logIn(request«: SiteRequest», { id }«: Account») {
  await request.session.regenerate(['cart', '_csrf']);
  request.session.userId = id;
}

const logOut = (request«: SiteRequest») => request.session.destroy();`,
    ownSignOut: 'await request.session.destroy()',
  },
  '@fastify/secure-session': {
    type: `type SiteRequest = FastifyRequest & {
  session: {
    get: (key: string) => Account['id'] | undefined;
    set: (key: string, id: Account['id']) => void;
    regenerate: (keep: string[]) => void;
    delete: () => void;
  };
};`,
    functions: `/** Yours: ${KEY} */
async function accountOf({ session }«: SiteRequest») {
  const userId = session.get('userId');
  return userId === undefined ? undefined : accountById(String(userId));
}

/** A new session; what should stay is kept by name. */
async function logIn(request«: SiteRequest», { id }«: Account») {
  request.session.regenerate(['cart', '_csrf']);
  request.session.set('userId', id);
}

async function logOut(request«: SiteRequest») {
  request.session.delete();
}`,
    ownSignOut: 'request.session.delete()',
  },
};
