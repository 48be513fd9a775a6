/** Every field that the mappings write is a field of the published schema, of its type and from its list of values. */
import { isIP } from 'node:net';
import { toEcs, toOcsf } from '@latchkey/audit';
import { type AttemptRecord, EVENT_NAMES, type EventName, memoryStore, OUTCOMES } from '@latchkey/core';
import { openSite } from '@latchkey/testing';
import { beforeAll, expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { driverOf } from './attempts.ts';
import {
  ECS_EXPECTED_TYPES,
  ECS_FIELDS,
  type Field,
  OCSF_ACTIVITIES,
  OCSF_CAPTIONS,
  OCSF_FIELDS,
  OCSF_REQUIRED,
} from './mapping-fields.ts';
import { recordOf } from './records.ts';

/** An event that core will write; until then its name is none of core's. */
const SESSION_ENDED = 'latchkey.session.ended' as EventName;

/** Records of every kind: those of a real run, and one of each name and outcome. */
const all: AttemptRecord[] = [];

beforeAll(async () => {
  const site = await openSite({ mount: mounts['Express 5'], store: memoryStore });
  await (await driverOf(site)).run(60);
  await site.close();
  all.push(...site.records);
  for (const name of [...EVENT_NAMES, SESSION_ENDED]) {
    for (const outcome of OUTCOMES) {
      const record = recordOf(all.length);
      const severity = outcome === 'failure' ? 'WARN' : outcome === 'error' ? 'ERROR' : 'INFO';
      all.push({ ...record, outcome, event: { ...record.event, name, severity, repeatCount: 3 } });
    }
  }
  const traceId = '0123456789abcdef0123456789abcdef';
  const spanId = '0123456789abcdef';
  all.push(
    { ...recordOf(1), trace: { traceId, spanId, sampled: true, optionsTraceId: traceId, optionsSpanId: spanId } },
    { ...recordOf(2), http: null, client: { address: null, userAgent: null, immediateGet: null } },
    { ...recordOf(3), user: { known: false, id: null, hash: null, created: false } },
    { ...recordOf(4), client: { address: 'unix:', userAgent: null, immediateGet: null } },
    { ...recordOf(5), client: { address: 'fe80::1%eth0', userAgent: 'x', immediateGet: null } },
    { ...recordOf(6), user: { known: true, id: 'ada', hash: 'hmac-sha256:k1:0123456789012345678901', created: false } },
    { ...recordOf(7), outcome: 'failure', reason: 'user_disabled', reasonSource: 'server' },
  );
  // The same of the other class.
  const registered = (record: AttemptRecord): AttemptRecord => ({
    ...record,
    schema: 'latchkey.registration.attempt/1',
    event: { ...record.event, name: 'latchkey.registration.attempt' },
  });
  all.push(...all.slice(-7).map(registered));
});

/** Leaves of a document by their paths: `auth_factors[].factor_type`. */
function leaves(value: unknown, path = ''): [path: string, value: unknown][] {
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([name, member]) => leaves(member, path === '' ? name : `${path}.${name}`));
}

function fits(value: unknown, field: Field): boolean {
  if (typeof field !== 'string') return field.includes(value as never);
  if (field === 'boolean') return typeof value === 'boolean';
  if (field === 'integer' || field === 'milliseconds') return Number.isSafeInteger(value);
  if (typeof value !== 'string' || value === '') return false;
  if (field === 'ip') return isIP(value) !== 0;
  return field === 'text' || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}

/** What a document has that the schema does not allow. */
const faults = (document: object, fields: Record<string, Field>, own: string) =>
  leaves(document)
    .filter(([path]) => !path.startsWith(own))
    .filter(([path, value]) => !(Object.hasOwn(fields, path) && fits(value, fields[path]!)));

test('every field of an ECS document is one of ECS 9.4, of its type', () => {
  const used = new Set<string>();
  for (const record of all) {
    const document = toEcs(record) as { event: { category: string[]; type: string[] } };
    expect(faults(document, ECS_FIELDS, 'latchkey.')).toEqual([]);
    for (const [path] of leaves(document)) used.add(path);
    for (const category of document.event.category) {
      for (const type of document.event.type) expect(ECS_EXPECTED_TYPES[category]).toContain(type);
    }
  }
  expect(Object.keys(ECS_FIELDS).filter((field) => !used.has(field))).toEqual([]);
});

