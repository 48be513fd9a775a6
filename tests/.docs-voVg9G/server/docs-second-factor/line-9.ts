export {};
import { table, expressApp as app, store, rp } from 'given';
import { createPasskeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import type { Request } from 'express';
import type { Session } from 'express-session';

type Half = Request & { session: Session & { passwordOf?: string } }; // your own session, for the time between

const passkeys = createPasskeys({
  rp,
  store,
  users: {
    find: (id) => table.byId(id),
    identify: (request: Request) => table.byId((request as Half).session.passwordOf),
  },
  policy: { firstFactor: 'identified' }, // nobody signs in by passkey alone
});
const { routes, requireSignIn } = expressPasskeys(passkeys);

app.post('/password', async (req, res) => {
  const account = await table.byPassword(req.body.name, req.body.password);
  if (!account) return void res.sendStatus(401);
  (req as Half).session.passwordOf = account.id; // half signed in: no guard lets that pass
  res.json({ next: 'passkey' });
});
app.use(routes());
app.get('/account', requireSignIn(), (req, res) => void res.json({ name: req.passkeySession.user.name }));