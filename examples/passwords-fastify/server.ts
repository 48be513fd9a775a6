/**
 * A site with passwords (@fastify/session, @fastify/csrf-protection) and what passkeys need in it. The site was there before;
 * all that is new stands between the two lines. Its page is that of ../passwords-express.
 */
import { readFileSync } from 'node:fs';
import fastifyCookie from '@fastify/cookie';
import fastifyCsrf from '@fastify/csrf-protection';
import fastifyForms from '@fastify/formbody';
import fastifySession from '@fastify/session';
import { createPasskeys, memoryStore } from '@latchkey/core';
import { fastifyPasskeys } from '@latchkey/fastify';
import Fastify, { type FastifyReply, type FastifyRequest, type preHandlerAsyncHookHandler } from 'fastify';
import { type Account, byEmail, byId, isPassword } from './accounts.ts';

declare module 'fastify' {
  interface Session {
    accountId?: number;
  }
}

const port = Number(process.env.PORT ?? 3000);
const read = (name: string) => readFileSync(new URL(`../passwords-express/public/${name}`, import.meta.url), 'utf8');
const [page, script] = [read('page.html'), read('page.mjs')];

const app = Fastify({ logger: true });
await app.register(fastifyCookie);
await app.register(fastifySession, {
  secret: process.env.SECRET ?? 'at least 32 characters, on localhost only',
  saveUninitialized: false,
  cookie: { secure: false, sameSite: 'lax' }, // on http://localhost only
});
await app.register(fastifyForms);
await app.register(fastifyCsrf, { sessionPlugin: '@fastify/session' });

const accountOf = (request: FastifyRequest) => byId(request.session.accountId);

/** Signs in to this site: a new session id, and the csrf secret and the cart stay. */
async function logIn(request: FastifyRequest, { id }: Account): Promise<void> {
  await request.session.regenerate(['_csrf', 'cart']);
  request.session.accountId = id;
}

// --- new: passkeys, with the session in front of them and the csrf hook not ---

/** What Latchkey may know of a row: three members, with the id as text. */
const userOf = (account: Account | undefined) => account && { id: String(account.id), name: account.email };

const passkeys = createPasskeys({
  rp: { id: 'localhost', name: 'A site with passwords', origins: [`http://localhost:${port}`] },
  store: memoryStore(),
  users: {
    find: (id) => userOf(byId(Number(id))),
    identify: (request: FastifyRequest) => userOf(accountOf(request)),
    hasOtherWayIn: () => true, // everybody here has a password
  },
  sessions: { followIdentify: true }, // whoever is signed out of this site is signed out of Latchkey
  onSignIn: ({ user, request }: { user: { id: string }; request: FastifyRequest }) =>
    logIn(request, byId(Number(user.id))!),
  onSignOut: ({ current, request }: { current: boolean; request: FastifyRequest }) =>
    current && request.session.destroy(),
});
await app.register(fastifyPasskeys(passkeys));

/** People who have a passkey confirm with it. For the others it is the password again. */
const confirmPayment: preHandlerAsyncHookHandler = async function (request, reply) {
  const account = accountOf(request)!;
  const own = await passkeys.forUser(String(account.id)).list();
  if (own.some(({ enabled }) => enabled)) {
    return app.requireStepUp({ within: '5m', action: 'pay' }).call(this, request, reply);
  }
  const { password = '' } = request.body as { password?: string };
  if (!isPassword(account, password)) return reply.code(403).send({ code: 'password_required' });
};

// --- to here; and app.signOut() in the site's own sign-out ---

/** The site's own guard: the password is enough, and so is the passkey, because both sign in here. */
async function ensureLoggedIn(request: FastifyRequest, reply: FastifyReply) {
  if (!accountOf(request)) return reply.redirect('/');
}

// A hook counts for every route of its scope, also for those before it: so the csrf hook has a scope of its own.
await app.register(async (site) => {
  site.addHook('preHandler', (request, reply, done) =>
    request.method === 'POST' ? site.csrfProtection(request, reply, done) : done(),
  );

  site.post('/login', async (request, reply) => {
    const { username, password } = request.body as { username: string; password: string };
    const account = byEmail(username);
    if (!account || !isPassword(account, password)) return reply.redirect('/?wrong');
    await logIn(request, account);
    return reply.redirect('/');
  });
  site.post('/logout', async (request, reply) => {
    await app.signOut(request, reply); // new
    await request.session.destroy();
    return reply.redirect('/');
  });
  site.post('/pay', { preHandler: [ensureLoggedIn, confirmPayment] }, async (request) => {
    return `${accountOf(request)!.email} has paid.`;
  });
  site.get('/page.mjs', (_request, reply) => reply.type('text/javascript').send(script));
  site.get('/', (request, reply) => {
    const account = accountOf(request);
    const values: Record<string, unknown> = {
      who: account ? `Signed in as ${account.email}` : 'Nobody is signed in',
      signedIn: account !== undefined,
      csrfToken: reply.generateCsrf(),
    };
    return reply.type('text/html').send(page.replace(/\{\{(\w+)\}\}/g, (_, name) => String(values[name])));
  });
});

await app.listen({ port, host: 'localhost' });
console.log(`listening on http://localhost:${port}`);
