/**
 * What the pages are fed with: records from the attempt store, filtered and counted here, and new ones as they happen, through
 * Node's own diagnostics channel. Whoever may open the pages sees everyone's attempts, so a view of a record says what happened
 * and never to whom: no user, no address, no credential.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  type AttemptRecord,
  type AttemptStore,
  ENFORCEMENTS,
  type Enforcement,
  type ImmediateMediation,
  OUTCOMES,
  type Outcome,
} from '@latchkey/core';

/** A record as the page gets it. */
export type AttemptView = ReturnType<typeof viewOf>;

/** The attempts of a range, counted: changes and ended sessions are none. */
export interface Counts {
  /** When the first bar begins, in milliseconds since the epoch, and how long each is, in milliseconds. */
  readonly start: number;
  readonly step: number;
  readonly bars: readonly Readonly<Record<Outcome, number>>[];
  /** Of sign-ins. */
  readonly enforcement: Readonly<Record<Enforcement, number>>;
  /** For Immediate UI mode, at the newest sign-in; null where there is none. */
  readonly policy: ImmediateMediation | null;
  /** Most frequent first. */
  readonly reasons: readonly (readonly [string, number])[];
  /** So many of the newest records are counted, where there are more; else null. */
  readonly atMost: number | null;
}

export interface Latest {
  /** Newest first. */
  readonly attempts: readonly AttemptView[];
  readonly hasOlder: boolean;
  readonly counts: Counts;
}

/** The query of a request. What is not understood in it does not count. */
export type Asked = Readonly<Record<string, unknown>>;

export interface Feed {
  /** Attempts of the asked `range`, `kind`, `outcome`, `reason`, `enforcement` and bar (`at`), older than `before`; none with `only=counts`. */
  latest(asked: Asked): Promise<Latest>;
  /** The record of this `event.id`, or the last one of this attempt, if there is one. */
  find(id: string): Promise<AttemptRecord | undefined>;
  /** What stands before and after a record, and what it came of or led to. */
  around(record: AttemptRecord): Promise<Around>;
  /** Server-sent events, each with {@link News}, until the page leaves, the feed is closed, or some minutes are over. */
  stream(): ReadableStream<Uint8Array>;
  close(): void;
}

/** What one event of the stream says. */
export interface News {
  /** Oldest first. */
  readonly attempts: readonly AttemptView[];
  /** So many attempts came before these, and are not sent. */
  readonly left: number;
}

export interface Around {
  readonly older: AttemptRecord | undefined;
  readonly newer: AttemptRecord | undefined;
  readonly related: readonly AttemptRecord[];
}

const minute = 60_000;
/** How far back the page may look: so many bars, each so long, in milliseconds. */
const RANGES = {
  '30m': { bars: 30, step: minute },
  '24h': { bars: 24, step: 60 * minute },
  '7d': { bars: 28, step: 360 * minute },
} as const;
type Range = keyof typeof RANGES;

const SHOWN = 50;
/** What one query of an attempt store gives at most, and how many queries an answer is worth. */
const PAGE = 1_000;
const PAGES = 5;
/** What is filtered here is looked for in smaller steps, among as many. */
const STEP = 200;
/** How long counts serve, in milliseconds: several pages may watch. */
const COUNTED_FOR = 1_000;
/**
 * What happens within so many milliseconds is sent as one event, and of it so many: a browser reads all that it has received at
 * once, and stands still meanwhile.
 */
const TOGETHER = 100;
const SENT = 100;
const UNREAD_BYTES = 1_000_000;
/** A page then comes back through the guard: who may not see it any more does not. In milliseconds. */
const STREAMED_FOR = 5 * minute;
/** A comment now and then, so that no proxy takes the silence for the end. In milliseconds. */
const STILL_HERE = 15_000;
/** How far after a record the next one is looked for, in milliseconds: most are near. */
const SPANS = [minute, 60 * minute, 1_440 * minute, 43_200 * minute, 525_600 * minute];

