/**
 * Which makes of authenticator may register: the roots that a verified attestation must lead to, the application's own
 * or those that a FIDO metadata blob names for the model. All of it is offline: chains and the blob are verified here,
 * by the injected clock, and no revocation list is ever looked up at an address that a certificate names.
 */

import { X509Certificate } from 'node:crypto';
import { ConfigurationError } from '../errors.ts';
import type { AttestationOptions, Logger } from '../options.ts';
import { fromBase64, fromDer, leadsTo } from '../webauthn/certificates.ts';
import { FIDO_ROOTS } from '../webauthn/fido-roots.ts';
import { type Metadata, readMetadata } from '../webauthn/metadata.ts';

/** What a registration shows for its authenticator, after its statement was verified. */
export interface AttestedModel {
  readonly aaguid: string;
  /** The statement's `x5c`, in DER, leaf first; null for `none` and self attestation. */
  readonly certificates: readonly Uint8Array[] | null;
}

/** The checked policy. */
export interface AttestationPolicy {
  /** Whether the authenticator is one that this policy accepts. Never throws. */
  accepts(model: AttestedModel): boolean;
  /** Whether a model that was attested before could still be accepted. Its certificates are not kept, so that its root is not asked for. */
  acceptsModel(aaguid: string): boolean;
}

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

  const acceptsModel = (aaguid: string) => {
    if (allowed && !allowed.has(aaguid)) return false;
    const model = book?.models.get(aaguid);
    return model === undefined ? anchors.length > 0 : !model.withdrawn;
  };

  return {
    acceptsModel,
    accepts({ aaguid, certificates }) {
      remind(now());
      if (certificates === null || !acceptsModel(aaguid)) return false;
      try {
        const chain = certificates.map(fromDer);
        const named = book?.models.get(aaguid)?.roots.map(fromBase64) ?? [];
        return leadsTo([...anchors, ...named], chain, now());
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

// --- the metadata blob ---

/** FIDO's own roots sign for the whole web, so its BLOB must also be signed in this name. */
const FIDO_HOST = 'mds.fidoalliance.org';

function checkMetadata(blob: string, given: readonly string[] | undefined, now: number): Metadata {
  const own = given === undefined ? null : readRoots(`${OPTION}.metadataRoots`, given);
  const roots = own ?? FIDO_ROOTS.map((pem) => new X509Certificate(pem));
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
    const { length } = Object(blob) as { length?: unknown };
    const got = length === undefined ? blob : `${length} ${typeof blob === 'string' ? 'characters' : 'bytes'}`;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const instead = `It cannot be trusted: ${why}. Hand in a BLOB as downloaded from https://mds3.fidoalliance.org, or metadataRoots that fit it.`;
    throw new ConfigurationError(`${OPTION}.metadata`, got, instead);
  }
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
