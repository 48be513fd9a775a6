/** The signals of an attempt, through the real OpenTelemetry SDK: one id in the record, the log event and the span. */

import { setTimeout } from 'node:timers/promises';
import { type ChallengeStore, memoryStore } from '@latchkey/core';
import { openSite, type Site, USED } from '@latchkey/testing';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import * as logs from '@opentelemetry/sdk-logs';
import * as metrics from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import * as tracing from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';

const spans = new tracing.InMemorySpanExporter();
const events = new logs.InMemoryLogRecordExporter();
const numbers = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.DELTA);
const reader = new metrics.PeriodicExportingMetricReader({ exporter: numbers, exportIntervalMillis: 3_600_000 });
const sdk = new NodeSDK({
  spanProcessors: [new tracing.SimpleSpanProcessor({ exporter: spans })],
  logRecordProcessors: [new logs.SimpleLogRecordProcessor({ exporter: events })],
  metricReaders: [reader],
  instrumentations: [],
  // Exports wait for what is still being detected, and would come after a reset.
  autoDetectResources: false,
});

let site: Site;
beforeAll(async () => {
  // Before the SDK, on purpose: instruments taken too early must not stay silent for ever.
  site = await openSite({ mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord });
  await site.agent().signUp('before the SDK');
  sdk.start();
});
afterAll(async () => {
  await sdk.shutdown();
  await site.close();
});
beforeEach(() => {
  spans.reset();
  events.reset();
});

const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name);

test('a sign-in is one record, one log event and one verify span, with the same attempt id, linked to its options', async () => {
  const passkey = await site.agent().signUp('ada');
  spans.reset();
  events.reset();
  const reply = await site.agent().signIn(passkey);
  const record = site.records.at(-1)!;
  const [options] = named('latchkey.signin.options');
  const [verify] = named('latchkey.signin.verify');
  expect(reply.json.attempt.id).toBe(record.attempt.id);
  expect(options!.attributes['latchkey.attempt.id']).toBe(record.attempt.id);
  expect(verify!.attributes).toMatchObject({
    'latchkey.attempt.id': record.attempt.id,
    'latchkey.outcome': 'success',
    'latchkey.immediate.enforcement': 'enforced',
    'latchkey.immediate.evidence': 'client_report',
  });
  expect(verify!.links.map((link) => link.context.spanId)).toEqual([options!.spanContext().spanId]);
  expect(verify!.status.code).toBe(SpanStatusCode.UNSET);
  expect(record.trace).toMatchObject({
    traceId: verify!.spanContext().traceId,
    spanId: verify!.spanContext().spanId,
    optionsSpanId: options!.spanContext().spanId,
    sampled: true,
  });
  expect(events.getFinishedLogRecords().map(({ eventName }) => eventName)).toEqual(['latchkey.signin.attempt']);
  const [event] = events.getFinishedLogRecords();
  expect(event!.eventName).toBe('latchkey.signin.attempt');
  expect(event!.severityText).toBe('INFO');
  expect(event!.spanContext?.spanId).toBe(verify!.spanContext().spanId);
  expect(event!.attributes).toMatchObject({
    'latchkey.attempt.id': record.attempt.id,
    'latchkey.outcome': 'success',
    'latchkey.immediate.enforcement': 'enforced',
    'latchkey.assertion.user_verified': true,
    'latchkey.user.hash': record.user.hash,
    'latchkey.client.address': expect.stringMatching(/^127\.0\.0\.0$|::$/),
  });
});

const millisecondsOf = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1_000 + nanoseconds / 1e6;

/** A site whose store does this before it takes a challenge. */
async function siteThatTakes(first: () => Promise<unknown>) {
  const store = memoryStore();
  const challenges: ChallengeStore = {
    ...store.challenges,
    take: async (condition) => {
      await first();
      return store.challenges.take(condition);
    },
  };
  return openSite({ mount: mounts['Express 5'], store: () => ({ ...store, challenges }), onRecord: assertValidRecord });
}

