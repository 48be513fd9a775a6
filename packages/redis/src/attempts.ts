/**
 * Attempt records in Redis: the newest so many. A sorted set orders the ids (UUIDv7, so by time), a hash has the records;
 * both share one slot, hence the bound. For a long history, or more records than one node should write, keep them in SQL.
 */
import { type AttemptRecord, type AttemptStore, ConfigurationError } from '@latchkey/core';
import { prefixOf, type RedisClient, type RedisStoreOptions, script } from './client.ts';
import { SPLIT, writeRecord } from './record.ts';

/** The options of {@link redisAttempts}, and of the whole store. */
export interface RedisAttemptsOptions extends RedisStoreOptions {
  /**
   * How many attempt records are kept. Records of folded refusals (`event.repeatCount`) go first, then the oldest. Default
   * 100,000, which take about 200 MB.
   */
  readonly keepAttempts?: number;
}

/** Records one call of the script looks at: a millisecond or less, so that a rare filter never holds up a sign-in. */
const PAGE = 100;

// The lines of a record: what a query may ask for. At most ten go per append, so that a lowered bound is reached gently.
const LINES = 5;
// A record that stands for refusals before or by a limit goes first: strangers make as many as they like.
const APPEND = script(`
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then return end
redis.call('ZADD', KEYS[1], 0, ARGV[1])
if ARGV[4] == '1' then redis.call('ZADD', KEYS[3], 0, ARGV[1]) end
local over = math.min(redis.call('ZCARD', KEYS[1]) - ARGV[3], 10)
if over > 0 then
  local oldest = redis.call('ZRANGE', KEYS[3], 0, over - 1)
  if #oldest == 0 then oldest = redis.call('ZRANGE', KEYS[1], 0, over - 1) end
  redis.call('ZREM', KEYS[1], unpack(oldest))
  redis.call('ZREM', KEYS[3], unpack(oldest))
  redis.call('HDEL', KEYS[2], unpack(oldest))
end
`);

/** One page below `before`: where the next one begins (empty at the end), then the records that match. */
const LIST = script(`${SPLIT}
local before, limit, since, till = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ids = redis.call('ZREVRANGEBYLEX', KEYS[1], before == '' and '+' or '(' .. before, '-', 'LIMIT', 0, ${PAGE})
local found = { #ids == ${PAGE} and ids[${PAGE}] or '' }
for _, id in ipairs(ids) do
  if #found > limit then break end
  local lines = split(redis.call('HGET', KEYS[2], id), ${LINES})
  local time = tonumber(lines[1])
  local matches = (not since or time >= since) and (not till or time < till)
  for i = 2, ${LINES} do matches = matches and (ARGV[i + 3] == '' or ARGV[i + 3] == lines[i]) end
  if matches then found[#found + 1] = lines[${LINES + 1}] end
end
return found
`);

/**
 * One page after `after`: removes at most `limit` records that ended before an instant or are of a user. Answers how many went,
 * how many there were to look at, and the last one of these.
 */
const REMOVE = script(`${SPLIT}
local after, limit, before, user = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local ids = redis.call('ZRANGEBYLEX', KEYS[1], after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, ${PAGE})
local gone, last = {}, ''
for _, id in ipairs(ids) do
  if #gone == limit then break end
  local lines = split(redis.call('HGET', KEYS[2], id), ${LINES})
  if (before and tonumber(lines[1]) < before) or user == lines[5] then gone[#gone + 1] = id end
  last = id
end
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[3], unpack(gone))
  redis.call('HDEL', KEYS[2], unpack(gone))
end
return { #gone, #ids, last }
`);

/** The attempt records. One round trip for append; one for every 100 records a list has to look at. */
export function redisAttempts(redis: RedisClient, options: RedisAttemptsOptions = {}): AttemptStore {
  const { keepAttempts = 100_000 } = options;
  if (!Number.isInteger(keepAttempts) || keepAttempts < 1) {
    throw new ConfigurationError('keepAttempts', keepAttempts, 'Write a whole number above 0, such as 100_000.');
  }
  const prefix = prefixOf(options);
  const keys = [`${prefix}{attempts}:ids`, `${prefix}{attempts}:records`, `${prefix}{attempts}:refusals`];

  /** Page by page, oldest first, until `limit` records are gone, nothing is left to look at, or `isEnough` of a page's answer. */
  async function remove(
    limit: number,
    [before, user]: readonly [number | '', string],
    isEnough: (gone: number) => boolean,
  ) {
    let removed = 0;
    for (let after = ''; removed < limit; ) {
      const reply = (await REMOVE(redis, keys, after, limit - removed, before, user)) as [unknown, unknown, string];
      // A client may be told to give numbers as text.
      const [gone, seen] = [Number(reply[0]), Number(reply[1])];
      removed += gone;
      if (seen < PAGE || isEnough(gone)) break;
      after = reply[2];
    }
    return removed;
  }

  return {
    async append(record) {
      const { event, outcome, immediate, user } = record;
      const time = Date.parse(event.time);
      const written = writeRecord([time, event.name, outcome, immediate.enforcement, user.id], JSON.stringify(record));
      await APPEND(redis, keys, event.id, written, keepAttempts, event.repeatCount === undefined ? '' : '1');
    },

    async list({ name, since, until, userId, outcome, enforcement, before = '', limit }) {
      const facets = [name, outcome, enforcement, userId].map((facet) => JSON.stringify(facet) ?? '');
      const listed: AttemptRecord[] = [];
      let from = before;
      do {
        const wanted = limit - listed.length;
        const reply = await LIST(redis, keys, from, wanted, since ?? '', until ?? '', ...facets);
        const [next, ...records] = reply as [string, ...string[]];
        listed.push(...records.map((record): AttemptRecord => JSON.parse(record)));
        from = next;
      } while (from !== '' && listed.length < limit);
      return listed;
    },

    // The ids are in the order of time, as far as clocks agree: behind a whole page that stays, everything does.
    purge: ({ before, limit }) => remove(limit, [before, ''], (gone) => gone === 0),

    eraseUser: ({ userId, limit }) => remove(limit, ['', JSON.stringify(userId)], () => false),
  };
}
