/**
 * The record of an attempt: its shape, its closed list of reasons, and the decision whether immediate mediation was
 * enforced. Pure: facts in, a frozen record out. It never says more than is known, and has no secret in it.
 */

/** What a ceremony is for. Part of the take: a challenge for one purpose serves no other. */
export type Purpose = 'sign_in' | 'registration' | 'step_up';

/** What ended: a sign-in, a registration, a step-up, a change to a passkey, a session; or what became of an invitation. */
export const EVENT_NAMES = [
  'latchkey.signin.attempt',
  'latchkey.registration.attempt',
  'latchkey.step_up.attempt',
  'latchkey.passkey.added',
  'latchkey.passkey.renamed',
  'latchkey.passkey.enabled',
  'latchkey.passkey.disabled',
  'latchkey.passkey.removed',
  'latchkey.session.ended',
  'latchkey.user.forgotten',
  'latchkey.invitation.issued',
  'latchkey.invitation.used',
  'latchkey.invitation.revoked',
] as const;

/** The name of a record: `event.name`. */
export type EventName = (typeof EVENT_NAMES)[number];

/** success · failure: refused · cancelled: the page said so · abandoned: no answer in time · error: our fault, refused. */
export const OUTCOMES = ['success', 'failure', 'cancelled', 'abandoned', 'error'] as const;

/** How an attempt ended: one of {@link OUTCOMES}. */
export type Outcome = (typeof OUTCOMES)[number];

/** How far an attempt can come, in order; `expired`: nobody answered. */
export const STAGES = ['options', 'client', 'challenge', 'assertion', 'policy', 'session', 'expired'] as const;

/** How far an attempt came: one of {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/**
 * Why an attempt did not succeed. Closed in each version: a new reason comes with a minor version of the package, and who reads
 * records takes one that it does not know for what `outcome` says. `schema` changes only when a member changes its meaning or shape.
 */
export const REASONS = [
  'malformed_request',
  'rate_limited',
  'first_factor_missing',
  'origin_denied',
  // What the page reported. NotAllowedError is client_not_allowed: browsers make its causes indistinguishable on purpose.
  'client_not_allowed',
  'client_aborted',
  'client_security_error',
  'client_unsupported',
  'client_invalid_state',
  'client_busy',
  'client_password',
  'client_unreadable',
  'client_other',
  // The challenge
  'challenge_missing',
  'challenge_unknown',
  'challenge_expired',
  'challenge_consumed',
  'challenge_mismatch',
  'challenge_session_mismatch',
  // The answer
  'client_data_malformed',
  'type_mismatch',
  'origin_mismatch',
  'cross_origin_denied',
  'rp_id_hash_mismatch',
  'credential_unknown',
  'credential_disabled',
  'credential_not_allowed',
  'user_handle_mismatch',
  'user_disabled',
  'user_policy',
  'authenticator_data_malformed',
  'user_presence_missing',
  'user_verification_missing',
  'backup_state_invalid',
  'algorithm_unsupported',
  'signature_invalid',
  'sign_count_regressed',
  // Policy
  'immediate_not_requested',
  'immediate_not_reported',
  'immediate_contradicted',
  'policy_denied',
  // Registration
  'credential_exists',
  'credential_limit',
  'username_unavailable',
  'credential_id_mismatch',
  'public_key_invalid',
  'attestation_refused',
  'invitation_unknown',
  'invitation_expired',
  'invitation_used',
  'invitation_revoked',
  'invitation_other_browser',
  // Ours
  'session_failed',
  'store_unavailable',
  'config_invalid',
  'audit_unavailable',
  'internal_error',
  // Nobody's
  'no_response',
] as const;

/** Why an attempt did not succeed: one of {@link REASONS}. `REASON_MEANINGS` has the meaning of each. */
export type Reason = (typeof REASONS)[number];

/** Whose word a reason is: of this server, of the page, or of a clock. */
export const REASON_SOURCES = ['server', 'client_report', 'timeout'] as const;

/** One of {@link REASON_SOURCES}. */
export type ReasonSource = (typeof REASON_SOURCES)[number];

/** The modes of a sign-in, see {@link SignInMode}. */
export const MODES = ['immediate', 'conditional', 'modal'] as const;

/** How a sign-in asks the browser. WebAuthn §5.1.4; `immediate` is Immediate UI mode (Level 4 work). */
export type SignInMode = (typeof MODES)[number];

/** The values of `policy.immediateMediation`. */
export const IMMEDIATE_MEDIATION = ['off', 'report', 'prefer', 'require'] as const;

