/** The API, and in production the pages: what Vite built. While you develop, Vite's server stands in front. */
import { fileURLToPath } from 'node:url';
import { createPasskeys, memoryStore, type User } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express from 'express';

const port = Number(process.env.PORT ?? 3000);
const isDevelopment = process.env.NODE_ENV !== 'production';
const vite = 'http://localhost:5173';

const accounts = new Map<string, User>();
const passkeys = createPasskeys({
  rp: {
    id: 'localhost',
    name: 'A single-page application',
    origins: [`http://localhost:${port}`, ...(isDevelopment ? [vite] : [])],
  },
  store: memoryStore(),
  users: {
    find: (id) => accounts.get(id),
    create({ name }) {
      if ([...accounts.values()].some((account) => account.name === name)) return null; // taken
      const account = { id: crypto.randomUUID(), name };
      accounts.set(account.id, account);
      return account;
    },
  },
});
const { routes, wellKnown, requireSignIn } = expressPasskeys(passkeys);

const app = express();
app.use(routes());
app.use(wellKnown());
app.get('/api/me', requireSignIn(), ({ passkeySession: { user } }, res) => void res.json({ name: user.name }));

const built = fileURLToPath(new URL(process.env.BUILT ?? 'dist', import.meta.url));
app.use(express.static(built));
app.get('/{*page}', (_req, res) => res.sendFile('index.html', { root: built })); // the client's own paths
app.listen(port, 'localhost', () => console.log(`listening on http://localhost:${port}`));
