/**
 * The options of `createPasskeys`, checked once, at construction. A wrong one throws with its name, what it got and
 * what to write instead; nothing is guessed from a request later on.
 */
import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import type { AttemptRecord, Enforcement, ImmediateMediation, Mode, Requirement, UserVerification } from './attempt.ts';
import { IMMEDIATE_MEDIATION, USER_VERIFICATION } from './attempt.ts';
import { type AttestationOptions, type AttestationPolicy, checkAttestation } from './attestation.ts';
import { type Duration, milliseconds } from './duration.ts';
import { ConfigurationError } from './errors.ts';
import type { IdentityKey } from './identity.ts';
import { LIMITS, type RateLimitOptions } from './limits.ts';
import type { Notification } from './notify.ts';
import { within } from './reliable-store.ts';
import type { Awaitable, Passkey, Store } from './store.ts';
import { supportsMlDsa } from './webauthn.ts';

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
export type Algorithm = keyof typeof ALGORITHMS;
const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as readonly Algorithm[];

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
  readonly algorithms?: readonly Algorithm[];
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
  readonly attempt: { readonly id: string; readonly mode: Mode | null; readonly enforcement: Enforcement };
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
  readonly notify?: (notification: Notification) => Awaitable<unknown>;
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

/** The policy that a challenge is issued under and judged by, kept with it. */
export interface Policy {
  readonly immediateMediation: ImmediateMediation;
  readonly userVerification: UserVerification;
  readonly fallback: readonly Mode[];
  readonly challengeTtlMs: number;
  readonly recentSignInMs: number;
  readonly signCount: 'observe' | 'refuse' | 'disable';
  readonly algorithms: readonly number[];
  readonly conditionalCreate: boolean;
  readonly requirements: readonly Requirement[];
  readonly attestation: AttestationPolicy | null;
  readonly reauthentication: { readonly afterMs: number; readonly idleMs: number } | null;
  readonly maxPasskeys: number;
}

/** One relying party and the policy it signs people in by. */
export interface Tenant {
  readonly rp: { readonly id: string; readonly name: string; readonly relatedOrigins: readonly string[] };
  /** Origins a request may come from. */
  readonly webOrigins: ReadonlySet<string>;
  /** Origins that client data may be signed with: the above and those of native applications. */
  readonly signedOrigins: ReadonlySet<string>;
  /** True when every origin is on http://localhost, where cookies cannot be `Secure` everywhere. */
  readonly localhost: boolean;
  readonly policy: Policy;
}

/** What all tenants have in common. */
export interface Shared {
  readonly users: Users;
  readonly store: Store;
  readonly sinks: readonly Sink[];
  /** Records on their way to sinks, and notifications on theirs: what nobody waits for before the application closes. */
  readonly underWay: Set<Promise<unknown>>;
  readonly identityKey: IdentityKey;
  readonly logger: Logger | undefined;
  readonly onSignIn: PasskeysOptions['onSignIn'];
  readonly notify: PasskeysOptions['notify'];
  readonly passkeyEndpoints: { readonly enroll?: string; readonly manage?: string };
  readonly rateLimit: RateLimitOptions | false;
  readonly storeTimeoutMs: number;
  readonly sweepEveryMs: number | false;
  readonly revalidateAfterMs: number;
  readonly now: () => number;
}

/** The checked options, as they apply to one request. */
export type Config = Shared & Tenant;

/** Which configuration a request falls under; null when it belongs to no tenant. Throws {@link ConfigurationError} for a wrong one. */
export type ConfigOf = (request: unknown) => Config | null;

/** Checks everything that can be checked before the first request. Throws {@link ConfigurationError}. */
export function checkOptions(options: PasskeysOptions): { shared: Shared; configOf: ConfigOf } {
  const shared = checkShared(options);
  const { rp, policy = {} } = options;
  if (typeof rp !== 'function' && typeof policy !== 'function') {
    const config: Config = { ...shared, ...checkRelyingParty(rp), policy: checkPolicy(policy, shared) };
    return { shared, configOf: () => config };
  }
  // Checked once for each pair of objects the application hands out, however often it does.
  const known = new WeakMap<RelyingParty, WeakMap<PolicyOptions, Config>>();
  const configOf: ConfigOf = (request) => {
    const party = typeof rp === 'function' ? rp(request) : rp;
    if (!party) return null;
    const rules = typeof policy === 'function' ? policy(request) : policy;
    const found = known.get(party)?.get(rules);
    if (found) return found;
    const config: Config = { ...shared, ...checkRelyingParty(party), policy: checkPolicy(rules, shared) };
    known.set(party, (known.get(party) ?? new WeakMap()).set(rules, config));
    return config;
  };
  return { shared, configOf };
}

