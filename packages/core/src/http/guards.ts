/** What stands before the application's own routes: who is signed in, and the answer where that is not enough. */
import type { HttpRequest, HttpResponse } from '../adapter.ts';
import type { GuardContext, RequestContext } from '../ceremony/context.ts';
import { publishEvents } from '../ceremony/report.ts';
import {
  describeSession,
  type PasskeySession,
  type Sessions,
  type SignInRule,
  type StepUpRule,
} from '../ceremony/session.ts';
import type { AppConfig, ConfigOf } from '../config/config.ts';
import { asRefusal, codeOf, PROBLEMS, type ProblemCode, refuseUnrecorded } from '../errors.ts';
import { newDraft } from '../record/draft.ts';
import type { Publisher } from '../signals/publish.ts';
import { problem, respond } from './answer.ts';
import { checkOrigin } from './receive.ts';
import { openGuard, resolveConfig } from './tenant.ts';

/** What a guard found: the session to hand on, or the answer to give instead. */
export type GuardResult = { readonly session: PasskeySession } | { readonly response: HttpResponse };

/** The methods that change nothing. RFC 9110 §9.2.1. */
const SAFE: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

export function createGuards(
  app: AppConfig,
  configOf: ConfigOf,
  { sessions, publisher }: { sessions: Sessions; publisher: Publisher },
) {
  /** Runs a check in the context of its request. Never throws. */
  async function guard(
    request: HttpRequest,
    check: (context: GuardContext) => Promise<PasskeySession>,
    redirectTo: string | undefined,
  ): Promise<GuardResult> {
    const resolved = resolveConfig(configOf, publisher, request);
    if ('response' in resolved) return resolved;
    const context = openGuard(resolved.config, publisher, request);
    try {
      refuseForeign(context);
      return { session: await check(context) };
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      const code = codeOf(refusal, 'sign_in');
      const [status] = PROBLEMS[code];
      if (status >= 500) context.reporter.error(refusal.cause ?? refusal);
      return { response: isForPages(code) && redirectTo !== undefined ? redirect(request, redirectTo) : problem(code) };
    } finally {
      publishEvents(context, null);
    }
  }

  /** A page of another site cannot use this browser's session: by Origin, else by Sec-Fetch-Site, as at our own routes. */
  function refuseForeign(context: GuardContext): void {
    const { request } = context;
    // A WebSocket begins with a GET, and changes things after it.
    const mayChange = !SAFE.includes(request.method) || /websocket/i.test(request.header('upgrade') ?? '');
    if (app.sessions?.checkOrigin && mayChange) checkOrigin(context);
  }

  return {
    requireSignIn: (request: HttpRequest, rule: SignInRule = {}) =>
      guard(request, (context) => sessions.require(context, rule), rule.redirectTo),

    requireStepUp: (request: HttpRequest, rule: StepUpRule) =>
      guard(request, (context) => sessions.requireStepUp(context, rule), rule.redirectTo),

    /** The session, or null where there is none, and where a page of another site asks to change something. */
    async readSession(request: HttpRequest): Promise<GuardResult | { readonly session: null }> {
      const result = await guard(
        request,
        async (context) => {
          const signedIn = await sessions.current(context);
          if (signedIn === null) throw refuseUnrecorded('sign_in_required');
          return describeSession(signedIn);
        },
        undefined,
      );
      return 'response' in result && result.response.status < 500 ? { session: null } : result;
    },

    /** Ends the session of a request, for the application's own sign-out. Answers the cookies to set. Throws when the store is down. */
    async signOut(request: HttpRequest): Promise<readonly string[]> {
      const config = configOf(request.native);
      if (config === null) return [];
      const guardContext = openGuard(config, publisher, request);
      const receivedAt = config.now();
      const draft = newDraft('latchkey.session.ended', receivedAt);
      const context: RequestContext = {
        ...guardContext,
        receivedAt,
        binding: null,
        draft: { ...draft, address: request.address, userAgent: request.header('user-agent') ?? null },
        cookies: [],
        whenDone: [],
        undo: [],
      };
      await sessions.signOut(context, 'application');
      publishEvents(context, null);
      return context.cookies;
    },
  };
}

/** Whether a sign-in page helps. A store that is down sends nobody there: the sign-in page would send them back. */
function isForPages(code: ProblemCode): boolean {
  return ['sign_in_required', 'step_up_required', 'policy_denied'].includes(code);
}

/** To the sign-in page, which may lead back to where the person wanted to go. */
function redirect({ method, url }: HttpRequest, to: string): HttpResponse {
  // Only what a browser can ask for again, and only on this site: a second slash or a backslash would be another host.
  const back = method === 'GET' && /^\/(?![/\\])/.test(url) ? url : null;
  const location = back === null ? to : `${to}${to.includes('?') ? '&' : '?'}returnTo=${encodeURIComponent(back)}`;
  return { ...respond({ status: 303, headers: { location, 'content-length': '0' } }), body: null };
}
