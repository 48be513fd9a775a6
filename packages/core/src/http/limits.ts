/**
 * Rate limits: by address, by network, by browser binding and by name; the cap on unfinished ceremonies; and how many
 * records refusals may leave. Whatever is sent, the memory that counting takes is bounded.
 */

import { networkOf, subscriberOf } from '../address.ts';
import type { Services } from '../ceremony/services.ts';
import { LimitRefusal, refuse } from '../errors.ts';
import { LIMITS, type Limiter, type LimitName, type LimitRule, type RateLimitOptions } from '../options.ts';
import type { AttemptRecord, Reason } from '../record/attempt.ts';

/** What routes need besides the request: what ceremonies need, and the limits. */
export interface HttpServices extends Services {
  readonly limits: Limits;
}

/** One thing to count: against which rule, for whom; and where many share what is counted, which of them it is. */
export type LimitedKey = readonly [LimitName, key: string, sharer?: string];

/** The limits that count addresses. */
export type AddressLimit = 'options' | 'verify' | 'outcome' | 'registration' | 'changes';

/** What `begin` and `finish` need of a ceremony, the same for both. Times in milliseconds. */
export interface Unfinished {
  /** Where its options were asked for. */
  readonly address: string | null;
  readonly issuedAt: number;
  readonly ttlMs: number;
}

/** A refusal, and which others leave one record with it: those of the same key and reason. */
export interface FoldedRefusal {
  /** The subscriber ({@link subscriberOf}), or the limit and its key for `rate_limited`. */
  readonly key: string;
  readonly reason: Reason;
  readonly record: AttemptRecord;
  readonly now: number;
}

export interface Limits {
  /** Throws `rate_limited` for what is over a limit, and `store_unavailable` when a limiter's own store is down. */
  admit(counted: readonly LimitedKey[]): Promise<void>;
  /** Counts a ceremony whose challenge is about to be issued. Throws as `admit` does. */
  begin(ceremony: Unfinished): Promise<void>;
  /** Gives it back: its challenge was answered or reported, or was not issued after all. Never throws. */
  finish(ceremony: Unfinished): void;
  /**
   * The record to publish for a refusal, or null where another one stands for it: a key and reason leave one record a
   * minute at most. `event.repeatCount` says how many refusals a record stands for.
   */
  fold(refusal: FoldedRefusal): AttemptRecord | null;
  /** The records whose minute is over by now. */
  release(now: number): AttemptRecord[];
}

/** What a request counts against by its address: a limit, and for IPv6 the limit of its network beside it. */
export function byAddress(name: AddressLimit, address: string | null): LimitedKey[] {
  const network = networkOf(address);
  const subscriber = subscriberOf(address);
  const own: LimitedKey = [name, subscriber];
  return network?.endsWith('/48') ? [own, ['network', network, subscriber]] : [own];
}

/** What a request counts against that looks a user up by name. Elsewhere the owner of the name is not held up by it. */
export function byName(pseudonym: string, address: string | null): LimitedKey {
  return ['account', `${pseudonym} ${subscriberOf(address)}`];
}

/** `clock`: the time in milliseconds since the epoch, as ceremonies have it. */
export function createLimits(options: RateLimitOptions | false, clock: () => number = Date.now): Limits {
  if (options === false) {
    return { admit: async () => {}, begin: async () => {}, finish: () => {}, ...foldRefusals() };
  }
  const { limits = {}, create } = options;
  const ruleOf = (name: LimitName): LimitRule => limits[name] ?? LIMITS[name];
  const limiterOf = (name: LimitName) => create?.(name, ruleOf(name)) ?? inMemory(ruleOf(name), clock);
  const rates = (Object.keys(LIMITS) as LimitName[]).filter((name) => name !== 'unfinished');
  const limiters = new Map<LimitName, Limiter>(rates.map((name) => [name, limiterOf(name)]));
  const shares = shareNetworks(ruleOf('network'), clock);
  const shared = create?.('unfinished', ruleOf('unfinished'));
  const cap = capUnfinished(ruleOf('unfinished').points, clock);
  return {
    async admit(counted) {
      for (const [name, key, sharer] of counted) {
        if (sharer !== undefined) shares.consume(key, sharer);
        try {
          const answer = limiters.get(name)?.consume(key);
          if (answer !== undefined) await answer;
        } catch (rejected) {
          throw refusalOf(rejected, `${name}:${key}`);
        }
      }
    },
    async begin(ceremony) {
      if (!cap.begin(ceremony)) throw over(`unfinished:${subscriberOf(ceremony.address)}`, RETRY_MS);
      try {
        await shared?.consume('all');
      } catch (rejected) {
        cap.finish(ceremony);
        throw refusalOf(rejected, 'unfinished:all');
      }
    },
    finish(ceremony) {
      cap.finish(ceremony);
      // Nobody is refused because a point could not be given back: it comes back by itself when the window ends.
      if (shared?.reward) void giveBack(shared);
    },
    ...foldRefusals(),
  };
}

