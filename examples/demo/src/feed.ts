/**
 * What the Attempts page is fed with: the latest records from the attempt store, and new ones as they happen, through
 * Node's own diagnostics channel. Anyone who can open the page sees everyone's attempts, so a view of a record says what
 * happened and never to whom: no user, no address, no credential.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { type AttemptRecord, type AttemptStore, OUTCOMES } from '@latchkey/core';

/** A record as the page gets it. */
export type AttemptView = ReturnType<typeof viewOf>;

/** When an attempt ended, and how: all that the charts need. */
export type Ended = Pick<AttemptView, 'eventId' | 'name' | 'time' | 'outcome' | 'reason' | 'enforcement'>;

export interface Latest {
  /** Newest first. */
  readonly attempts: readonly AttemptView[];
  /** All attempts in the range, whatever their outcome. */
  readonly counted: readonly Ended[];
  /** False when there were more in the range than are counted here. */
  readonly isComplete: boolean;
}

export interface Feed {
  /** `asked`: the query of the request. What is not understood in it does not count. */
  latest(asked: { readonly range?: unknown; readonly outcome?: unknown }): Promise<Latest>;
  /** The record of this `event.id`, if there is one. */
  find(eventId: string): Promise<AttemptRecord | undefined>;
  /** Answers with server-sent events until the page leaves or the feed is closed. */
  stream(response: ServerResponse): void;
  close(): void;
}

/** How far back the page may look, in milliseconds. */
const RANGES = { '30m': 30 * 60_000, '24h': 24 * 3_600_000, '7d': 7 * 24 * 3_600_000 } as const;
const SHOWN = 100;
/** What one query of an attempt store gives at most, and how many queries the charts are worth. */
const PAGE = 1_000;
const PAGES = 5;
const UNREAD_BYTES = 1_000_000;

export function openFeed(attempts: AttemptStore): Feed {
  const listeners = new Set<ServerResponse>();
  const publish = (message: unknown) => {
    const event = `data: ${JSON.stringify(viewOf(message as AttemptRecord))}\n\n`;
    for (const listener of listeners) {
      // A page that cannot keep up is let go: it comes back and asks for the latest.
      if (listener.writableLength > UNREAD_BYTES) listener.destroy();
      else listener.write(event);
    }
  };
  // A comment now and then, so that no proxy takes the silence for the end.
  const keepAlive = setInterval(() => {
    for (const listener of listeners) listener.write(': still here\n\n');
  }, 15_000);
  keepAlive.unref();
  subscribe('latchkey.attempt', publish);

  return {
    latest: async (asked) => {
      const outcome = OUTCOMES.find((one) => one === asked.outcome);
      const range = asked.range === '24h' || asked.range === '7d' ? asked.range : '30m';
      const since = Date.now() - RANGES[range];
      const [shown, counted] = await Promise.all([
        attempts.list({ limit: SHOWN, since, ...(outcome && { outcome }) }),
        countSince(attempts, since),
      ]);
      return { attempts: shown.map(viewOf), counted, isComplete: counted.length < PAGE * PAGES };
    },
    find: async (eventId) => {
      if (!UUID.test(eventId)) return undefined;
      // The newest one before the next id is the one itself, if it is there.
      const [found] = await attempts.list({ before: successor(eventId), limit: 1 });
      return found?.event.id === eventId ? found : undefined;
    },
    stream: (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      // The browser counts the stream as open from the first byte on.
      response.write(': attempts as they happen\n\n');
      listeners.add(response);
      response.once('close', () => listeners.delete(response));
    },
    close: () => {
      clearInterval(keepAlive);
      unsubscribe('latchkey.attempt', publish);
      for (const listener of listeners) listener.end();
    },
  };
}

async function countSince(attempts: AttemptStore, since: number): Promise<Ended[]> {
  const counted: Ended[] = [];
  for (let page = 0; page < PAGES; page++) {
    const before = counted.at(-1)?.eventId;
    const records = await attempts.list({ limit: PAGE, since, ...(before && { before }) });
    for (const { event, outcome, reason, immediate } of records) {
      const { id: eventId, name, time } = event;
      counted.push({ eventId, name, time, outcome, reason, enforcement: immediate.enforcement });
    }
    if (records.length < PAGE) break;
  }
  return counted;
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
