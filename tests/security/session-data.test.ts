/** What the application keeps in a session: the same person's data moves to the new session id, and nobody gets anybody else's. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { Passkeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Agent, Mount } from '@latchkey/testing';
import express from 'express';
import session from 'express-session';
import Fastify from 'fastify';
import Koa from 'koa';
import koaSession from 'koa-session';
import { describe, expect, test } from 'vitest';
import { expectGone } from '../http/mounts.ts';
import { open } from './evidence.ts';

const SECRET = 'for tests, and only for tests, truly';

/** `GET /cart` shows what this session holds, `GET /cart?put=…` puts it there. */
const served =
  (application: (passkeys: Passkeys) => Promise<RequestListener> | RequestListener): Mount =>
  async (passkeys) => {
    const server = createServer();
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

const MOUNTS: Record<string, Mount> = {
  'express-session': served((passkeys) => {
    const app = express();
    app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
    app.use('/passkeys', expressPasskeys(passkeys).router());
    app.get('/cart', (req, res) => {
      const held = req.session as unknown as { cart?: string };
      if (typeof req.query.put === 'string') held.cart = req.query.put;
      res.json({ cart: held.cart ?? null });
    });
    return app;
  }),
  'koa-session': served((passkeys) => {
    const sessions = new Map<string, unknown>();
    const store = {
      get: async (key: string) => sessions.get(key),
      set: async (key: string, value: unknown) => void sessions.set(key, structuredClone(value)),
      destroy: async (key: string) => void sessions.delete(key),
    };
    const app = new Koa();
    app.on('error', expectGone);
    app.keys = [SECRET];
    app.use(koaSession({ store } as never, app as never));
    app.use(koaPasskeys(passkeys).routes());
    app.use((ctx) => {
      const held = ctx.session as { cart?: string };
      if (typeof ctx.query.put === 'string') held.cart = ctx.query.put;
      ctx.body = { cart: held.cart ?? null };
    });
    return app.callback();
  }),
  '@fastify/session': served(async (passkeys) => {
    let listener: RequestListener | undefined;
    const app = Fastify({
      serverFactory: (handler) => {
        listener = handler as unknown as RequestListener;
        return createServer();
      },
    });
    await app.register(fastifyCookie);
    await app.register(fastifySession, { secret: SECRET, cookie: { secure: false }, saveUninitialized: false });
    await app.register(fastifyPasskeys, { passkeys });
    app.get('/cart', async (request) => {
      const held = request.session as unknown as { get(key: string): unknown; set(key: string, value: unknown): void };
      const { put } = request.query as { put?: string };
      if (put !== undefined) held.set('cart', put);
      return { cart: held.get('cart') ?? null };
    });
    await app.ready();
    return listener!;
  }),
};

const put = async (agent: Agent, what: string) => void (await agent.request('GET', `/cart?put=${what}`));
const cart = async (agent: Agent) => (await agent.request('GET', '/cart')).json.cart;

describe.each(Object.entries(MOUNTS))('%s', (_library, mount) => {
  test('keeps the application’s data at a step-up and at a sign-in of the same person', async () => {
    const site = await open({}, { mount });
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    await put(agent, 'apples');
    expect((await agent.stepUp(passkey, 'pay')).status).toBe(200);
    expect(await cart(agent)).toBe('apples');
    expect((await agent.signIn(passkey)).status).toBe(200);
    expect(await cart(agent)).toBe('apples');
  });

  test('gives nobody the data of somebody else, nor of nobody in particular', async () => {
    const site = await open({}, { mount });
    const ada = await site.agent().signUp('ada');
    const eve = await site.agent().signUp('eve');
    const agent = site.agent();
    await put(agent, 'planted');
    expect(await cart(agent)).toBe('planted');
    expect((await agent.signIn(ada)).status).toBe(200);
    expect(await cart(agent)).toBeNull();
    await put(agent, 'apples');
    expect((await agent.signIn(eve)).status).toBe(200);
    expect(await cart(agent)).toBeNull();
    await put(agent, 'pears');
    expect((await agent.request('DELETE', '/passkeys/session')).status).toBe(204);
    expect(await cart(agent)).toBeNull();
  });
});
