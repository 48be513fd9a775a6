/** Checks the sign-in page of a site: its connection, its clock, its security policies, and the script `client.js`. */
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { about, type Finding, judgeClock } from '../finding.ts';
import { ANSWER_MS, type Answer, ask, type Site } from './ask.ts';

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
  findings.push(judgeClient(client, mount), ...judgeKeepAlive(client));
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

/** People look at a page for longer than that before they click. */
const LEAST_KEEP_ALIVE_S = 30;

/** A click on a connection that was closed meanwhile waits for a new one: a round trip more, with TLS two or three. RFC 2068 §19.7.1.1. */
function judgeKeepAlive({ headers }: Answer): Finding[] {
  const { info } = about('keep_alive');
  const seconds = Number(/\btimeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1] ?? Number.NaN);
  if (Number.isNaN(seconds) || seconds >= LEAST_KEEP_ALIVE_S) return [];
  const todo =
    'Where no proxy is in front: server.keepAliveTimeout = 75_000, so that a click need not wait for a new connection.';
  return [info(`The site closes connections that are idle for ${seconds} s`, todo)];
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
