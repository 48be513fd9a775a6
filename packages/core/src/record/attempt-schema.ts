/**
 * The attempt record as JSON Schema (draft 2020-12), made from the same closed lists as its type. Its last part states
 * the invariants: what a record may never say. The build writes it to `attempt.schema.json`, which is published.
 */

import {
  ATTACHMENTS,
  ATTESTATION_FORMATS,
  type AttemptRecord,
  CHALLENGE_STATUSES,
  CLIENT_REPORTS,
  DECISIONS,
  ENFORCEMENTS,
  EVENT_NAMES,
  FAILED_RULES,
  IMMEDIATE_MEDIATION,
  MODES,
  OCCASIONS,
  OUTCOMES,
  REASON_SOURCES,
  REASONS,
  REQUIREMENTS,
  SESSION_ENDERS,
  SESSION_ENDINGS,
  SEVERITIES,
  SIGN_COUNTS,
  SIGNATURES,
  STAGES,
  UNMET,
  USER_VERIFICATION,
} from './attempt.ts';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });

const oneOf = (values: readonly unknown[]) => ({ enum: [...values] });

const orNull = (schema: object) => ({ anyOf: [schema, { type: 'null' }] });

const flag = { type: 'boolean' };

const instant = { type: 'string', format: 'date-time' };

const ms = { type: 'number', minimum: 0 };

const hex = (digits: number) => ({ type: 'string', pattern: `^[0-9a-f]{${digits}}$` });

const keyedPseudonym = { type: 'string', pattern: '^hmac-sha256:[0-9a-z]{1,16}:[A-Za-z0-9_-]{22}$' };

type Personal = NonNullable<NonNullable<AttemptRecord['integrity']>['personal']>;

type OptionalNames<T> = { [Name in keyof T]-?: undefined extends T[Name] ? Name : never }[keyof T];

/**
 * An object with exactly the members of `T`; those named in `optional` may be left out. A member without a schema, or a schema
 * without a member, does not compile.
 */
const object = <T>(
  properties: { readonly [Name in keyof T]-?: object },
  optional: readonly OptionalNames<T>[] = [],
) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties).filter((name) => !optional.some((one) => one === name)),
  properties,
});

/** A part of a record with these values: `where({ outcome: 'success' })`, `where({ assertion: { signature: 'valid' } })`. */
function where(parts: Record<string, unknown>): object {
  const schema = (value: unknown): object =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !('not' in value) && !('minItems' in value)
      ? where(value as Record<string, unknown>)
      : typeof value === 'object' && value !== null && !Array.isArray(value)
        ? value
        : { const: value };
  return {
    required: Object.keys(parts),
    properties: Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, schema(value)])),
  };
}

// biome-ignore lint/suspicious/noThenProperty: JSON Schema's own word, and nobody awaits a schema.
const implies = (condition: object, consequence: object) => ({ if: condition, then: consequence });

const SIGN_IN = { event: { name: 'latchkey.signin.attempt' } };

const CEREMONY = {
  properties: {
    event: {
      properties: {
        name: oneOf(['latchkey.signin.attempt', 'latchkey.registration.attempt', 'latchkey.step_up.attempt']),
      },
    },
  },
};

const INVARIANTS = [
  ...EVENT_NAMES.map((name) => implies(where({ event: { name } }), where({ schema: `${name}/1` }))),
  // A success was allowed, and by a person who was there.
  implies(where({ outcome: 'success' }), where({ reason: null, reasonSource: null, policy: { decision: 'allow' } })),
  implies(
    where({ outcome: 'success', ...SIGN_IN }),
    where({ assertion: { signature: 'valid', userPresent: true }, challenge: { status: 'fresh' } }),
  ),
  implies(
    where({ outcome: 'success', ...SIGN_IN, immediate: { policy: 'require' } }),
    where({ immediate: { enforcement: 'enforced' } }),
  ),
  implies(
    where({ outcome: 'success', ...SIGN_IN, assertion: { userVerificationPolicy: 'required' } }),
    where({ assertion: { userVerified: true } }),
  ),
  // Everything else has a reason, and whose word it is.
  implies(
    { not: where({ outcome: 'success' }) },
    where({ reason: { not: { type: 'null' } }, reasonSource: { not: { type: 'null' } } }),
  ),
  implies(where({ outcome: 'cancelled' }), where({ reasonSource: 'client_report' })),
  implies(where({ outcome: 'abandoned' }), where({ reason: 'no_response', reasonSource: 'timeout', http: null })),
  // Enforced means all of it.
  implies(
    where({ immediate: { enforcement: 'enforced' } }),
    where({
      immediate: { requested: true, requestConformant: true, clientReport: 'used', unmet: [] },
      assertion: { signature: 'valid', userPresent: true },
      challenge: { status: 'fresh' },
    }),
  ),
  implies(
    where({ immediate: { enforcement: 'not_enforced' } }),
    where({ immediate: { unmet: { minItems: 1 } }, assertion: { signature: 'valid' } }),
  ),
  implies({ not: where({ immediate: { enforcement: 'not_enforced' } }) }, where({ immediate: { unmet: [] } })),
  // Whatever is no ceremony says who did it; and only the end of a session says why it ended.
  implies({ not: CEREMONY }, where({ change: { by: { not: { type: 'null' } } } })),
  implies(CEREMONY, where({ change: { by: null, note: null } })),
  implies(
    where({ event: { name: 'latchkey.session.ended' }, outcome: 'success' }),
    where({ session: { endedBy: { not: { type: 'null' } }, endedBecause: { not: { type: 'null' } } } }),
  ),
  implies(
    { not: where({ event: { name: 'latchkey.session.ended' } }) },
    where({ session: { endedBy: null, endedBecause: null } }),
  ),
  // Flags are nobody's word before the signature is valid.
  implies(
    { not: where({ assertion: { signature: 'valid' } }) },
    where({ assertion: { userPresent: null, userVerified: null, signCount: null } }),
  ),
];

