/**
 * Which makes of authenticator may register: the roots that a verified attestation must lead to, the application's own
 * or those that a FIDO metadata blob names for the model. All of it is offline: chains and the blob are verified here,
 * by the injected clock, and no revocation list is ever looked up at an address that a certificate names.
 */
import { verify, X509Certificate } from 'node:crypto';
import type { Logger } from './config.ts';
import { ConfigurationError } from './errors.ts';
import { certificateExtensions, fidoRoots } from './webauthn.ts';

/** Attestation that counts. One of `roots` and `metadata` must be there: without roots an attestation says nothing. */
export interface AttestationOptions {
  /** Asks for the authenticator's own attestation. WebAuthn §5.4.7. */
  readonly conveyance: 'direct';
  /** Certificates in PEM, one each: an attestation must lead to one of them. */
  readonly roots?: readonly string[];
  /** A FIDO metadata BLOB as downloaded, a JWT: each model's own roots, and which models are compromised. */
  readonly metadata?: string;
  /** Certificates in PEM that the BLOB itself must lead to. Default: those that FIDO's own leads to. */
  readonly metadataRoots?: readonly string[];
  /** The models that may register, by AAGUID. Default: every one that an accepted root vouches for. */
  readonly allow?: readonly string[];
}

/** What a registration shows for its authenticator, after its statement was verified. */
export interface Shown {
  readonly aaguid: string;
  /** The statement's `x5c`, in DER, leaf first; null for `none` and self attestation. */
  readonly certificates: readonly Uint8Array[] | null;
}

/** The checked policy. */
export interface AttestationPolicy {
  /** Whether the authenticator is one that this policy accepts. Never throws. */
  accepts(shown: Shown): boolean;
}

/** As many certificates as are looked at: real chains have one to three. */
const MAX_CHAIN = 5;
const DAY = 86_400_000;
const OPTION = 'policy.attestation';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NO_MODEL = '00000000-0000-0000-0000-000000000000';

/** Checks `policy.attestation`; null for `none`. Throws {@link ConfigurationError}. */
export function checkAttestation(
  options: 'none' | AttestationOptions | undefined,
  { now, logger }: { readonly now: () => number; readonly logger: Logger | undefined },
): AttestationPolicy | null {
  if (options === undefined || options === 'none') return null;
  const { conveyance, roots = [], metadata, metadataRoots, allow } = Object(options) as Partial<AttestationOptions>;
  if (conveyance !== 'direct') {
    throw new ConfigurationError(
      OPTION,
      options,
      "Write 'none', or { conveyance: 'direct', … } with roots or metadata.",
    );
  }
  const anchors = readRoots(`${OPTION}.roots`, roots);
  if (anchors.length === 0 && metadata === undefined) {
    const instead = 'Without a root an attestation proves nothing: list certificates in PEM, or hand in metadata.';
    throw new ConfigurationError(`${OPTION}.roots`, roots, instead);
  }
  if (metadata === undefined && metadataRoots !== undefined) {
    throw new ConfigurationError(
      `${OPTION}.metadata`,
      metadata,
      'metadataRoots are for a blob: hand it in, or leave them out.',
    );
  }
  const book = metadata === undefined ? null : checkMetadata(metadata, metadataRoots, now());
  const allowed = allow === undefined ? null : readAllowed(allow);
  const remind = book ? reminder(book.nextUpdate, logger) : () => {};
  remind(now());

  return {
    accepts({ aaguid, certificates }) {
      remind(now());
      if (certificates === null || (allowed && !allowed.has(aaguid))) return false;
      const model = book?.models.get(aaguid);
      if (model?.withdrawn) return false;
      try {
        const chain = certificates.map(fromDer);
        return leadsTo([...anchors, ...(model?.roots.map(fromBase64) ?? [])], chain, now());
      } catch {
        // Not a certificate, or one with a key that nothing here can read.
        return false;
      }
    },
  };
}

function readRoots(option: string, roots: readonly string[]): X509Certificate[] {
  if (!Array.isArray(roots)) throw new ConfigurationError(option, roots, 'Write a list of certificates in PEM.');
  return roots.map((pem, index) => {
    try {
      // Of a bundle Node reads the first and says nothing of the others.
      if (String(pem).split('-----BEGIN').length !== 2) throw new Error('not one certificate');
      return new X509Certificate(pem);
    } catch {
      throw new ConfigurationError(
        `${option}[${index}]`,
        pem,
        "Write one certificate in PEM: '-----BEGIN CERTIFICATE-----…'.",
      );
    }
  });
}

