// What the reference pages say of signals and answers is seen, not written: here every kind of ceremony is lived through once,
// with a software passkey, a memory store and the OpenTelemetry SDK.
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import * as core from '../../packages/core/src/index.ts';
import { createSoftwarePasskey } from '../../packages/testing/src/passkey/software-passkey.ts';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '../../packages/testing/src/passkey/webauthn-json.ts';

const tests = new URL('../../tests/package.json', import.meta.url);

/** Goes once through everything that leaves a signal, and answers what the OpenTelemetry SDK and the routes gave. */
export async function live() {
  // Not called require: its modules are no dependency of scripts, and are not looked for when scripts are type-checked.
  const load = createRequire(tests);
  const { InMemoryLogRecordExporter, SimpleLogRecordProcessor } = load('@opentelemetry/sdk-logs');
  const { AggregationTemporality, InMemoryMetricExporter, PeriodicExportingMetricReader } =
    load('@opentelemetry/sdk-metrics');
  const { InMemorySpanExporter, SimpleSpanProcessor } = load('@opentelemetry/sdk-trace');
  const { NodeSDK } = load('@opentelemetry/sdk-node');
  const finished = new InMemorySpanExporter();
  const logged = new InMemoryLogRecordExporter();
  const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 });
  const sdk = new NodeSDK({
    spanProcessors: [new SimpleSpanProcessor({ exporter: finished })],
    logRecordProcessors: [new SimpleLogRecordProcessor({ exporter: logged })],
    metricReaders: [reader],
    instrumentations: [],
  });
  sdk.start();
  const answers = await ceremonies();
  await reader.forceFlush();

  const metrics: Map<string, { kind: string; unit: string; description: string; attributes: Set<string> }> = new Map();
  for (const { scopeMetrics } of measured.getMetrics()) {
    for (const { descriptor, dataPoints, dataPointType } of scopeMetrics.flatMap(
      (scope: { metrics: object[] }) => scope.metrics,
    )) {
      const { name, unit, description } = descriptor;
      const kind = dataPointType === 0 ? 'histogram' : 'counter';
      const attributes = new Set(dataPoints.flatMap((point: { attributes: object }) => Object.keys(point.attributes)));
      metrics.set(name, { kind, unit, description, attributes: attributes as Set<string> });
    }
  }
  const all = finished.getFinishedSpans();
  const nameOf = new Map<string, string>(
    all.map((span: { name: string; spanContext(): { spanId: string } }) => [span.spanContext().spanId, span.name]),
  );
  const spans: Map<string, { parents: Set<string>; attributes: Set<string> }> = new Map();
  for (const span of all) {
    const seen = spans.get(span.name) ?? { parents: new Set(), attributes: new Set() };
    const parent = nameOf.get(span.parentSpanContext?.spanId);
    if (parent !== undefined) seen.parents.add(parent);
    for (const name of Object.keys(span.attributes)) seen.attributes.add(name);
    spans.set(span.name, seen);
  }
  const events: Map<string, { severities: Set<string>; attributes: Set<string> }> = new Map();
  for (const { eventName, severityText, attributes } of logged.getFinishedLogRecords()) {
    const seen = events.get(eventName) ?? { severities: new Set(), attributes: new Set() };
    seen.severities.add(severityText);
    for (const name of Object.keys(attributes)) seen.attributes.add(name);
    events.set(eventName, seen);
  }
  await sdk.shutdown();
  return { answers, metrics, spans, events };
}

/** A success: its status, and the members of its body with whether they were there each time. */
interface Answer {
  readonly status: number;
  readonly members: Map<string, boolean>;
}

/** As much of the answers' bodies as the next request needs. */
interface Body {
  readonly id: string;
  readonly attemptId: string;
  readonly publicKey: PublicKeyCredentialCreationOptionsJSON & PublicKeyCredentialRequestOptionsJSON;
  readonly passkey: { readonly id: string };
}

/** A step that takes this many milliseconds leaves a span. */
const LONG = 8;

/** A store whose every verb takes that long. */
const slowly = (store: Required<core.Store>): core.Store => {
  const each = <Port extends object>(port: Port) =>
    Object.fromEntries(
      Object.entries(port).map(([name, verb]) => [
        name,
        typeof verb === 'function' ? (...args: unknown[]) => setTimeout(LONG).then(() => verb(...args)) : verb,
      ]),
    ) as Port;
  const sessions = each(store.sessions);
  return {
    challenges: each(store.challenges),
    passkeys: { ...each(store.passkeys), sessions },
    sessions,
    attempts: each(store.attempts),
    invitations: each(store.invitations),
  };
};