function over(limit: string, waitMs: number) {
  return new LimitRefusal({ limit, retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)) });
}

/** What a limiter rejected with: an Error is its store that does not answer, else there are no points left. */
function refusalOf(rejected: unknown, limit: string) {
  if (rejected instanceof Error) return refuse('store_unavailable', { cause: rejected });
  return over(limit, (rejected as { readonly msBeforeNext: number }).msBeforeNext);
}

async function giveBack(limiter: Limiter): Promise<void> {
  try {
    await limiter.reward?.('all');
  } catch {}
}

/** How many keys a limiter in memory tells apart before it forgets the oldest: some 10 to 15 MB for both generations. */
const MOST_KEYS = 50_000;

interface Window {
  readonly until: number;
  count: number;
}

/**
 * A fixed window for each key, from its first request on. Two generations of keys: one older than a window is of no use,
 * so the older of them is dropped whole, when the younger is a window old or full. Whoever can fill a generation with
 * keys has that many allowances, so that forgetting early gives nothing that was not there already.
 */
function windowsOf(seconds: number, clock: () => number): (key: string) => Window {
  const length = seconds * 1_000;
  // A clock that was set back must not make a window longer.
  const isOpen = (until: number, now: number) => now < until && until <= now + length;
  let young = new Map<string, Window>();
  let old = young;
  let turnAt = 0;
  return (key) => {
    const now = clock();
    if (!isOpen(turnAt, now) || young.size >= MOST_KEYS) {
      old = young;
      young = new Map();
      turnAt = now + length;
    }
    let window = young.get(key) ?? old.get(key);
    if (window === undefined || !isOpen(window.until, now)) {
      window = { until: now + length, count: 0 };
      young.set(key, window);
    }
    return window;
  };
}

function inMemory({ points, seconds }: LimitRule, clock: () => number): Limiter {
  const windowOf = windowsOf(seconds, clock);
  return {
    consume(key) {
      const window = windowOf(key);
      if (window.count >= points) return Promise.reject({ msBeforeNext: window.until - clock() });
      window.count += 1;
      return undefined;
    },
  };
}

/**
 * What a network may ask is shared out among its subscribers as the cap on unfinished ceremonies is: one that takes all it can
 * get refuses itself and leaves its neighbours theirs. Counted in this process, also where a shared limiter counts the whole.
 */
function shareNetworks({ points, seconds }: LimitRule, clock: () => number) {
  const windowOf = windowsOf(seconds, clock);
  return {
    /** Throws `rate_limited` for a subscriber that has its share. */
    consume(network: string, subscriber: string): void {
      const all = windowOf(network);
      // Of this very window of the network: both end together.
      const own = windowOf(`${subscriber} ${all.until}`);
      if (own.count >= shareOf(points, all.count, PARTS.subscriber))
        throw over(`network:${network}`, all.until - clock());
      all.count += 1;
      own.count += 1;
    },
  };
}

/** When to try again where the cap on unfinished ceremonies is reached: room is made all the time, not at the end of a window. */
const RETRY_MS = 5_000;

/** A network has at most this part of the cap, and a subscriber this part of its network's share. */
const PARTS = { network: 1 / 20, subscriber: 1 / 2 };

/** Who holds less is refused only when nothing is free: small caps would have no shares otherwise. */
const LEAST_SHARE = 4;

/**
 * The share of one where `held` of `room` are taken already. It shrinks with the square of what is free: many who take all
 * they can get leave room for those who have little, for they reach the share before the room is full.
 */
