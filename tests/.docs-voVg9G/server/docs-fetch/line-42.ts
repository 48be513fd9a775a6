export {};
import { passkeys } from 'given';
import type { PasskeySession } from '@latchkey/core';
import { fetchPasskeys } from '@latchkey/fetch';
import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';

const { requireSignIn } = fetchPasskeys(passkeys);

const signedIn = createMiddleware<{ Variables: { session: PasskeySession } }>(async (c, next) => {
  const session = await requireSignIn(c.req.raw);
  if (session instanceof Response) return session;
  c.set('session', session);
  await next();
});

new Hono().get('/me', signedIn, (c) => c.json({ id: c.get('session').user.id }));