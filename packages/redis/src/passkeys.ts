/**
 * Passkeys in Redis. All passkeys of a user are one hash, keyed by the user's handle: a sign-in, where the browser brings
 * the handle, finds them in one round trip. Two small keys go beside it: the handle kept for a user, and the claim that a
 * handle has on a credential id. As each lies in its own slot, no command spans two of them.
 *
 * Bytes are base64url in JSON: that costs a third of some 150 bytes, and `redis-cli` shows what is there.
 *
 * Every change draws a new `version` of the hash, and every change but `recordUse` is made by compare and set on it: read,
 * decide in TypeScript, commit if nothing changed meanwhile, else again. Of any number of writers at once one gets through.
 *
 * `insert` must agree over two slots that a credential id has one owner: (1) read hash and claim, (2) set the claim if it
 * is free or this user's own already, and label it with the new passkey's id, (3) commit to the hash. `remove` commits
 * first, then drops the claim, but only while that bears the removed passkey's label. Hence a committed passkey always has
 * its claim: to lose it, another insert of the same user must have been committed and removed between (1) and (3); then
 * the version differs, (3) changes nothing, and all is done again. After a crash between (2) and (3), or within `remove`,
 * a claim without a passkey stays. Its own user may use it again at once; anyone else is told `exists`, which refuses more
 * than it must and harms nobody, since an authenticator makes a new random id for every passkey.
 *
 * A failover may lose the newest writes: a passkey just added or removed may be as before. On one node the claim, being
 * older, outlives its passkey; in a Cluster, where another node has it, it may be lost alone.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Changed, Passkey, PasskeyStore } from '@latchkey/core';
import { prefixOf, type RedisClient, type RedisStoreOptions, script } from './client.ts';
import { readRecord, SPLIT, writeRecord } from './record.ts';

const GET = script(`return redis.call('GET', KEYS[1])`);

/** The first value wins; answers the one that is kept. */
const KEEP = script(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX') then return ARGV[1] end
return redis.call('GET', KEYS[1])
`);

/** Field, value, field, value … */
const READ = script(`return redis.call('HGETALL', KEYS[1])`);

/** Sets or, without a record, removes a field, if the version is still the one that was read; nil when it is not. */
const COMMIT = script(`
local read_version, version, owner, field, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if (redis.call('HGET', KEYS[1], 'version') or '') ~= read_version then return false end
redis.call('HSET', KEYS[1], 'version', version, 'owner', owner)
if record == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, record) end
return 'done'
`);

/** The handle in ARGV[1], labelled by ARGV[2]. Nil when another handle has the claim. */
const CLAIM = script(`${SPLIT}
local held = redis.call('GET', KEYS[1])
if held and split(held, 1)[1] ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1] .. '\\n' .. ARGV[2])
return 'done'
`);

const DROP_CLAIM = script(
  `if redis.call('GET', KEYS[1]) == ARGV[1] .. '\\n' .. ARGV[2] then redis.call('DEL', KEYS[1]) end`,
);

// The lines of a passkey: what one use judges and changes.
const LINES = 4;
const USE = script(`${SPLIT}
local field, version, read_count, read_used_at, sign_count, backed_up, used_at = unpack(ARGV)
local record = redis.call('HGET', KEYS[1], field)
if not record then return 'missing' end
local lines = split(record, ${LINES})
if lines[1] ~= 'true' or lines[2] ~= read_count then return 'refused' end
if read_used_at == 'null' and lines[4] ~= 'null' then return 'refused' end
lines[2], lines[3], lines[4] = sign_count, backed_up, used_at
redis.call('HSET', KEYS[1], field, table.concat(lines, '\\n'), 'version', version)
return 'done'
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

