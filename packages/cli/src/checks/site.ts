/**
 * Why this file exists: a set-up is right when a browser's requests get the right answers through whatever stands in between.
 * Asks the site what a browser would ask. No sign-in is begun: the one challenge is a prefetched one, which nobody uses.
 */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { AttemptStore } from '@latchkey/core';
import { Fault, messageOf } from '../terminal/fault.ts';
import { about, type Finding, judgeClock } from './finding.ts';

export interface Site {
  readonly origin: string;
  /** Where Latchkey is mounted. */
  readonly mount: string;
  /** A page that signs people in. */
  readonly page: string;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

/** An answer, as far as it is looked at. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

const ANSWER_MS = 10_000;

async function ask({ userAgent, signal }: Site, url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, {
    redirect: 'manual',
    ...init,
    headers: { 'user-agent': userAgent, ...init.headers },
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new Fault('unreachable', `${url} does not answer: ${messageOf((error as Error).cause ?? error)}`, error);
  });
  const text = (await response.text()).slice(0, 1_048_576);
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {}
  return { status: response.status, headers: response.headers, text, json };
}

/** The page, its connection and its policies. */
export async function checkPage(site: Site): Promise<Finding[]> {
  const { origin, page, mount } = site;
  const asked = Date.now();
  const answer = await ask(site, new URL(page, origin).href);
  const answered = Date.now();
  const findings = [await judgeHttps(site, answer)];
  const date = Date.parse(answer.headers.get('date') ?? '');
  // Its resolution is a second, and whatever passed until it was here.
  if (Number.isFinite(date))
    findings.push(
      judgeClock(
        'site_clock',
        `${new URL(origin).host}: the Date header's`,
        date + 500 - (asked + answered) / 2,
        500 + answered - asked,
      ),
    );
  if (answer.status < 400) findings.push(...judgeSecurityPolicy(answer, origin), ...judgePermissions(answer));
  else
    findings.push(
      about('page').warning(
        `GET ${page} answers ${answer.status}`,
        'Say where a page is that signs people in: --page /sign-in.',
      ),
    );
  const client = await ask(site, `${origin}${mount}/client.js`);
  findings.push(judgeClient(client, mount));
  return findings;
}

const EXPIRES_SOON_DAYS = 14;

async function judgeHttps({ origin, signal }: Site, { headers }: Answer): Promise<Finding> {
  const { ok, info, warning, error } = about('https');
  const { protocol, hostname, port } = new URL(origin);
  if (protocol !== 'https:') {
    return hostname === 'localhost'
      ? info(`${origin} is not https, which browsers allow on localhost only`)
      : error(
          `${origin} is not https`,
          'Serve it by https: browsers have passkeys nowhere else, http://localhost aside.',
        );
  }
  const days = await certificateDays(hostname, Number(port || 443), signal);
  if (days !== null && days < EXPIRES_SOON_DAYS)
    return warning(
      `The certificate of ${hostname} expires in ${days} days`,
      'Renew it, and find out why that has not happened by itself.',
    );
  if (!headers.has('strict-transport-security'))
    return warning(
      `${origin} answers without Strict-Transport-Security`,
      'Send it, so that no browser asks by http first.',
    );
  return ok(`${origin} is https${days === null ? '' : `, with a certificate for ${days} more days`}`);
}

function certificateDays(host: string, port: number, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, servername: isIP(host) ? '' : host, timeout: ANSWER_MS }, () => {
      const { valid_to } = socket.getPeerCertificate();
      resolve(valid_to === undefined ? null : Math.floor((Date.parse(valid_to) - Date.now()) / 86_400_000));
      socket.destroy();
    });
    const none = () => {
      resolve(null);
      socket.destroy();
    };
    socket.on('error', none).on('timeout', none);
    signal.addEventListener('abort', none, { once: true });
  });
}

