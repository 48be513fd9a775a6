/** An SDK that is broken: whatever it is asked for, it throws. No one who signs in notices, and every record is kept. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { memoryStore } from '@latchkey/core';
import { openSite } from '@latchkey/testing';
import { type Context, context, logs, metrics, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';

const fail = (): never => {
  throw new Error('the SDK is broken');
};

/** A span that is there, and throws when it is touched. */
const place = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
const spanThat = (spanContext: () => typeof place) =>
  ({
    spanContext,
    isRecording: () => true,
    setAttribute: fail,
    setStatus: fail,
    addLink: fail,
    end: fail,
  }) as never as Span;

const tracing = (startSpan: () => Span) => ({
  getTracer: () => ({
    startSpan,
    startActiveSpan: (_name: string, _options: object, run: (span: Span) => unknown) => run(startSpan()),
  }),
});

const BROKEN: Record<string, () => void> = {
  'tracer provider': () => void trace.setGlobalTracerProvider({ getTracer: fail }),
  tracer: () => void trace.setGlobalTracerProvider(tracing(fail) as never),
  span: () => void trace.setGlobalTracerProvider(tracing(() => spanThat(() => place)) as never),
  'span without a place': () => void trace.setGlobalTracerProvider(tracing(() => spanThat(fail)) as never),
  'meter provider': () => void metrics.setGlobalMeterProvider({ getMeter: fail }),
  counter: () =>
    void metrics.setGlobalMeterProvider({
      getMeter: () => ({ createCounter: () => ({ add: fail }), createHistogram: () => ({ record: fail }) }),
    } as never),
  'logger provider': () => void logs.setGlobalLoggerProvider({ getLogger: fail }),
  logger: () => void logs.setGlobalLoggerProvider({ getLogger: () => ({ emit: fail, enabled: fail }) }),
};

beforeEach(() => {
  const active = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: (inside, run, self, ...args) => active.run(inside, () => run.apply(self, args)),
    bind: (_inside, target) => target,
    enable: () => context as never,
    disable: () => context as never,
  });
});
afterEach(() => {
  for (const api of [trace, metrics, logs, context]) api.disable();
});

test.for(Object.keys(BROKEN))('a broken %s changes no sign-in', async (part) => {
  const inner = memoryStore();
  let down = false;
  const take: typeof inner.challenges.take = async (...args) => {
    if (down) throw new Error('connection refused');
    return inner.challenges.take(...args);
  };
  const store = () => ({ ...inner, challenges: { ...inner.challenges, take } });
  const site = await openSite({ mount: mounts['Express 5'], store, onRecord: assertValidRecord });
  BROKEN[part]!();
  const passkey = await site.agent().signUp('ada');
  const statuses = [];
  for (const flags of [{}, { UV: false }])
    statuses.push((await site.agent().signIn(passkey, { bend: { flags } })).status);
  down = true;
  statuses.push((await site.agent().signIn(passkey)).status);
  await site.agent().signInOptions();
  site.clock.now += 130_000;
  await site.passkeys.sweep();
  expect(statuses).toEqual([200, 401, 503]);
  const ends = ['success', 'success', 'success', 'failure', 'error', 'abandoned', 'abandoned'];
  expect(site.records.map(({ outcome }) => outcome)).toEqual(ends);
  await site.close();
});

test('what one signal throws keeps none of the others', async () => {
  const events: string[] = [];
  BROKEN.span!();
  BROKEN.counter!();
  logs.setGlobalLoggerProvider({
    getLogger: () => ({ emit: ({ eventName }) => void events.push(eventName!), enabled: () => true }),
  });
  const site = await openSite({ mount: mounts['Express 5'], store: memoryStore });
  await site.agent().signUp('ada');
  await site.close();
  expect(events).toEqual(['latchkey.registration.attempt', 'latchkey.passkey.added']);
});

test('a logger that throws keeps no attribute from its span', async () => {
  const attributes: Record<string, unknown> = {};
  const setAttribute = (name: string, value: unknown) => {
    attributes[name] = value;
  };
  const span = {
    spanContext: () => place,
    isRecording: () => true,
    setAttribute,
    setStatus() {},
    addLink() {},
    end() {},
  };
  trace.setGlobalTracerProvider(tracing(() => span as never) as never);
  BROKEN['logger provider']!();
  const site = await openSite({ mount: mounts['Express 5'], store: memoryStore });
  await site.agent().signUp('ada');
  await site.close();
  expect(attributes['latchkey.outcome']).toBe('success');
});
