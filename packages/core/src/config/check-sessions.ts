/** The checks of `sessions`, and the cookie that follows from them and from the origins. */
import { milliseconds } from '../duration.ts';
import type { SessionLifetime, SessionOptions } from '../options.ts';
import type { SessionCookie, SessionsConfig } from './config.ts';
import { demand, oneOf } from './demand.ts';

/** A session that ends with the browser ends at last after this, in milliseconds: browsers restore their session cookies. */
const BROWSER_MS = 86_400_000;

const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const;

export function checkSessions(options: SessionOptions | false): SessionsConfig | null {
  if (options === false) return null;
  const { lifetime = '30d', idle = '7d', max = 100, revalidateAfter = '60s', cookie = {} } = options;
  if (typeof lifetime !== 'function') readLifetime(lifetime);
  demand(
    Number.isInteger(max) && max >= 1 && max <= 1_000,
    'sessions.max',
    max,
    'Write a whole number from 1 to 1,000: an account page lists them all.',
  );
  const { name, domain, sameSite = 'lax' } = cookie;
  demand(
    name === undefined || /^[\w-]{1,64}$/.test(name),
    'sessions.cookie.name',
    name,
    "Write letters, digits, '-' and '_', without the prefix.",
  );
  return {
    lifetime: (request) => readLifetime(typeof lifetime === 'function' ? lifetime(request) : lifetime),
    idleMs: milliseconds('sessions.idle', idle),
    max,
    revalidateAfterMs: milliseconds('sessions.revalidateAfter', revalidateAfter),
    checkOrigin: options.checkOrigin ?? true,
    followIdentify: options.followIdentify ?? false,
    cookie: {
      name,
      domain,
      sameSite: SAME_SITE[oneOf('sessions.cookie.sameSite', sameSite, ['lax', 'strict', 'none'])],
    },
  };
}

function readLifetime(lifetime: SessionLifetime): { ms: number; persistent: boolean } {
  if (lifetime === 'browser') return { ms: BROWSER_MS, persistent: false };
  const ms = milliseconds('sessions.lifetime', lifetime);
  demand(ms >= 1_000, 'sessions.lifetime', lifetime, "Write at least '1s', or 'browser'.");
  return { ms, persistent: true };
}

/** The cookie of a relying party's sessions. Its prefix makes browsers refuse it from anywhere but https. RFC 6265bis §4.1.3. */
export function sessionCookieOf(
  sessions: SessionsConfig | null,
  { localhost, hosts }: { localhost: boolean; hosts: readonly string[] },
): SessionCookie {
  const { name = 'latchkey-session', domain, sameSite = 'Lax' } = sessions?.cookie ?? {};
  for (const host of domain === undefined ? [] : hosts) {
    demand(
      host === domain || host.endsWith(`.${domain}`),
      'sessions.cookie.domain',
      domain,
      `It must be a parent of every origin, and '${host}' is not below it.`,
    );
  }
  demand(
    sameSite !== 'None' || !localhost,
    'sessions.cookie.sameSite',
    'none',
    "Browsers take it with https only: write 'lax' for http://localhost.",
  );
  const prefix = localhost ? '' : domain === undefined ? '__Host-' : '__Secure-';
  const where = domain === undefined ? '' : ` Domain=${domain};`;
  return { name: prefix + name, attributes: `${localhost ? '' : ' Secure;'}${where} SameSite=${sameSite}` };
}
