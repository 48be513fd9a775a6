export {};
import { expressApp as app, passkeys, expressPasskeys } from 'given';
const { signOut } = expressPasskeys(passkeys);

app.get('/logout', (req, res, next) => {
  signOut(req, res).then(() => req.session.destroy(() => res.redirect('/')), next);
});