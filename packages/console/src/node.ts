/** Between Node's own HTTP server and a `Request` with its `Response`, for what has no body to read. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';

export function toRequest({ method, headers }: IncomingMessage, url: string): Request {
  const own = Object.entries(headers)
    // HTTP/2 has its pseudo-headers among them.
    .filter(([name]) => !name.startsWith(':'))
    .flatMap(([name, value]) => [value ?? []].flat().map((one): [string, string] => [name, one]));
  // What host a client names is a claim, and nothing here needs it.
  return new Request(`http://localhost${url}`, { method: method ?? 'GET', headers: own });
}

export function respond(response: ServerResponse, { status, headers, body }: Response, isHead: boolean): void {
  response.statusCode = status;
  for (const [name, value] of headers) if (name !== 'set-cookie') response.setHeader(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) response.appendHeader('set-cookie', cookies);
  if (body === null || isHead) response.end();
  // Who leaves ends it; there is nobody to tell.
  else pipeline(Readable.fromWeb(body as ReadableStream), response).catch(() => {});
}
