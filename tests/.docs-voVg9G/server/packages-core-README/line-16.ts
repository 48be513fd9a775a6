export {};
import { createPasskeys, memoryStore } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import express from 'express';
import { profileOf, users } from './accounts.ts';

const rp = { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] };
const { routes, requireSignIn } = expressPasskeys(createPasskeys({ rp, users, store: memoryStore() }));
const app = express();
app.use(routes());
app.get('/me', requireSignIn(), (req, res) => void res.json(profileOf(req.passkeySession.user)));
app.listen(3000);