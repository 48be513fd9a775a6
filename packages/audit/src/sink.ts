/** Why this file exists: what the sinks of this package have beyond core's `Sink`: an end, and lines of any shape. */
import type { AttemptRecord, AttemptStore } from '@latchkey/core';

interface Closable {
  /** Names the sink in the counter `latchkey.audit.records`. */
  readonly name: string;
  /** `fail_closed` refuses the sign-in whose record this sink does not take. Default `fail_open`. */
  readonly onFailure?: 'fail_open' | 'fail_closed';
  /** It writes to standard output: core then leaves out the log line that it would write there. */
  readonly onStandardOutput?: boolean;
  /** Waits for what is under way and lets go of everything. What is written later is rejected. */
  readonly close: () => Promise<void>;
}

/** Takes attempt records. Every one fits core's `Sink`. */
export interface RecordSink extends Closable {
  /** Resolves when the record is kept; rejects when it is not, or may not be. */
  readonly write: (record: AttemptRecord) => Promise<void>;
}

/** Takes any object and keeps it as a line of JSON: an attempt record, or what it was mapped to. */
export interface LineSink extends Closable {
  readonly write: (line: object) => Promise<void>;
  /** The last line that is there already, for a hash chain to go on from; null when there is none. */
  readonly lastLine?: () => string | null;
  /** Other processes of this machine that write to the same place, by their ids. */
  readonly otherWriters?: () => number[];
}

/** What `name` and `onFailure` a sink was given. */
export interface SinkOptions {
  readonly name?: string;
  readonly onFailure?: 'fail_open' | 'fail_closed';
}

/** The attempts of a store as a sink: an SQL table, a Redis stream. The store belongs to the application and stays open. */
export function attemptStoreSink(attempts: AttemptStore, options: SinkOptions = {}): RecordSink {
  return {
    name: 'attempt_store',
    ...options,
    write: async (record) => attempts.append(record),
    close: async () => {},
  };
}

/**
 * Writes each record in another vocabulary: `mapped(fileSink(…), toEcs)`. A hash chain goes inside, around the sink of
 * lines: it seals what is written.
 */
export function mapped(sink: LineSink, map: (record: AttemptRecord) => object): RecordSink {
  const { name, onFailure, onStandardOutput, close } = sink;
  const write = async (record: AttemptRecord) => sink.write(map(record));
  return { name, ...(onFailure && { onFailure }), ...(onStandardOutput && { onStandardOutput }), close, write };
}
