/**
 * Applications with a session of their own beside ours: each framework's session library, a cart and a lifetime in it, and
 * the two bridges between the sessions that the guides show. `signIn` is what passport's `login()` does: a new id, then the user.
 */
import { promisify } from 'node:util';
import fastifyCookie from '@fastify/cookie';
import fastifySecureSession from '@fastify/secure-session';
import fastifySession from '@fastify/session';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Mount } from '@latchkey/testing';
import express, { type Request } from 'express';
import session from 'express-session';
import type Fastify from 'fastify';
import type { FastifyRequest } from 'fastify';
import Koa, { type Context } from 'koa';
import koaSession from 'koa-session';
import { served, servedByFastify } from './mounts.ts';

const SECRET = 'for tests, and only for tests, truly';

/** What a person who wants to be remembered gets from the application's own session. Milliseconds. */
export const REMEMBERED_MS = 30 * 86_400_000;

interface Cart {
  cart?: string[];
  userId?: string;
}

export interface OwnSession {
  /** The name of the library's cookie. */
  readonly cookie: string;
  /**
   * Beside the routes of every mount: `POST /cart` fills a cart and asks to be remembered, `GET /cart` answers
   * `{ cart, maxAge }`, `POST /password/:id` signs in at the application, `POST /bye` signs out there, `GET /who` answers `{ id }`.
   */
  readonly mount: Mount;
  /** Whom the application's own session names. */
  who(request: unknown): string | undefined;
  signIn(request: unknown, userId: string): Promise<void>;
  signOut(request: unknown): Promise<void>;
}

type ExpressSession = session.Session & Cart;
const ofExpress = (request: unknown) => (request as Request).session as ExpressSession;

const onExpress: OwnSession = {
  cookie: 'connect.sid',
  who: (request) => ofExpress(request)?.userId,
  async signIn(request, userId) {
    const before = ofExpress(request);
    const { cart } = before;
    const { maxAge } = before.cookie;
    await promisify(before.regenerate.bind(before))();
    const after = ofExpress(request);
    Object.assign(after, { cart, userId });
    if (maxAge !== undefined) after.cookie.maxAge = maxAge;
    await promisify(after.save.bind(after))();
  },
  async signOut(request) {
    delete ofExpress(request).userId;
  },
  mount: served((passkeys) => {
    const { routes, requireSignIn, requireStepUp } = expressPasskeys(passkeys);
    const app = express();
    app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
    app.use(routes());
    app.post('/cart', (req, res) => {
      ofExpress(req).cart = ['book'];
      req.session.cookie.maxAge = REMEMBERED_MS;
      res.json({});
    });
    app.get('/cart', (req, res) => {
      res.json({ cart: ofExpress(req).cart ?? [], maxAge: req.session.cookie.originalMaxAge });
    });
    app.post('/password/:id', (req, res, next) => {
      onExpress.signIn(req, req.params.id).then(() => res.json({}), next);
    });
    app.post('/bye', (req, res, next) => {
      onExpress.signOut(req).then(() => res.json({}), next);
    });
    app.get('/who', (req, res) => void res.json({ id: onExpress.who(req) ?? null }));
    app.get('/guarded', requireSignIn(), (req, res) => void res.json({ user: req.passkeySession.user.id }));
    app.get('/transfer', requireStepUp({ within: '5m', action: 'transfer' }), (_req, res) => void res.json({}));
    return app;
  }),
};

type KoaSession = Cart & { maxAge: number; regenerate(callback?: () => void): void };
const ofKoa = (context: unknown) => (context as Context).session as unknown as KoaSession;

