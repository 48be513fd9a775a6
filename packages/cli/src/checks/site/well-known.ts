/** Checks the two documents under `/.well-known` that browsers and password managers read. */
import { about, type Finding } from '../finding.ts';
import { ask, type Site } from './ask.ts';

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
