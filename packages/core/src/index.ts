/**
 * Passkey sign-in with evidence, without a framework and without a database: `createPasskeys()` and every public name.
 * An adapter translates its framework's requests to {@link HttpRequest} and mounts what comes back.
 *
 * @packageDocumentation
 */
import './runtime.ts';
import type { HttpRequest, HttpResponse } from './adapter.ts';
import { inBatches } from './batches.ts';
import {
  administer,
  type InvitationOptions,
  type IssuedInvitation,
  type UserAdministration,
} from './ceremony/administration.ts';
import { reliable } from './ceremony/reliable-store.ts';
import { createSessions, type PasskeySession, type SignInRule, type StepUpRule } from './ceremony/session.ts';
import { checkOptions } from './config/check-options.ts';
import { type Duration, milliseconds } from './duration.ts';
import { ConfigurationError } from './errors.ts';
import { wellKnown } from './http/documents.ts';
import { createGuards } from './http/guards.ts';
import { createLimits } from './http/limits.ts';
import { createRouter } from './http/router.ts';
import { resolveConfig } from './http/tenant.ts';
import type { PasskeysOptions, User } from './options.ts';
import { createPublisher } from './signals/publish.ts';
import { warnOfLoss, warnOfLossSoon } from './signals/telemetry-check.ts';
import { keepSweeping, sweep } from './sweep.ts';

export type { HttpRequest, HttpResponse } from './adapter.ts';
export type {
  Change,
  InvitationOptions,
  InvitationView,
  IssuedInvitation,
  SessionView,
  UserAdministration,
} from './ceremony/administration.ts';
export type { PasskeySession, SignInRule, StepUpRule } from './ceremony/session.ts';
export { type Duration, milliseconds } from './duration.ts';
export { ConfigurationError, PROBLEMS, type ProblemCode } from './errors.ts';
export { type RouteDescription, routes } from './http/routes.ts';
export type { BodySchema, MemberSchema } from './http/shape.ts';
export {
  ALGORITHMS,
  type AttestationOptions,
  type CoseAlgorithmName,
  type IdentifiedUser,
  LIMITS,
  type Limiter,
  type LimitName,
  type LimitRule,
  type Logger,
  type Maybe,
  type NativeApp,
  type OfferOptions,
  type PasskeyNotice,
  type PasskeyNotification,
  type PasskeysOptions,
  type PasskeyView,
  type PolicyOptions,
  type RateLimitOptions,
  type RelyingParty,
  type SessionLifetime,
  type SessionOptions,
  type SignIn,
  type SignOut,
  type Sink,
  type User,
  type UserAction,
  type Users,
} from './options.ts';
export {
  ATTACHMENTS,
  ATTESTATION_FORMATS,
  type AttemptRecord,
  type AttestationFormat,
  CHALLENGE_STATUSES,
  type ChallengeStatus,
  CLIENT_REPORTS,
  type ClientReport,
  DECISIONS,
  ENFORCEMENTS,
  type Enforcement,
  EVENT_NAMES,
  type EventName,
  FAILED_RULES,
  type FailedRule,
  IMMEDIATE_MEDIATION,
  type ImmediateMediation,
  MODES,
  OCCASIONS,
  type Occasion,
  OUTCOMES,
  type Outcome,
  type Purpose,
  REASON_SOURCES,
  REASONS,
  REQUIREMENTS,
  type Reason,
  type ReasonSource,
  type Requirement,
  SESSION_ENDERS,
  SESSION_ENDINGS,
  SEVERITIES,
  type SessionEnder,
  type SessionEnding,
  SIGN_COUNTS,
  SIGNATURES,
  type SignInMode,
  STAGES,
  type Stage,
  UNMET,
  type Unmet,
  USER_VERIFICATION,
  type UserVerification,
} from './record/attempt.ts';
export { ATTEMPT_SCHEMA } from './record/attempt-schema.ts';
export { type Explanation, explain } from './record/explain.ts';
export { type Pseudonymizer, pseudonymizer } from './record/pseudonym.ts';
export { REASON_MEANINGS, type ReasonMeaning } from './record/reasons.ts';
export { standardOutput } from './signals/publish.ts';
export { checkTelemetry, type TelemetryFinding } from './signals/telemetry-check.ts';
export { memoryChallenges } from './store/memory/challenges.ts';
export { memoryStore } from './store/memory-store.ts';
export {
  type AttemptQuery,
  type AttemptStore,
  type Awaitable,
  type ChallengeStore,
  type Invitation,
  type InvitationState,
  type InvitationStore,
  type Passkey,
  type PasskeyChange,
  type PasskeyChangeResult,
  type PasskeySelection,
  type PasskeyStore,
  type PasskeyUse,
  type PendingCeremony,
  REMEMBERED_MS,
  type SessionSelection,
  type SessionStart,
  type SessionStepUp,
  type SessionStore,
  type SignInSession,
  type Store,
  type TakeCondition,
  type TakeResult,
  type UseResult,
} from './store/store.ts';
export { providerName } from './webauthn/providers.ts';
export { readPublicKey } from './webauthn/verify.ts';