function checkShared(options: PasskeysOptions): Shared {
  const { users, store, audit = {} } = options;
  demand(
    typeof users?.find === 'function',
    'users.find',
    users?.find,
    'Write a function that finds an account by its id.',
  );
  demand(
    typeof store?.challenges?.take === 'function',
    'store.challenges',
    store?.challenges,
    'Hand in a challenge store, or a whole store such as memoryStore().',
  );
  demand(
    typeof store.passkeys?.insert === 'function',
    'store.passkeys',
    store.passkeys,
    'Hand in a passkey store, or a whole store such as memoryStore().',
  );
  demand(
    options.notify === undefined || typeof options.notify === 'function',
    'notify',
    options.notify,
    'Write a function that is handed a notification, or leave it out.',
  );
  for (const [index, sink] of (audit.sinks ?? []).entries()) {
    demand(
      typeof sink?.name === 'string' && typeof sink.write === 'function',
      `audit.sinks[${index}]`,
      sink,
      'Write { name, write(record) }.',
    );
  }
  const storeTimeoutMs = milliseconds('storeTimeout', options.storeTimeout ?? '5s');
  return {
    users,
    store,
    sinks: [...(audit.sinks ?? []), ...(store.attempts ? [attemptStoreSink(store.attempts, storeTimeoutMs)] : [])],
    underWay: new Set(),
    identityKey: checkIdentityKey(audit.identityKey, users.findByName !== undefined),
    logger: options.logger,
    onSignIn: options.onSignIn,
    notify: options.notify,
    passkeyEndpoints: options.passkeyEndpoints ?? {},
    rateLimit: checkRateLimit(options.rateLimit ?? {}),
    storeTimeoutMs,
    sweepEveryMs:
      options.sweepEvery === false ? false : between('sweepEvery', options.sweepEvery ?? '30s', 100, 86_400_000),
    revalidateAfterMs: milliseconds('revalidateAfter', options.revalidateAfter ?? '60s'),
    now: options.clock ?? Date.now,
  };
}

function checkRateLimit(rateLimit: RateLimitOptions | false): RateLimitOptions | false {
  if (rateLimit === false) return false;
  for (const [name, rule] of Object.entries(rateLimit.limits ?? {})) {
    oneOf('rateLimit.limits', name, Object.keys(LIMITS));
    const { points, seconds } = rule;
    const sensible = Number.isInteger(points) && points > 0 && Number.isFinite(seconds) && seconds > 0;
    demand(
      sensible,
      `rateLimit.limits.${name}`,
      rule,
      'Write { points, seconds }: how many requests in how many seconds.',
    );
  }
  return rateLimit;
}

