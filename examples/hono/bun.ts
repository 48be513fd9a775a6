/** On Bun: `bun bun.ts`. */
import { app, port } from './application.ts';

/** As much of Bun as is used here. */
declare const Bun: {
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: Request, server: { requestIP(request: Request): { address: string } | null }): unknown;
  }): unknown;
};

Bun.serve({
  port,
  hostname: 'localhost',
  fetch: (request, server) => app.fetch(request, { address: server.requestIP(request)?.address ?? null }),
});
console.log(`listening on http://localhost:${port}`);
