/**
 * A record in sentences, for whoever has to answer "what happened there?": what was asked, what was only claimed, what
 * was proved and what was not, and what to do. Pure and plain, for a page and for a terminal alike. It says no more than
 * the record, and not to whom: no user, no address, no credential.
 */

import type {
  AttemptRecord,
  ClientReport,
  FailedRule,
  ImmediateMediation,
  Reason,
  ReasonSource,
  SignInMode,
  Unmet,
} from './attempt.ts';
import { REASON_MEANINGS, type ReasonMeaning } from './reasons.ts';

/** What `explain` says of a record, a sentence for each line. */
export interface Explanation {
  /** How it ended, and what is to be said of immediate mediation. */
  readonly verdict: string;
  /** What this server asked for, and under which policy. Facts. */
  readonly asked: readonly string[];
  /** What the page or the browser said, which nothing signs. */
  readonly claimed: readonly string[];
  /** What a signature proves, or this server's own store. */
  readonly proved: readonly string[];
  /** What a reader might take for proved, and is not. */
  readonly unproved: readonly string[];
  /** Why it did not succeed; null when it did. */
  readonly failed: {
    /** The policy's rule, where one said no. */
    readonly rule: FailedRule | null;
    readonly reason: Reason;
    /** Whose word the reason is. */
    readonly source: ReasonSource;
    readonly meaning: string;
    readonly advice: string;
  } | null;
}

/** Puts a record into sentences. */
export function explain(record: AttemptRecord): Explanation {
  const ceremony = record.event.name.endsWith('.attempt');
  return {
    verdict: verdictOf(record),
    asked: ceremony ? askedIn(record) : [changeOf(record)],
    claimed: ceremony ? claimedIn(record) : [],
    proved: ceremony ? provedIn(record) : [],
    unproved: ceremony ? unprovedIn(record) : [],
    failed: record.reason === null ? null : failureOf(record, record.reason),
  };
}

function verdictOf({ message, event, outcome, immediate, policy }: AttemptRecord): string {
  const sentences = [`${message}.`];
  if (immediate.enforcement === 'enforced') sentences.push(ENFORCED);
  if (immediate.enforcement === 'not_enforced')
    sentences.push(`Not enforced, because ${immediate.unmet.map((one) => UNMET_IN_WORDS[one]).join(', and ')}.`);
  if (policy.wouldDeny === true && outcome === 'success') sentences.push('Policy require would have refused it.');
  if (event.repeatCount !== undefined && event.repeatCount > 1)
    sentences.push(`This record stands for ${event.repeatCount} alike.`);
  return sentences.join(' ');
}

const ENFORCED =
  'Enforced means: asked for with a single-use challenge, signature and presence (and verification, if required) verified here, and the page reported that it used the mode.';

const UNMET_IN_WORDS: Record<Unmet, string> = {
  ui_mode_requested: 'Immediate UI mode was not asked for',
  ui_mode_conformant: 'the request was not one for Immediate UI mode',
  ui_mode_consistent: 'the page says that it did not use it',
  ui_mode_reported: 'the page did not report that it used it',
  user_present: 'user presence is missing',
  user_verified: 'user verification is missing',
};

/** A change to a passkey, or the end of a session, is no ceremony: nobody signs it. */
function changeOf({ event, attempt, session, change }: AttemptRecord): string {
  if (event.name === 'latchkey.session.ended') {
    return `A session ended: ${session.endedBecause?.replaceAll('_', ' ')}, by the ${session.endedBy}.`;
  }
  if (change.by === 'operator' || change.by === 'application') {
    return `No challenge: the ${change.by} changed it${change.note === null ? '' : `, and wrote “${change.note}”`}.`;
  }
  return attempt.relatedId === undefined
    ? 'No challenge: this is a change, and what speaks for it is the session it was made in.'
    : `No challenge of its own: it came of attempt ${attempt.relatedId}.`;
}

