/** The record of an attempt while it is being filled: from the first request to the verdict. */

import type {
  AttestationFormat,
  ChallengeStatus,
  ClientReport,
  EventName,
  FailedRule,
  ImmediateMediation,
  Occasion,
  Outcome,
  Purpose,
  Reason,
  ReasonSource,
  Requirement,
  SessionEnder,
  SessionEnding,
  SIGN_COUNTS,
  SignInMode,
  Stage,
  UserVerification,
} from './attempt.ts';
import type { EnforcementDecision } from './enforcement.ts';
import { newId } from './id.ts';

/** Where a span is, for links between the traces of one attempt. */
export interface SpanPlace {
  readonly traceId: string;
  readonly spanId: string;
}

export interface AttemptDraft {
  name: EventName;
  attemptId: string;
  relatedId: string | null;
  entry: 'options' | 'verify_only';
  mode: SignInMode | null;
  action: string | null;
  occasion: Occasion | null;
  startedAt: number;
  /** True once a challenge of this attempt was issued or taken. */
  challenged: boolean;
  challengeStatus: ChallengeStatus;
  challengeTtlMs: number;
  immediateMediation: ImmediateMediation;
  userVerification: UserVerification;
  requirements: readonly Requirement[];
  clientReport: ClientReport;
  immediateGet: boolean | null;
  signature: 'valid' | 'invalid' | 'not_evaluated';
  /** The signed flags, once the signature is valid. */
  flags: Flags | null;
  backupEligibleChanged: boolean | null;
  signCount: (typeof SIGN_COUNTS)[number] | null;
  crossOrigin: boolean | null;
  credentialId: Uint8Array | null;
  aaguid: string | null;
  attachment: 'platform' | 'cross-platform' | null;
  discoverable: boolean | null;
  attestationFormat: AttestationFormat | null;
  /** Whether immediate mediation was enforced, once a ceremony has decided it. */
  decided: EnforcementDecision | null;
  userId: string | null;
  userCreated: boolean;
  sessionId: string | null;
  endedBy: SessionEnder | null;
  endedBecause: SessionEnding | null;
  /** Who changed a passkey or ended a session, and an operator's own words about it. */
  changedBy: SessionEnder | null;
  note: string | null;
  origin: string | null;
  address: string | null;
  userAgent: string | null;
  optionsSpan: SpanPlace | null;
  /** The furthest room the attempt came to. */
  stage: Stage;
}

/** Which record a ceremony ends in. */
export const EVENT_OF: Record<Purpose, EventName> = {
  sign_in: 'latchkey.signin.attempt',
  registration: 'latchkey.registration.attempt',
  step_up: 'latchkey.step_up.attempt',
};

/** What is known of an attempt before anything was looked at. */
export function newDraft(name: EventName, now: number): AttemptDraft {
  return {
    name,
    attemptId: newId(now),
    relatedId: null,
    entry: 'options',
    mode: null,
    action: null,
    occasion: null,
    startedAt: now,
    challenged: false,
    challengeStatus: 'not_evaluated',
    challengeTtlMs: 0,
    immediateMediation: 'off',
    userVerification: 'required',
    requirements: [],
    clientReport: 'absent',
    immediateGet: null,
    signature: 'not_evaluated',
    flags: null,
    backupEligibleChanged: null,
    signCount: null,
    crossOrigin: null,
    credentialId: null,
    aaguid: null,
    attachment: null,
    discoverable: null,
    attestationFormat: null,
    decided: null,
    userId: null,
    userCreated: false,
    sessionId: null,
    endedBy: null,
    endedBecause: null,
    changedBy: null,
    note: null,
    origin: null,
    address: null,
    userAgent: null,
    optionsSpan: null,
    stage: 'options',
  };
}

/** WebAuthn §6.1, the flags this server judges. */
export interface Flags {
  readonly userPresent: boolean;
  readonly userVerified: boolean;
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
}

/** It was accepted. */
export const SUCCESS: Verdict = { outcome: 'success', reason: null, source: null };

/** How an attempt ended. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  readonly source: ReasonSource | null;
  readonly rule?: FailedRule | null;
}
