/** From a filled draft and a verdict to the one frozen record of an attempt. */

import { VERSION } from '../version.ts';
import type { AttemptRecord, EventName } from './attempt.ts';
import type { AttemptDraft, SpanPlace, Verdict } from './draft.ts';
import { decideEnforcement, type EnforcementDecision } from './enforcement.ts';
import { newId } from './id.ts';
import { oneLine } from './one-line.ts';
import { type IdentityKey, pseudonym } from './pseudonym.ts';

/** What surrounds the end of an attempt. */
export interface RecordContext {
  readonly now: number;
  readonly receivedAt: number | null;
  readonly http: AttemptRecord['http'];
  readonly rpId: string;
  readonly framework: string;
  readonly identityKey: IdentityKey;
  readonly span: (SpanPlace & { readonly sampled: boolean }) | null;
}

/** Whether immediate mediation was enforced, as far as is known by now. A ceremony asks once and keeps the answer as `decided`. */
export function enforcementOf(draft: AttemptDraft): EnforcementDecision {
  const requested = draft.mode === 'immediate';
  return decideEnforcement({
    policy: draft.immediateMediation,
    signIn: isSignIn(draft),
    signatureValid: draft.signature === 'valid',
    requested,
    // Immediate options always have an empty allow list and never conditional mediation: `authentication.ts` issues them.
    requestConformant: requested,
    clientReport: draft.clientReport,
    userPresent: draft.flags?.userPresent ?? null,
    userVerified: draft.flags?.userVerified ?? null,
    userVerificationRequired: draft.userVerification === 'required',
  });
}

function isSignIn(draft: AttemptDraft): boolean {
  return draft.name === 'latchkey.signin.attempt';
}

/** Member by member, as the record is written down: a walk over it afterwards takes four times as long. */
const { freeze } = Object;

/** The record. Frozen all the way down. */
export function conclude(draft: AttemptDraft, verdict: Verdict, around: RecordContext): AttemptRecord {
  const signIn = isSignIn(draft);
  const requested = signIn && draft.mode === 'immediate';
  const { enforcement, unmet } = draft.decided ?? enforcementOf(draft);
  const decision = verdict.outcome === 'success' ? 'allow' : verdict.rule ? 'deny' : 'not_evaluated';
  const decided = decision !== 'not_evaluated' && draft.signature === 'valid';
  return freeze({
    schema: `${draft.name}/1`,
    event: freeze({
      id: newId(around.now),
      name: draft.name,
      time: new Date(around.now).toISOString(),
      severity: severityOf(draft, verdict),
    }),
    attempt: freeze({
      id: draft.attemptId,
      ...(draft.relatedId === null ? {} : { relatedId: oneLine(draft.relatedId, 64) }),
      entry: draft.entry,
      mode: draft.mode,
      ...(draft.action === null ? {} : { action: oneLine(draft.action, 64) }),
      ...(draft.occasion === null ? {} : { occasion: draft.occasion }),
      stage: draft.stage,
      startedAt: new Date(draft.startedAt).toISOString(),
      ceremonyMs: draft.challenged ? Math.max(0, around.now - draft.startedAt) : null,
      processingMs: around.receivedAt === null ? null : Math.max(0, around.now - around.receivedAt),
    }),
    outcome: verdict.outcome,
    reason: verdict.reason,
    reasonSource: verdict.source,
    immediate: freeze({
      policy: draft.immediateMediation,
      requested,
      requestConformant: requested,
      clientReport: draft.clientReport,
      evidence: draft.clientReport === 'absent' || draft.clientReport === 'invalid' ? 'none' : 'client_report',
      enforcement,
      unmet: freeze(unmet),
    }),
    assertion: freeze({
      evaluated: draft.signature !== 'not_evaluated',
      signature: draft.signature,
      userPresent: draft.flags?.userPresent ?? null,
      userVerified: draft.flags?.userVerified ?? null,
      userVerificationPolicy: draft.userVerification,
      backupEligible: draft.flags?.backupEligible ?? null,
      backedUp: draft.flags?.backedUp ?? null,
      backupEligibleChanged: draft.backupEligibleChanged,
      signCount: draft.signCount,
      crossOrigin: draft.crossOrigin,
    }),
    challenge: freeze({
      status: draft.challengeStatus,
      ageMs: draft.challenged ? Math.max(0, around.now - draft.startedAt) : null,
      ttlMs: draft.challengeTtlMs,
    }),
    policy: freeze({
      decision,
      requirements: freeze([...draft.requirements]),
      failedRule: decision === 'deny' ? (verdict.rule ?? null) : null,
      wouldDeny: signIn && decided && draft.immediateMediation === 'report' ? enforcement === 'not_enforced' : null,
    }),
    credential: freeze({
      ref: draft.credentialId === null ? null : pseudonym(around.identityKey, draft.credentialId),
      aaguid: draft.aaguid,
      attachmentReported: draft.attachment,
      discoverableReported: draft.discoverable,
      attestationFormat: draft.attestationFormat,
    }),
    user: freeze({
      known: draft.userId !== null,
      id: draft.userId,
      hash: draft.userId === null ? null : pseudonym(around.identityKey, draft.userId),
      created: draft.userCreated,
    }),
    session: freeze({ id: draft.sessionId, endedBy: draft.endedBy, endedBecause: draft.endedBecause }),
    change: freeze({ by: draft.changedBy, note: draft.note === null ? null : oneLine(draft.note, 256) }),
    client: freeze({
      // An application that trusts every proxy gets as an address whatever a client writes into X-Forwarded-For.
      address: draft.address ? oneLine(draft.address, 64).slice(0, 64) : null,
      userAgent: draft.userAgent === null ? null : oneLine(draft.userAgent, 256),
      immediateGet: draft.immediateGet,
    }),
    rp: freeze({ id: around.rpId, origin: draft.origin ? oneLine(draft.origin, 256) : null }),
    http: around.http && freeze(around.http),
    library: freeze({ name: '@latchkey/core', version: VERSION, framework: around.framework }),
    trace: freeze({
      traceId: around.span?.traceId ?? null,
      spanId: around.span?.spanId ?? null,
      sampled: around.span?.sampled ?? null,
      optionsTraceId: draft.optionsSpan?.traceId ?? null,
      optionsSpanId: draft.optionsSpan?.spanId ?? null,
    }),
    message: sentence(draft, verdict, enforcement),
  });
}

