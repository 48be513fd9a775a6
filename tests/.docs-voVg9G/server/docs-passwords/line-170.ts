export {};
import { expressApp as app, passkeys, expressPasskeys, isPasswordOf } from 'given';
import type { RequestHandler } from 'express';

const { requireStepUp } = expressPasskeys(passkeys);

const confirmPayment: RequestHandler = async (req, res, next) => {
  const { id } = req.user as { id: number };
  const own = await passkeys.forUser(String(id)).list();
  if (own.some(({ enabled }) => enabled)) return requireStepUp({ within: '5m', action: 'pay' })(req, res, next);
  if (await isPasswordOf(id, req.body.password)) return next();
  res.status(403).json({ code: 'password_required' });
};

app.post('/pay', confirmPayment, (_req, res) => void res.send('Paid.'));