/** How each framework's application mounts Latchkey: the loop that every HTTP test runs over. No session library is needed. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import type { Passkeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Mount } from '@latchkey/testing';
import express, { type RequestHandler } from 'express';
import express4 from 'express4';
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify';
import Koa, { type Context, type Middleware } from 'koa';
import koaMount from 'koa-mount';
import Koa2 from 'koa2';
import { honoApplication } from './hono.ts';

type Application = (passkeys: Passkeys) => RequestListener | Promise<RequestListener>;

/** The application on a free port of the loopback; it is made once the origin is known. `base`: where it has the routes. */
export const served =
  (application: Application, base = '/passkeys'): Mount =>
  async (passkeys) => {
    // A test may compute for longer than the five seconds after which Node.js closes a connection that is to be used again.
    const server: Server = createServer({ keepAliveTimeout: 60_000 });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    server.on('request', await application(passkeys(origin)));
    return {
      origin,
      base,
      async close() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  };

type Express = typeof express;

const onExpress = (
  create: Express,
  parser?: RequestHandler,
  { place, base }: { place?: (app: ReturnType<Express>, routes: RequestHandler) => void; base?: string } = {},
) =>
  served((passkeys) => {
    const { routes, wellKnown, requireSignIn, requireStepUp, readSession, signOut } = expressPasskeys(passkeys);
    const app = create();
    if (parser) app.use(parser);
    if (place) place(app, routes());
    else app.use(routes());
    app.use(wellKnown());
    const show: RequestHandler = (req, res) => void res.json({ user: req.passkeySession?.user.id ?? null });
    app.all('/guarded', requireSignIn(), show);
    app.get('/enforced', requireSignIn({ enforced: true }), show);
    app.get('/page', requireSignIn({ redirectTo: '/sign-in' }), show);
    app.get('/recent', requireSignIn({ within: '1m' }), show);
    app.get('/transfer', requireStepUp({ within: '5m', action: 'transfer' }), show);
    app.all('/perhaps', readSession(), show);
    app.post('/sign-out', (req, res, next) => {
      signOut(req, res).then(() => res.status(204).end(), next);
    });
    return app;
  }, base);

/** Koa tells an application of a client that went away in the middle of its body, or whose body a parser refused. Nothing else may come. */
export function expectGone(error: NodeJS.ErrnoException & { readonly status?: number }): void {
  const refused = error.status !== undefined && error.status < 500;
  if (refused || ['ECONNRESET', 'ECONNABORTED', 'HPE_INVALID_EOF_STATE'].includes(error.code ?? '')) return;
  // Thrown here, it would leave the request without an answer.
  queueMicrotask(() => {
    throw error;
  });
}

/** A path and what stands at it, without a router. */
const at =
  (path: string, ...handlers: Middleware[]): Middleware =>
  (ctx, next) => {
    const step = (index: number): Promise<unknown> =>
      Promise.resolve(handlers[index]?.(ctx, async () => void (await step(index + 1))));
    return ctx.path === path ? step(0) : next();
  };

const onKoa = (
  create: typeof Koa,
  parser?: Middleware,
  { place, base }: { place?: (app: Koa, routes: Middleware) => void; base?: string } = {},
) =>
  served((passkeys) => {
    const { routes, wellKnown, requireSignIn, requireStepUp, readSession, signOut } = koaPasskeys(passkeys);
    const app = new create();
    app.on('error', expectGone);
    if (parser) app.use(parser);
    if (place) place(app, routes());
    else app.use(routes());
    app.use(wellKnown());
    const show: Middleware = (ctx) => {
      ctx.body = { user: (ctx as Context).state.passkeySession?.user.id ?? null };
    };
    app.use(at('/guarded', requireSignIn(), show));
    app.use(at('/enforced', requireSignIn({ enforced: true }), show));
    app.use(at('/page', requireSignIn({ redirectTo: '/sign-in' }), show));
    app.use(at('/recent', requireSignIn({ within: '1m' }), show));
    app.use(at('/transfer', requireStepUp({ within: '5m', action: 'transfer' }), show));
    app.use(at('/perhaps', readSession(), show));
    app.use(
      at('/sign-out', async (ctx) => {
        await signOut(ctx);
        ctx.status = 204;
      }),
    );
    return app.callback();
  }, base);

/** An application of Fastify's on a free port; `prepare` registers what it is to have. */
export const servedByFastify = (
  prepare: (app: FastifyInstance, passkeys: Passkeys) => Promise<void>,
  { base, ...options }: FastifyServerOptions & { base?: string } = {},
): Mount =>
  served(async (passkeys) => {
    let listener: RequestListener | undefined;
    const app: FastifyInstance = Fastify({
      ...options,
      serverFactory: (handler) => {
        listener = handler as unknown as RequestListener;
        return createServer();
      },
    });
    await prepare(app, passkeys);
    await app.ready();
    return listener!;
  }, base);

const onFastify = ({ scope, base }: { scope?: string; base?: string } = {}) =>
  servedByFastify(
    async (app, passkeys) => {
      const plugin = fastifyPasskeys(passkeys);
      let guards = app;
      if (scope === undefined) await app.register(plugin);
      else {
        await app.register(plugin.wellKnown);
        const inScope = async (inner: FastifyInstance) => {
          await inner.register(plugin);
          guards = inner;
        };
        await app.register(inScope, { prefix: scope });
      }
      const { requireSignIn, requireStepUp, readSession, signOut } = guards;
      const show = async (request: FastifyRequest) => ({ user: request.passkeySession?.user.id ?? null });
      app.all('/guarded', { preHandler: requireSignIn() }, show);
      app.get('/enforced', { preHandler: requireSignIn({ enforced: true }) }, show);
      app.get('/page', { preHandler: requireSignIn({ redirectTo: '/sign-in' }) }, show);
      app.get('/recent', { preHandler: requireSignIn({ within: '1m' }) }, show);
      app.get('/transfer', { preHandler: requireStepUp({ within: '5m', action: 'transfer' }) }, show);
      app.all('/perhaps', { preHandler: readSession() }, show);
      app.post('/sign-out', async (request, reply) => {
        await signOut(request, reply);
        return reply.code(204).send();
      });
    },
    { ...(base !== undefined && { base }) },
  );

const onHono = served((passkeys) => {
  const application = honoApplication(passkeys);
  return getRequestListener((request, env) =>
    application(request, (env as HttpBindings).incoming.socket.remoteAddress ?? null),
  );
});

/** One application of each framework, as guides mount it. */
export const mounts = {
  'Express 5': onExpress(express),
  'Koa 3': onKoa(Koa),
  'Fastify 5': onFastify(),
  'fetch, in Hono 4 on Node.js': onHono,
} as const satisfies Record<string, Mount>;

/** A router of the application at a path with a parameter. */
const inExpressRouter =
  (create: Express) =>
  (app: ReturnType<Express>, routes: RequestHandler): void => {
    const tenants = create.Router();
    tenants.use(routes);
    app.use('/t/:tenant', tenants);
  };

/** Older versions, body parsers in front, and every place where an application may mount the routes. */
export const variants = {
  'Express 5 behind express.json()': onExpress(express, express.json({ limit: '1mb', strict: false })),
  'Express 5, in a router with a parameter': onExpress(express, undefined, {
    place: inExpressRouter(express),
    base: '/t/acme/passkeys',
  }),
  'Express 5, in an application of its own, by the prefix': onExpress(express, undefined, {
    place(app, routes) {
      const inner = express();
      inner.use('/passkeys/', routes);
      app.use('/api', inner);
    },
    base: '/api/passkeys',
  }),
  'Express 4': onExpress(express4),
  'Express 4 behind express.json(), in a router with a parameter': onExpress(
    express4,
    express4.json({ limit: '1mb', strict: false }),
    { place: inExpressRouter(express4), base: '/t/acme/passkeys' },
  ),
  'Koa 3 behind @koa/bodyparser': onKoa(
    Koa,
    bodyParser({ jsonLimit: '1mb', jsonStrict: false, onProtoPoisoning: 'ignore' } as never) as unknown as Middleware,
  ),
  'Koa 3, in koa-mount': onKoa(Koa, undefined, {
    place: (app, routes) => app.use(koaMount('/api', routes)),
    base: '/api/passkeys',
  }),
  'Koa 3, in koa-mount by the prefix': onKoa(Koa, undefined, {
    place: (app, routes) => app.use(koaMount('/passkeys', routes)),
  }),
  'Koa 3, in a router with a parameter': onKoa(Koa, undefined, {
    place(app, routes) {
      const router = new Router({ prefix: '/t/:tenant' });
      router.all('/passkeys{/*path}', routes as never);
      app.use(router.routes() as unknown as Middleware);
    },
    base: '/t/acme/passkeys',
  }),
  'Koa 2': onKoa(Koa2),
  'Fastify 5, in a scope': onFastify({ scope: '/api', base: '/api/passkeys' }),
  'Fastify 5, in a scope with a parameter': onFastify({ scope: '/t/:tenant/', base: '/t/acme/passkeys' }),
} as const satisfies Record<string, Mount>;
