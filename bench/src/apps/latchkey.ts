/** The contestant itself, mounted as its documentation shows, on each framework. */
import { createServer, type RequestListener } from 'node:http';
import {
  createPasskeys,
  LIMITS,
  type LimitName,
  type LimitRule,
  memoryChallenges,
  type Passkey,
  type Passkeys,
} from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import express from 'express';
import Fastify from 'fastify';
import Koa from 'koa';
import type { Framework } from '../contestants.ts';
import { AAGUID, type Person } from '../people.ts';
import { type App, type Ground, RP_ID, RP_NAME } from './app.ts';

/** Everything is counted, as by default; but one address drives a benchmark, and nothing may be refused. */
const limits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, { seconds }]) => [name, { points: 1_000_000_000, seconds }]),
) as Record<LimitName, LimitRule>;

/** The passkey of a person, as Latchkey stores it. */
export function passkeyOf({ userId, userHandle, credentialId, publicKey }: Person): Passkey {
  return {
    id: crypto.randomUUID(),
    userId,
    userHandle: Buffer.from(userHandle, 'base64url'),
    credentialId: Buffer.from(credentialId, 'base64url'),
    publicKey: Buffer.from(publicKey, 'base64url'),
    algorithm: -7,
    signCount: 0,
    transports: ['internal', 'hybrid'],
    aaguid: AAGUID,
    backupEligible: true,
    backedUp: true,
    attested: false,
    rpId: RP_ID,
    nickname: 'A phone',
    enabled: true,
    generation: 0,
    createdAt: Date.now(),
    lastUsedAt: null,
  };
}

type Bare = Pick<Ground, 'origin' | 'people' | 'place' | 'records'>;

/** Latchkey with its defaults over this ground, and everyone's passkey in its store. */
export async function latchkeyOn({ origin, people, place, records }: Bare): Promise<Passkeys> {
  const users = new Map(people.map(({ userId: id, name }) => [id, { id, name }]));
  const write = (record: object) => records.write(record);
  for (const person of people) {
    const inserted = await place.store.passkeys.insert({ passkey: passkeyOf(person), max: 20 });
    // `exists`: another process of the same contestant was first.
    if (inserted === 'limit') throw new Error('A passkey was not inserted.');
  }
  return createPasskeys({
    rp: { id: RP_ID, name: RP_NAME, origins: [origin] },
    users: { find: (id) => users.get(id) },
    store: place.store,
    rateLimit: { limits },
    // The structured log line is the record sink.
    logger: { info: write, warn: write, error: write },
    audit: { identityKey: 'a key of the benchmark, at least 32 characters' },
  });
}

const MOUNTS: Record<Framework, (passkeys: Passkeys) => Promise<RequestListener>> = {
  async express(passkeys) {
    const { routes, requireSignIn } = expressPasskeys(passkeys);
    const app = express();
    app.use(routes());
    app.get('/who', requireSignIn(), (req, res) => void res.json({ user: req.passkeySession.user.id }));
    return app;
  },

  async koa(passkeys) {
    const { routes, requireSignIn, passkeySession } = koaPasskeys(passkeys);
    const app = new Koa();
    app.use(routes());
    app.use(requireSignIn());
    app.use(async (ctx) => {
      ctx.body = { user: passkeySession(ctx).user.id };
    });
    return app.callback();
  },

  async fastify(passkeys) {
    let listener: RequestListener | undefined;
    const app = Fastify({
      serverFactory: (handler) => {
        listener = handler as unknown as RequestListener;
        return createServer();
      },
    });
    await app.register(fastifyPasskeys(passkeys));
    app.get('/who', { preHandler: app.requireSignIn() }, async ({ passkeySession }) => ({
      user: passkeySession.user.id,
    }));
    await app.ready();
    return listener!;
  },
};

export const latchkey: App = async (ground) => {
  const { framework, challengesInMemory } = ground.contestant;
  const store = { ...ground.place.store, ...(challengesInMemory && { challenges: memoryChallenges() }) };
  return MOUNTS[framework](await latchkeyOn({ ...ground, place: { ...ground.place, store } }));
};
