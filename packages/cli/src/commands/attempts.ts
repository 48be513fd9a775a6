/** `latchkey attempts`: lists, follows and explains the records of attempts, from a log file or from the store. */
import { setTimeout } from 'node:timers/promises';
import {
  type AttemptQuery,
  type AttemptRecord,
  type AttemptStore,
  ENFORCEMENTS,
  EVENT_NAMES,
  type EventName,
  explain,
  OUTCOMES,
  REASONS,
} from '@latchkey/core';
import { type Command, InvalidArgumentError } from 'commander';
import { openStore } from '../connection.ts';
import { linesThere, newLinesOf, recordIn } from '../log.ts';
import {
  type Context,
  duration,
  examples,
  instant,
  jsonOption,
  oneOf,
  runs,
  type StoreOptions,
  storeOptions,
  wholeNumber,
} from '../terminal/command.ts';
import { Fault } from '../terminal/fault.ts';
import { bad, dim, good, type Output, strong, warning } from '../terminal/output.ts';

interface Filters {
  readonly since?: number;
  readonly until?: number;
  readonly user?: string;
  readonly outcome?: AttemptRecord['outcome'];
  readonly reason?: AttemptRecord['reason'];
  readonly enforcement?: AttemptRecord['immediate']['enforcement'];
  readonly event?: EventName;
}

type SourceOptions = StoreOptions & { readonly log?: string; readonly json?: boolean };
type ListOptions = SourceOptions & Filters & { readonly limit: number };
type FollowOptions = SourceOptions & Filters & { readonly every: number };

/** As many as a store gives at once. */
const PAGE = 1_000;

/** Processes write their records a little late, and not in order: this far back a store is asked again. */
const LATE_MS = 60_000;

export function define(attempts: Command): void {
  const list = filtered(sourced(attempts.command('list').description('Records, the newest first.'))).option(
    '--limit <n>',
    'how many at most',
    wholeNumber(1, 1_000_000),
    50,
  );
  jsonOption(list, 'JSON lines: the records as they are').action(runs(runList));
  examples(list, {
    'What was refused in the last hour': 'latchkey attempts list --store sqlite:app.db --outcome failure --since 1h',
    "One person's day, for a program":
      'latchkey attempts list --log sign-ins.log --user 42 --since 2026-11-22 --until 2026-11-23 --json',
  });

  const follow = filtered(
    sourced(attempts.command('follow').description('Records as they come, until Ctrl-C.')),
  ).option('--every <duration>', 'how often a store is asked', duration, 1_000);
  jsonOption(follow, 'JSON lines: the records as they are').action(runs(runFollow));
  examples(follow, {
    'Watch what fails': 'latchkey attempts follow --store redis://localhost --outcome failure',
    'Watch a log, across rotation': 'latchkey attempts follow --log /var/log/app/sign-ins.log',
  });

  const explained = sourced(
    attempts
      .command('explain <id>')
      .description(
        'One record in sentences: what was asked, claimed, proved and not proved. The id is an attempt or an event.',
      ),
  ).option('--since <time>', 'look no further back than this', instant);
  jsonOption(explained, 'one JSON document: { record, explanation }').action(runs(runExplain));
  examples(explained, {
    'What happened there?':
      'latchkey attempts explain 01a2044b-94ee-7003-b262-7645fe4f85e7 --store postgres://app@db/app',
  });
}

function sourced(command: Command): Command {
  return storeOptions(command, 'the store the records are in').option(
    '--log <file>',
    'a log of JSON lines instead, with its rotated files',
  );
}

function filtered(command: Command): Command {
  return command
    .option('--since <time>', 'from this instant on: ISO 8601, or how long ago (2h)', instant)
    .option('--until <time>', 'before this instant', instant)
    .option('--user <id>', "the application's own id of a user")
    .addOption(oneOf('--outcome <outcome>', 'how it ended', OUTCOMES))
    .option('--reason <reason>', 'why it did not succeed, a code of the closed list', reason)
    .addOption(oneOf('--enforcement <enforcement>', 'what is to be said of immediate mediation', ENFORCEMENTS))
    .addOption(oneOf('--event <name>', 'which kind of record', EVENT_NAMES));
}

