/** Sign-up, sign-in by one click, sign-out, and `/me` for signed-in people. In memory: a restart forgets everything. */
import { createServer } from 'node:http';
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { fastifyPasskeys } from '@latchkey/fastify';
import Fastify from 'fastify';

const page = `<!doctype html><title>Latchkey on Fastify</title><body><input placeholder="Name" autocomplete="username">
<button>Sign up</button> <button>Sign in</button> <button>Sign out</button> <p role="status"></p><script type="module">
  import { createPasskeyClient } from '/passkeys/client.js';
  const passkeys = createPasskeyClient();
  passkeys.prepare();
  const [username, signUp, signIn, signOut, status] = document.body.children;
  const show = async ({ kind }) => status.replaceChildren(kind, ': ', await (await fetch('/me')).text());
  signUp.onclick = async () => show(await passkeys.signUp({ username: username.value }));
  signIn.onclick = async () => show(await passkeys.signIn());
  signOut.onclick = async () => show(await passkeys.signOut());
</script>`;
const server = createServer().listen(Number(process.env.PORT ?? 3000), 'localhost');
await new Promise((listening) => server.on('listening', listening));
const origin = `http://localhost:${(server.address() as { port: number }).port}`;
const accounts = new Map<string, User>();
const isTaken = (name: string) => [...accounts.values()].some((account) => account.name === name);
const open = (account: User) => accounts.set(account.id, account).get(account.id);
const users: Users = {
  find: (id) => accounts.get(id),
  create: ({ name }) => (isTaken(name) ? null : open({ id: crypto.randomUUID(), name })),
};
const rp = { id: 'localhost', name: 'Latchkey on Fastify', origins: [origin] };
const app = Fastify({ logger: true, serverFactory: (handler) => server.on('request', handler) });
await app.register(fastifyPasskeys(createPasskeys({ rp, users, store: memoryStore() })));
app.get('/me', { preHandler: app.requireSignIn() }, async ({ passkeySession: { user } }) => {
  return { id: user.id, name: user.name };
});
app.get('/', (_request, reply) => reply.type('text/html').send(page));
await app.ready();
console.log(`listening on ${origin}`);
