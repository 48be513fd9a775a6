/**
 * What an SDK sends over OTLP as plain data, read by a decoder that is not the SDK's own. The schema is
 * the part of OTLP 1.x that the tests look at, as field numbers; what is not in it is skipped.
 */
import { type INamespace, Root } from 'protobufjs';

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 is INTERNAL. */
  readonly kind: number;
  readonly attributes: Attributes;
  readonly events: number;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly scope: string;
}

export interface LogEvent {
  readonly eventName: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: unknown;
  readonly attributes: Attributes;
  readonly timeMs: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly scope: string;
}

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'sum' | 'histogram' | 'other';
  readonly monotonic: boolean;
  readonly points: readonly {
    readonly attributes: Attributes;
    /** Of a sum. */
    readonly value: number;
    /** Of a histogram: how many were recorded, their total, and where one bucket ends and the next begins. */
    readonly count: number;
    readonly sum: number;
    readonly bounds: readonly number[];
  }[];
  readonly scope: string;
}

export type Attributes = Readonly<Record<string, unknown>>;

type Fields = Record<string, readonly [type: string, id: number] | readonly [type: string, id: number, 'repeated']>;

const message = (fields: Fields) => ({
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [type, id, rule]]) => [name, { type, id, ...(rule && { rule }) }]),
  ),
});

/** Of these one is sent, also where it is 0, false or empty. */
const oneOf = (fields: Fields) => ({ ...message(fields), oneofs: { sent: { oneof: Object.keys(fields) } } });

const SCHEMA: INamespace = {
  nested: {
    AnyValue: oneOf({
      stringValue: ['string', 1],
      boolValue: ['bool', 2],
      intValue: ['int64', 3],
      doubleValue: ['double', 4],
      arrayValue: ['ArrayValue', 5],
      kvlistValue: ['KeyValueList', 6],
      bytesValue: ['bytes', 7],
    }),
    ArrayValue: message({ values: ['AnyValue', 1, 'repeated'] }),
    KeyValueList: message({ values: ['KeyValue', 1, 'repeated'] }),
    KeyValue: message({ key: ['string', 1], value: ['AnyValue', 2] }),
    Scope: message({ name: ['string', 1], version: ['string', 2] }),

    Traces: message({ resources: ['ResourceSpans', 1, 'repeated'] }),
    ResourceSpans: message({ scopes: ['ScopeSpans', 2, 'repeated'] }),
    ScopeSpans: message({ scope: ['Scope', 1], items: ['Span', 2, 'repeated'] }),
    Span: message({
      traceId: ['bytes', 1],
      spanId: ['bytes', 2],
      parentSpanId: ['bytes', 4],
      name: ['string', 5],
      kind: ['int32', 6],
      attributes: ['KeyValue', 9, 'repeated'],
      events: ['Event', 11, 'repeated'],
      links: ['Link', 13, 'repeated'],
      status: ['Status', 15],
    }),
    Event: message({ name: ['string', 2] }),
    Link: message({ traceId: ['bytes', 1], spanId: ['bytes', 2] }),
    Status: message({ code: ['int32', 3] }),

    Logs: message({ resources: ['ResourceLogs', 1, 'repeated'] }),
    ResourceLogs: message({ scopes: ['ScopeLogs', 2, 'repeated'] }),
    ScopeLogs: message({ scope: ['Scope', 1], items: ['LogRecord', 2, 'repeated'] }),
    LogRecord: message({
      timeUnixNano: ['fixed64', 1],
      severityNumber: ['int32', 2],
      severityText: ['string', 3],
      body: ['AnyValue', 5],
      attributes: ['KeyValue', 6, 'repeated'],
      traceId: ['bytes', 9],
      spanId: ['bytes', 10],
      eventName: ['string', 12],
    }),

    Metrics: message({ resources: ['ResourceMetrics', 1, 'repeated'] }),
    ResourceMetrics: message({ scopes: ['ScopeMetrics', 2, 'repeated'] }),
    ScopeMetrics: message({ scope: ['Scope', 1], items: ['Metric', 2, 'repeated'] }),
    Metric: message({ name: ['string', 1], unit: ['string', 3], sum: ['Sum', 7], histogram: ['Histogram', 9] }),
    Sum: message({ points: ['NumberPoint', 1, 'repeated'], monotonic: ['bool', 3] }),
    NumberPoint: message({ asDouble: ['double', 4], asInt: ['sfixed64', 6], attributes: ['KeyValue', 7, 'repeated'] }),
    Histogram: message({ points: ['HistogramPoint', 1, 'repeated'] }),
    HistogramPoint: message({
      count: ['fixed64', 4],
      sum: ['double', 5],
      bounds: ['double', 7, 'repeated'],
      attributes: ['KeyValue', 9, 'repeated'],
    }),
  },
};

