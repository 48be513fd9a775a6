// @ts-check
// Every sentence that the pages say about a result or a record, in one place, so that nobody has to read a code, and so
// that a claim is never worded like a proof.

import { say } from './ceremony.js';

/** @typedef {import('@latchkey/browser').SignInResult | import('@latchkey/browser').AutofillResult | import('@latchkey/browser').RegistrationResult | import('@latchkey/browser').StepUpResult | import('@latchkey/browser').Answer} Result */

/** Why a page was opened (`?because=…`). */
const arrivals = {
  unavailable:
    'Your browser did not offer a passkey right away. It does not say why. Use one here, or create an account.',
  unsupported: 'This browser cannot sign in by one click. Use a passkey here.',
  sign_in_first: 'Sign in to see your account.',
  signed_out: 'You are signed out.',
  removed_own: 'The passkey is removed, and the session that it made has ended.',
};

/** @type {Partial<Record<import('@latchkey/browser').RefusalCode, string>>} */
const refusals = {
  authentication_failed: 'This passkey was not accepted. It may have been removed from its account.',
  challenge_invalid: 'That took too long, or was answered already. Try again.',
  registration_failed: 'The passkey could not be checked, so no account was changed. Try again.',
  mode_not_allowed: 'This server does not allow this way to sign in: its policy asks for Immediate UI mode.',
  policy_denied: 'It was you, but this sign-in does not meet the server’s policy.',
  sign_in_required: 'You are not signed in any more. Sign in again.',
  step_up_required: 'It is a while since you signed in. Confirm with your passkey first.',
  username_unavailable: 'This name is taken. Choose another.',
  passkey_exists: 'This passkey is in use already. Sign in with it instead.',
  passkey_limit_reached: 'You have as many passkeys as an account can have. Remove one first.',
  last_passkey: 'This is your only passkey. Add another before you remove it, or you could not sign in any more.',
  invitation_invalid: 'This invitation is not good any more. Ask for a new one.',
  invitation_other_browser: 'This invitation was opened in another browser. Use that one, or ask for a new one.',
  not_found: 'It is not there any more.',
  rate_limited: 'Too many attempts. Wait a little and try again.',
  store_unavailable: 'The server cannot reach its data right now. Try again in a moment.',
  audit_unavailable: 'The server cannot keep its records right now, and lets nobody in without. Try again in a moment.',
  internal_error: 'Something went wrong on the server. Try again in a moment.',
};

/**
 * What a result means for the person in front of the page.
 * @param {Result} result
 * @returns {string}
 */
export function sentenceFor(result) {
  switch (result.kind) {
    case 'passkey':
      return `Welcome, ${result.user.displayName}.`;
    case 'done':
      return 'Done.';
    case 'password':
      return 'That is a stored password. This demo only knows passkeys.';
    case 'unavailable':
      return 'No passkey came of it: the sheet was closed, or there is none here. The browser does not say which.';
    case 'unreadable':
      return 'Your password manager gave an answer that cannot be used. Try another browser.';
    case 'unsupported':
      return 'This browser cannot do that. Try another browser, or another device.';
    case 'busy':
      return 'The browser is still busy with another request. Finish that one first.';
    case 'aborted':
      return 'This was stopped, because something else was asked for.';
    case 'exists':
      return 'This device has a passkey for this account already.';
    case 'refused':
      return refusals[result.code] ?? `The server said no (${result.code}).`;
    case 'offline':
      return 'The server did not answer. Check the connection and try again.';
    case 'misuse':
      return `This page has a fault: ${result.message}`;
  }
}

/**
 * Says why this page was opened, once: a reload is not told again.
 * @param {HTMLElement} status
 */
export function greet(status) {
  const because = new URLSearchParams(location.search).get('because') ?? '';
  if (!Object.hasOwn(arrivals, because)) return;
  history.replaceState(null, '', location.pathname);
  say(status, arrivals[/** @type {keyof typeof arrivals} */ (because)]);
}

/** What an outcome is called. In the order of the chart, from below. */
export const outcomes = /** @type {const} */ ({
  success: 'Success',
  cancelled: 'Cancelled',
  abandoned: 'Abandoned',
  failure: 'Refused',
  error: 'Error',
});

/** @typedef {keyof typeof outcomes} Outcome */

/** What is said of immediate mediation. */
export const enforcements = /** @type {const} */ ({
  enforced: 'Enforced',
  not_enforced: 'Not enforced',
  not_evaluated: 'Not evaluated',
  not_applicable: 'Does not apply',
});

/** @typedef {keyof typeof enforcements} Enforcement */

/** @typedef {import('../src/feed.ts').AttemptView} Attempt */

