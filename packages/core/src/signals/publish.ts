/**
 * Where a finished record goes: the log line, OpenTelemetry, Node's diagnostics channel and the sinks. No option turns
 * it off. A sink that fails is said in the log, and changes nothing else, unless it was declared `fail_closed`: then
 * nobody gets in without a record.
 */
import { channel } from 'node:diagnostics_channel';
import type { AppConfig } from '../config/config.ts';
import { withTimeout } from '../deadline.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Logger, Sink } from '../options.ts';
import type { AttemptRecord } from '../record/attempt.ts';
import { pseudonymous } from '../record/pseudonymous.ts';
import type { Awaitable } from '../store/store.ts';
import { countAuditRecord, emitSignals, ignoringErrors, inStep } from './telemetry.ts';

const attempts = channel('latchkey.attempt');

/** How long a sink may take, and everything that is under way when the application closes, in milliseconds. */
export const DEADLINE_MS = 5_000;

/** How many records may be under way to a sink that does not bound them itself. One more is lost, which the log says. */
const MOST_UNDER_WAY = 1_000;

/** How many records that no sign-in waits for may be under way to a `fail_closed` sink: so many are in front of one at most. */
const MOST_UNAWAITED = 16;

/** How often a sink that goes on failing is mentioned in the log, in milliseconds. */
const REMIND_MS = 60_000;

/** How a record is published. */
export interface PublishOptions {
  /** Sinks that have been asked already, by {@link Publisher.writeRequired}. */
  readonly asked?: ReadonlySet<Sink>;
  /** The request is about something else: its span is not this record's. */
  readonly aside?: boolean;
}

/** Where one request reports to. */
export interface Reporter {
  /** Sends a record to the log, telemetry and sinks. Does not wait; never throws. */
  record(record: AttemptRecord, options?: PublishOptions): void;
  /** Tells the operators, and nobody else, what went wrong on our side. Never throws. */
  error(thrown: unknown, about?: { readonly attemptId?: string | null; readonly what?: string }): void;
  /** Follows work that nobody waits for, so that closing waits for it. */
  track(work: Promise<unknown>): void;
}

/** Everything that leaves this process about attempts. */
export interface Publisher {
  /** `logger`: the request's own, used unless the application configured one. */
  reporter(logger?: Logger): Reporter;
  /**
   * Hands the record to the `fail_closed` sinks, one after the other, as they were declared, up to the first that does not take
   * it: then `failure` is `audit_unavailable`, with the sink's name and its error as the cause. `asked`: those that were asked.
   */
  writeRequired(record: AttemptRecord): Promise<{ readonly asked: ReadonlySet<Sink>; readonly failure?: Refusal }>;
  /** Resolves when nothing is under way any more, or after {@link DEADLINE_MS}. */
  drain(): Promise<void>;
}