/** How many records a step of `purgeAttempts` removes. */
const PURGED_AT_ONCE = 1_000;

/** What a guard found: the session to hand on, or the answer to give instead. */
export type Guarded<U extends User = User> =
  | { readonly session: PasskeySession<U> }
  | { readonly response: HttpResponse };

/** Passkeys for one or more relying parties: what an adapter mounts. `U`: the application's type of an account. */
export interface Passkeys<U extends User = User, Request = unknown, Response = unknown> {
  /** Answers a request below the mount prefix. Never throws. */
  handle(request: HttpRequest<Request, Response>): Promise<HttpResponse>;
  /** Answers our documents under `/.well-known`; undefined for every other path, which is the application's. */
  wellKnown(request: HttpRequest<Request, Response>): HttpResponse | undefined;
  /** Whether somebody is signed in as the rule wants it. Never throws. */
  requireSignIn(request: HttpRequest<Request, Response>, rule?: SignInRule): Promise<Guarded<U>>;
  /** Whether somebody confirmed with their passkey as the rule wants it. Never throws. */
  requireStepUp(request: HttpRequest<Request, Response>, rule: StepUpRule): Promise<Guarded<U>>;
  /** The session of a request, or null; or the answer to give, where the store does not tell. Never throws. */
  readSession(request: HttpRequest<Request, Response>): Promise<Guarded<U> | { readonly session: null }>;
  /**
   * Ends the session of a request, for the application's own sign-out. Answers the values of Set-Cookie that take the cookie
   * away. Rejects when the store does not answer: then the person is still signed in.
   */
  signOut(request: HttpRequest<Request, Response>): Promise<readonly string[]>;
  /** Whether a session is live, by its id: for tokens that carry it. Asks the store each time. `request`: where `rp` or `policy` is a function. */
  isSessionLive(id: string, request?: Request): Promise<boolean>;
  /**
   * The passkeys and sessions of one user, for the server's own code: a help desk, the deletion of an account. `request`: where
   * `rp` or `policy` is a function. Throws a {@link ConfigurationError} for an id that cannot be one.
   */
  forUser(userId: string, request?: Request): UserAdministration;
  /**
   * Issues the right to register one passkey, for a person who cannot sign in: a new employee, a lost phone. The same as
   * `forUser(userId, request).invite(invitation)`. Rejects with a {@link ConfigurationError} for a wrong option.
   *
   * @example
   * const { token } = await passkeys.invite(user.id, { for: '1h', by: 'operator', reason: 'lost phone, ticket 4711', replaces: 'all' });
   * await mail(user, `https://example.com/recover#invitation=${token}`);
   */
  invite(userId: string, invitation: InvitationOptions, request?: Request): Promise<IssuedInvitation>;
  /** Records every ceremony that has expired unanswered; resolves to how many. Runs by itself every `sweepEvery`. */
  sweep(): Promise<number>;
  /**
   * Removes from `store.attempts` the records of attempts that ended longer ago than this, in batches, and resolves to how many:
   * `passkeys.purgeAttempts({ olderThan: '400d' })`, once a day. 0 where records are not kept in a store. Rejects when the store
   * does not answer; what it removed by then is gone.
   */
  purgeAttempts(due: { readonly olderThan: Duration }): Promise<number>;
  /**
   * Resolves when the records under way are written and `notify` is done, or after 5 seconds. Where a request's work ends with its answer,
   * on Workers and in serverless functions, they are cut off without it: `context.waitUntil(passkeys.settled())`, before you answer.
   */
  settled(): Promise<void>;
  /** Stops the sweep, and resolves as `settled` does. Then close what is yours: stores and sinks stay open. */
  close(): Promise<void>;
}