/** What the policy says of Immediate UI mode: one of {@link IMMEDIATE_MEDIATION}. */
export type ImmediateMediation = (typeof IMMEDIATE_MEDIATION)[number];

/** The values of `policy.userVerification`. WebAuthn §5.8.6. */
export const USER_VERIFICATION = ['required', 'preferred', 'discouraged'] as const;

/** One of {@link USER_VERIFICATION}. */
export type UserVerification = (typeof USER_VERIFICATION)[number];

/** What a page can report of the mode it used; `absent`: nothing; `invalid`: something else. */
export const CLIENT_REPORTS = ['used', 'not_used', 'unsupported', 'absent', 'invalid'] as const;

/** What the page says about the mode it used: a claim that nothing signs. */
export type ClientReport = (typeof CLIENT_REPORTS)[number];

/** Whether immediate mediation was enforced; `not_applicable`: the policy does not ask, or it is no sign-in; `not_evaluated`: it did not come to that. */
export const ENFORCEMENTS = ['enforced', 'not_enforced', 'not_evaluated', 'not_applicable'] as const;

/** One of {@link ENFORCEMENTS}. */
export type Enforcement = (typeof ENFORCEMENTS)[number];

/** What can be missing where immediate mediation was not enforced. */
export const UNMET = [
  'ui_mode_requested',
  'ui_mode_conformant',
  'ui_mode_consistent',
  'ui_mode_reported',
  'user_present',
  'user_verified',
] as const;

/** One of {@link UNMET}. */
export type Unmet = (typeof UNMET)[number];

/** What became of a challenge. */
export const CHALLENGE_STATUSES = [
  'fresh',
  'expired',
  'consumed',
  'unknown',
  'mismatch',
  'missing',
  'not_evaluated',
] as const;

/** One of {@link CHALLENGE_STATUSES}. */
export type ChallengeStatus = (typeof CHALLENGE_STATUSES)[number];

/** The rules of policy that can refuse. */
export const FAILED_RULES = [
  'mode',
  'user_presence',
  'user_verification',
  'device_bound',
  'attestation',
  'sign_count',
  'backup_eligibility',
  'user',
  'first_factor',
  'recent_sign_in',
  'immediate_mediation',
] as const;

/** The rule that refused: one of {@link FAILED_RULES}. */
export type FailedRule = (typeof FAILED_RULES)[number];

/** What a policy may ask for beyond the defaults. */
export const REQUIREMENTS = ['device_bound', 'attestation', 'aal2', 'aal3', 'reauthentication'] as const;

/** One of {@link REQUIREMENTS}. */
export type Requirement = (typeof REQUIREMENTS)[number];

/** How much a record should worry: INFO not at all, WARN a refusal or an accepted counter that went back, ERROR our own fault. */
export const SEVERITIES = ['INFO', 'WARN', 'ERROR'] as const;

/** Whether the signature was checked, and how that came out. */
export const SIGNATURES = ['valid', 'invalid', 'not_evaluated'] as const;

/** `reset`: a synced passkey that counted its uses does so no more, as after a move to another manager. */
export const SIGN_COUNTS = ['zero', 'advanced', 'reset', 'regressed'] as const;

/** What policy said of an attempt. */
export const DECISIONS = ['allow', 'deny', 'not_evaluated'] as const;

/** Where a passkey is, as browsers report it. WebAuthn §5.4.5. */
export const ATTACHMENTS = ['platform', 'cross-platform'] as const;

/**
 * How a registration came about. `sign_up`: it made the account. `silent`: nobody was asked. `offered`: the page says that it had
 * offered one. `asked`: the person asked for it.
 */
export const OCCASIONS = ['sign_up', 'silent', 'offered', 'asked'] as const;
/** One of {@link OCCASIONS}. */
export type Occasion = (typeof OCCASIONS)[number];

/** The kinds of attestation statements: the identifiers of the IANA WebAuthn registry, and `other`. */
export const ATTESTATION_FORMATS = [
  'none',
  'packed',
  'tpm',
  'android-key',
  'android-safetynet',
  'fido-u2f',
  'apple',
  'compound',
  'other',
] as const;
/** One of {@link ATTESTATION_FORMATS}. */
export type AttestationFormat = (typeof ATTESTATION_FORMATS)[number];

/** Who can end a session or change a passkey, see {@link SessionEnder}. */
export const SESSION_ENDERS = ['person', 'operator', 'application', 'policy'] as const;
/** Who ended a session or changed a passkey. `application`: its own code, by a sign-out, say, or because it names another person now. `policy`: a rule of Latchkey's. */
export type SessionEnder = (typeof SESSION_ENDERS)[number];

