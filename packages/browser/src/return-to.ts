// Where a person goes after a sign-in: back to the page that a guard sent them away from.

/**
 * The path in `?returnTo=` of this page's address, with its query and fragment, or undefined. Never another site's: an
 * absolute address, `//host` and whatever a browser would read as one of these is refused.
 */
export function returnTo(): string | undefined {
  const asked = new URLSearchParams(location.search).get('returnTo') ?? '';
  if (/^\/(?![/\\\s])/.test(asked)) {
    const { origin, pathname, search, hash } = new URL(asked, location.origin);
    // Also of what is left when the dots are resolved: /.//host has the path //host.
    if (origin === location.origin && !pathname.startsWith('//')) return pathname + search + hash;
  }
  return undefined;
}
