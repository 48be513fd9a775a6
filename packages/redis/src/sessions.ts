/**
 * Sign-in sessions in Redis. A session is one key, named by its id. Whatever renews, touches or ends it is one script on
 * that key: of several who do it at once, exactly one finds it as it expects. Two keys beside it only help to find it: a
 * pointer from the hash of its token to its id, and an index of the ids of a user. A session is found by its token only
 * while it says itself that the token is its own.
 *
 * On a single node, beginning is one script. In a Cluster the keys lie on different nodes, and the steps come in this order:
 * (1) the id goes into the user's index, and the pointer is set; (2) a session that is replaced ends; (3) the session is
 * written, to renew one by compare and set on its token. Nobody finds a session before (3), so every session that is found
 * is in the index and can be ended. A crash before (3) leaves an index entry and a pointer that lead nowhere, and perhaps a
 * browser that is signed out. Ending removes the session first, then what leads to it; a crash between leaves the same.
 *
 * Every key expires by Redis' own clock, {@link KEPT_MS} after `expiresAt` or after it was written, whichever is later. So
 * there is nothing to sweep. A flush, or a restart without a disk, signs everybody out. A failover may lose the newest
 * writes: a session that was just ended may be live again. Where that must not be, keep sessions in SQL.
 */
import type { SessionSelection, SessionStart, SessionStore, SignInSession } from '@latchkey/core';
import { prefixOf, type RedisClient, type RedisStoreOptions, script, userKey } from './client.ts';
import { readRecord, SPLIT, writeRecord } from './record.ts';

/** How long an expired session may still be looked at, in milliseconds of real time; it covers clocks that differ. */
const KEPT_MS = 60 * 60_000;

// The lines of a session: what a script compares or changes.
const LINES = 6;
const SESSION = `${SPLIT}
local TOKEN, USER, RP, PASSKEY, CONFIRMED_BY, SEEN_AT = 1, 2, 3, 4, 5, 6
local function read(key)
  local record = redis.call('GET', key)
  return record and split(record, ${LINES})
end
local function add_to_index(index, id, gone_at, real_now)
  redis.call('ZADD', index, gone_at, id)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', '(' .. real_now)
  if redis.call('PTTL', index) < gone_at - real_now then redis.call('PEXPIRE', index, string.format('%.0f', gone_at - real_now)) end
end
`;

const TAKEN = `redis.error_reply('LATCHKEY A session with this id or token is already known.')`;

/**
 * In Lua, for a single node: `refusal(keys, arguments)` says why a session cannot begin, and `begin(keys, arguments)` begins
 * it. Both take what {@link startOf} gives. Keys: the session, its pointer, its index, the pointer of the session to
 * replace, and what the keys of sessions begin with.
 */
export const BEGIN_LUA = `${SESSION}
local function refusal(keys, arguments)
  local replaces, renews = arguments[3], arguments[4]
  if redis.call('EXISTS', keys[2]) == 1 then return ${TAKEN} end
  local current = read(keys[1])
  if renews == 'true' then
    if not current or current[TOKEN] ~= replaces then return 'session_gone' end
  elseif current then
    return ${TAKEN}
  end
end
local function begin(keys, arguments)
  local id, record, replaces, renews, gone_at, real_now = unpack(arguments)
  local ttl = string.format('%.0f', gone_at - real_now)
  if replaces ~= 'null' then
    local replaced = redis.call('GET', keys[4])
    local current = replaced and read(keys[5] .. replaced)
    if current and current[TOKEN] == replaces then
      redis.call('DEL', keys[5] .. replaced)
      redis.call('ZREM', keys[3], replaced)
    end
    redis.call('DEL', keys[4])
  end
  add_to_index(keys[3], id, tonumber(gone_at), tonumber(real_now))
  redis.call('SET', keys[2], id, 'PX', ttl)
  redis.call('SET', keys[1], record, 'PX', ttl)
end
`;

const BEGIN = script(`${BEGIN_LUA}
local refused = refusal(KEYS, ARGV)
if refused then return refused end
begin(KEYS, ARGV)
return 'recorded'
`);

const ADD_TO_INDEX = script(`${SESSION} add_to_index(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))`);

/** Sets a key that is not there yet; nil when it is. */
const ADD = script(`return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')`);

