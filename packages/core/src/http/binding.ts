/** The browser binding: a cookie that ties a challenge to the browser it was issued to. It is not the session. */
import type { RequestContext } from '../ceremony/context.ts';
import type { Config } from '../config/config.ts';
import { random } from '../random.ts';

const bindingCookie = (config: Config) => (config.localhost ? 'latchkey' : '__Host-latchkey');

/**
 * The first well-formed one in a Cookie header. Only a space and a tab stand around a cookie: a page on a subdomain may set one
 * whose name begins with another kind of space (U+00A0), and to browsers such a name has no prefix.
 */
const WELL_FORMED = {
  latchkey: /(?:^|;)[ \t]*latchkey=([\w-]{22})[ \t]*(?:;|$)/,
  '__Host-latchkey': /(?:^|;)[ \t]*__Host-latchkey=([\w-]{22})[ \t]*(?:;|$)/,
};

/** The binding that came with a request, if it is well-formed. */
export function readBinding(config: Config, cookies: string | undefined): string | null {
  return (cookies && WELL_FORMED[bindingCookie(config)].exec(cookies)?.[1]) || null;
}

/** The binding that came with the request, or a new one, whose cookie the answer sets. */
export function bind({ config, binding, cookies }: RequestContext): string {
  if (binding !== null) return binding;
  const fresh = random(16, 'base64url');
  const secure = config.localhost ? '' : ' Secure;';
  cookies.push(`${bindingCookie(config)}=${fresh}; Path=/; HttpOnly;${secure} SameSite=Strict`);
  return fresh;
}
