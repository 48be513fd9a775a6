export {};
// server.ts
import { createPasskeys, memoryStore, type User } from '@latchkey/core'; // new
import { expressPasskeys } from '@latchkey/express'; // new
import express from 'express';

const accounts = new Map<string, User>(); // yours: a table, say

const app = express();
app.use(express.json());

// new, from here
const passkeys = createPasskeys({
  rp: { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] },
  users: {
    find: (id) => accounts.get(id),
    create({ name, displayName }) {
      if ([...accounts.values()].some((account) => account.name === name)) return null; // taken
      const account = { id: crypto.randomUUID(), name, displayName };
      accounts.set(account.id, account);
      return account;
    },
  },
  store: memoryStore(),
});
const { routes, wellKnown, requireSignIn } = expressPasskeys(passkeys);
app.use(routes()); // below /passkeys
app.use(wellKnown());
// to here

app.use(express.static('public'));
// new: the guard
app.get('/me', requireSignIn(), ({ passkeySession: { user } }, res) => void res.json({ id: user.id, name: user.name }));
app.listen(3000, 'localhost');