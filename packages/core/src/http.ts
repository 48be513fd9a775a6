/**
 * A request from the path to the answer: finds its route, runs it, and leaves the record of every attempt that ends.
 * Plain data in, plain data out: the same on every framework.
 */
import { problem, respond } from './answer.ts';
import type { AttemptRecord, EventName } from './attempt.ts';
import type { Rooms } from './authentication.ts';
import { readBinding } from './binding.ts';
import type { Call, HttpRequest, HttpResponse } from './call.ts';
import type { Config, ConfigOf, Shared } from './config.ts';
import { asRefusal, codeOf, outcomeOf, PROBLEMS, refuse, stageOf } from './errors.ts';
import { announce, complain, secure } from './publish.ts';
import { checkOrigin, receive } from './receive.ts';
import { conclude, EVENT_OF, newFacts, newId, type Verdict } from './record.ts';
import { ROUTES, type Route, SUCCESS } from './routes.ts';
import { activeSpan, ceremonySpan, inRequestSpan } from './telemetry.ts';

/** Answers requests below the mount prefix. */
export function createRouter(shared: Shared, configOf: ConfigOf, rooms: Rooms) {
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
      complain(thrown, null, shared, request.logger);
      return problem('internal_error');
    }
    if (!config) return problem('not_found');
    const call = openCall(config, request, route);
    const work = () => serve(call, rooms, route, id);
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

function openCall(config: Config, request: HttpRequest, route: Route): Call {
  const receivedAt = config.now();
  const [purpose, step] = route.ceremony ?? ['sign_in', 'options'];
  const facts = newFacts(EVENT_OF[purpose], receivedAt);
  facts.immediateMediation = config.policy.immediateMediation;
  facts.userVerification = config.policy.userVerification;
  facts.requirements = config.policy.requirements;
  facts.challengeTtlMs = config.policy.challengeTtlMs;
  facts.entry = step === 'verify' ? 'verify_only' : 'options';
  facts.stage = step === 'verify' ? 'challenge' : 'options';
  facts.address = request.address?.slice(0, 64) ?? null;
  facts.userAgent = request.header('user-agent') ?? null;
  return { config, request, receivedAt, binding: readBinding(config, request.header('cookie')), facts };
}

async function serve(call: Call, rooms: Rooms, route: Route, id: string): Promise<HttpResponse> {
  const { config, request, facts } = call;
  try {
    if (route.path !== '/client.js') checkOrigin(call);
    const body = await receive(call, rooms, route);
    const answer = await route.run(call, rooms, body, id);
    if (answer.ends) {
      await publish(call, recordOf(call, route, answer.ends, answer.status), route.ceremony !== undefined);
    }
    if (answer.also) announceBeside(call, route, answer.also, answer.status);
    return respond(answer);
  } catch (thrown) {
    const refusal = asRefusal(thrown);
    const code = codeOf(refusal, route.ceremony?.[0] ?? 'sign_in');
    const [status] = PROBLEMS[code];
    if (status >= 500) complain(refusal.cause ?? refusal, facts.attemptId, config, request.logger);
    // Nobody keeps a session whose ceremony ended badly after all: its record was not kept, or the application threw.
    if (route.ceremony?.[1] === 'verify' && facts.stage === 'session') await endSession(call);
    if (route.ceremony && refusal.reason !== null) {
      facts.stage = stageOf(refusal.reason) ?? facts.stage;
      const verdict: Verdict = {
        outcome: outcomeOf(refusal.reason),
        reason: refusal.reason,
        source: 'server',
        rule: refusal.rule,
      };
      if (refusal.also) announceBeside(call, route, refusal.also, status);
      const record = recordOf(call, route, verdict, status);
      if (refusal.limited) rooms.limits.withhold(refusal.limited.limit, record, config.now());
      else announce(record, config, request.logger);
    }
    const recorded = route.ceremony && refusal.reason !== null && !refusal.limited;
    return problem(code, {}, recorded ? facts.attemptId : undefined, refusal);
  }
}

/** One more event that the request brought about: a record of its own, which names the attempt. Nobody signed that event. */
function announceBeside(call: Call, route: Route, name: EventName, status: number): void {
  const { config, request } = call;
  const facts: Call['facts'] = {
    ...call.facts,
    name,
    attemptId: newId(config.now()),
    relatedId: call.facts.attemptId,
    clientReport: 'absent',
    signature: 'not_evaluated',
    flags: null,
    signCount: null,
  };
  announce(recordOf({ ...call, facts }, route, SUCCESS, status), config, request.logger, { aside: true });
}

async function endSession({ request, facts, config }: Call): Promise<void> {
  try {
    await request.session?.clear();
  } catch (thrown) {
    complain(thrown, facts.attemptId, config, request.logger);
  }
}

/** A ceremony whose record a `fail_closed` sink did not take is refused, and ends in another record; nothing else can be undone. */
async function publish({ config, request }: Call, record: AttemptRecord, undoable: boolean): Promise<void> {
  const { kept, asked } = await secure(record, config);
  if (kept || !undoable) announce(record, config, request.logger, { asked });
  if (!kept) throw refuse('audit_unavailable');
}

function recordOf(call: Call, route: Route, verdict: Verdict, status: number) {
  const { config, request, facts, receivedAt } = call;
  return conclude(facts, verdict, {
    now: config.now(),
    receivedAt,
    http: { method: route.method, route: route.path, status },
    rpId: config.rp.id,
    framework: request.framework,
    identityKey: config.identityKey,
    span: activeSpan(),
  });
}
