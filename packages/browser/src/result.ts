// What the client's calls resolve to: values told apart by `kind`, because a person who changes their mind, a browser that
// cannot and a network that is down are not exceptions. Errors of the browser are read by name only; their texts vary.

import { type Failure, unreadableCredential } from './failure.ts';
import type { RefusalCode } from './refusals.ts';

export type { RefusalCode };

/** How a sign-in was asked for: one click, the input field's autofill, or the browser's full sheet. */
export type Mode = 'immediate' | 'conditional' | 'modal';

/** The account, as the server narrows it. */
export interface User {
  /** The application's own id. */
  id: string;
  /** What the person types or recognises: an e-mail address, say. */
  name: string;
  /** What to call the person. */
  displayName: string;
}

/** A passkey as its owner sees it. `id` is the server's own, not the credential id; instants are milliseconds since the epoch. */
export interface Passkey {
  /** What `rename` and `remove` take. */
  id: string;
  /** What its owner calls it. */
  nickname: string;
  /** The password manager that made it, for display only. */
  provider: string | null;
  /** When it was added. */
  createdAt: number;
  /** When it was last used; null before the first use. */
  lastUsedAt: number | null;
  /** False while it may not be used. */
  enabled: boolean;
  /** It was synced at its last use. */
  backedUp: boolean;
  /** It cannot leave its device. */
  deviceBound: boolean;
  /** How a browser reaches it: `internal`, `hybrid`, `usb`, …. */
  transports: string[];
  /** This session was made with it. */
  current: boolean;
}

/** Signed in. What the application's `onSignIn` added to the server's answer (a token, say) is there too. */
export interface SignedIn extends SignIn {
  /** It worked. */
  kind: 'passkey';
  /** How the browser was asked. */
  mode: Mode;
  /** What the application added. */
  [added: string]: unknown;
}

/** `attempt.id` names the attempt's record on the server. */
export interface SignIn {
  /** Who is signed in. */
  user: User;
  /** The passkey that was used. */
  passkey: Passkey;
  /** The attempt, as in its record. */
  attempt: { id: string; mode: Mode; enforcement: 'enforced' | 'not_enforced' | 'not_evaluated' | 'not_applicable' };
  /** The passkey is on another device (a phone, say): offer to add one on this, by `register()`. */
  suggest?: 'add_here';
}

/** The new passkey and whose it is; after sign-up that user is signed in. */
export interface Registered {
  /** Whose passkey it is. */
  user: User;
  /** The new passkey. */
  passkey: Passkey;
}

/**
 * Where its owner is signed in. `id` names the session in `endSession()`; instants are milliseconds since the epoch.
 * Address and user agent are as the server saw them, for the owner to recognize.
 */
export interface Session {
  /** What `endSession` takes. */
  id: string;
  /** When the sign-in was. */
  createdAt: number;
  /** When a request was last seen. */
  seenAt: number;
  /** When it ends by itself. */
  expiresAt: number;
  /** It was made with this one. */
  passkey: { id: string; nickname: string };
  /** The address of the sign-in, or null. */
  address: string | null;
  /** The browser of the sign-in, or null. */
  userAgent: string | null;
  /** This page's own. */
  current: boolean;
}

/** A sign-in of the person's own, which one of their passkeys proved. Address and user agent are as the server saw them. */
export interface Activity {
  /** The attempt, as in its record. */
  id: string;
  /** When it ended. Milliseconds since the epoch. */
  at: number;
  /** `failure`: it was refused, by a rule of the policy, say. `error`: it failed through the server's fault. */
  outcome: 'success' | 'failure' | 'error';
  /** Null where the passkey is gone, or cannot be told. */
  passkey: { id: string; nickname: string } | null;
  /** Null where it is not known. */
  address: string | null;
  /** The header; null where it is not known. */
  userAgent: string | null;
  /** The session of this page began with it. */
  current: boolean;
}

/** Instants are milliseconds since the epoch. A step-up for one `action` serves no other. */
export interface StepUp {
  /** When the person confirmed. */
  steppedUpAt: number;
  /** When the step-up serves no longer. */
  expiresAt: number;
  /** What it was for; left out: nothing in particular. */
  action?: string;
}

/** The person chose a stored password (`signIn({ password: true })`): it is the application's to check; Latchkey never sends it. */
export interface ChosePassword {
  /** A password was chosen. */
  kind: 'password';
  /** What the browser stored. */
  credential: PasswordCredential;
}

