// The options as the server writes them: JSON, bytes as base64url.
// https://www.w3.org/TR/webauthn-3/#sctn-parseRequestOptionsFromJSON

/** `PublicKeyCredentialRequestOptionsJSON`, with the closed lists of words that the browser takes. */
export interface RequestOptionsJSON extends Omit<PublicKeyCredentialRequestOptions, 'challenge' | 'allowCredentials'> {
  challenge: string;
  allowCredentials?: DescriptorJSON[];
}

/** `PublicKeyCredentialCreationOptionsJSON`, likewise. */
export interface CreationOptionsJSON
  extends Omit<PublicKeyCredentialCreationOptions, 'challenge' | 'rp' | 'user' | 'excludeCredentials'> {
  rp: { id: string; name: string };
  challenge: string;
  user: PublicKeyCredentialUserEntityJSON;
  excludeCredentials?: DescriptorJSON[];
}

export type DescriptorJSON = Omit<PublicKeyCredentialDescriptor, 'id'> & { id: string };
