/** Records of attempts, from a store or from a log of JSON lines: all of them, the newest first, or as they come. */
import { setTimeout } from 'node:timers/promises';
import type { AttemptQuery, AttemptRecord, AttemptStore } from '@latchkey/core';
import type { Command } from 'commander';
import { openStore, type StoreConnection } from '../connection.ts';
import { type StoreOptions, storeOptions } from '../terminal/command.ts';
import { Fault } from '../terminal/fault.ts';
import type { Output } from '../terminal/output.ts';
import { linesThere, newLinesOf, recordIn } from './log.ts';

export type SourceOptions = StoreOptions & { readonly log?: string; readonly json?: boolean };

/** Which records a store is asked for. */
export type Query = Omit<AttemptQuery, 'limit' | 'before'>;

export interface Source {
  /** Every record of a query, in no order that can be relied on. A log gives all of its records, whatever the query. */
  records(query: Query): AsyncIterable<AttemptRecord>;
  /** Whether `records` comes with the newest first. */
  readonly newestFirst: boolean;
  /** The record whose event has this id, where it can be had at once. */
  eventOf(id: string): Promise<AttemptRecord | null>;
  /** Records from now on, until the signal aborts. */
  coming(query: Query, everyMs: number): AsyncIterable<AttemptRecord>;
  /** The store, where one is named: also beside a log, to look passkeys up. */
  store(): Promise<StoreConnection | null>;
}

/** As many as a store gives at once. */
const PAGE = 1_000;

/** Processes write their records a little late, and not in order: this far back a store is asked again. */
const LATE_MS = 60_000;

export function sourceOptions(command: Command): Command {
  return storeOptions(command, 'the store the records are in').option(
    '--log <file>',
    'a log of JSON lines instead, with its rotated files',
  );
}

/** Opens the source for some work. A log that is named wins over a store, which may be in the environment. */
export async function withSource<T>(
  options: SourceOptions,
  { out, signal }: { readonly out: Output; readonly signal: AbortSignal },
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const { log } = options;
  if (log === undefined && options.store === undefined)
    throw new Fault('usage', 'Say where the records are: --log FILE, or --store URL.');
  let connection: StoreConnection | undefined;
  const store = async () => {
    if (options.store === undefined) return null;
    connection ??= await openStore(options.store, options);
    return connection;
  };
  try {
    if (log !== undefined) return await work({ ...logSource(log, out, signal), store });
    const { attempts } = (await store())!.store;
    return await work({ ...storeSource(attempts, out, signal), store });
  } finally {
    await connection?.close();
  }
}

function storeSource(attempts: AttemptStore, out: Output, signal: AbortSignal): Omit<Source, 'store'> {
  return {
    newestFirst: true,
    async *records(query) {
      const progress = out.progress('Records');
      let read = 0;
      for await (const record of newestFirst(attempts, query)) {
        signal.throwIfAborted();
        progress.at(++read);
        yield record;
      }
      progress.end();
    },
    async eventOf(id) {
      // Event ids are in the order of time, so that the one asked for comes first below itself; attempt ids are not.
      const [direct] = await attempts.list({ before: `${id}~`, limit: 1 });
      return direct?.event.id === id ? direct : null;
    },
    coming: (query, everyMs) => newRecords(attempts, query, everyMs, signal),
  };
}

function logSource(log: string, out: Output, signal: AbortSignal): Omit<Source, 'store'> {
  let told = false;
  return {
    newestFirst: false,
    async *records() {
      const progress = out.progress('Lines');
      let read = 0;
      let others = 0;
      for await (const line of linesThere(log)) {
        signal.throwIfAborted();
        progress.at(++read);
        const record = recordIn(line);
        if (record !== null) yield record;
        else if (line.trim() !== '') others += 1;
      }
      progress.end();
      if (others > 0 && !told) out.note(`${others} of ${read} lines are no attempt record, and were passed over.`);
      told = true;
    },
    eventOf: async () => null,
    async *coming() {
      for await (const line of newLinesOf(log, signal)) {
        const record = recordIn(line);
        if (record !== null) yield record;
      }
    },
  };
}

/** Everything a store has for a query, page by page. */
export async function* newestFirst(attempts: AttemptStore, query: Query): AsyncGenerator<AttemptRecord> {
  let before: string | undefined;
  for (;;) {
    const page = await attempts.list({ ...query, ...(before !== undefined && { before }), limit: PAGE });
    yield* page;
    before = page.at(-1)?.event.id;
    if (page.length < PAGE) return;
  }
}

async function* newRecords(attempts: AttemptStore, query: Query, everyMs: number, signal: AbortSignal) {
  const began = Date.now();
  /** Event ids by the time of their record: what was shown, as far back as it is asked for again. */
  const shown = new Map<string, number>();
  for await (const record of newestFirst(attempts, { since: began - LATE_MS }))
    shown.set(record.event.id, Date.parse(record.event.time));
  while (!signal.aborted) {
    const since = Date.now() - LATE_MS;
    const fresh: AttemptRecord[] = [];
    for await (const record of newestFirst(attempts, { ...query, since })) {
      if (shown.has(record.event.id)) continue;
      shown.set(record.event.id, Date.parse(record.event.time));
      fresh.push(record);
    }
    yield* fresh.reverse();
    for (const [id, time] of shown) if (time < since - LATE_MS) shown.delete(id);
    await setTimeout(everyMs, undefined, { signal }).catch(() => {});
  }
}
