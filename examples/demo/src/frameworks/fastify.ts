/** The demo on Fastify: the passkey routes and the pages. */
import { createServer, type RequestListener } from 'node:http';
import { fastifyPasskeys } from '@latchkey/fastify';
import Fastify, { type FastifyReply } from 'fastify';
import type { Demo } from '../framework.ts';
import { PEOPLE } from '../people.ts';
import { INVITATION, invitationLink, MAIL, PRIVATE_NOTE, SIGN_IN_FIRST } from '../site.ts';

export async function serveWithFastify({ origin, passkeys, site, attempts, mailbox, people }: Demo) {
  let listener: RequestListener | undefined;
  const app = Fastify({
    // The demo listens by itself, whatever the framework; of Fastify it wants the handler.
    serverFactory: (handler) => {
      listener = handler as unknown as RequestListener;
      return createServer();
    },
    // Behind https there is a proxy, and it says where requests come from.
    trustProxy: origin.startsWith('https:'),
  });

  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(site.headers);
  });

  await app.register(fastifyPasskeys(passkeys));

  for (const { path, guarded, html } of site.pages) {
    const guards = guarded ? [app.requireSignIn({ redirectTo: SIGN_IN_FIRST })] : [];
    app.get(path, { preHandler: guards }, (request, reply) => sendPage(reply, 200, html(request.passkeySession)));
  }

  app.get(PRIVATE_NOTE.path, { preHandler: app.requireStepUp(PRIVATE_NOTE.rule) }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return PRIVATE_NOTE.answer;
  });
  app.post(INVITATION.path, { preHandler: app.requireStepUp(INVITATION.rule) }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    return invitationLink(passkeys, origin, request.passkeySession.user.id);
  });
  app.post(PEOPLE.path, { preHandler: app.requireStepUp(PEOPLE.rule) }, async (request, reply) => {
    const { status, body } = await people.answer(request.passkeySession, new URL(request.url, origin).searchParams);
    return reply.code(status).header('cache-control', 'no-store').send(body);
  });
  app.get(MAIL, { preHandler: app.requireSignIn() }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    return mailbox.of(request.passkeySession.user.id);
  });

  app.get('/attempts*', async (request, reply) => {
    // What the console has answered, Fastify leaves alone.
    if (await attempts.node(request.raw, reply.raw)) reply.hijack();
    else reply.callNotFound();
  });
  app.get<{ Params: { name: string } }>('/assets/:name', async (request, reply) => {
    const asset = site.assets.get(request.params.name);
    if (!asset) return sendPage(reply, 404, site.notFound);
    reply.headers({ 'cache-control': 'no-cache', etag: asset.etag, 'content-type': asset.type });
    if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
    return reply.send(asset.body);
  });

  app.setNotFoundHandler((_request, reply) => sendPage(reply, 404, site.notFound));
  app.setErrorHandler((error: { statusCode?: number }, _request, reply) => {
    // A request that cannot be read carries its own status.
    const { statusCode = 500 } = error;
    if (statusCode >= 500) console.error(error);
    return sendPage(reply, statusCode, statusCode < 500 ? site.notFound : site.wentWrong);
  });
  await app.ready();
  return listener!;
}

function sendPage(reply: FastifyReply, status: number, html: string): FastifyReply {
  reply.code(status).headers({ 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8' });
  return reply.send(html);
}
