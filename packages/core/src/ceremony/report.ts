/** The records of a request: of the attempt that it ended, and of each event that it brought about beside. */
import type { AttemptRecord } from '../record/attempt.ts';
import { conclude } from '../record/conclude.ts';
import { type AttemptDraft, newDraft, SUCCESS, type Verdict } from '../record/draft.ts';
import { newId } from '../record/id.ts';
import { activeSpan } from '../signals/telemetry.ts';
import type { GuardContext, RequestContext } from './context.ts';

/** The request in a record; null for a guard's, which stands before a route of the application. */
type RecordedRequest = AttemptRecord['http'];

/** The record of what this request ended. */
export function attemptRecord(context: RequestContext, verdict: Verdict, http: RecordedRequest): AttemptRecord {
  return recordOf(context, context.draft, verdict, http, context.receivedAt);
}

/** Publishes the events that the request brought about, each as a record of its own. Their spans are not the request's. */
export function publishEvents(context: GuardContext & Partial<RequestContext>, http: RecordedRequest): void {
  const { config, request } = context;
  for (const { name, changes } of context.events.splice(0)) {
    const now = config.now();
    const own = context.draft ?? { ...newDraft(name, now), address: request.address, userAgent: null };
    const draft: AttemptDraft = {
      ...own,
      name,
      attemptId: newId(now),
      relatedId: own.attemptId,
      userAgent: own.userAgent ?? request.header('user-agent') ?? null,
      clientReport: 'absent',
      signature: 'not_evaluated',
      decided: null,
      flags: null,
      signCount: null,
      backupEligibleChanged: null,
      userCreated: false,
      occasion: name === 'latchkey.passkey.added' ? own.occasion : null,
      ...changes,
    };
    context.reporter.record(recordOf(context, draft, SUCCESS, http, context.receivedAt ?? null), { aside: true });
  }
}

function recordOf(
  { config, request }: GuardContext,
  draft: AttemptDraft,
  verdict: Verdict,
  http: RecordedRequest,
  receivedAt: number | null,
): AttemptRecord {
  return conclude(draft, verdict, {
    now: config.now(),
    receivedAt,
    http,
    rpId: config.rp.id,
    framework: request.framework,
    identityKey: config.identityKey,
    span: activeSpan(),
  });
}