export function openFeed(attempts: AttemptStore): Feed {
  const listeners = new Set<Listener>();
  const counted = new Map<Range, { readonly at: number; readonly counts: Promise<Counts> }>();
  let waiting: AttemptView[] = [];
  let pause: NodeJS.Timeout | undefined;
  const publish = (message: unknown) => {
    if (listeners.size === 0) return;
    waiting.push(viewOf(message as AttemptRecord));
    if (pause === undefined) send();
  };
  const send = () => {
    pause = undefined;
    if (waiting.length === 0) return;
    const left = waiting.slice(0, -SENT).filter(isAttempt).length;
    const news: News = { attempts: waiting.slice(-SENT), left };
    const event = encoder.encode(`data: ${JSON.stringify(news)}\n\n`);
    waiting = [];
    for (const { send } of listeners) send(event);
    pause = setTimeout(send, TOGETHER).unref();
  };
  subscribe('latchkey.attempt', publish);

  function count(range: Range): Promise<Counts> {
    const last = counted.get(range);
    if (last && Date.now() - last.at < COUNTED_FOR) return last.counts;
    const counts = countIn(attempts, range);
    counted.set(range, { at: Date.now(), counts });
    counts.catch(() => counted.delete(range));
    return counts;
  }

  async function find(id: string): Promise<AttemptRecord | undefined> {
    if (!UUID.test(id)) return undefined;
    // The newest one before the next id is the one itself, if it is there.
    const [found] = await attempts.list({ before: successor(id), limit: 1 });
    if (found?.event.id === id) return found;
    const latest = await attempts.list({ limit: PAGE });
    return latest.find(({ attempt }) => attempt.id === id);
  }

  return {
    latest: async (asked) => {
      const range = asked.range === '24h' || asked.range === '7d' ? asked.range : '30m';
      const searched = asked.only === 'counts' ? [] : search(attempts, asked, range);
      const [found, counts] = await Promise.all([searched, count(range)]);
      return { attempts: found.slice(0, SHOWN).map(viewOf), hasOlder: found.length > SHOWN, counts };
    },
    find,
    around: async (record) => {
      const { event, attempt } = record;
      const since = Date.parse(event.time);
      const [older] = await attempts.list({ before: event.id, limit: 1 });
      let later: AttemptRecord[] = [];
      for (const span of SPANS) {
        const there = await attempts.list({ since, until: since + span, limit: PAGE });
        later = there.filter(({ event: other }) => other.id > event.id);
        if (later.length > 0) break;
      }
      const cause = attempt.relatedId === undefined ? undefined : await find(attempt.relatedId);
      const effects = later.filter((other) => other.attempt.relatedId === attempt.id);
      return { older, newer: later.at(-1), related: cause ? [cause, ...effects] : effects };
    },
    stream: () => {
      let listener: Listener;
      return new ReadableStream<Uint8Array>(
        {
          start: (controller) => {
            listener = listen(controller, () => listeners.delete(listener));
            listeners.add(listener);
          },
          cancel: () => listener.leave(),
        },
        new ByteLengthQueuingStrategy({ highWaterMark: UNREAD_BYTES }),
      );
    },
    close: () => {
      unsubscribe('latchkey.attempt', publish);
      clearTimeout(pause);
      for (const { end } of listeners) end();
    },
  };
}

interface Listener {
  send(event: Uint8Array): void;
  /** Ends what is sent. */
  end(): void;
  /** The page has left by itself. */
  leave(): void;
}

const encoder = new TextEncoder();

function listen(controller: ReadableStreamDefaultController<Uint8Array>, gone: () => void): Listener {
  const stillHere = setInterval(() => send(encoder.encode(': still here\n\n')), STILL_HERE);
  const over = setTimeout(() => end(), STREAMED_FOR);
  stillHere.unref();
  over.unref();
  // The browser counts the stream as open from the first byte on.
  controller.enqueue(encoder.encode('retry: 1000\n\n'));
  return { send, end, leave };

  function send(event: Uint8Array): void {
    // A page that cannot keep up is let go: it comes back and asks for the latest.
    if ((controller.desiredSize ?? 0) > 0) controller.enqueue(event);
    else end();
  }

  function end(): void {
    leave();
    controller.close();
  }

  function leave(): void {
    clearInterval(stillHere);
    clearTimeout(over);
    gone();
  }
}

