/** Sign-up, sign-in by one click, sign-out, and `/me` for those who are in. In memory: a restart forgets everything. */
import { createServer } from 'node:http';
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { koaPasskeys } from '@latchkey/koa';
import Koa from 'koa';
import session from 'koa-session';

const page = `<!doctype html><title>Latchkey on Koa</title><body><input placeholder="Name" autocomplete="username">
<button>Sign up</button> <button>Sign in</button> <button>Sign out</button> <p role="status"></p><script type="module">
  import { createPasskeyClient } from '/passkeys/client.js';
  const passkeys = createPasskeyClient();
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
const open = (name: string) => (accounts.has(name) ? null : accounts.set(name, { id: name, name }).get(name));
const users: Users = { find: (id) => accounts.get(id), create: ({ name }) => open(name) };
const rp = { id: 'localhost', name: 'Latchkey on Koa', origins: [origin] };
const { routes, requireSignIn } = koaPasskeys(createPasskeys({ rp, users, store: memoryStore() }));
const sessions = new Map<string, object>();
const store = {
  get: async (id: string) => sessions.get(id),
  set: async (id: string, data: object) => void sessions.set(id, data),
  destroy: async (id: string) => void sessions.delete(id),
};
const app = new Koa({ keys: [crypto.randomUUID()] });
app.use(session({ store }, app)).use(routes());
app.use((ctx, next) => (ctx.path === '/me' ? requireSignIn()(ctx, next) : next()));
app.use((ctx) => {
  ctx.body = ctx.path === '/me' ? ctx.state.passkey.user : page;
});
server.on('request', app.callback());
console.log(`listening on ${origin}`);
