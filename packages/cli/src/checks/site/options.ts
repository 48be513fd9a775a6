/**
 * Checks the options of a sign-in as they arrive in a browser: the RP ID, the cookie, caching, and other sites' access. No
 * sign-in is begun: the one challenge is a prefetched one, which nobody uses.
 */
import { about, type Finding } from '../finding.ts';
import { type Answer, ask, type Site } from './ask.ts';

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
    const type = answer.headers.get('content-type') ?? 'no type';
    const saw = `POST ${path} answers ${answer.status}${code === undefined ? `, ${type}` : ` ${code}`}`;
    return { findings: [error(saw, ADVICE[code ?? ''] ?? adviceFor(answer))], rpId: null };
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

/** What to do about an answer that says nothing by itself. Latchkey's own refusals are problem+json. */
function adviceFor({ status, headers }: Answer): string {
  if (status >= 300 && status < 400) return 'Let nothing redirect it: a browser loses the body.';
  const mounted = 'Mount the router there, or say where it is: --mount.';
  if (/^application\/problem\+json/.test(headers.get('content-type') ?? '')) return mounted;
  if (status === 404 || status === 405) return `${mounted} If it is mounted, something in front of it answers.`;
  if (status >= 500)
    return 'Something in front of the router answers, not Latchkey: look at the proxy and at the log of the application.';
  return 'Something in front of the router answers, not Latchkey. Look for CSRF protection first (csurf, lusca, @fastify/csrf-protection), and mount the router before it: Latchkey checks Origin and Sec-Fetch-Site itself. Then look for a login wall, a rate limiter, a firewall or a page for every path.';
}

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