/** @type {Record<Attempt['name'], string>} */
const names = {
  'latchkey.signin.attempt': 'Sign-in',
  'latchkey.registration.attempt': 'New passkey',
  'latchkey.step_up.attempt': 'Confirmation',
  'latchkey.passkey.added': 'Passkey added',
  'latchkey.passkey.renamed': 'Passkey renamed',
  'latchkey.passkey.enabled': 'Passkey enabled',
  'latchkey.passkey.disabled': 'Passkey disabled',
  'latchkey.passkey.removed': 'Passkey removed',
  'latchkey.session.ended': 'Session ended',
  'latchkey.user.forgotten': 'Person forgotten',
  'latchkey.invitation.issued': 'Invitation issued',
  'latchkey.invitation.used': 'Invitation used',
  'latchkey.invitation.revoked': 'Invitation revoked',
};

/** In this order: most browsers name others as well. */
const browsers = /** @type {const} */ ([
  [/\bEdg/, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]);
const systems = /** @type {const} */ ([
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b/, 'Mac'],
  [/\bLinux\b/, 'Linux'],
]);

/**
 * What a browser says that it is, in words. It is a claim: a person may recognise it, and nothing is decided by it.
 * @param {string | null} userAgent
 */
export function deviceOf(userAgent) {
  const find = (/** @type {readonly (readonly [RegExp, string])[]} */ known) =>
    known.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1];
  const browser = find(browsers) ?? 'Unknown browser';
  const system = find(systems);
  return system ? `${browser} on ${system}` : browser;
}

const modes = { immediate: 'one click', conditional: 'autofill', modal: 'full sheet' };
const requests = { immediate: 'Immediate UI mode', conditional: 'Autofill', modal: 'The full sheet' };

/** @type {Record<Attempt['claimed'], string>} */
const claims = {
  used: '“I used Immediate UI mode”',
  not_used: '“I did not use Immediate UI mode”',
  unsupported: '“This browser has no Immediate UI mode”',
  absent: 'Nothing was said',
  invalid: 'Something that contradicts itself',
};

/** @type {Record<Attempt['unmet'][number], string>} */
const unmet = {
  ui_mode_requested: 'it was not asked for',
  ui_mode_conformant: 'it was not asked for properly',
  ui_mode_consistent: 'the page contradicts it',
  ui_mode_reported: 'the page did not report it',
  user_present: 'presence was not proved',
  user_verified: 'verification was not proved',
};

/** @type {Record<NonNullable<Attempt['reasonSource']>, string>} */
const sources = { server: 'found by the server', client_report: 'said by the page', timeout: 'no answer in time' };

/** A ceremony, and not a change that somebody who is signed in made. @param {Attempt} attempt */
const isCeremony = ({ name }) => name.endsWith('.attempt');

/**
 * The parts of a record in words. `asked` and the others are null where they do not come into it.
 * @param {Attempt} attempt
 */
export function wordsFor(attempt) {
  const { name, mode, outcome, reason, reasonSource } = attempt;
  const signIn = name === 'latchkey.signin.attempt';
  return {
    name: names[name],
    mode: mode && modes[mode],
    outcome: outcomes[outcome],
    because: reason && reasonSource ? { reason, source: sources[reasonSource] } : null,
    asked: isCeremony(attempt) ? askedFor(attempt) : null,
    claimed: signIn ? claims[attempt.claimed] : null,
    proved: isCeremony(attempt) && name !== 'latchkey.registration.attempt' ? provedBy(attempt) : null,
    enforced: signIn ? enforcedIn(attempt) : null,
  };
}

/** @param {Attempt} attempt */
function askedFor({ name, mode, asked }) {
  const registration = name === 'latchkey.registration.attempt';
  // Every challenge for a sign-in has a mode.
  if (mode === null && !registration) return { what: 'Nothing: no live challenge', more: null };
  const what = registration ? 'A new passkey' : requests[mode ?? 'modal'];
  return { what, more: `verification ${asked.userVerification}, policy ${asked.policy}` };
}

/** @param {Attempt} attempt */
function provedBy({ proved }) {
  if (proved.signature !== 'valid') {
    return {
      what: proved.signature === 'invalid' ? 'Nothing: the signature is wrong' : 'Nothing: no signature was checked',
      facts: [],
    };
  }
  return {
    what: null,
    facts: [
      { holds: true, what: 'signature' },
      { holds: proved.userPresent === true, what: 'presence' },
      { holds: proved.userVerified === true, what: 'verification' },
    ],
  };
}

/** @param {Attempt} attempt */
function enforcedIn({ enforcement, unmet: missing, wouldDeny }) {
  const verdicts = {
    enforced: 'Yes',
    not_enforced: 'No',
    not_evaluated: 'Not evaluated',
    not_applicable: 'Does not apply',
  };
  // What was not asked for at all was not asked for properly either.
  const notAsked = missing.includes('ui_mode_requested');
  const because = missing
    .filter((one) => one !== 'ui_mode_conformant' || !notAsked)
    .map((one) => unmet[one])
    .join(', ');
  const more = wouldDeny ? `${because && `${because}; `}“require” would have refused` : because;
  return { verdict: verdicts[enforcement], more };
}
