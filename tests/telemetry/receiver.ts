/**
 * An OTLP receiver on the loopback. It takes what an SDK posts as http/protobuf, keeps the bytes and
 * decodes them; or it fails in one of the ways a collector fails.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { decodeLogs, decodeMetrics, decodeSpans, type LogEvent, type Metric, type Span } from './otlp.ts';

export interface Receiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: Span[];
  readonly logs: LogEvent[];
  /** As they were last reported. */
  readonly metrics: Metric[];
  /** Every body, decompressed. */
  readonly bodies: Buffer[];
  /** `POST /v1/logs application/x-protobuf gzip`, each once. */
  readonly kinds: Set<string>;
  /** Log events that came while it refused. */
  readonly refused: LogEvent[];
  /** `answers`: takes everything. `refuses`: says 500. `hangs`: reads and says nothing. May change at any time. */
  behaviour: 'answers' | 'refuses' | 'hangs';
}

/** Closed with the test. */
export async function openReceiver(behaviour: Receiver['behaviour'] = 'answers'): Promise<Receiver> {
  const receiver: Receiver = {
    url: '',
    ...{ spans: [], logs: [], metrics: [], bodies: [], refused: [] },
    kinds: new Set<string>(),
    behaviour,
  };
  const take = {
    '/v1/traces': (body: Buffer) => receiver.spans.push(...decodeSpans(body)),
    '/v1/logs': (body: Buffer) => receiver.logs.push(...decodeLogs(body)),
    // Cumulative: the last report says it all.
    '/v1/metrics': (body: Buffer) => receiver.metrics.splice(0, Number.POSITIVE_INFINITY, ...decodeMetrics(body)),
  };
  const server = createServer(async (request, response) => {
    const { 'content-type': type, 'content-encoding': encoding = 'identity' } = request.headers;
    receiver.kinds.add(`${request.method} ${request.url} ${type} ${encoding}`);
    const sent = await buffer(request);
    if (receiver.behaviour === 'hangs') return;
    const answers = receiver.behaviour === 'answers';
    const body = encoding === 'gzip' ? gunzipSync(sent) : sent;
    if (answers) {
      receiver.bodies.push(body);
      take[request.url as keyof typeof take](body);
    } else if (request.url === '/v1/logs') receiver.refused.push(...decodeLogs(body));
    response.writeHead(answers ? 200 : 500, { 'content-type': 'application/x-protobuf' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return Object.assign(receiver, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