test('every field of an OCSF event is one of its class in OCSF 1.8, of its type, and none that it requires is missing', () => {
  const used = new Set<string>();
  for (const record of all) {
    const event = toOcsf(record) as { class_uid: number; activity_id: number; type_uid: number };
    expect(faults(event, OCSF_FIELDS[event.class_uid]!, 'unmapped.latchkey.')).toEqual([]);
    const values = new Map(leaves(event));
    for (const path of values.keys()) used.add(`${event.class_uid} ${path}`);
    for (const path of OCSF_REQUIRED) expect(values.has(path)).toBe(true);
    // At least one of each: a user's name or uid, a service or a destination.
    expect(values.has('user.name') || values.has('user.uid')).toBe(true);
    if (event.class_uid === 3002) expect(values.has('service.name')).toBe(true);
    if (event.activity_id !== 99) {
      expect(values.get('activity_name')).toBe(OCSF_ACTIVITIES[event.class_uid]![event.activity_id]);
    }
    expect(event.type_uid).toBe(event.class_uid * 100 + event.activity_id);
    for (const [number, [text, captions]] of Object.entries(OCSF_CAPTIONS)) {
      if (!values.has(number) || values.get(number) === 99) continue;
      expect(values.get(text)).toBe(captions[values.get(number) as number]);
    }
  }
  for (const [uid, fields] of Object.entries(OCSF_FIELDS)) {
    expect(Object.keys(fields).filter((field) => !used.has(`${uid} ${field}`))).toEqual([]);
  }
});

test('every fact of a record changes both documents: none is left out', () => {
  // Looked up in a list of ours; the tests around this one hold them.
  const named = ['event.name', 'event.severity', 'outcome'];
  const other = (value: unknown) => {
    if (typeof value === 'boolean') return !value;
    if (typeof value === 'number') return value + 1;
    const time = /^\d{4}-.*Z$/.test(String(value)) ? Date.parse(String(value)) : null;
    return time === null ? `${value}x` : new Date(time - 1).toISOString();
  };
  const change = (part: unknown, [name, ...rest]: string[]): unknown => {
    if (name === undefined) return other(part);
    const key = name.replace('[]', '');
    const inner = (part as Record<string, unknown>)[key];
    return { ...(part as object), [key]: name.endsWith('[]') ? ['x'] : change(inner, rest) };
  };
  let changed = 0;
  for (const record of all) {
    for (const [path, value] of leaves(record)) {
      if (value === null || named.includes(path)) continue;
      const altered = change(record, path.split('.')) as AttemptRecord;
      for (const map of [toEcs, toOcsf]) {
        expect([path, JSON.stringify(map(altered)) === JSON.stringify(map(record))]).toEqual([path, false]);
      }
      changed += 1;
    }
  }
  expect(changed).toBeGreaterThan(1_000);
});

test('a sign-in in ECS', () => {
  const record = recordOf(6);
  expect(toEcs({ ...record, outcome: 'failure', reason: 'user_disabled', reasonSource: 'server' })).toEqual({
    '@timestamp': '2027-01-15T08:00:00.006Z',
    message: record.message,
    ecs: { version: '9.4.0' },
    event: {
      kind: 'event',
      category: ['authentication'],
      type: ['start'],
      outcome: 'failure',
      action: 'latchkey.signin.attempt',
      reason: 'user_disabled',
      id: record.event.id,
      provider: '@latchkey/core',
      dataset: 'latchkey.attempts',
      module: 'latchkey',
      start: '2027-01-15T08:00:00.006Z',
      end: '2027-01-15T08:00:00.006Z',
      duration: 0,
    },
    log: { level: 'info' },
    user: { id: 'user 6' },
    source: { address: '192.0.2.7', ip: '192.0.2.7' },
    user_agent: { original: 'a browser' },
    http: { request: { method: 'POST' }, response: { status_code: 200 } },
    related: { user: ['user 6'], ip: ['192.0.2.7'] },
    latchkey: expect.objectContaining({
      outcome: 'failure',
      reason_source: 'server',
      http: { route: '/authentication/verify' },
      immediate: expect.objectContaining({ client_report: 'used', enforcement: 'enforced' }),
    }),
  });
});

test('is_mfa is a valid signature with user verification, and nothing else', () => {
  const { assertion, ...rest } = recordOf(1);
  const isMfa = (change: Partial<AttemptRecord['assertion']>) =>
    (toOcsf({ ...rest, assertion: { ...assertion, ...change } }) as { is_mfa: boolean }).is_mfa;
  expect(isMfa({})).toBe(true);
  expect(isMfa({ userVerified: false })).toBe(false);
  expect(isMfa({ userVerified: null })).toBe(false);
  expect(isMfa({ signature: 'invalid' })).toBe(false);
  expect(isMfa({ signature: 'not_evaluated' })).toBe(false);
});

