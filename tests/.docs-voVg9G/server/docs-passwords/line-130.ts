export {};
import { expressApp as app, passkeys, expressPasskeys } from 'given';
const { signOut } = expressPasskeys(passkeys);

app.post('/logout', async (req, res) => {
  await signOut(req, res); // new: ends Latchkey's session
  req.session.destroy(() => res.redirect('/'));
});