/** Why a session can end, see {@link SessionEnding}. */
export const SESSION_ENDINGS = [
  'signed_out',
  'replaced',
  'too_many',
  'ended_elsewhere',
  'person_changed',
  'not_identified',
  'passkey_removed',
  'passkey_disabled',
  'user_disabled',
  'ended_for_user',
] as const;
/**
 * Why a session ended. `replaced`: the same browser signed in again. `too_many`: its owner signed in elsewhere, and has no more
 * than `sessions.max`. `ended_elsewhere`: its owner ended it from another session. `person_changed` and `not_identified`: the
 * application names another person, or nobody. `ended_for_user`: all sessions of the user were ended by an operator. Expiry leaves no record.
 */
export type SessionEnding = (typeof SESSION_ENDINGS)[number];

/** One terminal record of an attempt. Times are ISO 8601 in UTC, durations milliseconds. */
export interface AttemptRecord {
  /** What this is a record of, as in `event.name`, and the version of its shape. */
  readonly schema: `${EventName}/1`;
  /** The record itself: its id, what ended and when. */
  readonly event: {
    /** UUIDv7. */
    readonly id: string;
    /** What ended. */
    readonly name: EventName;
    /** When it ended. */
    readonly time: string;
    /** INFO for success, cancelled and abandoned; WARN for failure; ERROR for error. */
    readonly severity: (typeof SEVERITIES)[number];
    /** How many alike this one record stands for (rate limiting). */
    readonly repeatCount?: number;
  };
  /** The attempt, from its first request to its end. */
  readonly attempt: {
    /** The same in every signal of one attempt: record, log event, spans, and the answer to the page. */
    readonly id: string;
    /**
     * The attempt that a verify without a live challenge of its own named; or the invitation that a registration came with, or
     * that was used or revoked. An invitation has the attempt id of the record that says it was issued.
     */
    readonly relatedId?: string;
    /** `options`: a challenge was issued, or asked for. `verify_only`: an answer that matches no live challenge. */
    readonly entry: 'options' | 'verify_only';
    /** How the browser was asked; null for registrations and changes, and where nothing was asked. */
    readonly mode: SignInMode | null;
    /** What a step-up was for. */
    readonly action?: string;
    /** How a registration came about, once its challenge was issued. */
    readonly occasion?: Occasion;
    /** How far it came. */
    readonly stage: Stage;
    /** When its first request arrived. */
    readonly startedAt: string;
    /** From options to the end; null when there was no challenge. */
    readonly ceremonyMs: number | null;
    /** This server's own time in the request that ended it; null when none did. */
    readonly processingMs: number | null;
  };
  /** How it ended. */
  readonly outcome: Outcome;
  /** Why it did not succeed; null for success. */
  readonly reason: Reason | null;
  /** Whose word the reason is: this server's, the page's, or that of a clock. */
  readonly reasonSource: ReasonSource | null;
  /** Immediate mediation: what was asked, what the page claims, and what follows. */
  readonly immediate: {
    /** `policy.immediateMediation` when the challenge was issued. */
    readonly policy: ImmediateMediation;
    /** The options asked for Immediate UI mode. */
    readonly requested: boolean;
    /** They asked as the mode demands: with an empty allow list, and not conditionally. */
    readonly requestConformant: boolean;
    /** What the page said it did: a claim that nothing signs. */
    readonly clientReport: ClientReport;
    /** There is deliberately no "verified": no browser signs its UI mode. */
    readonly evidence: 'none' | 'client_report';
    /** Whether all of it held; never that the mode was proved. */
    readonly enforcement: Enforcement;
    /** What was missing, where it is `not_enforced`. */
    readonly unmet: readonly Unmet[];
  };
  /** What the passkey proved by its signature. */
  readonly assertion: {
    /** The signature was checked. */
    readonly evaluated: boolean;
    /** By the public key that was stored at the registration. */
    readonly signature: (typeof SIGNATURES)[number];
    /** Signed: somebody was there. Null until the signature is valid. */
    readonly userPresent: boolean | null;
    /** Signed: the authenticator verified its user. Null until the signature is valid. */
    readonly userVerified: boolean | null;
    /** `policy.userVerification` when the challenge was issued. */
    readonly userVerificationPolicy: UserVerification;
    /** Signed: the passkey may be synced to other devices. Null until the signature is valid. */
    readonly backupEligible: boolean | null;
    /** Signed: it is synced now. Null until the signature is valid. */
    readonly backedUp: boolean | null;
    /** The passkey's manager changed whether it may be synced, since it was registered. Null until the signature is valid. */
    readonly backupEligibleChanged: boolean | null;
    /** The counter against the stored one; synced passkeys always report zero. */
    readonly signCount: (typeof SIGN_COUNTS)[number] | null;
    /** The browser's client data says that another site's page framed this one. Signed once the signature is valid. */
    readonly crossOrigin: boolean | null;
  };
  /** What became of the challenge, how old it was, and how long it could live. `ttlMs` of an invitation that was issued: how long it is good. */
  readonly challenge: { readonly status: ChallengeStatus; readonly ageMs: number | null; readonly ttlMs: number };
  /** What policy asked for and decided. */
  readonly policy: {
    /** `deny`: a rule of policy said no. A refusal before any rule was asked is `not_evaluated`. */
    readonly decision: (typeof DECISIONS)[number];
    /** What the policy of this challenge asked for beyond the defaults. */
    readonly requirements: readonly Requirement[];
    /** The rule that said no. */
    readonly failedRule: FailedRule | null;
    /** Under `report`: whether `require` would have refused. Null elsewhere, and where nothing was decided. */
    readonly wouldDeny: boolean | null;
  };
  /** The passkey. What is called reported or unproved is a claim. */
  readonly credential: {
    /** Keyed pseudonym of the credential id. */
    readonly ref: string | null;
    /** The model or password manager that the passkey says it is from; unproved unless policy asks for attestation. */
    readonly aaguid: string | null;
    /** Where the browser says the passkey is: on this device or on another. */
    readonly attachmentReported: (typeof ATTACHMENTS)[number] | null;
    /** At a registration: the browser says that the passkey is discoverable (WebAuthn §10.1.3, credProps). A claim. */
    readonly discoverableReported: boolean | null;
    /** At a registration: the kind of attestation statement that came. Verified only where policy asks for attestation. */
    readonly attestationFormat: AttestationFormat | null;
  };
  /** The account. */
  readonly user: {
    /** It is known who it was, or who it was opened for. */
    readonly known: boolean;
    /** The application's own id. For audit sinks; not exported through OpenTelemetry. */
    readonly id: string | null;
    /** Keyed pseudonym of the id. */
    readonly hash: string | null;
    /** This attempt made the account: a sign-up. */
    readonly created: boolean;
  };
  /** The sign-in session that this made, confirmed or ended. */
  readonly session: {
    /** Our id of it: what lists and tokens name; never the token in the cookie. Null where there is none. */
    readonly id: string | null;
    /** Who ended it, and why; null where it was not ended. */
    readonly endedBy: SessionEnder | null;
    readonly endedBecause: SessionEnding | null;
  };
  /** Who changed a passkey, ended a session, forgot a user, or issued, used or revoked an invitation. */
  readonly change: {
    /** Null for ceremonies. */
    readonly by: SessionEnder | null;
    /** What an operator or the application wrote about it: one line, at most 256 characters. */
    readonly note: string | null;
  };
  /** Where the request came from. All of it is a claim of the client. */
  readonly client: {
    /** As the framework gives it. Exported through OpenTelemetry as a network only. */
    readonly address: string | null;
    /** The header, at most 256 characters. Not exported through OpenTelemetry in spans or metrics. */
    readonly userAgent: string | null;
    /** The page said that its browser can do Immediate UI mode. */
    readonly immediateGet: boolean | null;
  };
  /** The relying party, and the origin that the browser's client data names: ours, unless the reason is origin_mismatch. */
  readonly rp: { readonly id: string; readonly origin: string | null };
  /** Null when no request ended the attempt. */
  readonly http: { readonly method: string; readonly route: string; readonly status: number } | null;
  /** What made this record, behind which framework. */
  readonly library: { readonly name: string; readonly version: string; readonly framework: string };
  /** Where its spans are: of the request that ended it, and of the one that issued the challenge. Null without an SDK. */
  readonly trace: {
    readonly traceId: string | null;
    readonly spanId: string | null;
    readonly sampled: boolean | null;
    readonly optionsTraceId: string | null;
    readonly optionsSpanId: string | null;
  };
  /** The seal of a hash chain, where `chained` of @latchkey/audit wrote it. */
  readonly integrity?: {
    readonly keyId: string;
    readonly sequence: number;
    readonly previous: string;
    readonly mac: string;
    /** The members that can be erased without breaking the chain, and the salted hash that stands for them. */
    readonly personal?: { readonly members: readonly string[]; readonly hash: string };
    readonly salt?: string;
  };
  /** The record in one sentence, for people; never to be parsed. */
  readonly message: string;
}
