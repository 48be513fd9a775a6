// The page's half of Latchkey as one object; everything public is named here.

import { type AutofillOptions, autofill } from './autofill.ts';
import { type Capabilities, capabilities } from './capabilities.ts';
import { managing } from './own-passkeys.ts';
import { addPasskey, type RegisterOptions, type SignUpOptions, signUp, upgrade } from './registration.ts';
import type {
  Answer,
  AutofillResult,
  Misuse,
  Passkey,
  RegistrationResult,
  SignInResult,
  StepUpResult,
  Unsupported,
} from './result.ts';
import { connect } from './server.ts';
import { type SignInOptions, signingIn } from './sign-in.ts';
import { type StepUpOptions, stepUp } from './step-up.ts';

export type {
  Aborted,
  Answer,
  AutofillResult,
  Busy,
  ChosePassword,
  Done,
  Ended,
  Exists,
  Misuse,
  Mode,
  Offline,
  Passkey,
  PasswordCredential,
  RefusalCode,
  Refused,
  Registered,
  RegistrationResult,
  SignedIn,
  SignIn,
  SignInResult,
  StepUp,
  StepUpResult,
  Unavailable,
  Unsupported,
  User,
} from './result.ts';
export type { AutofillOptions, Capabilities, RegisterOptions, SignInOptions, SignUpOptions, StepUpOptions };

export interface PasskeyClientOptions {
  /** Where the server's routes are mounted, on this page's own origin. Default `/passkeys`. */
  baseUrl?: string;
  /** How long a request may take, in milliseconds, before it counts as `offline`. Default 10,000. */
  requestTimeout?: number;
}

/**
 * Every call resolves to a value told apart by `kind`; none rejects for what a person, a browser or a network does.
 * One ceremony at a time: while one that a person started is under way, the next is `busy`.
 */
export interface PasskeyClient {
  /** What this browser can do. */
  capabilities(): Promise<Capabilities>;

  /**
   * Fetches sign-in options before they are needed, so that a click goes straight to the browser (Immediate UI mode wants
   * a click that is at most some five seconds old). Keeps them fresh while the page is visible, and stops by itself when a
   * click has used them or nobody has for about eight minutes; `signIn()` then fetches its own. Resolves when the first are there.
   */
  prepare(): Promise<Answer | Unsupported | Misuse>;

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

  /** Adds a passkey to the account that is signed in. */
  register(options?: RegisterOptions): Promise<RegistrationResult>;

  /** Adds one without a sheet, right after a password sign-in, where browser and policy allow it; else nothing is seen of it. */
  upgrade(): Promise<RegistrationResult>;

  /** Has the person who is signed in prove it again, with the full sheet. */
  stepUp(options?: StepUpOptions): Promise<StepUpResult>;

  /** The passkeys of the person who is signed in. */
  passkeys(): Promise<Answer<{ passkeys: Passkey[] }>>;

  rename(id: string, nickname: string): Promise<Answer<{ passkey: Passkey }>>;

  remove(id: string): Promise<Answer>;

  signOut(): Promise<Answer>;
}

export function createPasskeyClient({
  baseUrl = '/passkeys',
  requestTimeout = 10_000,
}: PasskeyClientOptions = {}): PasskeyClient {
  const server = connect(baseUrl, requestTimeout);
  return {
    capabilities,
    ...signingIn(server),
    autofill: (options) => autofill(server, options),
    signUp: (options) => signUp(server, options),
    register: (options) => addPasskey(server, options),
    upgrade: () => upgrade(server),
    stepUp: (options) => stepUp(server, options),
    ...managing(server),
  };
}