function checkRelyingParty(rp: RelyingParty | undefined) {
  const id = rp?.id;
  demand(
    typeof id === 'string' && isDomain(id),
    'rp.id',
    id,
    "Write the bare domain in lower case, without scheme, port or path: 'example.com'.",
  );
  demand(
    typeof rp?.name === 'string' && rp.name !== '',
    'rp.name',
    rp?.name,
    'Write the name people know your service by.',
  );
  demand(
    Array.isArray(rp.origins) && rp.origins.length > 0,
    'rp.origins',
    rp.origins,
    "List the exact origins of your pages: ['https://example.com'].",
  );
  for (const [index, origin] of rp.origins.entries()) {
    const option = `rp.origins[${index}]`;
    const host = webHost(option, origin);
    demand(
      host === id || host.endsWith(`.${id}`),
      option,
      origin,
      `It is not under rp.id '${id}': correct one of them, or list it in rp.relatedOrigins.`,
    );
  }
  const relatedOrigins = rp.relatedOrigins ?? [];
  for (const [index, origin] of relatedOrigins.entries()) webHost(`rp.relatedOrigins[${index}]`, origin);
  const appOrigins = rp.appOrigins ?? [];
  for (const [index, origin] of appOrigins.entries()) {
    demand(
      /^(?!https?:)[a-z][a-z0-9+.-]*:\S+$/.test(origin),
      `rp.appOrigins[${index}]`,
      origin,
      "Write what the platform signs, e.g. 'android:apk-key-hash:…'; web origins go to rp.origins.",
    );
  }
  return {
    rp: { id, name: rp.name, relatedOrigins: [...relatedOrigins] },
    webOrigins: new Set([...rp.origins, ...relatedOrigins]),
    signedOrigins: new Set([...rp.origins, ...relatedOrigins, ...appOrigins]),
    localhost: [...rp.origins, ...relatedOrigins].every((origin) => new URL(origin).protocol === 'http:'),
  };
}

function isDomain(id: string): boolean {
  if (id === 'localhost') return true;
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  return id.length <= 253 && new RegExp(`^${label}(?:\\.${label})+$`).test(id) && !/^[\d.]+$/.test(id);
}

/** The host of an origin that is exactly an origin, on https or localhost. */
function webHost(option: string, origin: unknown): string {
  const url = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : undefined;
  demand(
    url !== undefined && url.origin === origin,
    option,
    origin,
    "Write scheme, host and port only, in lower case and without a slash at the end: 'https://example.com'.",
  );
  demand(
    url.protocol === 'https:' || (url.protocol === 'http:' && url.hostname === 'localhost'),
    option,
    origin,
    'Passkeys need https; only http://localhost is excepted.',
  );
  return url.hostname;
}

function checkPolicy(policy: PolicyOptions, shared: Shared): Policy {
  const immediateMediation = oneOf(
    'policy.immediateMediation',
    policy.immediateMediation ?? 'prefer',
    IMMEDIATE_MEDIATION,
  );
  const fallback = policy.fallback ?? ['conditional', 'modal'];
  demand(Array.isArray(fallback), 'policy.fallback', fallback, "Write a list of 'conditional' and 'modal'.");
  for (const mode of fallback) oneOf('policy.fallback', mode, ['conditional', 'modal']);
  demand(
    immediateMediation !== 'off' || fallback.length > 0,
    'policy.fallback',
    fallback,
    "With immediateMediation 'off' somebody must be able to sign in: list 'conditional' or 'modal'.",
  );
  const algorithms: readonly Algorithm[] = policy.algorithms ?? ['EdDSA', 'ES256', 'RS256'];
  demand(
    Array.isArray(algorithms) && algorithms.length > 0,
    'policy.algorithms',
    algorithms,
    `List some of ${ALGORITHM_NAMES.join(', ')}.`,
  );
  const maxPasskeys = policy.maxPasskeys ?? 20;
  demand(
    Number.isInteger(maxPasskeys) && maxPasskeys >= 1 && maxPasskeys <= 100,
    'policy.maxPasskeys',
    maxPasskeys,
    'Write a whole number from 1 to 100.',
  );
  return Object.freeze({
    immediateMediation,
    userVerification: oneOf('policy.userVerification', policy.userVerification ?? 'required', USER_VERIFICATION),
    fallback: immediateMediation === 'require' ? [] : [...fallback],
    challengeTtlMs: between('policy.challengeTtl', policy.challengeTtl ?? '2m', 1_000, 600_000),
    recentSignInMs: milliseconds('policy.recentSignIn', policy.recentSignIn ?? '10m'),
    signCount: oneOf('policy.signCount', policy.signCount ?? 'observe', ['observe', 'refuse', 'disable'] as const),
    algorithms: algorithms.map(checkAlgorithm),
    conditionalCreate: policy.conditionalCreate ?? false,
    ...checkAssurance(policy),
    attestation: checkAttestation(policy.attestation, shared),
    maxPasskeys,
  });
}

