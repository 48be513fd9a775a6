/** What this package measures, through the OpenTelemetry API: no-ops without an SDK. */
import { type Counter, type Gauge, type MeterProvider, metrics } from '@opentelemetry/api';

let instruments: { readonly waiting: Gauge; readonly records: Counter } | undefined;
let provider: MeterProvider | undefined;

/** An instrument that was made before the SDK started stays a no-op, so instruments belong to the provider they came from. */
function current() {
  const now = metrics.getMeterProvider();
  if (instruments === undefined || provider !== now) {
    const meter = now.getMeter('@latchkey/audit');
    instruments = {
      waiting: meter.createGauge('latchkey.audit.waiting', {
        unit: '{record}',
        description: 'Records that wait in the queue of a sink',
      }),
      records: meter.createCounter('latchkey.audit.records', {
        unit: '{record}',
        description: 'Records handed to sinks',
      }),
    };
    provider = now;
  }
  return instruments;
}

export function measureWaiting(sink: string, waiting: number): void {
  current().waiting.record(waiting, { 'latchkey.audit.sink': sink });
}

/** Counts a checkpoint beside the records that core counts, so that the same alert rings. */
export function countCheckpoint(sink: string, result: 'written' | 'failed'): void {
  current().records.add(1, { 'latchkey.audit.sink': sink, 'latchkey.audit.result': result });
}
