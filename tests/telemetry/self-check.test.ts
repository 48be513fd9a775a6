/** What the self-check finds, when it says so and how often; against what an application can register with the API. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { checkTelemetry, createPasskeys, type Logger, memoryStore, type PasskeysOptions } from '@latchkey/core';
import { context, logs, metrics, trace } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const codes = (...args: Parameters<typeof checkTelemetry>) => checkTelemetry(...args).map(({ code }) => code);

beforeEach(() => {
  vi.unstubAllEnvs();
  for (const api of [trace, metrics, logs, context]) api.disable();
});
afterEach(() => void vi.useRealTimers());

const exporter = { export: () => {}, shutdown: async () => {} } as never;
const traces = () =>
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));

test('nothing is found where there is no SDK, and nothing where there is a whole one', async () => {
  expect(codes()).toEqual([]);
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1');
  const sdk = new NodeSDK({ instrumentations: [] });
  sdk.start();
  expect(codes()).toEqual([]);
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '1');
  await sdk.shutdown().catch(() => {});
});

test('an SDK for traces alone is told of what it lacks, unless that is what was asked for', () => {
  traces();
  expect(codes()).toEqual(['no_log_events', 'no_context', 'no_metrics']);
  logs.setGlobalLoggerProvider(new LoggerProvider());
  expect(codes()).toEqual(['no_context', 'no_metrics']);
  logs.disable();
  vi.stubEnv('OTEL_LOGS_EXPORTER', 'none');
  vi.stubEnv('OTEL_METRICS_EXPORTER', 'none');
  expect(codes()).toEqual(['no_context']);
  for (const { saw, todo } of checkTelemetry())
    expect([saw, todo]).toEqual([expect.stringMatching(/\.$/), expect.stringMatching(/^[A-Z].+\.$/)]);
});

test('an SDK for logs or metrics alone is what somebody wanted', () => {
  metrics.setGlobalMeterProvider(new MeterProvider());
  logs.setGlobalLoggerProvider(new LoggerProvider());
  expect(codes()).toEqual([]);
});

const quiet: Logger & { isLevelEnabled(level: string): boolean } = {
  info: () => {},
  warn: () => {},
  error: () => {},
  isLevelEnabled: (level) => level === 'error',
};

test('records that nobody would keep are found, and those that somebody keeps are not', () => {
  expect(codes({ sinks: [], logger: quiet })).toEqual(['no_trail']);
  expect(codes({ sinks: [{ name: 'file', write: () => {} }], logger: quiet })).toEqual([]);
  expect(codes({ sinks: [], logger: { ...quiet, isLevelEnabled: () => true } as Logger })).toEqual([]);
  expect(codes({ sinks: [], logger: undefined })).toEqual([]);
  const listen = () => {};
  subscribe('latchkey.attempt', listen);
  expect(codes({ sinks: [], logger: quiet })).toEqual([]);
  unsubscribe('latchkey.attempt', listen);
  logs.setGlobalLoggerProvider(new LoggerProvider());
  expect(codes({ sinks: [], logger: quiet })).toEqual([]);
});

const { challenges, passkeys, sessions } = memoryStore();
const options = (logger: Logger): PasskeysOptions => ({
  rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
  users: { find: () => null },
  store: { challenges, passkeys, sessions },
  logger,
});

test('a while after the start it is said once, in the logger, and not by what was closed before', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const said: [object, string][] = [];
  const logger: Logger = {
    info: () => {},
    warn: (fields, message) => void said.push([fields, message]),
    error: () => {},
  };
  traces();
  const first = createPasskeys(options(logger));
  await first.close();
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual([]);
  const [second, third] = [createPasskeys(options(logger)), createPasskeys(options(logger))];
  vi.advanceTimersByTime(9_000);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(said.map(([fields]) => fields)).toEqual([{ code: 'no_log_events' }, { code: 'no_context' }]);
  expect(said[0]![1]).toContain('OTEL_LOGS_EXPORTER=none');
  await Promise.all([second.close(), third.close()]);
});

test('a logger that is silent is no place to say that it is silent', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const site = createPasskeys(options(quiet));
  vi.advanceTimersByTime(60_000);
  expect(warned.mock.calls.map(([, how]) => how)).toEqual([{ type: 'LatchkeyTelemetry', code: 'no_trail' }]);
  await site.close();
});

test('where no timer is wanted, none is set, and it is said at the sweep', async () => {
  const register = globalThis as Record<symbol, unknown>;
  const api = Symbol.for('opentelemetry.js.api.1');
  const before = register[api];
  const timers = vi.spyOn(globalThis, 'setTimeout');
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  warned.mockClear();
  try {
    // Another copy of the API, which an SDK has registered with.
    register[api] = { version: '0.1.0', trace: {} };
    const site = createPasskeys({
      ...options(quiet),
      audit: { sinks: [{ name: 'x', write() {} }] },
      sweepEvery: false,
    });
    expect([timers.mock.calls, warned.mock.calls]).toEqual([[], []]);
    await site.sweep();
    expect(warned.mock.calls.map(([, how]) => how)).toEqual([{ type: 'LatchkeyTelemetry', code: 'api_copies' }]);
    await site.close();
  } finally {
    register[api] = before;
  }
});
