/** What a sign-in must refuse: each row changes one thing in a genuine assertion, and says the answer and the reason. */
import { sign } from 'node:crypto';
import type { Reason } from '@latchkey/core';
import type { AuthenticationBend } from '../passkey/bend.ts';
import { flipBit, rawSignature, sha1Signature, zeroSignature } from '../passkey/forgeries.ts';
import {
  MALFORMED,
  OTHER_ID,
  OTHER_KEY,
  type Refusal,
  type RefusedBend,
  refusedClientData,
  SPENT,
} from './refused-answers.ts';

export const FAILED = (reason: Reason): Refusal => [401, 'authentication_failed', reason];

/** Base64url that differs in case only; its last character stays, which not every other case of it would be canonical. */
const otherCase = (id: string) =>
  id.slice(0, -1).replace(/[a-z]/gi, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase())) +
  id.slice(-1);

/** Bends of a genuine assertion under the default policy. */
export const refusedAssertions: readonly RefusedBend<AuthenticationBend>[] = [
  ...refusedClientData('webauthn.create').map(([name, bend, reason]) => [name, bend, FAILED(reason)] as const),
  ['client data with another challenge', { clientData: { challenge: OTHER_ID } }, SPENT('challenge_mismatch')],
  [
    'client data with a padded challenge',
    { clientData: (data) => ({ ...data, challenge: `${data.challenge}=` }) },
    SPENT('challenge_mismatch'),
  ],
  ['an answer for another RP ID', { rpId: 'evil.example' }, FAILED('rp_id_hash_mismatch')],
  [
    'authenticator data that is too short',
    { authenticatorData: (data) => data.subarray(0, 36) },
    FAILED('authenticator_data_malformed'),
  ],
  [
    'authenticator data with bytes left over',
    { authenticatorData: (data) => Buffer.concat([data, Buffer.of(0)]) },
    FAILED('authenticator_data_malformed'),
  ],
  ['a flag for extensions that are not there', { flags: { ED: true } }, FAILED('authenticator_data_malformed')],
  ['a flag for a credential that is not there', { flags: { AT: true } }, FAILED('authenticator_data_malformed')],
  ['nobody present', { flags: { UP: false } }, FAILED('user_presence_missing')],
  ['nobody verified', { flags: { UV: false } }, FAILED('user_verification_missing')],
  ['nobody present and nobody verified', { flags: { UP: false, UV: false } }, FAILED('user_presence_missing')],
  ['backed up without being eligible', { flags: { BE: false, BS: true } }, FAILED('backup_state_invalid')],
  ['a signature with a flipped bit', { signature: flipBit(-1) }, FAILED('signature_invalid')],
  ['a signature with r = s = 0', { signature: zeroSignature }, FAILED('signature_invalid')],
  ['a signature that is not DER', { signature: rawSignature }, FAILED('signature_invalid')],
  ['a signature cut short', { signature: (genuine) => genuine.subarray(0, -1) }, FAILED('signature_invalid')],
  ['an empty signature', { signature: new Uint8Array() }, FAILED('signature_invalid')],
  ['a signature over SHA-1', { signature: sha1Signature }, FAILED('signature_invalid')],
  [
    'a signature by another key',
    { signature: (_genuine, { bytes }) => sign('sha256', bytes, OTHER_KEY) },
    FAILED('signature_invalid'),
  ],
  [
    'client data changed after signing',
    { afterSigning: { clientDataJSON: (data) => Buffer.concat([data, Buffer.from(' ')]) } },
    FAILED('signature_invalid'),
  ],
  [
    'presence added after signing',
    { flags: { UP: false }, afterSigning: { authenticatorData: flipBit(32) } },
    FAILED('signature_invalid'),
  ],
  [
    'a counter changed after signing',
    { afterSigning: { authenticatorData: flipBit(-1) } },
    FAILED('signature_invalid'),
  ],
  ['an id that is not the raw id', { rawId: OTHER_ID }, FAILED('credential_id_mismatch')],
  ['an id that nobody has', { id: OTHER_ID, rawId: OTHER_ID }, FAILED('credential_unknown')],
  [
    'an id in another case',
    { answer: (answer) => ({ ...answer, id: otherCase(answer.id), rawId: otherCase(answer.rawId) }) },
    FAILED('credential_unknown'),
  ],
  ['no user handle, when nobody was named', { userHandle: undefined }, FAILED('user_handle_mismatch')],
  ['a null user handle, when nobody was named', { userHandle: null }, FAILED('user_handle_mismatch')],
  ['another user handle', { userHandle: OTHER_ID }, FAILED('user_handle_mismatch')],
  ['an empty user handle', { userHandle: '' }, FAILED('user_handle_mismatch')],
  [
    'an id in another spelling',
    { answer: (answer) => ({ ...answer, id: `${answer.id}=`, rawId: `${answer.rawId}=` }) },
    MALFORMED,
  ],
  ['an id that is not a string', { id: [OTHER_ID], rawId: [OTHER_ID] }, MALFORMED],
  ['a user handle that is not a string', { userHandle: [OTHER_ID] }, MALFORMED],
  ['a user handle of 65 bytes', { userHandle: Buffer.alloc(65).toString('base64url') }, MALFORMED],
  [
    'a user handle in another spelling',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, userHandle: `${OTHER_ID}=` } }) },
    MALFORMED,
  ],
  ['an id of 1,024 bytes', ((id) => ({ id, rawId: id }))(Buffer.alloc(1_024, 1).toString('base64url')), MALFORMED],
  ['an empty id', { id: '', rawId: '' }, MALFORMED],
  ['another type of credential', { answer: (answer) => ({ ...answer, type: 'password' }) }, MALFORMED],
  ['no response', { answer: ({ response: _, ...answer }) => answer }, MALFORMED],
  ['a response that is a list', { answer: (answer) => ({ ...answer, response: [answer.response] }) }, MALFORMED],
  [
    'no signature',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, signature: undefined } }) },
    MALFORMED,
  ],
  [
    'a signature that is not base64url',
    { answer: (answer) => ({ ...answer, response: { ...answer.response, signature: '<>' } }) },
    MALFORMED,
  ],
  ['an empty object', { answer: () => ({}) }, MALFORMED],
];
