/** The public names of @latchkey/testing. */

export {
  type Agent,
  createAgent,
  NOT_USED,
  type Reply,
  type RequestChange,
  type SignInOptions,
  USED,
} from './agent.ts';
export { type HttpRule, httpContract, wireContract } from './http-contract/contract.ts';
export type { AlgorithmName, AlgorithmNumber, CoseKey } from './passkey/algorithm.ts';
export { type Attester, packedAttestation } from './passkey/attestation.ts';
export type { Flags } from './passkey/authenticator-data.ts';
export type { AnswerBend, AuthenticationBend, Bent, Patch, RegistrationBend, Signing } from './passkey/bend.ts';
export { type CborMap, type CborValue, encodeCbor } from './passkey/cbor.ts';
export {
  declaredAlgorithm,
  flipBit,
  pointOffCurve,
  rawSignature,
  sha1Signature,
  zeroSignature,
} from './passkey/forgeries.ts';
export {
  createSoftwarePasskey,
  type SoftwarePasskey,
  type SoftwarePasskeyJSON,
  type SoftwarePasskeyOptions,
} from './passkey/software-passkey.ts';
export type {
  AuthenticationResponseJSON,
  AuthenticatorAttachment,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialDescriptorJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from './passkey/webauthn-json.ts';
export { type Account, type Mount, openSite, type Site, type SiteOptions, type World } from './site.ts';
export { attemptStoreContract } from './store-contract/attempts.ts';
export { challengeStoreContract } from './store-contract/challenges.ts';
export { invitationStoreContract } from './store-contract/invitations.ts';
export { passkeyStoreContract } from './store-contract/passkeys.ts';
export type { StoreRule } from './store-contract/rule.ts';
export { sessionStoreContract } from './store-contract/sessions.ts';
export { type SignInStore, signInStoreContract } from './store-contract/sign-in.ts';