test('a sign-in in OCSF is a Logon by WebAuthn; what was cancelled or abandoned is neither success nor failure', () => {
  expect(toOcsf(recordOf(1))).toMatchObject({
    class_uid: 3002,
    activity_id: 1,
    type_uid: 300_201,
    status_id: 1,
    auth_protocol_id: 99,
    auth_protocol: 'FIDO2/WebAuthn',
    auth_factors: [{ factor_type_id: 10, factor_type: 'WebAuthn' }],
    user: { uid: 'user 1', type_id: 1 },
    src_endpoint: { ip: '192.0.2.7' },
    unmapped: { latchkey: { immediate: { enforcement: 'enforced' } } },
  });
  for (const [outcome, status] of [
    ['cancelled', 'Cancelled'],
    ['abandoned', 'Abandoned'],
  ] as const) {
    expect(toOcsf({ ...recordOf(1), outcome })).toMatchObject({ status_id: 99, status });
    expect(toEcs({ ...recordOf(1), outcome })).toMatchObject({ event: { outcome: 'unknown' } });
  }
});

/** A record of this event, as both mappings say it: ECS's category and type, OCSF's class and activity. */
function mappedAs(name: EventName, change: Partial<AttemptRecord> = {}) {
  const record = recordOf(1);
  const changed = { ...record, ...change, event: { ...record.event, name } };
  const { event } = toEcs(changed) as { event: { category: string[]; type: string[] } };
  const { class_uid, activity_id } = toOcsf(changed) as { class_uid: number; activity_id: number };
  return [event.category.join(), event.type.join(), class_uid, activity_id];
}

test('a passkey is no account: adding, removing, enabling and disabling one changes its user', () => {
  expect(mappedAs('latchkey.passkey.added')).toEqual(['iam', 'user,change', 3001, 10]);
  expect(mappedAs('latchkey.passkey.enabled')).toEqual(['iam', 'user,change', 3001, 10]);
  expect(mappedAs('latchkey.passkey.disabled')).toEqual(['iam', 'user,change', 3001, 11]);
  expect(mappedAs('latchkey.passkey.removed')).toEqual(['iam', 'user,change', 3001, 11]);
  expect(mappedAs('latchkey.passkey.renamed')).toEqual(['iam', 'user,change', 3001, 99]);
});

test('a registration creates a user only where it made an account, and never twice', () => {
  const { user } = recordOf(1);
  const registration = 'latchkey.registration.attempt';
  const made = { user: { ...user, created: true } };
  expect(mappedAs(registration)).toEqual(['iam', 'user,change', 3001, 99]);
  expect(mappedAs(registration, { user: { ...user, created: false } as typeof user })).toEqual(mappedAs(registration));
  expect(mappedAs(registration, made)).toEqual(['iam', 'user,creation', 3001, 1]);
  expect(mappedAs(registration, { ...made, outcome: 'failure' })).toEqual(mappedAs(registration));
  // The event of the passkey beside it.
  expect(mappedAs('latchkey.passkey.added', made)).toEqual(['iam', 'user,change', 3001, 10]);
});

test('a session that ended is a logoff', () => {
  expect(mappedAs(SESSION_ENDED)).toEqual(['authentication,session', 'end', 3002, 2]);
  const event = toOcsf({ ...recordOf(1), event: { ...recordOf(1).event, name: SESSION_ENDED } });
  expect(event).not.toHaveProperty('is_mfa');
  expect(event).not.toHaveProperty('auth_factors');
});

test('a sign-in that was accepted although the counter went back is not informational', () => {
  const { assertion, event, ...rest } = recordOf(1);
  const levels = (severity: typeof event.severity, signCount: typeof assertion.signCount) => {
    const record = { ...rest, event: { ...event, severity }, assertion: { ...assertion, signCount } };
    const ecs = toEcs(record) as { log: { level: string } };
    const ocsf = toOcsf(record) as { severity_id: number; severity: string };
    return [ecs.log.level, ocsf.severity_id, ocsf.severity];
  };
  expect(levels('INFO', 'advanced')).toEqual(['info', 1, 'Informational']);
  expect(levels('INFO', 'regressed')).toEqual(['warn', 3, 'Medium']);
  // As core will say it itself.
  expect(levels('WARN', 'regressed')).toEqual(['warn', 3, 'Medium']);
});
