/** The demo on Koa: the passkey routes and the pages; without a router and without a body parser. */
import { koaPasskeys } from '@latchkey/koa';
import Koa, { type Context, type Middleware } from 'koa';
import type { Demo } from '../framework.ts';
import { PEOPLE } from '../people.ts';
import { INVITATION, invitationLink, MAIL, PRIVATE_NOTE, SIGN_IN_FIRST } from '../site.ts';

export function serveWithKoa({ origin, passkeys, site, attempts, mailbox, people }: Demo) {
  const { routes, wellKnown, requireSignIn, requireStepUp } = koaPasskeys(passkeys);
  // Behind https there is a proxy, and it says where requests come from.
  const app = new Koa({ proxy: origin.startsWith('https:') });

  app.use(async (ctx, next) => {
    ctx.set(site.headers);
    try {
      await next();
    } catch (error) {
      // A request that cannot be read carries its own status.
      const status = (error as { status?: unknown }).status;
      const theirs = typeof status === 'number' && status < 500;
      if (!theirs) console.error(error);
      sendPage(ctx, theirs ? status : 500, theirs ? site.notFound : site.wentWrong);
    }
  });

  app.use(routes());
  app.use(wellKnown());

  for (const { path, guarded, html } of site.pages) {
    const is = (asked: string) => asked === path;
    if (guarded) app.use(at(is, requireSignIn({ redirectTo: SIGN_IN_FIRST })));
    app.use(at(is, async (ctx) => sendPage(ctx, 200, html(ctx.state.passkeySession))));
  }

  const isNote = (path: string) => path === PRIVATE_NOTE.path;
  app.use(at(isNote, requireStepUp(PRIVATE_NOTE.rule)));
  app.use(
    at(isNote, async (ctx) => {
      ctx.set('cache-control', 'no-store');
      ctx.body = PRIVATE_NOTE.answer;
    }),
  );
  const isInvitation = (path: string) => path === INVITATION.path;
  app.use(at(isInvitation, requireStepUp(INVITATION.rule)));
  app.use(
    at(isInvitation, async (ctx, next) => {
      if (ctx.method !== 'POST') return next();
      ctx.set('cache-control', 'no-store');
      ctx.body = await invitationLink(passkeys, origin, ctx.state.passkeySession.user.id);
    }),
  );
  const isPerson = (path: string) => path === PEOPLE.path;
  app.use(at(isPerson, requireStepUp(PEOPLE.rule)));
  app.use(
    at(isPerson, async (ctx, next) => {
      if (ctx.method !== 'POST') return next();
      const { status, body } = await people.answer(ctx.state.passkeySession, ctx.URL.searchParams);
      ctx.set('cache-control', 'no-store');
      ctx.status = status;
      ctx.body = body;
    }),
  );
  const isMail = (path: string) => path === MAIL;
  app.use(at(isMail, requireSignIn()));
  app.use(
    at(isMail, async (ctx) => {
      ctx.set('cache-control', 'no-store');
      ctx.body = mailbox.of(ctx.state.passkeySession.user.id);
    }),
  );

  app.use(async (ctx, next) => {
    // What the console has answered, Koa leaves alone.
    ctx.respond = !(await attempts.node(ctx.req, ctx.res));
    if (ctx.respond) await next();
  });

  app.use(async (ctx) => {
    const asset = ctx.path.startsWith('/assets/') ? site.assets.get(ctx.path.slice('/assets/'.length)) : undefined;
    if (!asset) return sendPage(ctx, 404, site.notFound);
    ctx.body = asset.body;
    ctx.set({ 'cache-control': 'no-cache', etag: asset.etag, 'content-type': asset.type });
    ctx.status = 200;
    if (ctx.fresh) ctx.status = 304;
  });
  return app.callback();
}

/** The middleware, for these paths. */
function at(matches: (path: string) => boolean, middleware: Middleware): Middleware {
  return (ctx, next) => (matches(ctx.path) ? middleware(ctx, next) : next());
}

function sendPage(ctx: Context, status: number, html: string): void {
  ctx.body = html;
  ctx.set({ 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8' });
  ctx.status = status;
}
