// The HTTP contract in a Worker: a rule runs in one request, and asks the site that it opened by others, over the wire. Bundled
// and started by workerd.ts, which asks for one rule after the other.
import { memoryStore, type Passkeys, type Store } from '@latchkey/core';
import { sqlStore } from '@latchkey/sql';
import { httpContract, type Mount } from '@latchkey/testing';
import { Kysely, PostgresDialect } from 'kysely';
import { Client } from 'pg';
import { exchangeOn } from '../http/exchange.ts';
import { honoApplication } from '../http/hono.ts';

/** Where PostgreSQL is, and what its tables begin with. */
interface Env {
  readonly POSTGRES: readonly [url: string, tablePrefix: string];
}

/** PostgreSQL's code for it. */
const TOO_MANY_CONNECTIONS = '53300';

/** A connection for each use: on Workers what one request has opened may not serve another. */
function postgresStore([connectionString, tablePrefix]: Env['POSTGRES']): Store {
  const pool = {
    async connect() {
      for (;;) {
        const client = new Client({ connectionString });
        try {
          await client.connect();
          return Object.assign(client, { release: () => void client.end() });
        } catch (error) {
          // Nothing pools here, so what comes all at once meets the server's limit of connections.
          if ((error as { code?: string }).code !== TOO_MANY_CONNECTIONS) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    },
    async end() {},
    options: {},
  };
  return sqlStore(new Kysely<Record<never, never>>({ dialect: new PostgresDialect({ pool }) }), {
    tablePrefix,
  });
}

/** The site that is open. Rules open one at a time. */
let site: { readonly passkeys: Passkeys; readonly answer: ReturnType<typeof honoApplication> } | undefined;

/** As much as is used of what workerd hands over beside a request. */
interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void;
}

const mountAt =
  (origin: string): Mount =>
  async (passkeysAt) => {
    const passkeys = passkeysAt(origin);
    site = { passkeys, answer: honoApplication(passkeys) };
    return {
      origin,
      async close() {
        site = undefined;
      },
    };
  };

/** What is asked at `/contract`: which rules there are, how one of them goes with a store, or the conversation. */
async function contract({ origin, searchParams }: URL, { POSTGRES }: Env): Promise<unknown> {
  const mount = mountAt(origin);
  const asked = searchParams.get('rule');
  if (asked === null) return httpContract.map(({ name }) => name);
  if (asked === 'exchange') return exchangeOn(mount);
  const store = searchParams.get('store') === 'memory' ? memoryStore : () => postgresStore(POSTGRES);
  const thrown = await httpContract[Number(asked)]!.check({ mount, store }).catch((error: unknown) => error);
  return thrown instanceof Error ? (thrown.stack ?? String(thrown)) : (thrown ?? null);
}

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === '/contract') return Response.json(await contract(url, env));
    const response = await site?.answer(request, '127.0.0.1');
    // Else what is on its way to the store of attempts is cut off with the answer, and closing waits for it in vain.
    if (site) context.waitUntil(site.passkeys.settled());
    // workerd's own server hangs up on who is still sending when the answer comes, once more than 64 KiB are left unread.
    if (request.body && !request.bodyUsed) await request.body.pipeTo(new WritableStream());
    return response ?? new Response('no site is open', { status: 503 });
  },
};
