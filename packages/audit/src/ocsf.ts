/**
 * An attempt record in the Open Cybersecurity Schema Framework: class 3002 Authentication for sign-ins and sessions, class
 * 3001 Account Change for registrations and passkeys. A field is set only where OCSF means what we know; everything else is
 * under `unmapped.latchkey`.
 */
import { isIP } from 'node:net';
import type { AttemptRecord, EventName } from '@latchkey/core';
import { accountWasMade, counterWentBack, ownFacts } from './own-facts.ts';

/** The version the mapping was checked against, field by field. */
const OCSF_VERSION = '1.8.0';
const OTHER = 99;

const ACCOUNT_CHANGE = [3001, 'Account Change'] as const;
const AUTHENTICATION = [3002, 'Authentication'] as const;

type Activity = readonly [class_: typeof ACCOUNT_CHANGE | typeof AUTHENTICATION, id: number, name: string];

/** The numbers that the classes have, and 99 where they have none. */
const ACTIVITIES: Record<EventName, Activity> = {
  'latchkey.signin.attempt': [AUTHENTICATION, 1, 'Logon'],
  'latchkey.step_up.attempt': [AUTHENTICATION, OTHER, 'Step-up'],
  'latchkey.session.ended': [AUTHENTICATION, 2, 'Logoff'],
  // The passkey that it added has an event of its own, with activity 10.
  'latchkey.registration.attempt': [ACCOUNT_CHANGE, OTHER, 'Passkey Registration'],
  'latchkey.passkey.added': [ACCOUNT_CHANGE, 10, 'MFA Factor Enable'],
  'latchkey.passkey.renamed': [ACCOUNT_CHANGE, OTHER, 'Passkey Renamed'],
  'latchkey.passkey.enabled': [ACCOUNT_CHANGE, 10, 'MFA Factor Enable'],
  'latchkey.passkey.disabled': [ACCOUNT_CHANGE, 11, 'MFA Factor Disable'],
  'latchkey.passkey.removed': [ACCOUNT_CHANGE, 11, 'MFA Factor Disable'],
  'latchkey.user.forgotten': [ACCOUNT_CHANGE, OTHER, 'User Forgotten'],
  'latchkey.invitation.issued': [ACCOUNT_CHANGE, OTHER, 'Invitation Issued'],
  'latchkey.invitation.used': [ACCOUNT_CHANGE, OTHER, 'Invitation Used'],
  'latchkey.invitation.revoked': [ACCOUNT_CHANGE, OTHER, 'Invitation Revoked'],
};
const ACCOUNT_MADE: Activity = [ACCOUNT_CHANGE, 1, 'Create'];

const STATUSES = {
  success: [1, 'Success'],
  failure: [2, 'Failure'],
  error: [2, 'Failure'],
  cancelled: [OTHER, 'Cancelled'],
  abandoned: [OTHER, 'Abandoned'],
} as const;

const SEVERITIES = { INFO: [1, 'Informational'], WARN: [2, 'Low'], ERROR: [3, 'Medium'] } as const;
const COUNTER_WENT_BACK = [3, 'Medium'] as const;

/** Said in OCSF's own fields. `outcome` stays: OCSF does not tell a refusal from our fault. */
const MAPPED = [
  'event.id',
  'event.name',
  'event.time',
  'event.severity',
  'event.repeatCount',
  'attempt.id',
  'attempt.startedAt',
  'attempt.ceremonyMs',
  'reason',
  'user.id',
  'user.hash',
  'client.address',
  'client.userAgent',
  'http.method',
  'http.status',
  'library.name',
  'library.version',
  'message',
];

/** The record as an OCSF 1.8 event of class 3001 or 3002. */
export function toOcsf(record: AttemptRecord): object {
  const { event, attempt, user, client, http, library } = record;
  const [[classUid, className], activity, activityName] = accountWasMade(record)
    ? ACCOUNT_MADE
    : ACTIVITIES[event.name];
  const [status, statusName] = STATUSES[record.outcome];
  const [severity, severityName] = counterWentBack(record) ? COUNTER_WENT_BACK : SEVERITIES[event.severity];
  const isAuthentication = classUid === AUTHENTICATION[0];
  const isCeremony = event.name.endsWith('.attempt');
  return {
    class_uid: classUid,
    class_name: className,
    category_uid: 3,
    category_name: 'Identity & Access Management',
    activity_id: activity,
    activity_name: activityName,
    type_uid: classUid * 100 + activity,
    type_name: `${className}: ${activity === OTHER ? 'Other' : activityName}`,
    time: Date.parse(event.time),
    start_time: Date.parse(attempt.startedAt),
    end_time: Date.parse(event.time),
    ...(attempt.ceremonyMs !== null && { duration: attempt.ceremonyMs }),
    ...(event.repeatCount !== undefined && { count: event.repeatCount }),
    severity_id: severity,
    severity: severityName,
    status_id: status,
    status: statusName,
    ...(record.reason !== null && { status_code: record.reason }),
    message: record.message,
    metadata: {
      version: OCSF_VERSION,
      product: { name: library.name, vendor_name: 'Latchkey', version: library.version },
      uid: event.id,
      correlation_uid: attempt.id,
      event_code: event.name,
    },
    // Required also where nobody is known.
    user:
      user.id === null
        ? { name: 'Unknown', type_id: 0, type: 'Unknown' }
        : { uid: user.id, ...(user.hash !== null && { uid_alt: user.hash }), type_id: 1, type: 'User' },
    ...(client.address !== null && { src_endpoint: endpoint(client.address) }),
    ...((http !== null || client.userAgent !== null) && {
      http_request: {
        ...(http !== null && { http_method: http.method }),
        ...(client.userAgent !== null && { user_agent: client.userAgent }),
      },
    }),
    ...(http !== null && { http_response: { code: http.status } }),
    ...((isCeremony || !isAuthentication) && { auth_factors: [{ factor_type_id: 10, factor_type: 'WebAuthn' }] }),
    ...(isAuthentication && { service: { name: record.rp.id }, is_remote: true, is_cleartext: false }),
    ...(isAuthentication &&
      isCeremony && {
        auth_protocol_id: OTHER,
        auth_protocol: 'FIDO2/WebAuthn',
        // The passkey is one factor; what unlocked it is the other.
        is_mfa: record.assertion.signature === 'valid' && record.assertion.userVerified === true,
      }),
    unmapped: { latchkey: ownFacts(record, isAuthentication ? [...MAPPED, 'rp.id'] : MAPPED) },
  };
}

function endpoint(address: string): { ip: string } | { name: string } {
  return isIP(address) !== 0 ? { ip: address } : { name: address };
}
