// The page's half of Latchkey as one object; everything public is named here.

import { type AutofillOptions, autofill } from './autofill.ts';
import { type Capabilities, capabilities } from './capabilities.ts';
import { type Duration, requestTimeoutOf } from './duration.ts';
import { offer } from './offer.ts';
import { own } from './own.ts';
import { type PrepareOptions, prepare } from './prepare.ts';
import { keepingPrepared } from './prepared.ts';
import { addPasskey, type RegisterOptions, type SignUpOptions, signUp, upgrade } from './registration.ts';
import type {
  Activity,
  Answer,
  AutofillResult,
  ConfirmResult,
  OfferResult,
  Passkey,
  RegistrationResult,
  Session,
  SignInResult,
  StepUpResult,
  Unsupported,
} from './result.ts';
import { connect } from './server.ts';
import { type Authenticator, type SignInOptions, signIn } from './sign-in.ts';
import { type ConfirmOptions, confirm, type StepUpOptions, stepUp } from './step-up.ts';

/** As a type only: the list that {@link RefusalCode} is made from. */
export type { refusalCodes } from './refusals.ts';
export type {
  Aborted,
  Activity,
  Answer,
  Ask,
  AutofillResult,
  Busy,
  ChosePassword,
  ConfirmResult,
  Done,
  Ended,
  Exists,
  Misuse,
  Mode,
  None,
  OfferResult,
  Offline,
  Passkey,
  PasswordCredential,
  RefusalCode,
  Refused,
  Registered,
  RegistrationResult,
  Session,
  SignedIn,
  SignIn,
  SignInResult,
  StepUp,
  StepUpResult,
  Unavailable,
  Unreadable,
  Unsupported,
  User,
} from './result.ts';
export { returnTo } from './return-to.ts';
export type {
  Authenticator,
  AutofillOptions,
  Capabilities,
  ConfirmOptions,
  Duration,
  PrepareOptions,
  RegisterOptions,
  SignInOptions,
  SignUpOptions,
  StepUpOptions,
};

/** The options of {@link createPasskeyClient}. */
export interface PasskeyClientOptions {
  /**
   * Where the server's routes are mounted, on this page's own origin, with or without a slash at its end. Default: where
   * `client.js` was loaded from, and `/passkeys` for the client in a bundle of the application's own.
   */
  baseUrl?: string | undefined;
  /**
   * How long a request may take before it counts as `offline`: `'10s'`, or milliseconds. Default `'10s'`. Anything else makes
   * `createPasskeyClient()` throw a TypeError.
   */
  requestTimeout?: Duration;
}

/**
 * Every call resolves to a value told apart by `kind`; none rejects for what a person, a browser, an extension or a network does.
 * One ceremony at a time: while one that a person started is under way, the next is `busy`.
 */
export interface PasskeyClient {
  /** What this browser can do. */
  capabilities(): Promise<Capabilities>;

  /**
   * Fetches options before they are needed, so that a click goes straight to the browser: Immediate UI mode needs a click that
   * is at most some five seconds old, and Safari up to 17.3 needs get() right after it. Resolves when they are there. They serve one call, with the same arguments; any other call fetches its own.
   *
   * For `signIn`, call it when the page loads: options are kept fresh while the page is visible, until a click has used them
   * or nobody has for about eight minutes. For the others call it when the person is about to click (a name is typed, a dialog
   * opens): options are fetched once, are good for about 80 seconds, and the server records an attempt that was abandoned when
   * nobody uses them.
   */
  prepare(options?: PrepareOptions): Promise<Answer | Unsupported>;

  /**
   * Signs in, from a click: one call of the browser and never a second one by itself. After `unavailable` show the page's
   * own way in: `autofill()` and a button for `signIn({ mode: 'modal' })`.
   */
  signIn(options?: SignInOptions): Promise<SignInResult>;

