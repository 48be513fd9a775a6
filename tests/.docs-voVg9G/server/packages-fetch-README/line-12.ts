export {};
import { serve } from '@hono/node-server';
import { createPasskeys, memoryStore } from '@latchkey/core';
import { fetchPasskeys } from '@latchkey/fetch';
import { Hono } from 'hono';
import { profileOf, users } from './accounts.ts';

const rp = { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] };
const { fetch, requireSignIn } = fetchPasskeys(createPasskeys({ rp, users, store: memoryStore() }));
const app = new Hono();
app.use(async (c, next) => (await fetch(c.req.raw)) ?? next());
app.get('/me', async (c) => {
  const session = await requireSignIn(c.req.raw);
  return session instanceof Response ? session : c.json(profileOf(session.user));
});
serve({ fetch: app.fetch, port: 3000 });