/**
 * A request from the path to the answer: finds its route, runs it, and leaves the record of every attempt that ends.
 * Plain data in, plain data out: the same on every framework.
 */
import type { HttpRequest, HttpResponse } from '../adapter.ts';
import { subscriberOf } from '../address.ts';
import { untilNextStep } from '../ceremony/answer-time.ts';
import type { RequestContext } from '../ceremony/context.ts';
import { attemptRecord, publishEvents } from '../ceremony/report.ts';
import type { ConfigOf } from '../config/config.ts';
import {
  asRefusal,
  codeOf,
  LimitRefusal,
  outcomeOf,
  PROBLEMS,
  type Refusal,
  refuseUnrecorded,
  stageOf,
} from '../errors.ts';
import type { AttemptRecord } from '../record/attempt.ts';
import { EVENT_OF } from '../record/draft.ts';
import type { Publisher } from '../signals/publish.ts';
import { ceremonySpan, inRequestSpan } from '../signals/telemetry.ts';
import { problem, respond } from './answer.ts';
import type { HttpServices } from './limits.ts';
import { checkOrigin, receive } from './receive.ts';
import { personThere, ROUTES, type Route } from './routes.ts';
import { openRequest, resolveConfig } from './tenant.ts';

/** What the router needs besides the request. */
interface RouterServices extends HttpServices {
  readonly publisher: Publisher;
}

/** Answers requests below the mount prefix. Never throws. */
export function createRouter(configOf: ConfigOf, services: RouterServices) {
  return async function handle(request: HttpRequest): Promise<HttpResponse> {
    try {
      const { matches, id } = routesAt(request.path);
      if (matches.length === 0) return problem('not_found');
      const method = request.method === 'HEAD' ? 'GET' : request.method;
      const route = matches.find((match) => match.method === method);
      if (!route) return problem('method_not_allowed', { headers: { allow: allowed(matches) } });
      const resolved = resolveConfig(configOf, services.publisher, request);
      if ('response' in resolved) return resolved.response;
      const context = openRequest(resolved.config, services.publisher, request, route);
      const work = async () => {
        const response = await serve(context, services, route, id);
        const { evenTime, readAt } = context;
        if (evenTime === 'all' || (evenTime === 'refusals' && response.status >= 400)) await untilNextStep(readAt!);
        return response;
      };
      const span = route.ceremony ? ceremonySpan(EVENT_OF[route.ceremony[0]], route.ceremony[1]) : route.span;
      return await (span === undefined ? work() : inRequestSpan(span, work));
    } catch (thrown) {
      services.publisher.reporter(request.logger).error(thrown);
      return problem('internal_error');
    }
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

async function serve(
  context: RequestContext,
  services: RouterServices,
  route: Route,
  id: string,
): Promise<HttpResponse> {
  try {
    if (!route.script) checkOrigin(context);
    const body = await receive(context, services, route);
    context.readAt = performance.now();
    const who = await whoAsks(context, services, route);
    const answer = await counted(context, services, route, () => route.run(context, services, who, body, id));
    if (answer.ends)
      await publish(context, services, route, attemptRecord(context, answer.ends, http(route, answer.status)));
    for (const follow of context.whenDone) follow();
    publishEvents(context, http(route, answer.status));
    return respond(answer, context.cookies);
  } catch (thrown) {
    return refused(context, services, route, asRefusal(thrown));
  }
}

const http = ({ method, path }: Route, status: number): AttemptRecord['http'] => ({ method, route: path, status });

/** Whoever the route needs; throws where nobody fit is there. */
async function whoAsks(context: RequestContext, services: RouterServices, { needs }: Route) {
  if (needs === 'nobody') return null;
  const person = await personThere(context, services);
  if (person === null || (needs === 'session' && person.session === null)) throw refuseUnrecorded('sign_in_required');
  return person as Parameters<Route['run']>[2];
}

/** Counts a ceremony as unfinished from its options to its end, or to the end of its challenge's life. */
async function counted<T>(
  context: RequestContext,
  { limits }: RouterServices,
  route: Route,
  run: () => Promise<T>,
): Promise<T> {
  const { draft, config, receivedAt } = context;
  const unfinished = () => ({ address: draft.address, issuedAt: draft.startedAt, ttlMs: draft.challengeTtlMs });
  if (route.ceremony?.[1] === 'options') {
    const begun = { address: draft.address, issuedAt: receivedAt, ttlMs: config.policy.challengeTtlMs };
    await limits.begin(begun);
    try {
      return await run();
    } catch (thrown) {
      limits.finish(begun);
      throw thrown;
    }
  }
  try {
    return await run();
  } finally {
    if (draft.challenged) limits.finish(unfinished());
  }
}

/** A ceremony whose record a `fail_closed` sink does not take is refused, and ends in another record. What cannot be undone is recorded all the same. */
async function publish(
  context: RequestContext,
  { publisher }: RouterServices,
  route: Route,
  record: AttemptRecord,
): Promise<void> {
  const { asked, failure } = await publisher.writeRequired(record);
  if (failure && route.ceremony) throw failure;
  context.reporter.record(record, { asked });
  if (failure) throw refuseUnrecorded('audit_unavailable', failure.cause);
}

/** Takes back what was stored, leaves the record of the refusal, and answers it. */
async function refused(
  context: RequestContext,
  services: RouterServices,
  route: Route,
  refusal: Refusal,
): Promise<HttpResponse> {
  const { draft, reporter } = context;
  const code = codeOf(refusal, route.ceremony?.[0] ?? 'sign_in');
  const [status] = PROBLEMS[code];
  if (status >= 500) reporter.error(refusal.cause ?? refusal, { attemptId: draft.attemptId });
  await takeBack(context);
  publishEvents(context, http(route, status));
  const attemptId = recordRefusal(context, services, route, refusal, status);
  const headers = refusal instanceof LimitRefusal ? { 'retry-after': String(refusal.retryAfter) } : {};
  return problem(code, { headers, attemptId });
}

/** What was refused is not kept. What cannot be taken back is said: a passkey that stays is recorded as added. */
async function takeBack(context: RequestContext): Promise<void> {
  for (const undo of context.undo.reverse()) {
    try {
      await undo();
    } catch (thrown) {
      const { attemptId } = context.draft;
      context.reporter.error(thrown, { attemptId, what: 'what a refused request had stored could not be taken back' });
    }
  }
}

/** The id of the attempt in the record that the refusal left, if it left one. */
function recordRefusal(
  context: RequestContext,
  { limits }: RouterServices,
  route: Route,
  refusal: Refusal,
  status: number,
): string | undefined {
  const { config, draft, reporter } = context;
  const { reason } = refusal;
  const isAttempt = route.ceremony !== undefined || draft.relatedId !== null;
  if (reason === null || !isAttempt) return undefined;
  draft.stage = stageOf(reason) ?? draft.stage;
  const verdict = { outcome: outcomeOf(reason), reason, source: 'server' as const, rule: refusal.rule };
  const record = attemptRecord(context, verdict, http(route, status));
  if (context.admitted) {
    reporter.record(record);
    return draft.attemptId;
  }
  // Anybody can be refused before or by a limit as often as they like: such refusals share their records.
  const key = refusal instanceof LimitRefusal ? refusal.limit : subscriberOf(draft.address);
  const published = limits.fold({ key, reason, record, now: config.now() });
  if (published) reporter.record(published);
  return published?.attempt.id;
}
