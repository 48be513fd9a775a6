/** Checks the RP ID, by itself and against the origins. One that does not fit fails in the browser, long after the set-up. Needs no network. */
import { getDomain, getDomainWithoutSuffix, getPublicSuffix } from 'tldts';
import { about, type Finding } from './finding.ts';

const SUFFIXES = { allowPrivateDomains: true } as const;

/** How many names browsers look at in /.well-known/webauthn, at least: WebAuthn §5.11.1. */
const RELATED_LABELS = 5;

/** The RP ID by itself and against the origins of the pages. WebAuthn §5.1.3 step 8, §5.11. */
export function checkRpId(rpId: string, origins: readonly string[], related: readonly string[]): Finding[] {
  const { ok, info, warning, error } = about('rp_id');
  if (/[:/]/.test(rpId) || rpId !== rpId.toLowerCase())
    return [
      error(
        `The RP ID is ${JSON.stringify(rpId)}`,
        "Write the bare domain in lower case, without scheme, port or path: 'example.com'.",
      ),
    ];
  if (/^[\d.]+$/.test(rpId))
    return [error(`The RP ID ${rpId} is an address`, 'Use a domain: browsers refuse passkeys for addresses.')];
  if (rpId !== 'localhost' && getPublicSuffix(rpId, SUFFIXES) === rpId) {
    return [
      error(
        `The RP ID ${rpId} is a public suffix: everyone can have a name below it, so browsers refuse it`,
        'Use the name you registered below it.',
      ),
    ];
  }
  const findings: Finding[] = [];
  if (rpId !== 'localhost' && getDomain(rpId, SUFFIXES) !== rpId) {
    findings.push(
      info(
        `The RP ID ${rpId} is below ${getDomain(rpId, SUFFIXES)}: passkeys work on ${rpId} and what is below it, and nowhere else of that domain`,
        'If other hosts of the domain are to share the passkeys, use the domain itself, and before the first passkey: an RP ID cannot be changed afterwards.',
      ),
    );
  }
  for (const origin of origins) findings.push(...checkOrigin(origin));
  const labels = new Set(
    related.map((origin) => (URL.canParse(origin) ? getDomainWithoutSuffix(new URL(origin).hostname, SUFFIXES) : null)),
  );
  if (labels.size > RELATED_LABELS) {
    findings.push(
      warning(
        `The related origins have ${labels.size} different names`,
        `Browsers need to look at ${RELATED_LABELS} only: put the important ones first, or have fewer.`,
      ),
    );
  }
  return findings.length > 0
    ? findings
    : [ok(`The RP ID ${rpId} fits ${origins.length === 0 ? 'by itself' : origins.join(', ')}`)];

  function* checkOrigin(origin: string): Generator<Finding> {
    const url = URL.canParse(origin) ? new URL(origin) : null;
    if (url === null || url.origin !== origin) {
      yield error(
        `The origin ${JSON.stringify(origin)} is not exactly an origin`,
        `Write scheme, host and port only, without a slash at the end${url === null ? '' : `: ${url.origin}`}. It is compared by exact string.`,
      );
      return;
    }
    const { hostname, protocol } = url;
    if (protocol !== 'https:' && hostname !== 'localhost')
      yield error(
        `The origin ${origin} is not https`,
        'Serve it by https: browsers have passkeys nowhere else, http://localhost aside.',
      );
    if (hostname !== rpId && !hostname.endsWith(`.${rpId}`) && !related.includes(origin)) {
      yield error(
        `The origin ${origin} is not under the RP ID ${rpId}`,
        'Correct one of them, or list the origin in rp.relatedOrigins, which /.well-known/webauthn then serves.',
      );
    }
  }
}
