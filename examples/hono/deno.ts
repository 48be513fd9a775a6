/** On Deno: `deno run --allow-all deno.ts`. */
import { app, port } from './application.ts';

/** As much of Deno as is used here. */
declare const Deno: {
  serve(
    options: { port: number; hostname: string; onListen(): void },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => unknown,
  ): unknown;
};

const onListen = () => console.log(`listening on http://localhost:${port}`);
Deno.serve({ port, hostname: 'localhost', onListen }, (request, { remoteAddr }) =>
  app.fetch(request, { address: remoteAddr.hostname }),
);
