export {};
import { expressPasskeys as adapter, expressApp as app, passkeys } from 'given';
const { requireStepUp } = adapter(passkeys);

app.post('/transfers', requireStepUp({ within: '5m', action: 'transfer' }), (req, res) => {
  res.json({ by: req.passkeySession.user.id });
});