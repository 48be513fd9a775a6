/**
 * Attestation that is really signed, by a maker of the test's own: for servers that believe what an authenticator says
 * about its maker.
 */
import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { algorithmOf } from './algorithm.ts';
import type { RegistrationBend } from './bend.ts';
import type { CborValue } from './cbor.ts';

/** Who signs an attestation: the maker's key, and the certificates that lead from it to the maker's root. */
export interface Attester {
  /** A key on P-256, of RSA or Ed25519; as text in PEM. */
  readonly privateKey: KeyObject | string;
  /** In PEM or DER: first the one for `privateKey`, then whoever issued it. The root itself need not be there. */
  readonly certificates: readonly (string | Uint8Array)[];
}

/**
 * Attestation in the format `packed` (WebAuthn L3 §8.2), to be put into a bend. Without an attester the passkey signs with
 * its own key: self attestation, which says nothing of its maker.
 *
 * ```ts
 * passkey.register(creationOptions, packedAttestation({ privateKey, certificates: [leaf, intermediate] }));
 * ```
 */
export function packedAttestation(attester?: Attester): Pick<RegistrationBend, 'fmt' | 'attStmt'> {
  const key = typeof attester?.privateKey === 'string' ? createPrivateKey(attester.privateKey) : attester?.privateKey;
  // Bytes go as they are, so that a test can send what is no certificate.
  const x5c = attester?.certificates.map((given) =>
    typeof given === 'string' ? new X509Certificate(given).raw : given,
  );
  return {
    fmt: 'packed',
    attStmt({ bytes, privateKey }) {
      const signer = key ?? privateKey;
      const { number, hash } = algorithmOf(signer);
      return new Map<string, CborValue>([
        ['alg', number],
        ['sig', sign(hash, bytes, signer)],
        ...(x5c ? [['x5c', x5c] as const] : []),
      ]);
    },
  };
}
