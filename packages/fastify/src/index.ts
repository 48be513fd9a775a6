/**
 * Latchkey for Fastify 5: translates requests, answers and sessions, and decides nothing.
 * A plugin; needs @fastify/session in front (or @fastify/secure-session, whose sessions no server can end early).
 */
import {
  type Guarded,
  type HttpRequest,
  type HttpResponse,
  type PasskeySession,
  type Passkeys,
  routes,
  type SessionPort,
  type SignedIn,
  type SignInRule,
  type StepUpRule,
} from '@latchkey/core';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import plugin from 'fastify-plugin';

/** Where a guard sends a person who does not meet it; without it the answer is problem+json. */
type Redirecting = { readonly redirectTo?: string };

declare module 'fastify' {
  interface FastifyInstance {
    /** A `preHandler` that lets signed-in people pass and puts them at `request.passkey`. */
    requireSignIn(rule?: SignInRule & Redirecting): preHandlerAsyncHookHandler;
    /** A `preHandler` that lets people pass who confirmed with their passkey just now. */
    requireStepUp(rule: StepUpRule & Redirecting): preHandlerAsyncHookHandler;
  }
  interface FastifyRequest {
    /** Who is signed in, behind `requireSignIn()` or `requireStepUp()`; else null. */
    passkey: PasskeySession | null;
  }
}

export interface FastifyPasskeysOptions {
  readonly passkeys: Passkeys;
  /** Where the routes are mounted. Default `/passkeys`. */
  readonly prefix?: string;
}

const fastifyPasskeysPlugin: FastifyPluginAsync<FastifyPasskeysOptions> = async (
  app,
  { passkeys, prefix = '/passkeys' },
) => {
  const guard =
    (check: (request: HttpRequest) => Promise<Guarded>): preHandlerAsyncHookHandler =>
    async (request, reply) => {
      const guarded = await check(translate(request, pathOf(request)));
      if ('response' in guarded) return send(reply, guarded.response);
      request.passkey = guarded.session;
    };
  app.decorateRequest('passkey', null);
  app.decorate('requireSignIn', (rule?: SignInRule & Redirecting) =>
    guard((request) => passkeys.requireSignIn(request, rule)),
  );
  app.decorate('requireStepUp', (rule: StepUpRule & Redirecting) =>
    guard((request) => passkeys.requireStepUp(request, rule)),
  );

  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    // By the path as it came: Fastify's own matching may forgive case and slashes.
    const path = pathOf(request).slice(prefix.length) || '/';
    return send(reply, await passkeys.handle(translate(request, path)));
  };
  await app.register(
    async (scope) => {
      // Bodies are core's to read, and schemas are for documents: one order of refusals on every framework.
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
      scope.setValidatorCompiler(() => () => true);
      for (const { method, path, body } of routes) {
        scope.route({ method, url: path, handler: answer, exposeHeadRoute: false, schema: { ...(body && { body }) } });
      }
      scope.all('/', answer);
      scope.all('/*', answer);
    },
    { prefix },
  );

  for (const url of ['/.well-known/webauthn', '/.well-known/passkey-endpoints']) {
    app.all(url, async (request, reply) => {
      const response = passkeys.wellKnown(translate(request, pathOf(request)));
      return response ? send(reply, response) : reply.callNotFound();
    });
  }
};

/** `app.register(fastifyPasskeys, { passkeys })`. */
export const fastifyPasskeys = plugin(fastifyPasskeysPlugin, { fastify: '5.x', name: '@latchkey/fastify' });

function pathOf(request: FastifyRequest): string {
  return request.raw.url?.split('?', 1)[0] ?? '/';
}

function translate(request: FastifyRequest, path: string): HttpRequest {
  return {
    method: request.method,
    path,
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body:
      request.body === undefined || request.body === request.raw ? { stream: request.raw } : { parsed: request.body },
    address: request.ip ?? null,
    session: 'session' in request ? sessionOf(request as unknown as WithSession) : null,
    framework: 'fastify@5',
    native: request,
    // Without a logger of its own Fastify has one that says nothing: one and the same function for every level.
    logger: request.log.info === request.log.error ? undefined : request.log,
  };
}

function send(reply: FastifyReply, { status, headers, cookie, body }: HttpResponse): FastifyReply {
  reply.code(status).headers(headers);
  if (cookie !== null) reply.header('set-cookie', cookie);
  // It is JSON already. Without a serializer Fastify would add a charset to its type; bytes would be a packet of their own.
  return reply.serializer(String).send(body ?? undefined);
}

/** What we need of @fastify/session; @fastify/secure-session has the first three, and `delete`. */
interface FastifySession {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  regenerate(keep: string[]): Promise<void> | void;
  save?(): Promise<void>;
  destroy?(): Promise<void>;
  delete?(): void;
  data?(): object;
}

interface WithSession {
  session: FastifySession | null;
}

/** Where the session's data keeps ours. */
const KEY = 'latchkey';

function sessionOf(request: WithSession): SessionPort {
  const session = () => request.session!;
  return {
    // After a destroy there is no session object any more.
    read: () => request.session?.get(KEY) as SignedIn | undefined,
    rotate: async (keep) => {
      const kept = keep ? Object.keys(session().data?.() ?? session()).filter((key) => key !== 'cookie') : [];
      await session().regenerate(kept);
    },
    write: async (signedIn) => {
      session().set(KEY, signedIn);
      await session().save?.();
    },
    clear: async () => {
      await request.session?.destroy?.();
      request.session?.delete?.();
    },
  };
}
