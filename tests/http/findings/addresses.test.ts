/** Findings 8, 13 and 19 of the security review: what a limit by address counts behind a proxy, and whom a name shuts out. */
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Agent, Mount } from '@latchkey/testing';
import express from 'express';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { served, servedByFastify } from '../mounts.ts';
import { openRecorded } from './recorded.ts';

/** One proxy in front, as the guides set each framework up for it. */
const behindOneProxy: Record<string, Mount> = {
  'Express 5': served((passkeys) => {
    const app = express();
    app.set('trust proxy', 1);
    return app.use(expressPasskeys(passkeys).routes());
  }),
  'Koa 3': served((passkeys) => {
    const app = new Koa({ proxy: true, maxIpsCount: 1 });
    app.use(koaPasskeys(passkeys).routes());
    return app.callback();
  }),
  'Fastify 5': servedByFastify(
    async (app, passkeys) => {
      await app.register(fastifyPasskeys(passkeys));
    },
    { trustProxy: ['127.0.0.1', '::1'] },
  ),
};

const LIMIT = { points: 5, seconds: 60 };

/** How many of twenty pass. `forwarded`: the header as the proxy sends it, of the request with this number. */
async function passing(agent: () => Agent, forwarded: (i: number) => string, body: object = {}): Promise<number> {
  let passed = 0;
  for (let i = 0; i < 20; i++) {
    const headers = { 'x-forwarded-for': forwarded(i) };
    const { status } = await agent().post('/authentication/options', body, { headers });
    expect([200, 429]).toContain(status);
    if (status === 200) passed += 1;
  }
  return passed;
}

describe.each(Object.entries(behindOneProxy))('%s', (_, mount) => {
  const open = () => openRecorded({ mount, rateLimit: { limits: { options: LIMIT } } });

  test('finding 8: what the client itself writes into X-Forwarded-For is not its address', async () => {
    const site = await open();
    expect(await passing(site.agent, (i) => `192.0.2.${i}, 198.51.100.9`)).toBe(5);
    expect(site.records.at(-1)!.client.address).toBe('198.51.100.9');
    await site.close();
  });

  test.each([
    ['an IPv4 address with a port', (i: number) => `203.0.113.8:${50_000 + i}`, '203.0.113.8'],
    ['an IPv6 address in brackets with a port', (i: number) => `[2001:db8::1]:${50_000 + i}`, '2001:db8::1'],
    ['addresses of one /64', (i: number) => `2001:db8::${i + 1}`, '2001:db8::6'],
    ['IPv4 written as IPv6', (i: number) => (i % 2 ? '::ffff:203.0.113.9' : '::ffff:cb00:7109'), '203.0.113.9'],
  ])('finding 13: %s is one subscriber', async (_what, forwarded, recorded) => {
    const site = await open();
    expect(await passing(site.agent, forwarded)).toBe(5);
    expect(site.records.at(-1)!.client.address).toBe(recorded);
    await site.close();
  });

  test('finding 19: whoever asks for a name from elsewhere shuts its owner out of nothing', async () => {
    const site = await openRecorded({ mount, rateLimit: { limits: { account: LIMIT } } });
    const passkey = await site.agent().signUp('ada');
    const named = { mode: 'modal', identifier: 'ada' };
    expect(await passing(site.agent, () => '203.0.113.7', named)).toBe(5);
    // The owner, at another address; and the neighbour, where the name is not used.
    expect(await passing(site.agent, () => '198.51.100.9', named)).toBe(5);
    for (const mode of ['immediate', 'conditional']) {
      expect(await passing(site.agent, () => '203.0.113.7', { mode, identifier: 'ada' })).toBe(20);
    }
    const owner = site.agent();
    const headers = { 'x-forwarded-for': '192.0.2.1' };
    const { attemptId, publicKey } = (await owner.post('/authentication/options', named, { headers })).json;
    const body = { attemptId, credential: passkey.authenticate(publicKey) };
    expect((await owner.post('/authentication/verify', body, { headers })).status).toBe(200);
    await site.close();
  });
});
