/**
 * The fields of the published schemas that the mappings use, with their types and allowed values, copied by hand from ECS 9.4.0
 * (elastic/ecs, tag v9.4.0, generated/ecs/ecs_flat.yml) and OCSF 1.8.0 (ocsf/ocsf-schema, tag 1.8.0:
 * events/iam/authentication.json, events/iam/account_change.json and what they extend, objects, dictionary.json).
 */

/** What a value has to be. A list: one of these. `[]` around it in the name: an array of them. */
export type Field = 'text' | 'integer' | 'boolean' | 'ip' | 'date' | 'milliseconds' | readonly (string | number)[];

export const ECS_FIELDS: Record<string, Field> = {
  '@timestamp': 'date',
  message: 'text',
  'ecs.version': 'text',
  'event.kind': ['alert', 'asset', 'enrichment', 'event', 'metric', 'state', 'pipeline_error', 'signal'],
  'event.category[]': ['authentication', 'iam', 'session', 'web'],
  'event.type[]': [
    'access',
    'admin',
    'change',
    'creation',
    'deletion',
    'end',
    'error',
    'group',
    'info',
    'start',
    'user',
  ],
  'event.outcome': ['failure', 'success', 'unknown'],
  'event.action': 'text',
  'event.id': 'text',
  'event.provider': 'text',
  'event.dataset': 'text',
  'event.module': 'text',
  'event.reason': 'text',
  'event.start': 'date',
  'event.end': 'date',
  'event.duration': 'integer',
  'log.level': 'text',
  'user.id': 'text',
  'user.hash': 'text',
  'source.address': 'text',
  'source.ip': 'ip',
  'user_agent.original': 'text',
  'http.request.method': 'text',
  'http.response.status_code': 'integer',
  'trace.id': 'text',
  'span.id': 'text',
  'related.user[]': 'text',
  'related.ip[]': 'ip',
};

/** The event types that ECS expects with a category. */
export const ECS_EXPECTED_TYPES: Record<string, readonly string[]> = {
  authentication: ['start', 'end', 'info'],
  iam: ['admin', 'change', 'creation', 'deletion', 'group', 'info', 'user'],
  session: ['start', 'end', 'info'],
};

/** What events of both classes have. */
const OCSF_IAM: Record<string, Field> = {
  category_uid: [3],
  category_name: ['Identity & Access Management'],
  activity_name: 'text',
  type_uid: 'integer',
  type_name: 'text',
  time: 'milliseconds',
  start_time: 'milliseconds',
  end_time: 'milliseconds',
  duration: 'integer',
  count: 'integer',
  severity_id: [0, 1, 2, 3, 4, 5, 6, 99],
  severity: 'text',
  status_id: [0, 1, 2, 99],
  status: 'text',
  status_code: 'text',
  message: 'text',
  'metadata.version': ['1.8.0'],
  'metadata.product.name': 'text',
  'metadata.product.vendor_name': 'text',
  'metadata.product.version': 'text',
  'metadata.uid': 'text',
  'metadata.correlation_uid': 'text',
  'metadata.event_code': 'text',
  'user.name': 'text',
  'user.uid': 'text',
  'user.uid_alt': 'text',
  'user.type_id': [0, 1, 2, 3, 4, 99],
  'user.type': 'text',
  'src_endpoint.ip': 'ip',
  'src_endpoint.name': 'text',
  'http_request.http_method': ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'],
  'http_request.user_agent': 'text',
  'http_response.code': 'integer',
  'auth_factors[].factor_type_id': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99],
  'auth_factors[].factor_type': 'text',
};

/** The fields of each class that the mapping writes. */
export const OCSF_FIELDS: Record<number, Record<string, Field>> = {
  3001: {
    ...OCSF_IAM,
    class_uid: [3001],
    class_name: ['Account Change'],
    activity_id: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99],
  },
  3002: {
    ...OCSF_IAM,
    class_uid: [3002],
    class_name: ['Authentication'],
    activity_id: [0, 1, 2, 3, 4, 5, 6, 7, 99],
    'service.name': 'text',
    is_remote: 'boolean',
    is_mfa: 'boolean',
    is_cleartext: 'boolean',
    auth_protocol_id: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99],
    auth_protocol: 'text',
  },
};

/** The captions of the activities of each class. */
export const OCSF_ACTIVITIES: Record<number, Record<number, string>> = {
  3001: { 1: 'Create', 10: 'MFA Factor Enable', 11: 'MFA Factor Disable' },
  3002: { 1: 'Logon', 2: 'Logoff' },
};

/** What an event of either class has to have, besides a user. */
export const OCSF_REQUIRED = [
  'activity_id',
  'category_uid',
  'class_uid',
  'metadata.product.name',
  'metadata.version',
  'severity_id',
  'time',
  'type_uid',
] as const;

/** The captions of the numbers we write: what the text beside a number has to be, unless the number is 99. */
export const OCSF_CAPTIONS: Record<string, readonly [text: string, captions: Record<number, string>]> = {
  severity_id: ['severity', { 0: 'Unknown', 1: 'Informational', 2: 'Low', 3: 'Medium', 4: 'High' }],
  status_id: ['status', { 0: 'Unknown', 1: 'Success', 2: 'Failure' }],
  'user.type_id': ['user.type', { 0: 'Unknown', 1: 'User' }],
  'auth_factors[].factor_type_id': ['auth_factors[].factor_type', { 10: 'WebAuthn' }],
};