function readAllowed(allow: readonly string[]): ReadonlySet<string> {
  const aaguids = Array.isArray(allow) ? allow.map((aaguid) => String(aaguid).toLowerCase()) : [];
  const wrong = aaguids.find((aaguid) => !UUID.test(aaguid) || aaguid === NO_MODEL);
  if (aaguids.length === 0 || wrong !== undefined) {
    const instead =
      "List the AAGUIDs of models, e.g. ['2fc0579f-8113-47ea-b116-bb5a8db9202a']; leave it out to allow all.";
    throw new ConfigurationError(`${OPTION}.allow`, wrong ?? allow, instead);
  }
  return new Set(aaguids);
}

// --- chains ---

/**
 * Whether a chain, its end certificate first, leads to a root: each certificate valid now, issued and signed by the next,
 * until a root has issued one or is one. RFC 5280 §6.1, without policies, names and revocation. WebAuthn §7.1 step 24.
 */
function leadsTo(roots: readonly X509Certificate[], chain: readonly X509Certificate[], now: number): boolean {
  if (chain.length > MAX_CHAIN) return false;
  for (const [depth, certificate] of chain.entries()) {
    if (!isUsable(certificate, now)) return false;
    if (roots.some((root) => root.raw.equals(certificate.raw))) return true;
    if (roots.some((root) => hasIssued(root, certificate, depth) && isUsable(root, now))) return true;
    const issuer = chain[depth + 1];
    if (!issuer || !hasIssued(issuer, certificate, depth)) return false;
  }
  return false;
}

/** Key usage, alternative names, basic constraints, policies, extended key usage. RFC 5280 §4.2.1. */
const UNDERSTOOD: ReadonlySet<string> = new Set(['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.32', '2.5.29.37']);
const BASIC_CONSTRAINTS = '2.5.29.19';

/** Valid now, and nothing critical in it that is not understood. RFC 5280 §4.1.2.5, §6.1.4 (o). */
function isUsable(certificate: X509Certificate, now: number): boolean {
  const { validFromDate, validToDate } = certificate;
  if (!(validFromDate.getTime() <= now && now <= validToDate.getTime())) return false;
  return certificateExtensions(certificate.raw).every(({ id, critical }) => !critical || UNDERSTOOD.has(id));
}

/** By name, key identifier and key usage, by signature, and as a CA that may have so many CAs below it. RFC 5280 §6.1.4. */
function hasIssued(issuer: X509Certificate, subject: X509Certificate, depth: number): boolean {
  return issuer.ca && subject.checkIssued(issuer) && pathLength(issuer) >= depth && subject.verify(issuer.publicKey);
}

/** `BasicConstraints ::= SEQUENCE { cA TRUE, pathLenConstraint INTEGER OPTIONAL }`, RFC 5280 §4.2.1.9. */
function pathLength(issuer: X509Certificate): number {
  const constraints = certificateExtensions(issuer.raw).find(({ id }) => id === BASIC_CONSTRAINTS)?.value;
  return constraints?.length === 8 ? constraints[7]! : Number.POSITIVE_INFINITY;
}

const fromBase64 = (der: string) => fromDer(Buffer.from(der, 'base64'));

/**
 * A certificate that is these bytes, and all of them. Node looks for PEM before it reads DER: a genuine certificate as
 * text inside a forged one would be found here, while the library verified the statement with the forger's key.
 */
function fromDer(der: Uint8Array): X509Certificate {
  const certificate = new X509Certificate(der);
  if (!certificate.raw.equals(der)) throw new Error('it is not one certificate in DER');
  return certificate;
}

// --- the metadata blob ---

/** What is kept of a model's entry. FIDO MDS 3.0 §3.1.1. */
interface Model {
  /** Certificates in base64, read when they are needed: one that is malformed spoils its own model only. */
  readonly roots: readonly string[];
  readonly withdrawn: boolean;
}

interface Metadata {
  readonly models: ReadonlyMap<string, Model>;
  readonly nextUpdate: number;
}

/** FIDO's own roots sign for the whole web, so its BLOB must also be signed in this name. */
const FIDO_HOST = 'mds.fidoalliance.org';
/** GlobalSign Root CA R3 and GlobalSign Root R46, SHA-256: the library's list of roots is anybody's in the process to change. */
const FIDO_ROOTS: ReadonlySet<string> = new Set([
  'CB:B5:22:D7:B7:F1:27:AD:6A:01:13:86:5B:DF:1C:D4:10:2E:7D:07:59:AF:63:5A:7C:F4:72:0D:C9:63:C5:3B',
  '4F:A3:12:6D:8D:3A:11:D1:C4:85:5A:4F:80:7C:BA:D6:CF:91:9D:3A:5A:88:B0:3B:EA:2C:63:72:D9:3C:40:C9',
]);

