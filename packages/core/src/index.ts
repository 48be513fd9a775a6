/**
 * Passkey sign-in with evidence, without a framework and without a database: `createPasskeys()` and every public name.
 * An adapter translates its framework's requests to {@link HttpRequest} and mounts what comes back.
 */

import type { HttpRequest, HttpResponse } from './adapter.ts';
import { reliable } from './ceremony/reliable-store.ts';
import { createSessions, type PasskeySession, type SignInRule, type StepUpRule } from './ceremony/session.ts';
import { checkOptions } from './config/check-options.ts';
import type { Config } from './config/config.ts';
import { asRefusal, codeOf, refuseUnrecorded } from './errors.ts';
import { problem } from './http/answer.ts';
import { wellKnown } from './http/documents.ts';
import { createLimits } from './http/limits.ts';
import { createRouter } from './http/router.ts';
import type { PasskeysOptions } from './options.ts';
import { drain, logError, publishRecord } from './signals/publish.ts';
import { warnOfLoss } from './signals/telemetry-check.ts';
import { keepSweeping, sweep } from './sweep.ts';

export type { HttpRequest, HttpResponse, SessionPort, SignedIn } from './adapter.ts';
export type { PasskeySession, SignInRule, StepUpRule } from './ceremony/session.ts';
export { checkOptions } from './config/check-options.ts';
export type * from './config/config.ts';
export type { Duration } from './duration.ts';
export { ConfigurationError, PROBLEMS, type ProblemCode } from './errors.ts';
export { routes } from './http/routes.ts';
export type * from './options.ts';
export { ALGORITHMS, LIMITS } from './options.ts';
export * from './record/attempt.ts';
export { ATTEMPT_SCHEMA } from './record/attempt-schema.ts';
export * from './record/enforcement.ts';
export { type Explanation, explain } from './record/explain.ts';
export { REASON_MEANINGS, type ReasonMeaning } from './record/reasons.ts';
export { standardOutput } from './signals/publish.ts';
export { checkTelemetry, type TelemetryFinding } from './signals/telemetry-check.ts';
export { memoryStore } from './store/memory-store.ts';
export * from './store/store.ts';

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
  const limits = createLimits(shared.rateLimit, shared.now);
  const stopSweeping = keepSweeping(shared, store, limits);
  const stopChecking = warnOfLoss(shared);

  async function guard(
    request: HttpRequest,
    check: (config: Config) => Promise<PasskeySession>,
    redirectTo: string | undefined,
  ): Promise<Guarded> {
    try {
      const config = configOf(request.native);
      if (!config) throw refuseUnrecorded('not_found');
      return { session: await check(config) };
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      if (refusal.reason !== null) logError(refusal.cause ?? refusal, null, shared, request.logger);
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
        publishRecord(record, shared, undefined, { aside: true });
      await drain(shared);
    },
  };
}