test('what took long has a span of its own under the verify span, with its time, and what did not has none', async () => {
  const slow = await siteThatTakes(() => setTimeout(20));
  try {
    const passkey = await slow.agent().signUp('bob');
    spans.reset();
    await slow.agent().signIn(passkey);
    const [verify] = named('latchkey.signin.verify');
    const [take] = named('latchkey.challenges.take');
    expect(take!.parentSpanContext?.spanId).toBe(verify!.spanContext().spanId);
    expect(millisecondsOf(take!.duration)).toBeGreaterThanOrEqual(19);
    expect(millisecondsOf(take!.duration)).toBeLessThanOrEqual(millisecondsOf(verify!.duration) + 1);
    expect(take!.status.code).toBe(SpanStatusCode.UNSET);
  } finally {
    await slow.close();
  }
  // A machine that is busy makes a step long now and then, but not every one of a hundred.
  const passkey = await site.agent().signUp('bea');
  spans.reset();
  for (let i = 0; i < 100; i += 1) await site.agent().signIn(passkey);
  expect(named('latchkey.signin.verify')).toHaveLength(100);
  expect(named('latchkey.passkeys.find').length).toBeLessThan(50);
});

test('what failed has a span of its own, however quick it was', async () => {
  let gone = false;
  const broken = await siteThatTakes(async () => {
    if (gone) throw new Error('the store is gone');
  });
  try {
    const passkey = await broken.agent().signUp('bill');
    gone = true;
    spans.reset();
    expect((await broken.agent().signIn(passkey)).status).toBe(503);
  } finally {
    await broken.close();
  }
  const [take] = named('latchkey.challenges.take');
  expect(take!.status.code).toBe(SpanStatusCode.ERROR);
});

test('a span says enough to find and to group an attempt, and its log event has the rest', async () => {
  const passkey = await site.agent().signUp('bart');
  spans.reset();
  await site.agent().signIn(passkey);
  const { attempt } = site.records.at(-1)!;
  expect(named('latchkey.signin.verify')[0]!.attributes).toEqual({
    'latchkey.attempt.id': attempt.id,
    'latchkey.outcome': 'success',
    'latchkey.attempt.mode': 'immediate',
    'latchkey.immediate.enforcement': 'enforced',
    'latchkey.immediate.evidence': 'client_report',
  });
});

test('what a registration brings about beside itself leaves its span alone, and has a log event of its own', async () => {
  await site.agent().signUp('gus');
  const [verify] = named('latchkey.registration.verify');
  const [registration, added] = site.records.slice(-2);
  expect(verify!.attributes['latchkey.attempt.id']).toBe(registration!.attempt.id);
  expect(added!.attempt.relatedId).toBe(registration!.attempt.id);
  expect(events.getFinishedLogRecords().map(({ eventName }) => eventName)).toEqual([
    'latchkey.registration.attempt',
    'latchkey.passkey.added',
  ]);
});

test('a refusal is an error span and a warning, with the reason as error.type', async () => {
  const passkey = await site.agent().signUp('cleo');
  spans.reset();
  events.reset();
  await site.agent().signIn(passkey, { bend: { flags: { UP: false } } });
  const [verify] = named('latchkey.signin.verify');
  expect(verify!.status.code).toBe(SpanStatusCode.ERROR);
  expect(verify!.attributes['error.type']).toBe('user_presence_missing');
  expect(events.getFinishedLogRecords().map(({ severityText }) => severityText)).toEqual(['WARN']);
});

test('spans and metrics carry no identity, and log events no user id and no whole address', async () => {
  const passkey = await site.agent().signUp('dora');
  await site.agent().signIn(passkey);
  const { user, credential } = site.records.at(-1)!;
  const spanText = JSON.stringify(spans.getFinishedSpans().map(({ attributes }) => attributes));
  for (const identity of [user.id!, user.hash!, credential.ref!, 'dora']) expect(spanText).not.toContain(identity);
  const eventText = JSON.stringify(events.getFinishedLogRecords().map(({ attributes }) => attributes));
  for (const identity of [user.id!, 'dora', '127.0.0.1', passkey.credentialId])
    expect(eventText).not.toContain(identity);
});

