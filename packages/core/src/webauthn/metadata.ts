/** The FIDO metadata BLOB: verified before it is believed, then read for each model's roots and status. FIDO MDS 3.0 §3.1. */

import { verify, type X509Certificate } from 'node:crypto';
import { fromBase64, isValidAt, leadsTo, MAX_CHAIN } from './certificates.ts';

/** What is kept of a model's entry. FIDO MDS 3.0 §3.1.1. */
interface Model {
  /** Certificates in base64, read when they are needed: one that is malformed spoils its own model only. */
  readonly roots: readonly string[];
  readonly withdrawn: boolean;
}

export interface Metadata {
  readonly models: ReadonlyMap<string, Model>;
  readonly nextUpdate: number;
}

const JWS_KEYS: Record<string, (key: X509Certificate['publicKey']) => boolean> = {
  RS256: ({ asymmetricKeyType }) => asymmetricKeyType === 'rsa',
  ES256: ({ asymmetricKeyDetails }) => asymmetricKeyDetails?.namedCurve === 'prime256v1',
};

/** A signed BLOB, verified before it is believed. FIDO MDS 3.0 §3.1.6, §3.1.7 and its processing rules. Throws. */
export function readMetadata(
  blob: string,
  roots: readonly X509Certificate[],
  host: string | null,
  now: number,
): Metadata {
  if (typeof blob !== 'string') throw new Error("it is not text: read the file as 'utf8'");
  const [head = '', body = '', signature = '', ...rest] = blob.trim().split('.');
  if (signature === '' || rest.length > 0) throw new Error('it is not a signed JWT');
  const header = parseJson(head) as { alg?: unknown; crit?: unknown; x5c?: unknown };
  const fits = Object.hasOwn(JWS_KEYS, String(header.alg)) ? JWS_KEYS[String(header.alg)]! : undefined;
  if (!fits || header.crit !== undefined) throw new Error('it is not signed with RS256 or ES256');
  if (!Array.isArray(header.x5c) || header.x5c.length === 0) throw new Error('its header has no x5c');
  const chain = header.x5c.slice(0, MAX_CHAIN + 1).map((der) => fromBase64(String(der)));
  const { publicKey } = chain[0]!;
  // Attestation roots are as their makers say; this one vouches for all of them, so its dates count too.
  const expired = [...chain, ...roots].filter((certificate) => !isValidAt(certificate, now));
  const validRoots = roots.filter((root) => !expired.includes(root));
  if (!leadsTo(validRoots, chain, now)) {
    const [first] = expired;
    const dates = first && ` (one is valid from ${day(first.validFromDate)} to ${day(first.validToDate)} only)`;
    throw new Error(`its certificates lead to none of the roots that are valid today${dates ?? ''}`);
  }
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

const day = (date: Date) => date.toISOString().slice(0, 10);

function parseJson(part: string): object {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
  if (typeof value !== 'object' || value === null) throw new Error('it is not a JWT of JSON objects');
  return value;
}
