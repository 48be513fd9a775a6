/**
 * Spans, metrics and log events: the only file that emits to OpenTelemetry, and it knows only its API. Without an SDK everything
 * here does nothing, and costs next to nothing. Providers are looked up per use, so an SDK that starts after us is not missed.
 */

import * as otel from '@opentelemetry/api';
import type { AttemptRecord, EventName } from '../record/attempt.ts';
import { ATTEMPT_SCHEMA } from '../record/attempt-schema.ts';
import type { SpanPlace } from '../record/draft.ts';
import { pseudonymous } from '../record/pseudonymous.ts';
import type { Awaitable } from '../store/store.ts';
import { VERSION } from '../version.ts';
import { providerName } from '../webauthn/providers.ts';

const SCOPE = '@latchkey/core';

/** What a passkey says whose browser or manager does not say where it is from. */
const NO_AAGUID = '00000000-0000-0000-0000-000000000000';

/** What the names of a ceremony's spans and metrics begin with. */
const CEREMONIES: Partial<Record<EventName, string>> = {
  'latchkey.signin.attempt': 'latchkey.signin',
  'latchkey.registration.attempt': 'latchkey.registration',
  'latchkey.step_up.attempt': 'latchkey.step_up',
};

/** The span of a ceremony's request: `latchkey.signin.options`, `latchkey.signin.verify`, … */
export function ceremonySpan(name: EventName, step: 'options' | 'verify'): string {
  return `${CEREMONIES[name]}.${step}`;
}

/** What an SDK, a logger or a subscriber throws is no reason to refuse anyone; and there is nowhere left to say it. */
export function ignoringErrors<T>(signal: () => T): T | undefined {
  try {
    return signal();
  } catch {
    return undefined;
  }
}

/** The SDK's tracer, or nothing while there is no SDK: then no span is made only to be thrown away. */
function tracer(): otel.Tracer | undefined {
  const proxy = otel.trace.getTracerProvider() as otel.TracerProvider & Partial<otel.ProxyTracerProvider>;
  const provider = proxy.getDelegate?.() ?? proxy;
  if (provider !== tracerOf) {
    known = proxy.getDelegateTracer ? proxy.getDelegateTracer(SCOPE, VERSION) : provider.getTracer(SCOPE, VERSION);
    tracerOf = provider;
  }
  return known;
}

/** An SDK makes its tracer's key anew at every look-up, which costs more than a span. */
let known: otel.Tracer | undefined;

let tracerOf: otel.TracerProvider | undefined;

/** Runs a request inside a span of its own. */
export function inRequestSpan<T>(name: string, work: () => Promise<T>): Promise<T> {
  const span = ignoringErrors(() => startRequestSpan(name));
  if (span === undefined) return work();
  return otel.context.with(otel.trace.setSpan(otel.context.active(), span), async () => {
    try {
      return await work();
    } catch (thrown) {
      ignoringErrors(() => span.setStatus({ code: otel.SpanStatusCode.ERROR }));
      throw thrown;
    } finally {
      ignoringErrors(() => span.end());
    }
  });
}

function startRequestSpan(name: string): otel.Span | undefined {
  const parent = otel.trace.getSpanContext(otel.context.active());
  // A client may send `traceparent: …-00` and so hide its own sign-in: such a trace is linked to, not continued.
  const hidden = parent !== undefined && otel.isSpanContextValid(parent) && !isSampled(parent);
  return tracer()?.startSpan(name, hidden ? { root: true, links: [{ context: parent }] } : {});
}

/** From here on a step took long, in milliseconds. A store in memory or nearby takes less. */
const LONG_MS = 5;

/**
 * Runs one step that waits for something. A step that took long or failed leaves a child span, made afterwards; the others
 * leave none, because a span costs more than such a step.
 */
export function inStep<T>(name: string, work: () => Awaitable<T>): Awaitable<T> {
  const using = ignoringErrors(tracer);
  return using === undefined ? work() : timed(using, name, work);
}

async function timed<T>(using: otel.Tracer, name: string, work: () => Awaitable<T>): Promise<T> {
  const startTime = Date.now();
  const began = performance.now();
  let status: otel.SpanStatus | undefined;
  try {
    return await work();
  } catch (thrown) {
    status = { code: otel.SpanStatusCode.ERROR };
    throw thrown;
  } finally {
    const took = performance.now() - began;
    if (status !== undefined || took >= LONG_MS) {
      ignoringErrors(() => {
        const span = using.startSpan(name, { startTime });
        if (status !== undefined) span.setStatus(status);
        span.end(startTime + took);
      });
    }
  }
}

