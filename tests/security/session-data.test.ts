/** An application's own session stands beside ours: a sign-in changes nothing in it, unless the application says so in `onSignIn`. */
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { Passkeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Agent, Mount } from '@latchkey/testing';
import express, { type Request } from 'express';
import session from 'express-session';
import Fastify, { type FastifyRequest } from 'fastify';
import Koa, { type Context } from 'koa';
import koaSession from 'koa-session';
import { describe, expect, test } from 'vitest';
import { served } from '../http/mounts.ts';
import { open } from './evidence.ts';

const SECRET = 'for tests, and only for tests, truly';

/** `GET /cart` shows what this session holds, `GET /cart?put=…` puts it there. `renew`: a new session, as a guide says. */
interface Library {
  readonly mount: Mount;
  renew(request: unknown): Promise<void> | void;
}

/** A name that a session library or an adapter might want for itself. */
const KEY = 'data';

const LIBRARIES: Record<string, Library> = {
  'express-session': {
    mount: served((passkeys: Passkeys) => {
      const app = express();
      app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
      app.use(expressPasskeys(passkeys).routes());
      app.get('/cart', (req, res) => {
        const held = req.session as unknown as Record<string, string>;
        if (typeof req.query.put === 'string') held[KEY] = req.query.put;
        res.json({ cart: held[KEY] ?? null });
      });
      return app;
    }),
    renew: (request) =>
      new Promise((resolve, reject) => {
        (request as Request).session.regenerate((error: unknown) => (error ? reject(error) : resolve()));
      }),
  },
  'koa-session': {
    mount: served((passkeys: Passkeys) => {
      const sessions = new Map<string, unknown>();
      const store = {
        get: async (key: string) => sessions.get(key),
        set: async (key: string, value: unknown) => void sessions.set(key, structuredClone(value)),
        destroy: async (key: string) => void sessions.delete(key),
      };
      const app = new Koa();
      app.keys = [SECRET];
      app.use(koaSession({ store } as never, app as never));
      app.use(koaPasskeys(passkeys).routes());
      app.use((ctx) => {
        const held = ctx.session as unknown as Record<string, string>;
        if (typeof ctx.query.put === 'string') held[KEY] = ctx.query.put;
        ctx.body = { cart: held[KEY] ?? null };
      });
      return app.callback();
    }),
    renew: (request) => {
      (request as Context).session = null;
    },
  },
  '@fastify/session': {
    mount: served(async (passkeys: Passkeys) => {
      const app = Fastify();
      await app.register(fastifyCookie);
      await app.register(fastifySession, { secret: SECRET, cookie: { secure: false }, saveUninitialized: false });
      await app.register(fastifyPasskeys(passkeys));
      app.get('/cart', async (request) => {
        const held = request.session as unknown as {
          get(key: string): unknown;
          set(key: string, value: unknown): void;
        };
        const { put } = request.query as { put?: string };
        if (put !== undefined) held.set(KEY, put);
        return { cart: held.get(KEY) ?? null };
      });
      await app.ready();
      return (request, response) => app.routing(request, response);
    }),
    renew: (request) => (request as FastifyRequest).session.regenerate(),
  },
};

const put = async (agent: Agent, what: string) => void (await agent.request('GET', `/cart?put=${what}`));
const cart = async (agent: Agent) => (await agent.request('GET', '/cart')).json.cart;

describe.each(Object.entries(LIBRARIES))('%s', (_library, { mount, renew }) => {
  test('keeps what the application put there, whoever signs in, steps up and signs out with a passkey', async () => {
    const site = await open({}, { mount });
    const agent = site.agent();
    await put(agent, 'apples');
    const passkey = await agent.signUp('ada');
    expect(await cart(agent)).toBe('apples');
    expect((await agent.stepUp(passkey, 'pay')).status).toBe(200);
    expect((await agent.signIn(passkey)).status).toBe(200);
    expect(await cart(agent)).toBe('apples');
    expect((await agent.request('DELETE', '/passkeys/session')).status).toBe(204);
    expect((await agent.session()).status).toBe(401);
    expect(await cart(agent)).toBe('apples');
  });

  test('begins anew where onSignIn says so: what was planted before the sign-in is gone', async () => {
    const site = await open({ onSignIn: ({ request }) => renew(request) }, { mount });
    const ada = await site.agent().signUp('ada');
    const agent = site.agent();
    await put(agent, 'planted');
    const planted = new Map(agent.cookies);
    expect(await cart(agent)).toBe('planted');
    expect((await agent.signIn(ada)).status).toBe(200);
    expect(await cart(agent)).toBeNull();
    await put(agent, 'apples');
    // Whoever planted it and kept the old cookie sees nothing of what came after.
    const thief = site.agent();
    for (const [name, value] of planted) thief.cookies.set(name, value);
    expect(await cart(thief)).not.toBe('apples');
    expect((await thief.session()).status).toBe(401);
  });
});
