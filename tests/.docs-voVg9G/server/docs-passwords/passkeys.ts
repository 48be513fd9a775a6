export {};
import { rp, store, rows } from 'given';
// passkeys.ts
import { createPasskeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import type { Request } from 'express';

type Row = { id: number; email: string; passwordHash: string };

/** What Latchkey may know of a row: the id as text, and a name. Never the whole row. */
const userOf = (row: Row | undefined) => row && { id: String(row.id), name: row.email };

export const passkeys = createPasskeys({
  rp,
  store,
  users: {
    find: async (id) => userOf(await rows.byId(Number(id))),
    identify: (req: Request) => userOf(req.user as Row | undefined),
    hasOtherWayIn: () => true, // everybody here has a password
  },
});
export const { routes, wellKnown, requireSignIn, requireStepUp, signOut } = expressPasskeys(passkeys);