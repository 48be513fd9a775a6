export {};
import { createPasskeys, memoryStore } from '@latchkey/core';
import { koaPasskeys } from '@latchkey/koa';
import Koa from 'koa';
import { profileOf, users } from './accounts.ts';

const rp = { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] };
const { routes, requireSignIn } = koaPasskeys(createPasskeys({ rp, users, store: memoryStore() }));
const app = new Koa();
app.use(routes()).use(requireSignIn()); // from here on, people are signed in
app.use((ctx) => void (ctx.body = profileOf(ctx.state.passkeySession.user)));
app.listen(3000);