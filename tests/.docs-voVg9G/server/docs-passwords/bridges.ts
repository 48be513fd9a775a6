export {};
import { rp, store, users, rows } from 'given';
// bridges.ts: passport 0.7 on express-session
import { promisify } from 'node:util';
import { createPasskeys } from '@latchkey/core';
import type { Request } from 'express';

type Login = (user: unknown, options: { keepSessionInfo: boolean }, done: (error?: unknown) => void) => void;
type Passport = Request & { login: Login; logout: (done: (error?: unknown) => void) => void };

createPasskeys({
  rp,
  store,
  users,
  sessions: { followIdentify: true }, // a person who is signed out of the site is signed out of Latchkey
  onSignIn: async ({ user, request }: { user: { id: string }; request: Passport }) => {
    const row = await rows.byId(Number(user.id));
    await promisify(request.login).call(request, row, { keepSessionInfo: true }); // keeps the cart
  },
  onSignOut: ({ current, request }: { current: boolean; request: Passport }) =>
    current ? promisify(request.logout).call(request) : undefined,
});