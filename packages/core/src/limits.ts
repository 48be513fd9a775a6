/**
 * Rate limits: by address, by browser binding, by account, and a cap on unfinished ceremonies. A request over a limit is
 * refused before anything is parsed or stored. What counts is kept by rate-limiter-flexible: in this process by default,
 * in Redis across processes by one line; this file only says what is counted, and for whom.
 */
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type { AttemptRecord } from './attempt.ts';
import type { HttpRequest } from './call.ts';
import { refuse } from './errors.ts';

/** At most `points` requests in `seconds`, for each key. */
export interface LimitRule {
  readonly points: number;
  readonly seconds: number;
}

/** The default limits. An address is an IPv4 address or an IPv6 /64, which is what one subscriber has. */
export const LIMITS = {
  /** Options for a sign-in or a step-up, by address. */
  options: { points: 600, seconds: 60 },
  /** Answers to a challenge, by address. */
  verify: { points: 600, seconds: 60 },
  /** Outcome reports, by address. */
  outcome: { points: 600, seconds: 60 },
  /** Registration options and verify together, by address. */
  registration: { points: 120, seconds: 60 },
  /** Ceremony requests of every kind together, by browser binding. */
  browser: { points: 240, seconds: 60 },
  /** Options that name a user, by that name, from anywhere. */
  account: { points: 60, seconds: 60 },
  /** Challenges issued to everyone together: the cap on unfinished ceremonies, and so on the memory they take. */
  unfinished: { points: 100_000, seconds: 120 },
} as const satisfies Record<string, LimitRule>;

export type LimitName = keyof typeof LIMITS;

/**
 * What counts. Resolves while there are points left and rejects with `{ msBeforeNext }` when there are none, as every
 * limiter of rate-limiter-flexible does; a rejection with an Error is a store that does not answer.
 */
export interface Limiter {
  consume(key: string): Promise<unknown>;
}

export interface RateLimitOptions {
  /** Other numbers than {@link LIMITS}. */
  readonly limits?: Partial<Record<LimitName, LimitRule>>;
  /**
   * Makes the limiter of a rule. Default: in this process's memory. Across processes:
   * `(name, { points, seconds }) => new RateLimiterRedis({ storeClient: redis, keyPrefix: name, points, duration: seconds })`.
   */
  readonly create?: (name: LimitName, rule: LimitRule) => Limiter;
}

/** One thing to count: against which rule, for whom. */
export type Counted = readonly [LimitName, key: string];

export interface Limits {
  /** Throws `rate_limited` for what is over a limit, and `store_unavailable` when a limiter's own store is down. */
  admit(counted: readonly Counted[]): Promise<void>;
  /** Keeps the record of a request that was over a limit: the first of a key and window stands for all that follow. */
  withhold(limit: string, record: AttemptRecord, now: number): void;
  /** The records whose windows are over by now, each saying how many it stands for. */
  release(now: number): AttemptRecord[];
}

/** How many keys' refusals are told apart in one window; what is beyond goes to one record in common. */
const MOST_WITHHELD = 1_000;

export function createLimits(options: RateLimitOptions | false): Limits {
  const { limits = {}, create = inMemory } = options === false ? {} : options;
  const names = options === false ? [] : (Object.keys(LIMITS) as LimitName[]);
  const limiters = new Map(names.map((name) => [name, create(name, limits[name] ?? LIMITS[name])]));
  const withheld = new Map<string, { readonly record: AttemptRecord; readonly until: number; count: number }>();
  return {
    async admit(counted) {
      for (const [name, key] of counted) {
        try {
          await limiters.get(name)?.consume(key);
        } catch (rejected) {
          if (rejected instanceof Error) throw refuse('store_unavailable', { cause: rejected });
          const retryAfter = Math.max(1, Math.ceil((rejected as RateLimiterRes).msBeforeNext / 1_000));
          throw refuse('rate_limited', { limited: { retryAfter, limit: `${name}:${key}` } });
        }
      }
    },
    withhold(limit, record, now) {
      const key = withheld.has(limit) || withheld.size < MOST_WITHHELD ? limit : 'others';
      const first = withheld.get(key);
      if (first) first.count += 1;
      else withheld.set(key, { record, until: now + WINDOW_MS, count: 1 });
    },
    release(now) {
      const over = [...withheld].filter(([, { until }]) => until <= now);
      for (const [key] of over) withheld.delete(key);
      return over.map(([, { record, count }]) => ({ ...record, event: { ...record.event, repeatCount: count } }));
    },
  };
}

/** One record a key and minute, or the log itself would be the denial of service. */
const WINDOW_MS = 60_000;

function inMemory(name: LimitName, { points, seconds }: LimitRule): Limiter {
  return new RateLimiterMemory({ keyPrefix: name, points, duration: seconds });
}

/** What one subscriber has: an IPv4 address, or the /64 of an IPv6 one. */
export function subscriber(address: HttpRequest['address']): string {
  if (address === null) return 'unknown';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%')[0]!.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
