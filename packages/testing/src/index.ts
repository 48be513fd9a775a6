/** Why this file exists: it is the whole public surface of @latchkey/testing. */

export { type Agent, createAgent, NOT_USED, type Reply, USED } from './agent.ts';
export type { AlgorithmName, AlgorithmNumber, CoseKey } from './algorithm.ts';
export { type Attester, packedAttestation } from './attestation.ts';
export type { Flags } from './authenticator-data.ts';
export type { AnswerBend, AuthenticationBend, Bent, Patch, RegistrationBend, Signing } from './bend.ts';
export { type CborMap, type CborValue, encodeCbor } from './cbor.ts';
export {
  declaredAlgorithm,
  flipBit,
  pointOffCurve,
  rawSignature,
  sha1Signature,
  zeroSignature,
} from './forgeries.ts';
export { type HttpRule, httpContract } from './http-contract.ts';
export { type Mount, openSite, type Site, type SiteOptions, type World } from './site.ts';
export {
  createSoftwarePasskey,
  type SoftwarePasskey,
  type SoftwarePasskeyJSON,
  type SoftwarePasskeyOptions,
} from './software-passkey.ts';
export { attemptStoreContract } from './store-contract/attempts.ts';
export { challengeStoreContract } from './store-contract/challenges.ts';
export { passkeyStoreContract } from './store-contract/passkeys.ts';
export type { StoreRule } from './store-contract/rule.ts';
export { sessionStoreContract } from './store-contract/sessions.ts';
export { type SignInStore, signInStoreContract } from './store-contract/sign-in.ts';
export type {
  AuthenticationResponseJSON,
  AuthenticatorAttachment,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialDescriptorJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from './webauthn-json.ts';
