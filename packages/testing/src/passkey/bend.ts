/**
 * A *bend* changes one thing in a genuine answer, to test what a server makes of it. Its members follow an answer on its
 * way (what the browser writes, what the authenticator writes, the signature, the JSON): what is made later follows the
 * change, what was made before stays.
 */
import type { KeyObject } from 'node:crypto';
import type { CoseKey } from './algorithm.ts';
import type { Flags } from './authenticator-data.ts';
import type { CborMap, CborValue } from './cbor.ts';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from './webauthn-json.ts';

/** Another value in place of the genuine one, or a function that makes it from the genuine one. */
export type Bent<T> = T | ((genuine: T) => T);

/** Members to lay over an object, of any type; a member that is `undefined` is removed. */
export type Patch = Readonly<Record<string, unknown>>;

/** The bends that a registration and an authentication share. */
export interface AnswerBend<Answer> {
  /**
   * Client data before it is written as JSON (WebAuthn L3 §5.8.1): `type`, `challenge`, `origin`, `crossOrigin`, and
   * whatever a test adds (`topOrigin`, `tokenBinding`, …). A function may give anything, an array or a string too.
   */
  readonly clientData?: Patch | ((genuine: Patch) => unknown);
  /** The bytes of client data, before they are hashed and signed. */
  readonly clientDataJSON?: Bent<Uint8Array>;

  /** Hash this RP ID into authenticator data (§6.1). */
  readonly rpId?: string;
  /** The first field of authenticator data, genuinely 32 bytes; another length shifts every field after it. */
  readonly rpIdHash?: Bent<Uint8Array>;
  /** Set or clear single flags (§6.1). AT and ED change the bit only, not the data that it announces. */
  readonly flags?: Partial<Readonly<Flags>>;
  /** The counter in this answer, unsigned 32-bit; the passkey's own counter goes on as if it had not been bent. */
  readonly signCount?: Bent<number>;
  /** Extension outputs (§6.1): appended, and announced by ED. */
  readonly extensions?: CborMap;
  /** The bytes of authenticator data, before they are signed. */
  readonly authenticatorData?: Bent<Uint8Array>;

  /** JSON `id`; any value, `undefined` removes it. Nothing in authenticator data follows. */
  readonly id?: unknown;
  /** JSON `rawId`; any value, `undefined` removes it. */
  readonly rawId?: unknown;
  /** JSON `authenticatorAttachment`; any value, `undefined` removes it. */
  readonly authenticatorAttachment?: unknown;
  /** JSON `clientExtensionResults`; any value, `undefined` removes it. */
  readonly clientExtensionResults?: unknown;
  /** The last word: takes the finished answer, gives what is handed out. For everything that has no name here. */
  readonly answer?: (genuine: Answer) => unknown;
}

/** What can be bent in a registration. Attestation is `none`, so nothing in it is signed; see `packedAttestation`. */
export interface RegistrationBend extends AnswerBend<RegistrationResponseJSON> {
  /** The model of authenticator in attested credential data (§6.5.1), genuinely 16 bytes. */
  readonly aaguid?: Bent<Uint8Array>;
  /** The credential id in attested credential data (§6.5.1); the JSON `id` and `rawId` stay. At most 65,535 bytes. */
  readonly credentialId?: Bent<Uint8Array>;
  /**
   * The public key in attested credential data (§6.5.1): COSE labels, or raw bytes. The JSON `publicKey` and
   * `publicKeyAlgorithm`, which no server should read, stay.
   */
  readonly publicKey?: CoseKey | Uint8Array | ((genuine: CoseKey) => CoseKey | Uint8Array);
  /** The attestation statement format (§6.5.4), genuinely `none`. */
  readonly fmt?: CborValue;
  /** The attestation statement, genuinely an empty map; or a function of what it is to sign. */
  readonly attStmt?: CborValue | ((signing: Signing) => CborValue);
  /** The bytes of the attestation object (§6.5.4). */
  readonly attestationObject?: Bent<Uint8Array>;
  /** JSON `response.transports`; any value, `undefined` removes it. */
  readonly transports?: unknown;
}

/** What a signature is made of. */
export interface Signing {
  /** Authenticator data followed by the SHA-256 of client data (§6.3.3). */
  readonly bytes: Uint8Array;
  /** The key that signs. */
  readonly privateKey: KeyObject;
}

/** What can be bent in an authentication. */
export interface AuthenticationBend extends AnswerBend<AuthenticationResponseJSON> {
  /** The signature: other bytes, or a function of the genuine ones that may sign again in its own way. */
  readonly signature?: Uint8Array | ((genuine: Uint8Array, signing: Signing) => Uint8Array);
  /** Bytes that are changed after they were signed, so that the signature no longer covers what is sent. */
  readonly afterSigning?: {
    readonly clientDataJSON?: Bent<Uint8Array>;
    readonly authenticatorData?: Bent<Uint8Array>;
  };
  /** JSON `response.userHandle`; any value, `undefined` removes it. */
  readonly userHandle?: unknown;
}

/** The genuine value, or what a bend makes of it. */
export function bent<T extends number | Uint8Array>(genuine: T, bend: Bent<T> | undefined): T {
  if (bend === undefined) return genuine;
  return typeof bend === 'function' ? bend(genuine) : bend;
}

/** A copy of `genuine` with a patch laid over it: of all members of the patch, or of `members` only. */
export function patched(genuine: object, patch: object, members: readonly string[] = Object.keys(patch)): Patch {
  const laid = Object.entries(patch).filter(([member]) => members.includes(member));
  const all = { ...genuine, ...Object.fromEntries(laid) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
