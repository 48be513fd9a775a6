export {};
import { passkeys } from 'given';
import { getConnInfo } from '@hono/node-server/conninfo';
import { fetchPasskeys } from '@latchkey/fetch';
import { type Context, Hono } from 'hono';

const { fetch } = fetchPasskeys(passkeys, {
  address: (_request, c: Context | undefined) => (c && getConnInfo(c).remote.address) ?? null,
});
new Hono().use(async (c, next) => (await fetch(c.req.raw, c)) ?? next());