/** A ceremony, and not a change to a passkey, nor the end of a session. */
const isAttempt = ({ name }: Pick<AttemptRecord['event'], 'name'>) => name.endsWith('.attempt');

/** One more than are shown, where there are more. */
async function search(attempts: AttemptStore, asked: Asked, range: Range): Promise<AttemptRecord[]> {
  const { bars, step } = RANGES[range];
  const outcome = OUTCOMES.find((one) => one === asked.outcome);
  const enforcement = ENFORCEMENTS.find((one) => one === asked.enforcement);
  const at = typeof asked.at === 'string' && /^\d{1,15}$/.test(asked.at) ? Number(asked.at) : undefined;
  const query = {
    since: at ?? Date.now() - bars * step,
    ...(at !== undefined && { until: at + step }),
    ...(outcome && { outcome }),
    ...(enforcement && { enforcement, name: 'latchkey.signin.attempt' as const }),
  };
  const isWanted = ({ event, reason }: AttemptRecord) =>
    (asked.kind === 'all' || (asked.kind === 'changes') !== isAttempt(event)) &&
    (typeof asked.reason !== 'string' || asked.reason === '' || asked.reason === reason);

  const found: AttemptRecord[] = [];
  let before = typeof asked.before === 'string' && UUID.test(asked.before) ? asked.before : undefined;
  for (let seen = 0; seen < PAGE * PAGES && found.length <= SHOWN; seen += STEP) {
    const records = await attempts.list({ ...query, limit: STEP, ...(before && { before }) });
    found.push(...records.filter(isWanted));
    before = records.at(-1)?.event.id;
    if (records.length < STEP) break;
  }
  return found.slice(0, SHOWN + 1);
}

async function countIn(attempts: AttemptStore, range: Range): Promise<Counts> {
  const { bars: many, step } = RANGES[range];
  const start = (Math.floor(Date.now() / step) - many + 1) * step;
  const tally = <T extends string>(names: readonly T[]) =>
    Object.fromEntries(names.map((name) => [name, 0])) as Record<T, number>;
  const bars = Array.from({ length: many }, () => tally(OUTCOMES));
  const signIns = tally(ENFORCEMENTS);
  const reasons = new Map<string, number>();
  let policy: ImmediateMediation | null = null;
  let before: string | undefined;
  let isComplete = false;
  for (let page = 0; page < PAGES && !isComplete; page++) {
    const records = await attempts.list({ limit: PAGE, since: start, ...(before && { before }) });
    for (const { event, outcome, reason, immediate } of records) {
      if (!isAttempt(event)) continue;
      // Another process's clock may be a little ahead of ours.
      const bar = bars[Math.min(Math.floor((Date.parse(event.time) - start) / step), many - 1)];
      if (bar) bar[outcome] += 1;
      if (event.name === 'latchkey.signin.attempt') {
        signIns[immediate.enforcement] += 1;
        policy ??= immediate.policy;
      }
      if (reason !== null) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    before = records.at(-1)?.event.id;
    isComplete = records.length < PAGE;
  }
  const sorted = [...reasons].sort(([, a], [, b]) => b - a);
  return { start, step, bars, enforcement: signIns, policy, reasons: sorted, atMost: isComplete ? null : PAGE * PAGES };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function successor(uuid: string): string {
  const next = (BigInt(`0x${uuid.replaceAll('-', '')}`) + 1n).toString(16).padStart(32, '0');
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function viewOf({ event, attempt, outcome, reason, reasonSource, immediate, assertion, policy }: AttemptRecord) {
  return {
    eventId: event.id,
    name: event.name,
    time: event.time,
    attemptId: attempt.id,
    mode: attempt.mode,
    outcome,
    reason,
    reasonSource,
    asked: {
      policy: immediate.policy,
      userVerification: assertion.userVerificationPolicy,
    },
    claimed: immediate.clientReport,
    proved: {
      signature: assertion.signature,
      userPresent: assertion.userPresent,
      userVerified: assertion.userVerified,
    },
    enforcement: immediate.enforcement,
    unmet: immediate.unmet,
    wouldDeny: policy.wouldDeny,
  };
}
