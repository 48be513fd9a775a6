/** Sign-up, sign-in by one click, sign-out, and `/me` for those who are in. In memory: a restart forgets everything. */
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express from 'express';
import session from 'express-session';

const page = `<!doctype html><title>Latchkey on Express</title><body><input placeholder="Name" autocomplete="username">
<button>Sign up</button> <button>Sign in</button> <button>Sign out</button> <p role="status"></p><script type="module">
  import { createPasskeyClient } from '/passkeys/client.js';
  const passkeys = createPasskeyClient();
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
const open = (name: string) => (accounts.has(name) ? null : accounts.set(name, { id: name, name }).get(name));
const users: Users = { find: (id) => accounts.get(id), create: ({ name }) => open(name) };
const rp = { id: 'localhost', name: 'Latchkey on Express', origins: [origin] };
const passkeys = createPasskeys({ rp, users, store: memoryStore() });
const { router, requireSignIn } = expressPasskeys(passkeys);

app.use(session({ secret: crypto.randomUUID(), resave: false, saveUninitialized: false }));
app.use('/passkeys', router());
app.get('/me', requireSignIn(), (req, res) => void res.json(req.passkey?.user));
app.get('/', (_req, res) => void res.send(page));
console.log(`listening on ${origin}`);
