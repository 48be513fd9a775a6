/**
 * Checks the documents by which native apps share a site's passkeys, as Google's and Apple's servers fetch them: from the RP ID's own
 * host, by https, without cookies and without a redirect.
 * https://developers.google.com/digital-asset-links/v1/statements
 * https://developer.apple.com/documentation/xcode/supporting-associated-domains
 */
import { Fault } from '../../terminal/fault.ts';
import { about, type Finding } from '../finding.ts';
import { type Answer, ask, type Site } from './ask.ts';

/** An app as `--android-app` names it: its package, and the fingerprint of a certificate that signs it, `F6:97:…`. */
export interface AndroidApp {
  readonly package: string;
  readonly sha256: string;
}

/** What should be associated. */
export interface Apps {
  readonly android: readonly AndroidApp[];
  /** Team id, a dot, bundle id. */
  readonly apple: readonly string[];
}

/** In bytes, as it is when unpacked: Apple's App Search Programming Guide, 1 April 2016. */
const APPLE_MOST = 128 * 1_024;

/** Both are asked for: Credential Manager, "Prerequisites". */
const RELATIONS = ['delegate_permission/common.handle_all_urls', 'delegate_permission/common.get_login_creds'];

/** `com.example.app=F6:97:…`. Throws a {@link Fault} for anything else. */
export function readAndroidApp(given: string): AndroidApp {
  const [, name, digits] = /^([\w.]+)=((?:[0-9a-f]{2}:?){32})$/i.exec(given) ?? [];
  if (name === undefined || digits === undefined)
    throw new Fault(
      'usage',
      '--android-app is the package, =, and the SHA-256 that keytool prints: com.example.app=F6:97:…',
    );
  return { package: name, sha256: digits.replaceAll(':', '').toUpperCase().match(/../g)!.join(':') };
}

export async function checkAssociations(site: Site, rpId: string, apps: Apps): Promise<Finding[]> {
  const { hostname, protocol, port } = new URL(site.origin);
  const home = hostname === rpId ? site.origin : `${protocol}//${rpId}${port === '' ? '' : `:${port}`}`;
  const documents = [
    { check: 'assetlinks', name: 'assetlinks.json', wanted: apps.android.length, judge: judgeAndroid },
    { check: 'app_site_association', name: 'apple-app-site-association', wanted: apps.apple.length, judge: judgeApple },
  ];
  const findings: Finding[] = [];
  for (const { check, name, wanted, judge } of documents) {
    const at = `${home}/.well-known/${name}`;
    const answer = await ask(site, at).catch((error: unknown) => {
      if (wanted > 0) throw error;
      return null;
    });
    const isThere = answer?.status === 200 && typeof answer.json === 'object' && answer.json !== null;
    // Of apps that nobody names here a page for every path says nothing.
    if (answer === null || (wanted === 0 && !isThere)) continue;
    findings.push(...judgeDelivery(check, at, answer), ...(isThere ? judge(check, at, answer, apps) : []));
  }
  return findings;
}

/** What must be so of both: a device, or the server that asks for it, looks no further otherwise. */
function* judgeDelivery(check: string, at: string, { status, headers, json }: Answer): Generator<Finding> {
  const { error } = about(check);
  if (!at.startsWith('https:'))
    yield error(`${at} is not https`, 'Serve it by https, with a certificate that everybody trusts.');
  if (status >= 300 && status < 400) {
    const to = headers.get('location') ?? 'nowhere';
    yield error(`${at} redirects to ${to}`, 'Answer it there: no redirect is followed, not even to www or by a slash.');
  } else if (status !== 200) {
    yield error(
      `${at} answers ${status}`,
      "List the app in rp.apps and mount wellKnown() on the RP ID's own host, in front of any login.",
    );
  } else {
    const type = headers.get('content-type') ?? 'of no type';
    if (!/^application\/json\b/i.test(type)) yield error(`${at} is ${type}`, 'Serve it as application/json.');
    if (typeof json !== 'object' || json === null)
      yield error(`${at} is no JSON document`, 'Let nothing in front answer for it.');
  }
}

