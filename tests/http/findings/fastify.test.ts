/** Finding 23 of the security review: Fastify's scopes, and hooks that put another stream in the place of the request's own. */
import { PassThrough, Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import { fastifyPasskeys } from '@latchkey/fastify';
import type { FastifyInstance } from 'fastify';
import { describe, expect, test } from 'vitest';
import { servedByFastify } from '../mounts.ts';
import { openRecorded } from './recorded.ts';

/** What plugins for raw bodies and for compressed ones do. */
const hooks = {
  'a hook that hands on a copy of the stream': (payload: Readable) => payload.pipe(new PassThrough()),
  'a hook that reads the body and hands on another stream': (payload: Readable) =>
    Readable.from(
      (async function* () {
        for await (const chunk of payload) yield chunk;
      })(),
      { objectMode: false },
    ),
} as const;

describe.each(Object.entries(hooks))('behind %s', (_, change) => {
  const mount = servedByFastify(async (app, passkeys) => {
    app.addHook('preParsing', async (_request, _reply, payload) => change(payload as Readable) as typeof payload);
    await app.register(fastifyPasskeys(passkeys));
    app.get('/guarded', { preHandler: app.requireSignIn() }, async ({ passkeySession }) => ({
      user: passkeySession.user.id,
    }));
  });

  test('finding 23: the body counts, and is bounded', async () => {
    const site = await openRecorded({ mount });
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { mode } = (await agent.post('/authentication/options', { mode: 'modal' })).json;
    expect(mode).toBe('modal');
    expect((await agent.post('/authentication/options', { mode: 'telepathy' })).json.code).toBe('malformed_request');
    expect((await agent.signIn(passkey)).status).toBe(200);
    expect((await agent.request('GET', '/guarded')).status).toBe(200);
    expect((await agent.post('/authentication/options', { pad: 'x'.repeat(70_000) })).status).toBe(413);
    expect((await site.agent().post('/authentication/options', {})).status).toBe(200);
    await site.close();
  });
});

test('finding 23: what a hook unpacks is bounded as it comes out', async () => {
  const mount = servedByFastify(async (app, passkeys) => {
    app.addHook('preParsing', async (request, _reply, payload) => {
      if (request.headers['x-packed'] === undefined) return payload;
      delete request.headers['content-length'];
      return (payload as Readable).pipe(createGunzip()) as never;
    });
    await app.register(fastifyPasskeys(passkeys));
  });
  const site = await openRecorded({ mount });
  const packed = (body: object) => ({
    rawBody: Uint8Array.from(gzipSync(JSON.stringify(body))),
    headers: { 'x-packed': 'gzip' },
  });
  const agent = site.agent();
  const good = await agent.post('/authentication/options', undefined, packed({ mode: 'modal' }));
  expect([good.status, good.json.mode]).toEqual([200, 'modal']);
  const bomb = await agent.post('/authentication/options', undefined, packed({ pad: 'x'.repeat(10_000_000) }));
  expect(bomb.status).toBe(413);
  expect((await site.agent().post('/authentication/options', {})).status).toBe(200);
  await site.close();
});

test.each([
  ['/api', '/passkeys', '/api/passkeys'],
  ['/api/', '/passkeys', '/api/passkeys'],
  ['/api', '/', '/api'],
  ['/api/v1', '/auth/keys', '/api/v1/auth/keys'],
  ['/t/:tenant', '/keys/', '/t/acme/keys'],
])('finding 23: every route answers in a scope at %s with the prefix %s', async (scope, prefix, base) => {
  const mount = servedByFastify(
    async (app, passkeys) => {
      const inner = async (scoped: FastifyInstance) => {
        await scoped.register(fastifyPasskeys(passkeys, { prefix }));
        scoped.get('/guarded', { preHandler: scoped.requireSignIn() }, async ({ passkeySession }) => ({
          user: passkeySession.user.id,
        }));
      };
      await app.register(inner, { prefix: scope });
    },
    { base },
  );
  const site = await openRecorded({ mount });
  const agent = site.agent();
  const passkey = await agent.signUp('ada');
  expect((await agent.signIn(passkey)).status).toBe(200);
  expect((await agent.stepUp(passkey)).status).toBe(200);
  const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
  expect((await agent.request('PATCH', `/passkeys/credentials/${id}`, { nickname: 'x' })).status).toBe(200);
  expect((await agent.request('GET', '/passkeys/nowhere')).json.code).toBe('not_found');
  expect((await agent.request('DELETE', '/passkeys/session')).status).toBe(204);
  await site.close();
});