function checkAlgorithm(name: Algorithm): number {
  const number = ALGORITHMS[oneOf('policy.algorithms', name, ALGORITHM_NAMES)];
  demand(
    !name.startsWith('ML-DSA') || supportsMlDsa(),
    'policy.algorithms',
    name,
    `This runtime (Node.js ${process.versions.node}) cannot verify it: use Node.js 24.7 or newer, or leave it out.`,
  );
  return number;
}

const ASSURANCE = {
  aal2: { afterMs: 24 * 3_600_000, idleMs: 3_600_000 },
  aal3: { afterMs: 12 * 3_600_000, idleMs: 15 * 60_000 },
} as const;

/** What goes beyond the defaults, and when to sign in again. */
function checkAssurance(policy: PolicyOptions): Pick<Policy, 'requirements' | 'reauthentication'> {
  const { reauthentication: again, deviceBound = false, attestation = 'none', userVerification = 'required' } = policy;
  const requirements: Requirement[] = deviceBound ? ['device_bound'] : [];
  if (attestation !== 'none') requirements.push('attestation');
  if (again === undefined) return { requirements, reauthentication: null };
  if (typeof again === 'object') {
    const afterMs = milliseconds('policy.reauthentication.after', again.after);
    const idleMs =
      again.idle === undefined ? Number.POSITIVE_INFINITY : milliseconds('policy.reauthentication.idle', again.idle);
    return { requirements: [...requirements, 'reauthentication'], reauthentication: { afterMs, idleMs } };
  }
  oneOf('policy.reauthentication', again, ['aal2', 'aal3']);
  demand(
    userVerification === 'required',
    'policy.userVerification',
    userVerification,
    `policy.reauthentication '${again}' needs 'required'.`,
  );
  demand(
    again !== 'aal3' || deviceBound,
    'policy.deviceBound',
    deviceBound,
    "policy.reauthentication 'aal3' needs true.",
  );
  return { requirements: [...requirements, again], reauthentication: ASSURANCE[again] };
}

function checkIdentityKey(given: string | Uint8Array | undefined, needed: boolean): Config['identityKey'] {
  demand(
    given !== undefined || !needed,
    'audit.identityKey',
    given,
    'users.findByName needs it, for decoys that are the same on every node: hand in at least 32 random characters from your secret store.',
  );
  // Without one, pseudonyms hold for the life of this process only, and their key id says so.
  if (given === undefined) return { id: 'ephemeral', key: createSecretKey(randomBytes(32)) };
  const key = typeof given === 'string' ? Buffer.from(given) : given;
  demand(key.length >= 32, 'audit.identityKey', `${key.length} bytes`, 'Hand in at least 32.');
  // The id tells keys apart without telling anything of them.
  return {
    id: createHash('sha256').update('latchkey key id').update(key).digest('hex').slice(0, 8),
    key: createSecretKey(key),
  };
}

/** Appends that hang may wait in a store's own queue: that many records, and no more, are kept in memory for it. */
const MOST_APPENDS = 1_000;

/** The store's own attempts. It is tried once for each record, and nobody waits for it. */
function attemptStoreSink(attempts: NonNullable<Store['attempts']>, deadlineMs: number): Sink {
  let underWay = 0;
  return {
    name: 'attempt_store',
    write(record) {
      if (underWay >= MOST_APPENDS) throw new Error('The attempt store does not keep up.');
      const appending = attempts.append(record);
      if (!(appending instanceof Promise)) return;
      underWay += 1;
      const appended = appending.finally(() => {
        underWay -= 1;
      });
      return within(appended, deadlineMs);
    },
  };
}

function oneOf<const T>(option: string, value: unknown, allowed: readonly T[]): T {
  demand(allowed.includes(value as T), option, value, `Write one of ${allowed.map((name) => `'${name}'`).join(', ')}.`);
  return value as T;
}

function between(option: string, value: Duration, least: number, most: number): number {
  const ms = milliseconds(option, value);
  demand(ms >= least && ms <= most, option, value, `Write a duration from ${least} ms to ${most / 60_000} minutes.`);
  return ms;
}

function demand(holds: boolean, option: string, got: unknown, instead: string): asserts holds {
  if (!holds) throw new ConfigurationError(option, got, instead);
}
