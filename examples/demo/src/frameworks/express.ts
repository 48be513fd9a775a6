/** The demo on Express: the passkey routes and the pages. This is what an application of yours would look like. */
import { expressPasskeys } from '@latchkey/express';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { Demo } from '../framework.ts';
import { PEOPLE } from '../people.ts';
import { INVITATION, invitationLink, MAIL, PRIVATE_NOTE, SIGN_IN_FIRST } from '../site.ts';

export function serveWithExpress({ origin, passkeys, site, attempts, mailbox, people }: Demo) {
  const { routes, wellKnown, requireSignIn, requireStepUp } = expressPasskeys(passkeys);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Behind https there is a proxy, and it says where requests come from.
  app.set('trust proxy', origin.startsWith('https:'));
  app.use((_req, res, next) => {
    res.set(site.headers);
    next();
  });

  app.use(routes());
  app.use(wellKnown());

  for (const { path, guarded, html } of site.pages) {
    const guards = guarded ? [requireSignIn({ redirectTo: SIGN_IN_FIRST })] : [];
    app.get(path, guards, (req: Request, res: Response) => sendPage(res, 200, html(req.passkeySession)));
  }

  app.get(PRIVATE_NOTE.path, requireStepUp(PRIVATE_NOTE.rule), (_req, res) => {
    res.set('cache-control', 'no-store').json(PRIVATE_NOTE.answer);
  });
  app.post(INVITATION.path, requireStepUp(INVITATION.rule), async (req, res) => {
    res.set('cache-control', 'no-store').json(await invitationLink(passkeys, origin, req.passkeySession.user.id));
  });
  app.post(PEOPLE.path, requireStepUp(PEOPLE.rule), async (req, res) => {
    const { status, body } = await people.answer(req.passkeySession, new URL(req.url, origin).searchParams);
    res.status(status).set('cache-control', 'no-store').json(body);
  });
  app.get(MAIL, requireSignIn(), (req, res) => {
    res.set('cache-control', 'no-store').json(mailbox.of(req.passkeySession.user.id));
  });

  app.use(async (req, res, next) => {
    if (!(await attempts.node(req, res))) next();
  });

  app.get('/assets/:name', (req, res, next) => {
    const asset = site.assets.get(req.params.name);
    if (!asset) return next();
    res.set({ 'cache-control': 'no-cache', etag: asset.etag, 'content-type': asset.type });
    if (req.fresh) res.status(304).end();
    else res.end(asset.body);
  });

  app.use((_req, res) => sendPage(res, 404, site.notFound));
  app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    // A request that cannot be read (a bad escape in its path, say) carries its own status.
    const status = (error as { status?: unknown }).status;
    if (typeof status === 'number' && status < 500) return sendPage(res, status, site.notFound);
    console.error(error);
    if (res.headersSent) next(error);
    else sendPage(res, 500, site.wentWrong);
  });
  return app;
}

function sendPage(res: Response, status: number, html: string): void {
  res.status(status).set({ 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8' }).end(html);
}
