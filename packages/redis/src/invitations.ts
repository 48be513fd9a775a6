/**
 * Invitations in Redis. An invitation is one key, named by the hash of its token; a change of its state is one script that compares and
 * sets. Two keys beside it: the claim on its id, and an index of a user's. The id is claimed and the index written before the invitation
 * itself, so every one that is found is in the index and can be revoked. A crash between leaves what leads nowhere.
 *
 * Every key expires by Redis' own clock, {@link KEPT_MS} after `expiresAt` or after it was written, whichever is later. So there is
 * nothing to sweep. A failover may lose the newest writes: one that was just used or revoked may be open again. Where that must not be,
 * keep invitations in SQL.
 */
import type { Invitation, InvitationState, InvitationStore } from '@latchkey/core';
import { prefixOf, type RedisClient, type RedisStoreOptions, script, userKey } from './client.ts';
import { readRecord, SPLIT, writeRecord } from './record.ts';

/** How long an expired invitation may still be looked at, in milliseconds of real time; it covers clocks that differ. */
const KEPT_MS = 25 * 60 * 60_000;

/** The line of an invitation that a script compares and changes: its state. */
const LINES = 1;

/** Sets a key that is not there yet; nil when it is. */
const ADD = script(`return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')`);

const ADD_TO_INDEX = script(`
local entry, gone_at, real_now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], gone_at, entry)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < gone_at - real_now then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', gone_at - real_now)) end
`);

const GET = script(`return redis.call('GET', KEYS[1])`);

const CHANGE = script(`${SPLIT}
local record = redis.call('GET', KEYS[1])
local current = record and split(record, ${LINES})
if not current or current[1] ~= ARGV[1] then return false end
current[1] = ARGV[2]
redis.call('SET', KEYS[1], table.concat(current, '\\n'), 'KEEPTTL')
return 'done'
`);

const LIST_INDEX = script(`return redis.call('ZRANGE', KEYS[1], 0, -1)`);

const TAKE = script(`
local record = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return record
`);

const DROP = script(`redis.call('DEL', KEYS[1])`);

/** The invitations. Round trips: find and change 1, put 3, listByUser 2, forget 5. */
export function redisInvitations(redis: RedisClient, options: RedisStoreOptions = {}): InvitationStore {
  const prefix = prefixOf(options);
  const keyOf = (tokenHash: string) => `${prefix}invitation:${tokenHash}`;
  const claimOf = (id: string) => `${prefix}invitation-id:${id}`;
  const indexOf = (userId: string) => userKey(`${prefix}invitations:`, userId);
  const tokensOf = async (userId: string) => (await LIST_INDEX(redis, [indexOf(userId)])) as string[];

  const find = async (tokenHash: string): Promise<Invitation | null> => {
    const record = (await GET(redis, [keyOf(tokenHash)])) as string | null;
    return record === null ? null : readInvitation(record, tokenHash);
  };

  return {
    async put(invitation) {
      const { id, tokenHash, userId, expiresAt } = invitation;
      const realNow = Date.now();
      const goneAt = Math.max(realNow, Math.ceil(expiresAt)) + KEPT_MS;
      const ttl = goneAt - realNow;
      const claimed = await ADD(redis, [claimOf(id)], tokenHash, ttl);
      if (claimed === null) throw new Error('An invitation with this id is already known.');
      await ADD_TO_INDEX(redis, [indexOf(userId)], tokenHash, goneAt, realNow);
      const added = await ADD(redis, [keyOf(tokenHash)], writeInvitation(invitation), ttl);
      if (added !== null) return;
      await DROP(redis, [claimOf(id)]);
      throw new Error('An invitation with this token is already known.');
    },

    find: ({ tokenHash }) => find(tokenHash),

    async change({ tokenHash, from, to }) {
      return (await CHANGE(redis, [keyOf(tokenHash)], stateLine(from), stateLine(to))) !== null;
    },

    async listByUser(userId) {
      const found = await Promise.all((await tokensOf(userId)).map(find));
      return found
        .filter((invitation) => invitation !== null && invitation.userId === userId)
        .map((invitation) => invitation as Invitation)
        .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    },

    async forget(userId) {
      const tokens = await tokensOf(userId);
      const taken = await Promise.all(
        tokens.map(async (tokenHash) => {
          // The index may name somebody else's, where a put was refused.
          if ((await find(tokenHash))?.userId !== userId) return null;
          const record = (await TAKE(redis, [keyOf(tokenHash)])) as string | null;
          return record === null ? null : readInvitation(record, tokenHash);
        }),
      );
      const gone = taken.filter((invitation) => invitation !== null);
      await Promise.all(gone.map(({ id }) => DROP(redis, [claimOf(id)])));
      await DROP(redis, [indexOf(userId)]);
      return gone.filter(({ status }) => status === 'open').length;
    },

    /** Redis forgets them by its own clock. */
    forgetExpired: () => 0,
  };
}

/** The state as one line that is the same text for the same state. */
function stateLine({ status, binding, attemptId }: InvitationState): string {
  return JSON.stringify([status, binding, attemptId]);
}

function writeInvitation(invitation: Invitation): string {
  // The hash of the token is the name of the key.
  const { tokenHash: _, status, binding, attemptId, ...rest } = invitation;
  return writeRecord([[status, binding, attemptId]], JSON.stringify(rest));
}

function readInvitation(record: string, tokenHash: string): Invitation {
  const { lines, rest } = readRecord(record, LINES);
  const [status, binding, attemptId] = lines[0] as [Invitation['status'], string | null, string | null];
  return { ...JSON.parse(rest), tokenHash, status, binding, attemptId };
}
