/**
 * What each reason of the closed list means to an operator, and what to do about it. The one place these sentences are
 * written: explanations, pages, a terminal and the documentation all take them from here.
 */

import type { Reason } from './attempt.ts';

/** A reason in words: what happened, and one sentence of advice. */
export interface ReasonMeaning {
  /** What happened, in a sentence or two. */
  readonly meaning: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Every reason, so that a new one does not compile before somebody has said what to do about it. */
export const REASON_MEANINGS: Readonly<Record<Reason, ReasonMeaning>> = {
  malformed_request: {
    meaning: 'The request was not what the HTTP contract describes: its shape, size or media type.',
    advice:
      'If your own page sent it, use @latchkey/browser or compare the body with the contract; else somebody probes.',
  },
  rate_limited: {
    meaning:
      'One address, network, browser or name asked too often; event.repeatCount says for how many refusals this record stands.',
    advice: 'If it was many people behind one address, check how your proxy hands on addresses, then raise that limit.',
  },
  first_factor_missing: {
    meaning: 'The policy wants a first factor, and users.identify named nobody for this request.',
    advice: 'Nothing is wrong if the person had not signed in by the first factor yet; otherwise check users.identify.',
  },
  origin_denied: {
    meaning: 'The request came from a page of another origin, by its Origin or Sec-Fetch-Site header.',
    advice:
      'If that page is yours, list its exact origin in rp.origins or rp.relatedOrigins; else somebody tries you out.',
  },
  client_not_allowed: {
    meaning:
      'The browser gave the page NotAllowedError: closed by the person, timed out, or no passkey there. It does not say which.',
    advice: 'Offer the other ways in right away, and worry only when their share rises for one browser or one release.',
  },
  client_aborted: {
    meaning: 'The page, or the browser’s own time-out, stopped the request before anybody answered.',
    advice: 'Usually harmless: another request took its place; if frequent, look for pages that start two at once.',
  },
  client_security_error: {
    meaning: 'The browser refused: the page’s domain does not fit the RP ID, or a frame or a policy does not allow it.',
    advice: 'Compare rp.id with the page’s address, and check /.well-known/webauthn and the Permissions-Policy header.',
  },
  client_unsupported: {
    meaning: 'The browser or the device cannot do what was asked.',
    advice:
      'Keep another way in for such browsers; if they are yours to choose, look at policy.algorithms and their age.',
  },
  client_invalid_state: {
    meaning: 'At a registration: this device already has a passkey for the account.',
    advice: 'Nothing is wrong; tell the person to sign in with the passkey that is there.',
  },
  client_busy: {
    meaning: 'Another passkey request of this browser was still open.',
    advice: 'Use one client per page, so that one request ends before the next begins.',
  },
  client_password: {
    meaning: 'The person chose a stored password where the browser offered both.',
    advice: 'Sign in by the password, and offer to add a passkey afterwards.',
  },
  client_other: {
    meaning: 'The page reported an error that has no reason of its own.',
    advice: 'Look into the page’s own error log at that time: the server was told no more than a name.',
  },
  challenge_missing: {
    meaning: 'An answer came without saying which attempt it belongs to.',
    advice: 'Send the attemptId that the options gave; @latchkey/browser does.',
  },
  challenge_unknown: {
    meaning:
      'The answer names an attempt that this store has never had, or forgot more than ten minutes after its end.',
    advice: 'Check that all processes share one challenge store and that it survives restarts; else it is made up.',
  },
  challenge_expired: {
    meaning: 'The answer came after the challenge’s life was over.',
    advice: 'A few are normal; if many, raise policy.challengeTtl and compare the clocks of your servers.',
  },
  challenge_consumed: {
    meaning: 'The challenge had been answered already: a double click, a retry, or a copied answer.',
    advice: 'Look at the attempt it is related to: the same browser twice is a retry, another address may be a replay.',
  },
  challenge_mismatch: {
    meaning: 'The answer was to another challenge, for another purpose, or for another relying party of this server.',
    advice: 'Check that the page answers with the options it got last; else treat it as an attempt to swap answers.',
  },
  challenge_session_mismatch: {
    meaning: 'The answer came from another browser, or for another user, than the challenge was issued to.',
    advice: 'Check that the binding cookie is not blocked or stripped by a proxy; else it may be a stolen answer.',
  },
  client_data_malformed: {
    meaning: 'The client data, which the browser makes and the passkey signs, is not the JSON it must be.',
    advice: 'Find out which client sent it: no browser does this, a bridge or a script does.',
  },
  type_mismatch: {
    meaning: 'A registration was sent as a sign-in, or the other way round.',
    advice: 'If your own page sent it, correct which call its answer comes from; else it is an attack that failed.',
  },
  origin_mismatch: {
    meaning: 'The browser signed another origin than those listed: the passkey was used on a page that is not yours.',
    advice:
      'The record’s rp.origin names it. If that page is yours, list it; if not, somebody may be phishing under a domain of your RP ID.',
  },
  cross_origin_denied: {
    meaning: 'The passkey was used in a frame of another site’s page.',
    advice: 'Sign people in on a page of their own; Latchkey does not allow it in a frame.',
  },
  rp_id_hash_mismatch: {
    meaning: 'The authenticator signed for another RP ID than this server’s.',
    advice: 'Check that rp.id was not changed: passkeys made for another one are lost for this server.',
  },
  credential_unknown: {
    meaning:
      'Nobody here has this passkey: it was removed, belongs to another system, or its registration never ended.',
    advice: 'Let the page pass on the signals, so that password managers forget it; check for a restored database.',
  },
  credential_disabled: {
    meaning: 'The passkey is disabled.',
    advice: 'Look for the record that disabled it, or a counter that went backwards; its owner can enable it again.',
  },
  credential_not_allowed: {
    meaning: 'The passkey is not among those that were asked for: another person’s, or another relying party’s.',
    advice: 'Usually two people at one device; if it repeats, compare the accounts behind the pseudonyms.',
  },
  user_handle_mismatch: {
    meaning: 'The passkey says that it belongs to another user than the one who registered it, or does not say.',
    advice: 'Check that user handles were not lost or remade, by a migration, say; else the answer was tampered with.',
  },
  user_policy: {
    meaning: 'The `users.allows` of the application said that this user may not do this.',
    advice: 'Nothing is wrong if your rule means it; otherwise check users.allows for this user and action.',
  },
  user_disabled: {
    meaning: 'The passkey is good, but the application says that its account is blocked or gone.',
    advice: 'Nothing to do if that is meant; else look at users.find and users.isActive.',
  },
  authenticator_data_malformed: {
    meaning: 'What the authenticator is said to have signed cannot be read.',
    advice: 'Find out which authenticator or client sent it: the AAGUID and the user agent in the record help.',
  },
  user_presence_missing: {
    meaning: 'Signed, but the authenticator says that nobody was present.',
    advice: 'Nobody gets in without; find out what software makes passkeys answer by themselves.',
  },
  user_verification_missing: {
    meaning: 'Signed, but the authenticator did not verify its user by PIN, finger or face, and policy requires it.',
    advice: 'Ask the person to set up a PIN or a screen lock, or think about policy.userVerification.',
  },
  backup_state_invalid: {
    meaning:
      'The passkey’s word on whether it can be backed up contradicts itself, or what it said when it was registered.',
    advice: 'A faulty provider or a forgery: have the person register a new passkey, and remove this one.',
  },
  algorithm_unsupported: {
    meaning: 'The new passkey uses a signature algorithm that was not asked for.',
    advice: 'If you want it, add it to policy.algorithms; a correct authenticator never chooses one by itself.',
  },
  signature_invalid: {
    meaning: 'The signature does not match the public key that was registered.',
    advice: 'Once is a fault in transit; from one address again and again it is an attack: look who sends it.',
  },
  sign_count_regressed: {
    meaning: 'The passkey’s counter went backwards: there may be a copy of it, or its device was restored.',
    advice: 'Ask its owner whether it was them, and have them replace this passkey when in doubt.',
  },
  immediate_not_requested: {
    meaning: 'A mode other than Immediate UI mode was asked for, and policy requires that one.',
    advice: 'Let the page ask for it, or use policy prefer while browsers without it are to get in.',
  },
  immediate_not_reported: {
    meaning: 'A genuine sign-in, but the page did not report that it used Immediate UI mode, and policy requires it.',
    advice:
      'Check that the page sends `client` with its answer, and how many browsers here cannot do it: try policy report.',
  },
  immediate_contradicted: {
    meaning: 'A genuine sign-in, but the page says that it did not use the Immediate UI mode that was asked for.',
    advice: 'Correct the page, which was given immediate options and used them otherwise, or relax policy to prefer.',
  },
  policy_denied: {
    meaning: 'A rule of your policy said no; the record names it.',
    advice: 'Look at policy.failedRule in the record, and decide whether the rule or the passkey is to change.',
  },
  credential_exists: {
    meaning: 'The passkey that was to be registered is registered already, for this account or another.',
    advice: 'Tell the person to sign in with it; repeated from one address, it is somebody testing stolen ids.',
  },
  credential_limit: {
    meaning: 'The account has as many passkeys as policy allows.',
    advice: 'Let the person remove one that is not used, or raise policy.maxPasskeys.',
  },
  username_unavailable: {
    meaning: 'A sign-up, complete with a passkey, for a name that is taken.',
    advice: 'Nothing is wrong; many from one address are somebody who finds out names.',
  },
  credential_id_mismatch: {
    meaning: 'Two places in one answer name different passkeys.',
    advice: 'Find out which client sent it: no browser does this.',
  },
  public_key_invalid: {
    meaning: 'The new passkey’s public key is none, or not one that can be checked safely.',
    advice: 'A faulty authenticator or an attack: the AAGUID in the record names its make.',
  },
  attestation_refused: {
    meaning: 'The authenticator’s proof of its make is missing, wrong, or of a make that policy does not accept.',
    advice:
      'Add the make’s root or metadata to policy.attestation if you want to accept it, or hand out one that is listed.',
  },
  session_failed: {
    meaning: 'Everything was proved, but the session could not be written.',
    advice: 'Look at your session store; nobody was let in, and the person can try again.',
  },
  store_unavailable: {
    meaning: 'A store did not answer in time, or with an error.',
    advice: 'Look at the database or Redis, and at the complaint in the log with this attempt’s id.',
  },
  config_invalid: {
    meaning: 'The application is set up in a way that cannot sign anybody in.',
    advice: 'Read the complaint in the log with this attempt’s id: it names the option and what to write instead.',
  },
  audit_unavailable: {
    meaning: 'A fail_closed sink did not take the record, so nobody was let in.',
    advice: 'Bring that sink back; declare it fail_open if sign-ins matter more than its records.',
  },
  internal_error: {
    meaning:
      'Something failed on the server that is nobody else’s fault: Latchkey’s, or a function of the application’s.',
    advice: 'Read the complaint in the log with this attempt’s id; its stack says where.',
  },
  no_response: {
    meaning:
      'A challenge was issued and nobody answered before it expired: the page was closed, or lost its connection.',
    advice:
      'Normal in small numbers; if the share rises after a release, look for a page that fails without reporting.',
  },
};
