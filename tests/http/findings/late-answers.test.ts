/** Finding 5 of the security review: something in front of us has answered already. The answer stands, and the process lives. */

import { memoryStore, type Store } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Mount, Reply, Site } from '@latchkey/testing';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import express4 from 'express4';
import Koa from 'koa';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectGone, served, servedByFastify } from '../mounts.ts';
import { openRecorded } from './recorded.ts';

/** What would have ended a process of an application that listens for neither. */
const crashes: unknown[] = [];
const crash = (thrown: unknown) => void crashes.push(thrown);
beforeAll(() => void process.on('uncaughtException', crash).on('unhandledRejection', crash));
afterAll(() => void process.off('uncaughtException', crash).off('unhandledRejection', crash));
afterEach(() => expect(crashes.splice(0), 'nothing is thrown where nobody catches it').toEqual([]));

/** What must not happen after that answer: the application's own handler runs, or its error handler does. */
const reached: unknown[] = [];
afterEach(() => expect(reached.splice(0), 'nothing goes on behind an answer').toEqual([]));

/** A request that asks for it is answered by a time-out in front of us, when the test says so. */
const LATE = 'x-late';
const late = { headers: { [LATE]: '1' } };
type Answer = () => void;

function mountsFor(onLate: (answer: Answer) => void): Record<string, Mount> {
  const onExpress = (create: typeof express) =>
    served((passkeys) => {
      const { routes, requireSignIn, readSession, requireStepUp } = expressPasskeys(passkeys);
      const app = create();
      app.use((req, res, next) => {
        if (req.headers[LATE]) onLate(() => void res.status(503).send('too slow'));
        next();
      });
      app.use(routes());
      const own: RequestHandler = (req, res) => {
        if (req.headers[LATE]) reached.push(req.path);
        res.json({});
      };
      app.all('/guarded', requireSignIn(), own);
      app.all('/perhaps', readSession(), own);
      app.all('/transfer', requireStepUp({ within: '5m' }), own);
      const onFault: ErrorRequestHandler = (error, _req, _res, next) => {
        reached.push(error);
        next(error);
      };
      app.use(onFault);
      return app;
    });
  return {
    'Express 5': onExpress(express),
    'Express 4': onExpress(express4),
    'Koa 3': served((passkeys) => {
      const { routes, requireSignIn, readSession, requireStepUp } = koaPasskeys(passkeys);
      const app = new Koa();
      app.on('error', expectGone);
      app.use((ctx, next) => {
        if (ctx.get(LATE)) {
          onLate(() => {
            ctx.res.statusCode = 503;
            ctx.res.end('too slow');
          });
        }
        return next();
      });
      app.use(routes());
      const guards: Record<string, Koa.Middleware> = {
        '/guarded': requireSignIn(),
        '/perhaps': readSession(),
        '/transfer': requireStepUp({ within: '5m' }),
      };
      app.use((ctx, next) => guards[ctx.path]?.(ctx, next));
      app.use((ctx) => {
        if (ctx.get(LATE)) reached.push(ctx.path);
        ctx.body = {};
      });
      return app.callback();
    }),
    'Fastify 5': servedByFastify(
      async (app, passkeys) => {
        app.addHook('onRequest', async (request, reply) => {
          if (request.headers[LATE]) onLate(() => void reply.code(503).send('too slow'));
        });
        await app.register(fastifyPasskeys(passkeys));
        app.all('/guarded', { preHandler: app.requireSignIn() }, async () => ({}));
        app.all('/perhaps', { preHandler: app.readSession() }, async () => ({}));
        app.all('/transfer', { preHandler: app.requireStepUp({ within: '5m' }) }, async () => ({}));
      },
      // It warns of an answer that comes behind another one.
      { logger: { level: 'warn', stream: { write: (line) => void reached.push(line) } } },
    ),
  };
}

/** A store whose `find` of a session waits until it is let go. */
function slowStore() {
  const store = memoryStore();
  let held: { readonly reached: () => void; readonly gate: Promise<void> } | undefined;
  const slow: Store = {
    ...store,
    sessions: {
      ...store.sessions,
      async find(which) {
        held?.reached();
        await held?.gate;
        return store.sessions.find(which);
      },
    },
  };
  return {
    store: slow,
    /** From now on `find` waits. `reached` resolves when somebody does; `letGo` ends it. */
    hold() {
      const reaching = Promise.withResolvers<void>();
      const { promise: gate, resolve } = Promise.withResolvers<void>();
      held = { reached: reaching.resolve, gate };
      return {
        reached: reaching.promise,
        letGo() {
          held = undefined;
          resolve();
        },
      };
    },
  };
}

let answerNow: Answer = () => {};

/** Still there, and still right. */
async function expectAlive(site: Site): Promise<void> {
  expect((await site.agent().request('GET', '/guarded')).status).toBe(401);
  expect((await site.agent().post('/authentication/options', {})).status).toBe(200);
}

describe.each(Object.entries(mountsFor((answer) => (answerNow = answer))))('%s', (_, mount) => {
  test('finding 5: a body that comes after the time-out changes nothing, and ends no process', async () => {
    const site = await openRecorded({ mount });
    let send: ReadableStreamDefaultController<Uint8Array>;
    const rawBody = new ReadableStream<Uint8Array>({
      start(controller) {
        send = controller;
        controller.enqueue(Buffer.from('{'));
      },
    });
    answerNow = () => {};
    const asked = site.agent().post('/authentication/options', undefined, { ...late, rawBody });
    await expect.poll(() => answerNow !== undefined && answerNow.name !== 'answerNow').toBe(true);
    answerNow();
    const reply = await asked;
    expect([reply.status, reply.text]).toEqual([503, 'too slow']);
    send!.enqueue(Buffer.from('}'));
    send!.close();
    await expectAlive(site);
    await site.close();
  });

  test.each(['/guarded', '/perhaps', '/transfer', '/passkeys/session', '/passkeys/credentials'])(
    'finding 5: %s that waits for a slow store after the time-out changes nothing, and ends no process',
    async (path) => {
      const { store, hold } = slowStore();
      const site = await openRecorded({ mount, store, sessions: { revalidateAfter: 0 } });
      const agent = site.agent();
      await agent.signUp('ada');
      const { reached, letGo } = hold();
      const asked: Promise<Reply> = agent.request('GET', path, undefined, late);
      await reached;
      answerNow();
      const reply = await asked;
      expect([reply.status, reply.text]).toEqual([503, 'too slow']);
      letGo();
      await expectAlive(site);
      expect((await agent.request('GET', '/guarded')).status).toBe(200);
      await site.close();
    },
  );
});
