/** Sign-up, sign-in by one click, sign-out, and `/me` for those who are in. In memory: a restart forgets everything. */
import { createServer } from 'node:http';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { fastifyPasskeys } from '@latchkey/fastify';
import Fastify from 'fastify';

const page = `<!doctype html><title>Latchkey on Fastify</title><body><input placeholder="Name" autocomplete="username">
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
const rp = { id: 'localhost', name: 'Latchkey on Fastify', origins: [origin] };
const passkeys = createPasskeys({ rp, users, store: memoryStore() });

const app = Fastify({ logger: true, serverFactory: (handler) => server.on('request', handler) });
await app.register(fastifyCookie);
const cookie = { secure: false }; // by default it is, and not every browser keeps such a cookie from http://localhost
await app.register(fastifySession, { secret: crypto.randomUUID(), saveUninitialized: false, cookie });
await app.register(fastifyPasskeys, { passkeys });
app.get('/me', { preHandler: app.requireSignIn() }, async (request) => request.passkey?.user);
app.get('/', (_request, reply) => reply.type('text/html').send(page));
await app.ready();
console.log(`listening on ${origin}`);