/** Nil when the session is gone, or has another token than the one to renew. */
const RENEW = script(`${SESSION}
local current = read(KEYS[1])
if not current or current[TOKEN] ~= ARGV[1] then return false end
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
`);

const GET = script(`return redis.call('GET', KEYS[1])`);

/** The id that a pointer leads to, and that session. */
const FIND = script(`
local id = redis.call('GET', KEYS[1])
local record = id and redis.call('GET', KEYS[2] .. id)
return record and { id, record }
`);

const TOUCH = script(`${SESSION}
local current = read(KEYS[1])
if not current then return false end
if tonumber(ARGV[1]) > tonumber(current[SEEN_AT]) then
  current[SEEN_AT] = ARGV[1]
  redis.call('SET', KEYS[1], table.concat(current, '\\n'), 'KEEPTTL')
end
return 'done'
`);

/** Removes the session and answers it, if it is as expected. An expectation that is empty is none. */
const END = script(`${SESSION}
local token, user, rp, passkey = unpack(ARGV)
local current = read(KEYS[1])
if not current then return false end
if token ~= '' and token ~= current[TOKEN] then return false end
if user ~= '' and user ~= current[USER] then return false end
if rp ~= '' and rp ~= current[RP] then return false end
if passkey ~= '' and passkey ~= current[PASSKEY] and passkey ~= current[CONFIRMED_BY] then return false end
redis.call('DEL', KEYS[1])
return table.concat(current, '\\n')
`);

const DROP_POINTER = script(`if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`);

const LIST_INDEX = script(`return redis.call('ZRANGE', KEYS[1], 0, -1)`);

const DROP_FROM_INDEX = script(`redis.call('ZREM', KEYS[1], ARGV[1])`);

/** Where the keys of sessions are. */
function keysUnder(prefix: string) {
  return {
    session: (id: string) => `${prefix}session:${id}`,
    pointer: (tokenHash: string) => `${prefix}session-token:${tokenHash}`,
    index: (userId: string) => userKey(`${prefix}sessions:`, userId),
  };
}

/** The keys and the arguments of a script with {@link BEGIN_LUA}, for a single node. */
export function startOf(options: RedisStoreOptions, { session, replaces, renews }: SessionStart) {
  const keys = keysUnder(prefixOf(options));
  const { goneAt, realNow } = lifeOf(session);
  return {
    keys: [
      keys.session(session.id),
      keys.pointer(session.tokenHash),
      keys.index(session.userId),
      keys.pointer(replaces ?? ''),
      keys.session(''),
    ],
    arguments: [session.id, writeSession(session), JSON.stringify(replaces), `${renews}`, goneAt, realNow],
  };
}

