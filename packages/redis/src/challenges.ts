/**
 * Challenges in Redis. A ceremony is one key; that it must be swept is an entry in the expiry index of its bucket. The two
 * share a slot by hash tag, so that one script changes both and a failover loses both or neither.
 *
 * What a failover or a flush can do: replication is asynchronous, so a promoted replica may lack the newest writes. A
 * ceremony it never had is `unknown`: refused. A take it never had leaves the ceremony open: it can be taken a second time,
 * with the same browser binding, within its lifetime. `min-replicas-to-write 1` makes a master that sees no replica refuse
 * writes (the take throws: refused) and so bounds that window by `min-replicas-max-lag`; it does not close it, and neither
 * would WAIT, which cannot undo a take that reached no replica.
 */
import { type ChallengeStore, type PendingCeremony, REMEMBERED_MS, type TakeResult } from '@latchkey/core';
import { prefixOf, type RedisClient, type RedisStoreOptions, script } from './client.ts';
import { readRecord, SPLIT, writeRecord } from './record.ts';

/** Enough to spread over any Cluster of a size one meets; few enough for a sweep to look at each. */
const BUCKETS = 64;

/**
 * How long a ceremony nobody sweeps stays, in milliseconds of real time. Keys expire by Redis' clock, decisions are made by
 * the `now` that is handed in, and the two may differ: so this only cleans up, and counts from the put or the expiry,
 * whichever is later. It is what sweepers may be down for, and what clocks may differ by, before an abandoned attempt goes
 * unreported; to a take, an id that old is `unknown` either way.
 */
const UNSWEPT_MS = REMEMBERED_MS + 60 * 60_000;

/** How much longer than needed the memory of a taken or swept id stays, for clocks that differ between servers. */
const SKEW_MS = 60_000;

// The lines of an open ceremony. When it has been taken or swept, only the first two are left.
const LINES = 7;
const OPEN = `${SPLIT}
local STATUS, EXPIRES_AT, ENTRY, BEGUN, PURPOSE, BINDING, USER = 1, 2, 3, 4, 5, 6, 7
local function read(key)
  local record = redis.call('GET', key)
  return record and split(record, ${LINES})
end
local function close(key, ceremony, status, now)
  local needed = ceremony[EXPIRES_AT] + ${REMEMBERED_MS} - now
  if needed < 0 then return redis.call('DEL', key) end
  local memory = table.concat({ status, ceremony[EXPIRES_AT] }, '\\n')
  redis.call('SET', key, memory, 'PX', string.format('%.0f', needed + ${SKEW_MS}))
end
`;

// An entry is "<real time after which its ceremony is gone>:<attempt id>", scored by expiry. Each put drops up to two dead
// ones, so that the index never outgrows the living ceremonies, even where nobody sweeps.
const PUT = script(`
local entry, expires_at, record, real_now, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
if not redis.call('SET', KEYS[1], record, 'PX', ttl, 'NX') then
  return redis.error_reply('LATCHKEY A ceremony with this attempt id is already known.')
end
redis.call('ZADD', KEYS[2], expires_at, entry)
for _, old in ipairs(redis.call('ZRANGE', KEYS[2], 0, 1)) do
  if tonumber(string.match(old, '^%d+')) < real_now then redis.call('ZREM', KEYS[2], old) end
end
if redis.call('PTTL', KEYS[2]) < tonumber(ttl) then redis.call('PEXPIRE', KEYS[2], ttl) end
`);

const BEGIN = script(`${OPEN}
local ceremony = read(KEYS[1])
if ceremony and ceremony[STATUS] == '"open"' and ceremony[BINDING] == ARGV[1] then
  ceremony[BEGUN] = 'true'
  redis.call('SET', KEYS[1], table.concat(ceremony, '\\n'), 'KEEPTTL')
end
`);

// An expected member that is left out arrives as the empty string, which is no JSON and so no member's value.
const TAKE = script(`${OPEN}
local now, purpose, binding, user = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local ceremony = read(KEYS[1])
if not ceremony or now - ceremony[EXPIRES_AT] > ${REMEMBERED_MS} then return { '"unknown"' } end
if ceremony[STATUS] ~= '"open"' then return { ceremony[STATUS] } end
if now >= tonumber(ceremony[EXPIRES_AT]) then return { '"expired"' } end
if purpose ~= '' and purpose ~= ceremony[PURPOSE] then return { '"mismatch"', 'purpose' } end
if binding ~= ceremony[BINDING] then return { '"mismatch"', 'binding' } end
if user ~= '' and user ~= ceremony[USER] then return { '"mismatch"', 'user' } end
close(KEYS[1], ceremony, '"consumed"', now)
redis.call('ZREM', KEYS[2], cjson.decode(ceremony[ENTRY]))
return { '"fresh"', table.concat(ceremony, '\\n') }
`);

/** Entries of a bucket that are due, oldest first, each followed by its expiry. */
const DUE = script(`return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])`);

/** KEYS: the index, then the ceremony of each entry in ARGV after `now`. Whoever removes the entry has the ceremony. */
const SWEEP = script(`${OPEN}
local now, swept = tonumber(ARGV[1]), {}
for i = 2, #KEYS do
  local ceremony = redis.call('ZREM', KEYS[1], ARGV[i]) == 1 and read(KEYS[i])
  if ceremony and ceremony[STATUS] == '"open"' then
    close(KEYS[i], ceremony, '"expired"', now)
    swept[#swept + 1] = table.concat(ceremony, '\\n')
  end
end
return swept
`);