function shareOf(room: number, held: number, part: number): number {
  const free = Math.max(0, 1 - held / room);
  return Math.max(LEAST_SHARE, room * part * free * free);
}

/**
 * The cap on unfinished ceremonies. Each is counted in the second of its expiry, for everyone together, for its network and
 * for its subscriber; so it can be given back exactly, and falls out by itself. Where another process issued the challenge,
 * one of that second is given back here, if there is one, as ours are there: so the counts of many processes balance.
 */
function capUnfinished(points: number, clock: () => number) {
  const held = new Map<string, number>();
  const expiring = new Map<number, Map<string, number>>();
  let expiredUntil = 0;
  const secondOf = ({ issuedAt, ttlMs }: Unfinished) => Math.ceil((issuedAt + ttlMs) / 1_000);
  const keysOf = (address: string | null) =>
    ['all', networkOf(address) ?? 'no network', subscriberOf(address)] as const;

  function expire(): void {
    const now = Math.floor(clock() / 1_000);
    if (now === expiredUntil) return;
    expiredUntil = now;
    for (const [second, counts] of expiring) {
      if (second > now) continue;
      expiring.delete(second);
      for (const [key, count] of counts) add(held, key, -count);
    }
  }

  return {
    /** False where there is no room for it. */
    begin(ceremony: Unfinished): boolean {
      expire();
      const keys = keysOf(ceremony.address);
      const [all, network, subscriber] = keys.map((key) => held.get(key) ?? 0) as [number, number, number];
      const share = shareOf(points, all, PARTS.network);
      if (all >= points || network >= share || subscriber >= shareOf(share, network, PARTS.subscriber)) return false;
      const second = secondOf(ceremony);
      const counts = expiring.get(second) ?? new Map<string, number>();
      expiring.set(second, counts);
      for (const key of keys) {
        add(counts, key, 1);
        add(held, key, 1);
      }
      return true;
    },
    finish(ceremony: Unfinished): void {
      const counts = expiring.get(secondOf(ceremony));
      for (const key of keysOf(ceremony.address)) {
        if (!counts?.has(key)) continue;
        add(counts, key, -1);
        add(held, key, -1);
      }
    },
  };
}

/** Adds to a count; a count of nothing is not kept. */
function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

/** A key and reason leaves one record in this time at most, or the log itself would be the denial of service. */
const FOLD_MS = 60_000;

/** How many keys and reasons leave records of their own; the rest of a reason leave one in common. */
const MOST_FOLDED = 200;

interface Fold {
  until: number;
  /** The refusals that no record stands for yet, and the first of them. */
  waiting: { readonly record: AttemptRecord; count: number } | null;
}

function foldRefusals(): Pick<Limits, 'fold' | 'release'> {
  const folds = new Map<string, Fold>();
  const standingFor = (record: AttemptRecord, repeatCount: number): AttemptRecord => ({
    ...record,
    event: { ...record.event, repeatCount },
  });

  /** The one record for those that wait, once their window is over: then it is the record of the next window. */
  function take(fold: Fold, now: number): AttemptRecord[] {
    if (fold.waiting === null || fold.until > now) return [];
    const { record, count } = fold.waiting;
    fold.waiting = null;
    fold.until = now + FOLD_MS;
    return [standingFor(record, count)];
  }

  return {
    fold({ key, reason, record, now }) {
      const own = `${reason} ${key}`;
      const name = folds.has(own) || folds.size < MOST_FOLDED ? own : `${reason} others`;
      const fold = folds.get(name);
      if (fold === undefined || (fold.waiting === null && fold.until <= now)) {
        folds.set(name, { until: now + FOLD_MS, waiting: null });
        return standingFor(record, 1);
      }
      // Records of many addresses in common name none of them.
      const nobodys: AttemptRecord['client'] = {
        address: null,
        userAgent: null,
        immediateGet: record.client.immediateGet,
      };
      const common = name === own ? record : { ...record, client: nobodys };
      if (fold.waiting === null) fold.waiting = { record: common, count: 0 };
      fold.waiting.count += 1;
      return take(fold, now)[0] ?? null;
    },
    release(now) {
      const records = [...folds.values()].flatMap((fold) => take(fold, now));
      for (const [name, { until }] of folds) if (until <= now) folds.delete(name);
      return records;
    },
  };
}
