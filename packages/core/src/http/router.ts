/**
 * A request from the path to the answer: finds its route, runs it, and leaves the record of every attempt that ends.
 * Plain data in, plain data out: the same on every framework.
 */

import type { HttpRequest, HttpResponse } from '../adapter.ts';
import type { RequestContext } from '../ceremony/context.ts';
import type { AppConfig, Config, ConfigOf } from '../config/config.ts';
import { asRefusal, codeOf, outcomeOf, PROBLEMS, refuse, stageOf } from '../errors.ts';
import type { AttemptRecord, EventName } from '../record/attempt.ts';
import { conclude } from '../record/conclude.ts';
import { EVENT_OF, newDraft, type Verdict } from '../record/draft.ts';
import { newId } from '../record/id.ts';
import { logError, publishRecord, writeRequiredSinks } from '../signals/publish.ts';
import { activeSpan, ceremonySpan, inRequestSpan } from '../signals/telemetry.ts';
import { problem, respond } from './answer.ts';
import { readBinding } from './binding.ts';
import type { HttpServices } from './limits.ts';
import { checkOrigin, receive } from './receive.ts';
import { ROUTES, type Route, SUCCESS } from './routes.ts';

/** Answers requests below the mount prefix. */
export function createRouter(shared: AppConfig, configOf: ConfigOf, services: HttpServices) {
  return async function handle(request: HttpRequest): Promise<HttpResponse> {
    const { matches, id } = routesAt(request.path);
    if (matches.length === 0) return problem('not_found');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = matches.find((match) => match.method === method);
    if (!route) return problem('method_not_allowed', { allow: allowed(matches) });
    let config: Config | null;
    try {
      config = configOf(request.native);
    } catch (thrown) {
      logError(thrown, null, shared, request.logger);
      return problem('internal_error');
    }
    if (!config) return problem('not_found');
    const context = openContext(config, request, route);
    const work = () => serve(context, services, route, id);
    const span = route.ceremony ? ceremonySpan(EVENT_OF[route.ceremony[0]], route.ceremony[1]) : route.span;
    return span === undefined ? work() : inRequestSpan(span, work);
  };
}

function allowed(routes: readonly Route[]): string {
  return routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}

const FIXED = Map.groupBy(
  ROUTES.filter(({ path }) => !path.includes(':id')),
  ({ path }) => path,
);

const WITH_ID = [
  ...Map.groupBy(
    ROUTES.filter(({ path }) => path.includes(':id')),
    ({ path }) => path,
  ),
].map(([path, matches]) => ({ pattern: new RegExp(`^${path.replace(':id', '([^/]+)')}$`), matches }));

/** The routes at a path, whatever their method, and the `:id` in it. Case and slashes count. */
function routesAt(path: string): { matches: readonly Route[]; id: string } {
  const matches = FIXED.get(path);
  if (matches) return { matches, id: '' };
  for (const { pattern, matches } of WITH_ID) {
    const id = pattern.exec(path)?.[1];
    if (id !== undefined) return { matches, id };
  }
  return { matches: [], id: '' };
}

function openContext(config: Config, request: HttpRequest, route: Route): RequestContext {
  const receivedAt = config.now();
  const [purpose, step] = route.ceremony ?? ['sign_in', 'options'];
  const draft = newDraft(EVENT_OF[purpose], receivedAt);
  draft.immediateMediation = config.policy.immediateMediation;
  draft.userVerification = config.policy.userVerification;
  draft.requirements = config.policy.requirements;
  draft.challengeTtlMs = config.policy.challengeTtlMs;
  draft.entry = step === 'verify' ? 'verify_only' : 'options';
  draft.stage = step === 'verify' ? 'challenge' : 'options';
  draft.address = request.address?.slice(0, 64) ?? null;
  draft.userAgent = request.header('user-agent') ?? null;
  return { config, request, receivedAt, binding: readBinding(config, request.header('cookie')), draft };
}

async function serve(context: RequestContext, services: HttpServices, route: Route, id: string): Promise<HttpResponse> {
  const { config, request, draft } = context;
  try {
    if (route.path !== '/client.js') checkOrigin(context);
    const body = await receive(context, services, route);
    const answer = await route.run(context, services, body, id);
    if (answer.ends) {
      await publish(context, recordOf(context, route, answer.ends, answer.status), route.ceremony !== undefined);
    }
    if (answer.also) announceBeside(context, route, answer.also, answer.status);
    return respond(answer);
  } catch (thrown) {
    const refusal = asRefusal(thrown);
    const code = codeOf(refusal, route.ceremony?.[0] ?? 'sign_in');
    const [status] = PROBLEMS[code];
    if (status >= 500) logError(refusal.cause ?? refusal, draft.attemptId, config, request.logger);
    // Nobody keeps a session whose ceremony ended badly after all: its record was not kept, or the application threw.
    if (route.ceremony?.[1] === 'verify' && draft.stage === 'session') await endSession(context);
    if (route.ceremony && refusal.reason !== null) {
      draft.stage = stageOf(refusal.reason) ?? draft.stage;
      const verdict: Verdict = {
        outcome: outcomeOf(refusal.reason),
        reason: refusal.reason,
        source: 'server',
        rule: refusal.rule,
      };
      if (refusal.also) announceBeside(context, route, refusal.also, status);
      const record = recordOf(context, route, verdict, status);
      const published = refusal.limited
        ? services.limits.fold({ key: refusal.limited.limit, reason: refusal.reason, record, now: config.now() })
        : record;
      if (published) publishRecord(published, config, request.logger);
    }
    const recorded = route.ceremony && refusal.reason !== null && !refusal.limited;
    return problem(code, {}, recorded ? draft.attemptId : undefined, refusal);
  }
}

/** One more event that the request brought about: a record of its own, which names the attempt. Nobody signed that event. */
function announceBeside(context: RequestContext, route: Route, name: EventName, status: number): void {
  const { config, request } = context;
  const draft: RequestContext['draft'] = {
    ...context.draft,
    name,
    attemptId: newId(config.now()),
    relatedId: context.draft.attemptId,
    clientReport: 'absent',
    signature: 'not_evaluated',
    flags: null,
    signCount: null,
  };
  publishRecord(recordOf({ ...context, draft }, route, SUCCESS, status), config, request.logger, { aside: true });
}

async function endSession({ request, draft, config }: RequestContext): Promise<void> {
  try {
    await request.session?.clear();
  } catch (thrown) {
    logError(thrown, draft.attemptId, config, request.logger);
  }
}

/** A ceremony whose record a `fail_closed` sink did not take is refused, and ends in another record; nothing else can be undone. */
async function publish({ config, request }: RequestContext, record: AttemptRecord, undoable: boolean): Promise<void> {
  const { kept, asked } = await writeRequiredSinks(record, config);
  if (kept || !undoable) publishRecord(record, config, request.logger, { asked });
  if (!kept) throw refuse('audit_unavailable');
}

function recordOf(context: RequestContext, route: Route, verdict: Verdict, status: number) {
  const { config, request, draft, receivedAt } = context;
  return conclude(draft, verdict, {
    now: config.now(),
    receivedAt,
    http: { method: route.method, route: route.path, status },
    rpId: config.rp.id,
    framework: request.framework,
    identityKey: config.identityKey,
    span: activeSpan(),
  });
}
