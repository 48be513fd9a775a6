/**
 * The application, the same on every runtime: sign-up, sign-in by one click, sign-out, and `/me` for signed-in people. In memory: a
 * restart forgets everything. What each runtime has otherwise is in the file of its name.
 */
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { fetchPasskeys } from '@latchkey/fetch';
import { Hono } from 'hono';

const page = `<!doctype html><title>Latchkey on Hono</title><body><input placeholder="Name" autocomplete="username">
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

const accounts = new Map<string, User>();
const isTaken = (name: string) => [...accounts.values()].some((account) => account.name === name);
const open = (account: User) => accounts.set(account.id, account).get(account.id);
const users: Users = {
  find: (id) => accounts.get(id),
  create: ({ name }) => (isTaken(name) ? null : open({ id: crypto.randomUUID(), name })),
};

export const port = Number(process.env.PORT ?? 3000);
const rp = { id: 'localhost', name: 'Latchkey on Hono', origins: [`http://localhost:${port}`] };

/** By the console, which every runtime has. What is written past it, workerd marks with `stdout: `, and then it is no JSON. */
const log = (fields: object, message: string) => console.log(JSON.stringify({ ...fields, message }));
const logger = { info: log, warn: log, error: log };

/** `SWEEP=false`, where a timer would not live: the runtime's own schedule calls `passkeys.sweep()`. */
const sweepEvery = process.env.SWEEP === 'false' ? false : '30s';
export const passkeys = createPasskeys({ rp, users, store: memoryStore(), sweepEvery, logger });

/** What a runtime hands over beside a request: the client's address, as it knows it. */
type Env = { Bindings: { readonly address: string | null } };
const { fetch, requireSignIn } = fetchPasskeys(passkeys, {
  address: (_request, env: Env['Bindings'] | undefined) => env?.address ?? null,
});

export const app = new Hono<Env>();
app.use(async (c, next) => (await fetch(c.req.raw, c.env)) ?? next());
app.get('/me', async (c) => {
  const session = await requireSignIn(c.req.raw, {}, c.env);
  return session instanceof Response ? session : c.json({ id: session.user.id, name: session.user.name });
});
app.get('/', (c) => c.html(page));
