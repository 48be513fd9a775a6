/** The JSON that options are written in. WebAuthn Level 3, §5.4, §5.5 and §5.8.3. */

/** Base64url without padding. */
export type Base64Url = string;

/** `PublicKeyCredentialRequestOptionsJSON`, WebAuthn §5.5. */
export interface RequestOptionsJSON {
  readonly challenge: Base64Url;
  readonly timeout: number;
  readonly rpId: string;
  readonly allowCredentials: readonly DescriptorJSON[];
  readonly userVerification: 'required' | 'preferred' | 'discouraged';
  readonly hints?: readonly AuthenticatorHint[];
}

/** `PublicKeyCredentialHint`, WebAuthn §5.8.7. */
export type AuthenticatorHint = 'client-device' | 'hybrid' | 'security-key';

/** `PublicKeyCredentialCreationOptionsJSON`, WebAuthn §5.4. */
export interface CreationOptionsJSON {
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: Base64Url; readonly name: string; readonly displayName: string };
  readonly challenge: Base64Url;
  readonly pubKeyCredParams: readonly { readonly type: 'public-key'; readonly alg: number }[];
  readonly timeout: number;
  readonly excludeCredentials: readonly DescriptorJSON[];
  readonly authenticatorSelection: {
    readonly residentKey: 'required';
    readonly requireResidentKey: true;
    readonly userVerification: 'required' | 'preferred' | 'discouraged';
    readonly authenticatorAttachment?: 'platform' | 'cross-platform';
  };
  readonly hints?: readonly AuthenticatorHint[];
  readonly extensions: { readonly credProps: true };
  readonly attestation: 'none' | 'direct';
}

/** `PublicKeyCredentialDescriptorJSON`, WebAuthn §5.8.3. */
export interface DescriptorJSON {
  readonly type: 'public-key';
  readonly id: Base64Url;
  readonly transports?: readonly string[];
}
