/**
 * The application's own OpenTelemetry SDK: what a customer has already. Latchkey knows only the API; this is the whole
 * set-up that its spans, metrics and log events need, and it starts only when the environment asks for it.
 */
const SIGNALS = ['TRACES', 'METRICS', 'LOGS'] as const;

const isSet = (name: string) => Boolean(process.env[name]?.trim());

/** Starts the SDK if an `OTEL_*` variable names an exporter or an endpoint. Resolves to how to flush and stop it. */
export async function startTelemetry(): Promise<() => Promise<void>> {
  const endpoints = [
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    ...SIGNALS.map((signal) => `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`),
  ];
  const wanted = SIGNALS.some((signal) => isSet(`OTEL_${signal}_EXPORTER`)) || endpoints.some(isSet);
  if (!wanted || process.env.OTEL_SDK_DISABLED === 'true') return async () => {};

  // The SDK would send a signal that nobody spoke of to http://localhost:4318, and complain when nobody is there.
  for (const signal of SIGNALS) {
    const spokenOf = [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`,
      `OTEL_${signal}_EXPORTER`,
    ];
    if (!spokenOf.some(isSet)) process.env[`OTEL_${signal}_EXPORTER`] = 'none';
  }
  if (!isSet('OTEL_SERVICE_NAME')) process.env.OTEL_SERVICE_NAME = 'latchkey-demo';
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK();
  sdk.start();
  return () => sdk.shutdown();
}