/** Content-Security-Policy, of the header and of a meta element: may the page load the client, and may that ask the server? */
function judgeSecurityPolicy({ headers, text }: Answer, origin: string): Finding[] {
  const { ok, info, error } = about('content_security_policy');
  const inPage = /<meta[^>]+http-equiv=["']?content-security-policy["']?[^>]*content=(?:"([^"]*)"|'([^']*)')/i.exec(
    text,
  );
  const policies = [
    ...(headers.get('content-security-policy') ?? '').split(','),
    inPage?.[1] ?? inPage?.[2] ?? '',
  ].filter((policy) => policy.trim() !== '');
  if (policies.length === 0)
    return [
      info(
        'The page has no Content-Security-Policy',
        "A page that signs people in should: script-src 'self'; connect-src 'self' is enough for Latchkey.",
      ),
    ];
  const findings: Finding[] = [];
  for (const policy of policies) {
    const directives = new Map(
      policy.split(';').map((directive) => {
        const [name = '', ...sources] = directive.trim().split(/\s+/);
        return [name.toLowerCase(), sources] as const;
      }),
    );
    const sourcesOf = (...names: string[]) =>
      names.map((name) => directives.get(name)).find((sources) => sources !== undefined);
    const scripts = sourcesOf('script-src-elem', 'script-src', 'default-src');
    const connections = sourcesOf('connect-src', 'default-src');
    if (scripts !== undefined && !allows(scripts, origin)) {
      const marked = scripts.some((source) => /^'(nonce-|sha\d+-|strict-dynamic)/.test(source));
      const saw = `The Content-Security-Policy lets scripts come from ${scripts.join(' ') || 'nowhere'}`;
      findings.push(
        marked
          ? info(saw, 'Put the nonce on the script that loads the client, and import it from there.')
          : error(saw, "Add 'self' to script-src, or the page cannot load client.js."),
      );
    }
    if (connections !== undefined && !allows(connections, origin)) {
      findings.push(
        error(
          `The Content-Security-Policy lets the page ask ${connections.join(' ') || 'nobody'}`,
          "Add 'self' to connect-src, or the page cannot ask for options.",
        ),
      );
    }
  }
  return findings.length > 0
    ? findings
    : [ok('The Content-Security-Policy lets the page load the client and ask this server')];
}

function allows(sources: readonly string[], origin: string): boolean {
  const { protocol, host } = new URL(origin);
  return sources.some((source) =>
    ["'self'", '*', protocol, origin, host].includes(source.toLowerCase().replace(/\/$/, '')),
  );
}

function judgePermissions({ headers }: Answer): Finding[] {
  const { error } = about('permissions_policy');
  const policy = headers.get('permissions-policy') ?? '';
  return ['publickey-credentials-get', 'publickey-credentials-create']
    .filter((feature) => new RegExp(`${feature}\\s*=\\s*\\(\\s*\\)`).test(policy))
    .map((feature) =>
      error(
        `The Permissions-Policy forbids ${feature}, to the page itself too`,
        `Write ${feature}=(self), or leave it out.`,
      ),
    );
}

function judgeClient({ status, headers }: Answer, mount: string): Finding {
  const { ok, warning, error } = about('client');
  const type = headers.get('content-type') ?? 'no type';
  const at = `GET ${mount}/client.js answers ${status}, ${type}`;
  if (status !== 200) return error(at, 'Mount the router there, or say where it is: --mount.');
  if (!/^text\/javascript/.test(type))
    return error(at, 'Let nothing in front answer for it: a module has to be text/javascript.');
  if (!headers.has('etag'))
    return warning(`${at}, without an ETag`, 'Let the proxy pass on the ETag, so that browsers need not load it anew.');
  return ok(at);
}

/** The options of a sign-in, as a browser asks for them; and what RP ID they name. */
export async function checkOptions(
  site: Site,
  expectedRpId: string | undefined,
): Promise<{ findings: Finding[]; rpId: string | null }> {
  const { origin, mount } = site;
  const path = `${mount}/authentication/options`;
  const answer = await ask(site, origin + path, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
    // Untouched, a prefetched challenge is counted and leaves no record.
    body: '{"prefetch":true}',
  });
  const { ok, error } = about('options');
  const { publicKey, code } = (answer.json ?? {}) as { publicKey?: { rpId?: string }; code?: string };
  const rpId = publicKey?.rpId ?? null;
  if (answer.status !== 200 || rpId === null) {
    const saw = `POST ${path} answers ${answer.status}${code === undefined ? '' : ` ${code}`}`;
    return {
      findings: [
        error(
          saw,
          ADVICE[code ?? ''] ??
            (answer.status >= 300 && answer.status < 400
              ? 'Let nothing redirect it: a browser loses the body.'
              : 'Mount the router there, or say where it is: --mount.'),
        ),
      ],
      rpId: null,
    };
  }
  const findings = [ok(`POST ${path} issues challenges to ${origin}`)];
  if (expectedRpId !== undefined && rpId !== expectedRpId)
    findings.push(
      about('rp_id').error(
        `The server's RP ID is ${rpId}, not ${expectedRpId}`,
        'Correct rp.id, or --rp-id. Passkeys of one are none for the other.',
      ),
    );
  findings.push(judgeCookie(answer, origin), ...judgeCaching(answer), await checkCors(site, path));
  return { findings, rpId };
}

const ADVICE: Readonly<Record<string, string>> = {
  origin_not_allowed: 'List this origin in rp.origins exactly as it is; it is compared by exact string.',
  not_found: 'Mount the router there, or say where it is: --mount.',
  rate_limited: 'Wait a minute. If nobody else asked, all clients look like one address: set up your proxy headers.',
  store_unavailable: 'Its store does not answer: check it with --store.',
  internal_error: "Look at the application's log.",
};

/** The binding cookie as it arrives through everything in between. */
function judgeCookie({ headers }: Answer, origin: string): Finding {
  const { ok, error } = about('cookie');
  const https = origin.startsWith('https:');
  const name = https ? '__Host-latchkey' : 'latchkey';
  const lines = headers.getSetCookie();
  const line = lines.find((each) => each.startsWith(`${name}=`));
  if (line === undefined) {
    return lines.some((each) => each.startsWith('latchkey='))
      ? error(
          `${origin} sets the cookie latchkey, which is for http://localhost`,
          'Give rp.origins the https origins only: the cookie is then __Host-latchkey.',
        )
      : error(
          `No cookie ${name} was set`,
          'Let the proxy pass on Set-Cookie: without it no challenge can be answered.',
        );
  }
  const attributes = new Map(
    line
      .split(';')
      .slice(1)
      .map((part) => {
        const [key = '', value = ''] = part.trim().split('=');
        return [key.toLowerCase(), value.toLowerCase()] as const;
      }),
  );
  const wrong = [
    ...(attributes.has('httponly') ? [] : ['HttpOnly is missing']),
    ...(!https || attributes.has('secure') ? [] : ['Secure is missing']),
    ...(attributes.get('samesite') === 'strict' ? [] : [`SameSite is ${attributes.get('samesite') ?? 'missing'}`]),
    ...(attributes.get('path') === '/' ? [] : [`Path is ${attributes.get('path') ?? 'missing'}`]),
    ...(attributes.has('domain') ? ['Domain is set'] : []),
  ];
  if (wrong.length === 0)
    return ok(`The cookie ${name} arrives with HttpOnly, ${https ? 'Secure, ' : ''}SameSite=Strict, Path=/`);
  return error(
    `The cookie ${name} arrives changed: ${wrong.join(', ')}`,
    'Something in between rewrites cookies: leave this one as it is. Browsers refuse a __Host- cookie that is changed.',
  );
}

function* judgeCaching({ headers }: Answer): Generator<Finding> {
  const { error } = about('caching');
  const said = headers.get('cache-control');
  if (said === null || !/no-store/.test(said))
    yield error(
      `Options arrive with Cache-Control ${said ?? 'missing'}`,
      'Let nothing in between change it from no-store: a cached challenge is refused.',
    );
}

const STRANGER = 'https://latchkey-doctor.invalid';

/** A preflight from a page that is nobody's. Latchkey answers 405; whoever answers else opens the routes to other sites. */
async function checkCors(site: Site, path: string): Promise<Finding> {
  const { ok, error } = about('cors');
  const { headers } = await ask(site, site.origin + path, {
    method: 'OPTIONS',
    headers: {
      origin: STRANGER,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  });
  const allowed = headers.get('access-control-allow-origin');
  if (allowed === null || (allowed !== '*' && allowed !== STRANGER)) return ok('Pages of other sites are not let in');
  return error(
    `A page of any site is let in: Access-Control-Allow-Origin is ${allowed}`,
    'Keep CORS middleware away from the mount prefix.',
  );
}

/** The two documents at the root: of the RP ID's own host, where browsers look, and of the site. */
export async function checkWellKnown(site: Site, rpId: string, origins: readonly string[]): Promise<Finding[]> {
  const related = about('well_known_webauthn');
  const { hostname, protocol, port } = new URL(site.origin);
  const home = hostname === rpId ? site.origin : `${protocol}//${rpId}${port === '' ? '' : `:${port}`}`;
  const strangers = origins.filter((origin) => {
    const host = new URL(origin).hostname;
    return host !== rpId && !host.endsWith(`.${rpId}`);
  });
  const findings: Finding[] = [];
  const at = `${home}/.well-known/webauthn`;
  const document = await ask(site, at).catch((error: unknown) => {
    if (strangers.length > 0) throw error;
    return null;
  });
  const listed = (document?.json as { origins?: unknown } | null)?.origins;
  const isList = document?.status === 200 && Array.isArray(listed);
  if (strangers.length === 0) {
    findings.push(
      isList
        ? related.ok(`${at} lists ${listed.length} related origins`)
        : related.ok('No related origin is needed, and none is served'),
    );
  } else if (!isList) {
    findings.push(
      related.error(
        `${at} answers ${document?.status} without { origins }`,
        `Serve it at the RP ID's own host, without a redirect: list ${strangers.join(', ')} in rp.relatedOrigins and mount wellKnown().`,
      ),
    );
  } else {
    if (!/^application\/json\b/.test(document.headers.get('content-type') ?? ''))
      findings.push(
        related.error(
          `${at} is ${document.headers.get('content-type') ?? 'of no type'}`,
          'Serve it as application/json: browsers ignore it else.',
        ),
      );
    for (const origin of strangers) {
      findings.push(
        listed.includes(origin)
          ? related.ok(`${at} lists ${origin}`)
          : related.error(`${at} does not list ${origin}`, 'Add it to rp.relatedOrigins, exactly as it is.'),
      );
    }
  }
  const endpoints = about('well_known_passkey_endpoints');
  const place = `${site.origin}/.well-known/passkey-endpoints`;
  const { status, json } = await ask(site, place);
  const { enroll, manage } = (typeof json === 'object' && json !== null ? json : {}) as {
    enroll?: unknown;
    manage?: unknown;
  };
  if (status !== 200 || json === null)
    findings.push(
      endpoints.warning(
        `${place} answers ${status}`,
        'Mount wellKnown() at the root, in front of whatever answers there.',
      ),
    );
  else if (enroll === undefined && manage === undefined)
    findings.push(
      endpoints.info(
        `${place} names no pages`,
        'Set passkeyEndpoints { enroll, manage }, so that password managers can send people there.',
      ),
    );
  else findings.push(endpoints.ok(`${place} names ${[enroll, manage].filter(Boolean).join(', ')}`));
  return findings;
}

/** From a range that is nobody's (RFC 5737): whoever believes it, believes anything. */
const FORGED = '203.0.113.77';
const RECORD_MS = 5_000;

/**
 * Whose address the application takes for the client's: sends a forged X-Forwarded-For with a request that is refused, and reads
 * the record it left. That record is the only trace of a doctor's visit.
 */
export async function checkProxy(site: Site, attempts: AttemptStore): Promise<Finding> {
  const { info } = about('proxy');
  const since = Date.now() - 60_000;
  const userAgent = `${site.userAgent} ${randomBytes(6).toString('hex')}`;
  await ask({ ...site, userAgent }, `${site.origin}${site.mount}/authentication/verify`, {
    method: 'POST',
    headers: {
      origin: site.origin,
      'content-type': 'application/json',
      'x-forwarded-for': FORGED,
      'user-agent': userAgent,
    },
    body: '{}',
  });
  const until = Date.now() + RECORD_MS;
  do {
    const found = (await attempts.list({ since, limit: 200 })).find(({ client }) => client.userAgent === userAgent);
    if (found !== undefined) return judgeAddress(found.client.address, new URL(site.origin).hostname);
    await setTimeout(200, undefined, { signal: site.signal }).catch(() => site.signal.throwIfAborted());
  } while (Date.now() < until);
  return info(
    'The record of a request of ours did not come to this store',
    'Is this the store that the site keeps its records in? Without it, proxy headers cannot be checked.',
  );
}

/** What the address in a record says, when the request came with a forged one to a site of this name. */
export function judgeAddress(address: string | null, host: string): Finding {
  const { ok, info, warning, error } = about('proxy');
  const limits = 'Rate limits count by it, and records show it.';
  if (address === null) return warning('Records have no client address', `Let the framework tell it. ${limits}`);
  if (address === FORGED) {
    return isNear(host)
      ? info(
          'The application believes X-Forwarded-For from this machine itself, where a proxy of yours may be',
          'Run this from outside, to see whether it believes strangers too.',
        )
      : error(
          'The application believes an X-Forwarded-For that a client sent',
          `Trust your own proxies only (trust proxy, app.proxy with maxIpsCount, trustProxy). ${limits}`,
        );
  }
  if (isNear(address) && !isNear(host)) {
    return error(
      `The application takes ${address} for the client's address: that is your proxy`,
      `Let it trust that proxy (trust proxy, app.proxy, trustProxy). ${limits} Now all people share one limit.`,
    );
  }
  return ok(`The application takes ${address} for this client's address, and no forged one`);
}

/** Loopback and private addresses. */
function isNear(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/i, '');
  return (
    plain === 'localhost' ||
    /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.)/.test(plain) ||
    /^(::1$|f[cd]|fe80:)/i.test(plain)
  );
}