test('a client cannot hide its sign-in by clearing the sampled flag: the trace is linked to, not continued', async () => {
  const passkey = await site.agent().signUp('eve');
  const agent = site.agent();
  const { attemptId, publicKey } = await agent.signInOptions();
  spans.reset();
  const hidden = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 0, isRemote: true };
  await context.with(trace.setSpanContext(context.active(), hidden), () =>
    site.passkeys.handle({
      method: 'POST',
      path: '/authentication/verify',
      url: '/passkeys/authentication/verify',
      header: (name) =>
        ({ 'content-type': 'application/json', cookie: `latchkey=${agent.cookies.get('latchkey')}` })[name as 'cookie'],
      body: { parsed: { attemptId, credential: passkey.authenticate(publicKey), client: USED } },
      address: null,
      framework: 'none',
      native: {},
      nativeResponse: {},
    }),
  );
  const [verify] = named('latchkey.signin.verify');
  expect(verify!.spanContext().traceId).not.toBe(hidden.traceId);
  expect(verify!.links.map((link) => link.context.traceId)).toContain(hidden.traceId);
  expect(site.records.at(-1)).toMatchObject({ outcome: 'success', trace: { sampled: true } });
});

test('metrics count what records say', async () => {
  await reader.forceFlush();
  numbers.reset();
  const first = site.records.length;
  const passkey = await site.agent().signUp('finn');
  await site.agent().signIn(passkey);
  await site.agent().signIn(passkey, { mode: 'modal' });
  await site.agent().signIn(passkey, { bend: { flags: { UV: false } } });
  const { attemptId } = await site.agent().signInOptions();
  site.clock.now += 120_000;
  await site.passkeys.sweep();
  expect(site.records.at(-1)!.attempt.id).toBe(attemptId);
  await reader.forceFlush();
  const recorded = numbers.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const points = recorded.find(({ descriptor }) => descriptor.name === 'latchkey.signin.attempts')!.dataPoints;
  const counted = points.map(({ attributes, value }) => [
    attributes['latchkey.outcome'],
    attributes['latchkey.reason'],
    value,
  ]);
  expect(counted.sort()).toEqual(
    [
      ['abandoned', 'no_response', 1],
      ['failure', 'user_verification_missing', 1],
      ['success', undefined, 1],
      ['success', undefined, 1],
    ].sort(),
  );
  const signIns = site.records.slice(first).filter(({ event }) => event.name === 'latchkey.signin.attempt');
  expect(points.reduce((sum, { value }) => sum + (value as number), 0)).toBe(signIns.length);
  expect(recorded.map(({ descriptor }) => descriptor.name)).toEqual(
    expect.arrayContaining([
      'latchkey.signin.duration',
      'latchkey.signin.ceremony.duration',
      'latchkey.signin.challenges',
      'latchkey.signin.assertions',
      'latchkey.registration.attempts',
      'latchkey.audit.records',
    ]),
  );
});

test.for([
  ['203.0.113.7', '203.0.113.7', '203.0.113.0'],
  ['::ffff:203.0.113.7', '203.0.113.7', '203.0.113.0'],
  ['2001:db8:51a3:77f0:1:2:3:4', '2001:db8:51a3:77f0:1:2:3:4', '2001:db8:51a3::'],
  ['2001:db8::4', '2001:db8::4', '2001:db8::'],
  ['fe80::1%eth0', 'fe80::1', 'fe80::'],
  // As some proxies write it into X-Forwarded-For, and frameworks that trust them hand it on.
  ['203.0.113.7:4711', '203.0.113.7', '203.0.113.0'],
  ['[2001:db8:51a3:77f0::4]:4711', '2001:db8:51a3:77f0::4', '2001:db8:51a3::'],
  ['ada@example.com', 'ada@example.com', undefined],
])('of the address %s no more than the network is in a log event', async ([address, recorded, network]) => {
  await site.passkeys.handle({
    method: 'POST',
    path: '/authentication/options',
    url: '/passkeys/authentication/options',
    header: (name) => ({ 'content-type': 'application/json' })[name as 'content-type'],
    body: { parsed: { mode: 'telepathy' } },
    address: address!,
    framework: 'none',
    native: {},
    nativeResponse: {},
  });
  expect(site.records.at(-1)!.client.address).toBe(recorded);
  expect(events.getFinishedLogRecords().at(-1)!.attributes['latchkey.client.address']).toBe(network);
});