/** The active span's place, or null without an SDK. */
export function activeSpan(): (SpanPlace & { sampled: boolean }) | null {
  const context = ignoringErrors(() => otel.trace.getSpanContext(otel.context.active()));
  if (context === undefined || !otel.isSpanContextValid(context)) return null;
  return { traceId: context.traceId, spanId: context.spanId, sampled: isSampled(context) };
}

function isSampled(context: otel.SpanContext): boolean {
  return (context.traceFlags & otel.TraceFlags.SAMPLED) !== 0;
}

/** Names the attempt on the options span, where it starts. */
export function markOptionsSpan(attemptId: string): void {
  ignoringErrors(() => otel.trace.getActiveSpan()?.setAttribute('latchkey.attempt.id', attemptId));
}

/**
 * One record as a log event, metrics, and the attributes of the request's span: one function, so that their counts are
 * equal. `aside`: an event beside the one the request is about; the span is not its own.
 */
export function emitSignals(record: AttemptRecord, aside: boolean): void {
  ignoringErrors(() => count(record));
  const span = aside || record.http === null ? undefined : otel.trace.getActiveSpan();
  if (span?.isRecording()) ignoringErrors(() => annotateSpan(span, record));
  const log = ignoringErrors(logger);
  if (log) emitLogEvent(log, record, flatten(pseudonymous(record)));
}

/** What a span says of an attempt: enough to find and to group it. The log event, which has its id, has the whole record. */
function annotateSpan(span: otel.Span, record: AttemptRecord): void {
  const { attempt, immediate, outcome } = record;
  span.setAttribute('latchkey.attempt.id', attempt.id);
  span.setAttribute('latchkey.outcome', outcome);
  if (attempt.mode !== null) span.setAttribute('latchkey.attempt.mode', attempt.mode);
  span.setAttribute('latchkey.immediate.enforcement', immediate.enforcement);
  span.setAttribute('latchkey.immediate.evidence', immediate.evidence);
  const { optionsTraceId: traceId, optionsSpanId: spanId } = record.trace;
  if (traceId !== null && spanId !== null && spanId !== record.trace.spanId) {
    span.addLink({ context: { traceId, spanId, traceFlags: otel.TraceFlags.SAMPLED, isRemote: true } });
  }
  if (record.outcome === 'failure' || record.outcome === 'error') {
    span.setAttribute('error.type', record.reason ?? 'internal_error');
    span.setStatus({ code: otel.SpanStatusCode.ERROR });
  }
}

/** A member of a record, by its part (null: of the record itself), and the attribute that it becomes. */
interface Member {
  readonly part: string | null;
  readonly name: string;
  /** `immediate.clientReport` becomes `latchkey.immediate.client_report`. */
  readonly attribute: string;
}

/** What a log event has in a place of its own. */
const ELSEWHERE = new Set([
  'latchkey.message',
  'latchkey.trace.trace_id',
  'latchkey.trace.span_id',
  'latchkey.trace.sampled',
]);

const MEMBERS: readonly Member[] = Object.entries<SchemaPart>(ATTEMPT_SCHEMA.properties)
  .flatMap(([name, schema]) => {
    const { properties } = schema.anyOf?.[0] ?? schema;
    return properties ? Object.keys(properties).map((own) => member(name, own)) : member(null, name);
  })
  .filter(({ attribute }) => !ELSEWHERE.has(attribute));

interface SchemaPart {
  readonly properties?: object;
  readonly anyOf?: readonly SchemaPart[];
}

