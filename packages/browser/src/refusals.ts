// Every code with which the server refuses, and the one for an answer that is not the server's own.

/** As in the server's list of errors. A test holds the two together. */
export const refusalCodes = [
  'malformed_request',
  'challenge_invalid',
  'registration_failed',
  'invitation_invalid',
  'user_verification_unavailable',
  'authentication_failed',
  'sign_in_required',
  'step_up_required',
  'origin_not_allowed',
  'mode_not_allowed',
  'policy_denied',
  'not_found',
  'method_not_allowed',
  'passkey_exists',
  'last_passkey',
  'passkey_limit_reached',
  'username_unavailable',
  'invitation_other_browser',
  'content_too_large',
  'unsupported_media_type',
  'rate_limited',
  'internal_error',
  'store_unavailable',
  'audit_unavailable',
] as const;

/** A code with which the server refuses. The codes are a contract. */
export type RefusalCode = (typeof refusalCodes)[number] | 'unknown_answer';