/** The browser's stored password: https://w3c.github.io/webappsec-credential-management/#passwordcredential */
export interface PasswordCredential extends Credential {
  /** The password itself. */
  readonly password: string;
}

/** It is done; `T` is what the server answered. */
export type Done<T = unknown> = { kind: 'done' } & T;

/**
 * The browser gave nothing. Mostly `NotAllowedError`, whose causes browsers keep indistinguishable on purpose: never read
 * it as "has no passkey" or "has no account" (WebAuthn §14.5.2, https://www.w3.org/TR/webauthn-3/#sctn-assertion-privacy).
 */
export interface Unavailable {
  /** The browser gave nothing. */
  kind: 'unavailable';
}

/**
 * The browser, or a password manager's extension in its place, answered with something that cannot be read as a credential.
 * The server was told (`UnreadableCredential`). Another browser or another password manager may do.
 */
export interface Unreadable {
  /** The answer cannot be read. */
  kind: 'unreadable';
  /** The first member that is missing or no bytes, `response.signature` say. */
  member: string;
}

/** This browser or device cannot do it, or the server's policy leaves no way that it can. */
export interface Unsupported {
  /** It is not possible here. */
  kind: 'unsupported';
}

/** Another ceremony is under way on this page. */
export interface Busy {
  /** Something else is under way. */
  kind: 'busy';
}

/** It gave way to another request, or the page stopped it. */
export interface Aborted {
  /** It was stopped. */
  kind: 'aborted';
}

/** This device already has a passkey for this account (`excludeCredentials`, WebAuthn §5.1.3). */
export interface Exists {
  /** There is one already. */
  kind: 'exists';
}

/**
 * The server said no: its code, unchanged, and the HTTP status. `unknown_answer` when the answer was not the server's own: a
 * middleware or a proxy in front of it answered. The status of a redirect is 0, because browsers hide it.
 */
export interface Refused {
  /** The server said no. */
  kind: 'refused';
  /** The server's code. */
  code: RefusalCode;
  /** The HTTP status. */
  status: number;
}

/** No answer from the server, or none in time. Whether it acted is not known. */
export interface Offline {
  /** There was no answer. */
  kind: 'offline';
}

/**
 * A fault in the page: not a secure context, a Permissions-Policy that forbids passkeys, a foreign `rpId`, a wrong argument.
 * `message` is for its developer.
 */
export interface Misuse {
  /** The page has a fault. */
  kind: 'misuse';
  /** What is wrong, in a sentence. */
  message: string;
}

/** A ceremony that ended in the page. */
export type Ended = Unavailable | Unreadable | Unsupported | Busy | Aborted | Misuse;

/** What `signIn` resolves to. */
export type SignInResult = SignedIn | ChosePassword | Ended | Refused | Offline;
/** What `autofill` resolves to. */
export type AutofillResult = SignedIn | Ended | Refused | Offline;
/** What `signUp` and `register` resolve to. */
export type RegistrationResult = Done<Registered> | Exists | Ended | Refused | Offline;
/** Ask the person: a button that calls `register({ offered: true })`, and one for "not now" that calls `notNow()`. */
export interface Ask {
  /** A passkey is to be offered. */
  kind: 'ask';
}

/** There is nothing to offer: the person has a passkey, said "not now", or is not in the roll-out. */
export interface None {
  /** Nothing is to be shown. */
  kind: 'none';
}

/** What `offer` resolves to: `done` where a passkey was made without a sheet. */
export type OfferResult = RegistrationResult | Ask | None;
/** What `stepUp` and `confirm` resolve to. */
export type StepUpResult = Done<StepUp> | Ended | Refused | Offline;

/** `done` after a step-up, `passkey` after a sign-in. */
export type ConfirmResult = SignInResult | StepUpResult;

/** What a plain request resolves to. */
export type Answer<T = unknown> = Done<T> | Refused | Offline | Misuse;

const kindOf: { [errorName: string]: Exclude<Ended['kind'], 'misuse' | 'unreadable'> | undefined } = {
  AbortError: 'aborted',
  OperationError: 'busy',
  NotSupportedError: 'unsupported',
  ConstraintError: 'unsupported',
};

/** Reads the failure with which get() or create() ended. */
export function ended({ name, message }: Failure): Ended {
  if (name === 'SecurityError' || name === 'TypeError') return misuse(message);
  if (name === unreadableCredential) return { kind: 'unreadable', member: message };
  return { kind: kindOf[name] ?? 'unavailable' };
}

export function misuse(message: string): Misuse {
  return { kind: 'misuse', message };
}