/** The passkeys. Round trips: keepHandle, recordUse and find with the right hint 1, listByUser 2, update 3, insert and remove 4. */
export function redisPasskeys(redis: RedisClient, options: RedisStoreOptions = {}): PasskeyStore {
  const prefix = prefixOf(options);
  const ownedKey = (handle: string) => `${prefix}passkeys:${handle}`;
  const claimKey = (credentialId: Uint8Array) =>
    `${prefix}credential:${createHash('sha256').update(credentialId).digest('base64url')}`;
  const handleKey = (userId: string) => {
    // UTF-8 has no lone surrogates: two ids that differ only in one would become the same key, and so the same user.
    if (!userId.isWellFormed()) throw new TypeError('A user id has a lone surrogate.');
    return `${prefix}handle:${userId}`;
  };
  const keep = async (userId: string, proposed: string) => (await KEEP(redis, [handleKey(userId)], proposed)) as string;
  const handleOf = async (userId: string) => (await GET(redis, [handleKey(userId)])) as string | null;
  const claimantOf = async (credentialId: Uint8Array) => {
    const claim = (await GET(redis, [claimKey(credentialId)])) as string | null;
    return claim === null ? null : claim.slice(0, claim.indexOf('\n'));
  };

  const read = async (handle: string): Promise<Owned> => {
    const reply = (await READ(redis, [ownedKey(handle)])) as string[];
    const fields = new Map(Array.from({ length: reply.length / 2 }, (_, i) => [reply[2 * i]!, reply[2 * i + 1]!]));
    const owner = fields.get('owner');
    const passkeys = Array.from(fields)
      .filter(([field]) => field.startsWith(FIELD))
      .map(([field, record]) => readPasskey(record, field.slice(FIELD.length), owner!))
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    return { handle, version: fields.get('version') ?? '', owner, passkeys };
  };

  const readByUser = async (userId: string): Promise<Owned | null> => {
    const owned = await read((await handleOf(userId)) ?? NOBODYS_HANDLE);
    return owned.owner === userId ? owned : null;
  };

  const commit = async (owned: Owned, userId: string, id: string, passkey: Passkey | null): Promise<boolean> => {
    const record = passkey === null ? '' : writePasskey(passkey);
    const keys = [ownedKey(owned.handle)];
    return (await COMMIT(redis, keys, owned.version, randomUUID(), userId, FIELD + id, record)) !== null;
  };

  /** Changes a passkey of this user to what `decide` says, or removes it for null, until nobody came in between. */
  const change = async (
    userId: string,
    id: string,
    decide: (passkey: Passkey, last: boolean) => Passkey | null | 'last',
  ): Promise<Changed> => {
    for (;;) {
      const owned = await readByUser(userId);
      const current = owned?.passkeys.find((passkey) => passkey.id === id);
      if (!owned || !current) return { status: 'not_found' };
      const last = current.enabled && owned.passkeys.filter(({ enabled }) => enabled).length === 1;
      const changed = decide(current, last);
      if (changed === 'last') return { status: 'last' };
      if (!(await commit(owned, userId, id, changed))) continue;
      if (changed === null) await DROP_CLAIM(redis, [claimKey(current.credentialId)], owned.handle, id);
      return { status: 'done', passkey: changed ?? current, wasEnabled: current.enabled };
    }
  };

  return {
    async keepHandle(userId, proposed) {
      return bytes(await keep(userId, text(proposed)));
    },

    async insert(passkey, max) {
      const { id, userId, credentialId } = passkey;
      const claim = [claimKey(credentialId)];
      // A user who came from elsewhere brings a handle along; one who has another already keeps the passkeys under that.
      const handle = await keep(userId, text(passkey.userHandle));
      for (let claimed = false; ; claimed = true) {
        const [owned, claimant] = await Promise.all([read(handle), claimantOf(credentialId)]);
        if (owned.owner !== undefined && owned.owner !== userId) throw new Error('The user handle is another user’s.');
        if (claimant !== null && claimant !== handle) return 'exists';
        if (owned.passkeys.some((own) => own.id === id || sameBytes(own.credentialId, credentialId))) return 'exists';
        if (owned.passkeys.length < max) {
          if ((await CLAIM(redis, claim, handle, id)) === null) return 'exists';
          if (await commit(owned, userId, id, passkey)) return 'inserted';
        } else if (!claimed) {
          return 'limit';
        } else if (await commit(owned, userId, id, null)) {
          // The new version turns away whoever read before it and relies on this claim, so it can go.
          await DROP_CLAIM(redis, claim, handle, id);
          return 'limit';
        }
      }
    },

    async find(credentialId, userHandle) {
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

    async recordUse({ id, userId, userHandle, signCount: readCount, lastUsedAt }, { signCount, backedUp, usedAt }) {
      const lines = [readCount, lastUsedAt, signCount, backedUp, usedAt].map((line) => JSON.stringify(line));
      const useUnder = (handle: string) => USE(redis, [ownedKey(handle)], FIELD + id, randomUUID(), ...lines);
      const own = text(userHandle);
      const answer = await useUnder(own);
      if (answer !== 'missing') return answer === 'done';
      const kept = await handleOf(userId);
      return kept !== null && kept !== own && (await useUnder(kept)) === 'done';
    },

    update: (userId, id, { nickname, enabled }, keepLast) =>
      change(userId, id, (current, last) => {
        const disabling = enabled === false && current.enabled;
        if (disabling && keepLast && last) return 'last';
        return {
          ...current,
          nickname: nickname ?? current.nickname,
          enabled: enabled ?? current.enabled,
          generation: current.generation + (disabling ? 1 : 0),
        };
      }),

    remove: (userId, id, keepLast) => change(userId, id, (_, last) => (keepLast && last ? 'last' : null)),
  };
}

/** What the field of a passkey begins with, so that no id can name the fields `owner` and `version`. */
const FIELD = 'passkey:';

const text = (value: Uint8Array) => Buffer.from(value).toString('base64url');
const bytes = (value: string) => new Uint8Array(Buffer.from(value, 'base64url'));
const sameBytes = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

function writePasskey(passkey: Passkey): string {
  // Id and user are the name of the field and the owner of the hash.
  const { id, userId, enabled, signCount, backedUp, lastUsedAt, ...rest } = passkey;
  const [userHandle, credentialId, publicKey] = [rest.userHandle, rest.credentialId, rest.publicKey].map(text);
  const stored = JSON.stringify({ ...rest, userHandle, credentialId, publicKey });
  return writeRecord([enabled, signCount, backedUp, lastUsedAt], stored);
}

function readPasskey(record: string, id: string, userId: string): Passkey {
  const { lines, rest } = readRecord(record, LINES);
  const [enabled, signCount, backedUp, lastUsedAt] = lines as [boolean, number, boolean, number | null];
  const stored = JSON.parse(rest);
  return {
    ...stored,
    id,
    userId,
    userHandle: bytes(stored.userHandle),
    credentialId: bytes(stored.credentialId),
    publicKey: bytes(stored.publicKey),
    enabled,
    signCount,
    backedUp,
    lastUsedAt,
  };
}
