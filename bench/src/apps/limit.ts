/**
 * The limit, the least that a sign-in can cost on each framework: two JSON posts answered and one
 * signature verified; and limit+, which also rotates and writes a session and leaves a line of a record's size.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import express, { type Request } from 'express';
import Fastify, { type FastifyRequest } from 'fastify';
import Koa, { type Context, type Middleware } from 'koa';
import type { Framework } from '../contestants.ts';
import { PEOPLE } from '../people.ts';
import { sessionsOnExpress, sessionsOnFastify, sessionsOnKoa } from '../session-libraries.ts';
import type { App, Ground } from './app.ts';

/** As long as what an authenticator signs: authenticator data and a hash. */
const signed = Buffer.alloc(37 + 32, 7);

/** As many keys as there are people: the second check with one key is cheaper than the first with the next one. */
const signatures = Array.from({ length: PEOPLE }, () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey, signature: sign('sha256', signed, privateKey) };
});
let turn = 0;

export function verifyOnce(): void {
  const { publicKey, signature } = signatures[turn++ % PEOPLE]!;
  if (!verify('sha256', signed, publicKey, signature)) throw new Error('The signature of the benchmark is not valid.');
}

/** What a session holds, of the size of what Latchkey puts there. */
const SIGNED_IN = {
  rpId: 'localhost',
  userId: 'user-0',
  passkeyId: '00000000-0000-4000-8000-000000000000',
  generation: 0,
  userVerified: true,
  enforcement: 'enforced',
  authenticatedAt: 1_700_000_000_000,
};

/** A line as long as a record of Latchkey's for a sign-in. */
const RECORD = { event: 'sign_in', filler: 'x'.repeat(1_850) };

const MOUNTS: Record<Framework, (ground: Ground) => Promise<RequestListener>> = {
  async express({ contestant, place, records }) {
    const app = express();
    if (contestant.kind === 'limit+') app.use(sessionsOnExpress(place.sessions));
    app.use(express.json());
    app.post('/options', (_req, res) => void res.json({}));
    app.post('/verify', async (req, res) => {
      verifyOnce();
      if (contestant.kind === 'limit+') {
        await settled((done) => req.session.regenerate(done));
        (req.session as unknown as Record<string, unknown>).limit = SIGNED_IN;
        await settled((done) => req.session.save(done));
        records.write(RECORD);
      }
      res.json({});
    });
    app.get('/who', (req: Request & { session?: { limit?: typeof SIGNED_IN } }, res) => {
      res.json({ user: req.session?.limit?.userId });
    });
    return app;
  },

  async koa({ contestant, place, records }) {
    const app = new Koa();
    if (contestant.kind === 'limit+') app.use(sessionsOnKoa(place.sessions, app));
    app.use(bodyParser() as unknown as Middleware);
    app.use(async (context) => {
      const ctx = context as Context & {
        session: Record<string, unknown> & Record<'regenerate' | 'save', () => Promise<void>>;
      };
      ctx.body = {};
      if (ctx.path === '/who') ctx.body = { user: (ctx.session?.limit as typeof SIGNED_IN | undefined)?.userId };
      if (ctx.path !== '/verify') return;
      verifyOnce();
      if (contestant.kind !== 'limit+') return;
      await ctx.session.regenerate();
      ctx.session.limit = SIGNED_IN;
      await ctx.session.save();
      records.write(RECORD);
    });
    return app.callback();
  },

  async fastify({ contestant, place, records }) {
    let listener: RequestListener | undefined;
    const app = Fastify({
      serverFactory: (handler) => {
        listener = handler as unknown as RequestListener;
        return createServer();
      },
    });
    if (contestant.kind === 'limit+') await sessionsOnFastify(place.sessions, app);
    app.post('/options', async () => ({}));
    app.post('/verify', async (request) => {
      verifyOnce();
      if (contestant.kind === 'limit+') {
        await request.session.regenerate();
        sessionOf(request).limit = SIGNED_IN;
        await request.session.save();
        records.write(RECORD);
      }
      return {};
    });
    app.get('/who', async (request) => ({ user: sessionOf(request)?.limit?.userId }));
    await app.ready();
    return listener!;
  },
};

function sessionOf(request: FastifyRequest) {
  return request.session as unknown as { limit?: typeof SIGNED_IN };
}

function settled(verb: (done: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => verb((error) => (error ? reject(error) : resolve())));
}

export const limit: App = (ground) => MOUNTS[ground.contestant.framework](ground);
