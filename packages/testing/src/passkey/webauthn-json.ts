/**
 * The JSON that a page exchanges with its server (WebAuthn L3 §5.1.8 to §5.1.10), written here so that a test needs neither
 * the DOM library nor another package. What comes in asks only for what is read, so that any server's options fit.
 */

/** Names one credential (§5.8.3). `id` is base64url. */
export interface PublicKeyCredentialDescriptorJSON {
  readonly id: string;
  readonly type: string;
  readonly transports?: readonly string[] | undefined;
}

/** What a server sends for a registration (§5.1.9). `challenge` and `user.id` are base64url, `timeout` is milliseconds. */
export interface PublicKeyCredentialCreationOptionsJSON {
  readonly rp: { readonly id?: string | undefined; readonly name: string };
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly challenge: string;
  readonly pubKeyCredParams: readonly { readonly type: string; readonly alg: number }[];
  readonly timeout?: number | undefined;
  readonly excludeCredentials?: readonly PublicKeyCredentialDescriptorJSON[] | undefined;
  readonly authenticatorSelection?:
    | {
        readonly authenticatorAttachment?: string | undefined;
        readonly residentKey?: string | undefined;
        readonly requireResidentKey?: boolean | undefined;
        readonly userVerification?: string | undefined;
      }
    | undefined;
  readonly hints?: readonly string[] | undefined;
  readonly attestation?: string | undefined;
  readonly attestationFormats?: readonly string[] | undefined;
  readonly extensions?: { readonly credProps?: boolean | undefined } | undefined;
}

/** What a server sends for an authentication (§5.1.10). `challenge` is base64url, `timeout` is milliseconds. */
export interface PublicKeyCredentialRequestOptionsJSON {
  readonly challenge: string;
  readonly rpId?: string | undefined;
  readonly timeout?: number | undefined;
  readonly allowCredentials?: readonly PublicKeyCredentialDescriptorJSON[] | undefined;
  readonly userVerification?: string | undefined;
  readonly hints?: readonly string[] | undefined;
  readonly extensions?: object | undefined;
}

/** Where an authenticator sits (§5.4.5). */
export type AuthenticatorAttachment = 'platform' | 'cross-platform';

/** What a page sends back from a registration (§5.1.8). Every byte string is base64url. */
export interface RegistrationResponseJSON {
  id: string;
  rawId: string;
  type: 'public-key';
  authenticatorAttachment?: AuthenticatorAttachment;
  clientExtensionResults: { credProps?: { rk: boolean } };
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
  id: string;
  rawId: string;
  type: 'public-key';
  authenticatorAttachment?: AuthenticatorAttachment;
  clientExtensionResults: Record<string, never>;
  response: {
    clientDataJSON: string;
    authenticatorData: string;
    signature: string;
    userHandle?: string;
  };
}