function askedIn(record: AttemptRecord): string[] {
  const { event, attempt, immediate, assertion, challenge, policy } = record;
  const signIn = event.name === 'latchkey.signin.attempt';
  const asked: string[] = [];
  // The age counts from the challenge, so that without an age there was none.
  if (challenge.ageMs === null) {
    asked.push(
      attempt.entry === 'options'
        ? 'No challenge was issued: the request for one was turned away.'
        : 'Nothing: no live challenge of this server belongs to this answer.',
    );
  } else {
    asked.push(
      event.name === 'latchkey.registration.attempt' ? 'A new passkey.' : MODE_IN_WORDS[attempt.mode ?? 'modal'],
    );
    if (attempt.action !== undefined) asked.push(`A confirmation for “${attempt.action}”, and for nothing else.`);
    asked.push(`One answer, from this browser, within ${seconds(challenge.ttlMs)}.`);
  }
  if (signIn) asked.push(POLICY_IN_WORDS[immediate.policy]);
  asked.push(`User presence always; user verification ${assertion.userVerificationPolicy}.`);
  if (policy.requirements.length > 0)
    asked.push(`Beyond the defaults: ${policy.requirements.join(', ').replaceAll('_', ' ')}.`);
  return asked;
}

const MODE_IN_WORDS: Record<SignInMode, string> = {
  immediate: 'Immediate UI mode: a passkey that is there already, whoever it belongs to.',
  conditional: 'Autofill: a passkey chosen from a form field.',
  modal: 'The browser’s passkey sheet.',
};

const POLICY_IN_WORDS: Record<ImmediateMediation, string> = {
  off: 'Policy off: Immediate UI mode does not come into it.',
  report: 'Policy report: Immediate UI mode is preferred, and what require would refuse is recorded.',
  prefer: 'Policy prefer: Immediate UI mode where the browser can, other ways too.',
  require: 'Policy require: only what is enforced gets in.',
};

function claimedIn({
  event,
  immediate,
  client,
  credential,
  reason,
  reasonSource,
  challenge,
  attempt,
  rp,
}: AttemptRecord): string[] {
  const claimed: string[] = [];
  if (reason !== null && reasonSource === 'client_report')
    claimed.push(`The page says that it ended there: ${reason.replaceAll('_', ' ')}.`);
  if (reason === 'origin_mismatch' && rp.origin !== null) {
    // How browsers write the origin of a sandboxed frame or a file.
    const page = rp.origin === 'null' ? 'a page without an origin' : rp.origin;
    claimed.push(`The browser’s answer comes from ${page}, which is not listed.`);
  }
  // Who only asked for options was not asked yet which mode it used.
  if (event.name === 'latchkey.signin.attempt' && (attempt.entry === 'verify_only' || challenge.ageMs !== null))
    claimed.push(REPORT_IN_WORDS[immediate.clientReport]);
  if (attempt.entry === 'verify_only' && attempt.relatedId !== undefined) {
    claimed.push(`The answer says that it belongs to attempt ${attempt.relatedId}.`);
  }
  if (client.immediateGet !== null)
    claimed.push(`The page says that its browser ${client.immediateGet ? 'can' : 'cannot'} do Immediate UI mode.`);
  if (credential.attachmentReported !== null) {
    claimed.push(
      `The browser says that the passkey is ${credential.attachmentReported === 'platform' ? 'on this device' : 'on another device or a security key'}.`,
    );
  }
  return claimed;
}

const REPORT_IN_WORDS: Record<ClientReport, string> = {
  used: 'The page says that it used Immediate UI mode. Nothing signs that.',
  not_used: 'The page says that it did not use Immediate UI mode.',
  unsupported: 'The page says that its browser has no Immediate UI mode.',
  absent: 'The page did not say which mode it used.',
  invalid: 'What the page says of its mode contradicts itself, or cannot be read.',
};

