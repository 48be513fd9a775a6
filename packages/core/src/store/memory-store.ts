/**
 * The store in the memory of one process: everything that the contracts in `store.ts` promise, tuned for speed. For
 * development, tests and single-process servers that may forget on restart; a second process sees nothing of it.
 *
 * Each verb is synchronous, and that alone makes it atomic: nothing else runs between its first line and its last.
 */

import type { AttemptRecord } from '../record/attempt.ts';
import {
  type Passkey,
  type PasskeySelection,
  type PendingCeremony,
  REMEMBERED_MS,
  type SessionSelection,
  type SessionStore,
  type SignInSession,
  type Store,
  type TakeResult,
} from './store.ts';

/** How many attempt records are kept; the one that came in first goes first. */
const KEPT_ATTEMPTS = 10_000;

/** How many ids are forgotten in one turn of the event loop (2 to 4 ms), so that no request waits for more. */
const FORGOTTEN_AT_ONCE = 5_000;

/**
 * A store in memory, with all four contracts. Bounded by use: a ceremony's state goes when it is taken or swept, its id
 * {@link REMEMBERED_MS} after its expiry (at the next `takeExpired`), a session when it ends or has expired; the last 10,000
 * attempt records stay.
 */
export function memoryStore(): Required<Store> {
  const sessions = memorySessions();
  return { challenges: memoryChallenges(), passkeys: memoryPasskeys(sessions), sessions, attempts: memoryAttempts() };
}

/** What is known of an id: the ceremony while it is open, afterwards only how it ended. */
interface ChallengeEntry {
  readonly attemptId: string;
  readonly expiresAt: number;
  ceremony: PendingCeremony | 'consumed' | 'expired';
}

