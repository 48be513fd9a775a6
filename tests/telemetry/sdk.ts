/**
 * It turns a process into an application on one line of the OpenTelemetry SDK, when it is loaded first
 * (`--import`). Such an application has one `@opentelemetry/api`, and so has Latchkey in it: the one that npm finds for both.
 * In this workspace Latchkey's own is the newest, which no SDK of the 2.x line accepts.
 */
import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The 2.x line pairs with API 1.9 and keeps logs apart; the 3.x line with API 1.10, which contains them. */
export const LINES = ['sdk-2', 'sdk-3'] as const;
export type Line = (typeof LINES)[number];

const line = (process.env.SDK_LINE ?? 'sdk-3') as Line;

/** Loads a package as the application has it. */
export const installed = createRequire(join(import.meta.dirname, line, 'package.json'));

/** Two copies of the API in one application, by mistake: Latchkey's is then the other line's. */
const apiOfCore = createRequire(join(import.meta.dirname, process.env.API_OF ?? line, 'package.json'));
const api = pathToFileURL(apiOfCore.resolve('@opentelemetry/api')).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === '@opentelemetry/api' && context.parentURL?.includes('/packages/core/')
      ? { url: api, shortCircuit: true }
      : next(specifier, context),
});

export interface Sdk {
  shutdown(): Promise<void>;
}

/** Starts the whole SDK, as the environment configures it. */
export function startSdk(configuration: object = {}): Sdk {
  const { NodeSDK } = installed('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ instrumentations: [], ...configuration });
  sdk.start();
  return sdk;
}
