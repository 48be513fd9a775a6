/**
 * Rate limits: by address, by browser binding, by account, and a cap on unfinished ceremonies. A request over a limit is
 * refused before anything is parsed or stored. What counts is kept by rate-limiter-flexible: in this process by default,
 * in Redis across processes by one line; this file only says what is counted, and for whom.
 */

import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type { HttpRequest } from '../adapter.ts';
import type { Services } from '../ceremony/services.ts';
import { refuse } from '../errors.ts';
import { LIMITS, type Limiter, type LimitName, type LimitRule, type RateLimitOptions } from '../options.ts';
import type { AttemptRecord } from '../record/attempt.ts';

/** What routes need besides the request: what ceremonies need, and the limits. */
export interface HttpServices extends Services {
  readonly limits: Limits;
}

/** One thing to count: against which rule, for whom. */
export type LimitedKey = readonly [LimitName, key: string];

export interface Limits {
  /** Throws `rate_limited` for what is over a limit, and `store_unavailable` when a limiter's own store is down. */
  admit(counted: readonly LimitedKey[]): Promise<void>;
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
