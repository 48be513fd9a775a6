/** What is each framework's own: Fastify's schemas, logger, hooks and forgiving router, and the prefix of each. */
import { createServer, type RequestListener } from 'node:http';
import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createPasskeys, memoryStore, type PasskeysOptions } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import express from 'express';
import express4 from 'express4';
import Fastify, { type FastifyServerOptions, type RouteOptions } from 'fastify';
import Koa from 'koa';
import { describe, expect, test, vi } from 'vitest';
import { expectGone } from './mounts.ts';

const passkeysFor = (origin: string, change: Partial<PasskeysOptions> = {}) =>
  createPasskeys({
    rp: { id: 'localhost', name: 'Site', origins: [origin] },
    users: { find: () => undefined },
    store: memoryStore(),
    sweepEvery: false,
    ...change,
  });

const ORIGIN = 'http://localhost:3000';
const SILENT = { info() {}, warn() {}, error() {} };
const OPTIONS = {
  method: 'POST',
  url: '/passkeys/authentication/options',
  headers: { origin: ORIGIN, 'content-type': 'application/json' },
  payload: '{}',
} as const;

async function fastify(options: FastifyServerOptions = {}, seen: RouteOptions[] = []) {
  const app = Fastify(options);
  app.addHook('onRoute', (route) => void seen.push(route));
  await app.register(fastifyPasskeys(passkeysFor(ORIGIN)));
  return app;
}

describe('Fastify', () => {
  test('shows the schema of each route to generators of documents', async () => {
    const routes: RouteOptions[] = [];
    await (await fastify({}, routes)).close();
    const verify = routes.find(({ url }) => url === '/passkeys/authentication/verify');
    expect(verify?.schema?.body).toMatchObject({ type: 'object', required: ['attemptId', 'credential'] });
    const documented = routes.filter(({ schema }) => schema).map(({ method, url }) => `${method} ${url}`);
    expect(documented).toContain('DELETE /passkeys/credentials/:id');
  });

  test('writes the record to request.log, with the request’s own id', async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const app = await fastify({ logger: { stream } });
    await app.inject({ ...OPTIONS, payload: '{"mode":1}' });
    await app.close();
    const record = lines.map((line) => JSON.parse(line)).find(({ schema }) => schema === 'latchkey.signin.attempt/1');
    expect(record).toMatchObject({
      outcome: 'failure',
      reason: 'malformed_request',
      reqId: expect.any(String),
      level: 40,
    });
  });

  test('without a logger leaves the record on standard output: no option turns it off', async () => {
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const app = await fastify();
    await app.inject({ ...OPTIONS, payload: '{"mode":1}' });
    await app.close();
    const lines = written.mock.calls.map(([line]) => String(line));
    written.mockRestore();
    expect(lines.filter((line) => line.includes('"reason":"malformed_request"'))).toHaveLength(1);
  });

  test('matches our paths exactly where its router forgives case and slashes', async () => {
    const app = await fastify({
      routerOptions: { ignoreTrailingSlash: true, caseSensitive: false, ignoreDuplicateSlashes: true },
    });
    expect((await app.inject(OPTIONS)).statusCode).toBe(200);
    for (const url of ['/passkeys/Authentication/options', '/passkeys/authentication/options/']) {
      expect((await app.inject({ ...OPTIONS, url })).json().code).toBe('not_found');
    }
    await app.close();
  });

  test('mounts where it is told to', async () => {
    const app = Fastify();
    await app.register(fastifyPasskeys(passkeysFor(ORIGIN), { prefix: '/auth/keys' }));
    expect((await app.inject({ ...OPTIONS, url: '/auth/keys/authentication/options' })).statusCode).toBe(200);
    expect((await app.inject(OPTIONS)).statusCode).toBe(404);
    await app.close();
  });
});

/** A request to a listener on a free port. */
async function request(listener: RequestListener, path: string, body = '{}') {
  const server = createServer(listener).listen(0, 'localhost');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const headers = { origin: ORIGIN, 'content-type': 'application/json' };
  const response = await fetch(`http://localhost:${port}${path}`, { method: 'POST', headers, body });
  const text = await response.text();
  server.closeAllConnections();
  server.close();
  return { status: response.status, text, cookies: response.headers.getSetCookie() };
}

describe('Koa', () => {
  test('mounts where it is told to, and leaves other paths alone', async () => {
    const app = new Koa();
    app.on('error', expectGone);
    app.use(koaPasskeys(passkeysFor(ORIGIN), { prefix: '/auth/keys/' }).routes());
    app.use(async (ctx) => {
      ctx.body = 'the application';
    });
    expect((await request(app.callback(), '/auth/keys/authentication/options')).status).toBe(200);
    expect((await request(app.callback(), '/auth/keysmith')).text).toBe('the application');
  });

  test('answers behind a guard when the application is done', async () => {
    const app = new Koa();
    app.use(koaPasskeys(passkeysFor(ORIGIN)).readSession());
    app.use(async (ctx) => {
      await setImmediate();
      ctx.body = 'the application';
    });
    expect((await request(app.callback(), '/')).text).toBe('the application');
  });
});

describe('Express', () => {
  test('mounts where it is told to, and leaves other paths alone', async () => {
    const app = express();
    app.use(expressPasskeys(passkeysFor(ORIGIN), { prefix: '/auth/keys/' }).routes());
    app.use((_req, res) => void res.send('the application'));
    expect((await request(app, '/auth/keys/authentication/options')).status).toBe(200);
    expect((await request(app, '/auth/keysmith')).text).toBe('the application');
  });

  test.each([
    ['4', express4],
    ['5', express],
  ])('%s reads the body that a parser of another type left alone: mutant 9', async (_, create) => {
    const app = create();
    app.use(create.urlencoded({ extended: false }));
    app.use(expressPasskeys(passkeysFor(ORIGIN, { logger: SILENT })).routes());
    expect((await request(app, OPTIONS.url)).status).toBe(200);
    expect((await request(app, OPTIONS.url, '{"mode":')).status).toBe(400);
  });
});

test('the cookies that somebody set before us go out with ours', async () => {
  const own = 'cart=book';
  const onExpress = express();
  onExpress.use((_req, res, next) => {
    res.append('set-cookie', own);
    next();
  });
  onExpress.use(expressPasskeys(passkeysFor(ORIGIN)).routes());
  const onKoa = new Koa();
  onKoa.use((ctx, next) => {
    ctx.append('set-cookie', own);
    return next();
  });
  onKoa.use(koaPasskeys(passkeysFor(ORIGIN)).routes());
  const onFastify = Fastify();
  onFastify.addHook('onRequest', async (_request, reply) => void reply.header('set-cookie', own));
  await onFastify.register(fastifyPasskeys(passkeysFor(ORIGIN)));
  await onFastify.ready();
  for (const listener of [onExpress, onKoa.callback(), onFastify.routing]) {
    const { cookies } = await request(listener, OPTIONS.url);
    expect(cookies).toEqual([own, expect.stringMatching(/^latchkey=/)]);
  }
  await onFastify.close();
});