/** An accepted use whose counter went backwards may be a copy of the passkey: nobody should overlook it. */
function severityOf({ signCount }: AttemptDraft, { outcome }: Verdict): AttemptRecord['event']['severity'] {
  if (outcome === 'error') return 'ERROR';
  return outcome === 'failure' || (outcome === 'success' && signCount === 'regressed') ? 'WARN' : 'INFO';
}

const SUBJECTS: Record<EventName, string> = {
  'latchkey.signin.attempt': 'Sign-in',
  'latchkey.registration.attempt': 'Registration',
  'latchkey.step_up.attempt': 'Step-up',
  'latchkey.passkey.added': 'Adding a passkey',
  'latchkey.passkey.renamed': 'Renaming a passkey',
  'latchkey.passkey.enabled': 'Enabling a passkey',
  'latchkey.passkey.disabled': 'Disabling a passkey',
  'latchkey.passkey.removed': 'Removing a passkey',
  'latchkey.session.ended': 'Ending a session',
  'latchkey.user.forgotten': 'Forgetting a user',
  'latchkey.invitation.issued': 'Issuing an invitation',
  'latchkey.invitation.used': 'Using an invitation',
  'latchkey.invitation.revoked': 'Revoking an invitation',
};

function sentence(
  { name, signCount, endedBecause }: AttemptDraft,
  verdict: Verdict,
  enforcement: AttemptRecord['immediate']['enforcement'],
): string {
  const verbs = {
    success: 'succeeded',
    failure: 'was refused',
    cancelled: 'was cancelled in the page',
    abandoned: 'was abandoned',
    error: 'failed through our fault',
  };
  const because = verdict.reason ?? endedBecause;
  const why = because === null ? '' : `: ${because}`;
  const counter = verdict.outcome === 'success' && signCount === 'regressed' ? '; the counter went backwards' : '';
  const how =
    enforcement === 'not_applicable' || enforcement === 'not_evaluated' ? '' : `; immediate mediation ${enforcement}`;
  return `${SUBJECTS[name]} ${verbs[verdict.outcome]}${why}${how}${counter}`.replaceAll('_', ' ');
}
