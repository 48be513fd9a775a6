/** The checks of `rp`: a domain, and origins and native applications that fit it. */

import type { NativeApp, RelyingParty } from '../options.ts';
import type { AndroidApp } from './config.ts';
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
      // Browsers take localhost as an RP ID for http://localhost alone: it is no domain of app.localhost.
      host === id || (id !== 'localhost' && host.endsWith(`.${id}`)),
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
  const { androidApps, appleApps } = checkApps(rp.apps ?? []);
  return {
    rp: { id, name: rp.name, relatedOrigins: [...relatedOrigins], androidApps, appleApps },
    webOrigins: new Set([...rp.origins, ...relatedOrigins]),
    signedOrigins: new Set([
      ...rp.origins,
      ...relatedOrigins,
      ...appOrigins,
      ...androidApps.flatMap(({ sha256 }) => sha256.map(androidOrigin)),
      // Apple's platforms sign the RP ID's own origin, whatever the application is.
      ...(appleApps.length > 0 ? [`https://${id}`] : []),
    ]),
    localhost: [...rp.origins, ...relatedOrigins].every((origin) => new URL(origin).protocol === 'http:'),
  };
}

function checkApps(apps: readonly NativeApp[]): { androidApps: readonly AndroidApp[]; appleApps: readonly string[] } {
  const instead = "Write a list of { android: { package, sha256 } } and { apple: 'A1B2C3D4E5.com.example.app' }.";
  demand(Array.isArray(apps), 'rp.apps', apps, instead);
  const androidApps: AndroidApp[] = [];
  const appleApps: string[] = [];
  for (const [index, app] of apps.entries()) {
    const option = `rp.apps[${index}]`;
    const { android, apple } = Object(app) as { android?: Partial<AndroidApp>; apple?: unknown };
    demand((android === undefined) !== (apple === undefined), option, app, instead);
    if (android === undefined) appleApps.push(checkAppleId(`${option}.apple`, apple));
    else androidApps.push(checkAndroidApp(`${option}.android`, android));
  }
  return { androidApps, appleApps };
}

function checkAppleId(option: string, id: unknown): string {
  demand(
    typeof id === 'string' && /^[A-Z0-9]{10}(?:\.[A-Za-z0-9-]+)+$/.test(id),
    option,
    id,
    "Write the ten characters of the team id, a dot and the bundle id, without a wildcard: 'A1B2C3D4E5.com.example.app'.",
  );
  return id;
}

function checkAndroidApp(option: string, app: { readonly package?: unknown; readonly sha256?: unknown }): AndroidApp {
  const { package: name, sha256 } = Object(app) as typeof app;
  demand(
    typeof name === 'string' && /^[a-zA-Z]\w*(?:\.[a-zA-Z]\w*)+$/.test(name),
    `${option}.package`,
    name,
    "Write the application id: 'com.example.app'.",
  );
  const prints: readonly unknown[] = Array.isArray(sha256) ? sha256 : [sha256];
  const isPrint = (print: unknown): print is string =>
    typeof print === 'string' && /^[0-9A-F]{2}(?::[0-9A-F]{2}){31}$/i.test(print);
  demand(
    prints.length > 0 && prints.every(isPrint),
    `${option}.sha256`,
    sha256,
    "Write the SHA-256 of the signing certificate as keytool prints it: 32 pairs of hex digits with colons, 'F6:97:…'.",
  );
  return { package: name, sha256: prints.filter(isPrint).map((print) => print.toUpperCase()) };
}

/** What Android signs for an application: SHA-256 of its certificate in base64url. */
function androidOrigin(sha256: string): string {
  return `android:apk-key-hash:${Buffer.from(sha256.replaceAll(':', ''), 'hex').toString('base64url')}`;
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
    url.protocol === 'https:' || (url.protocol === 'http:' && /^(?:[^.]+\.)*localhost$/.test(url.hostname)),
    option,
    origin,
    'Passkeys need https; only http://localhost and http://name.localhost are excepted, for development.',
  );
  return url.hostname;
}
