/** The documents we serve: the browser client and the elements, and what stands under `/.well-known`. */
import type { HttpRequest, HttpResponse } from '../adapter.ts';
import { CLIENT_FILES, type ClientFile } from '../client-module.ts';
import type { AndroidApp, Config } from '../config/config.ts';
import { refuseUnrecorded } from '../errors.ts';
import { type Answer, problem, respond } from './answer.ts';

/** Answers our documents at the root; undefined for every other path, which is the application's. */
export function wellKnown(config: Config, request: HttpRequest): HttpResponse | undefined {
  const { relatedOrigins, androidApps, appleApps } = config.rp;
  const documents: Record<string, object> = {
    '/.well-known/passkey-endpoints': config.passkeyEndpoints,
    ...(relatedOrigins.length > 0 && { '/.well-known/webauthn': { origins: relatedOrigins } }),
    ...(androidApps.length > 0 && { '/.well-known/assetlinks.json': androidApps.map(assetLink) }),
    ...(appleApps.length > 0 && {
      '/.well-known/apple-app-site-association': { webcredentials: { apps: appleApps } },
    }),
  };
  if (!Object.hasOwn(documents, request.path)) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return problem('method_not_allowed', { headers: { allow: 'GET, HEAD' } });
  return respond({ status: 200, body: documents[request.path]! });
}

/**
 * The statement that an Android application may use the site's passkeys. Android asks for both relations: the second for
 * credentials, the first as proof of the domain. Links open the application only where its own manifest says so.
 */
function assetLink({ package: name, sha256 }: AndroidApp): object {
  return {
    relation: ['delegate_permission/common.handle_all_urls', 'delegate_permission/common.get_login_creds'],
    target: { namespace: 'android_app', package_name: name, sha256_cert_fingerprints: sha256 },
  };
}

/** `GET /client.js`, say, or 304 where the browser has it already. Throws `not_found` for what is no module of ours. */
export function clientModule(name: string, ifNoneMatch: string | undefined): Answer {
  if (!Object.hasOwn(CLIENT_FILES, name)) throw refuseUnrecorded('not_found');
  const { source, etag } = CLIENT_FILES[name as ClientFile];
  const headers = { 'cache-control': 'public, max-age=300', etag };
  if (ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)) return { status: 304, headers };
  return { status: 200, body: source, headers: { ...headers, 'content-type': 'text/javascript; charset=utf-8' } };
}
