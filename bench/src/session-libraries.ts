/** Each framework's usual session library over the same place, with the same settings for every contestant. */
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import expressSession, { type SessionData } from 'express-session';
import type { FastifyInstance } from 'fastify';
import type Koa from 'koa';
import koaSession from 'koa-session';
import type { Sessions } from './places.ts';

const SECRET = 'for benchmarks, and only for benchmarks';

type Done = (error: unknown) => void;

class ExpressSessions extends expressSession.Store {
  readonly #sessions: Sessions;
  constructor(sessions: Sessions) {
    super();
    this.#sessions = sessions;
  }
  get(id: string, done: (error: unknown, data?: SessionData | null) => void) {
    this.#sessions.get(id).then((data) => done(null, data === undefined ? null : JSON.parse(data)), done);
  }
  set(id: string, data: SessionData, done: Done = () => {}) {
    this.#sessions.set(id, JSON.stringify(data)).then(() => done(null), done);
  }
  destroy(id: string, done: Done = () => {}) {
    this.#sessions.destroy(id).then(() => done(null), done);
  }
}

export function sessionsOnExpress(sessions: Sessions) {
  const store = new ExpressSessions(sessions);
  return expressSession({ secret: SECRET, resave: false, saveUninitialized: false, store });
}

export function sessionsOnKoa(sessions: Sessions, app: Koa): Koa.Middleware {
  const store = {
    get: async (id: string) => {
      const data = await sessions.get(id);
      return data === undefined ? undefined : JSON.parse(data);
    },
    set: (id: string, data: unknown) => sessions.set(id, JSON.stringify(data)),
    destroy: (id: string) => sessions.destroy(id),
  };
  app.keys = [SECRET];
  return koaSession({ store } as never, app as never) as Koa.Middleware;
}

export async function sessionsOnFastify(sessions: Sessions, app: FastifyInstance): Promise<void> {
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    secret: SECRET,
    cookie: { secure: false },
    saveUninitialized: false,
    store: {
      get(id, done) {
        sessions.get(id).then((data) => done(null, data === undefined ? null : JSON.parse(data)), done);
      },
      set(id, data, done) {
        sessions.set(id, JSON.stringify(data)).then(() => done(), done);
      },
      destroy(id, done) {
        sessions.destroy(id).then(() => done(), done);
      },
    },
  });
}
