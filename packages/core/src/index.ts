/**
 * Passkey sign-in with evidence, without a framework and without a database: `createPasskeys()` and every public name.
 * An adapter translates its framework's requests to {@link HttpRequest} and mounts what comes back.
 */

import { problem } from './answer.ts';
import type { HttpRequest, HttpResponse } from './call.ts';
import { type Config, checkOptions, type PasskeysOptions } from './config.ts';
import { wellKnown } from './documents.ts';
import { asRefusal, codeOf, turnAway } from './errors.ts';
import { createRouter } from './http.ts';
import { createLimits } from './limits.ts';
import { announce, complain, settle } from './publish.ts';
import { reliable } from './reliable-store.ts';
import { createSessions, type PasskeySession, type SignInRule, type StepUpRule } from './session.ts';
import { keepSweeping, sweep } from './sweep.ts';
import { warnOfLoss } from './telemetry-check.ts';

export * from './attempt.ts';
export { ATTEMPT_SCHEMA } from './attempt-schema.ts';
export type { AttestationOptions } from './attestation.ts';
export type { HttpRequest, HttpResponse, SessionPort, SignedIn } from './call.ts';
export type * from './config.ts';
export { ALGORITHMS } from './config.ts';
export type { Duration } from './duration.ts';
export { type Code, ConfigurationError, PROBLEMS } from './errors.ts';
export { type Explanation, explain } from './explain.ts';
export { LIMITS, type Limiter, type LimitName, type LimitRule, type RateLimitOptions } from './limits.ts';
export { memoryStore } from './memory-store.ts';
export type { News, Notification } from './notify.ts';
export { providerName } from './providers.ts';
export { standardOutput } from './publish.ts';
export { REASON_MEANINGS, type ReasonMeaning } from './reasons.ts';
export { routes } from './routes.ts';
export type { PasskeySession, SignInRule, StepUpRule } from './session.ts';
export * from './store.ts';
export { checkTelemetry, type Finding } from './telemetry-check.ts';

/** What a guard found: the session to hand on, or the answer to give instead. */
export type Guarded = { readonly session: PasskeySession } | { readonly response: HttpResponse };

/** A guard's rule, and where a page sends a person who does not meet it (303) instead of problem+json. */
type Redirecting<Rule> = Rule & { readonly redirectTo?: string };

export interface Passkeys {
  /** Answers a request below the mount prefix. Never throws. */
  handle(request: HttpRequest): Promise<HttpResponse>;
  /** Answers our documents under `/.well-known`; undefined for every other path, which is the application's. */
  wellKnown(request: HttpRequest): HttpResponse | undefined;
  requireSignIn(request: HttpRequest, rule?: Redirecting<SignInRule>): Promise<Guarded>;
  requireStepUp(request: HttpRequest, rule: Redirecting<StepUpRule>): Promise<Guarded>;
  /** Records every ceremony that has expired unanswered; resolves to how many. Runs by itself every `sweepEvery`. */
  sweep(): Promise<number>;
  /**
   * Stops the sweep, and resolves when the records under way are written and `notify` is done, or after 5 seconds. Then
   * close what is yours: stores, sinks and sessions stay open.
   */
  close(): Promise<void>;
}

/**
 * Passkeys for one relying party. Checks every option and throws {@link ConfigurationError} for a wrong one.
 *
 * @example
 * const passkeys = createPasskeys({
 *   rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
 *   users: { find: (id) => accounts.get(id) },
 *   store: memoryStore(),
 * });
 */
export function createPasskeys(options: PasskeysOptions): Passkeys {
  const { shared, configOf } = checkOptions(options);
  const store = reliable(shared.store, shared.storeTimeoutMs);
  const sessions = createSessions(shared, store);
  const limits = createLimits(shared.rateLimit);
  const stopSweeping = keepSweeping(shared, store, limits);
  const stopChecking = warnOfLoss(shared);

  async function guard(
    request: HttpRequest,
    check: (config: Config) => Promise<PasskeySession>,
    redirectTo: string | undefined,
  ): Promise<Guarded> {
    try {
      const config = configOf(request.native);
      if (!config) throw turnAway('not_found');
      return { session: await check(config) };
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      if (refusal.reason !== null) complain(refusal.cause ?? refusal, null, shared, request.logger);
      if (redirectTo === undefined) return { response: problem(codeOf(refusal, 'sign_in')) };
      const headers = { location: redirectTo, 'cache-control': 'no-store', 'content-length': '0' };
      return { response: { status: 303, headers, cookie: null, body: null } };
    }
  }

  return {
    handle: createRouter(shared, configOf, { store, sessions, limits }),
    wellKnown: (request) => wellKnown(shared, configOf, request),
    requireSignIn: (request, rule = {}) =>
      guard(request, (config) => sessions.require(request, config, rule), rule.redirectTo),
    requireStepUp: (request, rule) =>
      guard(request, (config) => sessions.requireStepUp(request, config, rule), rule.redirectTo),
    sweep: () => sweep(shared, store, limits),
    async close() {
      stopSweeping();
      stopChecking();
      for (const record of limits.release(Number.POSITIVE_INFINITY))
        announce(record, shared, undefined, { aside: true });
      await settle(shared);
    },
  };
}
