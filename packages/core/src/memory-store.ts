/**
 * The reference store: everything the contracts in `store.ts` promise, in the memory of one process and as plainly as it
 * can be said. For development, tests and single-process servers that may forget on restart; a second process sees nothing of it.
 *
 * Each verb is synchronous, and that alone makes it atomic: nothing else runs between its first line and its last.
 */
import type { AttemptRecord } from './attempt.ts';
import type { Passkey, PendingCeremony, Store, Take } from './store.ts';
import { REMEMBERED_MS } from './store.ts';

/** How many attempt records are kept; the one that came in first goes first. */
const KEPT_ATTEMPTS = 10_000;

/** How many ids are forgotten in one turn of the event loop (2 to 4 ms), so that no request waits for more. */
const FORGOTTEN_AT_ONCE = 5_000;

/**
 * A store in memory, with all three contracts. Bounded by use: a ceremony's state goes when it is taken or swept, its id
 * {@link REMEMBERED_MS} after its expiry (at the next `takeExpired`); the last 10,000 attempt records stay.
 */
export function memoryStore(): Required<Store> {
  return { challenges: memoryChallenges(), passkeys: memoryPasskeys(), attempts: memoryAttempts() };
}

/** What is known of an id: the ceremony while it is open, afterwards only how it ended. */
interface Known {
  readonly attemptId: string;
  readonly expiresAt: number;
  ceremony: PendingCeremony | 'consumed' | 'expired';
}

function memoryChallenges(): Store['challenges'] {
  // One Map of 200,000 ids stops the process for milliseconds whenever it grows; 64 small ones do not.
  const shards = Array.from({ length: 64 }, () => new Map<string, Known>());
  const shardOf = (attemptId: string) => {
    let hash = 0;
    for (let i = Math.max(0, attemptId.length - 6); i < attemptId.length; i++)
      hash = hash * 31 + attemptId.charCodeAt(i);
    return shards[hash % shards.length]!;
  };
  const unswept = calendar();
  const unforgotten = calendar();

  const forget = (until: number) => {
    let forgotten = 0;
    unforgotten.drain(until, ({ attemptId }) => {
      if (forgotten === FORGOTTEN_AT_ONCE) return false;
      forgotten++;
      return shardOf(attemptId).delete(attemptId);
    });
    if (forgotten === FORGOTTEN_AT_ONCE) setImmediate(forget, until).unref();
  };

  return {
    put(ceremony) {
      const { attemptId, expiresAt } = ceremony;
      const shard = shardOf(attemptId);
      // Overwriting would open a ceremony that was already taken.
      if (shard.has(attemptId)) throw new Error('A ceremony with this attempt id is already known.');
      const known: Known = { attemptId, expiresAt, ceremony: { ...ceremony } };
      shard.set(attemptId, known);
      unswept.add(known);
    },

    begin(attemptId, binding) {
      const known = shardOf(attemptId).get(attemptId);
      if (known === undefined || typeof known.ceremony === 'string' || known.ceremony.binding !== binding) return;
      known.ceremony = { ...known.ceremony, begun: true };
    },

    take(attemptId, expected, now): Take {
      const known = shardOf(attemptId).get(attemptId);
      if (known === undefined || now - known.expiresAt > REMEMBERED_MS) return { status: 'unknown' };
      const { ceremony } = known;
      if (typeof ceremony === 'string') return { status: ceremony };
      if (now >= known.expiresAt) return { status: 'expired' };
      const { purpose, binding, userId } = expected;
      if (purpose !== undefined && purpose !== ceremony.purpose) return { status: 'mismatch', member: 'purpose' };
      if (binding !== ceremony.binding) return { status: 'mismatch', member: 'binding' };
      if (userId !== undefined && userId !== ceremony.userId) return { status: 'mismatch', member: 'user' };
      known.ceremony = 'consumed';
      return { status: 'fresh', ceremony };
    },

    takeExpired(now, limit) {
      const given: PendingCeremony[] = [];
      unswept.drain(now, (known) => {
        if (given.length === limit) return false;
        if (typeof known.ceremony !== 'string') {
          given.push(known.ceremony);
          known.ceremony = 'expired';
        }
        unforgotten.add(known);
        return true;
      });
      forget(now - REMEMBERED_MS - 1);
      return given;
    },
  };
}

/** Ids by the second they expire in: adding is cheap, and a second is put in order only once it is due. */
function calendar() {
  const seconds = new Map<number, Known[]>();
  return {
    add(known: Known) {
      const second = Math.floor(known.expiresAt / 1000);
      const list = seconds.get(second);
      if (list === undefined) seconds.set(second, [known]);
      else list.push(known);
    },

    /** Hands over what expired at `now` or before, oldest first, until `accept` says no. */
    drain(now: number, accept: (known: Known) => boolean) {
      const due = [...seconds.keys()].filter((second) => second * 1000 <= now).sort((a, b) => a - b);
      for (const second of due) {
        const list = seconds.get(second)!.sort((a, b) => a.expiresAt - b.expiresAt);
        let done = 0;
        while (done < list.length && list[done]!.expiresAt <= now && accept(list[done]!)) done++;
        if (done < list.length) {
          list.splice(0, done);
          return;
        }
        seconds.delete(second);
      }
    },
  };
}

