/**
 * The state of a ceremony between its options and its end: opened once, taken once. The store sees it as opaque text;
 * what must match for a take (purpose, browser binding, user) travels beside it.
 */

import { hash } from 'node:crypto';
import type { Policy } from '../config/config.ts';
import { refuse } from '../errors.ts';
import { random } from '../random.ts';
import type { Occasion, Purpose, SignInMode, UserVerification } from '../record/attempt.ts';
import type { SpanPlace } from '../record/draft.ts';
import { newId } from '../record/id.ts';
import { activeSpan, countChallenge, markOptionsSpan } from '../signals/telemetry.ts';
import type { PendingCeremony, TakeCondition } from '../store/store.ts';
import type { ClientData } from '../webauthn/read.ts';
import type { RequestContext } from './context.ts';
import { allowedModes, type IssuedPolicy, stricter } from './policy.ts';
import type { ReliableStore } from './reliable-store.ts';

/** What a ceremony is opened with, beyond what follows from the request. Bytes as base64url. */
export interface CeremonyInput {
  readonly mode: SignInMode | null;
  /** Left out: as the policy says. */
  readonly userVerification?: UserVerification;
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
  /** Registration: how it came about. */
  readonly occasion?: Occasion;
  /** Registration: automatic upgrade, where user presence may be absent. WebAuthn §5.1.3. */
  readonly conditional?: true;
  /** Registration: when the person had last used a passkey or given a password, where that had to be recent. */
  readonly confirmedAt?: number;
  /** Registration: the invitation that it was opened with. No other will do at its verify, and none where there was none. */
  readonly invitationId?: string;
}

/** What a ceremony must remember. Times in milliseconds, bytes as base64url. */
export interface Ceremony extends CeremonyInput, IssuedPolicy {
  readonly rpId: string;
  /** The origins that client data might be signed with at the place that issued the challenge. */
  readonly origins: readonly string[];
  readonly challenge: string;
  readonly issuedAt: number;
  readonly ttlMs: number;
  readonly userVerification: UserVerification;
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly optionsSpan: SpanPlace | null;
}

/** The challenge as the options carry it. */
export interface IssuedChallenge {
  readonly attemptId: string;
  readonly challenge: string;
  /** For `publicKey.timeout`: shorter than the life, so that the browser's own time-out still reports in time. */
  readonly timeout: number;
  readonly expiresAt: number;
}

/** Issues a challenge and keeps its ceremony. One round trip. */
export async function openCeremony(
  context: RequestContext,
  store: ReliableStore,
  who: { purpose: Purpose; binding: string; userId: string | null; prefetch?: boolean },
  input: CeremonyInput,
): Promise<IssuedChallenge> {
  const { policy } = context.config;
  const { draft } = context;
  const ceremony: Ceremony = {
    rpId: context.config.rp.id,
    origins: [...context.config.signedOrigins],
    challenge: random(32, 'base64url'),
    issuedAt: context.receivedAt,
    ttlMs: policy.challengeTtlMs,
    immediateMediation: policy.immediateMediation,
    userVerification: policy.userVerification,
    requirements: policy.requirements,
    ...input,
    address: draft.address,
    userAgent: draft.userAgent?.slice(0, 256) ?? null,
    optionsSpan: activeSpan(),
  };
  const { attemptId } = draft;
  const expiresAt = ceremony.issuedAt + ceremony.ttlMs;
  adoptCeremony(draft, attemptId, ceremony);
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
    draft.attemptId = newId(context.config.now());
    draft.relatedId = attemptId;
    draft.challenged = false;
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
  context: RequestContext,
  store: ReliableStore,
  attemptId: string,
  purpose: Purpose,
  userId: string | null,
): Promise<Ceremony> {
  const { draft } = context;
  draft.stage = 'challenge';
  draft.entry = 'verify_only';
  draft.relatedId = attemptId;
  const now = context.config.now();
  const expected: TakeCondition = { attemptId, purpose, userId, binding: hashBinding(context.binding), now };
  const take = await store.challenges.take(expected);
  draft.challengeStatus = take.status;
  if (take.status === 'fresh') {
    const issued = parse(take.ceremony);
    const ceremony = judgedHere(issued, context.config.policy);
    adoptCeremony(draft, attemptId, ceremony);
    // Tenants share the store, not their challenges.
    if (ceremony.rpId !== context.config.rp.id) throw refuse('challenge_mismatch');
    if (!isPossibleHere(ceremony, purpose, context.config.policy)) throw refuse('challenge_mismatch');
    if (purpose === 'sign_in') countChallenge('taken');
    return ceremony;
  }
  if (take.status === 'mismatch') {
    throw refuse(take.member === 'purpose' ? 'challenge_mismatch' : 'challenge_session_mismatch');
  }
  throw refuse(`challenge_${take.status}`);
}

