/** What an application writes: the options of `createPasskeys`, with units, defaults and examples. Types and a few tables only. */

import type { Duration } from './duration.ts';
import type { AttemptRecord, Enforcement, ImmediateMediation, SignInMode, UserVerification } from './record/attempt.ts';
import type { Awaitable, Passkey, Store } from './store/store.ts';

/** At most `points` requests in `seconds`, for each key. */
export interface LimitRule {
  readonly points: number;
  readonly seconds: number;
}

/** The default limits. An address is an IPv4 address or an IPv6 /64, which is what one subscriber has. */
export const LIMITS = {
  /** Options for a sign-in or a step-up, by address. */
  options: { points: 600, seconds: 60 },
  /** Answers to a challenge, by address. */
  verify: { points: 600, seconds: 60 },
  /** Outcome reports, by address. */
  outcome: { points: 600, seconds: 60 },
  /** Registration options and verify together, by address. */
  registration: { points: 120, seconds: 60 },
  /** Changes to passkeys and sessions (PATCH and DELETE), by address. */
  changes: { points: 120, seconds: 60 },
  /** All that is counted by address, together, by IPv6 /48: whoever has one has 65,536 addresses in the sense above. */
  network: { points: 6_000, seconds: 60 },
  /** Ceremony requests of every kind together, by browser binding. */
  browser: { points: 240, seconds: 60 },
  /** Sign-in options that look a user up by name, by that name and address. */
  account: { points: 60, seconds: 60 },
  /**
   * Challenges that nobody has answered yet and that have not expired: `points` at most at once, and of those a network
   * (IPv4 /24, IPv6 /48) at most a twentieth. `seconds` is for a limiter of `create` only: how long a challenge lives.
   */
  unfinished: { points: 200_000, seconds: 120 },
} as const satisfies Record<string, LimitRule>;

export type LimitName = keyof typeof LIMITS;

/**
 * What counts. `consume` resolves while there are points left and rejects with `{ msBeforeNext }` when there are none, as
 * every limiter of rate-limiter-flexible does; a rejection with an Error is a store that does not answer.
 */
export interface Limiter {
  consume(key: string): Awaitable<unknown>;
  /** Gives one point back. Asked of the limiter for `unfinished` only, when a challenge is answered. */
  reward?(key: string): Awaitable<unknown>;
}

export interface RateLimitOptions {
  /** Other numbers than {@link LIMITS}. */
  readonly limits?: Partial<Record<LimitName, LimitRule>>;
  /**
   * Makes the limiter of a rule. Default: in this process's memory. Across processes:
   * `(name, { points, seconds }) => new RateLimiterRedis({ storeClient: redis, keyPrefix: name, points, duration: seconds })`.
   */
  readonly create?: (name: LimitName, rule: LimitRule) => Limiter;
}

/** Attestation that counts. One of `roots` and `metadata` must be there: without roots an attestation says nothing. */
export interface AttestationOptions {
  /** Asks for the authenticator's own attestation. WebAuthn §5.4.7. */
  readonly conveyance: 'direct';
  /** Certificates in PEM, one each: an attestation must lead to one of them. */
  readonly roots?: readonly string[];
  /** A FIDO metadata BLOB as downloaded, a JWT: each model's own roots, and which models are compromised. */
  readonly metadata?: string;
  /** Certificates in PEM that the BLOB itself must lead to. Default: those that FIDO's own leads to. */
  readonly metadataRoots?: readonly string[];
  /** The models that may register, by AAGUID. Default: every one that an accepted root vouches for. */
  readonly allow?: readonly string[];
}

/** What happened. */
export type PasskeyNotice =
  /** The first use of a passkey, to sign in; unless this browser is signed in with it already, from the sign-up that made it. */
  | { readonly kind: 'passkey_added' | 'passkey_removed' | 'passkey_enabled' | 'new_passkey_sign_in' }
  /** `counter`: by `policy.signCount` `disable`, after a regression. */
  | { readonly kind: 'passkey_disabled'; readonly by: 'owner' | 'counter' }
  /** A valid signature with a counter that went backwards. `accepted`: it counted all the same, under `observe`. */
  | { readonly kind: 'counter_regressed'; readonly accepted: boolean };

/** What `notify` is handed. */
export type PasskeyNotification = PasskeyNotice & {
  /** Whose passkey it is. */
  readonly user: User;
  /** The passkey after what happened, as its owner sees it; what was removed, as it was. */
  readonly passkey: Omit<PasskeyView, 'current'>;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The attempt that brought it about, as in its record. */
  readonly attemptId: string;
  /** Where that request came from, as in its record: one line each, and a claim. */
  readonly client: { readonly address: string | null; readonly userAgent: string | null };
};

