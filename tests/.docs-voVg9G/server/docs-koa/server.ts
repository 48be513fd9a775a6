export {};
// server.ts
import { readFile } from 'node:fs/promises';
import { createPasskeys, memoryStore, type User } from '@latchkey/core'; // new
import { koaPasskeys } from '@latchkey/koa'; // new
import Koa from 'koa';

const accounts = new Map<string, User>(); // yours: a table, say

const app = new Koa();

// new, from here
const passkeys = createPasskeys({
  rp: { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] },
  users: {
    find: (id) => accounts.get(id),
    create({ name, displayName }) {
      if ([...accounts.values()].some((account) => account.name === name)) return null; // taken
      const account = { id: crypto.randomUUID(), name, displayName };
      accounts.set(account.id, account);
      return account;
    },
  },
  store: memoryStore(),
});
const { routes, wellKnown, requireSignIn } = koaPasskeys(passkeys);
app.use(routes()).use(wellKnown());
// to here

app.use(async (ctx, next) => {
  if (ctx.path !== '/') return next();
  ctx.type = 'html';
  ctx.body = await readFile('public/index.html').catch(() => 'Write public/index.html');
});
app.use(requireSignIn()); // new: from here on, people are signed in
app.use((ctx) => {
  const { id, name } = ctx.state.passkeySession.user;
  ctx.body = { id, name };
});
app.listen(3000, 'localhost');