  /**
   * Waits in the autofill of the page's `<input autocomplete="username webauthn">` and resolves when it waits no longer:
   * `aborted` when another request took its place (call it again when that one came to nothing), `unavailable` when the browser ended it.
   */
  autofill(options: AutofillOptions): Promise<AutofillResult>;

  /** Makes an account and its first passkey, where the application allows sign-up. */
  signUp(options: SignUpOptions): Promise<RegistrationResult>;

  /** Adds a passkey to the account that is signed in, or, with an invitation, to the one that was invited: then sign in with it. */
  register(options?: RegisterOptions): Promise<RegistrationResult>;

  /** Adds one without a sheet, right after a password sign-in, where browser and policy allow it; else nothing is seen of it. */
  upgrade(): Promise<RegistrationResult>;

  /**
   * After a password sign-in: makes a first passkey without a sheet where browser and policy allow it (`done`), else says whether
   * to offer one (`ask`) or not (`none`). The server decides to whom (`policy.offers`).
   */
  offer(): Promise<OfferResult>;

  /** The person does not want the offered passkey now: `offer()` is `none` for some time, in every browser (`policy.offers.again`). */
  notNow(): Promise<Answer>;

  /** Has the person who is signed in prove it again, with the full sheet. */
  stepUp(options?: StepUpOptions): Promise<StepUpResult>;

  /**
   * What to call after `step_up_required`: `stepUp()`, or, for a person whom only the application knows (by a password, say),
   * `signIn({ mode: 'modal' })`. Then try again what was refused. Such a sign-in counts for no `action`: confirm that once more.
   */
  confirm(options?: ConfirmOptions): Promise<ConfirmResult>;

  /** The passkeys of the person who is signed in. */
  passkeys(): Promise<Answer<{ passkeys: Passkey[] }>>;

  /** Gives a passkey another nickname, of 1 to 100 characters. */
  rename(id: string, nickname: string): Promise<Answer<{ passkey: Passkey }>>;

  /** Disables a passkey, which ends its sessions, or enables it again. Needs a recent sign-in or step-up. */
  setEnabled(id: string, enabled: boolean): Promise<Answer<{ passkey: Passkey }>>;

  /**
   * Removes a passkey, which ends its sessions: after removing the `current` one the person is signed out. Needs a recent
   * sign-in or step-up.
   */
  remove(id: string): Promise<Answer>;

  /** Tells password managers what the server knows now: call it when the account has another name. All else tells them by itself. */
  signal(): Promise<Answer>;

  /** The person's own last sign-ins, at most 20, newest first; `not_found` where the server keeps no records. */
  activity(): Promise<Answer<{ activity: Activity[] }>>;

  /** Where the person is signed in. */
  sessions(): Promise<Answer<{ sessions: Session[] }>>;

  /** Ends one of them. */
  endSession(id: string): Promise<Answer>;

  /** Ends all but this page's own. */
  endOtherSessions(): Promise<Answer>;

  /** Ends this one. Look at the result: the person is still signed in when it is not `done`. */
  signOut(): Promise<Answer>;
}

/** The client of a page: it speaks to the routes below `base` and asks the browser. */
export function createPasskeyClient({
  baseUrl = '/passkeys',
  requestTimeout = '10s',
}: PasskeyClientOptions = {}): PasskeyClient {
  const server = keepingPrepared(connect(baseUrl, requestTimeoutOf(requestTimeout)));
  return {
    capabilities,
    prepare: (options) => prepare(server, options),
    signIn: (options) => signIn(server, options),
    autofill: (options) => autofill(server, options),
    signUp: (options) => signUp(server, options),
    register: (options) => addPasskey(server, options),
    upgrade: () => upgrade(server),
    offer: () => offer(server),
    notNow: () => server.send('DELETE', '/offer'),
    stepUp: (options) => stepUp(server, options),
    confirm: (options) => confirm(server, options),
    ...own(server),
  };
}
