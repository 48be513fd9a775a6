/**
 * Why this file exists: an attempt record in the Open Cybersecurity Schema Framework, class 3002 Authentication. A field is
 * set only where OCSF means what we know; everything else is under `unmapped.latchkey`.
 */
import { isIP } from 'node:net';
import type { AttemptRecord, EventName } from '@latchkey/core';
import { ownFacts } from './own-facts.ts';

/** The version the mapping was checked against, field by field. */
const OCSF_VERSION = '1.8.0';
const CLASS_UID = 3002;
const OTHER = 99;

/** A sign-in is a logon; the class has no number for the rest. */
const ACTIVITIES: Record<EventName, readonly [id: number, name: string]> = {
  'latchkey.signin.attempt': [1, 'Logon'],
  'latchkey.step_up.attempt': [OTHER, 'Step-up'],
  'latchkey.registration.attempt': [OTHER, 'Passkey Registration'],
  'latchkey.passkey.added': [OTHER, 'Passkey Added'],
  'latchkey.passkey.renamed': [OTHER, 'Passkey Renamed'],
  'latchkey.passkey.enabled': [OTHER, 'Passkey Enabled'],
  'latchkey.passkey.disabled': [OTHER, 'Passkey Disabled'],
  'latchkey.passkey.removed': [OTHER, 'Passkey Removed'],
};

const STATUSES = {
  success: [1, 'Success'],
  failure: [2, 'Failure'],
  error: [2, 'Failure'],
  cancelled: [OTHER, 'Cancelled'],
  abandoned: [OTHER, 'Abandoned'],
} as const;

const SEVERITIES = { INFO: [1, 'Informational'], WARN: [2, 'Low'], ERROR: [3, 'Medium'] } as const;

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
  'rp.id',
  'http.method',
  'http.status',
  'library.name',
  'library.version',
  'message',
];

/** The record as an OCSF 1.8 event of class 3002. */
export function toOcsf(record: AttemptRecord): object {
  const { event, attempt, user, client, http, library } = record;
  const [activity, activityName] = ACTIVITIES[event.name];
  const [status, statusName] = STATUSES[record.outcome];
  const [severity, severityName] = SEVERITIES[event.severity];
  const isCeremony = !event.name.startsWith('latchkey.passkey.');
  return {
    class_uid: CLASS_UID,
    class_name: 'Authentication',
    category_uid: 3,
    category_name: 'Identity & Access Management',
    activity_id: activity,
    activity_name: activityName,
    type_uid: CLASS_UID * 100 + activity,
    type_name: `Authentication: ${activity === OTHER ? 'Other' : activityName}`,
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
    service: { name: record.rp.id },
    ...(client.address !== null && { src_endpoint: endpoint(client.address) }),
    ...((http !== null || client.userAgent !== null) && {
      http_request: {
        ...(http !== null && { http_method: http.method }),
        ...(client.userAgent !== null && { user_agent: client.userAgent }),
      },
    }),
    ...(http !== null && { http_response: { code: http.status } }),
    is_remote: true,
    ...(isCeremony && {
      auth_protocol_id: OTHER,
      auth_protocol: 'FIDO2/WebAuthn',
      auth_factors: [{ factor_type_id: 10, factor_type: 'WebAuthn' }],
      // The passkey is one factor; what unlocked it is the other.
      is_mfa: record.assertion.signature === 'valid' && record.assertion.userVerified === true,
      is_cleartext: false,
    }),
    unmapped: { latchkey: ownFacts(record, MAPPED) },
  };
}

function endpoint(address: string): { ip: string } | { name: string } {
  return isIP(address) !== 0 ? { ip: address } : { name: address };
}
