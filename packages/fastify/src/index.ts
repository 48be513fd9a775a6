/**
 * Latchkey for Fastify 5: translates requests and answers, and decides nothing.
 * A plugin: `app.register(fastifyPasskeys(passkeys))`. It works in any scope, and needs no session library.
 *
 * @packageDocumentation
 */
import { Readable } from 'node:stream';
import {
  type Guarded,
  type HttpRequest,
  type HttpResponse,
  type PasskeySession,
  type Passkeys,
  routes,
  type SignInRule,
  type StepUpRule,
  type User,
} from '@latchkey/core';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import plugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** A `preHandler` that lets signed-in people pass, and puts their session at `request.passkeySession`. */
    requireSignIn(rule?: SignInRule): preHandlerAsyncHookHandler;
    /** A `preHandler` that lets people pass who confirmed with their passkey just now. */
    requireStepUp(rule: StepUpRule): preHandlerAsyncHookHandler;
    /** A `preHandler` that puts the session at `request.passkeySession` where there is one, and refuses nobody. */
    readSession(): preHandlerAsyncHookHandler;
    /** Signs out, for a sign-out route of your own. Rejects when the store does not answer: then the person is still signed in. */
    signOut(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  }
  interface FastifyRequest {
    /** Who is signed in: behind `requireSignIn()`, `requireStepUp()` and, where somebody is, `readSession()`. Elsewhere it is null. */
    passkeySession: PasskeySession;
  }
}

/** The options of {@link fastifyPasskeys}. */
export interface FastifyPasskeysOptions {
  /** Where the routes are, below the scope that registers them. Default `/passkeys`. */
  readonly prefix?: string;
}

/** The documents that `wellKnown` may have; the ones it has not are the application's, or 404. */
const WELL_KNOWN = [
  '/.well-known/webauthn',
  '/.well-known/passkey-endpoints',
  '/.well-known/assetlinks.json',
  '/.well-known/apple-app-site-association',
] as const;

/** A plugin to register. Registered in a scope with a prefix, it leaves out the documents under `/.well-known`. */
export interface FastifyPasskeys<U extends User = User> extends FastifyPluginAsync {
  /** Our documents under `/.well-known`, as a plugin to register at the root, where the routes are in a scope with a prefix. */
  readonly wellKnown: FastifyPluginAsync;
  /** The session that a guard put there, with the application's own type of an account. Throws where there is none. */
  passkeySession(request: FastifyRequest): PasskeySession<U>;
}

/** Passkeys as a Fastify plugin. */
export function fastifyPasskeys<U extends User>(
  passkeys: Passkeys<U, FastifyRequest, FastifyReply>,
  { prefix = '/passkeys' }: FastifyPasskeysOptions = {},
): FastifyPasskeys<U> {
  const guard =
    (
      check: (request: HttpRequest<FastifyRequest, FastifyReply>) => Promise<Guarded<U> | { session: null }>,
    ): preHandlerAsyncHookHandler =>
    async (request, reply) => {
      const guarded = await check(translate(request, reply, pathOf(request)));
      if ('response' in guarded) return send(reply, guarded.response);
      if (guarded.session) request.passkeySession = guarded.session;
    };

  const wellKnown: FastifyPluginAsync = async (app) => {
    for (const url of WELL_KNOWN) {
      app.all(url, async (request, reply) => {
        const response = passkeys.wellKnown(translate(request, reply, pathOf(request)));
        return response ? send(reply, response) : reply.callNotFound();
      });
    }
  };

  const mount: FastifyPluginAsync = async (app) => {
    app.decorateRequest('passkeySession', null as unknown as PasskeySession);
    app.decorate('requireSignIn', (rule?: SignInRule) => guard((request) => passkeys.requireSignIn(request, rule)));
    app.decorate('requireStepUp', (rule: StepUpRule) => guard((request) => passkeys.requireStepUp(request, rule)));
    app.decorate('readSession', () => guard((request) => passkeys.readSession(request)));
    app.decorate('signOut', async (request: FastifyRequest, reply: FastifyReply) => {
      const cookies = await passkeys.signOut(translate(request, reply, pathOf(request)));
      if (cookies.length > 0) reply.header('set-cookie', [...cookies]);
    });

    await app.register(
      async (scope) => {
        // By the path as it came: Fastify's own matching may forgive case and slashes. A prefix may hold parameters.
        const depth = scope.prefix.split('/').filter((segment) => segment !== '').length;
        const answer = async (request: FastifyRequest, reply: FastifyReply) => {
          const path = `/${pathOf(request)
            .split('/')
            .slice(depth + 1)
            .join('/')}`;
          return send(reply, await passkeys.handle(translate(request, reply, path)));
        };
        // Bodies are core's to read, and schemas are for documents: one order of refusals on every framework.
        scope.removeAllContentTypeParsers();
        scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
        scope.setValidatorCompiler(() => () => true);
        for (const { method, path, body } of routes) {
          scope.route({
            method,
            url: path,
            handler: answer,
            exposeHeadRoute: false,
            schema: { ...(body && { body }) },
          });
        }
        scope.all('/', answer);
        scope.all('/*', answer);
      },
      { prefix },
    );
    if (app.prefix === '') await app.register(wellKnown);
  };

  return Object.assign(plugin(mount, { fastify: '5.x', name: '@latchkey/fastify' }), {
    wellKnown,
    passkeySession(request: FastifyRequest): PasskeySession<U> {
      if (request.passkeySession) return request.passkeySession as PasskeySession<U>;
      throw new Error('There is no passkey session: put requireSignIn() or requireStepUp() in front of this route.');
    },
  });
}

function pathOf(request: FastifyRequest): string {
  return request.raw.url?.split('?', 1)[0] ?? '/';
}

function translate(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
): HttpRequest<FastifyRequest, FastifyReply> {
  const { body } = request;
  return {
    method: request.method,
    path,
    url: request.originalUrl,
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    // A preParsing hook may have put another stream in the place of the request's own.
    body: body === undefined ? { stream: request.raw } : body instanceof Readable ? { stream: body } : { parsed: body },
    address: request.ip ?? null,
    framework: 'fastify@5',
    native: request,
    nativeResponse: reply,
    // Without a logger of its own Fastify has one that says nothing: one and the same function for every level.
    logger: request.log.info === request.log.error ? undefined : request.log,
  };
}

function send(reply: FastifyReply, { status, headers, cookies, body }: HttpResponse): FastifyReply {
  // Something else has answered meanwhile: a time-out, say.
  if (reply.sent) return reply;
  reply.code(status).headers(headers);
  // Fastify appends to the cookies of others.
  if (cookies.length > 0) reply.header('set-cookie', [...cookies]);
  // It is JSON already. Without a serializer Fastify would add a charset to its type; bytes would be a packet of their own.
  return reply.serializer(String).send(body ?? undefined);
}