function* judgeAndroid(check: string, at: string, { json }: Answer, { android }: Apps): Generator<Finding> {
  const { ok, info, error } = about(check);
  if (!Array.isArray(json)) {
    yield error(`${at} is not a list of statements`, 'It is an array: [{ "relation": […], "target": {…} }].');
    return;
  }
  const statements = json.map(readStatement);
  if (json.some((statement) => typeof statement?.include === 'string'))
    yield info(`${at} includes other documents`, 'They are not looked at here: check them at their own address.');
  for (const { package: name, sha256 } of android) {
    const own = statements.filter((statement) => statement.name === name);
    const exact = own.filter(({ fingerprints }) => fingerprints.includes(sha256));
    const spelled = own.some(({ fingerprints }) => fingerprints.some((one) => plain(one) === plain(sha256)));
    const missing = RELATIONS.filter((relation) => !exact.some(({ relations }) => relations.includes(relation)));
    if (own.length === 0) yield error(`${at} does not name ${name}`, 'Add it to rp.apps.');
    else if (exact.length === 0 && spelled)
      yield error(
        `${at} writes the fingerprint of ${name} in another way`,
        `Write it in upper case with colons: ${sha256}`,
      );
    else if (exact.length === 0)
      yield error(
        `${at} names ${name} with ${own.flatMap(({ fingerprints }) => fingerprints).join(', ') || 'no fingerprint'}`,
        `Add ${sha256} to its sha256. From the store an app is signed by another certificate: see the Play Console.`,
      );
    else if (missing.length > 0)
      yield error(
        `${at} does not relate ${name} by ${missing.join(' and ')}`,
        'Android asks for both relations for passkeys.',
      );
    else yield ok(`${at} names ${name} with that certificate`);
  }
  if (android.length === 0) {
    const names = new Set(statements.map(({ name }) => name).filter((name) => name !== null));
    yield ok(`${at} names ${names.size === 0 ? 'no app' : [...names].join(', ')}`);
  }
  yield info(
    `${at} must let Google's crawler in`,
    'Let no robots.txt, firewall or country list keep out what is below /.well-known.',
  );
}

const plain = (fingerprint: string) => fingerprint.replaceAll(':', '').toUpperCase();

function readStatement(statement: unknown) {
  const { relation, target } = Object(statement) as { relation?: unknown; target?: unknown };
  const {
    namespace,
    package_name: name,
    sha256_cert_fingerprints: fingerprints,
  } = Object(target) as Record<string, unknown>;
  return {
    name: namespace === 'android_app' && typeof name === 'string' ? name : null,
    relations: texts(relation),
    fingerprints: texts(fingerprints),
  };
}

function* judgeApple(check: string, at: string, { json, text }: Answer, { apple }: Apps): Generator<Finding> {
  const { ok, info, error } = about(check);
  const size = Buffer.byteLength(text);
  if (size > APPLE_MOST)
    yield error(`${at} has ${size} bytes`, 'Apple takes at most 128 KiB, unpacked: leave out what no app needs.');
  const { webcredentials } = Object(json) as { webcredentials?: unknown };
  const listed = texts((Object(webcredentials) as { apps?: unknown }).apps);
  for (const id of apple) {
    if (listed.includes(id)) yield ok(`${at} names ${id}`);
    else if (text.includes(id))
      yield error(
        `${at} names ${id}, but not in webcredentials`,
        'Passkeys need it in webcredentials.apps; applinks is for links.',
      );
    else
      yield error(
        `${at} does not name ${id}`,
        'Add it to rp.apps: the team id, a dot and the bundle id, without a wildcard.',
      );
  }
  if (apple.length === 0) yield ok(`${at} names ${listed.length === 0 ? 'no app for credentials' : listed.join(', ')}`);
  yield info(
    "Devices ask Apple's servers for it, whose copy may be a day old: that is not checked here",
    'webcredentials:example.com?mode=developer in the entitlement goes around the copy, on a developer’s device.',
  );
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
