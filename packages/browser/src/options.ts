// The server's options as get() and create() take them: bytes for base64url, the time that is left, and every other member
// as it came. Older browsers have no parse…OptionsFromJSON(), and newer ones leave out there what they do not know.
// https://www.w3.org/TR/webauthn-3/#sctn-parseRequestOptionsFromJSON

import { decode } from './bytes.ts';
import type { CreationOptionsJSON, DescriptorJSON, RequestOptionsJSON } from './options-json.ts';
import type { Issued } from './server.ts';

export function requestOptions(issued: Issued<RequestOptionsJSON>): PublicKeyCredentialRequestOptions {
  return { ...common(issued), allowCredentials: descriptors(issued.publicKey.allowCredentials) };
}

export function creationOptions(issued: Issued<CreationOptionsJSON>): PublicKeyCredentialCreationOptions {
  const { user, excludeCredentials } = issued.publicKey;
  return {
    ...common(issued),
    user: { ...user, id: decode(user.id) },
    excludeCredentials: descriptors(excludeCredentials),
  };
}

/** The browser's own time-out comes before the challenge expires. */
function common<PublicKey extends { challenge: string }>({ publicKey, endsAt }: Issued<PublicKey>) {
  return { ...publicKey, challenge: decode(publicKey.challenge), timeout: Math.max(1, endsAt - Date.now()) };
}

function descriptors(listed: DescriptorJSON[] = []): PublicKeyCredentialDescriptor[] {
  return listed.map((descriptor) => ({ ...descriptor, id: decode(descriptor.id) }));
}
