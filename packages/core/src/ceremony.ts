/**
 * The state of a ceremony between its options and its end: opened once, taken once. The store sees it as opaque text;
 * what must match for a take (purpose, browser binding, user) travels beside it.
 */
import { hash } from 'node:crypto';
import type { ImmediateMediation, Mode, Requirement, UserVerification } from './attempt.ts';
import type { Call } from './call.ts';
import { refuse } from './errors.ts';
import { random } from './random.ts';
import type { SpanPlace } from './record.ts';
import { newId } from './record.ts';
import type { ReliableStore } from './reliable-store.ts';
import type { Expected, PendingCeremony, Purpose } from './store.ts';
import { activeSpan, countChallenge, markOptionsSpan } from './telemetry.ts';
import type { ClientData } from './webauthn.ts';

/** What a ceremony must remember. Times in milliseconds, bytes as base64url. */
export interface Ceremony {
  readonly rpId: string;
  readonly challenge: string;
  readonly issuedAt: number;
  readonly ttlMs: number;
  readonly mode: Mode | null;
  /** The policy it was issued under: what it is judged by, whatever the configuration says later. */
  readonly immediateMediation: ImmediateMediation;
  readonly userVerification: UserVerification;
  readonly requirements: readonly Requirement[];
  /** The user named first (modal with an identifier, step-up), whose handle the browser may then leave out. */
  readonly namedUserId?: string;
  /** The credential ids offered; left out when any discoverable passkey may answer. */
  readonly offered?: readonly string[];
  readonly action?: string;
  /** Registration: the handle the new passkey gets. */
  readonly userHandle?: string;
  /** Registration: the account to create, for sign-up. */
  readonly account?: { readonly name: string; readonly displayName: string };
  readonly nickname?: string;
  /** Registration: automatic upgrade, where user presence may be absent. WebAuthn §5.1.3. */
  readonly conditional?: true;
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly optionsSpan: SpanPlace | null;
}

/** What opening adds by itself. */
type Given = Omit<
  Ceremony,
  | 'rpId'
  | 'challenge'
  | 'issuedAt'
  | 'ttlMs'
  | 'immediateMediation'
  | 'requirements'
  | 'userVerification'
  | 'address'
  | 'userAgent'
  | 'optionsSpan'
> &
  Partial<Pick<Ceremony, 'userVerification'>>;

/** The challenge as the options carry it. */
export interface Opened {
  readonly attemptId: string;
  readonly challenge: string;
  /** For `publicKey.timeout`: shorter than the life, so that the browser's own time-out still reports in time. */
  readonly timeout: number;
  readonly expiresAt: number;
}

/** Issues a challenge and keeps its ceremony. One round trip. */
export async function openCeremony(
  call: Call,
  store: ReliableStore,
  who: { purpose: Purpose; binding: string; userId: string | null; prefetch?: boolean },
  given: Given,
): Promise<Opened> {
  const { policy } = call.config;
  const { facts } = call;
  const ceremony: Ceremony = {
    rpId: call.config.rp.id,
    challenge: random(32, 'base64url'),
    issuedAt: call.receivedAt,
    ttlMs: policy.challengeTtlMs,
    immediateMediation: policy.immediateMediation,
    userVerification: policy.userVerification,
    requirements: policy.requirements,
    ...given,
    address: facts.address,
    userAgent: facts.userAgent?.slice(0, 256) ?? null,
    optionsSpan: activeSpan(),
  };
  const { attemptId } = facts;
  const expiresAt = ceremony.issuedAt + ceremony.ttlMs;
  recall(facts, attemptId, ceremony);
  markOptionsSpan(attemptId);
  try {
    await store.challenges.put({
      attemptId,
      purpose: who.purpose,
      binding: hashBinding(who.binding),
      userId: who.userId,
      begun: who.prefetch !== true,
      expiresAt,
      state: JSON.stringify(ceremony),
    });
  } catch (thrown) {
    // A store may keep it after nobody waits any more: then the sweep ends the attempt, and this record must not be its second.
    facts.attemptId = newId(call.config.now());
    facts.relatedId = attemptId;
    facts.challenged = false;
    throw thrown;
  }
  if (who.purpose === 'sign_in') countChallenge(who.prefetch ? 'prefetched' : 'issued');
  return {
    attemptId,
    challenge: ceremony.challenge,
    timeout: ceremony.ttlMs - Math.min(10_000, ceremony.ttlMs / 5),
    expiresAt,
  };
}

