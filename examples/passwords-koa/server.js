/**
 * A site with passwords (koa-passport, koa-session) and what passkeys need in it. The site was there before; all that is new
 * stands between the two lines. Its page and its accounts are those of ../passwords-express.
 */
import { readFileSync } from 'node:fs';
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import { createPasskeys, memoryStore } from '@latchkey/core';
import { koaPasskeys } from '@latchkey/koa';
import Koa from 'koa';
import passport from 'koa-passport';
import session from 'koa-session';
import { Strategy } from 'passport-local';
import accounts from '../passwords-express/accounts.js';

const port = Number(process.env.PORT ?? 3000);
const read = (name) => readFileSync(new URL(`../passwords-express/public/${name}`, import.meta.url), 'utf8');
const [page, script] = [read('page.html'), read('page.mjs')];

passport.use(
  new Strategy((email, password, done) => {
    const account = accounts.byEmail(email);
    done(null, account && accounts.isPassword(account, password) ? account : false);
  }),
);
passport.serializeUser((account, done) => done(null, account.id));
passport.deserializeUser((id, done) => done(null, accounts.byId(id) ?? false));

// In memory, to begin with. In Redis it is the same three functions.
const sessions = new Map();
const store = {
  get: async (id) => sessions.get(id),
  set: async (id, data) => sessions.set(id, data),
  destroy: async (id) => sessions.delete(id),
};

const app = new Koa({ keys: [process.env.SECRET ?? 'only on localhost'] });
app.use(session({ store, sameSite: 'lax' }, app));
app.use(bodyParser({ enableTypes: ['form'] }));
app.use(passport.initialize());
app.use(passport.session());

// --- new: passkeys, after what sets ctx.state.user ---

/** What Latchkey may know of a row: three members, with the id as text. */
const userOf = (account) => account && { id: String(account.id), name: account.email };

const passkeys = createPasskeys({
  rp: { id: 'localhost', name: 'A site with passwords', origins: [`http://localhost:${port}`] },
  store: memoryStore(),
  users: {
    find: (id) => userOf(accounts.byId(id)),
    identify: (ctx) => userOf(ctx.state.user),
    hasOtherWayIn: () => true, // everybody here has a password
  },
  sessions: { followIdentify: true }, // whoever is signed out of this site is signed out of Latchkey
  onSignIn: ({ user, request: ctx }) => ctx.login(accounts.byId(user.id), { keepSessionInfo: true }),
  onSignOut: ({ current, request: ctx }) => current && logout(ctx),
});
const { routes, wellKnown, requireStepUp, signOut } = koaPasskeys(passkeys);
app.use(routes()).use(wellKnown());

/** People who have a passkey confirm with it. For the others it is the password again. */
async function confirmPayment(ctx, next) {
  const { user } = ctx.state;
  const own = await passkeys.forUser(String(user.id)).list();
  if (own.some(({ enabled }) => enabled)) return requireStepUp({ within: '5m', action: 'pay' })(ctx, next);
  if (accounts.isPassword(user, ctx.request.body.password)) return next();
  ctx.status = 403;
  ctx.body = { code: 'password_required' };
}

// --- to here; and signOut() in the site's own sign-out ---

/** Ends the session in its store. ctx.logout() alone keeps what else is in it. */
async function logout(ctx) {
  await ctx.logout();
  ctx.session = null;
}

/** The site's own guard: the password is enough, and so is the passkey, because both sign in here. */
function ensureLoggedIn(ctx, next) {
  return ctx.isAuthenticated() ? next() : ctx.redirect('/');
}

const router = new Router();
router.post('/login', passport.authenticate('local', { successRedirect: '/', failureRedirect: '/?wrong' }));
router.post('/logout', async (ctx) => {
  await signOut(ctx); // new
  await logout(ctx);
  ctx.redirect('/');
});
router.post('/pay', ensureLoggedIn, confirmPayment, (ctx) => {
  ctx.body = `${ctx.state.user.email} has paid.`;
});
router.get('/page.mjs', (ctx) => {
  ctx.type = 'text/javascript';
  ctx.body = script;
});
router.get('/', (ctx) => {
  const { user } = ctx.state;
  const values = {
    who: user ? `Signed in as ${user.email}` : 'Nobody is signed in',
    signedIn: user !== undefined,
    csrfToken: '', // a cookie with SameSite=Lax goes along with no POST of another site
  };
  ctx.type = 'html';
  ctx.body = page.replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]);
});
app.use(router.routes());

app.listen(port, 'localhost', () => console.log(`listening on http://localhost:${port}`));
