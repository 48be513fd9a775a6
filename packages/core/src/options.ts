/** What an application writes: the options of `createPasskeys`, with units, defaults and examples. Types and a few tables only. */

import type { Duration } from './duration.ts';
import type {
  AttemptRecord,
  Enforcement,
  ImmediateMediation,
  SessionEnder,
  SessionEnding,
  SignInMode,
  UserVerification,
} from './record/attempt.ts';
import type { Awaitable, Passkey, SignInSession, Store } from './store/store.ts';

/** At most `points` requests in `seconds`, for each key. */
export interface LimitRule {
  /** How many requests: a whole number from 1. */
  readonly points: number;
  /** The window, in seconds. */
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
  /** Changes to passkeys, sessions and declined offers, by address. Signing out does not count. */
  changes: { points: 120, seconds: 60 },
  /** All that is counted by address, together, by IPv6 /48: whoever has one has 65,536 addresses in the sense above. */
  network: { points: 6_000, seconds: 60 },
  /** Ceremony requests of every kind together, by browser binding. */
  browser: { points: 240, seconds: 60 },
  /** Sign-in options that look a user up by name, by that name and address. */
  account: { points: 60, seconds: 60 },
  /**
   * Challenges that nobody has answered yet and that have not expired: `points` at most at once, and of those a network
   * (IPv4 /24, IPv6 /48) at most a twentieth. `seconds` is how long a challenge lives; only a limiter that `rateLimit.create` made uses it.
   */
  unfinished: { points: 200_000, seconds: 120 },
} as const satisfies Record<string, LimitRule>;

/** The name of a limit in {@link LIMITS}. */
export type LimitName = keyof typeof LIMITS;

/**
 * What counts. `consume` resolves while there are points left and rejects with `{ msBeforeNext }` when there are none, as
 * every limiter of rate-limiter-flexible does; a rejection with an Error is a store that does not answer.
 */
export interface Limiter {
  /** Takes one point of this key. Rejects with `{ msBeforeNext }`, in milliseconds, when there is none left. */
  consume(key: string): Awaitable<unknown>;
  /** Gives one point back. Asked of the limiter for `unfinished` only, when a challenge is answered. */
  reward?(key: string): Awaitable<unknown>;
}

/** The options of `rateLimit`. */
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

/** An account of the application. `id` is its own, never shown to authenticators. */
export interface User {
  /** Text of 1 to 255 characters. Write `String(row.id)` for a number. It is never used again for another person. */
  readonly id: string;
  /** What the person types or recognises, e.g. an e-mail address. Shown by browsers and password managers. */
  readonly name: string;
  /** Default: `name`. */
  readonly displayName?: string | null;
}

/** What `users.allows` is asked: to sign in, to add a passkey, to remove or disable one, to confirm. */
export type UserAction = 'sign_in' | 'register' | 'remove' | 'step_up';

/** A value that may be missing, or a promise of it. */
export type Maybe<T> = Awaitable<T | undefined | null>;

/** A user as `users.identify` names it. */
export type IdentifiedUser<U extends User = User> = U & {
  /** For applications with tokens: when the passkey sign-in was that the token came from. Milliseconds since the epoch. */
  readonly authenticatedAt?: number;
  /**
   * When this person last gave the application a password (or a one-time code, or what else it takes), in milliseconds since the epoch. Needed for
   * `policy.conditionalCreate`: within `policy.recentSignIn` a passkey may be added without asking.
   */
  readonly passwordAt?: number | null;
};

/**
 * The application's accounts, as far as passkeys need them. `U` is the application's own type of an account: it comes back
 * in `passkeySession.user` and in every callback. What our routes answer is always narrowed to id, name and displayName.
 */
