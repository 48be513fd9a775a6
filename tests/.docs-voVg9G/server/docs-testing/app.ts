export {};
import { createPasskeys, memoryStore } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express from 'express';

export function createApp(origin: string) {
  const rp = { id: 'localhost', name: 'Example', origins: [origin] };
  const users = {
    find: (id: string) => ({ id, name: id }),
    create: ({ name }: { name: string }) => ({ id: name, name }), // for tests: a site gives random ids, and looks whether a name is taken
  };
  const { routes, requireSignIn } = expressPasskeys(createPasskeys({ rp, users, store: memoryStore() }));
  const app = express();
  app.use(routes());
  app.get('/me', requireSignIn(), ({ passkeySession: { user } }, res) => void res.json({ id: user.id }));
  app.get('/', (_req, res) => void res.send('<!doctype html><title>Example</title><button>Sign in</button>'));
  return app;
}