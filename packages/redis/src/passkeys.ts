/**
 * Passkeys in Redis. All passkeys of a user are one hash, keyed by the user's handle: a sign-in, where the browser brings
 * the handle, finds them in one round trip. Three small keys go beside it: the handle kept for a user, the claim that a handle
 * has on a credential id, and when a user said "not now" to an offer. As each lies in its own slot, no command spans two of them.
 *
 * Bytes are base64url in JSON: that costs a third of some 150 bytes, and `redis-cli` shows what is there.
 *
 * Every change but a use draws a new `version` of the hash, and is made by compare and set on it: read, decide in TypeScript,
 * commit if nothing changed meanwhile, else again. Of any number of writers at once one gets through. A use is one script,
 * and what it writes is no change's to write; so the two pass each other by.
 *
 * `insert` must agree over two slots that a credential id has one owner: (1) read hash and claim, (2) set the claim if it
 * is free or this user's own already, and label it with the new passkey's id, (3) commit to the hash. `remove` commits
 * first, then drops the claim, but only while that bears the removed passkey's label. Hence a committed passkey always has
 * its claim: to lose it, another insert of the same user must have been committed and removed between (1) and (3); then
 * the version differs, (3) changes nothing, and all is done again. After a crash between (2) and (3), or within `remove`,
 * a claim without a passkey stays. Its own user may use it again at once; anyone else is told `exists`, which refuses more
 * than it must and harms nobody, since an authenticator makes a new random id for every passkey.
 *
 * `forget` empties the hash first, and leaves in it for an hour that the handle with this mark is forgotten; then it drops
 * claims and handle. An insert that had read the handle before is told `forgotten`, and begins again with a handle that is
 * kept anew. A crash between leaves the handle, to be forgotten once more, and claims without passkeys.
 *
 * A failover may lose the newest writes: a passkey just added or removed may be as before. On one node the claim, being
 * older, outlives its passkey; in a Cluster, where another node has it, it may be lost alone.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Passkey, PasskeyChangeResult, PasskeySelection, PasskeyStore, UseResult } from '@latchkey/core';
import { prefixOf, type RedisClient, type RedisStoreOptions, script, userKey } from './client.ts';
import { readRecord, SPLIT, writeRecord } from './record.ts';
import { BEGIN_LUA, redisSessions, startOf } from './sessions.ts';

const GET = script(`return redis.call('GET', KEYS[1])`);

/** The first value wins; answers the one that is kept. */
const KEEP = script(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX') then return ARGV[1] end
return redis.call('GET', KEYS[1])
`);

/** The later of two instants stays. */
const DECLINE = script(`
local kept = tonumber(redis.call('GET', KEYS[1]))
if not kept or kept < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
`);

const DELETE = script(`redis.call('DEL', KEYS[1])`);

/** Field, value, field, value … */
const READ = script(`return redis.call('HGETALL', KEYS[1])`);

// The lines of a passkey: enabled, generation; then what only a use changes: counter, last use, backup eligible, backed up.
const LINES = 6;

/**
 * Sets or, without a record, removes a field, if the version is still the one that was read; nil when it is not. What a use
 * has changed since stays. `mark` is given by who adds a passkey: 'forgotten' when the user was forgotten under it.
 */
const COMMIT = script(`${SPLIT}
local read_version, version, owner, field, record, mark = unpack(ARGV)
if mark ~= '' and redis.call('HGET', KEYS[1], 'forgotten') == mark then return 'forgotten' end
if (redis.call('HGET', KEYS[1], 'version') or '') ~= read_version then return false end
redis.call('HSET', KEYS[1], 'version', version, 'owner', owner)
redis.call('PERSIST', KEYS[1])
if record == '' then
  redis.call('HDEL', KEYS[1], field)
  return 'done'
end
local current = redis.call('HGET', KEYS[1], field)
if current then
  local changed, used = split(record, ${LINES}), split(current, ${LINES})
  for line = 3, ${LINES} do changed[line] = used[line] end
  record = table.concat(changed, '\\n')
end
redis.call('HSET', KEYS[1], field, record)
return 'done'
`);

/** How long a hash remembers that its user was forgotten, in milliseconds of real time: longer than an insert can take. */
const FORGOTTEN_MS = 60 * 60_000;

/** Removes every passkey of this owner, and answers the fields that there were. */
const FORGET = script(`
local owner, version, mark = unpack(ARGV)
local current = redis.call('HGET', KEYS[1], 'owner')
if current and current ~= owner then return {} end
local fields = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', version, 'forgotten', mark)
redis.call('PEXPIRE', KEYS[1], ${FORGOTTEN_MS})
return fields
`);

/** The handle in ARGV[1], labelled by ARGV[2]. Nil when another handle has the claim. */
const CLAIM = script(`${SPLIT}
local held = redis.call('GET', KEYS[1])
if held and split(held, 1)[1] ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1] .. '\\n' .. ARGV[2])
return 'done'
`);

/** Removes a claim or a kept handle, if it is still this one with this label. */
const DROP = script(`if redis.call('GET', KEYS[1]) == ARGV[1] .. '\\n' .. ARGV[2] then redis.call('DEL', KEYS[1]) end`);

/** With more than one key, also begins a session: both, or neither. */
const USE = script(`${BEGIN_LUA}
local field, generation, read_count, read_used_at, sign_count, used_at, eligible, backed_up = unpack(ARGV)
local record = redis.call('HGET', KEYS[1], field)
if not record then return 'missing' end
local lines = split(record, ${LINES})
if lines[1] ~= 'true' or lines[2] ~= generation or lines[3] ~= read_count then return 'stale' end
if read_used_at == 'null' and lines[4] ~= 'null' then return 'stale' end
local keys, arguments = { unpack(KEYS, 2) }, { unpack(ARGV, 9) }
local refused = #keys > 0 and refusal(keys, arguments)
if refused then return refused end
lines[3], lines[4], lines[5], lines[6] = sign_count, used_at, eligible, backed_up
redis.call('HSET', KEYS[1], field, table.concat(lines, '\\n'))
if #keys > 0 then begin(keys, arguments) end
return 'recorded'
`);

/** A user's hash as it was read. `version` is empty while nothing was ever committed. */
interface Owned {
  readonly handle: string;
  readonly version: string;
  readonly owner: string | undefined;
  /** Oldest first. */
  readonly passkeys: readonly Passkey[];
}

/** Read where there is nobody, so that a stranger who counts round trips by the clock learns nothing. */
const NOBODYS_HANDLE = '';

/** The handle kept for a user. The mark is random: a handle that is forgotten and kept again has another. */
interface KeptHandle {
  readonly handle: string;
  readonly mark: string;
}

/**
 * The passkeys. Round trips: keepHandle, recordUse and find with the right hint 1, listByUser 2, update and forget 3 or 4,
 * insert and remove 4. Where Redis is a Cluster, there are no `sessions`: no script spans two of its nodes.
 */
export function redisPasskeys(redis: RedisClient, options: RedisStoreOptions = {}): PasskeyStore {
  const prefix = prefixOf(options);
  const ownedKey = (handle: string) => `${prefix}passkeys:${handle}`;
  const claimKey = (credentialId: Uint8Array) =>
    `${prefix}credential:${createHash('sha256').update(credentialId).digest('base64url')}`;
  const handleKey = (userId: string) => userKey(`${prefix}handle:`, userId);
  const declineKey = (userId: string) => userKey(`${prefix}declined:`, userId);
  const keep = async (userId: string, proposed: string) =>
    readHandle((await KEEP(redis, [handleKey(userId)], `${proposed}\n${randomUUID()}`)) as string);
  const handleOf = async (userId: string): Promise<KeptHandle | null> => {
    const kept = (await GET(redis, [handleKey(userId)])) as string | null;
    return kept === null ? null : readHandle(kept);
  };
  const claimantOf = async (credentialId: Uint8Array) => {
    const claim = (await GET(redis, [claimKey(credentialId)])) as string | null;
    return claim === null ? null : claim.slice(0, claim.indexOf('\n'));
  };
  const dropHandle = (userId: string, { handle, mark }: KeptHandle) => DROP(redis, [handleKey(userId)], handle, mark);
  const dropClaim = ({ credentialId, id }: Passkey, handle: string) =>
    DROP(redis, [claimKey(credentialId)], handle, id);

  const read = async (handle: string) => readOwned(handle, (await READ(redis, [ownedKey(handle)])) as string[]);

  const readByUser = async (userId: string): Promise<Owned | null> => {
    const owned = await read((await handleOf(userId))?.handle ?? NOBODYS_HANDLE);
    return owned.owner === userId ? owned : null;
  };

  const commit = async (
    { handle, version }: Owned,
    { userId, id }: Pick<Passkey, 'userId' | 'id'>,
    passkey: Passkey | null,
    mark = '',
  ): Promise<'done' | 'forgotten' | null> => {
    const record = passkey === null ? '' : writePasskey(passkey);
    const answer = await COMMIT(redis, [ownedKey(handle)], version, randomUUID(), userId, FIELD + id, record, mark);
    return answer as 'done' | 'forgotten' | null;
  };

  /** Changes a passkey of this user to what `decide` says, or removes it for null, until nobody came in between. */
  const change = async (
    { userId, rpId, id }: PasskeySelection,
    decide: (passkey: Passkey, isLast: boolean) => Passkey | null | 'last',
  ): Promise<PasskeyChangeResult> => {
    for (;;) {
      const owned = await readByUser(userId);
      const there = owned?.passkeys.filter((passkey) => passkey.rpId === rpId) ?? [];
      const current = there.find((passkey) => passkey.id === id);
      if (!owned || !current) return { status: 'not_found' };
      const changed = decide(current, current.enabled && there.filter(({ enabled }) => enabled).length === 1);
      if (changed === 'last') return { status: 'last' };
      if ((await commit(owned, current, changed)) === null) continue;
      if (changed === null) await dropClaim(current, owned.handle);
      return { status: 'done', passkey: changed ?? current, wasEnabled: current.enabled };
    }
  };

  return {
    ...(redis.isCluster ? {} : { sessions: redisSessions(redis, options) }),

    async keepHandle({ userId, proposed }) {
      return bytes((await keep(userId, text(proposed))).handle);
    },

    async insert({ passkey, max }) {
      const { id, userId, rpId, credentialId } = passkey;
      for (let claimed = false; ; ) {
        // A user who came from elsewhere brings a handle along; one who has another already keeps the passkeys under that.
        const kept = await keep(userId, text(passkey.userHandle));
        const { handle } = kept;
        const [owned, claimant] = await Promise.all([read(handle), claimantOf(credentialId)]);
        if (owned.owner !== undefined && owned.owner !== userId) throw new Error('The user handle is another user’s.');
        const isThere = owned.passkeys.some((own) => own.id === id || sameBytes(own.credentialId, credentialId));
        if (owned.passkeys.filter((own) => own.rpId === rpId).length >= max) {
          // A passkey that was committed with the same credential id needs the claim.
          if (!claimed || isThere) return 'limit';
          if ((await commit(owned, passkey, null)) === null) continue;
          // The new version turns away whoever read before it and relies on this claim, so it can go.
          await dropClaim(passkey, handle);
          return 'limit';
        }
        if (isThere || (claimant !== null && claimant !== handle)) return 'exists';
        if ((await CLAIM(redis, [claimKey(credentialId)], handle, id)) === null) return 'exists';
        claimed = true;
        const committed = await commit(owned, passkey, passkey, kept.mark);
        if (committed === 'done') return 'inserted';
        if (committed === 'forgotten') {
          await Promise.all([dropClaim(passkey, handle), dropHandle(userId, kept)]);
          claimed = false;
        }
      }
    },

    async find({ credentialId, userHandle }) {
      const among = async (handle: string) => {
        const { passkeys } = await read(handle);
        const found = passkeys.find((passkey) => sameBytes(passkey.credentialId, credentialId));
        return found === undefined ? [] : [found, ...passkeys.filter((passkey) => passkey !== found)];
      };
      const hint = userHandle === null ? null : text(userHandle);
      const hinted = hint === null ? [] : await among(hint);
      if (hinted.length > 0) return hinted;
      const claimant = await claimantOf(credentialId);
      return claimant !== null && claimant === hint ? [] : among(claimant ?? NOBODYS_HANDLE);
    },

    async listByUser(userId) {
      return [...((await readByUser(userId))?.passkeys ?? [])];
    },

    async recordUse({ passkey, use, session }) {
      const { generation, signCount: readCount, lastUsedAt } = passkey;
      const { signCount, usedAt, backupEligible, backedUp } = use;
      const lines = [generation, readCount, lastUsedAt, signCount, usedAt, backupEligible, backedUp];
      const written = lines.map((line) => JSON.stringify(line));
      const start = session === undefined ? { keys: [], arguments: [] } : startOf(options, session);
      const useUnder = async (handle: string) => {
        const keys = [ownedKey(handle), ...start.keys];
        const answer = await USE(redis, keys, FIELD + passkey.id, ...written, ...start.arguments);
        return answer as UseResult | 'missing';
      };
      const own = text(passkey.userHandle);
      let answer = await useUnder(own);
      if (answer === 'missing') {
        const kept = await handleOf(passkey.userId);
        if (kept !== null && kept.handle !== own) answer = await useUnder(kept.handle);
      }
      return answer === 'missing' ? 'stale' : answer;
    },

    update: ({ change: { nickname, enabled }, ...selection }) =>
      change(selection, (current, isLast) => {
        const disabling = enabled === false && current.enabled;
        if (disabling && selection.keepLast && isLast) return 'last';
        return {
          ...current,
          nickname: nickname ?? current.nickname,
          enabled: enabled ?? current.enabled,
          generation: current.generation + (disabling ? 1 : 0),
        };
      }),

    remove: (selection) => change(selection, (_, isLast) => (selection.keepLast && isLast ? 'last' : null)),

    async decline({ userId, at }) {
      await DECLINE(redis, [declineKey(userId)], String(at));
    },

    async declinedAt(userId) {
      const at = (await GET(redis, [declineKey(userId)])) as string | null;
      return at === null ? null : Number(at);
    },

    async forget(userId) {
      const kept = await handleOf(userId);
      const dropDecline = () => DELETE(redis, [declineKey(userId)]);
      if (kept === null) {
        await dropDecline();
        return [];
      }
      const { handle, mark } = kept;
      const fields = (await FORGET(redis, [ownedKey(handle)], userId, randomUUID(), mark)) as string[];
      const { passkeys } = readOwned(handle, fields);
      await Promise.all([
        dropDecline(),
        ...passkeys.map((passkey) => dropClaim(passkey, handle)),
        dropHandle(userId, kept),
      ]);
      return [...passkeys];
    },
  };
}

function readHandle(kept: string): KeptHandle {
  const end = kept.indexOf('\n');
  return { handle: kept.slice(0, end), mark: kept.slice(end + 1) };
}

/** From the fields of a hash: name, value, name, value … */
function readOwned(handle: string, reply: readonly string[]): Owned {
  const fields = new Map(Array.from({ length: reply.length / 2 }, (_, i) => [reply[2 * i]!, reply[2 * i + 1]!]));
  const owner = fields.get('owner');
  const passkeys = Array.from(fields)
    .filter(([field]) => field.startsWith(FIELD))
    .map(([field, record]) => readPasskey(record, field.slice(FIELD.length), owner!))
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  return { handle, version: fields.get('version') ?? '', owner, passkeys };
}

/** What the field of a passkey begins with, so that no id can name the fields `owner` and `version`. */
const FIELD = 'passkey:';

const text = (value: Uint8Array) => Buffer.from(value).toString('base64url');
const bytes = (value: string) => new Uint8Array(Buffer.from(value, 'base64url'));
const sameBytes = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

function writePasskey(passkey: Passkey): string {
  // Id and user are the name of the field and the owner of the hash.
  const { id, userId, enabled, generation, signCount, lastUsedAt, backupEligible, backedUp, ...rest } = passkey;
  const [userHandle, credentialId, publicKey] = [rest.userHandle, rest.credentialId, rest.publicKey].map(text);
  const stored = JSON.stringify({ ...rest, userHandle, credentialId, publicKey });
  return writeRecord([enabled, generation, signCount, lastUsedAt, backupEligible, backedUp], stored);
}

function readPasskey(record: string, id: string, userId: string): Passkey {
  const { lines, rest } = readRecord(record, LINES);
  const [enabled, generation, signCount, lastUsedAt, backupEligible, backedUp] = lines;
  const stored = JSON.parse(rest);
  return {
    ...stored,
    id,
    userId,
    userHandle: bytes(stored.userHandle),
    credentialId: bytes(stored.credentialId),
    publicKey: bytes(stored.publicKey),
    enabled,
    generation,
    signCount,
    lastUsedAt,
    backupEligible,
    backedUp,
  };
}
