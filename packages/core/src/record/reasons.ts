/**
 * What each reason of the closed list means to an operator, and what to do about it. The one place these sentences are
 * written: explanations, pages, a terminal and the documentation all take them from here.
 */

import type { Reason } from './attempt.ts';

/** A reason in words: what happened, and what to do. */
export interface ReasonMeaning {
  /** What happened, in a sentence or two. */
  readonly meaning: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Every reason, so that a new one does not compile before somebody has said what to do about it. */
export const REASON_MEANINGS: Readonly<Record<Reason, ReasonMeaning>> = {
  malformed_request: {
    meaning: 'The request does not have the shape, size or media type that the HTTP contract describes.',
    advice:
      'If your own page sent it, use @latchkey/browser, or compare the body with the contract. Otherwise somebody is probing your server.',
  },
  rate_limited: {
    meaning:
      'One address, network, browser or name made too many requests. event.repeatCount is the number of refusals that this record stands for.',
    advice:
      'If many people share one address, check that your proxy passes their addresses on; if it does, raise the limit in rateLimit.limits. Otherwise one client asks too often: find out who it is.',
  },
  first_factor_missing: {
    meaning: 'The policy demands a first factor, and users.identify named nobody for this request.',
    advice: 'Nothing is wrong if the person had not signed in by the first factor yet. Otherwise check users.identify.',
  },
  origin_denied: {
    meaning: 'A page of another origin made the request. Its Origin or Sec-Fetch-Site header says so.',
    advice:
      'If that page is yours, list its exact origin in rp.origins or rp.relatedOrigins. Otherwise another site is probing yours.',
  },
  client_not_allowed: {
    meaning:
      'The browser gave the page NotAllowedError. The person closed the sheet, the time ran out, or there is no passkey. The browser does not say which.',
    advice:
      'Offer the other ways to sign in at once. Look into it only if the share rises for one browser or after one release.',
  },
  client_aborted: {
    meaning: "The page, or the browser's own time-out, stopped the request before anybody answered.",
    advice:
      'This is usually harmless: another request took its place. If it is frequent, look for pages that start two requests at once.',
  },
  client_security_error: {
    meaning:
      'The browser refused. The domain of the page does not fit the RP ID, or a frame or a policy forbids passkeys.',
    advice:
      'Compare rp.id with the address of the page. Check /.well-known/webauthn and the Permissions-Policy header.',
  },
  client_unsupported: {
    meaning: 'The browser or the device cannot do what the page asked for.',
    advice:
      'Keep another way to sign in for such browsers. If you choose the devices, check policy.algorithms and the age of the browsers.',
  },
  client_invalid_state: {
    meaning: 'At a registration: this device already has a passkey for the account.',
    advice: 'Nothing is wrong. Tell the person to sign in with the passkey that is there.',
  },
  client_busy: {
    meaning: 'Another passkey request of this browser was still open.',
    advice: 'Use one client per page, so that one request ends before the next begins.',
  },
  client_password: {
    meaning: 'The person chose a stored password where the browser offered both.',
    advice: 'Sign the person in by the password, and offer to add a passkey afterwards.',
  },
  client_unreadable: {
    meaning:
      "The browser gave the page a passkey that the page could not read. A password manager's extension usually causes this.",
    advice:
      'Compare the user agents of these records. Tell the makers of the extension, and offer another way to sign in.',
  },
  client_other: {
    meaning: 'The page reported an error that has no reason of its own.',
    advice: "Read the page's own error log at that time. The server knows only the name of the error.",
  },
  challenge_missing: {
    meaning: 'An answer came without the id of its attempt.',
    advice: 'Send the attemptId that the options contained. @latchkey/browser does.',
  },
  challenge_unknown: {
    meaning:
      'The answer names an attempt that this store does not have. The store forgets an attempt ten minutes after its challenge expired.',
    advice:
      'Check that all processes share one challenge store, and that the store survives restarts. Otherwise the client invented the attempt id.',
  },
  challenge_expired: {
    meaning: 'The answer came after the challenge had expired.',
    advice: 'A few are normal. If there are many, raise policy.challengeTtl and compare the clocks of your servers.',
  },
  challenge_consumed: {
    meaning: 'The challenge had been answered before: by a double click, a retry, or a copied answer.',
    advice: 'Look at the related attempt. The same browser twice is a retry. Another address may be a replay.',
  },
  challenge_mismatch: {
    meaning:
      'The answer belongs to another challenge, another purpose, another relying party, or a mode that is not allowed where it was answered.',
    advice:
      'Check that the page answers the options it received last, at the host that issued them. Otherwise treat it as an attempt to swap answers.',
  },
  challenge_session_mismatch: {
    meaning:
      'The answer came from another browser or for another user than the challenge was issued to, or the session ended meanwhile.',
    advice: 'Check that no proxy blocks or removes the binding cookie. Otherwise the answer may be stolen.',
  },
  client_data_malformed: {
    meaning: 'The client data is not the JSON that WebAuthn demands. The browser makes it, and the passkey signs it.',
    advice: 'Find out which client sent it. Browsers do not do this; a bridge or a script does.',
  },
  type_mismatch: {
    meaning: 'A registration was sent as a sign-in, or a sign-in as a registration.',
    advice: 'If your own page sent it, correct the call. Otherwise it may be an attack; it failed.',
  },
  origin_mismatch: {
    meaning:
      'The browser signed an origin that is not listed here, or that was not listed where the challenge was issued.',
    advice:
      'The record names it in rp.origin. If that page is yours, list it. If it is not, somebody may be phishing under a domain of your RP ID.',
  },
  cross_origin_denied: {
    meaning: 'The passkey was used in a frame inside a page of another origin.',
    advice: 'Sign people in on a page of their own. Latchkey does not allow it in a frame.',
  },
  rp_id_hash_mismatch: {
    meaning: "The authenticator signed for another RP ID than this server's.",
    advice: 'Check that rp.id was not changed. Passkeys of another RP ID cannot be used here.',
  },
  credential_unknown: {
    meaning:
      'No account here has this passkey. It was removed, belongs to another system, or was never completely registered.',
    advice:
      'At the next sign-in of this person the page tells the password manager which passkeys are left: @latchkey/browser passes these signals on. If many people are affected, check whether an old database was restored.',
  },
  credential_disabled: {
    meaning: 'The passkey is disabled.',
    advice: 'Look for the record that disabled it. Its owner or an operator can enable it again.',
  },
  credential_not_allowed: {
    meaning:
      'The passkey is not among those that were asked for. It belongs to another person or another relying party.',
    advice: 'Two people at one device usually cause this. If it repeats, compare the accounts behind the pseudonyms.',
  },
  user_handle_mismatch: {
    meaning: 'The user handle in the answer is not the one that the passkey was registered with, or it is missing.',
    advice: 'Check that a migration did not lose or change user handles. Otherwise somebody changed the answer.',
  },
  user_policy: {
    meaning: "The application's rule users.allows refused this user.",
    advice: 'Nothing is wrong if your rule means it. Otherwise check users.allows for this user and action.',
  },
  user_disabled: {
    meaning: 'The passkey is genuine, but the application says that the account is blocked or gone.',
    advice: 'Nothing is wrong if you blocked the account. Otherwise check users.find and users.isActive.',
  },
  authenticator_data_malformed: {
    meaning: 'The authenticator data cannot be read.',
    advice: 'Find out which authenticator or client sent it. The AAGUID and the user agent in the record help.',
  },
  user_presence_missing: {
    meaning: 'The signature is valid, but the authenticator says that nobody was present.',
    advice: 'Latchkey never accepts this. Find out which software lets passkeys answer without a person.',
  },
  user_verification_missing: {
    meaning:
      'The signature is valid, but the authenticator did not verify its user by PIN, finger or face, and the policy demands it.',
    advice: 'Ask the person to set up a PIN or a screen lock. Or reconsider policy.userVerification.',
  },
  backup_state_invalid: {
    meaning: 'The backup flags contradict each other, or they changed and policy.backupEligibility is refuse.',
    advice:
      'If they changed, consider policy.backupEligibility follow. Otherwise the provider is faulty or the answer is forged: have the person register a new passkey.',
  },
  algorithm_unsupported: {
    meaning: 'The new passkey uses a signature algorithm that was not offered.',
    advice:
      'If you want the algorithm, add it to policy.algorithms. A correct authenticator never chooses one that was not offered.',
  },
  signature_invalid: {
    meaning: 'The signature does not match the registered public key.',
    advice:
      'A single one is mostly a fault of a client. Many from one address may be an attack: find out who sends them.',
  },
  sign_count_regressed: {
    meaning:
      'The counter of the passkey went backwards. There may be a copy of the passkey, or its device was restored.',
    advice: 'Ask the owner whether it was them. If in doubt, replace the passkey.',
  },
  immediate_not_requested: {
    meaning: 'The page asked for another mode than Immediate UI mode, and the policy demands that mode.',
    advice:
      'Let the page ask for Immediate UI mode. Or set policy.immediateMediation to prefer, so that browsers without the mode can sign in.',
  },
  immediate_not_reported: {
    meaning:
      'The sign-in is genuine, but the page did not report Immediate UI mode, and the policy demands the report.',
    advice:
      'Check that the page sends `client` with its answer. Set policy.immediateMediation to report to count the browsers that cannot do it.',
  },
  immediate_contradicted: {
    meaning:
      'The sign-in is genuine, but the page says that it did not use Immediate UI mode, which it had been asked to use.',
    advice: 'Correct the page. Or set policy.immediateMediation to prefer.',
  },
  policy_denied: {
    meaning: 'A rule of your policy refused. policy.failedRule in the record names the rule.',
    advice: 'Decide whether the rule or the passkey has to change.',
  },
  credential_exists: {
    meaning: 'The passkey is registered already, for this account or for another one.',
    advice:
      'Tell the person to sign in with it. Many from one address may be somebody who tests stolen credential ids.',
  },
  credential_limit: {
    meaning: 'The account has as many passkeys as the policy allows.',
    advice: 'Let the person remove a passkey that is not used, or raise policy.maxPasskeys.',
  },
  username_unavailable: {
    meaning: 'Somebody signed up with a passkey under a name that is taken.',
    advice: 'Nothing is wrong. Many from one address may be somebody who looks for names that exist.',
  },
  credential_id_mismatch: {
    meaning: 'Two places in the answer name different passkeys.',
    advice:
      'Find out which client sent it. Some extensions and native applications encode the ids wrongly, or leave rawId out.',
  },
  public_key_invalid: {
    meaning: 'The public key of the new passkey cannot be read, or cannot be checked safely.',
    advice: 'The authenticator is faulty, or it is an attack. The AAGUID in the record names the make.',
  },
  attestation_refused: {
    meaning: 'The attestation of the authenticator is missing, wrong, or from a make that the policy does not accept.',
    advice:
      'To accept the make, add its root or its metadata to policy.attestation. A person whose passkey was registered without an attestation has to add another.',
  },
  invitation_unknown: {
    meaning: 'A registration came with an invitation that this relying party never issued, or that was forgotten.',
    advice:
      'A single one is a link that was cut or mistyped. Many from one address may be somebody who guesses, which cannot succeed.',
  },
  invitation_expired: {
    meaning: 'A registration came with an invitation after its life was over.',
    advice: 'Issue a new one, with a longer life if the person could not be quicker.',
  },
  invitation_used: {
    meaning: 'A registration came with an invitation that a passkey had been made with before.',
    advice:
      'Look at attempt.relatedId: the record of its use says when and where. If that was not the person, remove the passkey and end the sessions.',
  },
  invitation_revoked: {
    meaning: 'A registration came with an invitation that was revoked, or that a newer one had replaced.',
    advice: 'If the person still needs one, point them to the newest, or issue it.',
  },
  invitation_other_browser: {
    meaning: 'The invitation was opened in another browser before.',
    advice:
      'Ask the person whether both were theirs. If not, somebody else has the link: revoke it, and issue another over a safer way.',
  },
  session_failed: {
    meaning: 'The passkey was accepted, but the session could not be stored.',
    advice: 'Check the session store. Nobody was signed in, and the person can try again.',
  },
  store_unavailable: {
    meaning: 'A store did not answer in time, or it answered with an error.',
    advice: 'Check the database or Redis. The error is in the log with the id of this attempt.',
  },
  config_invalid: {
    meaning:
      'The application answered something that Latchkey cannot use, or it is configured in a way that nobody can sign in.',
    advice: 'Read the error in the log with the id of this attempt. It names the option and what to write instead.',
  },
  audit_unavailable: {
    meaning: 'A fail_closed sink did not take the record, so the request was refused.',
    advice:
      'Repair that sink. The log names it and its error. Declare it fail_open if sign-ins matter more than its records.',
  },
  internal_error: {
    meaning: 'Something failed on the server: in Latchkey, or in a function of the application.',
    advice: 'Read the error in the log with the id of this attempt. Its stack says where it failed.',
  },
  no_response: {
    meaning:
      'A challenge was issued and nobody answered before it expired. The page was closed, or it lost its connection.',
    advice:
      'Small numbers are normal. If the share rises after a release, look for a page that fails without a report.',
  },
};
