/** How each framework's application mounts Latchkey: the loop that every HTTP test runs over. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySecureSession from '@fastify/secure-session';
import fastifySession from '@fastify/session';
import { bodyParser } from '@koa/bodyparser';
import type { PasskeySession, Passkeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Mount } from '@latchkey/testing';
import express, { type RequestHandler } from 'express';
import session from 'express-session';
import express4 from 'express4';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import Koa, { type Context, type Middleware } from 'koa';
import koaSession from 'koa-session';
import Koa2 from 'koa2';

type Application = (passkeys: Passkeys) => RequestListener | Promise<RequestListener>;

/** The application on a free port of the loopback; it is made once the origin is known. */
export const served =
  (application: Application): Mount =>
  async (passkeys) => {
    const server: Server = createServer();
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    server.on('request', await application(passkeys(origin)));
    return {
      origin,
      async close() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  };

type Express = typeof express;

const onExpress = (create: Express, parser?: RequestHandler) =>
  served((passkeys) => {
    const { router, wellKnown, requireSignIn, requireStepUp } = expressPasskeys(passkeys);
    const app = create();
    app.use(session({ secret: 'for tests', resave: false, saveUninitialized: false }));
    if (parser) app.use(parser);
    app.use('/passkeys', router());
    app.use(wellKnown());
    const show: RequestHandler = (req, res) => void res.json({ user: req.passkey!.user.id });
    app.get('/guarded', requireSignIn(), show);
    app.get('/enforced', requireSignIn({ enforced: true }), show);
    app.get('/page', requireSignIn({ redirectTo: '/sign-in' }), show);
    app.get('/recent', requireSignIn({ within: '1m' }), show);
    app.get('/transfer', requireStepUp({ within: '5m', action: 'transfer' }), show);
    return app;
  });

/** Koa tells an application when a client went away in the middle of its body, or was refused by a parser. Nothing else may come. */
export function expectGone(error: NodeJS.ErrnoException & { readonly expose?: boolean }): void {
  if (!error.expose && !['ECONNRESET', 'ECONNABORTED', 'HPE_INVALID_EOF_STATE'].includes(error.code ?? '')) throw error;
}

/** koa-session needs a store, or its sessions cannot be ended. */
function sessionsInMemory() {
  const sessions = new Map<string, unknown>();
  return {
    get: async (key: string) => sessions.get(key),
    set: async (key: string, value: unknown) => void sessions.set(key, structuredClone(value)),
    destroy: async (key: string) => void sessions.delete(key),
  };
}

const onKoa = (create: typeof Koa, parser?: Middleware) =>
  served((passkeys) => {
    const { routes, wellKnown, requireSignIn, requireStepUp } = koaPasskeys(passkeys);
    const app = new create();
    app.on('error', expectGone);
    app.keys = ['for tests'];
    app.use(koaSession({ store: sessionsInMemory() } as never, app as never));
    if (parser) app.use(parser);
    app.use(routes());
    app.use(wellKnown());
    const guarded =
      (path: string, guard: Middleware): Middleware =>
      (ctx, next) =>
        ctx.path === path
          ? guard(ctx, async () => {
              ctx.body = { user: (ctx as Context).state.passkey.user.id };
            })
          : next();
    app.use(guarded('/guarded', requireSignIn()));
    app.use(guarded('/enforced', requireSignIn({ enforced: true })));
    app.use(guarded('/page', requireSignIn({ redirectTo: '/sign-in' })));
    app.use(guarded('/recent', requireSignIn({ within: '1m' })));
    app.use(guarded('/transfer', requireStepUp({ within: '5m', action: 'transfer' })));
    return app.callback();
  });

const onFastify = (sessions: (app: FastifyInstance) => Promise<unknown>) =>
  served(async (passkeys) => {
    let listener: RequestListener | undefined;
    const app = Fastify({
      serverFactory: (handler) => {
        listener = handler as unknown as RequestListener;
        return createServer();
      },
    });
    await sessions(app);
    await app.register(fastifyPasskeys, { passkeys });
    const show = async (request: FastifyRequest) => ({ user: (request.passkey as PasskeySession).user.id });
    app.get('/guarded', { preHandler: app.requireSignIn() }, show);
    app.get('/enforced', { preHandler: app.requireSignIn({ enforced: true }) }, show);
    app.get('/page', { preHandler: app.requireSignIn({ redirectTo: '/sign-in' }) }, show);
    app.get('/recent', { preHandler: app.requireSignIn({ within: '1m' }) }, show);
    app.get('/transfer', { preHandler: app.requireStepUp({ within: '5m', action: 'transfer' }) }, show);
    await app.ready();
    return listener!;
  });

const storedSessions = async (app: FastifyInstance) => {
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    secret: 'for tests, and only for tests, truly',
    cookie: { secure: false },
    saveUninitialized: false,
  });
};

const sealedSessions = async (app: FastifyInstance) => {
  await app.register(fastifySecureSession, { key: Buffer.alloc(32, 7), cookie: { path: '/', secure: false } });
};

/** Every framework, with and without a body parser in front. */
export const mounts = {
  'Express 5': onExpress(express),
  'Express 5 behind express.json()': onExpress(express, express.json({ limit: '1mb', strict: false })),
  'Express 4': onExpress(express4),
  'Express 4 behind express.json()': onExpress(express4, express4.json({ limit: '1mb', strict: false })),
  'Koa 3': onKoa(Koa),
  'Koa 3 behind @koa/bodyparser': onKoa(
    Koa,
    bodyParser({ jsonLimit: '1mb', jsonStrict: false, onProtoPoisoning: 'ignore' } as never) as unknown as Middleware,
  ),
  'Koa 2': onKoa(Koa2),
  'Fastify 5': onFastify(storedSessions),
} as const satisfies Record<string, Mount>;

/** Sessions sealed in a cookie: everything holds but what needs a session that a server can end. */
export const unrevocable: Mount = onFastify(sealedSessions);
