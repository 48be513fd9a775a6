// What a page says, in English.

import type { Sentences } from './keys.ts';

export const en: Sentences = {
  unavailable: 'No passkey was used. Try again, or choose another way to sign in.',
  unreadable: 'Your password manager gave an answer that cannot be used. Update it, or try another browser.',
  unsupported: 'This browser cannot do that. Try another browser or another device.',
  exists: 'This device already has a passkey for this account. You can sign in with it.',
  busy: 'Your browser is still busy with another request. Finish or close that one first.',
  offline: 'The server did not answer. Check your connection and try again.',
  refused: 'Something went wrong. Reload the page and try again.',
  challenge_invalid: 'That took too long. Please try again.',
  registration_failed: 'The passkey could not be saved. Please try again.',
  invitation_invalid: 'This invitation is not valid any more. Ask for a new one.',
  user_verification_unavailable:
    'This security key cannot check that it is you. Set a PIN or a fingerprint on it, or use another device.',
  authentication_failed: 'This passkey was not accepted. Try another passkey.',
  sign_in_required: 'You are not signed in. Please sign in first.',
  step_up_required: 'Please confirm with your passkey first.',
  mode_not_allowed: 'You cannot sign in this way here. Try another way or another browser.',
  policy_denied: 'This sign-in does not meet the rules of this site. Try another browser or another device.',
  not_found: 'This entry does not exist any more. Reload the page.',
  passkey_exists: 'This passkey is already in use. You can sign in with it.',
  last_passkey: 'This is your only passkey. Add another one first.',
  passkey_limit_reached: 'You have too many passkeys. Remove one first.',
  username_unavailable: 'This name is taken. Please choose another one.',
  invitation_other_browser: 'This invitation was opened in another browser. Use that one, or ask for a new invitation.',
  rate_limited: 'Too many attempts. Wait a moment and try again.',
  internal_error: 'Something went wrong on the server. Please try again later.',
  store_unavailable: 'The server is not available right now. Please try again later.',
  audit_unavailable: 'The server is not available right now. Please try again later.',
  unknown_answer: 'The server gave an unexpected answer. Reload the page and try again.',
};
