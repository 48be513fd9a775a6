/** Makers of authenticators: certificates and metadata that really verify, made when a test asks for them. */
// @peculiar/x509 must find it.
import 'reflect-metadata';
import { KeyObject, randomBytes, sign, webcrypto } from 'node:crypto';
import type { Attester } from '@latchkey/testing';
import {
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY = 86_400_000;

/** A certificate and the key in it. */
export interface Certified {
  readonly pem: string;
  readonly der: Buffer;
  readonly subject: string;
  readonly keys: CryptoKeyPair;
  readonly privateKey: KeyObject;
}

export interface CertificateOptions {
  readonly subject?: string;
  /** Default: itself. */
  readonly issuer?: Certified;
  /** Default: the issuer's. Another one signs in the issuer's name without its key. */
  readonly signedBy?: Certified;
  /** Basic constraints: a CA with this path length, a CA (true), or explicitly none (false). */
  readonly ca?: boolean | number;
  readonly keyUsage?: number;
  /** The FIDO AAGUID extension. */
  readonly aaguid?: string;
  readonly extensions?: readonly Extension[];
  /** Days from now. */
  readonly days?: readonly [from: number, to: number];
  readonly keys?: CryptoKeyPair;
}

export const AAGUID_EXTENSION = '1.3.6.1.4.1.45724.1.1.4';
/** WebAuthn §8.2.1. */
export const ATTESTATION_SUBJECT = 'C=SE, O=Maker, OU=Authenticator Attestation, CN=Model One';

let serial = 0x1000;

export async function certify(options: CertificateOptions): Promise<Certified> {
  const { subject = ATTESTATION_SUBJECT, issuer, ca = false, keyUsage, aaguid, days: [from, to] = [-1, 365] } = options;
  const keys = options.keys ?? ((await webcrypto.subtle.generateKey(ES256, true, ['sign', 'verify'])) as CryptoKeyPair);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: (serial++).toString(16),
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: new Date(Date.now() + from * DAY),
    notAfter: new Date(Date.now() + to * DAY),
    publicKey: keys.publicKey,
    signingKey: (options.signedBy ?? issuer)?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ES256,
    extensions: [
      new BasicConstraintsExtension(ca !== false, typeof ca === 'number' ? ca : undefined, true),
      ...(keyUsage === undefined ? [] : [new KeyUsagesExtension(keyUsage, true)]),
      ...(aaguid === undefined ? [] : [new Extension(AAGUID_EXTENSION, false, octets(bytesOf(aaguid)))]),
      ...(options.extensions ?? []),
    ],
  });
  return {
    pem: certificate.toString('pem'),
    der: Buffer.from(certificate.rawData),
    subject,
    keys,
    privateKey: KeyObject.from(keys.privateKey),
  };
}

export const certifyRoot = (options: CertificateOptions = {}) =>
  certify({
    subject: `CN=Root ${randomBytes(4).toString('hex')}`,
    ca: true,
    keyUsage: KeyUsageFlags.keyCertSign,
    ...options,
  });

export const certifyIntermediate = (issuer: Certified, options: CertificateOptions = {}) =>
  certify({ subject: 'CN=Intermediate', issuer, ca: 0, keyUsage: KeyUsageFlags.keyCertSign, ...options });

/** Whoever signs with the first certificate and sends all of them. */
export const attester = (...chain: readonly Certified[]): Attester => ({
  privateKey: chain[0]!.privateKey,
  certificates: chain.map(({ der }) => der),
});

const bytesOf = (aaguid: string) => Buffer.from(aaguid.replaceAll('-', ''), 'hex');

/** DER with a length of one byte. */
const tlv = (tag: number, ...content: readonly Uint8Array[]) => {
  const body = Buffer.concat(content);
  if (body.length > 127) throw new RangeError('too long for one byte of length');
  return Buffer.concat([Buffer.of(tag, body.length), body]);
};
const octets = (bytes: Uint8Array) => tlv(0x04, bytes);

/**
 * What `android-key` attestation wants of a certificate: the key description with the hash of client data in it; and, so
 * that somebody is tempted to look there, where its list of revoked certificates is.
 */
export const androidKeyExtensions = (clientDataHash: Uint8Array, revocationList: string): readonly Extension[] => {
  const [number, level] = [tlv(0x02, Buffer.of(3)), tlv(0x0a, Buffer.of(1))];
  const description = tlv(
    0x30,
    number,
    level,
    number,
    level,
    octets(clientDataHash),
    octets(Buffer.of()),
    tlv(0x30),
    tlv(0x30),
  );
  return [
    new Extension('1.3.6.1.4.1.11129.2.1.17', false, description),
    new CRLDistributionPointsExtension([revocationList]),
  ];
};

/** An entry of FIDO metadata, as far as a server reads it. */
export interface Entry {
  readonly aaguid: string;
  readonly roots: readonly Certified[];
  readonly statuses?: readonly string[];
}

/** A FIDO metadata BLOB (FIDO MDS 3.0 §3.1.7), signed by the first certificate. */
export function metadataBlob(
  entries: readonly Entry[],
  [signer, ...issuers]: readonly Certified[],
  { nextUpdate = new Date(Date.now() + 30 * DAY), header = {} }: { nextUpdate?: Date | string; header?: object } = {},
): string {
  const json = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const x5c = [signer!, ...issuers].map(({ der }) => der.toString('base64'));
  const payload = {
    no: 1,
    nextUpdate: typeof nextUpdate === 'string' ? nextUpdate : nextUpdate.toISOString().slice(0, 10),
    entries: entries.map(({ aaguid, roots, statuses = ['FIDO_CERTIFIED_L1'] }) => ({
      aaguid,
      metadataStatement: { attestationRootCertificates: roots.map(({ der }) => der.toString('base64')) },
      statusReports: statuses.map((status) => ({ status, effectiveDate: '2026-01-01' })),
      timeOfLastStatusChange: '2026-01-01',
    })),
  };
  const signed = `${json({ alg: 'ES256', typ: 'JWT', x5c, ...header })}.${json(payload)}`;
  const key = { key: signer!.privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}
