export {};
import { rp, store, table } from 'given';
import { createPasskeys } from '@latchkey/core';
import type { Request } from 'express';
import type { Session } from 'express-session';

type Yours = Request & { session: Session & { accountId?: string } }; // where your own sign-in keeps it

createPasskeys({
  rp,
  store,
  users: {
    find: (id) => table.byId(id),
    identify: (request: Request) => table.byId((request as Yours).session.accountId),
    hasOtherWayIn: async ({ id }) => (await table.byId(id))?.hasPassword === true,
  },
});