export {};
// telemetry.ts
import { NodeSDK } from '@opentelemetry/sdk-node';

const sdk = new NodeSDK({ serviceName: 'my-application' });
sdk.start();
process.once('SIGTERM', () => sdk.shutdown().finally(() => process.exit()));