/**
 * Passkeys for your application. Checks every option, and throws {@link ConfigurationError} for a wrong one.
 *
 * @example
 * const passkeys = createPasskeys({
 *   rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
 *   users: { find: (id) => accounts.get(id) },
 *   store: memoryStore(),
 * });
 */
export function createPasskeys<U extends User = User, Request = unknown, Response = unknown>(
  options: PasskeysOptions<U, Request, Response>,
): Passkeys<U, Request, Response> {
  // Inside, an account is a User and a request is the framework's own, which nothing here reads.
  const { shared, configOf } = checkOptions(options as unknown as PasskeysOptions);
  const publisher = createPublisher(shared);
  const store = reliable(shared.store, shared.storeTimeoutMs);
  const sessions = createSessions(shared, store);
  const limits = createLimits(shared.rateLimit, shared.now);
  const sweeping = { config: shared, store, limits, publisher };
  const stopSweeping = keepSweeping(sweeping);
  const stopChecking = warnOfLossSoon(shared);
  const guards = createGuards(shared, configOf, { sessions, publisher });

  const passkeys: Passkeys = {
    handle: createRouter(configOf, { store, sessions, limits, publisher }),
    wellKnown(request) {
      if (!request.path.startsWith('/.well-known/')) return undefined;
      const resolved = resolveConfig(configOf, publisher, request);
      if ('config' in resolved) return wellKnown(resolved.config, request);
      return resolved.response.status === 404 ? undefined : resolved.response;
    },
    ...guards,
    async isSessionLive(id, request) {
      const config = configOf(request);
      return config !== null && sessions.isLive(id, config);
    },
    forUser(userId, request) {
      const config = configOf(request);
      if (config === null)
        throw new ConfigurationError(
          'forUser',
          request,
          'It belongs to no relying party: hand in a request that rp knows.',
        );
      if (typeof userId !== 'string' || userId === '') {
        throw new ConfigurationError('forUser', userId, "Write the account's id, as text.");
      }
      return administer(config, { store, sessions, publisher }, userId);
    },
    invite: async (userId, invitation, request) => passkeys.forUser(userId, request).invite(invitation),
    sweep() {
      warnOfLoss(shared);
      return sweep(sweeping);
    },
    async purgeAttempts({ olderThan }) {
      const before = shared.now() - milliseconds('olderThan', olderThan);
      const { attempts } = store;
      return attempts ? inBatches(PURGED_AT_ONCE, (limit) => attempts.purge({ before, limit })) : 0;
    },
    settled: () => publisher.drain(),
    async close() {
      stopSweeping();
      stopChecking();
      const reporter = publisher.reporter();
      for (const record of limits.release(Number.POSITIVE_INFINITY)) reporter.record(record, { aside: true });
      await passkeys.settled();
    },
  };
  return passkeys as unknown as Passkeys<U, Request, Response>;
}
