/**
 * Would records be lost? OpenTelemetry does nothing, silently, where it is set up by half; this looks, says what is missing
 * and what to do. It reads the API's own register, the only place that knows what another copy of the API was told.
 */

import { channel } from 'node:diagnostics_channel';
import * as otel from '@opentelemetry/api';
import type { AppConfig } from '../config/config.ts';
import type { Logger, Sink } from '../options.ts';
import { endsWithProcess } from '../store/memory-store.ts';
import { standardOutput } from './publish.ts';

/** Something that is set up in a way that loses records or signals of them. */
export interface TelemetryFinding {
  /** What is wrong. A contract: the sentence may change, the code does not. */
  readonly code: 'api_copies' | 'no_log_events' | 'no_context' | 'no_metrics' | 'no_trail';
  /** `warning`: records, or their traces, are lost: said at start-up. `note`: worth knowing for who looks. */
  readonly severity: 'warning' | 'note';
  /** What was seen, and what it loses: one sentence. */
  readonly saw: string;
  /** What to do: one sentence. */
  readonly todo: string;
}

/** What the API keeps for all of its copies in a process. */
interface Register {
  readonly version: string;
  readonly trace?: unknown;
  readonly metrics?: unknown;
  readonly logs?: unknown;
  readonly context?: unknown;
}

const known = globalThis as Record<symbol, unknown>;

/**
 * How this process's OpenTelemetry would lose records; nothing where there is no SDK, and nothing where one is set up. Call
 * it when the SDK has started. With a configuration, also whether its records go anywhere at all.
 */
export function checkTelemetry(config?: {
  readonly sinks: readonly Sink[];
  readonly logger: Logger | undefined;
}): readonly TelemetryFinding[] {
  const register = (known[Symbol.for('opentelemetry.js.api.1')] ?? {}) as Partial<Register>;
  const logsOfSdk2 = typeof known[Symbol.for('io.opentelemetry.js.api.logs')] === 'function';
  const hasLogs = logsOfSdk2 || register.logs !== undefined;
  const unseen =
    (register.trace !== undefined && otel.trace.getTracerProvider() !== register.trace) ||
    (register.metrics !== undefined && otel.metrics.getMeterProvider() !== register.metrics) ||
    (register.logs !== undefined && !logsOfSdk2 && !('logs' in otel));
  const findings: TelemetryFinding[] = [];
  const find = (
    code: TelemetryFinding['code'],
    severity: TelemetryFinding['severity'],
    { saw, todo }: Pick<TelemetryFinding, 'saw' | 'todo'>,
  ) => findings.push({ code, severity, saw, todo });
  if (unseen) {
    find('api_copies', 'warning', {
      saw: `The OpenTelemetry SDK uses @opentelemetry/api ${register.version} and @latchkey/core another copy that does not fit it, so attempts are missing from it.`,
      todo: 'Install one version for both: `npm ls @opentelemetry/api` shows who brings which.',
    });
  } else if (register.trace !== undefined) {
    if (!hasLogs && !isTurnedOff('OTEL_LOGS_EXPORTER')) {
      find('no_log_events', 'warning', {
        saw: 'The OpenTelemetry SDK has traces and no logs, so no attempt becomes a log event.',
        todo: 'Give the SDK a log record processor, or set OTEL_LOGS_EXPORTER=none if that is what you want.',
      });
    }
    if (register.context === undefined) {
      find('no_context', 'warning', {
        saw: 'The OpenTelemetry SDK has no context manager, so spans do not nest and records have no trace.',
        todo: 'Start NodeSDK, or register an AsyncLocalStorageContextManager from @opentelemetry/context-async-hooks.',
      });
    }
    if (register.metrics === undefined && !isTurnedOff('OTEL_METRICS_EXPORTER')) {
      find('no_metrics', 'note', {
        saw: 'The OpenTelemetry SDK has traces and no metrics, so nothing is counted.',
        todo: 'Give the SDK a metric reader, or set OTEL_METRICS_EXPORTER=none if that is what you want.',
      });
    }
  }
  if (config && config.sinks.length === 0 && isSilent(config.logger) && !hasLogs && !channel(CHANNEL).hasSubscribers) {
    find('no_trail', 'warning', {
      saw: 'The logger takes no `info` and there is nothing else that records go to, so successful sign-ins leave no trace.',
      todo: "Name a sink in audit.sinks, or set the logger's level to 'info'.",
    });
  }
  return findings;
}

const CHANNEL = 'latchkey.attempt';

const isTurnedOff = (variable: string) =>
  (process.env[variable] ?? '').split(',').some((name) => name.trim() === 'none');

/** pino and its kin say what they would drop. */
function isSilent(logger: (Logger & { isLevelEnabled?(level: string): boolean }) | undefined): boolean {
  return logger?.isLevelEnabled?.('info') === false;
}

/** By then a server's SDK has started; one that starts later is for who asks. */
const GRACE_MS = 10_000;

/** What this process was told already. */
const said = new Set<string>();

/**
 * Says once in the life of a process what would be lost, and that records need an identity key: to the configured logger, or as
 * a process warning where that one is silent.
 */
export function warnOfLoss(config: AppConfig): void {
  for (const { code, severity, saw, todo } of checkTelemetry(config)) {
    if (severity === 'warning') warnOnce(config, `${saw} ${todo}`, { type: 'LatchkeyTelemetry', code });
  }
  // In memory no passkey is there after a restart, so that none gets another name by it.
  if (config.identityKey.isEphemeral && !endsWithProcess(config.store.passkeys)) {
    warnOnce(config, NO_IDENTITY_KEY, { type: 'LatchkeyRecords', code: 'no_identity_key' });
  }
}

/** In the words of `latchkey doctor`. */
const NO_IDENTITY_KEY =
  'Set audit.identityKey, the same in every process: without it a passkey has another name in the records after each start.';

function warnOnce({ logger }: AppConfig, message: string, how: { readonly type: string; readonly code: string }): void {
  const { code } = how;
  if (said.has(code)) return;
  said.add(code);
  if (isSilent(logger)) process.emitWarning(message, how);
  else (logger ?? standardOutput).warn({ code }, `latchkey: ${message}`);
}

/**
 * Warns a while after the start. Keeps no process alive, and sets no timer where `sweepEvery` is false: then the application's
 * own sweep warns. Returns how to stop.
 */
export function warnOfLossSoon(config: AppConfig): () => void {
  if (config.sweepEveryMs === false) return () => {};
  const timer = setTimeout(() => warnOfLoss(config), GRACE_MS);
  timer.unref();
  return () => clearTimeout(timer);
}
