/**
 * Tokens instead of sessions: `onSignIn` answers each sign-in with a signed JWT, and `/me` takes it as a bearer token.
 *
 * `sessions: false`: Latchkey keeps nobody signed in, and this server asks no store whether a token is still good. So a token
 * is good until it expires, also after its passkey was removed; for that reason it lives ten minutes. Where that is too
 * long, leave the sessions on, put `session.id` of `onSignIn` into the token, and ask `passkeys.isSessionLive(id)`.
 * What needs a session (step-up, a person's own passkeys) is 401 `sign_in_required` here.
 */
import { createPasskeys, memoryStore, type User, type Users } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express, { type RequestHandler } from 'express';
import { generateKeyPair, jwtVerify, SignJWT } from 'jose';

// The page keeps the token in a variable: it ends with the page, and no other script finds it.
const page = `<!doctype html><title>Latchkey with tokens</title><body><input placeholder="Name" autocomplete="username">
<button>Sign up</button> <button>Sign in</button> <button>Sign out</button> <p role="status"></p><script type="module">
  import { createPasskeyClient } from '/passkeys/client.js';
  const passkeys = createPasskeyClient();
  passkeys.prepare();
  const [username, signUp, signIn, signOut, status] = document.body.children;
  let token;
  async function show(kind) {
    const me = await fetch('/me', { headers: token ? { authorization: 'Bearer ' + token } : {} });
    status.textContent = kind + ': ' + (await me.text());
  }
  signUp.onclick = async () => {
    const signedUp = await passkeys.signUp({ username: username.value });
    token = signedUp.token;
    await show(signedUp.kind);
  };
  signIn.onclick = async () => {
    const signedIn = await passkeys.signIn();
    token = signedIn.token;
    await show(signedIn.kind);
  };
  signOut.onclick = async () => {
    token = undefined;
    await show('done');
  };
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

// A new pair at each start ends every token. Yours comes from where you keep secrets.
const { privateKey, publicKey } = await generateKeyPair('EdDSA');

const passkeys = createPasskeys({
  rp: { id: 'localhost', name: 'Latchkey with tokens', origins: [origin] },
  users,
  store: memoryStore(),
  sessions: false,
  onSignIn: async ({ user, authenticatedAt, userVerified, attempt }) => {
    const claims = {
      auth_time: Math.floor(authenticatedAt / 1000),
      // RFC 8176: a key was used (pop), somebody was there (user) and, where the device verified them, two factors (mfa).
      // Neither hwk nor swk: without attestation nobody knows where the key is kept.
      amr: ['pop', 'user', ...(userVerified ? ['mfa'] : [])],
      // Ours, for those who read our tokens: whether Immediate UI mode was enforced, as far as a server can know.
      acr: attempt.enforcement,
    };
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).setSubject(user.id);
    return { token: await jwt.setIssuer(origin).setAudience(origin).setExpirationTime('10m').sign(privateKey) };
  },
});

/** Lets a request pass that brings a token of ours, and puts the token's claims at `res.locals.claims`. */
const requireToken: RequestHandler = async (req, res, next) => {
  const [, token = ''] = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
  const ours = { issuer: origin, audience: origin, algorithms: ['EdDSA'] };
  const verified = await jwtVerify(token, publicKey, ours).catch(() => null);
  res.locals.claims = verified?.payload;
  if (verified) next();
  else res.status(401).set('www-authenticate', 'Bearer').json({ title: 'Sign in first' });
};

app.use(expressPasskeys(passkeys).routes());
app.get('/me', requireToken, (_req, res) => void res.json(res.locals.claims));
app.get('/', (_req, res) => void res.send(page));
console.log(`listening on ${origin}`);