export interface Users<U extends User = User, Request = unknown> {
  /** The account with this id, or nothing. Asked at every request that acts for a person. */
  find(id: string): Maybe<U>;
  /** The account with this name. Lets a modal sign-in name its user, so that the browser offers only that user's passkeys. Needs `audit.identityKey`. */
  findByName?(name: string): Maybe<U>;
  /**
   * The one spelling that stands for every name by which `findByName` finds the same account, and for no other name.
   * Default: Unicode NFKC in lower case. Write `(name) => name` where accounts are compared exactly. For a name that nobody has, the
   * server answers with invented passkeys (decoys): all spellings of such a name get the same ones, and count against one limit.
   */
  canonicalName?(name: string): string;
  /**
   * Makes a new account, and so allows sign-up. Called after the passkey is verified. Answer nothing when the name is taken:
   * an account that was there before belongs to somebody else.
   */
  create?(account: { readonly name: string; readonly displayName: string }): Maybe<U>;
  /** Takes back a `create`, when the passkey could not be kept or the sign-up was refused after all. */
  undo?(user: U): Awaitable<void>;
  /**
   * Who the application's own sign-in says is there: for applications that sign people in by password, say. Asked at every
   * guard and every route that acts for a person. If the session is another person's, it ends. Only this person's passkeys may sign in.
   * This person may add a first passkey and see their own passkeys. Your own guards do not change: to demand a passkey, use `requireSignIn()`.
   */
  identify?(request: Request): Maybe<IdentifiedUser<U>>;
  /**
   * Whether this user may do this: rules per person or organisation. Asked for options and for verify. A person who may not sign in
   * is refused as a stranger is, so that nobody learns who has an account. Default: everybody may do everything.
   */
  allows?(user: U, action: UserAction): Awaitable<boolean>;
  /** False for a blocked account: its passkeys and its sessions are refused. */
  isActive?(user: U): Awaitable<boolean>;
  /** True lets this user remove the last passkey. */
  hasOtherWayIn?(user: U): Awaitable<boolean>;
}

/** The relying party: the service that passkeys are for. WebAuthn Level 3, §4. */
export interface RelyingParty {
  /** The domain passkeys are bound to: `example.com`. WebAuthn §4 "RP ID". Never changes: passkeys of another are lost. */
  readonly id: string;
  /** The name that people know the service by. */
  readonly name: string;
  /** Exact origins of your pages: `https://example.com`. */
  readonly origins: readonly string[];
  /** Origins under other domains that share the passkeys. WebAuthn §5.11. */
  readonly relatedOrigins?: readonly string[];
  /**
   * Native applications that share these passkeys. Each may sign, and `wellKnown()` on the RP ID's domain serves the two
   * documents that connect them: `assetlinks.json` and `apple-app-site-association`.
   */
  readonly apps?: readonly NativeApp[];
  /** Other signed origins, for native applications whose documents are served elsewhere: `android:apk-key-hash:…`. */
  readonly appOrigins?: readonly string[];
}

/** A native application. */
export type NativeApp =
  | {
      readonly android: {
        /** The application id: `com.example.app`. */
        readonly package: string;
        /**
         * SHA-256 of each certificate that signs it, as keytool and the Play Console write it: `F6:97:…`. With Play App Signing
         * that is Google's certificate; list your own upload certificate too while you test.
         */
        readonly sha256: string | readonly string[];
      };
    }
  /** Team id (or older prefix), a dot, and the bundle id: `A1B2C3D4E5.com.example.app`. */
  | { readonly apple: string };

/** The signature algorithms there are, by their numbers in the IANA COSE registry. ML-DSA (FIPS 204) needs Node.js 24.7. */
export const ALGORITHMS = {
  EdDSA: -8,
  ES256: -7,
  RS256: -257,
  'ML-DSA-44': -48,
  'ML-DSA-65': -49,
  'ML-DSA-87': -50,
} as const;

/** The name of a signature algorithm. */
export type CoseAlgorithmName = keyof typeof ALGORITHMS;

