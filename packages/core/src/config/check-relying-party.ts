/** The checks of `rp`: a domain, and origins that fit it. */

import type { RelyingParty } from '../options.ts';
import { demand } from './demand.ts';

export function checkRelyingParty(rp: RelyingParty | undefined) {
  const id = rp?.id;
  demand(
    typeof id === 'string' && isDomain(id),
    'rp.id',
    id,
    "Write the bare domain in lower case, without scheme, port or path: 'example.com'.",
  );
  demand(
    typeof rp?.name === 'string' && rp.name !== '',
    'rp.name',
    rp?.name,
    'Write the name people know your service by.',
  );
  demand(
    Array.isArray(rp.origins) && rp.origins.length > 0,
    'rp.origins',
    rp.origins,
    "List the exact origins of your pages: ['https://example.com'].",
  );
  for (const [index, origin] of rp.origins.entries()) {
    const option = `rp.origins[${index}]`;
    const host = webHost(option, origin);
    demand(
      host === id || host.endsWith(`.${id}`),
      option,
      origin,
      `It is not under rp.id '${id}': correct one of them, or list it in rp.relatedOrigins.`,
    );
  }
  const relatedOrigins = rp.relatedOrigins ?? [];
  for (const [index, origin] of relatedOrigins.entries()) webHost(`rp.relatedOrigins[${index}]`, origin);
  const appOrigins = rp.appOrigins ?? [];
  for (const [index, origin] of appOrigins.entries()) {
    demand(
      /^(?!https?:)[a-z][a-z0-9+.-]*:\S+$/.test(origin),
      `rp.appOrigins[${index}]`,
      origin,
      "Write what the platform signs, e.g. 'android:apk-key-hash:…'; web origins go to rp.origins.",
    );
  }
  return {
    rp: { id, name: rp.name, relatedOrigins: [...relatedOrigins] },
    webOrigins: new Set([...rp.origins, ...relatedOrigins]),
    signedOrigins: new Set([...rp.origins, ...relatedOrigins, ...appOrigins]),
    localhost: [...rp.origins, ...relatedOrigins].every((origin) => new URL(origin).protocol === 'http:'),
  };
}

function isDomain(id: string): boolean {
  if (id === 'localhost') return true;
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  return id.length <= 253 && new RegExp(`^${label}(?:\\.${label})+$`).test(id) && !/^[\d.]+$/.test(id);
}

/** The host of an origin that is exactly an origin, on https or localhost. */
function webHost(option: string, origin: unknown): string {
  const url = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : undefined;
  demand(
    url !== undefined && url.origin === origin,
    option,
    origin,
    "Write scheme, host and port only, in lower case and without a slash at the end: 'https://example.com'.",
  );
  demand(
    url.protocol === 'https:' || (url.protocol === 'http:' && url.hostname === 'localhost'),
    option,
    origin,
    'Passkeys need https; only http://localhost is excepted.',
  );
  return url.hostname;
}