function memoryChallenges(): Store['challenges'] {
  // One Map of 200,000 ids stops the process for milliseconds whenever it grows; 64 small ones do not.
  const shards = Array.from({ length: 64 }, () => new Map<string, ChallengeEntry>());
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
      const known: ChallengeEntry = { attemptId, expiresAt, ceremony: { ...ceremony } };
      shard.set(attemptId, known);
      unswept.add(known);
    },

    begin({ attemptId, binding }) {
      const known = shardOf(attemptId).get(attemptId);
      if (known === undefined || typeof known.ceremony === 'string' || known.ceremony.binding !== binding) return;
      known.ceremony = { ...known.ceremony, begun: true };
    },

    take({ attemptId, purpose, binding, userId, now }): TakeResult {
      const known = shardOf(attemptId).get(attemptId);
      if (known === undefined || now - known.expiresAt > REMEMBERED_MS) return { status: 'unknown' };
      const { ceremony } = known;
      if (typeof ceremony === 'string') return { status: ceremony };
      if (now >= known.expiresAt) return { status: 'expired' };
      if (purpose !== undefined && purpose !== ceremony.purpose) return { status: 'mismatch', member: 'purpose' };
      if (binding !== ceremony.binding) return { status: 'mismatch', member: 'binding' };
      if (userId !== undefined && userId !== ceremony.userId) return { status: 'mismatch', member: 'user' };
      known.ceremony = 'consumed';
      return { status: 'fresh', ceremony };
    },

    takeExpired({ now, limit }) {
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
  const seconds = new Map<number, ChallengeEntry[]>();
  return {
    add(known: ChallengeEntry) {
      const second = Math.floor(known.expiresAt / 1000);
      const list = seconds.get(second);
      if (list === undefined) seconds.set(second, [known]);
      else list.push(known);
    },

    /** Hands over what expired at `now` or before, oldest first, until `accept` says no. */
    drain(now: number, accept: (known: ChallengeEntry) => boolean) {
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

function memoryPasskeys(sessions: SessionStore): Store['passkeys'] {
  const handles = new Map<string, Uint8Array>();
  const passkeysOf = new Map<string, Passkey[]>();
  const ownerOf = new Map<string, string>();
  const keyOf = (credentialId: Uint8Array) => Buffer.from(credentialId).toString('latin1');
  const listed = (userId: string) => passkeysOf.get(userId) ?? [];
  const selected = ({ userId, rpId, id }: PasskeySelection) =>
    listed(userId).find((passkey) => passkey.id === id && passkey.rpId === rpId);
  const isLast = ({ userId, rpId, enabled }: Passkey) =>
    enabled && listed(userId).filter((passkey) => passkey.enabled && passkey.rpId === rpId).length === 1;

  /** Puts `changed` in the place of the passkey with its id. */
  const replace = (changed: Passkey) => {
    const passkeys = listed(changed.userId);
    passkeys[passkeys.findIndex(({ id }) => id === changed.id)] = changed;
  };

  return {
    sessions,

    keepHandle({ userId, proposed }) {
      if (!handles.has(userId)) handles.set(userId, new Uint8Array(proposed));
      return new Uint8Array(handles.get(userId)!);
    },

    insert({ passkey, max }) {
      const { userId, rpId, credentialId } = passkey;
      const passkeys = listed(userId);
      if (passkeys.filter((own) => own.rpId === rpId).length >= max) return 'limit';
      if (ownerOf.has(keyOf(credentialId))) return 'exists';
      const sorted = [...passkeys, copyOf(passkey)].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      passkeysOf.set(userId, sorted);
      ownerOf.set(keyOf(credentialId), userId);
      // A passkey brings its handle along, for a user who came from elsewhere and was never asked to keep one.
      if (!handles.has(userId)) handles.set(userId, new Uint8Array(passkey.userHandle));
      return 'inserted';
    },

    find({ credentialId }) {
      const key = keyOf(credentialId);
      const userId = ownerOf.get(key);
      if (userId === undefined) return [];
      const found = (passkey: Passkey) => (keyOf(passkey.credentialId) === key ? 0 : 1);
      const passkeys = listed(userId).map(copyOf);
      return passkeys.length === 1 ? passkeys : passkeys.sort((a, b) => found(a) - found(b));
    },

    listByUser: (userId) => listed(userId).map(copyOf),

    recordUse({ passkey, use: { signCount, backupEligible, backedUp, usedAt }, session }) {
      const current = listed(passkey.userId).find(({ id }) => id === passkey.id);
      if (current === undefined || !current.enabled || current.signCount !== passkey.signCount) return 'stale';
      if (current.generation !== passkey.generation) return 'stale';
      if (passkey.lastUsedAt === null && current.lastUsedAt !== null) return 'stale';
      if (session && sessions.begin(session) === false) return 'session_gone';
      replace({ ...current, signCount, backupEligible, backedUp, lastUsedAt: usedAt });
      return 'recorded';
    },

    update({ change: { nickname, enabled }, keepLast, ...selection }) {
      const current = selected({ ...selection, keepLast });
      if (current === undefined) return { status: 'not_found' };
      const disabling = enabled === false && current.enabled;
      if (disabling && keepLast && isLast(current)) return { status: 'last' };
      const changed = {
        ...current,
        nickname: nickname ?? current.nickname,
        enabled: enabled ?? current.enabled,
        generation: current.generation + (disabling ? 1 : 0),
      };
      replace(changed);
      return { status: 'done', passkey: copyOf(changed), wasEnabled: current.enabled };
    },

    remove(selection) {
      const current = selected(selection);
      if (current === undefined) return { status: 'not_found' };
      if (selection.keepLast && isLast(current)) return { status: 'last' };
      const rest = listed(current.userId).filter((passkey) => passkey !== current);
      if (rest.length === 0) passkeysOf.delete(current.userId);
      else passkeysOf.set(current.userId, rest);
      ownerOf.delete(keyOf(current.credentialId));
      return { status: 'done', passkey: current, wasEnabled: current.enabled };
    },

    forget(userId) {
      const forgotten = listed(userId);
      for (const { credentialId } of forgotten) ownerOf.delete(keyOf(credentialId));
      passkeysOf.delete(userId);
      handles.delete(userId);
      return forgotten;
    },
  };
}

function memorySessions(): SessionStore {
  const byToken = new Map<string, SignInSession>();
  const tokenOf = new Map<string, string>();
  const idsOf = new Map<string, Set<string>>();
  const byId = (id: string) => byToken.get(tokenOf.get(id) ?? '');

  const add = (session: SignInSession) => {
    byToken.set(session.tokenHash, session);
    tokenOf.set(session.id, session.tokenHash);
    const ids = idsOf.get(session.userId) ?? new Set();
    idsOf.set(session.userId, ids.add(session.id));
  };
  const drop = ({ id, tokenHash, userId }: SignInSession) => {
    byToken.delete(tokenHash);
    tokenOf.delete(id);
    const ids = idsOf.get(userId);
    ids?.delete(id);
    if (ids?.size === 0) idsOf.delete(userId);
  };
  const ofUser = (userId: string) => [...(idsOf.get(userId) ?? [])].map((id) => byId(id)!);

  return {
    begin({ session, replaces, renews }) {
      const replaced = replaces === null ? undefined : byToken.get(replaces);
      if (renews && replaced?.id !== session.id) return false;
      const isTaken = byToken.has(session.tokenHash) || (tokenOf.has(session.id) && !renews);
      if (isTaken) throw new Error('A session with this id or token is already known.');
      if (replaced) drop(replaced);
      add({ ...session });
      return true;
    },

    find: (which) => ('id' in which ? byId(which.id) : byToken.get(which.tokenHash)) ?? null,

    touch({ id, seenAt }) {
      const session = byId(id);
      if (session === undefined) return false;
      byToken.set(session.tokenHash, { ...session, seenAt: Math.max(session.seenAt, seenAt) });
      return true;
    },

    end(which) {
      const among =
        'id' in which ? [byId(which.id)] : 'tokenHash' in which ? [byToken.get(which.tokenHash)] : ofUser(which.userId);
      const ended = among.filter((session) => session !== undefined).filter((session) => isSelected(session, which));
      for (const session of ended) drop(session);
      return ended;
    },

    listByUser: (userId) => ofUser(userId).sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)),

    forgetExpired({ now, limit }) {
      let forgotten = 0;
      for (const session of byToken.values()) {
        if (forgotten === limit) break;
        if (session.expiresAt > now) continue;
        drop(session);
        forgotten += 1;
      }
      return forgotten;
    },
  };
}

/** Whether a session is among those that a selection ends. */
function isSelected(session: SignInSession, which: SessionSelection): boolean {
  if ('tokenHash' in which) return session.tokenHash === which.tokenHash;
  if (which.userId !== undefined && session.userId !== which.userId) return false;
  if ('passkeyId' in which) return [session.passkeyId, session.stepUp?.passkeyId].includes(which.passkeyId);
  if (which.rpId !== undefined && session.rpId !== which.rpId) return false;
  return 'id' in which || session.id !== which.except;
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
