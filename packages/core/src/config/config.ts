/** The checked options, as core reads them. Types only. */
import type { Logger, PasskeysOptions, RateLimitOptions, Sink } from '../options.ts';
import type { ImmediateMediation, Requirement, SignInMode, UserVerification } from '../record/attempt.ts';
import type { IdentityKey } from '../record/pseudonym.ts';
import type { Store } from '../store/store.ts';
import type { Accounts } from './accounts.ts';
import type { AttestationPolicy } from './attestation.ts';

/** The policy of one relying party, checked. */
export interface Policy {
  readonly immediateMediation: ImmediateMediation;
  readonly userVerification: UserVerification;
  readonly fallback: readonly SignInMode[];
  readonly firstFactor: 'none' | 'identified';
  readonly challengeTtlMs: number;
  readonly recentSignInMs: number;
  readonly signCount: 'observe' | 'refuse' | 'disable';
  readonly backupEligibility: 'follow' | 'refuse';
  readonly algorithms: readonly number[];
  readonly conditionalCreate: boolean;
  readonly invitations: 'register' | 'sign_in';
  /** Null: no passkey is offered to anybody. `share` is from 0 to 1. */
  readonly offers: { readonly share: number; readonly againMs: number } | null;
  readonly requirements: readonly Requirement[];
  readonly attestation: AttestationPolicy | null;
  readonly reauthentication: { readonly afterMs: number; readonly idleMs: number } | null;
  readonly maxPasskeys: number;
}

/** One relying party and the policy it signs people in by. */
export interface TenantConfig {
  readonly rp: {
    readonly id: string;
    readonly name: string;
    readonly relatedOrigins: readonly string[];
    readonly androidApps: readonly AndroidApp[];
    /** Team id, a dot, bundle id. */
    readonly appleApps: readonly string[];
  };
  /** Origins a request may come from. */
  readonly webOrigins: ReadonlySet<string>;
  /** Origins that client data may be signed with: the above and those of native applications. */
  readonly signedOrigins: ReadonlySet<string>;
  /** True when every origin is on http://localhost or http://name.localhost, where cookies cannot be `Secure` everywhere. */
  readonly localhost: boolean;
  readonly policy: Policy;
  readonly sessionCookie: SessionCookie;
}

/** An Android application: its application id, and SHA-256 of the certificates that sign it, `F6:97:…`. */
export interface AndroidApp {
  readonly package: string;
  readonly sha256: readonly string[];
}

/** The cookie that names a session. */
export interface SessionCookie {
  readonly name: string;
  /** What follows `name=value; Path=/; HttpOnly`, ending each other attribute but Max-Age. */
  readonly attributes: string;
}

/** The checked `sessions`. */
export interface SessionsConfig {
  readonly lifetime: (request: unknown) => { readonly ms: number; readonly persistent: boolean };
  readonly idleMs: number;
  /** For each user and relying party. */
  readonly max: number;
  readonly revalidateAfterMs: number;
  readonly checkOrigin: boolean;
  readonly followIdentify: boolean;
  readonly cookie: {
    readonly name?: string | undefined;
    readonly domain?: string | undefined;
    readonly sameSite: 'Lax' | 'Strict' | 'None';
  };
}

/** What all tenants have in common. */
export interface AppConfig {
  readonly accounts: Accounts;
  readonly store: Store;
  /** Null for applications that only issue tokens. */
  readonly sessions: SessionsConfig | null;
  readonly sinks: readonly Sink[];
  readonly identityKey: IdentityKey;
  readonly logLine: 'whole' | 'pseudonyms';
  readonly logger: Logger | undefined;
  readonly onSignIn: PasskeysOptions['onSignIn'];
  readonly onSignOut: PasskeysOptions['onSignOut'];
  readonly notify: PasskeysOptions['notify'];
  readonly passkeyEndpoints: { readonly enroll?: string; readonly manage?: string };
  readonly rateLimit: RateLimitOptions | false;
  readonly storeTimeoutMs: number;
  readonly sweepEveryMs: number | false;
  readonly now: () => number;
}

/** The checked options, as they apply to one request. */
export type Config = AppConfig & TenantConfig;

/** Which configuration a request falls under; null when it belongs to no tenant. Throws a ConfigurationError for a wrong one. */
export type ConfigOf = (request: unknown) => Config | null;