function reason(text: string): string {
  if ((REASONS as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(`Write one of ${REASONS.join(', ')}.`);
}

async function runList(options: ListOptions, { out, signal }: Context) {
  const { limit } = options;
  let found: AttemptRecord[] = [];
  await withSource(options, async ({ log, attempts }) => {
    if (log !== undefined) {
      const kept = newest(limit);
      for await (const record of recordsIn(log, out, signal)) if (matches(record, options)) kept.add(record);
      found = kept.newestFirst();
      return;
    }
    for await (const record of newestFirst(attempts!, queryOf(options))) {
      signal.throwIfAborted();
      if (!matches(record, options)) continue;
      found.push(record);
      if (found.length === limit) break;
    }
  });
  for (const record of found) show(record, out);
  if (found.length === 0) out.note('No record matches.');
  else if (found.length === limit) out.note(`The newest ${limit}; --limit shows more.`);
  return 'fine' as const;
}

async function runFollow(options: FollowOptions, { out, signal }: Context) {
  out.note(dim('Waiting for records; Ctrl-C ends it.'));
  await withSource(options, async ({ log, attempts }) => {
    const coming = log === undefined ? newRecords(attempts!, options, signal) : newRecordsIn(log, signal);
    for await (const record of coming) if (matches(record, options)) show(record, out);
  });
  return 'fine' as const;
}

async function runExplain(options: SourceOptions & { since?: number }, { out, signal }: Context, id: string) {
  const is = ({ event, attempt }: AttemptRecord) => event.id === id || attempt.id === id;
  const found = await withSource(options, async ({ log, attempts }) => {
    if (log !== undefined) {
      for await (const record of recordsIn(log, out, signal)) if (is(record)) return record;
      return null;
    }
    // Event ids are in the order of time, so that the one asked for comes first below itself; attempt ids are not.
    const [direct] = await attempts!.list({ before: `${id}~`, limit: 1 });
    if (direct?.event.id === id) return direct;
    const progress = out.progress('Records');
    let seen = 0;
    for await (const record of newestFirst(attempts!, queryOf(options))) {
      signal.throwIfAborted();
      progress.at(++seen);
      if (is(record)) return record;
    }
    progress.end();
    return null;
  });
  if (found === null) {
    if (out.json) out.document(null);
    out.note(`No record has the id ${id}.`);
    return 'findings' as const;
  }
  const explanation = explain(found);
  out.document({ record: found, explanation });
  describe(found, explanation, out);
  return 'fine' as const;
}

function describe(record: AttemptRecord, explanation: ReturnType<typeof explain>, out: Output): void {
  const { event, attempt, user } = record;
  const { verdict, asked, claimed, proved, unproved, failed } = explanation;
  out.line(strong(verdict));
  out.line(dim(`${event.time}  ${event.name}  attempt ${attempt.id}${user.id === null ? '' : `  user ${user.id}`}`));
  const part = (title: string, sentences: readonly string[]) => {
    if (sentences.length === 0) return;
    out.line();
    out.line(strong(title));
    for (const sentence of sentences) out.line('  ', sentence);
  };
  part('Asked', asked);
  part('Claimed, and signed by nobody', claimed);
  part('Proved', proved);
  part('Not proved', unproved);
  if (failed === null) return;
  out.line();
  out.line(
    bad('Refused'),
    `  ${failed.reason}${failed.rule === null ? '' : `, by the rule ${failed.rule}`}; says the ${SAYS[failed.source]}`,
  );
  out.line('  ', failed.meaning);
  out.line('  ', failed.advice);
}

const SAYS = { server: 'server', client_report: 'page', timeout: 'clock' } as const;

interface Source {
  readonly log?: string;
  readonly attempts?: AttemptStore;
}

async function withSource<T>(options: SourceOptions, work: (source: Source) => Promise<T>): Promise<T> {
  // A log that is named wins over a store in the environment.
  if (options.log !== undefined) return work({ log: options.log });
  if (options.store === undefined) throw new Fault('usage', 'Say where the records are: --log FILE, or --store URL.');
  const connection = await openStore(options.store, options);
  try {
    return await work({ attempts: connection.store.attempts });
  } finally {
    await connection.close();
  }
}

function queryOf({ since, until, user, outcome, enforcement, event }: Filters): Omit<AttemptQuery, 'limit'> {
  return {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(user !== undefined && { userId: user }),
    ...(outcome !== undefined && { outcome }),
    ...(enforcement !== undefined && { enforcement }),
    ...(event !== undefined && { name: event }),
  };
}

/** Everything a store has for a query, page by page. */
export async function* newestFirst(
  attempts: AttemptStore,
  query: Omit<AttemptQuery, 'limit'>,
): AsyncGenerator<AttemptRecord> {
  let before: string | undefined;
  for (;;) {
    const page = await attempts.list({ ...query, ...(before !== undefined && { before }), limit: PAGE });
    yield* page;
    before = page.at(-1)?.event.id;
    if (page.length < PAGE) return;
  }
}

async function* newRecords(attempts: AttemptStore, options: FollowOptions, signal: AbortSignal) {
  const began = Date.now();
  /** Event ids by the time of their record: what was shown, as far back as it is asked for again. */
  const shown = new Map<string, number>();
  for await (const record of newestFirst(attempts, { since: began - LATE_MS }))
    shown.set(record.event.id, Date.parse(record.event.time));
  while (!signal.aborted) {
    const since = Date.now() - LATE_MS;
    const fresh: AttemptRecord[] = [];
    for await (const record of newestFirst(attempts, { ...queryOf(options), since })) {
      if (shown.has(record.event.id)) continue;
      shown.set(record.event.id, Date.parse(record.event.time));
      fresh.push(record);
    }
    yield* fresh.reverse();
    for (const [id, time] of shown) if (time < since - LATE_MS) shown.delete(id);
    await setTimeout(options.every, undefined, { signal }).catch(() => {});
  }
}

async function* newRecordsIn(log: string, signal: AbortSignal): AsyncGenerator<AttemptRecord> {
  for await (const line of newLinesOf(log, signal)) {
    const record = recordIn(line);
    if (record !== null) yield record;
  }
}

async function* recordsIn(log: string, out: Output, signal: AbortSignal): AsyncGenerator<AttemptRecord> {
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
  if (others > 0) out.note(`${others} of ${read} lines are no attempt record, and were passed over.`);
}

function matches(record: AttemptRecord, filters: Filters): boolean {
  const time = Date.parse(record.event.time);
  return (
    time >= (filters.since ?? Number.NEGATIVE_INFINITY) &&
    time < (filters.until ?? Number.POSITIVE_INFINITY) &&
    (filters.user ?? record.user.id) === record.user.id &&
    (filters.outcome ?? record.outcome) === record.outcome &&
    (filters.reason ?? record.reason) === record.reason &&
    (filters.enforcement ?? record.immediate.enforcement) === record.immediate.enforcement &&
    (filters.event ?? record.event.name) === record.event.name
  );
}

/** The newest so many of a log that is only in about the order of time. */
function newest(limit: number) {
  let records: AttemptRecord[] = [];
  const newestFirst = () => records.sort((a, b) => (a.event.id < b.event.id ? 1 : -1)).slice(0, limit);
  return {
    newestFirst,
    add(record: AttemptRecord) {
      records.push(record);
      if (records.length >= 2 * limit + PAGE) records = newestFirst();
    },
  };
}

/** One line: when, how it ended, what it was, whose, and which attempt. */
function show(record: AttemptRecord, out: Output): void {
  out.document(record);
  const { event, outcome, reason, attempt, immediate, user } = record;
  const told = outcome === 'success' ? good : outcome === 'failure' || outcome === 'error' ? bad : warning;
  out.line(
    dim(event.time),
    ' ',
    told(outcome.padEnd(9)),
    ` ${event.name.replace('latchkey.', '').padEnd(20)} ${(attempt.mode ?? '-').padEnd(11)} ${immediate.enforcement.padEnd(14)} `,
    `${attempt.id}  user ${user.id ?? '-'}`,
    ...(reason === null ? [] : ['  ', told(reason)]),
  );
}
