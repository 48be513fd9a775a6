/**
 * Latchkey's attempts page, to mount: every attempt as it happens, counted, filtered and explained. It has no opinion on who
 * may see it: the application's own guard says, at every request. It reads the attempt store and changes nothing.
 *
 * @packageDocumentation
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AttemptStore } from '@latchkey/core';
import { openFeed } from './feed.ts';
import { respond, toRequest } from './node.ts';
import { loadPages } from './pages.ts';

/** The options of {@link attemptsConsole}. `Info`: what the application hands over beside a request. */
export interface AttemptsConsoleOptions<Info = unknown> {
  /** Where the records are: `store.attempts`. Records that go only to a log or to sinks are not seen. */
  readonly attempts: AttemptStore;
  /**
   * Whether this request may see the attempts of everyone. `true` lets it in; a `Response` is sent instead, for example one that
   * leads to the sign-in; anything else is answered 403. What it throws is thrown on, and nothing is shown.
   */
  guard(request: Request, info: Info | undefined): boolean | Response | Promise<boolean | Response>;
  /** Where the pages are: the start of a request's path, and not `/`. Default `/attempts`. */
  readonly prefix?: string;
  /** The way back to the application: a link in the header of each page. Default: none. */
  readonly home?: { readonly href: string; readonly name: string };
}

/** What an application mounts. Rejects with what the guard or the store throws. */
export interface AttemptsConsole<Info = unknown> {
  /** Answers GET and HEAD below the prefix, if the guard lets it. Everything else is undefined: the application's. */
  fetch(request: Request, info?: Info): Promise<Response | undefined>;
  /** The same for a request of Node's own HTTP server, as Express, Koa and Fastify have it. Resolves to false where it has not answered. */
  node(request: IncomingMessage, response: ServerResponse, info?: Info): Promise<boolean>;
  /** Ends the streams of open pages, so that the server can close. */
  close(): void;
}

/** Opens the console. Throws a `TypeError` where there is no guard, no attempt store, or no prefix. */
export function attemptsConsole<Info = unknown>({
  attempts,
  guard,
  prefix = '/attempts',
  home,
}: AttemptsConsoleOptions<Info>): AttemptsConsole<Info> {
  if (typeof guard !== 'function') throw new TypeError('guard: write a function that says who may see the attempts.');
  if (typeof attempts?.list !== 'function')
    throw new TypeError('attempts: hand over the attempt store, store.attempts.');
  const mount = prefix.replace(/\/+$/, '');
  if (!mount.startsWith('/')) throw new TypeError("prefix: write a path such as '/attempts'.");
  const feed = openFeed(attempts);
  const pages = loadPages(mount, home);
  const isOurs = (method: string | undefined, path: string) =>
    (method === 'GET' || method === 'HEAD') && (path === mount || path.startsWith(`${mount}/`));

  const fetch = async (request: Request, info?: Info): Promise<Response | undefined> => {
    const { pathname, searchParams } = new URL(request.url);
    if (!isOurs(request.method, pathname)) return undefined;
    const allowed = await guard(request, info);
    if (allowed instanceof Response) return allowed;
    // Not what is merely truthy: a session that was handed over by mistake, or a promise in an object, is no yes.
    if (allowed !== true) return pages.refused();

    const name = pathname.slice(mount.length + 1);
    if (name === '') return pages.list();
    if (name === 'latest') return pages.data(await feed.latest(Object.fromEntries(searchParams)));
    if (name === 'stream') return pages.stream(request.method === 'HEAD' ? null : feed.stream());
    const asset = pages.asset(name, request.headers.get('if-none-match'));
    if (asset) return asset;
    const record = await feed.find(name);
    return record && pages.attempt(record, await feed.around(record));
  };

  return {
    fetch,
    node: async (request, response, info) => {
      // Below a router of Express, `url` is what is left of the path.
      const { originalUrl: url = request.url ?? '' } = request as { originalUrl?: string };
      if (!isOurs(request.method, url.split('?', 1)[0]!)) return false;
      const answer = await fetch(toRequest(request, url), info);
      if (answer) respond(response, answer, request.method === 'HEAD');
      return answer !== undefined;
    },
    close: () => feed.close(),
  };
}
