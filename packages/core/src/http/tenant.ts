/** Which relying party and policy a request falls under, and the context that it is answered in. */
import type { HttpRequest, HttpResponse } from '../adapter.ts';
import { plainAddress } from '../address.ts';
import type { GuardContext, RequestContext } from '../ceremony/context.ts';
import { readSessionToken } from '../ceremony/session.ts';
import type { Config, ConfigOf } from '../config/config.ts';
import { EVENT_OF, newDraft } from '../record/draft.ts';
import type { Publisher } from '../signals/publish.ts';
import { problem } from './answer.ts';
import { readBinding } from './binding.ts';
import type { Route } from './routes.ts';

/** The configuration of a request; or the answer where it has none, or where the application's `rp` or `policy` threw. */
export function resolveConfig(
  configOf: ConfigOf,
  publisher: Publisher,
  request: HttpRequest,
): { readonly config: Config } | { readonly response: HttpResponse } {
  try {
    const config = configOf(request.native);
    return config ? { config } : { response: problem('not_found') };
  } catch (thrown) {
    publisher.reporter(request.logger).error(thrown);
    return { response: problem('internal_error') };
  }
}

/** The context of a guard. */
export function openGuard(config: Config, publisher: Publisher, request: HttpRequest): GuardContext {
  return {
    config,
    request,
    reporter: publisher.reporter(request.logger),
    sessionToken: config.sessions && readSessionToken(config, request.header('cookie')),
    events: [],
  };
}

/** The context of a request to a route of ours. */
export function openRequest(config: Config, publisher: Publisher, request: HttpRequest, route: Route): RequestContext {
  const receivedAt = config.now();
  const [purpose, step] = route.ceremony ?? ['sign_in', 'options'];
  const draft = newDraft(EVENT_OF[purpose], receivedAt);
  draft.immediateMediation = config.policy.immediateMediation;
  draft.userVerification = config.policy.userVerification;
  draft.requirements = config.policy.requirements;
  draft.challengeTtlMs = config.policy.challengeTtlMs;
  draft.entry = step === 'verify' ? 'verify_only' : 'options';
  draft.stage = step === 'verify' ? 'challenge' : 'options';
  draft.address = request.address === null ? null : plainAddress(request.address.slice(0, 64));
  draft.userAgent = request.header('user-agent') ?? null;
  return {
    ...openGuard(config, publisher, request),
    receivedAt,
    binding: readBinding(config, request.header('cookie')),
    draft,
    cookies: [],
    whenDone: [],
    undo: [],
  };
}
