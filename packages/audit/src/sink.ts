/** What the sinks of this package have beyond core's `Sink`: an end, bounds, and lines of any shape. */
import type { AttemptRecord, AttemptStore } from '@latchkey/core';
import { type Bounds, bounded } from './bounded.ts';

/** What every sink of this package has, whatever it takes. */
export interface Closable {
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
  /** Resolves when the line is kept; rejects when it is not, or may not be. */
  readonly write: (line: object) => Promise<void>;
  /** Lines that are there already, the newest first: a hash chain goes on from them. */
  readonly linesFromEnd?: () => Iterable<string>;
  /** Resolves when nothing is under way any more, to the last line that this process wrote; null for none. */
  readonly lastWritten?: () => Promise<string | null>;
  /** Brings what was written to the disk: before a checkpoint says that it is there. */
  readonly sync?: () => Promise<void>;
  /** Other processes that have the same log open, each as `process 17 on host-a`. */
  readonly otherWriters?: () => readonly string[];
  /** Tells when another file begins, with the last line that this process wrote into the one before; null for none. */
  readonly onNewFile?: (listener: (lastLine: string | null) => void) => void;
  /** Lets go of everything at once, without waiting: for a sink that nothing was written to yet. */
  readonly release?: () => void;
}

/** What every sink takes. */
export interface SinkOptions extends Bounds {
  /** Names the sink in the counter `latchkey.audit.records`. */
  readonly name?: string;
  /** `fail_closed` refuses the sign-in whose record this sink does not take. Default `fail_open`. */
  readonly onFailure?: 'fail_open' | 'fail_closed';
}

/**
 * The attempts of a store as a sink: an SQL table, a Redis stream. Core writes to `store.attempts` by itself, without trying
 * again; this is for a queue around it, or for `fail_closed`. Its default name is `attempts`; core's own is `attempt_store`.
 * The store belongs to the application and stays open.
 */
export function attemptStoreSink(attempts: Pick<AttemptStore, 'append'>, options: SinkOptions = {}): RecordSink {
  const { name = 'attempts', onFailure } = options;
  const run = bounded('attemptStoreSink', name, options);
  return {
    name,
    ...(onFailure && { onFailure }),
    write: (record) => run(async () => attempts.append(record)),
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
