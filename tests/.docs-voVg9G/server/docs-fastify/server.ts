export {};
// server.ts
import { readFile } from 'node:fs/promises';
import { createPasskeys, memoryStore, type User } from '@latchkey/core'; // new
import { fastifyPasskeys } from '@latchkey/fastify'; // new
import Fastify from 'fastify';

const accounts = new Map<string, User>(); // yours: a table, say

const app = Fastify({ logger: true });

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
await app.register(fastifyPasskeys(passkeys)); // routes below /passkeys
// to here

app.get('/', async (_request, reply) => {
  const page = await readFile('public/index.html', 'utf8').catch(() => 'Write public/index.html');
  return reply.type('text/html').send(page);
});
// new: the guard
app.get('/me', { preHandler: app.requireSignIn() }, async ({ passkeySession: { user } }) => {
  return { id: user.id, name: user.name };
});
await app.listen({ port: 3000 });