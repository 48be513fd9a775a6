/** An OpenTelemetry set-up that forgot half of it: traces, and nothing else. */
import { trace } from '@opentelemetry/api';
import { TracerProvider } from '@opentelemetry/sdk-trace';

trace.setGlobalTracerProvider(new TracerProvider());
