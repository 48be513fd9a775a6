/**
 * The store in the memory of one process: everything that the contracts in `store.ts` promise, tuned for speed. For
 * development, tests and single-process servers that may forget on restart; a second process sees nothing of it.
 *
 * Each verb is synchronous, and that alone makes it atomic: nothing else runs between its first line and its last.
 */

import { memoryAttempts } from './memory/attempts.ts';
import { memoryChallenges } from './memory/challenges.ts';
import { memoryInvitations } from './memory/invitations.ts';
import { memoryPasskeys } from './memory/passkeys.ts';
import { memorySessions } from './memory/sessions.ts';
import type { PasskeyStore, Store } from './store.ts';

/** The passkeys that end with this process. */
const inMemory = new WeakSet<PasskeyStore>();

/** Whether these passkeys are a `memoryStore()`'s: none of them is there after a restart. */
export const endsWithProcess = (passkeys: PasskeyStore): boolean => inMemory.has(passkeys);

/** Whether this process was told already. */
let warned = false;

/**
 * A store in memory, with all five contracts. Bounded by use: a ceremony's state goes when it is taken or swept, its id
 * ten minutes after its expiry (at the next `takeExpired`), a session when it ends or has expired (at a `forgetExpired`);
 * the last 10,000 attempt records stay; an invitation goes a day after its expiry. Where `NODE_ENV` is `production`, the first one emits a process warning
 * (`LATCHKEY_MEMORY_STORE`).
 */
export function memoryStore(): Required<Store> {
  if (process.env.NODE_ENV === 'production' && !warned) {
    warned = true;
    process.emitWarning(
      'memoryStore() in production: all passkeys and sessions are lost when this process ends, and other processes do not ' +
        'see them. Keep them in SQLite, PostgreSQL, MySQL or Redis: docs/storage.md. If it is meant to be so, run Node.js with ' +
        '--disable-warning=LATCHKEY_MEMORY_STORE.',
      { type: 'LatchkeyStore', code: 'LATCHKEY_MEMORY_STORE' },
    );
  }
  const sessions = memorySessions();
  const passkeys = memoryPasskeys(sessions);
  inMemory.add(passkeys);
  return {
    challenges: memoryChallenges(),
    passkeys,
    sessions,
    attempts: memoryAttempts(),
    invitations: memoryInvitations(),
  };
}