const onKoa: OwnSession = {
  cookie: 'koa.sess',
  who: (context) => ofKoa(context)?.userId,
  async signIn(context, userId) {
    const { cart, maxAge } = ofKoa(context);
    ofKoa(context).regenerate();
    const after = Object.assign(ofKoa(context), { userId, ...(cart && { cart }) });
    if (maxAge === REMEMBERED_MS) after.maxAge = maxAge;
  },
  async signOut(context) {
    delete ofKoa(context).userId;
  },
  mount: served((passkeys) => {
    const { routes, requireSignIn, requireStepUp } = koaPasskeys(passkeys);
    const app = new Koa();
    app.keys = [SECRET];
    const kept = new Map<string, object>();
    const store = {
      get: async (key: string) => kept.get(key),
      set: async (key: string, value: object) => void kept.set(key, structuredClone(value)),
      destroy: async (key: string) => void kept.delete(key),
    };
    app.use(koaSession({ store }, app) as unknown as Koa.Middleware);
    app.use(routes());
    app.use(async (ctx, next) => {
      const [, first, id] = ctx.path.split('/');
      if (first === 'cart' && ctx.method === 'POST') {
        ofKoa(ctx).cart = ['book'];
        ofKoa(ctx).maxAge = REMEMBERED_MS;
        ctx.body = {};
      } else if (first === 'cart') ctx.body = { cart: ofKoa(ctx).cart ?? [], maxAge: ofKoa(ctx).maxAge };
      else if (first === 'password') {
        await onKoa.signIn(ctx, id!);
        ctx.body = {};
      } else if (first === 'bye') {
        await onKoa.signOut(ctx);
        ctx.body = {};
      } else if (first === 'who') ctx.body = { id: onKoa.who(ctx) ?? null };
      else await next();
    });
    const guards: Record<string, Koa.Middleware> = {
      '/guarded': requireSignIn(),
      '/transfer': requireStepUp({ within: '5m', action: 'transfer' }),
    };
    app.use(async (ctx, next) => guards[ctx.path]?.(ctx, next));
    app.use((ctx) => {
      ctx.body = { user: (ctx as Context).state.passkeySession?.user.id };
    });
    return app.callback();
  }),
};

/** What both of Fastify's libraries have in common. */
interface FastifySession {
  get(name: keyof Cart): never;
  set(name: keyof Cart, value: unknown): void;
  options(options: { maxAge: number }): void;
  regenerate(kept?: readonly string[]): Promise<void> | void;
}
const ofFastify = (request: unknown) => (request as FastifyRequest).session as unknown as FastifySession;

function onFastify(cookie: string, register: (app: ReturnType<typeof Fastify>) => Promise<void>): OwnSession {
  const own: OwnSession = {
    cookie,
    who: (request) => ofFastify(request)?.get('userId'),
    async signIn(request, userId) {
      await ofFastify(request).regenerate(['cart']);
      ofFastify(request).set('userId', userId);
    },
    async signOut(request) {
      ofFastify(request).set('userId', undefined);
    },
    mount: servedByFastify(async (app, passkeys) => {
      await register(app);
      await app.register(fastifyPasskeys(passkeys));
      app.post('/cart', async (request) => {
        ofFastify(request).set('cart', ['book']);
        ofFastify(request).options({ maxAge: cookie === 'session' ? REMEMBERED_MS / 1_000 : REMEMBERED_MS });
        return {};
      });
      app.get('/cart', async (request) => ({ cart: ofFastify(request).get('cart') ?? [] }));
      app.post<{ Params: { id: string } }>('/password/:id', async (request) => {
        await own.signIn(request, request.params.id);
        return {};
      });
      app.post('/bye', async (request) => {
        await own.signOut(request);
        return {};
      });
      app.get('/who', async (request) => ({ id: own.who(request) ?? null }));
      app.get('/guarded', { preHandler: app.requireSignIn() }, async (request) => ({
        user: request.passkeySession.user.id,
      }));
      app.get('/transfer', { preHandler: app.requireStepUp({ within: '5m', action: 'transfer' }) }, async () => ({}));
    }),
  };
  return own;
}

/** By the name of the library. */
export const ownSessions: Record<string, OwnSession> = {
  'express-session': onExpress,
  'koa-session': onKoa,
  '@fastify/session': onFastify('sessionId', async (app) => {
    await app.register(fastifyCookie);
    await app.register(fastifySession, { secret: SECRET, cookie: { secure: false }, saveUninitialized: false });
  }),
  '@fastify/secure-session': onFastify('session', async (app) => {
    await app.register(fastifySecureSession, { key: Buffer.alloc(32, 7), cookie: { path: '/' } });
  }),
};
