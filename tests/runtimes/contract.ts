// Runs the HTTP contract on the runtime that runs this program: over the runtime's own server and every framework with what is kept
// in memory, and over one of them with every store. Prints a line of JSON for each. Uses the built packages, as applications do.
import { memoryStore } from '@latchkey/core';
import { httpContract, type Mount, type World } from '@latchkey/testing';
import { exchangeOn } from '../http/exchange.ts';
import { honoApplication } from '../http/hono.ts';
import { mounts } from '../http/mounts.ts';
import { kinds, swept } from '../http/support/stores.ts';
import type { Finding } from './finding.ts';

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

/** Runs every rule and one conversation, and prints how they went. */
async function run(
  { framework, mount }: { framework: string; mount: Mount },
  storeName: string,
  store: World['store'],
) {
  const failed: { rule: string; why: string }[] = [];
  for (const { name, check } of httpContract) {
    try {
      await check({ mount, store });
    } catch (thrown) {
      failed.push({ rule: name, why: String(thrown) });
    }
  }
  const exchange = await exchangeOn(mount).catch(String);
  const finding: Finding = { framework, store: storeName, rules: httpContract.length, failed, exchange };
  await new Promise((written) => process.stdout.write(`${JSON.stringify(finding)}\n`, written));
}

const all = Object.entries<Mount>({ ...own, ...mounts }).map(([framework, mount]) => ({ framework, mount }));
const direct = all.find(({ framework }) => framework.startsWith('fetch'))!;

// The runtime's own server comes first: @hono/node-server puts another Response in the place of the runtime's.
await run(direct, 'memory', memoryStore);
// On servers that run already. Bun does not load better-sqlite3.
const others = kinds.filter(({ name }) => !name.includes('Cluster') && !(Bun && name.includes('SQLite')));
for (const { name, open } of others) {
  const { store, close } = await open();
  await run(direct, name, () => swept(store));
  await close();
}
for (const each of all) if (each !== direct) await run(each, 'memory', memoryStore);
// A runtime's own server may leave connections open.
process.exit();