function memoryPasskeys(): Store['passkeys'] {
  const handles = new Map<string, Uint8Array>();
  const passkeysOf = new Map<string, Passkey[]>();
  const ownerOf = new Map<string, string>();
  const keyOf = (credentialId: Uint8Array) => Buffer.from(credentialId).toString('latin1');
  const listed = (userId: string) => passkeysOf.get(userId) ?? [];
  const isLast = (userId: string, passkey: Passkey) =>
    passkey.enabled && listed(userId).filter(({ enabled }) => enabled).length === 1;

  /** Puts `changed` in the place of the passkey with its id. */
  const replace = (changed: Passkey) => {
    const passkeys = listed(changed.userId);
    passkeys[passkeys.findIndex(({ id }) => id === changed.id)] = changed;
  };

  return {
    keepHandle(userId, proposed) {
      if (!handles.has(userId)) handles.set(userId, new Uint8Array(proposed));
      return new Uint8Array(handles.get(userId)!);
    },

    insert(passkey, max) {
      const { userId, credentialId } = passkey;
      const passkeys = listed(userId);
      if (passkeys.length >= max) return 'limit';
      if (ownerOf.has(keyOf(credentialId))) return 'exists';
      const sorted = [...passkeys, copyOf(passkey)].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      passkeysOf.set(userId, sorted);
      ownerOf.set(keyOf(credentialId), userId);
      // A passkey brings its handle along, for a user who came from elsewhere and was never asked to keep one.
      if (!handles.has(userId)) handles.set(userId, new Uint8Array(passkey.userHandle));
      return 'inserted';
    },

    find(credentialId) {
      const key = keyOf(credentialId);
      const userId = ownerOf.get(key);
      if (userId === undefined) return [];
      const found = (passkey: Passkey) => (keyOf(passkey.credentialId) === key ? 0 : 1);
      const passkeys = listed(userId).map(copyOf);
      return passkeys.length === 1 ? passkeys : passkeys.sort((a, b) => found(a) - found(b));
    },

    listByUser: (userId) => listed(userId).map(copyOf),

    recordUse(passkey, { signCount, backedUp, usedAt }) {
      const current = listed(passkey.userId).find(({ id }) => id === passkey.id);
      if (current === undefined || !current.enabled || current.signCount !== passkey.signCount) return false;
      if (passkey.lastUsedAt === null && current.lastUsedAt !== null) return false;
      replace({ ...current, signCount, backedUp, lastUsedAt: usedAt });
      return true;
    },

    update(userId, id, { nickname, enabled }, keepLast) {
      const current = listed(userId).find((passkey) => passkey.id === id);
      if (current === undefined) return { status: 'not_found' };
      const disabling = enabled === false && current.enabled;
      if (disabling && keepLast && isLast(userId, current)) return { status: 'last' };
      const changed = {
        ...current,
        nickname: nickname ?? current.nickname,
        enabled: enabled ?? current.enabled,
        generation: current.generation + (disabling ? 1 : 0),
      };
      replace(changed);
      return { status: 'done', passkey: copyOf(changed), wasEnabled: current.enabled };
    },

    remove(userId, id, keepLast) {
      const current = listed(userId).find((passkey) => passkey.id === id);
      if (current === undefined) return { status: 'not_found' };
      if (keepLast && isLast(userId, current)) return { status: 'last' };
      const rest = listed(userId).filter((passkey) => passkey !== current);
      if (rest.length === 0) passkeysOf.delete(userId);
      else passkeysOf.set(userId, rest);
      ownerOf.delete(keyOf(current.credentialId));
      return { status: 'done', passkey: current, wasEnabled: current.enabled };
    },
  };
}

/** Bytes are copied on the way in and on the way out: a caller who writes into an array changes nothing here. */
function copyOf(passkey: Passkey): Passkey {
  return {
    ...passkey,
    userHandle: new Uint8Array(passkey.userHandle),
    credentialId: new Uint8Array(passkey.credentialId),
    publicKey: new Uint8Array(passkey.publicKey),
    transports: [...passkey.transports],
  };
}

function memoryAttempts(): Required<Store>['attempts'] {
  const records = new Map<string, AttemptRecord>();
  return {
    append(record) {
      if (records.has(record.event.id)) return;
      records.set(record.event.id, record);
      if (records.size > KEPT_ATTEMPTS) records.delete(records.keys().next().value!);
    },

    list({ name, since, until, userId, outcome, enforcement, before, limit }) {
      const matches = (record: AttemptRecord) => {
        const time = Date.parse(record.event.time);
        return (
          (name === undefined || record.event.name === name) &&
          (since === undefined || time >= since) &&
          (until === undefined || time < until) &&
          (userId === undefined || record.user.id === userId) &&
          (outcome === undefined || record.outcome === outcome) &&
          (enforcement === undefined || record.immediate.enforcement === enforcement) &&
          (before === undefined || record.event.id < before)
        );
      };
      const newestFirst = (a: AttemptRecord, b: AttemptRecord) => (a.event.id < b.event.id ? 1 : -1);
      return [...records.values()].filter(matches).sort(newestFirst).slice(0, limit);
    },
  };
}