/** An account of the application. `id` is its own, never shown to authenticators. */
export interface User {
  readonly id: string;
  /** What the person types or recognises, e.g. an e-mail address. */
  readonly name: string;
  /** Defaults to `name`. */
  readonly displayName?: string;
}

type Maybe<T> = Awaitable<T | undefined | null>;

/** The application's accounts, as far as passkeys need them. */
export interface Users {
  /** The account with this id, or nothing. */
  find(id: string): Maybe<User>;
  /** Lets a modal sign-in name its user, so that the browser offers only that user's passkeys. Needs `audit.identityKey`. */
  findByName?(name: string): Maybe<User>;
  /**
   * The one spelling that stands for every name by which `findByName` finds the same account, and for no other name.
   * Default: Unicode NFKC in lower case, for accounts whose names are compared so; `(name) => name` where they are compared
   * exactly. Spellings of a name that nobody has get the same decoys, and all count against one limit.
   */
  canonicalName?(name: string): string;
  /** Allows sign-up. Called after the passkey is verified; answer nothing when the name is taken. */
  create?(account: { readonly name: string; readonly displayName: string }): Maybe<User>;
  /** Takes back a `create` whose passkey could not be stored. */
  undo?(user: User): Awaitable<void>;
  /**
   * Who the framework's own request belongs to, for applications that sign people in another way first. That person may
   * add a first passkey, and nobody else's passkey will do to sign in: the passkey is the second factor. Who issues
   * tokens may add `authenticatedAt`, the time of the passkey sign-in a token came from: it lets its holder add another.
   */
  identify?(request: unknown): Maybe<User & { readonly authenticatedAt?: number }>;
  /** False for a blocked account: its passkeys are refused. */
  isActive?(user: User): Awaitable<boolean>;
  /** True lets this user remove the last passkey. */
  hasOtherWayIn?(user: User): Awaitable<boolean>;
}

export interface RelyingParty {
  /** The domain passkeys are bound to: `example.com`. WebAuthn §4 "RP ID". Never changes: passkeys of another are lost. */
  readonly id: string;
  /** The name that people know the service by. */
  readonly name: string;
  /** Exact origins of your pages: `https://example.com`. */
  readonly origins: readonly string[];
  /** Origins under other domains that share the passkeys. WebAuthn §5.11. */
  readonly relatedOrigins?: readonly string[];
  /** Signed origins of native applications: `android:apk-key-hash:…`. */
  readonly appOrigins?: readonly string[];
}

/** The signature algorithms there are, by their numbers in the IANA COSE registry. ML-DSA (FIPS 204) needs Node.js 24.7. */
export const ALGORITHMS = {
  EdDSA: -8,
  ES256: -7,
  RS256: -257,
  'ML-DSA-44': -48,
  'ML-DSA-65': -49,
  'ML-DSA-87': -50,
} as const;

export type CoseAlgorithmName = keyof typeof ALGORITHMS;

export interface PolicyOptions {
  /**
   * `require`: by Immediate UI mode and nothing else; `prefer`: that first; `report`: likewise, and the record says what
   * `require` would have refused; `off`: not at all. Default `prefer`.
   */
  readonly immediateMediation?: ImmediateMediation;
  /** Default `required`. User presence is required always. */
  readonly userVerification?: UserVerification;
  /** What else than immediate may sign in. Default `['conditional', 'modal']`; not used under `require`. */
  readonly fallback?: readonly ('conditional' | 'modal')[];
  /** Life of a challenge: 1 second to 10 minutes. Default `'2m'`. */
  readonly challengeTtl?: Duration;
  /** How old a sign-in may be for adding, disabling or removing a passkey. Default `'10m'`. */
  readonly recentSignIn?: Duration;
  /** What to do when a counter goes backwards. Default `observe`: record it, let the person in. */
  readonly signCount?: 'observe' | 'refuse' | 'disable';
  /** In order of preference, for new passkeys. Default EdDSA, ES256, RS256; ML-DSA is for those who list it. */
  readonly algorithms?: readonly CoseAlgorithmName[];
  /** Lets a page add a passkey without asking, after a sign-in by other means. WebAuthn §5.1.3. Default false. */
  readonly conditionalCreate?: boolean;
  /** Only passkeys that cannot leave their device: not backup eligible. Default false. */
  readonly deviceBound?: boolean;
  /**
   * Only passkeys whose authenticator attests to its make, up to a root of yours or of the FIDO metadata you supply.
   * Judged when a passkey is registered. WebAuthn §6.5. Default `none`: nothing is asked for and nothing is claimed.
   */
  readonly attestation?: 'none' | AttestationOptions;
  /**
   * When a session must sign in again. `aal2`: after 24 hours, or one hour idle; `aal3`: after 12 hours, or 15 minutes
   * idle, with device-bound passkeys only. NIST SP 800-63B-4 §2.2.3, §2.3.3. Default: when the session library says so.
   */
  readonly reauthentication?: 'aal2' | 'aal3' | { readonly after: Duration; readonly idle?: Duration };
  /** For each user: 1 to 100. Default 20. */
  readonly maxPasskeys?: number;
}

