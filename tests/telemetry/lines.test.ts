/** What real SDKs of both lines send over OTLP, decoded: spans, log events and metrics of the same attempts. */
import type { AttemptRecord } from '@latchkey/core';
import { expect, test } from 'vitest';
import { runSite, type Task } from './applications.ts';
import type { Span } from './otlp.ts';
import { openReceiver, type Receiver } from './receiver.ts';
import { LINES, type Line } from './sdk.ts';

const SOME: Task = { start: 'first', signIns: ['good', 'unverified'] };

async function exported(line: Line, task: Task = SOME, env: Readonly<Record<string, string>> = {}) {
  const receiver = await openReceiver();
  const seen = await runSite(line, task, receiver.url, env);
  return { receiver, seen, record: recordsOf(seen.records) };
}

/** One run of each line, which several tests look at. */
const runs = new Map<Line, ReturnType<typeof exported>>();
function exportedOnce(line: Line): ReturnType<typeof exported> {
  const run = runs.get(line) ?? exported(line, SOME, { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
  runs.set(line, run);
  return run;
}

/** The records of `SOME`, by what they are. */
function recordsOf(records: readonly AttemptRecord[]) {
  const [registration, added, success, failure, abandoned] = records as [
    AttemptRecord,
    AttemptRecord,
    AttemptRecord,
    AttemptRecord,
    AttemptRecord,
  ];
  return { registration, added, success, failure, abandoned };
}

const spanOf = (receiver: Receiver, name: string, { attempt }: AttemptRecord): Span =>
  receiver.spans.find((span) => span.name === name && span.attributes['latchkey.attempt.id'] === attempt.id)!;

test.for(LINES)(
  '%s: a verify span links to its options span, and names the attempt and what was enforced',
  async (line) => {
    const { receiver, record } = await exportedOnce(line);
    const options = spanOf(receiver, 'latchkey.signin.options', record.success);
    const verify = spanOf(receiver, 'latchkey.signin.verify', record.success);
    expect(verify.traceId).not.toBe(options.traceId);
    expect(verify.links).toEqual([{ traceId: options.traceId, spanId: options.spanId }]);
    expect(record.success.trace).toEqual({
      traceId: verify.traceId,
      spanId: verify.spanId,
      sampled: true,
      optionsTraceId: options.traceId,
      optionsSpanId: options.spanId,
    });
    expect([verify.kind, verify.status, verify.events, verify.parentSpanId]).toEqual([1, 0, 0, '']);
    expect(verify.attributes).toMatchObject({
      'latchkey.outcome': 'success',
      'latchkey.immediate.enforcement': 'enforced',
      'latchkey.immediate.evidence': 'client_report',
    });
    const refused = spanOf(receiver, 'latchkey.signin.verify', record.failure);
    expect([refused.status, refused.events, refused.attributes['error.type']]).toEqual([
      2,
      0,
      'user_verification_missing',
    ]);
    const registered = spanOf(receiver, 'latchkey.registration.verify', record.registration);
    expect(registered.links).toHaveLength(1);
    expect(new Set(receiver.spans.map(({ scope }) => scope))).toEqual(new Set(['@latchkey/core']));
  },
);

test.for(LINES)(
  '%s: each record is one log event with a name, a severity, its trace and the record flat',
  async (line) => {
    const { receiver, seen, record } = await exportedOnce(line);
    expect(receiver.logs.map(({ attributes }) => attributes['latchkey.event.id'])).toEqual(
      seen.records.map(({ event }) => event.id),
    );
    for (const [index, event] of receiver.logs.entries()) {
      const { event: of, message, trace } = seen.records[index]!;
      expect([event.eventName, event.severityText, event.timeMs, event.body, event.scope]).toEqual([
        of.name,
        of.severity,
        Date.parse(of.time),
        message,
        '@latchkey/core',
      ]);
      expect([event.traceId, event.spanId]).toEqual([trace.traceId ?? '', trace.spanId ?? '']);
    }
    expect(receiver.logs.map(({ severityNumber }) => severityNumber)).toEqual([9, 9, 9, 13, 9]);
    expect(receiver.logs.map(({ attributes }) => attributes)).toEqual(seen.records.map(flat));
    expect(record.failure.user.id).not.toBeNull();
  },
);

/** What of a record goes to OpenTelemetry, written a second time: everything but the four members below, in snake case. */
function flat(record: AttemptRecord): Record<string, unknown> {
  const { message, user, trace, client, ...rest } = record;
  const { traceId, spanId, sampled, ...options } = trace;
  const address = client.address === null ? null : truncated(client.address);
  const attributes: Record<string, unknown> = {};
  const visit = (path: string, value: unknown) => {
    if (value === null) return;
    if (typeof value !== 'object' || Array.isArray(value)) attributes[path] = value;
    else {
      for (const [name, member] of Object.entries(value))
        visit(`${path}.${name.replaceAll(/(?=[A-Z])/g, '_').toLowerCase()}`, member);
    }
  };
  const { id, ...known } = user;
  visit('latchkey', { ...rest, user: known, trace: options, client: { ...client, address } });
  return attributes;
}

const truncated = (address: string) => (address.includes('.') ? address.replace(/\d+$/, '0') : '::');

test.for(LINES)(
  '%s: metrics have the right names, units and attributes, and count what the records say',
  async (line) => {
    const { receiver } = await exportedOnce(line);
    expect(
      Object.fromEntries(receiver.metrics.map(({ name, unit, kind, monotonic }) => [name, [kind, unit, monotonic]])),
    ).toEqual({
      'latchkey.signin.attempts': ['sum', '{attempt}', true],
      'latchkey.registration.attempts': ['sum', '{attempt}', true],
      'latchkey.signin.challenges': ['sum', '{challenge}', true],
      'latchkey.signin.assertions': ['sum', '{assertion}', true],
      'latchkey.audit.records': ['sum', '{record}', true],
      'latchkey.passkey.changes': ['sum', '{change}', true],
      'latchkey.signin.duration': ['histogram', 's', false],
      'latchkey.signin.ceremony.duration': ['histogram', 's', false],
    });
    const points = (name: string) => receiver.metrics.find((metric) => metric.name === name)!.points;
    expect(points('latchkey.signin.attempts')).toHaveLength(3);
    for (const [attributes, value] of [
      [{ 'latchkey.outcome': 'success', 'latchkey.immediate.enforcement': 'enforced' }, 1],
      [{ 'latchkey.outcome': 'failure', 'latchkey.reason': 'user_verification_missing' }, 1],
      [{ 'latchkey.outcome': 'abandoned', 'latchkey.reason': 'no_response', 'latchkey.immediate.policy': 'prefer' }, 1],
    ] as const) {
      expect(points('latchkey.signin.attempts')).toContainEqual(
        expect.objectContaining({ attributes: expect.objectContaining(attributes), value }),
      );
    }
    expect(totals(points('latchkey.signin.challenges'), 'latchkey.challenge.result')).toEqual({
      issued: 3,
      taken: 2,
      expired: 1,
    });
    expect(points('latchkey.signin.assertions').reduce((sum, { value }) => sum + value, 0)).toBe(2);
    expect(totals(points('latchkey.audit.records'), 'latchkey.audit.sink')).toMatchObject({
      site: 5,
      attempt_store: 5,
    });
    // The one who was abandoned was 130 seconds late, and no request ended it.
    const ceremonies = points('latchkey.signin.ceremony.duration');
    expect(ceremonies.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(ceremonies.reduce((most, { sum }) => Math.max(most, sum), 0)).toBe(130);
    expect(points('latchkey.signin.duration').reduce((sum, { count }) => sum + count, 0)).toBe(2);
    expect(points('latchkey.signin.duration')[0]!.bounds).toContain(0.005);
  },
);

function totals(points: Receiver['metrics'][number]['points'], by: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { attributes, value } of points) {
    const key = String(attributes[by]);
    sums[key] = (sums[key] ?? 0) + value;
  }
  return sums;
}

test.for(LINES)('%s: bodies arrive as protobuf, and compressed where the environment says so', async (line) => {
  const { receiver, seen } = await exportedOnce(line);
  expect(receiver.kinds).toEqual(
    new Set(['traces', 'logs', 'metrics'].map((signal) => `POST /v1/${signal} application/x-protobuf gzip`)),
  );
  expect([receiver.logs.length, seen.findings]).toEqual([seen.records.length, []]);
});

test.for(LINES)('%s: started after the first attempt, it misses that one and nothing after it', async (line) => {
  const { receiver, record } = await exported(line, { ...SOME, start: 'after an attempt' });
  const ids = [record.success, record.failure, record.abandoned].map(({ attempt }) => attempt.id);
  expect(receiver.logs.map(({ attributes }) => attributes['latchkey.attempt.id'])).toEqual(ids);
  expect(spanOf(receiver, 'latchkey.signin.verify', record.success).links).toHaveLength(1);
  const { points } = receiver.metrics.find(({ name }) => name === 'latchkey.signin.attempts')!;
  expect(points.reduce((sum, { value }) => sum + value, 0)).toBe(3);
  expect(record.registration.trace.traceId).toBeNull();
});

test.for(LINES)('%s: without a started SDK every attempt is on record and nothing is sent', async (line) => {
  const { receiver, seen, record } = await exported(line, { ...SOME, start: 'never' });
  expect(seen.statuses).toEqual([200, 401]);
  expect([receiver.bodies.length, seen.findings]).toEqual([0, []]);
  expect(record.abandoned.outcome).toBe('abandoned');
});

test.for(LINES)('%s: sampling nothing leaves no span and every record, log event and count', async (line) => {
  const { receiver, seen, record } = await exported(line, SOME, { OTEL_TRACES_SAMPLER: 'always_off' });
  expect(receiver.spans).toHaveLength(0);
  expect(receiver.logs.map(({ attributes }) => attributes)).toEqual(seen.records.map(flat));
  expect(receiver.logs.map(({ traceId }) => traceId)).toEqual(seen.records.map(({ trace }) => trace.traceId ?? ''));
  expect(record.success.trace).toMatchObject({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/), sampled: false });
  const { points } = receiver.metrics.find(({ name }) => name === 'latchkey.signin.attempts')!;
  expect(points.reduce((sum, { value }) => sum + value, 0)).toBe(3);
});

/** How long an exporter tries. */
const EXPORTER_MS = 4_000;

// The three at once: each spends its time waiting for its exporter to give up.
test.for(LINES)(
  '%s: a collector that refuses, hangs or is not there changes no sign-in, and stopping takes no longer than the exporter may',
  async (line) => {
    const env = {
      OTEL_EXPORTER_OTLP_TIMEOUT: String(EXPORTER_MS),
      OTEL_BSP_SCHEDULE_DELAY: '20',
      OTEL_BLRP_SCHEDULE_DELAY: '20',
    };
    const collectors = {
      refuses: (await openReceiver('refuses')).url,
      hangs: (await openReceiver('hangs')).url,
      'is not there': 'http://127.0.0.1:1',
    };
    const runs = Object.entries(collectors).map(async ([how, url]) => {
      const seen = await runSite(line, SOME, url, env);
      expect(seen.statuses, how).toEqual([200, 401]);
      expect(
        seen.records.map(({ outcome }) => outcome),
        how,
      ).toEqual(['success', 'success', 'success', 'failure', 'abandoned']);
      // By then spans and log events of those before it are on their way, and wait for the collector.
      expect(seen.lastSignInMs, how).toBeLessThan(EXPORTER_MS);
      expect(seen.shutdownMs, how).toBeLessThan(60_000);
    });
    await Promise.all(runs);
  },
);

test.for(LINES)(
  '%s: with another copy of the API than the SDK has, signals are missing, and the self-check says so',
  async (line) => {
    const other = LINES.find((it) => it !== line)!;
    const { receiver, seen } = await exported(line, SOME, { API_OF: other });
    expect(seen.statuses).toEqual([200, 401]);
    expect(seen.findings).toEqual(['api_copies']);
    // The newer copy takes nothing from the older one's SDK; the older one knows nothing of the newer one's logs.
    expect(line === 'sdk-2' ? receiver.spans : receiver.logs).toHaveLength(0);
  },
);
