/** The checked options, as core reads them. Types only. */

import { ConfigurationError } from '../errors.ts';
import type { Logger, PasskeysOptions, RateLimitOptions, Sink, Users } from '../options.ts';
import type { ImmediateMediation, Requirement, SignInMode, UserVerification } from '../record/attempt.ts';
import type { IdentityKey } from '../record/pseudonym.ts';
import type { Store } from '../store/store.ts';
import type { AttestationPolicy } from './attestation.ts';

/** The policy that a challenge is issued under and judged by, kept with it. */
export interface Policy {
  readonly immediateMediation: ImmediateMediation;
  readonly userVerification: UserVerification;
  readonly fallback: readonly SignInMode[];
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
export interface TenantConfig {
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
export interface AppConfig {
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
export type Config = AppConfig & TenantConfig;

/** Which configuration a request falls under; null when it belongs to no tenant. Throws {@link ConfigurationError} for a wrong one. */
export type ConfigOf = (request: unknown) => Config | null;
