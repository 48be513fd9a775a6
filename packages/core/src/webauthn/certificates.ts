/** X.509 certificates: whether a chain leads to a root. RFC 5280 §6.1, offline, by the clock that is handed in. */

import { X509Certificate } from 'node:crypto';

/** As many certificates as are looked at: real chains have one to three. */
export const MAX_CHAIN = 5;

/**
 * Whether a chain, its end certificate first, leads to a root: each certificate valid now, issued and signed by the next,
 * until a root has issued one or is one. Of a root its name and key count, not its dates: who named it a root has judged it.
 * RFC 5280 §6.1, without policies, names and revocation. WebAuthn §7.1 step 24.
 */
export function leadsTo(roots: readonly X509Certificate[], chain: readonly X509Certificate[], now: number): boolean {
  if (chain.length > MAX_CHAIN) return false;
  for (const [depth, certificate] of chain.entries()) {
    // The authenticator's own certificate is judged by its dates even where it is a root.
    if (roots.some((root) => root.raw.equals(certificate.raw))) return depth > 0 || isUsable(certificate, now);
    if (!isUsable(certificate, now)) return false;
    if (roots.some((root) => (root.ca || isSelfSigned(root)) && hasIssued(root, certificate, depth))) return true;
    const issuer = chain[depth + 1];
    if (!issuer?.ca || !hasIssued(issuer, certificate, depth)) return false;
  }
  return false;
}

/** Object identifiers, as the hexadecimal digits of their DER. RFC 5280 §4.2.1. */
const BASIC_CONSTRAINTS = '551d13';

/** Key usage, alternative names, basic constraints, policies, extended key usage. */
const UNDERSTOOD: ReadonlySet<string> = new Set(['551d0f', '551d11', BASIC_CONSTRAINTS, '551d20', '551d25']);

/** Valid now, and nothing critical in it that is not understood. RFC 5280 §4.1.2.5, §6.1.4 (o). */
function isUsable(certificate: X509Certificate, now: number): boolean {
  if (!isValidAt(certificate, now)) return false;
  return certificateExtensions(certificate.raw).every(({ id, critical }) => !critical || UNDERSTOOD.has(id));
}

/** Whether an instant, in milliseconds, is between a certificate's dates. RFC 5280 §4.1.2.5. */
export function isValidAt({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now <= validToDate.getTime();
}

/** By name, key identifier and key usage, by signature, and where so many CAs may be below it. RFC 5280 §6.1.4. */
function hasIssued(issuer: X509Certificate, subject: X509Certificate, depth: number): boolean {
  return subject.checkIssued(issuer) && pathLength(issuer) >= depth && subject.verify(issuer.publicKey);
}

/** Makers publish roots that do not say that they are CAs. Only a root signs itself: an authenticator's own certificate issues nothing. */
function isSelfSigned(root: X509Certificate): boolean {
  return root.issuer === root.subject && root.verify(root.publicKey);
}

/** `BasicConstraints ::= SEQUENCE { cA TRUE, pathLenConstraint INTEGER OPTIONAL }`, RFC 5280 §4.2.1.9. */
function pathLength(issuer: X509Certificate): number {
  const constraints = certificateExtensions(issuer.raw).find(({ id }) => id === BASIC_CONSTRAINTS)?.value;
  return constraints?.length === 8 ? constraints[7]! : Number.POSITIVE_INFINITY;
}

export const fromBase64 = (der: string) => fromDer(Buffer.from(der, 'base64'));

/**
 * A certificate that is these bytes, and all of them. Node looks for PEM before it reads DER: a genuine certificate as
 * text inside a forged one would be found here, while the library verified the statement with the forger's key.
 */
export function fromDer(der: Uint8Array): X509Certificate {
  const certificate = new X509Certificate(der);
  if (!certificate.raw.equals(der)) throw new Error('it is not one certificate in DER');
  return certificate;
}

interface Extension {
  /** Its object identifier, as the hexadecimal digits of its DER. */
  readonly id: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** The tags of X.690 §8 that stand in a certificate on the way to its extensions. */
const [BOOLEAN, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE, EXTENSIONS] = [0x01, 0x04, 0x06, 0x30, 0xa3] as const;

/** The extensions of a certificate in DER that OpenSSL has read. RFC 5280 §4.1, §4.2. Throws for what is not DER. */
export function certificateExtensions(der: Uint8Array): readonly Extension[] {
  const [certificate] = valuesOf(Buffer.from(der));
  const [signed] = valuesOf(contentOf(certificate, SEQUENCE));
  const extensions = valuesOf(contentOf(signed, SEQUENCE)).find(({ tag }) => tag === EXTENSIONS);
  if (extensions === undefined) return [];
  const [list] = valuesOf(extensions.content);
  return valuesOf(contentOf(list, SEQUENCE)).map((extension) => {
    const [id, ...rest] = valuesOf(contentOf(extension, SEQUENCE));
    const critical = rest.length > 1 ? contentOf(rest[0], BOOLEAN) : null;
    return {
      id: contentOf(id, OBJECT_IDENTIFIER).toString('hex'),
      critical: critical !== null && !critical.equals(Buffer.of(0)),
      value: contentOf(rest.at(-1), OCTET_STRING),
    };
  });
}

interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
}

/** The values that stand one after the other in these bytes. X.690 §8.1, §10.1: each length is definite. */
function valuesOf(der: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < der.length; ) {
    const first = der.readUInt8(at + 1);
    if (first === 0x80) throw new Error('it is not DER');
    const more = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + more;
    const end = start + (more === 0 ? first : der.readUIntBE(at + 2, more));
    if (end > der.length) throw new Error('it is not DER');
    values.push({ tag: der.readUInt8(at), content: der.subarray(start, end) });
    at = end;
  }
  return values;
}

function contentOf(value: DerValue | undefined, tag: number): Buffer {
  if (value?.tag !== tag) throw new Error('it is not a certificate in DER');
  return value.content;
}
