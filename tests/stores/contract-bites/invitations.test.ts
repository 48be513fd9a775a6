/** Stores of invitations that break their contract, rule by rule. */
import { setImmediate as tick } from 'node:timers/promises';
import { type Invitation, type InvitationStore, memoryStore } from '@latchkey/core';
import { invitationStoreContract } from '@latchkey/testing';
import { type Breaks, bites } from './bites.ts';

/** Puts an invitation of another state over the one there is, whatever anybody expects. */
const replaces = async (sound: InvitationStore, changed: Invitation) => {
  const rest = (await sound.listByUser(changed.userId)).filter(({ id }) => id !== changed.id);
  await sound.forget(changed.userId);
  for (const each of [...rest, changed]) await sound.put(each);
};

const invitations: Breaks<InvitationStore> = {
  'gives an invitation back as it was put': {
    'forgets whom it replaces': (sound) => ({ put: (invitation) => sound.put({ ...invitation, replacesAll: false }) }),
    'opens what was not open': (sound) => ({ put: (invitation) => sound.put({ ...invitation, status: 'open' }) }),
  },
  'finds nothing for a token that never was, or that differs in case': {
    'ignores case': (sound) => ({
      put: (invitation) => sound.put({ ...invitation, tokenHash: invitation.tokenHash.toLowerCase() }),
      find: ({ tokenHash }) => sound.find({ tokenHash: tokenHash.toLowerCase() }),
    }),
    'ignores spaces at the end': (sound) => ({
      find: ({ tokenHash }) => sound.find({ tokenHash: tokenHash.trimEnd() }),
    }),
  },
  'puts one of 50 invitations with the same token at once, and overwrites none': {
    'overwrites what is there': (sound) => ({
      put(invitation) {
        // In memory no verb waits.
        const there = sound.find(invitation) as Invitation | null;
        if (there) void sound.forget(there.userId);
        return sound.put(invitation);
      },
    }),
  },
  'changes the state only from the one that is expected': {
    'ignores the browser': (sound) => ({
      async change({ tokenHash, from, to }) {
        const binding = (await sound.find({ tokenHash }))?.binding ?? null;
        return sound.change({ tokenHash, from: { ...from, binding }, to });
      },
    }),
    'ignores which attempt it was': (sound) => ({
      async change({ tokenHash, from, to }) {
        const attemptId = (await sound.find({ tokenHash }))?.attemptId ?? null;
        return sound.change({ tokenHash, from: { ...from, attemptId }, to });
      },
    }),
    'ignores the status': (sound) => ({
      async change({ tokenHash, from, to }) {
        const status = (await sound.find({ tokenHash }))?.status ?? 'open';
        return sound.change({ tokenHash, from: { ...from, status }, to });
      },
    }),
    'says yes and changes nothing': () => ({ change: () => true }),
  },
  'gives the change to one of 50 at once': {
    'looks first and writes later': (sound) => ({
      async change({ tokenHash, from, to }) {
        const current = await sound.find({ tokenHash });
        await tick();
        const fits = current?.status === from.status && current.binding === from.binding;
        if (current === null || !fits || current.attemptId !== from.attemptId) return false;
        await replaces(sound, { ...current, ...to });
        return true;
      },
    }),
  },
  'lists a user’s invitations, newest first, and nobody else’s': {
    'lists the oldest first': (sound) => ({ listByUser: async (id) => (await sound.listByUser(id)).toReversed() }),
    'ignores case in a user': (sound) => ({
      put: (invitation) => sound.put({ ...invitation, userId: invitation.userId.toLowerCase() }),
      listByUser: (userId) => sound.listByUser(userId.toLowerCase()),
    }),
  },
  'forgets a user’s invitations, and says how many were open': {
    'counts also what was not open': (sound) => ({
      async forget(userId) {
        const { length } = await sound.listByUser(userId);
        await sound.forget(userId);
        return length;
      },
    }),
    'forgets nothing': (sound) => ({
      forget: async (userId) => (await sound.listByUser(userId)).filter(({ status }) => status === 'open').length,
    }),
  },
  'forgets only what expired, at most as many as asked': {
    'forgets a millisecond early': (sound) => ({
      forgetExpired: ({ before, limit }) => sound.forgetExpired({ before: before + 1, limit }),
    }),
    'ignores the limit': (sound) => ({
      forgetExpired: ({ before }) => sound.forgetExpired({ before, limit: Number.POSITIVE_INFINITY }),
    }),
    'counts what it keeps': () => {
      let calls = 0;
      return { forgetExpired: () => (++calls === 2 ? 2 : 0) };
    },
  },
};

bites('invitations', invitationStoreContract, invitations, () => memoryStore().invitations);