function checkMetadata(blob: string, given: readonly string[] | undefined, now: number): Metadata {
  const own = given === undefined ? null : readRoots(`${OPTION}.metadataRoots`, given);
  const roots =
    own ??
    fidoRoots()
      .map((pem) => new X509Certificate(pem))
      .filter(({ fingerprint256 }) => FIDO_ROOTS.has(fingerprint256));
  if (roots.length === 0) {
    throw new ConfigurationError(
      `${OPTION}.metadataRoots`,
      given,
      'List the certificates in PEM that the blob must lead to.',
    );
  }
  try {
    return readMetadata(blob, roots, own ? null : FIDO_HOST, now);
  } catch (thrown) {
    const got = typeof blob === 'string' ? `a text of ${blob.length} characters` : blob;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const instead = `It cannot be trusted: ${why}. Hand in a BLOB as downloaded from https://mds3.fidoalliance.org, or metadataRoots that fit it.`;
    throw new ConfigurationError(`${OPTION}.metadata`, got, instead);
  }
}

const JWS_KEYS: Record<string, (key: X509Certificate['publicKey']) => boolean> = {
  RS256: ({ asymmetricKeyType }) => asymmetricKeyType === 'rsa',
  ES256: ({ asymmetricKeyDetails }) => asymmetricKeyDetails?.namedCurve === 'prime256v1',
};

/** A signed BLOB, verified before it is believed. FIDO MDS 3.0 §3.1.6, §3.1.7 and its processing rules. Throws. */
function readMetadata(blob: string, roots: readonly X509Certificate[], host: string | null, now: number): Metadata {
  const [head = '', body = '', signature = '', ...rest] = blob.trim().split('.');
  if (signature === '' || rest.length > 0) throw new Error('it is not a signed JWT');
  const header = parseJson(head) as { alg?: unknown; crit?: unknown; x5c?: unknown };
  const fits = Object.hasOwn(JWS_KEYS, String(header.alg)) ? JWS_KEYS[String(header.alg)]! : undefined;
  if (!fits || header.crit !== undefined) throw new Error('it is not signed with RS256 or ES256');
  if (!Array.isArray(header.x5c) || header.x5c.length === 0) throw new Error('its header has no x5c');
  const chain = header.x5c.slice(0, MAX_CHAIN + 1).map((der) => fromBase64(String(der)));
  const { publicKey } = chain[0]!;
  if (!leadsTo(roots, chain, now))
    throw new Error('its certificates lead to none of the roots, or one of them has expired');
  if (host !== null && !chain[0]!.checkHost(host)) throw new Error(`it is not signed in the name of ${host}`);
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  if (!fits(publicKey) || !verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) {
    throw new Error('its signature does not verify');
  }

  const payload = parseJson(body) as { nextUpdate?: unknown; entries?: unknown };
  const nextUpdate = Date.parse(String(payload.nextUpdate));
  if (!Array.isArray(payload.entries) || Number.isNaN(nextUpdate))
    throw new Error('it has no entries or no nextUpdate');
  const models = new Map<string, Model>();
  for (const entry of payload.entries as readonly Entry[]) {
    if (typeof entry?.aaguid === 'string') models.set(entry.aaguid.toLowerCase(), readEntry(entry));
  }
  return { models, nextUpdate };
}

/** What is read of an entry; it is FIDO's word by now, and still of no certain shape. */
interface Entry {
  readonly aaguid?: unknown;
  readonly metadataStatement?: { readonly attestationRootCertificates?: readonly unknown[] };
  readonly statusReports?: readonly { readonly status?: unknown }[];
}

/** A model that was ever reported so stays out: no report says which of its devices were mended. FIDO MDS 3.0 §3.1.4. */
const WITHDRAWN = /^(REVOKED|USER_VERIFICATION_BYPASS|[A-Z_]+_COMPROMISE)$/;

function readEntry({ metadataStatement, statusReports }: Entry): Model {
  return {
    roots: (metadataStatement?.attestationRootCertificates ?? []).map(String),
    withdrawn: (statusReports ?? []).some(({ status }) => WITHDRAWN.test(String(status))),
  };
}

function parseJson(part: string): object {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
  if (typeof value !== 'object' || value === null) throw new Error('it is not a JWT of JSON objects');
  return value;
}

/** Says once that the day is over on which a newer BLOB was due. The old one is used on: its roots are no less true. */
function reminder(nextUpdate: number, logger: Logger | undefined): (now: number) => void {
  let said = false;
  return (now) => {
    if (said || now < nextUpdate + DAY) return;
    said = true;
    const due = new Date(nextUpdate).toISOString().slice(0, 10);
    const message = `latchkey: ${OPTION}.metadata was due for an update on ${due}: hand in a newer BLOB; this one is still used`;
    if (logger) logger.warn({ nextUpdate: due }, message);
    else process.emitWarning(message);
  };
}