/** A challenge is judged by the place it is answered at as well: of each rule, by the stricter one. */
function judgedHere(ceremony: Ceremony, present: Policy): Ceremony {
  const judged = { ...ceremony, ...stricter(ceremony, present) };
  // A silent upgrade was issued without user verification, which this policy allows or not: see isPossibleHere.
  return ceremony.conditional ? { ...judged, userVerification: ceremony.userVerification } : judged;
}

/** Whether this place could have issued such a challenge. */
function isPossibleHere({ mode, conditional }: Ceremony, purpose: Purpose, present: Policy): boolean {
  if (purpose === 'sign_in') return mode !== null && allowedModes(present).includes(mode);
  return !conditional || present.conditionalCreate;
}

/** Takes the ceremony of an attempt that ended in the page, whatever it was for. Nothing when it is not there to be taken. */
export async function takeReported(
  context: RequestContext,
  store: ReliableStore,
  attemptId: string,
): Promise<{ purpose: Purpose; ceremony: Ceremony } | undefined> {
  if (context.binding === null) return undefined;
  const take = await store.challenges.take({
    attemptId,
    binding: hashBinding(context.binding),
    now: context.config.now(),
  });
  if (take.status !== 'fresh') return undefined;
  context.draft.challengeStatus = 'fresh';
  const ceremony = parse(take.ceremony);
  adoptCeremony(context.draft, attemptId, ceremony);
  return { purpose: take.ceremony.purpose, ceremony };
}

export function parse(pending: PendingCeremony): Ceremony {
  return JSON.parse(pending.state) as Ceremony;
}

/** From here on the attempt is this ceremony's. */
export function adoptCeremony(draft: RequestContext['draft'], attemptId: string, ceremony: Ceremony): void {
  draft.attemptId = attemptId;
  draft.relatedId = ceremony.invitationId ?? null;
  draft.entry = 'options';
  draft.mode = ceremony.mode;
  draft.action = ceremony.action ?? null;
  draft.occasion = ceremony.occasion ?? null;
  draft.startedAt = ceremony.issuedAt;
  draft.challenged = true;
  draft.challengeTtlMs = ceremony.ttlMs;
  draft.immediateMediation = ceremony.immediateMediation;
  draft.userVerification = ceremony.userVerification;
  draft.requirements = ceremony.requirements;
  draft.optionsSpan = ceremony.optionsSpan;
}

/** The answer is to this ceremony, from an origin of ours, in a page of its own. WebAuthn §7.1 steps 7 to 11, §7.2 steps 10 to 14. */
export function checkClientData(
  context: RequestContext,
  ceremony: Ceremony,
  clientData: ClientData,
  type: 'webauthn.create' | 'webauthn.get',
): void {
  const { draft, config } = context;
  draft.crossOrigin = clientData.crossOrigin || clientData.topOrigin !== null;
  if (clientData.type !== type) throw refuse('type_mismatch');
  if (clientData.challenge !== ceremony.challenge) {
    draft.challengeStatus = 'mismatch';
    throw refuse('challenge_mismatch');
  }
  // In the record of a refusal it says whose page people were lured to.
  draft.origin = clientData.origin;
  const isOurs = config.signedOrigins.has(clientData.origin) && ceremony.origins.includes(clientData.origin);
  if (!isOurs) throw refuse('origin_mismatch');
  if (draft.crossOrigin) throw refuse('cross_origin_denied');
}

/** The store never sees the cookie itself. A request without the cookie gets a hash that matches no ceremony. */
export function hashBinding(binding: string | null): string {
  return hash('sha256', binding ?? '', 'base64url');
}