const root = Root.fromJSON(SCHEMA);

// biome-ignore lint/suspicious/noExplicitAny: the schema above says what is in it.
type Decoded = any;

/** A decoded message has what was sent as members of its own; what was not sent reads as empty. */
function scoped(type: string, body: Uint8Array): { scope: string; item: Decoded }[] {
  const { resources }: Decoded = root.lookupType(type).decode(body);
  return resources.flatMap(({ scopes }: Decoded) =>
    scopes.flatMap(({ scope, items }: Decoded) => items.map((item: Decoded) => ({ scope: scope?.name ?? '', item }))),
  );
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function attributesOf(pairs: readonly { key: string; value: Decoded }[]): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, readValue(value)]));
}

/** Null for a value of no kind, which a correct SDK does not send. */
function readValue(value: Decoded): unknown {
  const [kind] = Object.keys(value ?? {});
  if (kind === 'arrayValue') return value.arrayValue.values.map(readValue);
  if (kind === 'kvlistValue') return attributesOf(value.kvlistValue.values);
  if (kind === 'intValue') return Number(value.intValue);
  return kind === undefined ? null : value[kind];
}

/** The body of `POST /v1/traces`. */
export function decodeSpans(body: Uint8Array): Span[] {
  return scoped('Traces', body).map(({ scope, item }) => ({
    scope,
    traceId: hex(item.traceId),
    spanId: hex(item.spanId),
    parentSpanId: hex(item.parentSpanId),
    name: item.name,
    kind: item.kind,
    attributes: attributesOf(item.attributes),
    events: item.events.length,
    links: item.links.map((link: Decoded) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
    status: item.status?.code ?? 0,
  }));
}

/** The body of `POST /v1/logs`. */
export function decodeLogs(body: Uint8Array): LogEvent[] {
  return scoped('Logs', body).map(({ scope, item }) => ({
    scope,
    eventName: item.eventName,
    severityNumber: item.severityNumber,
    severityText: item.severityText,
    body: readValue(item.body),
    attributes: attributesOf(item.attributes),
    timeMs: Math.round(Number(item.timeUnixNano) / 1e6),
    traceId: hex(item.traceId),
    spanId: hex(item.spanId),
  }));
}

/** The body of `POST /v1/metrics`. */
export function decodeMetrics(body: Uint8Array): Metric[] {
  return scoped('Metrics', body).map(({ scope, item }) => ({
    scope,
    name: item.name,
    unit: item.unit,
    kind: item.sum ? 'sum' : item.histogram ? 'histogram' : 'other',
    monotonic: item.sum?.monotonic ?? false,
    points: (item.sum ?? item.histogram ?? { points: [] }).points.map((point: Decoded) => ({
      attributes: attributesOf(point.attributes),
      value: Number(point.asInt ?? 0) + (point.asDouble ?? 0),
      count: Number(point.count ?? 0),
      sum: point.sum ?? 0,
      bounds: point.bounds ?? [],
    })),
  }));
}