function provedIn(record: AttemptRecord): string[] {
  const { event, assertion, challenge, rp, policy, outcome, reason } = record;
  const proved: string[] = [];
  if (challenge.status === 'fresh' && reason !== 'challenge_mismatch') {
    const age = challenge.ageMs === null ? '' : `, ${seconds(challenge.ageMs)} after it was issued`;
    proved.push(
      `The challenge: this server’s, taken once, in time${age}.`,
      'The browser: the one that the challenge was issued to, by its binding cookie.',
    );
  }
  if (assertion.signature === 'valid') {
    proved.push('The signature: made with the private key of a passkey registered here, over this challenge.');
    if (rp.origin !== null) proved.push(`The origin: the browser signed ${rp.origin}, for RP ID ${rp.id}.`);
    if (assertion.crossOrigin === false) proved.push('A page of its own: not framed by another site.');
    if (assertion.userPresent) proved.push('User presence: the authenticator signed that somebody was there.');
    if (assertion.userVerified) proved.push('User verification: the authenticator signed that it verified its user.');
    if (assertion.signCount === 'advanced') proved.push('The counter: higher than ever before.');
    if (assertion.backupEligible === false) proved.push('The device: the passkey signed that it cannot leave it.');
  }
  if (
    event.name === 'latchkey.registration.attempt' &&
    outcome === 'success' &&
    policy.requirements.includes('attestation')
  ) {
    proved.push('The make of the authenticator: attested up to a root that policy accepts.');
  }
  return proved;
}

function unprovedIn(record: AttemptRecord): string[] {
  const { event, immediate, assertion, challenge, policy, outcome, reason } = record;
  const registration = event.name === 'latchkey.registration.attempt';
  const unproved: string[] = [];
  if (challenge.status !== 'fresh' && challenge.status !== 'not_evaluated')
    unproved.push(`The challenge: ${challenge.status}.`);
  else if (reason === 'challenge_mismatch') unproved.push('The challenge: of another relying party.');
  if (registration && outcome === 'success') {
    unproved.push('Presence and verification: a new key vouches for itself, and is proved at the first sign-in.');
    if (!policy.requirements.includes('attestation'))
      unproved.push('The make of the authenticator: no attestation was asked for.');
  } else if (registration) unproved.push('The passkey: none was accepted.');
  else if (assertion.signature === 'invalid')
    unproved.push('The signature: it does not match, so that nothing in the answer counts.');
  else if (assertion.signature === 'not_evaluated') unproved.push('Who it was: no signature was checked.');
  else {
    if (!assertion.userPresent) unproved.push('User presence: the authenticator signed that nobody was there.');
    if (!assertion.userVerified)
      unproved.push('User verification: the authenticator signed that it did not verify its user.');
    if (assertion.signCount === 'regressed')
      unproved.push('That the passkey is the only one of its kind: its counter went backwards.');
    if (assertion.signCount === 'reset')
      unproved.push('That the passkey was never copied: it counted its uses once, and does so no more.');
    if (assertion.backupEligibleChanged)
      unproved.push('That the passkey is as it was registered: its manager changed whether it may be synced.');
    if (assertion.signCount === 'zero')
      unproved.push('That the passkey was never copied: it does not count its uses, as synced ones never do.');
    if (assertion.backupEligible) unproved.push('Which device: this passkey can be on several of its owner’s.');
  }
  if (immediate.requested)
    unproved.push('That Immediate UI mode was used: no browser signs its UI mode, so no server can prove it.');
  return unproved;
}

function failureOf({ policy, reasonSource }: AttemptRecord, reason: Reason): Explanation['failed'] {
  const meaning: ReasonMeaning | undefined = REASON_MEANINGS[reason];
  return { rule: policy.failedRule, reason, source: reasonSource ?? 'server', ...(meaning ?? OF_ANOTHER_VERSION) };
}

/** A minor version may add a reason, and records are read by older ones too. */
const OF_ANOTHER_VERSION: ReasonMeaning = {
  meaning: 'This version of Latchkey does not know the reason.',
  advice: 'Ask the version that wrote the record: library.version names it.',
};

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toFixed(1))} s`;
}