/** The rules that sign-ins and registrations are judged by. */
export interface PolicyOptions {
  /**
   * `require`: people sign in by Immediate UI mode only. `prefer`: the page tries it first. `report`: as `prefer`, and the record says
   * what `require` would have refused. `off`: the mode is not used. Default `prefer`.
   */
  readonly immediateMediation?: ImmediateMediation;
  /** Whether the authenticator must verify its user (PIN, finger, face). Default `required`. Every sign-in needs user presence. */
  readonly userVerification?: UserVerification;
  /** What else than immediate may sign in. Default `['conditional', 'modal']`; not used under `require`. */
  readonly fallback?: readonly ('conditional' | 'modal')[];
  /**
   * `identified`: nobody signs in by passkey whom `users.identify` does not name, so that the passkey is a second factor.
   * Default `none`: a passkey signs in alone. `identified` needs `users.identify`.
   */
  readonly firstFactor?: 'none' | 'identified';
  /** Life of a challenge: 1 second to 10 minutes. Default `'2m'`. */
  readonly challengeTtl?: Duration;
  /** How old a sign-in may be for adding, disabling or removing a passkey, and for adding the first without asking. Default `'10m'`. */
  readonly recentSignIn?: Duration;
  /** What to do when a counter goes backwards. Default `observe`: record it, let the person in. */
  readonly signCount?: 'observe' | 'refuse' | 'disable';
  /**
   * What to do when a passkey's manager changes whether it may be synced (WebAuthn §6.1.3, flag BE). Default `follow`: let the
   * person in, keep the new flag, record the change. `refuse`: as WebAuthn §7.2 step 19 says. `deviceBound` holds under both.
   */
  readonly backupEligibility?: 'follow' | 'refuse';
  /** In order of preference, for new passkeys. Default ES256, EdDSA, RS256; ML-DSA only where it is listed. */
  readonly algorithms?: readonly CoseAlgorithmName[];
  /**
   * A page may add a passkey without asking the person, within `recentSignIn` after their last sign-in. That sign-in was by password
   * (`passwordAt` of `users.identify` says when) or by another passkey. WebAuthn §5.1.3. Default false.
   */
  readonly conditionalCreate?: boolean;
  /**
   * What an invitation is good for. Default `register`: a passkey is made, and the person then signs in with it. `sign_in`: the
   * registration signs in as well, as a sign-up does.
   */
  readonly invitations?: 'register' | 'sign_in';
  /**
   * To whom `offer()` of the client offers a first passkey, after a password sign-in. `false`: nobody. `share`: so many of a hundred
   * people, by default 100. `again`: how long "not now" holds, by default `'30d'`. Default: everybody.
   */
  readonly offers?: false | OfferOptions;
  /** Only passkeys that cannot leave their device: not backup eligible. Default false. */
  readonly deviceBound?: boolean;
  /**
   * Only passkeys whose authenticator attests to its make, up to a root of yours or of the FIDO metadata you supply.
   * Judged when a passkey is registered; afterwards its model is, at each use. WebAuthn §6.5. Default `none`: nothing is asked for and nothing is claimed.
   */
  readonly attestation?: 'none' | AttestationOptions;
  /**
   * When a session must sign in again. `aal2`: after 24 hours, or one hour idle; `aal3`: after 12 hours, or 15 minutes
   * idle, with device-bound passkeys only. NIST SP 800-63B-4 §2.2.3, §2.3.3. Default: when the session expires.
   */
  readonly reauthentication?: 'aal2' | 'aal3' | { readonly after: Duration; readonly idle?: Duration };
  /** For each user and relying party: 1 to 64. Browsers take no longer list. Default 20. */
  readonly maxPasskeys?: number;
}

/** The options of `policy.offers`. */
export interface OfferOptions {
  /**
   * To how many of a hundred people, for a gradual roll-out: 0 to 100. Which ones follows from the id of the account and
   * `audit.identityKey`, which a share needs; whoever is in stays in when it grows. Default 100.
   */
  readonly share?: number;
  /** How long after "not now" a person is not asked again. Default `'30d'`. */
  readonly again?: Duration;
}

/** How long people stay signed in, and how. A session is a row in `store.sessions`, named by a token in a cookie of our own. */
export interface SessionOptions<Request = unknown> {
  /**
   * How long a session lives, or `'browser'`: until the browser is closed, and 24 hours at most. A function decides for each
   * sign-in: "keep me signed in". Default `'30d'`.
   */
  readonly lifetime?: SessionLifetime | ((request: Request) => SessionLifetime);
  /** How long a session may go unused. Default `'7d'`. */
  readonly idle?: Duration;
  /**
   * How many sessions a user has at one relying party: 1 to 1,000. A sign-in beyond that ends those that were not seen for longest.
   * Where `max` is more than 10, not every sign-in checks the number: for a while there may be a tenth more. Default 100.
   */
  readonly max?: number;
  /** How long a process may believe that a session is live without asking the store. 0 asks every time. Default `'60s'`. */
  readonly revalidateAfter?: Duration;
  /** The cookie, for siblings of one site. */
  readonly cookie?: {
    /** Default `latchkey-session`, with the prefix `__Host-` on https (`__Secure-` where there is a `domain`). */
    readonly name?: string;
    /** A parent domain of every origin. Every host below it then gets the cookie, and can sign people in and out: trust them all. */
    readonly domain?: string;
    /** Default `lax`: a link from elsewhere finds the person signed in. `strict`: it does not. `none` needs https. */
    readonly sameSite?: 'lax' | 'strict' | 'none';
  };
  /**
   * Guards refuse POST, PUT, PATCH, DELETE and other unsafe methods, and WebSockets, that come from a page of another origin, by
   * `Origin`, else by `Sec-Fetch-Site`. False turns that off, for applications with a defence of their own against cross-site requests. Default true.
   */
  readonly checkOrigin?: boolean;
  /**
   * A session ends when `users.identify` names nobody any more. Only for applications whose own sign-in always accompanies
   * ours, and where `identify` works at every route that stands behind a guard of ours. Default false.
   */
  readonly followIdentify?: boolean;
}

