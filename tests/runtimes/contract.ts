// Runs the HTTP contract on the runtime that runs this program: over the runtime's own server, and over every framework. Prints
// a line of JSON for each. Uses the built packages, as applications do.
import { memoryStore } from '@latchkey/core';
import { httpContract, type Mount } from '@latchkey/testing';
import { exchangeOn } from '../http/exchange.ts';
import { honoApplication } from '../http/hono.ts';
import { mounts } from '../http/mounts.ts';

/** How the contract went on one framework, and one conversation with it, to be compared with others. */
export interface Finding {
  readonly framework: string;
  readonly rules: number;
  readonly failed: readonly { readonly rule: string; readonly why: string }[];
  readonly exchange: unknown;
}

/** As much of Bun's and Deno's own servers as is used here. */
interface Runtimes {
  readonly Bun?: {
    serve(options: {
      port: number;
      hostname: string;
      fetch(request: Request, server: { requestIP(request: Request): { address: string } | null }): unknown;
    }): { readonly port: number; stop(force: boolean): Promise<void> };
  };
  readonly Deno?: {
    serve(
      options: { port: number; hostname: string; onListen(address: { port: number }): void },
      handler: (request: Request, info: { remoteAddr: { hostname: string } }) => unknown,
    ): { readonly addr: { port: number }; shutdown(): Promise<void> };
  };
}

const { Bun, Deno } = globalThis as Runtimes;

type Application = ReturnType<typeof honoApplication>;

/** The application on a free port of the loopback; it is made once the origin is known. */
const onServer =
  (start: (answer: Application) => { readonly port: number; close(): Promise<void> }): Mount =>
  async (passkeys) => {
    let application: Application;
    const { port, close } = start((request, address) => application(request, address));
    const origin = `http://localhost:${port}`;
    application = honoApplication(passkeys(origin));
    return { origin, close };
  };

const own: Record<string, Mount> = {
  ...(Bun && {
    'fetch, in Hono 4 on Bun.serve': onServer((answer) => {
      const server = Bun.serve({
        port: 0,
        hostname: 'localhost',
        fetch: (request, server) => answer(request, server.requestIP(request)?.address ?? null),
      });
      return { port: server.port, close: () => server.stop(true) };
    }),
  }),
  ...(Deno && {
    'fetch, in Hono 4 on Deno.serve': onServer((answer) => {
      const server = Deno.serve({ port: 0, hostname: 'localhost', onListen() {} }, (request, { remoteAddr }) =>
        answer(request, remoteAddr.hostname),
      );
      return { port: server.addr.port, close: () => server.shutdown() };
    }),
  }),
};

for (const [framework, mount] of Object.entries({ ...own, ...mounts })) {
  const failed: { rule: string; why: string }[] = [];
  for (const { name, check } of httpContract) {
    try {
      await check({ mount, store: memoryStore });
    } catch (thrown) {
      failed.push({ rule: name, why: String(thrown) });
    }
  }
  const exchange = await exchangeOn(mount).catch(String);
  await new Promise((written) => {
    process.stdout.write(
      `${JSON.stringify({ framework, rules: httpContract.length, failed, exchange } satisfies Finding)}\n`,
      written,
    );
  });
}
// A runtime's own server may leave connections open.
process.exit();
