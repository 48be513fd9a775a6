/** Sign-up, sign-in by one click, sign-out, and `/me` for signed-in people. In memory: a restart forgets everything. */
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { fetchPasskeys } from '@latchkey/fetch';
import { H3, html, raw, serve } from 'h3';

const page = `<!doctype html><title>Latchkey on h3</title><body><input placeholder="Name" autocomplete="username">
<button>Sign up</button> <button>Sign in</button> <button>Sign out</button> <p role="status"></p><script type="module">
  import { createPasskeyClient } from '/passkeys/client.js';
  const passkeys = createPasskeyClient(); passkeys.prepare();
  const [username, signUp, signIn, signOut, status] = document.body.children;
  const show = async ({ kind }) => status.replaceChildren(kind, ': ', await (await fetch('/me')).text());
  signUp.onclick = async () => show(await passkeys.signUp({ username: username.value }));
  signIn.onclick = async () => show(await passkeys.signIn());
  signOut.onclick = async () => show(await passkeys.signOut());
</script>`;

const port = Number(process.env.PORT ?? 3000);
const accounts = new Map<string, User>();
const isTaken = (name: string) => [...accounts.values()].some((account) => account.name === name);
const open = (account: User) => accounts.set(account.id, account).get(account.id);
const users: Users = {
  find: (id) => accounts.get(id),
  create: ({ name }) => (isTaken(name) ? null : open({ id: crypto.randomUUID(), name })),
};

const origin = `http://localhost:${port}`;
const rp = { id: 'localhost', name: 'Latchkey on h3', origins: [origin] };
const { fetch, requireSignIn } = fetchPasskeys(createPasskeys({ rp, users, store: memoryStore() }), {
  address: (_request, peer: string | undefined) => peer ?? null,
});
const app = new H3();
app.use(async ({ req }, next) => (await fetch(req, req.ip)) ?? next());
app.get('/me', async ({ req }) => {
  const session = await requireSignIn(req, {}, req.ip);
  return session instanceof Response ? session : { id: session.user.id, name: session.user.name };
});
app.get('/', () => html(raw(page)));
await serve(app, { port, hostname: 'localhost', silent: true }).ready();
console.log(`listening on ${origin}`);