export function createPublisher(config: AppConfig): Publisher {
  const underWay = new Set<Promise<unknown>>();
  const healths = new Map(config.sinks.map((sink) => [sink, createHealth(sink)]));
  const required = config.sinks.filter(({ onFailure }) => onFailure === 'fail_closed');
  /** Refusals wait here for their turn, so that the sign-ins that wait for such a sink do not stand behind all of them. */
  const turns = new Map(required.map((sink) => [sink, inTurn(MOST_UNAWAITED)]));
  const toStandardOutput = config.sinks.some(({ onStandardOutput }) => onStandardOutput === true);

  /** What a log line, or a sink that writes in its place, says of a record. */
  const lineOf = (record: AttemptRecord) => (config.logLine === 'pseudonyms' ? pseudonymous(record) : record);

  const track = (work: Promise<unknown>) => {
    underWay.add(work);
    void work.finally(() => underWay.delete(work)).catch(() => {});
  };

  /** Hands a record to a sink. Throws where the sink fails, takes too long, or has too many already. */
  async function hand(sink: Sink, record: AttemptRecord): Promise<void> {
    const health = healths.get(sink)!;
    // What waits in a queue of its own is not lost, and a sign-in waits for nothing without end.
    const settlesLate = sink.settlesLate === true && sink.onFailure !== 'fail_closed';
    if (health.underWay >= MOST_UNDER_WAY && !settlesLate) {
      throw new Error(`${MOST_UNDER_WAY} records are under way already`);
    }
    const writing = health.follow(() => sink.write(sink.onStandardOutput === true ? lineOf(record) : record));
    if (writing instanceof Promise) await (settlesLate ? writing : withTimeout(writing, DEADLINE_MS));
  }

  /** Resolves to the error, or to undefined when the sink has the record. */
  async function write(sink: Sink, logger: Logger, handing: () => Promise<void>): Promise<unknown> {
    const health = healths.get(sink)!;
    let failure: unknown;
    try {
      await handing();
    } catch (thrown) {
      failure = thrown ?? new Error('the sink failed without an error');
    }
    ignoringErrors(() => countAuditRecord(sink.name, failure === undefined ? 'written' : 'failed'));
    ignoringErrors(() => health.report(failure, config.now(), logger));
    return failure;
  }

  function reporter(requestLogger?: Logger): Reporter {
    const logger = config.logger ?? requestLogger;
    return {
      track,
      record(record, { asked, aside = false } = {}) {
        const level = record.event.severity.toLowerCase() as 'info' | 'warn' | 'error';
        const line = logger ?? (toStandardOutput ? undefined : standardOutput);
        ignoringErrors(() => line?.[level](lineOf(record), record.message));
        ignoringErrors(() => emitSignals(record, aside));
        ignoringErrors(() => attempts.publish(record));
        for (const sink of config.sinks) {
          if (asked?.has(sink)) continue;
          const handing = () => hand(sink, record);
          const turn = turns.get(sink);
          track(write(sink, logger ?? standardOutput, turn ? () => turn(handing) : handing));
        }
      },
      error(thrown, { attemptId = null, what = 'a request failed through our fault' } = {}) {
        const fields = { attemptId, error: describeError(thrown) };
        ignoringErrors(() => (logger ?? standardOutput).error(fields, `latchkey: ${what}`));
      },
    };
  }

  return {
    reporter,
    async writeRequired(record) {
      const asked = new Set<Sink>();
      if (required.length === 0) return { asked };
      try {
        await inStep('latchkey.audit.write', async () => {
          for (const sink of required) {
            asked.add(sink);
            const failure = await write(sink, config.logger ?? standardOutput, () => hand(sink, record));
            if (failure === undefined) continue;
            const cause = new Error(`the sink '${sink.name}' did not take the record`, { cause: failure });
            throw refuse('audit_unavailable', { cause });
          }
        });
        return { asked };
      } catch (thrown) {
        return { asked, failure: thrown as Refusal };
      }
    },
    async drain() {
      await withTimeout(Promise.all(underWay), DEADLINE_MS).catch(() => {});
    },
  };
}

/** Does at most so many works at once and the others in their order. Throws for one more than {@link MOST_UNDER_WAY} that wait. */
function inTurn(most: number) {
  const waiting: (() => void)[] = [];
  let free = most;
  return async (work: () => Promise<void>): Promise<void> => {
    if (free > 0) free -= 1;
    else if (waiting.length < MOST_UNDER_WAY) await new Promise<void>((go) => void waiting.push(go));
    else throw new Error(`${MOST_UNDER_WAY} records are waiting already`);
    try {
      await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/** How one sink does: how much is under way to it, and what the log has been told. */
function createHealth({ name }: Sink) {
  let failed = 0;
  let saidAt = Number.NEGATIVE_INFINITY;
  let underWay = 0;
  return {
    /** Writes that have not ended. One that hangs keeps its place, also when nobody waits any more: else memory would fill up. */
    get underWay() {
      return underWay;
    },
    follow(write: () => Awaitable<void>): Awaitable<void> {
      underWay += 1;
      const end = () => {
        underWay -= 1;
      };
      let writing: Awaitable<void>;
      try {
        writing = write();
      } catch (thrown) {
        end();
        throw thrown;
      }
      if (writing instanceof Promise) writing.then(end, end);
      else end();
      return writing;
    },
    /** The first failure at once, then one line a minute with the count, then one line when records arrive again. */
    report(failure: unknown, now: number, logger: Logger) {
      if (failure === undefined) {
        if (failed > 0) logger.warn({ sink: name, failed }, `latchkey: the sink '${name}' takes records again`);
        failed = 0;
        saidAt = Number.NEGATIVE_INFINITY;
        return;
      }
      failed += 1;
      if (now - saidAt < REMIND_MS) return;
      saidAt = now;
      const fields = { sink: name, failed, error: describeError(failure) };
      logger.error(fields, `latchkey: the sink '${name}' does not take records`);
    },
  };
}

function describeError(thrown: unknown): object {
  const error: Error & { code?: unknown } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { name, message, code, stack, cause } = error;
  return { name, message, code, stack, ...(cause !== undefined && { cause: describeError(cause) }) };
}

const line = (fields: object, message: string) =>
  void process.stdout.write(`${JSON.stringify({ ...fields, message })}\n`);

/** Each record as a line of JSON on standard output, past every logging library: what is used where there is no logger. */
export const standardOutput: Logger = { info: line, warn: line, error: line };
