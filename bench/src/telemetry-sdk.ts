/** It starts the OpenTelemetry SDK in a server process, before anything else is loaded, as `OTEL_*` says. */
import { NodeSDK } from '@opentelemetry/sdk-node';

new NodeSDK({ instrumentations: [] }).start();
