// The HTTP contract in a Worker: a rule runs in one request, and asks the site that it opened by others, over the wire. Bundled
// and started by workerd.ts, which asks for one rule after the other.
import { memoryStore } from '@latchkey/core';
import { httpContract, type Mount } from '@latchkey/testing';
import { exchangeOn } from '../http/exchange.ts';
import { honoApplication } from '../http/hono.ts';

/** The site that is open. Rules open one at a time. */
let application: ReturnType<typeof honoApplication> | undefined;

const mountAt =
  (origin: string): Mount =>
  async (passkeys) => {
    application = honoApplication(passkeys(origin));
    return {
      origin,
      async close() {
        application = undefined;
      },
    };
  };

/** What is asked at `/contract`: which rules there are, how one of them goes, or the conversation. */
async function contract({ origin, searchParams }: URL): Promise<unknown> {
  const mount = mountAt(origin);
  const asked = searchParams.get('rule');
  if (asked === null) return httpContract.map(({ name }) => name);
  if (asked === 'exchange') return exchangeOn(mount);
  const { check } = httpContract[Number(asked)]!;
  const thrown = await check({ mount, store: memoryStore }).catch((error: unknown) => error);
  return thrown instanceof Error ? (thrown.stack ?? String(thrown)) : (thrown ?? null);
}

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === '/contract') return Response.json(await contract(url));
    const response = await application?.(request, '127.0.0.1');
    // workerd's own server hangs up on who is still sending when the answer comes, once more than 64 KiB are left unread.
    if (request.body && !request.bodyUsed) await request.body.pipeTo(new WritableStream());
    return response ?? new Response('no site is open', { status: 503 });
  },
};
