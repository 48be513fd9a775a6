/** What signals cost: the same application without an SDK, and with the whole one sending in batches. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CONTESTANTS } from './contestants.ts';
import { type Entrant, type Method, profile, type Result, race, type Say } from './race.ts';
import { median, table } from './report.ts';
import type { Venue } from './venue.ts';

/** The same application without an SDK, and with more and more of one; the last has all of it. */
async function withCollector<T>(work: (entrants: readonly Entrant[]) => Promise<T>): Promise<T> {
  const contestant = CONTESTANTS.find(({ name }) => name === 'express-memory')!;
  let received = 0;
  const collector = createServer((request, response) => {
    request.resume().on('end', () => {
      received++;
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const flags = ['--import', new URL('telemetry-sdk.ts', import.meta.url).href];
  const started = (OTEL: NodeJS.ProcessEnv): Pick<Entrant, 'flags' | 'env'> => ({
    flags,
    env: {
      OTEL_SERVICE_NAME: 'bench',
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      ...OTEL,
    },
  });
  const traces = { OTEL_TRACES_EXPORTER: 'otlp' };
  const metrics = { OTEL_METRICS_EXPORTER: 'otlp' };
  const logs = { OTEL_LOGS_EXPORTER: 'otlp' };
  try {
    const done = await work([
      { name: 'no SDK', contestant },
      { name: 'SDK: metrics', contestant, ...started(metrics) },
      { name: 'SDK: traces', contestant, ...started(traces) },
      { name: 'SDK: traces, metrics and logs, in batches', contestant, ...started({ ...traces, ...metrics, ...logs }) },
    ]);
    if (received === 0) throw new Error('The collector heard nothing: what was measured is not an SDK that sends.');
    return done;
  } finally {
    collector.closeAllConnections();
    collector.close();
  }
}

/** Without an SDK first. */
export function raceTelemetry(method: Method, venue: Venue, say: Say): Promise<readonly Result[]> {
  return withCollector((entrants) => race(entrants, method, venue, say));
}

export function telemetryProfile(method: Method, venue: Venue, say: Say) {
  return withCollector((entrants) => profile(entrants.at(-1)!, method, venue, say));
}

export function telemetryTable([without, ...others]: readonly Result[]): string {
  const row = ({ name, costs }: Result) => [
    name,
    median(costs.map(({ cpu }) => cpu)).toFixed(0),
    median(costs.map(({ cpu }, round) => cpu - without!.costs[round]!.cpu)).toFixed(0),
    `${median(costs.map(({ cpu }, round) => cpu / without!.costs[round]!.cpu)).toFixed(2)} ×`,
  ];
  return table(['express-memory', 'CPU µs', 'more, µs', 'of no SDK'], [without!, ...others].map(row));
}
