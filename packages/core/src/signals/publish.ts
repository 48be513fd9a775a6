/**
 * Where a finished record goes: the log line, OpenTelemetry, Node's diagnostics channel and the sinks. No option turns
 * it off. A sink that fails changes nothing, unless it was declared `fail_closed`: then nobody gets in without a record.
 */

import { channel } from 'node:diagnostics_channel';
import type { AppConfig } from '../config/config.ts';
import { withTimeout } from '../deadline.ts';
import { refuse } from '../errors.ts';
import type { Logger, Sink } from '../options.ts';
import type { AttemptRecord } from '../record/attempt.ts';
import { countAuditRecord, emitSignals, ignoringErrors, inSpan } from './telemetry.ts';

const attempts = channel('latchkey.attempt');

/** How long a sink may take that is waited for, and everything that is under way when the application closes. */
export const DEADLINE_MS = 5_000;

/** What became of a record at the `fail_closed` sinks. */
export interface SinkOutcome {
  /** Each of them has it. */
  readonly kept: boolean;
  /** Those that were asked, and need not be asked again. */
  readonly asked: ReadonlySet<Sink>;
}

/**
 * Hands the record to the `fail_closed` sinks, one after the other, as they were declared. The first that does not take it
 * ends it, so the last one has no success that did not happen; those before it get the record of the refusal as well.
 */
export async function writeRequiredSinks(record: AttemptRecord, config: AppConfig): Promise<SinkOutcome> {
  const asked = new Set<Sink>();
  const sinks = config.sinks.filter(({ onFailure }) => onFailure === 'fail_closed');
  if (sinks.length === 0) return { kept: true, asked };
  try {
    await inSpan('latchkey.audit.write', async () => {
      for (const sink of sinks) {
        asked.add(sink);
        if (!(await withTimeout(write(sink, record), DEADLINE_MS))) throw refuse('audit_unavailable');
      }
    });
    return { kept: true, asked };
  } catch {
    return { kept: false, asked };
  }
}

/** How a record came to be announced. */
interface PublishOptions {
  /** Sinks that were asked already, by {@link writeRequiredSinks}. */
  readonly asked?: ReadonlySet<Sink>;
  /** Not what the request itself is about: its span is not this record's. */
  readonly aside?: boolean;
}

/** Tells everyone. Waits for nothing and survives everything. */
export function publishRecord(
  record: AttemptRecord,
  config: AppConfig,
  logger: Logger | undefined,
  { asked, aside = false }: PublishOptions = {},
): void {
  const level = record.event.severity.toLowerCase() as 'info' | 'warn' | 'error';
  const line = config.logger ?? logger ?? (config.sinks.some(isOnStandardOutput) ? undefined : standardOutput);
  ignoringErrors(() => line?.[level](record, record.message));
  ignoringErrors(() => emitSignals(record, aside));
  ignoringErrors(() => attempts.publish(record));
  for (const sink of config.sinks) {
    if (asked?.has(sink)) continue;
    const writing = write(sink, record);
    config.underWay.add(writing);
    void writing.then(() => config.underWay.delete(writing));
  }
}

/** Resolves when no record and no notification is under way any more, or after a few seconds. */
export async function drain(config: AppConfig): Promise<void> {
  await withTimeout(Promise.all(config.underWay), DEADLINE_MS).catch(() => {});
}

/** Tells the operators, and nobody else, what went wrong on our side. */
export function logError(
  thrown: unknown,
  attemptId: string | null,
  config: AppConfig,
  logger?: Logger,
  what = 'a request failed through our fault',
): void {
  const error: Error & { code?: unknown } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { name, message, code, stack } = error;
  const fields = { attemptId, error: { name, message, code, stack } };
  ignoringErrors(() => (config.logger ?? logger ?? standardOutput).error(fields, `latchkey: ${what}`));
}

async function write(sink: Sink, record: AttemptRecord): Promise<boolean> {
  let written = true;
  try {
    await sink.write(record);
  } catch {
    written = false;
  }
  ignoringErrors(() => countAuditRecord(sink.name, written ? 'written' : 'failed'));
  return written;
}

const isOnStandardOutput = ({ onStandardOutput }: Sink) => onStandardOutput === true;

const line = (fields: object, message: string) =>
  void process.stdout.write(`${JSON.stringify({ ...fields, message })}\n`);

/** Each record as a line of JSON on standard output, past every logging library: what is used where there is no logger. */
export const standardOutput: Logger = { info: line, warn: line, error: line };