function member(part: string | null, name: string): Member {
  const path = part === null ? name : `${part}.${name}`;
  const attribute = `latchkey.${path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
  return { part, name, attribute };
}

/** The record as flat attributes. Nulls are left out. */
function flatten(record: AttemptRecord): otel.Attributes {
  const attributes: otel.Attributes = {};
  for (const { part, name, attribute } of MEMBERS) {
    const parent = (part === null ? record : record[part as keyof AttemptRecord]) as Record<string, unknown> | null;
    const value = parent?.[name] ?? null;
    if (value === null) continue;
    if (Array.isArray(value)) attributes[attribute] = [...value];
    // An attribute that is called an address has the first address of the network.
    else if (attribute === 'latchkey.client.address') attributes[attribute] = (value as string).split('/')[0]!;
    else attributes[attribute] = value as otel.AttributeValue;
  }
  return attributes;
}

const SEVERITY = { INFO: 9, WARN: 13, ERROR: 17 } as const;

function emitLogEvent(log: EventLogger, record: AttemptRecord, attributes: otel.Attributes): void {
  log.emit({
    eventName: record.event.name,
    timestamp: Date.parse(record.event.time),
    severityNumber: SEVERITY[record.event.severity],
    severityText: record.event.severity,
    body: record.message,
    attributes,
    context: otel.context.active(),
  });
}

interface EventLogger {
  emit(log: object): void;
  enabled?(): boolean;
}

interface LoggerProvider {
  getLogger(name: string, version: string): EventLogger;
}

/** The SDK's logger, or nothing where nobody listens. */
function logger(): EventLogger | undefined {
  const found = loggerProvider()?.getLogger(SCOPE, VERSION);
  return found?.enabled?.() === false ? undefined : found;
}

/** SDK 3 registers its logs with the API (since 1.10); SDK 2 with the global of `@opentelemetry/api-logs`. */
function loggerProvider(): LoggerProvider | undefined {
  const legacy = (globalThis as Record<symbol, unknown>)[Symbol.for('io.opentelemetry.js.api.logs')];
  if (typeof legacy === 'function') return legacy(1) as LoggerProvider;
  return 'logs' in otel ? (otel.logs as { getLoggerProvider(): LoggerProvider }).getLoggerProvider() : undefined;
}

/** A meter taken before the SDK started stays a no-op for ever, so instruments belong to the provider they came from. */
let instruments: ReturnType<typeof createInstruments> | undefined;

let instrumentsOf: otel.MeterProvider | undefined;

function meters() {
  const provider = otel.metrics.getMeterProvider();
  if (instruments === undefined || instrumentsOf !== provider) {
    instruments = createInstruments(provider.getMeter(SCOPE, VERSION));
    instrumentsOf = provider;
  }
  return instruments;
}

function createInstruments(meter: otel.Meter) {
  const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description });
  const seconds = (name: string, description: string) =>
    meter.createHistogram(name, {
      unit: 's',
      description,
      advice: {
        explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
      },
    });
  return {
    attempts: Object.fromEntries(
      Object.entries(CEREMONIES).map(([name, prefix]) => [
        name,
        counter(`${prefix}.attempts`, '{attempt}', 'Attempts that ended'),
      ]),
    ),
    duration: seconds('latchkey.signin.duration', "This server's time in the request that ended a sign-in attempt"),
    ceremony: seconds('latchkey.signin.ceremony.duration', 'From issuing the options of a sign-in to its end'),
    challenges: counter('latchkey.signin.challenges', '{challenge}', 'Sign-in challenges, by what became of them'),
    assertions: counter('latchkey.signin.assertions', '{assertion}', 'Assertions with a valid signature'),
    changes: counter('latchkey.passkey.changes', '{change}', 'Changes to passkeys'),
    offers: counter(
      'latchkey.passkey.offers',
      '{offer}',
      'Passkeys that pages asked to offer after a password, by what came of it',
    ),
    endings: counter('latchkey.session.endings', '{session}', 'Sessions that were ended'),
    forgotten: counter('latchkey.users.forgotten', '{user}', 'Users whose passkeys and sessions were all removed'),
    invitations: counter('latchkey.invitations', '{invitation}', 'Invitations issued, used and revoked'),
    sessions: counter('latchkey.sessions', '{session}', 'Sessions that expired, as far as a sweep forgot them'),
    audit: counter('latchkey.audit.records', '{record}', 'Records handed to sinks'),
  };
}

function count(record: AttemptRecord): void {
  if (record.event.name in CEREMONIES) countCeremony(record);
  else countChange(record);
}

const INVITATION = 'latchkey.invitation.';

/** Changes to passkeys, sessions and users: what nobody does often, and an intruder may do to many at once. */
function countChange({ event, attempt, session, change, credential }: AttemptRecord): void {
  const { changes, endings, forgotten, invitations } = meters();
  const by = { 'latchkey.change.by': change.by ?? 'application' };
  if (event.name === 'latchkey.session.ended') {
    endings.add(1, { ...by, 'latchkey.session.ended_because': session.endedBecause ?? 'ended_for_user' });
  } else if (event.name === 'latchkey.user.forgotten') {
    forgotten.add(1, by);
  } else if (event.name.startsWith(INVITATION)) {
    invitations.add(1, { ...by, 'latchkey.invitation.change': event.name.slice(INVITATION.length) });
  } else {
    changes.add(1, {
      ...by,
      'latchkey.passkey.change': event.name.slice('latchkey.passkey.'.length),
      ...(event.name === 'latchkey.passkey.added' && {
        ...provider(credential),
        ...(attempt.occasion !== undefined && { 'latchkey.attempt.occasion': attempt.occasion }),
      }),
    });
  }
}

/** A closed list: names of ours for what a passkey says of itself, which nothing proves. */
function provider({ aaguid }: AttemptRecord['credential']): otel.Attributes {
  const isUnknown = aaguid === null || aaguid === NO_AAGUID;
  return { 'latchkey.passkey.provider': isUnknown ? 'unknown' : (providerName(aaguid) ?? 'other') };
}

function countCeremony(record: AttemptRecord): void {
  const { attempts, duration, ceremony, assertions } = meters();
  const attributes: otel.Attributes = {
    'latchkey.outcome': record.outcome,
    'latchkey.immediate.policy': record.immediate.policy,
    'latchkey.immediate.enforcement': record.immediate.enforcement,
  };
  if (record.reason !== null) attributes['latchkey.reason'] = record.reason;
  if (record.attempt.mode !== null) attributes['latchkey.attempt.mode'] = record.attempt.mode;
  attempts[record.event.name]?.add(record.event.repeatCount ?? 1, attributes);
  if (record.event.name !== 'latchkey.signin.attempt') return;
  const outcome = { 'latchkey.outcome': record.outcome };
  if (record.attempt.processingMs !== null) duration.record(record.attempt.processingMs / 1_000, outcome);
  if (record.attempt.ceremonyMs !== null) ceremony.record(record.attempt.ceremonyMs / 1_000, outcome);
  const { signature, userVerified, backedUp, backupEligibleChanged, signCount } = record.assertion;
  if (signature === 'valid') {
    assertions.add(1, {
      ...provider(record.credential),
      'latchkey.assertion.user_verified': userVerified ?? false,
      'latchkey.assertion.backed_up': backedUp ?? false,
      'latchkey.assertion.backup_eligible_changed': backupEligibleChanged ?? false,
      // Under `observe` nobody is refused for a counter that went backwards: no reason tells of it, only this.
      ...(signCount !== null && { 'latchkey.assertion.sign_count': signCount }),
    });
  }
}

/** What becomes of a challenge, as it is counted. */
export const CHALLENGE_RESULTS = ['issued', 'prefetched', 'taken', 'expired', 'unused'] as const;

/** Counts what became of sign-in challenges: prefetched ones that nobody used leave no record, only this. */
export function countChallenge(result: (typeof CHALLENGE_RESULTS)[number]): void {
  ignoringErrors(() => meters().challenges.add(1, { 'latchkey.challenge.result': result }));
}

/** What comes of asking whether to offer a passkey, and of offering one, as it is counted. */
export const OFFER_RESULTS = ['offered', 'declined', 'has_passkey', 'not_now', 'not_in_share', 'not_allowed'] as const;

export type OfferResult = (typeof OFFER_RESULTS)[number];

/** Counts what became of an offer: what people are asked and say leaves no record, only this. */
export function countOffer(result: OfferResult): void {
  ignoringErrors(() => meters().offers.add(1, { 'latchkey.offer.result': result }));
}

/** How a session ends without a record, as it is counted. */
export const SESSION_RESULTS = ['expired'] as const;

/** Counts sessions that ended without a record of their own. */
export function countSessions(result: (typeof SESSION_RESULTS)[number], number: number): void {
  if (number > 0) ignoringErrors(() => meters().sessions.add(number, { 'latchkey.session.result': result }));
}

/** What becomes of a record at a sink, as it is counted. */
export const AUDIT_RESULTS = ['written', 'failed'] as const;

/** Counts what became of a record at a sink. */
export function countAuditRecord(sink: string, result: (typeof AUDIT_RESULTS)[number]): void {
  meters().audit.add(1, { 'latchkey.audit.sink': sink, 'latchkey.audit.result': result });
}