/** The challenges, one script and one round trip for each of put, begin and take; a sweep looks at all buckets at once. */
export function redisChallenges(redis: RedisClient, options: RedisStoreOptions = {}): ChallengeStore {
  const prefix = prefixOf(options);
  const indexOf = (bucket: number) => `${prefix}{${bucket}}:expiries`;
  const ceremonyOf = (bucket: number, attemptId: string) => `${prefix}{${bucket}}:ceremony:${attemptId}`;
  const keysOf = (attemptId: string) => {
    const bucket = bucketOf(attemptId);
    return [ceremonyOf(bucket, attemptId), indexOf(bucket)];
  };

  /** What is due in a bucket, the oldest `page` of it. */
  const due = async (bucket: number, now: number, page: number) => {
    const reply = (await DUE(redis, [indexOf(bucket)], now, page)) as string[];
    const entries = Array.from({ length: reply.length / 2 }, (_, i) => ({
      bucket,
      entry: reply[2 * i]!,
      expiresAt: Number(reply[2 * i + 1]),
    }));
    // Behind a full page there may be more: of what comes later in any bucket it is not known to be the oldest.
    return { entries, knownUntil: entries.length === page ? entries[page - 1]!.expiresAt : Number.POSITIVE_INFINITY };
  };

  /** Takes these entries of one bucket, as far as no other sweeper was faster. */
  const sweep = async (bucket: number, now: number, entries: string[]) => {
    const keys = entries.map((entry) => ceremonyOf(bucket, attemptIdIn(entry)));
    const swept = await SWEEP(redis, [indexOf(bucket), ...keys], now, ...entries);
    return (swept as string[]).map(readCeremony);
  };

  return {
    async put(ceremony) {
      const realNow = Date.now();
      const goneAt = Math.max(realNow, Math.ceil(ceremony.expiresAt)) + UNSWEPT_MS;
      const entry = `${goneAt}:${ceremony.attemptId}`;
      const record = writeCeremony(ceremony, entry);
      await PUT(redis, keysOf(ceremony.attemptId), entry, ceremony.expiresAt, record, realNow, goneAt - realNow);
    },

    async begin({ attemptId, binding }) {
      await BEGIN(redis, keysOf(attemptId).slice(0, 1), JSON.stringify(binding));
    },

    async take({ attemptId, purpose, binding, userId, now }) {
      const [status, detail] = (await TAKE(
        redis,
        keysOf(attemptId),
        now,
        JSON.stringify(purpose) ?? '',
        JSON.stringify(binding),
        JSON.stringify(userId) ?? '',
      )) as [string, string?];
      const take = { status: JSON.parse(status) };
      if (take.status === 'fresh') return { ...take, ceremony: readCeremony(detail!) };
      return (take.status === 'mismatch' ? { ...take, member: detail } : take) as TakeResult;
    },

    async takeExpired({ now, limit }) {
      const given: PendingCeremony[] = [];
      while (given.length < limit) {
        const wanted = limit - given.length;
        const page = Math.min(wanted, 8 + Math.ceil((2 * wanted) / BUCKETS));
        const pages = await Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => due(bucket, now, page)));
        const knownUntil = Math.min(...pages.map((each) => each.knownUntil));
        const known = pages.flatMap(({ entries }) => entries).filter(({ expiresAt }) => expiresAt <= knownUntil);
        const oldest = known.sort((a, b) => a.expiresAt - b.expiresAt).slice(0, wanted);
        const byBucket = Map.groupBy(oldest, ({ bucket }) => bucket);
        const swept = await Promise.all(
          Array.from(byBucket, ([bucket, entries]) =>
            sweep(
              bucket,
              now,
              entries.map(({ entry }) => entry),
            ),
          ),
        );
        given.push(...swept.flat().sort((a, b) => a.expiresAt - b.expiresAt));
        if (knownUntil === Number.POSITIVE_INFINITY && known.length === oldest.length) break;
      }
      return given;
    },
  };
}

function bucketOf(attemptId: string): number {
  let hash = 0;
  for (let i = 0; i < attemptId.length; i++) hash = Math.imul(hash, 31) + attemptId.charCodeAt(i);
  return (hash >>> 0) % BUCKETS;
}

function attemptIdIn(entry: string): string {
  return entry.slice(entry.indexOf(':') + 1);
}

/** The state goes as it is: it is the bulk, and no script looks into it. */
function writeCeremony(ceremony: PendingCeremony, entry: string): string {
  const { expiresAt, begun, purpose, binding, userId, state } = ceremony;
  return writeRecord(['open', expiresAt, entry, begun, purpose, binding, userId], state);
}

function readCeremony(record: string): PendingCeremony {
  const { lines, rest } = readRecord(record, LINES);
  const [, expiresAt, entry, begun, purpose, binding, userId] = lines as [
    'open',
    number,
    string,
    boolean,
    PendingCeremony['purpose'],
    string,
    string | null,
  ];
  return { attemptId: attemptIdIn(entry), purpose, binding, userId, begun, expiresAt, state: rest };
}
