/**
 * From what a ceremony learned to the record that ends it. `Facts` fill up while a ceremony is read from top to bottom;
 * `conclude` turns them and a verdict into one frozen record.
 */
import type {
  AttemptRecord,
  ChallengeStatus,
  ClientReport,
  EventName,
  FailedRule,
  ImmediateMediation,
  Mode,
  Outcome,
  Reason,
  ReasonSource,
  Requirement,
  Stage,
  UserVerification,
} from './attempt.ts';
import { decideEnforcement } from './attempt.ts';
import { type IdentityKey, pseudonym } from './identity.ts';
import { random } from './random.ts';
import type { Purpose } from './store.ts';
import { VERSION } from './version.ts';

/** Where a span is, for links between the traces of one attempt. */
export interface SpanPlace {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Facts {
  name: EventName;
  attemptId: string;
  relatedId: string | null;
  entry: 'options' | 'verify_only';
  mode: Mode | null;
  action: string | null;
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
  signCount: 'zero' | 'advanced' | 'regressed' | null;
  crossOrigin: boolean | null;
  credentialId: Uint8Array | null;
  aaguid: string | null;
  attachment: 'platform' | 'cross-platform' | null;
  userId: string | null;
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
export function newFacts(name: EventName, now: number): Facts {
  return {
    name,
    attemptId: newId(now),
    relatedId: null,
    entry: 'options',
    mode: null,
    action: null,
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
    signCount: null,
    crossOrigin: null,
    credentialId: null,
    aaguid: null,
    attachment: null,
    userId: null,
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

/** How an attempt ended. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  readonly source: ReasonSource | null;
  readonly rule?: FailedRule | null;
}

/** What surrounds the end of an attempt. */
export interface Surroundings {
  readonly now: number;
  readonly receivedAt: number | null;
  readonly http: AttemptRecord['http'];
  readonly rpId: string;
  readonly framework: string;
  readonly identityKey: IdentityKey;
  readonly span: (SpanPlace & { readonly sampled: boolean }) | null;
}

/** Whether immediate mediation was enforced, as far as is known by now. */
export function enforcementOf(facts: Facts): ReturnType<typeof decideEnforcement> {
  const requested = facts.mode === 'immediate';
  return decideEnforcement({
    policy: facts.immediateMediation,
    signIn: isSignIn(facts),
    signatureValid: facts.signature === 'valid',
    requested,
    // Immediate options always have an empty allow list and never conditional mediation: `authentication.ts` issues them.
    requestConformant: requested,
    clientReport: facts.clientReport,
    userPresent: facts.flags?.userPresent ?? null,
    userVerified: facts.flags?.userVerified ?? null,
    userVerificationRequired: facts.userVerification === 'required',
  });
}

function isSignIn(facts: Facts): boolean {
  return facts.name === 'latchkey.signin.attempt';
}

/** Member by member, as the record is written down: a walk over it afterwards takes four times as long. */
const { freeze } = Object;

/** The record. Frozen all the way down. */
export function conclude(facts: Facts, verdict: Verdict, around: Surroundings): AttemptRecord {
  const signIn = isSignIn(facts);
  const requested = signIn && facts.mode === 'immediate';
  const { enforcement, unmet } = enforcementOf(facts);
  const decision = verdict.outcome === 'success' ? 'allow' : verdict.rule ? 'deny' : 'not_evaluated';
  const decided = decision !== 'not_evaluated' && facts.signature === 'valid';
  return freeze({
    schema: 'latchkey.signin.attempt/1',
    event: freeze({
      id: newId(around.now),
      name: facts.name,
      time: new Date(around.now).toISOString(),
      severity: verdict.outcome === 'failure' ? 'WARN' : verdict.outcome === 'error' ? 'ERROR' : 'INFO',
    }),
    attempt: freeze({
      id: facts.attemptId,
      ...(facts.relatedId === null ? {} : { relatedId: oneLine(facts.relatedId, 64) }),
      entry: facts.entry,
      mode: facts.mode,
      ...(facts.action === null ? {} : { action: oneLine(facts.action, 64) }),
      stage: facts.stage,
      startedAt: new Date(facts.startedAt).toISOString(),
      ceremonyMs: facts.challenged ? Math.max(0, around.now - facts.startedAt) : null,
      processingMs: around.receivedAt === null ? null : Math.max(0, around.now - around.receivedAt),
    }),
    outcome: verdict.outcome,
    reason: verdict.reason,
    reasonSource: verdict.source,
    immediate: freeze({
      policy: facts.immediateMediation,
      requested,
      requestConformant: requested,
      clientReport: facts.clientReport,
      evidence: facts.clientReport === 'absent' || facts.clientReport === 'invalid' ? 'none' : 'client_report',
      enforcement,
      unmet: freeze(unmet),
    }),
    assertion: freeze({
      evaluated: facts.signature !== 'not_evaluated',
      signature: facts.signature,
      userPresent: facts.flags?.userPresent ?? null,
      userVerified: facts.flags?.userVerified ?? null,
      userVerificationPolicy: facts.userVerification,
      backupEligible: facts.flags?.backupEligible ?? null,
      backedUp: facts.flags?.backedUp ?? null,
      signCount: facts.signCount,
      crossOrigin: facts.crossOrigin,
    }),
    challenge: freeze({
      status: facts.challengeStatus,
      ageMs: facts.challenged ? Math.max(0, around.now - facts.startedAt) : null,
      ttlMs: facts.challengeTtlMs,
    }),
    policy: freeze({
      decision,
      requirements: freeze([...facts.requirements]),
      failedRule: decision === 'deny' ? (verdict.rule ?? null) : null,
      wouldDeny: signIn && decided && facts.immediateMediation === 'report' ? enforcement === 'not_enforced' : null,
    }),
    credential: freeze({
      ref: facts.credentialId === null ? null : pseudonym(around.identityKey, facts.credentialId),
      aaguid: facts.aaguid,
      attachmentReported: facts.attachment,
    }),
    user: freeze({
      known: facts.userId !== null,
      id: facts.userId,
      hash: facts.userId === null ? null : pseudonym(around.identityKey, facts.userId),
    }),
    client: freeze({
      // An application that trusts every proxy gets as an address whatever a client writes into X-Forwarded-For.
      address: facts.address ? oneLine(facts.address, 64).slice(0, 64) : null,
      userAgent: facts.userAgent === null ? null : oneLine(facts.userAgent, 256),
      immediateGet: facts.immediateGet,
    }),
    rp: freeze({ id: around.rpId, origin: facts.origin ? oneLine(facts.origin, 256) : null }),
    http: around.http && freeze(around.http),
    library: freeze({ name: '@latchkey/core', version: VERSION, framework: around.framework }),
    trace: freeze({
      traceId: around.span?.traceId ?? null,
      spanId: around.span?.spanId ?? null,
      sampled: around.span?.sampled ?? null,
      optionsTraceId: facts.optionsSpan?.traceId ?? null,
      optionsSpanId: facts.optionsSpan?.spanId ?? null,
    }),
    message: sentence(facts.name, verdict, enforcement),
  });
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
};

function sentence(name: EventName, verdict: Verdict, enforcement: AttemptRecord['immediate']['enforcement']): string {
  const verbs = {
    success: 'succeeded',
    failure: 'was refused',
    cancelled: 'ended in the page',
    abandoned: 'was abandoned',
    error: 'failed through our fault',
  };
  const why = verdict.reason === null ? '' : `: ${verdict.reason}`;
  const how =
    enforcement === 'not_applicable' || enforcement === 'not_evaluated' ? '' : `; immediate mediation ${enforcement}`;
  return `${SUBJECTS[name]} ${verbs[verdict.outcome]}${why}${how}`.replaceAll('_', ' ');
}

/** Text from outside, fit for a log: one line, bounded, without control or direction-changing characters. */
export function oneLine(text: string, most: number): string {
  const bounded = text.slice(0, most);
  if (PLAIN.test(bounded)) return bounded;
  return bounded
    .toWellFormed()
    .replace(UNFIT, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}

/** What nearly every text from outside is: printable ASCII, and so nothing of {@link UNFIT}. */
const PLAIN = /^[ -~]*$/;
const UNFIT = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

let lastMs = 0;
let sequence = 0;
/** What the ids of one millisecond begin with: the time, and the version. */
let beginning = '';

/** A UUIDv7 (RFC 9562 §5.7); those of one process sort by the order in which they were made. */
export function newId(now: number): string {
  // Method 1 of §6.2: a counter in the 12 bits after the time; a full one borrows the next millisecond.
  const full = sequence === 0xfff;
  if (now > lastMs || full) {
    lastMs = Math.max(now, lastMs + 1);
    sequence = 0;
    const time = lastMs.toString(16).padStart(12, '0');
    beginning = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  } else {
    sequence += 1;
  }
  const tail = random(8, 'hex');
  const variant = '89ab'[Number.parseInt(tail[0]!, 16) % 4];
  const count = sequence.toString(16).padStart(3, '0');
  return `${beginning}${count}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`;
}
