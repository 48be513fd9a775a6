/**
 * One error with a closed list of codes. A code is the contract: it goes unchanged to the wire, and its message never
 * does. The reason beside it is for the record; it says exactly what happened, where the code stays generic on purpose.
 */

import type { FailedRule, Outcome, Purpose, Reason, Stage } from './record/attempt.ts';

/** Every code that can reach the wire, with its status and the one title it has. */
export const PROBLEMS = {
  malformed_request: [400, 'The request is not well-formed'],
  challenge_invalid: [400, 'The challenge is not valid any more'],
  registration_failed: [400, 'The passkey could not be registered'],
  invitation_invalid: [400, 'The invitation is not valid any more'],
  user_verification_unavailable: [400, 'This authenticator cannot verify its user'],
  authentication_failed: [401, 'The passkey was not accepted'],
  sign_in_required: [401, 'Sign in first'],
  step_up_required: [403, 'Confirm with your passkey first'],
  origin_not_allowed: [403, 'This origin may not make this request'],
  mode_not_allowed: [403, 'This way to sign in is not allowed here'],
  policy_denied: [403, 'The sign-in does not meet the policy'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'This method is not allowed here'],
  passkey_exists: [409, 'This passkey is registered already'],
  last_passkey: [409, 'This is the last passkey'],
  passkey_limit_reached: [409, 'There are too many passkeys already'],
  username_unavailable: [409, 'This name is not available'],
  invitation_other_browser: [409, 'The invitation was opened in another browser'],
  content_too_large: [413, 'The request is too large'],
  unsupported_media_type: [415, 'Send application/json, not compressed'],
  rate_limited: [429, 'Too many requests'],
  internal_error: [500, 'Something went wrong'],
  store_unavailable: [503, 'Try again later'],
  audit_unavailable: [503, 'Try again later'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

/** A code of {@link PROBLEMS}: the member `code` of an answer in `application/problem+json`. */
export type ProblemCode = keyof typeof PROBLEMS;

/** Why a request was refused. Thrown inside core, answered as problem+json, never seen by the application. */
export class Refusal extends Error {
  /** For the record; null when this refusal leaves none. */
  readonly reason: Reason | null;
  /** Where the reason alone does not say what goes to the wire. */
  readonly code: ProblemCode | null;
  /** The policy rule that said no, when one did. */
  readonly rule: FailedRule | null;

  constructor(
    reason: Reason | null,
    code: ProblemCode | null,
    more: { rule?: FailedRule | null; cause?: unknown } = {},
  ) {
    super(reason ?? code ?? 'refused', { cause: more.cause });
    this.reason = reason;
    this.code = code;
    this.rule = more.rule ?? null;
  }
}

/** A request over a limit. */
export class LimitRefusal extends Refusal {
  /** Which limit, for whom: `verify:203.0.113.8`. */
  readonly limit: string;
  /** In how many seconds to try again. */
  readonly retryAfter: number;

  constructor({ limit, retryAfter }: { limit: string; retryAfter: number }) {
    super('rate_limited', null);
    this.limit = limit;
    this.retryAfter = retryAfter;
  }
}

/** A refusal for the record; the code on the wire follows from the reason and from what the ceremony was for. */
export function refuse(reason: Reason, more: { code?: ProblemCode; rule?: FailedRule; cause?: unknown } = {}): Refusal {
  return new Refusal(reason, more.code ?? null, more);
}

/** A refusal that is no attempt and leaves no record. */
export function refuseUnrecorded(code: ProblemCode, cause?: unknown): Refusal {
  return new Refusal(null, code, { cause });
}

/** A reason and what follows from it: the code on the wire (one for sign-in and step-up, one for registration) and the stage. */
type Consequence = readonly [signIn: ProblemCode, registration: ProblemCode, stage?: Stage];

const assertion: Consequence = ['authentication_failed', 'registration_failed', 'assertion'];

const challenge: Consequence = ['challenge_invalid', 'challenge_invalid', 'challenge'];

const denied: Consequence = ['policy_denied', 'registration_failed', 'policy'];

const invitation: Consequence = ['invitation_invalid', 'invitation_invalid'];

/** Null: the page or nobody said it, or it is a fault without a code of its own. */
const CONSEQUENCES: Readonly<Record<Reason, Consequence | null>> = {
  challenge_unknown: challenge,
  challenge_expired: challenge,
  challenge_consumed: challenge,
  challenge_mismatch: challenge,
  challenge_session_mismatch: challenge,
  malformed_request: ['malformed_request', 'malformed_request'],
  rate_limited: ['rate_limited', 'rate_limited', 'options'],
  first_factor_missing: ['sign_in_required', 'sign_in_required', 'options'],
  origin_denied: ['origin_not_allowed', 'origin_not_allowed'],
  challenge_missing: ['malformed_request', 'malformed_request', 'challenge'],
  client_data_malformed: assertion,
  type_mismatch: assertion,
  origin_mismatch: assertion,
  cross_origin_denied: assertion,
  rp_id_hash_mismatch: assertion,
  credential_unknown: assertion,
  credential_disabled: assertion,
  credential_not_allowed: assertion,
  user_handle_mismatch: assertion,
  user_disabled: assertion,
  user_policy: ['authentication_failed', 'registration_failed', 'policy'],
  authenticator_data_malformed: assertion,
  backup_state_invalid: assertion,
  algorithm_unsupported: assertion,
  signature_invalid: assertion,
  credential_id_mismatch: assertion,
  public_key_invalid: assertion,
  user_presence_missing: ['authentication_failed', 'registration_failed', 'policy'],
  user_verification_missing: ['authentication_failed', 'user_verification_unavailable', 'policy'],
  sign_count_regressed: ['authentication_failed', 'registration_failed', 'policy'],
  attestation_refused: ['authentication_failed', 'registration_failed', 'policy'],
  immediate_not_requested: denied,
  immediate_not_reported: denied,
  immediate_contradicted: denied,
  policy_denied: denied,
  credential_exists: ['passkey_exists', 'passkey_exists', 'assertion'],
  credential_limit: ['passkey_limit_reached', 'passkey_limit_reached', 'policy'],
  username_unavailable: ['username_unavailable', 'username_unavailable', 'policy'],
  invitation_unknown: invitation,
  invitation_expired: invitation,
  invitation_used: invitation,
  invitation_revoked: invitation,
  invitation_other_browser: ['invitation_other_browser', 'invitation_other_browser'],
  store_unavailable: ['store_unavailable', 'store_unavailable'],
  session_failed: ['store_unavailable', 'store_unavailable', 'session'],
  audit_unavailable: ['audit_unavailable', 'audit_unavailable', 'session'],
  config_invalid: null,
  internal_error: null,
  no_response: null,
  client_not_allowed: null,
  client_aborted: null,
  client_security_error: null,
  client_unsupported: null,
  client_invalid_state: null,
  client_busy: null,
  client_password: null,
  client_unreadable: null,
  client_other: null,
};

/** What goes to the wire. */
export function codeOf(refusal: Refusal, purpose: Purpose): ProblemCode {
  const consequence = refusal.reason === null ? null : CONSEQUENCES[refusal.reason];
  return refusal.code ?? consequence?.[purpose === 'registration' ? 1 : 0] ?? 'internal_error';
}

/** The stage a reason belongs to; the caller knows better for the few that can happen anywhere. */
export function stageOf(reason: Reason): Stage | undefined {
  return CONSEQUENCES[reason]?.[2];
}

/** `error` when it is our fault, as the status of its code says, else `failure`. */
export function outcomeOf(reason: Reason): Outcome {
  return PROBLEMS[CONSEQUENCES[reason]?.[0] ?? 'internal_error'][0] >= 500 ? 'error' : 'failure';
}

/** Whatever was thrown, as a refusal: what is not one already is our fault. */
export function asRefusal(thrown: unknown): Refusal {
  return thrown instanceof Refusal ? thrown : refuse('internal_error', { cause: thrown });
}

/** A configuration that cannot be right. Thrown at construction; `message` says which option, what it got, what to write. */
export class ConfigurationError extends Error {
  /** Always this, for programs that look at codes. */
  readonly code = 'config_invalid';
  /** The option's name: `policy.challengeTtl`. */
  readonly option: string;
  /** What to write instead, in a sentence. */
  readonly instead: string;

  constructor(option: string, got: unknown, instead: string) {
    super(`${option}: got ${show(got)}. ${instead}`);
    this.name = 'ConfigurationError';
    this.option = option;
    this.instead = instead;
  }
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (value === undefined) return 'nothing';
  if (typeof value === 'bigint') return `${value}n`;
  try {
    const text = JSON.stringify(value)?.slice(0, 120) ?? String(value);
    // An object that writes itself as text, such as a database's own id, must not look like text.
    const looksLikeText = typeof value === 'object' && text.startsWith('"');
    return looksLikeText ? `${text}, an object` : text;
  } catch {
    return typeof value;
  }
}
