/** What the metrics say of queues that wait and lose and of checkpoints that fail, through the real OpenTelemetry SDK. */
import { chained, queued } from '@latchkey/audit';
import { memoryStore } from '@latchkey/core';
import { openSite } from '@latchkey/testing';
import { metrics as api } from '@opentelemetry/api';
import * as metrics from '@opentelemetry/sdk-metrics';
import { expect, onTestFinished, test, vi } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { openDirect } from '../security/direct.ts';
import { records } from './records.ts';

/** Measures until the test ends; gives what a metric says now of one sink, by its other attribute. */
function measuring() {
  const exporter = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
  const reader = new metrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new metrics.MeterProvider({ readers: [reader] });
  api.setGlobalMeterProvider(provider);
  onTestFinished(async () => {
    await provider.shutdown();
    api.disable();
  });
  return async (name: string, sink: string): Promise<Record<string, unknown>> => {
    await reader.forceFlush();
    const points = exporter
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap((scope) => scope.metrics)
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }): readonly { attributes: Record<string, unknown>; value: unknown }[] => dataPoints)
      .filter(({ attributes }) => attributes['latchkey.audit.sink'] === sink);
    return Object.fromEntries(
      points.map(({ attributes, value }) => [attributes['latchkey.audit.result'] ?? 'now', value]),
    );
  };
}

test('what waits in a queue is a gauge', async () => {
  const measured = measuring();
  let up = false;
  const queue = queued(
    { name: 'ledger', write: () => (up ? undefined : Promise.reject(new Error('down'))) },
    { backoff: { first: 1, most: 1 }, onNotice: () => {} },
  );
  const written = records(5).map((record) => queue.write(record));
  expect(await measured('latchkey.audit.waiting', 'ledger')).toEqual({ now: 5 });
  up = true;
  await Promise.all(written);
  expect(await measured('latchkey.audit.waiting', 'ledger')).toEqual({ now: 0 });
  await queue.close();
});

test('what waits in a queue for a minute is counted as written, once, when it is: of any number, and without a word in the log', async () => {
  const measured = measuring();
  let up = false;
  const losses: string[] = [];
  const queue = queued(
    { name: 'ledger', write: () => (up ? undefined : Promise.reject(new Error('down'))) },
    { onNotice: () => {}, onLoss: ({ event }) => losses.push(event.id) },
  );
  const { browser, passkeys, records, faults } = openDirect({ audit: { sinks: [queue] } });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  // More than core lets be under way to a sink that does not bound them itself.
  for (let n = 0; n < 1_200; n += 1) await browser().send('POST', '/authentication/options', { mode: 'telepathy' });
  await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();
  expect([await measured('latchkey.audit.records', 'ledger'), queue.waiting()]).toEqual([{}, 1_200]);
  up = true;
  expect(await queue.flush('30s')).toBe(0);
  await passkeys.close();
  expect(await measured('latchkey.audit.records', 'ledger')).toEqual({ written: records.length });
  expect([losses, faults]).toEqual([[], []]);
  await queue.close();
});

test('checkpoints are counted beside the records, as written or as failed', async () => {
  const measured = measuring();
  let up = true;
  const write = () => (up ? undefined : Promise.reject(new Error('down')));
  const chain = chained(
    { name: 'list', write: async () => {}, close: async () => {} },
    {
      keys: { current: 'k1', byId: { k1: 'the first key of a chain, only for tests' } },
      checkpoints: { sink: { write }, every: 1, onNotice: () => {} },
    },
  );
  for (const record of records(3)) await chain.write(record);
  await expect.poll(() => measured('latchkey.audit.records', 'checkpoints')).toEqual({ written: 3 });
  up = false;
  for (const record of records(2)) await chain.write(record);
  await chain.close();
  const { written, failed } = await measured('latchkey.audit.records', 'checkpoints');
  expect([written, Number(failed) >= 1]).toEqual([3, true]);
});

test('each record is counted once at each sink, as written or as failed, when its fate is known', async () => {
  const measured = measuring();
  let up = true;
  const lost: string[] = [];
  const queue = queued(
    {
      name: 'ledger',
      write: () => {
        if (!up) throw new Error('down');
      },
    },
    { retries: 3, backoff: { first: 1, most: 1 }, onNotice: () => {}, onLoss: ({ event }) => void lost.push(event.id) },
  );
  const site = await openSite({ mount: mounts['Express 5'], store: memoryStore }, { audit: { sinks: [queue] } });
  const passkey = await site.agent().signUp('ada');
  await site.agent().signIn(passkey);
  await queue.flush(5_000);
  const before = site.records.length;
  up = false;
  for (let n = 0; n < 3; n += 1) await site.agent().signIn(passkey);
  await queue.close();
  await site.agent().signIn(passkey);
  await site.close();
  expect(await measured('latchkey.audit.records', 'ledger')).toEqual({ written: before, failed: 4 });
  expect(lost).toHaveLength(4);
});