/** The sessions. Round trips: find and touch 1 (by token in a Cluster 2), begin 1 (in a Cluster 2 to 5), end 2 or 3 (with `keepLatest` 1 where there are no more than that), listByUser 2. */
export function redisSessions(redis: RedisClient, options: RedisStoreOptions = {}): SessionStore {
  const keys = keysUnder(prefixOf(options));

  const beginInSteps = async ({ session, replaces, renews }: SessionStart): Promise<boolean> => {
    const { id, tokenHash, userId } = session;
    const { goneAt, realNow } = lifeOf(session);
    const ttl = goneAt - realNow;
    const record = writeSession(session);
    const [pointed] = await Promise.all([
      ADD(redis, [keys.pointer(tokenHash)], id, ttl),
      ADD_TO_INDEX(redis, [keys.index(userId)], id, goneAt, realNow),
    ]);
    if (pointed === null) throw new Error('A session with this token is already known.');
    if (renews) {
      const renewed = await RENEW(redis, [keys.session(id)], JSON.stringify(replaces), record, ttl);
      await DROP_POINTER(redis, [keys.pointer((renewed === null ? tokenHash : replaces) ?? '')], id);
      return renewed !== null;
    }
    if (replaces !== null) await end({ tokenHash: replaces });
    if ((await ADD(redis, [keys.session(id)], record, ttl)) !== null) return true;
    await DROP_POINTER(redis, [keys.pointer(tokenHash)], id);
    throw new Error('A session with this id is already known.');
  };

  const idsOf = async (userId: string) => (await LIST_INDEX(redis, [keys.index(userId)])) as string[];

  const byId = async (id: string): Promise<SignInSession | null> => {
    const record = (await GET(redis, [keys.session(id)])) as string | null;
    return record === null ? null : readSession(record, id);
  };

  const byToken = async (tokenHash: string): Promise<SignInSession | null> => {
    const pointer = keys.pointer(tokenHash);
    let session: SignInSession | null;
    if (redis.isCluster) {
      const id = (await GET(redis, [pointer])) as string | null;
      session = id === null ? null : await byId(id);
    } else {
      const found = (await FIND(redis, [pointer, keys.session('')])) as [string, string] | null;
      session = found === null ? null : readSession(found[1], found[0]);
    }
    return session?.tokenHash === tokenHash ? session : null;
  };

  const ofUser = async (userId: string, ids: readonly string[]): Promise<SignInSession[]> =>
    (await Promise.all(ids.map(byId))).filter(
      (session) => session !== null && session.userId === userId,
    ) as SignInSession[];

  /** The ids beyond those to keep. Who has few has none, and their sessions are not read. */
  const beyond = async ({ userId, rpId, except, keepLatest }: Surplus): Promise<string[]> => {
    const ids = (await idsOf(userId)).filter((id) => id !== except);
    if (ids.length <= keepLatest) return [];
    return (await ofUser(userId, ids))
      .filter((session) => session.rpId === rpId)
      .sort((a, b) => b.seenAt - a.seenAt || b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
      .slice(keepLatest)
      .map(({ id }) => id);
  };

  /** The ids that a selection may be about. */
  const candidates = async (which: SessionSelection): Promise<string[]> => {
    if ('id' in which) return [which.id];
    if ('keepLatest' in which) return beyond(which);
    if (!('tokenHash' in which)) return idsOf(which.userId);
    const id = (await GET(redis, [keys.pointer(which.tokenHash)])) as string | null;
    return id === null ? [] : [id];
  };

  const end = async (which: SessionSelection): Promise<SignInSession[]> => {
    const member = (name: 'tokenHash' | 'userId' | 'rpId' | 'passkeyId') =>
      JSON.stringify((which as Partial<Record<typeof name, string>>)[name]) ?? '';
    const expected = [member('tokenHash'), member('userId'), member('rpId'), member('passkeyId')];
    const endOne = async (id: string): Promise<SignInSession[]> => {
      const record = (await END(redis, [keys.session(id)], ...expected)) as string | null;
      if (record === null) return [];
      const session = readSession(record, id);
      await Promise.all([
        DROP_POINTER(redis, [keys.pointer(session.tokenHash)], id),
        DROP_FROM_INDEX(redis, [keys.index(session.userId)], id),
      ]);
      return [session];
    };
    const ids = (await candidates(which)).filter((id) => !('except' in which) || id !== which.except);
    return (await Promise.all(ids.map(endOne))).flat();
  };

  return {
    async begin(start) {
      if (redis.isCluster) return beginInSteps(start);
      const { keys, arguments: given } = startOf(options, start);
      return (await BEGIN(redis, keys, ...given)) === 'recorded';
    },

    find: (which) => ('id' in which ? byId(which.id) : byToken(which.tokenHash)),

    async touch({ id, seenAt }) {
      return (await TOUCH(redis, [keys.session(id)], seenAt)) !== null;
    },

    end,

    async listByUser(userId) {
      const sessions = await ofUser(userId, await idsOf(userId));
      return sessions.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    },

    /** Redis forgets them by its own clock. */
    forgetExpired: () => 0,
  };
}

/** A selection with `keepLatest`. */
type Surplus = Extract<SessionSelection, { readonly keepLatest: number }>;

/** Until when the keys of a session stay, by this machine's clock. */
function lifeOf({ expiresAt }: SignInSession) {
  const realNow = Date.now();
  return { goneAt: Math.max(realNow, Math.ceil(expiresAt)) + KEPT_MS, realNow };
}

function writeSession(session: SignInSession): string {
  // The id is the name of the key.
  const { id, tokenHash, userId, rpId, passkeyId, seenAt, ...rest } = session;
  return writeRecord(
    [tokenHash, userId, rpId, passkeyId, session.stepUp?.passkeyId ?? null, seenAt],
    JSON.stringify(rest),
  );
}

function readSession(record: string, id: string): SignInSession {
  const { lines, rest } = readRecord(record, LINES);
  const [tokenHash, userId, rpId, passkeyId, , seenAt] = lines;
  return { ...JSON.parse(rest), id, tokenHash, userId, rpId, passkeyId, seenAt };
}
