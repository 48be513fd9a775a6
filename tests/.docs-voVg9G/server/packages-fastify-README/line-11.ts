export {};
import { createPasskeys, memoryStore } from '@latchkey/core';
import { fastifyPasskeys } from '@latchkey/fastify';
import Fastify from 'fastify';
import { profileOf, users } from './accounts.ts';

const rp = { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] };
const app = Fastify({ logger: true });
await app.register(fastifyPasskeys(createPasskeys({ rp, users, store: memoryStore() })));
app.get('/me', { preHandler: app.requireSignIn() }, async (request) => profileOf(request.passkeySession.user));
await app.listen({ port: 3000 });