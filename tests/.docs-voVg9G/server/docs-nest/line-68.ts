export {};
import { nestFastify as app, passkeys } from 'given';
import { fastifyPasskeys } from '@latchkey/fastify';

await app.register(fastifyPasskeys(passkeys));