/** A duration, or `'browser'`: until the browser is closed. */
export type SessionLifetime = Duration | 'browser';

/** A passkey as its owner sees it. */
export interface PasskeyView {
  /** A UUID of ours: what the management routes name. Never the credential id. */
  readonly id: string;
  /** What its owner calls it: at most 100 characters. */
  readonly nickname: string;
  /** The passkey provider's name, for display only, where its AAGUID is known. */
  readonly provider: string | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; null before the first use. */
  readonly lastUsedAt: number | null;
  /** False while it may not be used. */
  readonly enabled: boolean;
  /** Whether it was synced at its last use. */
  readonly backedUp: boolean;
  /** It cannot leave its device: not backup eligible. */
  readonly deviceBound: boolean;
  /** How a browser reaches it, as the browser reported it: `internal`, `hybrid`, `usb`, `nfc`, `ble`, …. */
  readonly transports: readonly string[];
  /** Whether this session was made with it. */
  readonly current: boolean;
}

/** Something that happened to a passkey. */
export type PasskeyNotice =
  /** `new_passkey_sign_in`: the first use of a passkey to sign in, unless this browser is signed in with it already. */
  | { readonly kind: 'passkey_added' | 'passkey_removed' | 'passkey_enabled' | 'new_passkey_sign_in' }
  /** `counter`: by `policy.signCount` `disable`, after a regression. */
  | { readonly kind: 'passkey_disabled'; readonly by: 'owner' | 'counter' | 'operator' | 'application' }
  /** A valid signature with a counter that went backwards. `accepted`: it counted all the same, under `observe`. */
  | { readonly kind: 'counter_regressed'; readonly accepted: boolean };

/** The argument of `notify`. All text in it is one line, without control and direction marks: fit for the head of a mail. */
export type PasskeyNotification<U extends User = User> = PasskeyNotice & {
  /** The owner of the passkey. */
  readonly user: U;
  /** The passkey after what happened, as its owner sees it; what was removed, as it was. */
  readonly passkey: Omit<PasskeyView, 'current'>;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The attempt that brought it about, as in its record. */
  readonly attemptId: string;
  /** Where that request came from, as in its record. A claim. */
  readonly client: { readonly address: string | null; readonly userAgent: string | null };
};

/** A place that records go to, besides the log line and OpenTelemetry. */
export interface Sink {
  /** Names the sink in log lines and metrics. */
  readonly name: string;
  /** Takes one record. What it throws is logged once a minute. */
  write(record: AttemptRecord): Awaitable<void>;
  /** `fail_closed` refuses the sign-in when this sink fails. Default `fail_open`. */
  readonly onFailure?: 'fail_open' | 'fail_closed';
  /** It writes to standard output, where the log line of an attempt goes by default: that one is then left out. */
  readonly onStandardOutput?: boolean;
  /**
   * The sink limits its own queue, and says of each write that it is kept or lost, even if late. Then a write does not count as failed
   * because it takes longer than 5 seconds, or because 1,000 are under way. `queued` of @latchkey/audit does so. Not for a `fail_closed` sink.
   */
  readonly settlesLate?: boolean;
}

/** A sign-in that was accepted: the argument of `onSignIn`. */
export interface SignIn<U extends User = User, Request = unknown, Response = unknown> {
  /** The account, as `users.find` or `users.create` answered it. */
  readonly user: U;
  /** The passkey that was used, as it is stored now. */
  readonly passkey: Passkey;
  /** Milliseconds since the epoch. */
  readonly authenticatedAt: number;
  /** The authenticator verified its user (PIN, finger, face). */
  readonly userVerified: boolean;
  /** `mode` is null and `enforcement` not_applicable for a sign-up. */
  readonly attempt: { readonly id: string; readonly mode: SignInMode | null; readonly enforcement: Enforcement };
  /** The session of ours, so that a token can carry its id. Null with `sessions: false`. */
  readonly session: { readonly id: string; readonly expiresAt: number } | null;
  /** The framework's own request. */
  readonly request: Request;
  /** The framework's own response (Express), context (Koa) or reply (Fastify); the answer's Headers (fetch). */
  readonly response: Response;
}

