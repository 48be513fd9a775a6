// @ts-check
// What the pages say when they are opened, and which sign-in they say it of. What the elements say is theirs.

import { say } from './ceremony.js';

/** Why a page was opened (`?because=…`). */
const arrivals = {
  sign_in_first: 'Sign in to see your account.',
  signed_out: 'You are signed out.',
  removed_own: 'The passkey is removed, and the session that it made has ended.',
};

/**
 * Says why this page was opened, once: a reload is not told again.
 * @param {HTMLElement} status
 */
export function greet(status) {
  const because = new URLSearchParams(location.search).get('because') ?? '';
  if (!Object.hasOwn(arrivals, because)) return;
  history.replaceState(null, '', location.pathname);
  const done = because === 'signed_out' || because === 'removed_own';
  say(status, arrivals[/** @type {keyof typeof arrivals} */ (because)], done ? 'done' : 'note');
}

const lastAttempt = 'latchkey-demo-attempt';

/** Keeps the attempt of a sign-in on this page, so that the next page can lead to its record. */
export function rememberSignIn() {
  document.addEventListener('signedin', (event) => {
    const { attempt } = /** @type {CustomEvent<import('@latchkey/browser').SignedIn>} */ (event).detail;
    if (attempt) sessionStorage.setItem(lastAttempt, attempt.id);
  });
}

/** The attempt of the last sign-in in this tab, or null. */
export const lastSignIn = () => sessionStorage.getItem(lastAttempt);
