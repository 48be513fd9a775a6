// What the client's calls resolve to: values told apart by `kind`, because a person who changes their mind, a browser that
// cannot and a network that is down are not exceptions. Errors of the browser are read by name only; their texts vary.

/** How a sign-in was asked for: one click, the input field's autofill, or the browser's full sheet. */
export type Mode = 'immediate' | 'conditional' | 'modal';

export interface User {
  id: string;
  name: string;
  displayName: string;
}

/** A passkey as its owner sees it. `id` is the server's own, not the credential id; instants are milliseconds since the epoch. */
export interface Passkey {
  id: string;
  nickname: string | null;
  /** The password manager that made it, for display only. */
  provider: string | null;
  createdAt: number;
  lastUsedAt: number | null;
  enabled: boolean;
  backedUp: boolean;
  deviceBound: boolean;
  transports: string[];
  /** This session was made with it. */
  current: boolean;
}

/** Signed in. What the application's `onSignIn` added to the server's answer (a token, say) is there too. */
export interface SignedIn extends SignIn {
  kind: 'passkey';
  mode: Mode;
  [added: string]: unknown;
}

/** `attempt.id` names the attempt's record on the server. */
export interface SignIn {
  user: User;
  passkey: Passkey;
  attempt: { id: string; mode: Mode; enforcement: 'enforced' | 'not_enforced' | 'not_evaluated' | 'not_applicable' };
}

/** The new passkey and whose it is; after sign-up that user is signed in. */
export interface Registered {
  user: User;
  passkey: Passkey;
}

/** Instants are milliseconds since the epoch. A step-up for one `action` serves no other. */
export interface StepUp {
  steppedUpAt: number;
  expiresAt: number;
  action?: string;
}

/** The person chose a stored password (`signIn({ password: true })`): it is the application's to check; Latchkey never sends it. */
export interface ChosePassword {
  kind: 'password';
  credential: PasswordCredential;
}

/** The browser's stored password: https://w3c.github.io/webappsec-credential-management/#passwordcredential */
export interface PasswordCredential extends Credential {
  readonly password: string;
}

/** It is done; `T` is what the server answered. */
export type Done<T = unknown> = { kind: 'done' } & T;

/**
 * The browser gave nothing. Mostly `NotAllowedError`, whose causes browsers keep indistinguishable on purpose: never read
 * it as "has no passkey" or "has no account" (WebAuthn §14.5.2, https://www.w3.org/TR/webauthn-3/#sctn-assertion-privacy).
 */
export interface Unavailable {
  kind: 'unavailable';
}

/** This browser or device cannot do it, or the server's policy leaves no way that it can. */
export interface Unsupported {
  kind: 'unsupported';
}

/** Another ceremony is under way on this page. */
export interface Busy {
  kind: 'busy';
}

/** It gave way to another request, or the page stopped it. */
export interface Aborted {
  kind: 'aborted';
}

/** This device already has a passkey for this account (`excludeCredentials`, WebAuthn §5.1.3). */
export interface Exists {
  kind: 'exists';
}

/** The server said no: its code, unchanged, and the HTTP status. `unknown_answer` when it was not the server's own answer. */
export interface Refused {
  kind: 'refused';
  code: RefusalCode;
  status: number;
}

export type RefusalCode =
  | 'malformed_request'
  | 'challenge_invalid'
  | 'registration_failed'
  | 'authentication_failed'
  | 'sign_in_required'
  | 'step_up_required'
  | 'origin_not_allowed'
  | 'mode_not_allowed'
  | 'policy_denied'
  | 'not_found'
  | 'method_not_allowed'
  | 'passkey_exists'
  | 'last_passkey'
  | 'passkey_limit_reached'
  | 'username_unavailable'
  | 'content_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'internal_error'
  | 'store_unavailable'
  | 'audit_unavailable'
  | 'unknown_answer';

/** No answer from the server, or none in time. Whether it acted is not known. */
export interface Offline {
  kind: 'offline';
}

/** A fault in the page: not a secure context, a foreign `rpId`, a wrong argument. `message` is for its developer. */
export interface Misuse {
  kind: 'misuse';
  message: string;
}

/** A ceremony that ended in the page. */
export type Ended = Unavailable | Unsupported | Busy | Aborted | Misuse;

export type SignInResult = SignedIn | ChosePassword | Ended | Refused | Offline;
export type AutofillResult = SignedIn | Ended | Refused | Offline;
export type RegistrationResult = Done<Registered> | Exists | Ended | Refused | Offline;
export type StepUpResult = Done<StepUp> | Ended | Refused | Offline;

/** What a plain request resolves to. */
export type Answer<T = unknown> = Done<T> | Refused | Offline;

const kindOf: { [errorName: string]: Exclude<Ended['kind'], 'misuse'> | undefined } = {
  AbortError: 'aborted',
  OperationError: 'busy',
  NotSupportedError: 'unsupported',
  ConstraintError: 'unsupported',
};

/** Reads the error with which get() or create() ended. */
export function ended({ name, message }: Error): Ended {
  if (name === 'SecurityError' || name === 'TypeError') return misuse(message);
  return { kind: kindOf[name] ?? 'unavailable' };
}

export function misuse(message: string): Misuse {
  return { kind: 'misuse', message };
}
