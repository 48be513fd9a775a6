/**
 * A site with passwords (passport, express-session, csrf tokens, helmet) and what passkeys need in it. The site was there
 * before; all that is new stands between the two lines.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { createPasskeys, memoryStore } = require('@latchkey/core');
const { expressPasskeys } = require('@latchkey/express');
const { csrfSync } = require('csrf-sync');
const express = require('express');
const session = require('express-session');
const { default: helmet } = require('helmet');
const passport = require('passport');
const { Strategy } = require('passport-local');
const accounts = require('./accounts.js');

const port = Number(process.env.PORT ?? 3000);
const page = readFileSync(join(__dirname, 'public/page.html'), 'utf8');
const { csrfSynchronisedProtection } = csrfSync({
  getTokenFromRequest: (req) => req.body?._csrf ?? req.headers['x-csrf-token'],
});

passport.use(
  new Strategy((email, password, done) => {
    const account = accounts.byEmail(email);
    done(null, account && accounts.isPassword(account, password) ? account : false);
  }),
);
passport.serializeUser((account, done) => done(null, account.id));
passport.deserializeUser((id, done) => done(null, accounts.byId(id) ?? false));

const app = express();
app.use(helmet());
app.use(express.urlencoded({ extended: false }));
app.use(session({ secret: process.env.SECRET ?? 'only on localhost', resave: false, saveUninitialized: false }));
app.use(passport.authenticate('session'));

// --- new: passkeys, after what sets req.user and before the csrf middleware ---

/** What Latchkey may know of a row: three members, with the id as text. */
const userOf = (account) => account && { id: String(account.id), name: account.email };
const login = (req, account) => promisify(req.login).call(req, account, { keepSessionInfo: true });
const logout = (req) => promisify(req.logout).call(req);

const passkeys = createPasskeys({
  rp: { id: 'localhost', name: 'A site with passwords', origins: [`http://localhost:${port}`] },
  store: memoryStore(),
  users: {
    find: (id) => userOf(accounts.byId(id)),
    identify: (req) => userOf(req.user),
    hasOtherWayIn: () => true, // everybody here has a password
  },
  sessions: { followIdentify: true }, // whoever is signed out of this site is signed out of Latchkey
  onSignIn: ({ user, request }) => login(request, accounts.byId(user.id)),
  onSignOut: ({ current, request }) => current && logout(request),
});
const { routes, wellKnown, requireStepUp, signOut } = expressPasskeys(passkeys);
app.use(routes());
app.use(wellKnown());

/** People who have a passkey confirm with it. For the others it is the password again. */
async function confirmPayment(req, res, next) {
  const own = await passkeys.forUser(String(req.user.id)).list();
  if (own.some(({ enabled }) => enabled)) return requireStepUp({ within: '5m', action: 'pay' })(req, res, next);
  if (accounts.isPassword(req.user, req.body?.password)) return next();
  res.status(403).json({ code: 'password_required' });
}

// --- to here; and signOut() in the site's own sign-out ---

app.use(csrfSynchronisedProtection);
app.post('/login', passport.authenticate('local', { successRedirect: '/', failureRedirect: '/?wrong' }));
app.post('/logout', async (req, res) => {
  await signOut(req, res); // new
  await logout(req);
  res.redirect('/');
});
app.post('/pay', ensureLoggedIn, confirmPayment, (req, res) => res.send(`${req.user.email} has paid.`));
app.use(express.static(join(__dirname, 'public')));
app.get('/', (req, res) => {
  const values = {
    who: req.user ? `Signed in as ${req.user.email}` : 'Nobody is signed in',
    signedIn: req.user !== undefined,
    csrfToken: req.csrfToken(),
  };
  res.send(page.replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]));
});

/** The site's own guard: the password is enough, and so is the passkey, because both sign in here. */
function ensureLoggedIn(req, res, next) {
  if (req.user) next();
  else res.redirect('/');
}

app.listen(port, 'localhost', () => console.log(`listening on http://localhost:${port}`));