/** Takes the ceremony for its one and only verify, or refuses with the reason it cannot be had. One round trip. */
export async function takeCeremony(
  call: Call,
  store: ReliableStore,
  attemptId: string,
  purpose: Purpose,
  userId: string | null,
): Promise<Ceremony> {
  const { facts } = call;
  facts.stage = 'challenge';
  facts.entry = 'verify_only';
  facts.relatedId = attemptId;
  const expected: Expected = { purpose, userId, binding: hashBinding(call.binding) };
  const take = await store.challenges.take(attemptId, expected, call.config.now());
  facts.challengeStatus = take.status;
  if (take.status === 'fresh') {
    const ceremony = parse(take.ceremony);
    recall(facts, attemptId, ceremony);
    // Tenants share the store, not their challenges.
    if (ceremony.rpId !== call.config.rp.id) throw refuse('challenge_mismatch');
    if (purpose === 'sign_in') countChallenge('taken');
    return ceremony;
  }
  if (take.status === 'mismatch') {
    throw refuse(take.member === 'purpose' ? 'challenge_mismatch' : 'challenge_session_mismatch');
  }
  throw refuse(`challenge_${take.status}`);
}

/** Takes the ceremony of an attempt that ended in the page, whatever it was for. Nothing when it is not there to be taken. */
export async function takeReported(
  call: Call,
  store: ReliableStore,
  attemptId: string,
): Promise<{ purpose: Purpose; ceremony: Ceremony } | undefined> {
  if (call.binding === null) return undefined;
  const take = await store.challenges.take(attemptId, { binding: hashBinding(call.binding) }, call.config.now());
  if (take.status !== 'fresh') return undefined;
  call.facts.challengeStatus = 'fresh';
  const ceremony = parse(take.ceremony);
  recall(call.facts, attemptId, ceremony);
  return { purpose: take.ceremony.purpose, ceremony };
}

export function parse(pending: PendingCeremony): Ceremony {
  return JSON.parse(pending.state) as Ceremony;
}

/** From here on the attempt is this ceremony's. */
export function recall(facts: Call['facts'], attemptId: string, ceremony: Ceremony): void {
  facts.attemptId = attemptId;
  facts.relatedId = null;
  facts.entry = 'options';
  facts.mode = ceremony.mode;
  facts.action = ceremony.action ?? null;
  facts.startedAt = ceremony.issuedAt;
  facts.challenged = true;
  facts.challengeTtlMs = ceremony.ttlMs;
  facts.immediateMediation = ceremony.immediateMediation;
  facts.userVerification = ceremony.userVerification;
  facts.requirements = ceremony.requirements;
  facts.optionsSpan = ceremony.optionsSpan;
}

/** The answer is to this ceremony, from an origin of ours, in a page of its own. WebAuthn §7.1 steps 7 to 11, §7.2 steps 10 to 14. */
export function checkClientData(
  call: Call,
  ceremony: Ceremony,
  clientData: ClientData,
  type: 'webauthn.create' | 'webauthn.get',
): void {
  const { facts, config } = call;
  facts.crossOrigin = clientData.crossOrigin || clientData.topOrigin !== null;
  if (clientData.type !== type) throw refuse('type_mismatch');
  if (clientData.challenge !== ceremony.challenge) {
    facts.challengeStatus = 'mismatch';
    throw refuse('challenge_mismatch');
  }
  // In the record of a refusal it says whose page people were lured to.
  facts.origin = clientData.origin;
  if (!config.signedOrigins.has(clientData.origin)) throw refuse('origin_mismatch');
  if (facts.crossOrigin) throw refuse('cross_origin_denied');
}

/** The store never sees the cookie itself. No cookie binds to nothing: its hash matches no ceremony. */
export function hashBinding(binding: string | null): string {
  return hash('sha256', binding ?? '', 'base64url');
}
