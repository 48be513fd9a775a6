/** Sign-up, sign-in by one click, sign-out, and `/me` for signed-in people. In memory: a restart forgets everything. */
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express from 'express';

const page = `<!doctype html><title>Latchkey on Express</title><body><input placeholder="Name" autocomplete="username">
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

const app = express();
const server = app.listen(Number(process.env.PORT ?? 3000), 'localhost');
await new Promise((listening) => server.on('listening', listening));
const origin = `http://localhost:${(server.address() as { port: number }).port}`;

const accounts = new Map<string, User>();
const isTaken = (name: string) => [...accounts.values()].some((account) => account.name === name);
const open = (account: User) => accounts.set(account.id, account).get(account.id);
const users: Users = {
  find: (id) => accounts.get(id),
  create: ({ name }) => (isTaken(name) ? null : open({ id: crypto.randomUUID(), name })),
};

const rp = { id: 'localhost', name: 'Latchkey on Express', origins: [origin] };
const { routes, requireSignIn } = expressPasskeys(createPasskeys({ rp, users, store: memoryStore() }));
app.use(routes());
app.get('/me', requireSignIn(), ({ passkeySession: { user } }, res) => void res.json({ id: user.id, name: user.name }));
app.get('/', (_req, res) => void res.send(page));
console.log(`listening on ${origin}`);