async function ceremonies() {
  const clock = { now: Date.UTC(2026, 10, 22) };
  const accounts = new Map();
  const origin = 'https://example.com';
  const silent = { info() {}, warn() {}, error() {} };
  const broken = { on: false };
  const passkeys = core.createPasskeys({
    rp: { id: 'example.com', name: 'Example', origins: [origin] },
    users: {
      find: (id) => accounts.get(id),
      create: ({ name, displayName }) => {
        if (accounts.has(name)) return undefined;
        const user = { id: name, name, displayName };
        accounts.set(name, user);
        return user;
      },
    },
    store: slowly(core.memoryStore()),
    policy: { immediateMediation: 'report', signCount: 'refuse', maxPasskeys: 3 },
    audit: {
      sinks: [
        {
          name: 'file',
          onFailure: 'fail_closed',
          write: async () => {
            await setTimeout(LONG);
            if (broken.on) throw new Error('full');
          },
        },
      ],
      identityKey: 'for the reference and nothing else, this key is',
    },
    rateLimit: { limits: { outcome: { points: 3, seconds: 60 } } },
    logger: silent,
    // With so few, each sign-in asks for those too many; else one in ten does.
    sessions: { max: 10 },
    sweepEvery: false,
    clock: () => clock.now,
  });

  const answers: Map<string, Answer> = new Map();
  const cookies = new Map<string, string>();
  async function ask(route: string, body?: object, id?: string): Promise<Body> {
    const [method = '', path = ''] = route.split(' ');
    const headers: Record<string, string | undefined> = {
      origin,
      'user-agent': 'Reference',
      cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    };
    if (body) headers['content-type'] = 'application/json';
    const response = await passkeys.handle({
      method,
      path: path.replace(':id', id ?? ''),
      url: `/passkeys${path.replace(':id', id ?? '')}`,
      header: (name) => headers[name],
      body: { parsed: body },
      address: '203.0.113.7',
      framework: 'express@5',
      native: {},
      nativeResponse: {},
      logger: silent,
    });
    for (const line of response.cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const isJson = response.headers['content-type']?.includes('json');
    const answer = isJson && response.body ? JSON.parse(response.body) : null;
    if (response.status < 300) {
      const given = Object.keys(answer ?? {});
      const before = answers.get(route)?.members ?? new Map(given.map((member) => [member, true]));
      const all = new Set([...before.keys(), ...given]);
      const members = new Map(
        [...all].map((member) => [member, given.includes(member) && before.get(member) === true]),
      );
      answers.set(route, { status: response.status, members });
    }
    return answer;
  }
  const used = { uiMode: 'immediate', immediateGet: true };
  const unused = { uiMode: 'none', immediateGet: true };
  const newPasskey = (signCount = 0) => createSoftwarePasskey({ origin, signCount, backupEligible: false });

  async function register(passkey: ReturnType<typeof newPasskey>, body: object) {
    const { attemptId, publicKey } = await ask('POST /registration/options', body);
    return ask('POST /registration/verify', { attemptId, credential: passkey.register(publicKey), client: unused });
  }
  async function signIn(
    passkey: ReturnType<typeof newPasskey>,
    { mode = 'immediate', client = used, bend }: { mode?: string; client?: object; bend?: object } = {},
  ) {
    const { attemptId, publicKey } = await ask('POST /authentication/options', { mode, client });
    return ask('POST /authentication/verify', { attemptId, credential: passkey.authenticate(publicKey, bend), client });
  }
  async function stepUp(passkey: ReturnType<typeof newPasskey>, action?: string) {
    const { attemptId, publicKey } = await ask('POST /step-up/options', { ...(action && { action }), client: used });
    return ask('POST /step-up/verify', { attemptId, credential: passkey.authenticate(publicKey), client: unused });
  }

  const first = newPasskey();
  await register(first, { username: 'ada' });
  await ask('DELETE /session');
  await signIn(first);
  await signIn(first, { mode: 'modal', client: unused });
  await signIn(first, { bend: { flags: { UV: false } } });
  await signIn(first, { bend: { signCount: 1 } });
  await stepUp(first);
  await stepUp(first, 'transfer');
  const second = newPasskey();
  const added = await register(second, { nickname: 'Key' });
  await register(second.clone(), {}).catch(() => {});
  await ask('PATCH /credentials/:id', { nickname: 'My key' }, added.passkey.id);
  await ask('PATCH /credentials/:id', { enabled: false }, added.passkey.id);
  await ask('PATCH /credentials/:id', { enabled: true }, added.passkey.id);
  await ask('POST /offer', {});
  await ask('DELETE /offer');
  await ask('GET /credentials');
  await ask('GET /signals');
  await ask('GET /session');
  await ask('GET /sessions');
  await ask('GET /activity');
  await ask('DELETE /sessions');
  await ask('DELETE /credentials/:id', undefined, added.passkey.id);

  // Ended in the page; answered twice; answered by nobody; prepared and never used; asked for too often.
  const cancelled = await ask('POST /authentication/options', { client: used });
  await ask('POST /attempts/:id/outcome', { errorName: 'NotAllowedError', client: used }, cancelled.attemptId);
  await ask('POST /authentication/verify', { attemptId: cancelled.attemptId, credential: {}, client: used });
  for (const mode of ['immediate', 'conditional']) await ask('POST /authentication/options', { mode, prefetch: true });
  await ask('POST /authentication/options', { client: used });
  await ask('POST /authentication/options', { mode: 'conditional', client: used });
  clock.now += 3_600_000;
  await passkeys.sweep();
  broken.on = true;
  await signIn(first);
  broken.on = false;
  await signIn(first);
  const { id } = await ask('GET /session');
  await ask('DELETE /sessions/:id', undefined, id);
  await signIn(first);
  const { token } = await passkeys.invite('ada', { by: 'operator', reason: 'a row of the reference' });
  await ask('POST /registration/options', { invitation: token });
  await passkeys.forUser('ada').forget({ by: 'operator', reason: 'the end of the reference' });
  clock.now += 40 * 86_400_000;
  await passkeys.sweep();
  for (const script of ['GET /client.js', 'GET /elements.js', 'GET /elements/:id'])
    answers.set(script, { status: 200, members: new Map() });
  await passkeys.close();
  return answers;
}
