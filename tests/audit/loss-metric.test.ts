/** What the counter `latchkey.audit.records` says of a queue that loses records, through the real OpenTelemetry SDK. */
import { queued } from '@latchkey/audit';
import { memoryStore } from '@latchkey/core';
import { openSite } from '@latchkey/testing';
import { metrics as api } from '@opentelemetry/api';
import * as metrics from '@opentelemetry/sdk-metrics';
import { expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';

test('each record is counted once at each sink, as written or as failed, when its fate is known', async () => {
  const exporter = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
  const reader = new metrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new metrics.MeterProvider({ readers: [reader] });
  api.setGlobalMeterProvider(provider);
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
  await reader.forceFlush();
  const points = exporter
    .getMetrics()
    .at(-1)!
    .scopeMetrics.flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === 'latchkey.audit.records')!
    .dataPoints.filter(({ attributes }) => attributes['latchkey.audit.sink'] === 'ledger')
    .map(({ attributes, value }) => [attributes['latchkey.audit.result'], value]);
  expect(Object.fromEntries(points)).toEqual({ written: before, failed: 4 });
  expect(lost).toHaveLength(4);
  await provider.shutdown();
});