/** A session of ours that ended in a request: the argument of `onSignOut`. */
export interface SignOut<Request = unknown, Response = unknown> {
  /** The session that ended. */
  readonly session: Pick<SignInSession, 'id' | 'userId' | 'passkeyId'>;
  /** Whether it was the session of the request itself, and nobody is signed in there now. False for `replaced`: `onSignIn` follows. */
  readonly current: boolean;
  /** Who ended it. */
  readonly by: SessionEnder;
  /** Why it ended. */
  readonly because: SessionEnding;
  /** The framework's own request. */
  readonly request: Request;
  /** The framework's own response (Express), context (Koa) or reply (Fastify). */
  readonly response: Response;
}

/** Anything shaped like pino. */
export interface Logger {
  /** For what went well: fields first, then one sentence. */
  info(fields: object, message: string): void;
  /** For refusals, and for what should be looked at. */
  warn(fields: object, message: string): void;
  /** For faults of the server. */
  error(fields: object, message: string): void;
}

/** The options of `createPasskeys`. `U`: the application's type of an account. `Request`, `Response`: the framework's. */
export interface PasskeysOptions<U extends User = User, Request = unknown, Response = unknown> {
  /** The relying party; or, for several, which one a request is for (the same object each time; nothing: not found). */
  readonly rp: RelyingParty | ((request: Request) => RelyingParty | undefined | null);
  /** The application's accounts. */
  readonly users: Users<U, Request>;
  /** Where state lives: `memoryStore()`, another, or `{ challenges, passkeys, sessions, attempts? }` of several. */
  readonly store: Store;
  /** The policy; or, where hosts or tenants differ, the one for a request (the same object each time). */
  readonly policy?: PolicyOptions | ((request: Request) => PolicyOptions);
  /** How long people stay signed in. `false`: no sessions of ours, for applications that only issue tokens in `onSignIn`. */
  readonly sessions?: SessionOptions<Request> | false;
  /** Where records go, and the key of the pseudonyms in them. */
  readonly audit?: {
    /** Where records go, besides the log line and OpenTelemetry: `{ name, write(record), onFailure? }`. */
    readonly sinks?: readonly Sink[];
    /** At least 32 bytes (or characters) of secret: keys the pseudonyms in records and the decoys. The same on every node. */
    readonly identityKey?: string | Uint8Array;
    /**
     * What the log line of an attempt says: the `'whole'` record (default), or with `'pseudonyms'` what OpenTelemetry gets: no
     * `user.id`, no `change.note`, the network of `client.address` (`192.0.2.0/24`). Needs `audit.identityKey`. It holds for every
     * logger, and for sinks on standard output, which write in place of that line. All other sinks get the whole record.
     */
    readonly logLine?: 'whole' | 'pseudonyms';
  };
  /** Limits by address, browser and account, and a cap on unfinished ceremonies: on by default. `false` turns them off. */
  readonly rateLimit?: RateLimitOptions | false;
  /** Where the log line of each attempt goes. Default: the request's own logger, else JSON on standard output. */
  readonly logger?: Logger;
  /**
   * Called after each sign-in and sign-up, when the session is stored and before the answer: the bridge to a session of the
   * application's own. What it returns is added to the answer (a token, say). When it throws, nobody is signed in.
   */
  readonly onSignIn?: (signIn: SignIn<U, Request, Response>) => Awaitable<unknown>;
  /** Called wherever a session of ours ends in a request: the bridge to the application's own sign-out. What it throws is logged. */
  readonly onSignOut?: (signOut: SignOut<Request, Response>) => Awaitable<unknown>;
  /**
   * Called once for each thing a person should hear of: a passkey added, removed, disabled, enabled or used for the first
   * time, a counter that went backwards. Nothing waits for it; what it throws is logged. Send a mail from here.
   */
  readonly notify?: (notification: PasskeyNotification<U>) => Awaitable<unknown>;
  /** Pages of yours for `/.well-known/passkey-endpoints`. */
  readonly passkeyEndpoints?: {
    /** The address of the page where people add a passkey. */
    readonly enroll?: string;
    /** The address of the page where people manage their passkeys. */
    readonly manage?: string;
  };
  /** How long a store may take before the answer is `store_unavailable`. Default `'5s'`. */
  readonly storeTimeout?: Duration;
  /** How often expired ceremonies are recorded as abandoned; `false`: you call `sweep()`, and no timer is set. Default `'30s'`. */
  readonly sweepEvery?: Duration | false;
  /** The time, in milliseconds since the epoch. Default `Date.now`. */
  readonly clock?: () => number;
}
