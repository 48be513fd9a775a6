/**
 * The JSON that a page exchanges with its server (WebAuthn L3 §5.1.8 to §5.1.10), written here so that a test needs neither
 * the DOM library nor another package. What comes in asks only for what is read, so that any server's options fit.
 */

/** Names one credential (§5.8.3). `id` is base64url. */
export interface PublicKeyCredentialDescriptorJSON {
  /** The credential id, base64url. */
  readonly id: string;
  /** `public-key`. */
  readonly type: string;
  /** How a browser may reach it (§5.8.4). */
  readonly transports?: readonly string[] | undefined;
}

/** What a server sends for a registration (§5.1.9). `challenge` and `user.id` are base64url, `timeout` is milliseconds. */
export interface PublicKeyCredentialCreationOptionsJSON {
  /** The relying party. */
  readonly rp: { readonly id?: string | undefined; readonly name: string };
  /** The account; `id` is the user handle. */
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  /** To be signed. */
  readonly challenge: string;
  /** Signature algorithms, the preferred one first. */
  readonly pubKeyCredParams: readonly { readonly type: string; readonly alg: number }[];
  /** How long the browser may wait. */
  readonly timeout?: number | undefined;
  /** Passkeys that the account has already. */
  readonly excludeCredentials?: readonly PublicKeyCredentialDescriptorJSON[] | undefined;
  /** What is asked of the authenticator (§5.4.4). */
  readonly authenticatorSelection?:
    | {
        readonly authenticatorAttachment?: string | undefined;
        readonly residentKey?: string | undefined;
        readonly requireResidentKey?: boolean | undefined;
        readonly userVerification?: string | undefined;
      }
    | undefined;
  /** Where the user may look for an authenticator (§5.8.7). */
  readonly hints?: readonly string[] | undefined;
  /** What attestation is asked for (§5.4.7). */
  readonly attestation?: string | undefined;
  /** The preferred formats of it, the best first. */
  readonly attestationFormats?: readonly string[] | undefined;
  /** Extensions that are asked for; `credProps` is §10.1.3. */
  readonly extensions?: { readonly credProps?: boolean | undefined } | undefined;
}

/** What a server sends for an authentication (§5.1.10). `challenge` is base64url, `timeout` is milliseconds. */
export interface PublicKeyCredentialRequestOptionsJSON {
  /** To be signed. */
  readonly challenge: string;
  /** The domain of the passkey. */
  readonly rpId?: string | undefined;
  /** How long the browser may wait. */
  readonly timeout?: number | undefined;
  /** Only these passkeys; empty or left out: any. */
  readonly allowCredentials?: readonly PublicKeyCredentialDescriptorJSON[] | undefined;
  /** Whether the authenticator must verify its user (§5.8.6). */
  readonly userVerification?: string | undefined;
  /** Where the user may look for an authenticator (§5.8.7). */
  readonly hints?: readonly string[] | undefined;
  /** Extensions that are asked for. */
  readonly extensions?: object | undefined;
}

/** Where an authenticator sits (§5.4.5). */
export type AuthenticatorAttachment = 'platform' | 'cross-platform';

/** What a page sends back from a registration (§5.1.8). Every byte string is base64url. */
export interface RegistrationResponseJSON {
  /** The credential id. */
  id: string;
  /** The credential id again. */
  rawId: string;
  /** What kind of credential. */
  type: 'public-key';
  /** Where the authenticator is, as the browser says. */
  authenticatorAttachment?: AuthenticatorAttachment;
  /** What the browser says of extensions; `rk`: the passkey is discoverable. */
  clientExtensionResults: { credProps?: { rk: boolean } };
  /** What the authenticator made (§5.2.1). */
  response: {
    clientDataJSON: string;
    /** Copy of what is inside `attestationObject`. */
    authenticatorData: string;
    attestationObject: string;
    transports: string[];
    /** The public key again, as DER SubjectPublicKeyInfo (§5.2.1). */
    publicKey: string;
    publicKeyAlgorithm: number;
  };
}

/** What a page sends back from an authentication (§5.1.8). Every byte string is base64url. */
export interface AuthenticationResponseJSON {
  /** The credential id. */
  id: string;
  /** The credential id again. */
  rawId: string;
  /** What kind of credential. */
  type: 'public-key';
  /** Where the authenticator is, as the browser says. */
  authenticatorAttachment?: AuthenticatorAttachment;
  /** What the browser says of extensions: nothing. */
  clientExtensionResults: Record<string, never>;
  /** What the authenticator made (§5.2.2). */
  response: {
    clientDataJSON: string;
    authenticatorData: string;
    signature: string;
    userHandle?: string;
  };
}
