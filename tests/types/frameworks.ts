/** What the types of the three adapters prevent. Compiled by `npm run types`, never run. Each `@ts-expect-error` stands above a mistake that must not compile; these files are the only ones that may have it. */
import { createPasskeys, memoryStore, type Passkeys, type User } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { fastifyPasskeys } from '@latchkey/fastify';
import { koaPasskeys } from '@latchkey/koa';
import type { Request, Response } from 'express';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from 'koa';

/** An account as an application has it. */
interface Account extends User {
  readonly role: 'admin' | 'member';
  readonly passwordHash: string;
}

const rp = { id: 'example.com', name: 'Example', origins: ['https://example.com'] };
const store = memoryStore();
declare const account: Account;
declare const req: Request;
declare const res: Response;
declare const ctx: Context;
declare const request: FastifyRequest;

const onExpress = createPasskeys<Account, Request, Response>({
  rp,
  store,
  users: { find: () => account, identify: ({ headers }) => (headers.authorization ? account : null) },
  onSignIn({ user, request, response }) {
    response.locals.role = user.role;
    return { path: request.originalUrl };
  },
});
const onKoa = createPasskeys<Account, Context, Context>({
  rp,
  store,
  users: { find: () => account, identify: ({ state }) => state.account },
});
const onFastify = createPasskeys<Account, FastifyRequest, FastifyReply>({
  rp,
  store,
  users: { find: () => account },
  onSignIn: ({ response }) => void response.header('x-signed-in', 'yes'),
});
const withoutRequests: Passkeys<Account> = createPasskeys({ rp, store, users: { find: () => account } });

export const RIGHT = [
  () => expressPasskeys(onExpress).passkeySession(req).user.role,
  () => koaPasskeys(onKoa).passkeySession(ctx).user.role,
  () => fastifyPasskeys(onFastify).passkeySession(request).user.role,
  // What reads no request fits every framework.
  () => [expressPasskeys(withoutRequests), koaPasskeys(withoutRequests), fastifyPasskeys(withoutRequests)],
  () => expressPasskeys(withoutRequests).passkeySession(req).user.passwordHash,
];

export const WRONG = [
  // @ts-expect-error identify would read Koa's context from Express's request.
  () => expressPasskeys(onKoa),
  // @ts-expect-error identify would read Express's request from Koa's context.
  () => koaPasskeys(onExpress),
  // @ts-expect-error onSignIn would get Express's response instead of Fastify's reply.
  () => expressPasskeys(onFastify),
  // @ts-expect-error The same the other way round.
  () => fastifyPasskeys(onExpress),
  // @ts-expect-error A role that this account cannot have.
  () => expressPasskeys(onExpress).passkeySession(req).user.role === 'owner',
  // @ts-expect-error A member that this account lacks.
  () => fastifyPasskeys(onFastify).passkeySession(request).user.email,
  // @ts-expect-error An action is named: a step-up for everything is no step-up.
  () => expressPasskeys(onExpress).requireStepUp(),
  // @ts-expect-error A sign-out needs the response, to take the cookie away.
  () => expressPasskeys(onExpress).signOut(req),
  // @ts-expect-error A prefix is text, not an option of the framework.
  () => expressPasskeys(onExpress, { prefix: { path: '/passkeys' } }),
  () =>
    createPasskeys<Account, Request, Response>({
      rp,
      store,
      users: {
        find: () => account,
        // @ts-expect-error Express's request has no `ctx.state`.
        identify: ({ state }) => state.account,
      },
    }),
  () =>
    createPasskeys<Account, Request, Response>({
      rp,
      store,
      users: { find: () => account },
      // @ts-expect-error Express's response has no `code()`.
      onSignIn: ({ response }) => response.code(204),
    }),
  () => res,
];
