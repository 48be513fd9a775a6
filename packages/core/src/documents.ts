/** The documents we serve: the browser client, and what stands under `/.well-known`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Answer, problem, respond } from './answer.ts';
import type { HttpRequest, HttpResponse } from './call.ts';
import type { Config, ConfigOf, Shared } from './config.ts';
import { complain } from './publish.ts';

let client: { readonly source: string; readonly etag: string } | undefined;

/** The built browser client as one ES module. The build puts it beside this package. */
export function clientModule(ifNoneMatch: string | undefined): Answer {
  if (!client) {
    const source = readFileSync(new URL('../client/client.js', import.meta.url), 'utf8');
    client = { source, etag: `"${createHash('sha256').update(source).digest('base64url').slice(0, 22)}"` };
  }
  const headers = { 'cache-control': 'public, max-age=300', etag: client.etag };
  if (ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === client!.etag))
    return { status: 304, headers };
  return {
    status: 200,
    body: client.source,
    headers: { ...headers, 'content-type': 'text/javascript; charset=utf-8' },
  };
}

/** Answers our two documents at the root; undefined for every other path, which is the application's. */
export function wellKnown(shared: Shared, configOf: ConfigOf, request: HttpRequest): HttpResponse | undefined {
  if (!request.path.startsWith('/.well-known/')) return undefined;
  let config: Config | null;
  try {
    config = configOf(request.native);
  } catch (thrown) {
    complain(thrown, null, shared, request.logger);
    return problem('internal_error');
  }
  if (!config) return undefined;
  const { relatedOrigins } = config.rp;
  const documents: Record<string, object> = {
    '/.well-known/passkey-endpoints': config.passkeyEndpoints,
    ...(relatedOrigins.length > 0 && { '/.well-known/webauthn': { origins: relatedOrigins } }),
  };
  if (!Object.hasOwn(documents, request.path)) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return problem('method_not_allowed', { allow: 'GET, HEAD' });
  return respond({ status: 200, body: documents[request.path]! });
}
