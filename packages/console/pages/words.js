// @ts-check
// Every sentence that the list says about a record, in one place, so that nobody has to read a code, and so that a claim is
// never worded like a proof.

/** What an outcome is called. In the order of the chart, from below. */
export const outcomes = /** @type {const} */ ({
  success: 'Success',
  cancelled: 'Cancelled',
  abandoned: 'Abandoned',
  failure: 'Refused',
  error: 'Error',
});

/** What a record is about. */
export const kinds = { attempts: 'Attempts', changes: 'Changes', all: 'Both' };

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
