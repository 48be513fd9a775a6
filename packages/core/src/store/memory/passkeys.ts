/** Passkeys in memory, with the one user handle of each user and their "not now". */

import type { Passkey, PasskeySelection, PasskeyStore, SessionStore } from '../store.ts';

export function memoryPasskeys(sessions: SessionStore): PasskeyStore {
  const handles = new Map<string, Uint8Array>();
  const passkeysOf = new Map<string, Passkey[]>();
  const ownerOf = new Map<string, string>();
  const declined = new Map<string, number>();
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

    decline({ userId, at }) {
      declined.set(userId, Math.max(at, declined.get(userId) ?? at));
    },

    declinedAt: (userId) => declined.get(userId) ?? null,

    forget(userId) {
      const forgotten = listed(userId);
      for (const { credentialId } of forgotten) ownerOf.delete(keyOf(credentialId));
      passkeysOf.delete(userId);
      handles.delete(userId);
      declined.delete(userId);
      return forgotten;
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
