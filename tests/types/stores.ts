/** What the types of the store contracts prevent. Compiled by `npm run types`, never run. Each `@ts-expect-error` stands above a mistake that must not compile; these files are the only ones that may have it. */
import { memoryStore, type Passkey, type SignInSession } from '@latchkey/core';

const { challenges, passkeys, sessions } = memoryStore();
declare const passkey: Passkey;
declare const session: SignInSession;

export const RIGHT = [
  () => challenges.take({ attemptId: 'a', binding: 'b', purpose: 'sign_in', now: 0 }),
  () => challenges.takeExpired({ now: 0, limit: 100 }),
  () => passkeys.insert({ passkey, max: 20 }),
  () => passkeys.remove({ userId: 'ada', rpId: 'example.com', id: passkey.id, keepLast: true }),
  () => sessions.end({ userId: 'ada', except: session.id }),
];

export const WRONG = [
  // @ts-expect-error Two texts in a row could be swapped: they have names.
  () => challenges.begin('attempt', 'binding'),
  // @ts-expect-error So do two numbers.
  () => challenges.takeExpired(100, 0),
  // @ts-expect-error A bare number after a passkey says nothing.
  () => passkeys.insert(passkey, 20),
  // @ts-expect-error Whether the last one may go is never left to a default.
  () => passkeys.remove({ userId: 'ada', rpId: 'example.com', id: passkey.id }),
  // @ts-expect-error A passkey belongs to a relying party.
  () => passkeys.remove({ userId: 'ada', id: passkey.id, keepLast: true }),
  // @ts-expect-error A selection by nothing would end everybody's sessions.
  () => sessions.end({}),
  // @ts-expect-error A passkey's sessions are ended for its owner only.
  () => sessions.end({ passkeyId: passkey.id }),
  // @ts-expect-error A session is found by its id or the hash of its token, not by the token.
  () => sessions.find({ token: 'secret' }),
  // @ts-expect-error The counter is compared as well: a use names the passkey that was read.
  () => passkeys.recordUse({ use: { signCount: 0, backupEligible: true, backedUp: true, usedAt: 0 } }),
];
