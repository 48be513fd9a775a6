/** What a registration must refuse: each row changes one thing in a genuine answer, and says the answer and the reason. */
import { generateKeyPairSync } from 'node:crypto';
import type { Reason } from '@latchkey/core';
import { findAlgorithm } from '../passkey/algorithm.ts';
import type { RegistrationBend } from '../passkey/bend.ts';
import { declaredAlgorithm, pointOffCurve } from '../passkey/forgeries.ts';
import { MALFORMED, OTHER_ID, type Refusal, type RefusedBend, refusedClientData, SPENT } from './refused-answers.ts';

const UNREGISTERED = (reason: Reason): Refusal => [400, 'registration_failed', reason];

const rsaKey = (modulus: Uint8Array) =>
  new Map<number, number | Uint8Array>([
    [1, 3],
    [3, -257],
    [-1, modulus],
    [-2, Uint8Array.of(1, 0, 1)],
  ]);
const shortRsaKey = findAlgorithm('RS256').coseKey(
  generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' }),
);

/** Bends of a genuine registration under the default policy. */
export const refusedRegistrations: readonly RefusedBend<RegistrationBend>[] = [
  ...refusedClientData('webauthn.get').map(([name, bend, reason]) => [name, bend, UNREGISTERED(reason)] as const),
  ['client data with another challenge', { clientData: { challenge: OTHER_ID } }, SPENT('challenge_mismatch')],
  ['an answer for another RP ID', { rpId: 'evil.example' }, UNREGISTERED('rp_id_hash_mismatch')],
  ['nobody present', { flags: { UP: false } }, UNREGISTERED('user_presence_missing')],
  ['nobody verified', { flags: { UV: false } }, [400, 'user_verification_unavailable', 'user_verification_missing']],
  ['backed up without being eligible', { flags: { BE: false, BS: true } }, UNREGISTERED('backup_state_invalid')],
  ['an id other than the one attested', { id: OTHER_ID, rawId: OTHER_ID }, UNREGISTERED('credential_id_mismatch')],
  ['an id that is not the raw id', { rawId: OTHER_ID }, UNREGISTERED('credential_id_mismatch')],
  ['another attested id', { credentialId: Buffer.alloc(32, 7) }, UNREGISTERED('credential_id_mismatch')],
  [
    'an attested id of 1,024 bytes',
    { credentialId: Buffer.alloc(1_024, 7) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  ['a point off the curve', { publicKey: pointOffCurve }, UNREGISTERED('public_key_invalid')],
  ['an algorithm that was not offered', { publicKey: declaredAlgorithm(-35) }, UNREGISTERED('algorithm_unsupported')],
  ['the algorithm RS1', { publicKey: declaredAlgorithm(-65_535) }, UNREGISTERED('algorithm_unsupported')],
  ['a point on another curve', { publicKey: (key) => new Map(key).set(-1, 2) }, UNREGISTERED('public_key_invalid')],
  [
    'a point with half of it left out',
    { publicKey: (key) => new Map(key).set(-3, true) },
    UNREGISTERED('public_key_invalid'),
  ],
  ['a modulus of 1,024 bits', { publicKey: shortRsaKey }, UNREGISTERED('public_key_invalid')],
  ['a public key over 4 KiB', { publicKey: rsaKey(Buffer.alloc(4_096, 0xff)) }, UNREGISTERED('public_key_invalid')],
  [
    'a key of another type than its algorithm',
    { publicKey: declaredAlgorithm(-257) },
    UNREGISTERED('public_key_invalid'),
  ],
  ['a key that is not CBOR', { publicKey: Uint8Array.of(0xff) }, UNREGISTERED('authenticator_data_malformed')],
  ['no credential', { flags: { AT: false } }, UNREGISTERED('authenticator_data_malformed')],
  [
    'authenticator data that is too short',
    { authenticatorData: (data) => data.subarray(0, 36) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'authenticator data with bytes left over',
    { authenticatorData: (data) => Buffer.concat([data, Buffer.of(0)]) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'an attestation object that is not CBOR',
    { attestationObject: Uint8Array.of(0xff) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'an attestation object 5,000 levels deep',
    { attestationObject: Buffer.alloc(5_000, 0x81) },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'an empty attestation object',
    { attestationObject: new Uint8Array() },
    UNREGISTERED('authenticator_data_malformed'),
  ],
  [
    'no attestation object',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, attestationObject: undefined } }) },
    MALFORMED,
  ],
  ['an id of 1,024 bytes', ((id) => ({ id, rawId: id }))(Buffer.alloc(1_024, 1).toString('base64url')), MALFORMED],
  ['another type of credential', { answer: (answer) => ({ ...answer, type: 'password' }) }, MALFORMED],
  ['no response', { answer: ({ response: _, ...answer }) => answer }, MALFORMED],
  ['an empty object', { answer: () => ({}) }, MALFORMED],
];