/** The record as JSON Schema, draft 2020-12: the same as `@latchkey/core/attempt.schema.json`. */
export const ATTEMPT_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:latchkey:signin.attempt:1',
  title: 'The record of an attempt',
  description:
    'One terminal record of a sign-in attempt, a registration, a step-up, a change to a passkey, the end of a session, the removal of a user, or what became of an invitation.',
  ...object<AttemptRecord>(
    {
      schema: oneOf(EVENT_NAMES.map((name) => `${name}/1` as const)),
      event: object<AttemptRecord['event']>(
        {
          id: { type: 'string', format: 'uuid' },
          name: oneOf(EVENT_NAMES),
          time: instant,
          severity: oneOf(SEVERITIES),
          repeatCount: { type: 'integer', minimum: 1 },
        },
        ['repeatCount'],
      ),
      attempt: object<AttemptRecord['attempt']>(
        {
          id: text(64),
          relatedId: text(384),
          entry: oneOf(['options', 'verify_only']),
          mode: orNull(oneOf(MODES)),
          action: text(384),
          occasion: oneOf(OCCASIONS),
          stage: oneOf(STAGES),
          startedAt: instant,
          ceremonyMs: orNull(ms),
          processingMs: orNull(ms),
        },
        ['relatedId', 'action', 'occasion'],
      ),
      outcome: oneOf(OUTCOMES),
      reason: orNull(oneOf(REASONS)),
      reasonSource: orNull(oneOf(REASON_SOURCES)),
      immediate: object<AttemptRecord['immediate']>({
        policy: oneOf(IMMEDIATE_MEDIATION),
        requested: flag,
        requestConformant: flag,
        clientReport: oneOf(CLIENT_REPORTS),
        evidence: oneOf(['none', 'client_report']),
        enforcement: oneOf(ENFORCEMENTS),
        unmet: { type: 'array', items: oneOf(UNMET), uniqueItems: true },
      }),
      assertion: object<AttemptRecord['assertion']>({
        evaluated: flag,
        signature: oneOf(SIGNATURES),
        userPresent: orNull(flag),
        userVerified: orNull(flag),
        userVerificationPolicy: oneOf(USER_VERIFICATION),
        backupEligible: orNull(flag),
        backedUp: orNull(flag),
        backupEligibleChanged: orNull(flag),
        signCount: orNull(oneOf(SIGN_COUNTS)),
        crossOrigin: orNull(flag),
      }),
      challenge: object<AttemptRecord['challenge']>({
        status: oneOf(CHALLENGE_STATUSES),
        ageMs: orNull(ms),
        ttlMs: ms,
      }),
      policy: object<AttemptRecord['policy']>({
        decision: oneOf(DECISIONS),
        requirements: { type: 'array', items: oneOf(REQUIREMENTS), uniqueItems: true },
        failedRule: orNull(oneOf(FAILED_RULES)),
        wouldDeny: orNull(flag),
      }),
      credential: object<AttemptRecord['credential']>({
        ref: orNull(keyedPseudonym),
        aaguid: orNull({ type: 'string', format: 'uuid' }),
        attachmentReported: orNull(oneOf(ATTACHMENTS)),
        discoverableReported: orNull(flag),
        attestationFormat: orNull(oneOf(ATTESTATION_FORMATS)),
      }),
      user: object<AttemptRecord['user']>({
        known: flag,
        id: orNull({ type: 'string', minLength: 1 }),
        hash: orNull(keyedPseudonym),
        created: flag,
      }),
      session: object<AttemptRecord['session']>({
        id: orNull({ type: 'string', format: 'uuid' }),
        endedBy: orNull(oneOf(SESSION_ENDERS)),
        endedBecause: orNull(oneOf(SESSION_ENDINGS)),
      }),
      change: object<AttemptRecord['change']>({ by: orNull(oneOf(SESSION_ENDERS)), note: orNull(text(1536)) }),
      client: object<AttemptRecord['client']>({
        address: orNull(text(64)),
        userAgent: orNull({ type: 'string', maxLength: 1536 }),
        immediateGet: orNull(flag),
      }),
      rp: object<AttemptRecord['rp']>({ id: text(253), origin: orNull(text(1536)) }),
      http: orNull(
        object<NonNullable<AttemptRecord['http']>>({
          method: oneOf(['GET', 'POST', 'PATCH', 'DELETE']),
          route: text(64),
          status: { type: 'integer', minimum: 200, maximum: 599 },
        }),
      ),
      library: object<AttemptRecord['library']>({ name: text(64), version: text(64), framework: text(64) }),
      trace: object<AttemptRecord['trace']>({
        traceId: orNull(hex(32)),
        spanId: orNull(hex(16)),
        sampled: orNull(flag),
        optionsTraceId: orNull(hex(32)),
        optionsSpanId: orNull(hex(16)),
      }),
      integrity: object<NonNullable<AttemptRecord['integrity']>>(
        {
          keyId: text(64),
          sequence: { type: 'integer', minimum: 0 },
          previous: text(128),
          mac: text(128),
          personal: object<Personal>({ members: { type: 'array', items: text(64) }, hash: text(128) }),
          salt: text(64),
        },
        ['personal', 'salt'],
      ),
      message: text(512),
    },
    ['integrity'],
  ),
  allOf: INVARIANTS,
} as const;
