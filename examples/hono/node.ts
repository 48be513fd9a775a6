/** On Node.js: `node node.ts`. */
import { type HttpBindings, serve } from '@hono/node-server';
import { app, port } from './application.ts';

serve(
  {
    port,
    hostname: 'localhost',
    fetch: (request, env) =>
      app.fetch(request, { address: (env as HttpBindings).incoming.socket.remoteAddress ?? null }),
  },
  () => console.log(`listening on http://localhost:${port}`),
);