/** Where records go, besides the log line and OpenTelemetry. */
export interface Sink {
  readonly name: string;
  write(record: AttemptRecord): Awaitable<void>;
  /** `fail_closed` refuses the sign-in when this sink fails. Default `fail_open`. */
  readonly onFailure?: 'fail_open' | 'fail_closed';
  /** It writes to standard output, where the log line of an attempt goes by default: that one is then left out. */
  readonly onStandardOutput?: boolean;
}

/** A sign-in that was accepted, as an application that issues its own tokens needs to know it. */
export interface SignIn {
  readonly user: User;
  readonly passkey: Passkey;
  readonly authenticatedAt: number;
  readonly userVerified: boolean;
  /** `mode` is null and `enforcement` not_applicable for a sign-up. */
  readonly attempt: { readonly id: string; readonly mode: SignInMode | null; readonly enforcement: Enforcement };
  /** The framework's own request. */
  readonly request: unknown;
}

/** Anything shaped like pino. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface PasskeysOptions {
  /** The relying party; or, for several, which one a request is for (the same object each time; nothing: not found). */
  readonly rp: RelyingParty | ((request: unknown) => RelyingParty | undefined | null);
  /** The application's accounts. */
  readonly users: Users;
  /** Where state lives: `memoryStore()`, another, or `{ challenges, passkeys, attempts? }` of several. */
  readonly store: Store;
  /** The policy; or, where tenants differ, the one for a request (the same object each time). */
  readonly policy?: PolicyOptions | ((request: unknown) => PolicyOptions);
  readonly audit?: {
    /** Where records go, besides the log line and OpenTelemetry: `{ name, write(record), onFailure? }`. */
    readonly sinks?: readonly Sink[];
    /** At least 32 bytes (or characters) of secret: keys the pseudonyms in records and the decoys. The same on every node. */
    readonly identityKey?: string | Uint8Array;
  };
  /** Limits by address, browser and account, and a cap on unfinished ceremonies: on by default. `false` turns them off. */
  readonly rateLimit?: RateLimitOptions | false;
  /** Where the log line of each attempt goes. Default: the request's own logger, else JSON on standard output. */
  readonly logger?: Logger;
  /** Called after each sign-in and sign-up, before the answer; what it returns is added to the answer (a token, say). */
  readonly onSignIn?: (signIn: SignIn) => Awaitable<object | undefined>;
  /**
   * Called once for each thing a person should hear of: a passkey added, removed, disabled, enabled or used for the first
   * time, a counter that went backwards. Nothing waits for it; what it throws is logged. Send a mail from here.
   */
  readonly notify?: (notification: PasskeyNotification) => Awaitable<unknown>;
  /** Pages of yours for `/.well-known/passkey-endpoints`. */
  readonly passkeyEndpoints?: { readonly enroll?: string; readonly manage?: string };
  /** How long a store may take before the answer is `store_unavailable`. Default `'5s'`. */
  readonly storeTimeout?: Duration;
  /** How often expired ceremonies are recorded as abandoned; `false`: you call `sweep()`. Default `'30s'`. */
  readonly sweepEvery?: Duration | false;
  /** How stale the answer to "is this session's passkey still good?" may be. Default `'60s'`. */
  readonly revalidateAfter?: Duration;
  /** The time, in milliseconds since the epoch. Default `Date.now`. */
  readonly clock?: () => number;
}

/** A passkey as its owner sees it. */
export interface PasskeyView {
  readonly id: string;
  readonly nickname: string;
  /** The passkey provider's name, for display only, where its AAGUID is known. */
  readonly provider: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
  readonly enabled: boolean;
  readonly backedUp: boolean;
  readonly deviceBound: boolean;
  readonly transports: readonly string[];
  /** Whether this session was made with it. */
  readonly current: boolean;
}
