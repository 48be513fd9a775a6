/**
 * An attempt record in the Elastic Common Schema. A field is set only where ECS means what we know; everything else is under
 * `latchkey`.
 */
import { isIP } from 'node:net';
import type { AttemptRecord, EventName } from '@latchkey/core';
import { accountWasMade, counterWentBack, ownFacts } from './own-facts.ts';

/** The version the mapping was checked against, field by field. */
const ECS_VERSION = '9.4.0';

interface Kind {
  readonly category: readonly string[];
  readonly type: readonly string[];
}

/** A passkey is no account: adding or removing one changes its user. */
const USER_CHANGE: Kind = { category: ['iam'], type: ['user', 'change'] };
const USER_CREATION: Kind = { category: ['iam'], type: ['user', 'creation'] };

/** What ECS calls each event. Signing in starts something also when it fails: `event.outcome` says how it ended. */
const KINDS: Record<EventName, Kind> = {
  'latchkey.signin.attempt': { category: ['authentication'], type: ['start'] },
  'latchkey.step_up.attempt': { category: ['authentication'], type: ['info'] },
  'latchkey.session.ended': { category: ['authentication', 'session'], type: ['end'] },
  'latchkey.registration.attempt': USER_CHANGE,
  'latchkey.passkey.added': USER_CHANGE,
  'latchkey.passkey.renamed': USER_CHANGE,
  'latchkey.passkey.enabled': USER_CHANGE,
  'latchkey.passkey.disabled': USER_CHANGE,
  'latchkey.passkey.removed': USER_CHANGE,
  'latchkey.user.forgotten': USER_CHANGE,
  'latchkey.invitation.issued': USER_CHANGE,
  'latchkey.invitation.used': USER_CHANGE,
  'latchkey.invitation.revoked': USER_CHANGE,
};

/** ECS knows no attempt that nobody decided: cancelled and abandoned are `unknown`. */
const OUTCOMES = {
  success: 'success',
  failure: 'failure',
  error: 'failure',
  cancelled: 'unknown',
  abandoned: 'unknown',
} as const;

/** Said in ECS's own fields. `outcome` stays: ECS has only three. */
const MAPPED = [
  'event.id',
  'event.name',
  'event.time',
  'event.severity',
  'attempt.startedAt',
  'reason',
  'user.id',
  'user.hash',
  'client.address',
  'client.userAgent',
  'http.method',
  'http.status',
  'trace.traceId',
  'trace.spanId',
  'message',
];

/** The record as an ECS 9 document. */
export function toEcs(record: AttemptRecord): object {
  const { event, attempt, user, client, http, trace } = record;
  const ip =
    client.address !== null && isIP(client.address) !== 0 && !client.address.includes('%') ? client.address : null;
  return {
    '@timestamp': event.time,
    message: record.message,
    ecs: { version: ECS_VERSION },
    event: {
      kind: 'event',
      ...(accountWasMade(record) ? USER_CREATION : KINDS[event.name]),
      outcome: OUTCOMES[record.outcome],
      action: event.name,
      id: event.id,
      provider: record.library.name,
      dataset: 'latchkey.attempts',
      module: 'latchkey',
      start: attempt.startedAt,
      end: event.time,
      // Nanoseconds between the two.
      duration: Math.max(0, Date.parse(event.time) - Date.parse(attempt.startedAt)) * 1_000_000,
      ...(record.reason !== null && { reason: record.reason }),
    },
    log: { level: counterWentBack(record) ? 'warn' : event.severity.toLowerCase() },
    ...(user.id !== null && { user: { id: user.id, ...(user.hash !== null && { hash: user.hash }) } }),
    ...(client.address !== null && { source: { address: client.address, ...(ip !== null && { ip }) } }),
    ...(client.userAgent !== null && { user_agent: { original: client.userAgent } }),
    ...(http !== null && { http: { request: { method: http.method }, response: { status_code: http.status } } }),
    ...(trace.traceId !== null && { trace: { id: trace.traceId } }),
    ...(trace.spanId !== null && { span: { id: trace.spanId } }),
    ...(user.id !== null || ip !== null
      ? { related: { ...(user.id !== null && { user: [user.id] }), ...(ip !== null && { ip: [ip] }) } }
      : {}),
    latchkey: ownFacts(record, MAPPED),
  };
}
