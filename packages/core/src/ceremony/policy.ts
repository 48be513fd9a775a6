/** Verified facts in, decision out. Pure: a rule is one line here, and nothing else in core says yes or no to a person. */

import type { Policy } from '../config/config.ts';
import { refuse } from '../errors.ts';
import type {
  ClientReport,
  Enforcement,
  FailedRule,
  ImmediateMediation,
  Reason,
  Requirement,
  SIGN_COUNTS,
  SignInMode,
  UserVerification,
} from '../record/attempt.ts';
import type { AttemptDraft, Flags } from '../record/draft.ts';
import type { Passkey } from '../store/store.ts';

export type Decision =
  | { readonly allow: true }
  | { readonly allow: false; readonly reason: Reason; readonly rule: FailedRule };

const ALLOW: Decision = { allow: true };

/** Lets a decision to allow pass, and throws the refusal of any other. */
export function permit(decision: Decision): void {
  if (!decision.allow) throw refuse(decision.reason, { rule: decision.rule });
}

/** User presence always, user verification where the policy of the challenge required it. WebAuthn §7.1 steps 15 and 16, §7.2 steps 16 and 17. */
export function judgeFlags(
  flags: Pick<Flags, 'userPresent' | 'userVerified'>,
  userVerification: UserVerification,
  presenceRequired = true,
): Decision {
  if (presenceRequired && !flags.userPresent)
    return { allow: false, reason: 'user_presence_missing', rule: 'user_presence' };
  if (userVerification === 'required' && !flags.userVerified) {
    return { allow: false, reason: 'user_verification_missing', rule: 'user_verification' };
  }
  return ALLOW;
}

/** How a reported counter compares with the stored one. */
export type SignCountComparison = (typeof SIGN_COUNTS)[number];

/** How a counter compares with the stored one. Synced passkeys report zero, also after one that counted was moved. WebAuthn §6.1.1, §7.2 step 22. */
export function compareSignCount(
  stored: number,
  { signCount, flags }: { readonly signCount: number; readonly flags: Flags },
): SignCountComparison {
  if (stored === 0 && signCount === 0) return 'zero';
  if (signCount > stored) return 'advanced';
  return signCount === 0 && flags.backupEligible ? 'reset' : 'regressed';
}

export function judgeSignCount(comparison: SignCountComparison, rule: Policy['signCount']): Decision {
  if (comparison !== 'regressed' || rule === 'observe') return ALLOW;
  return { allow: false, reason: 'sign_count_regressed', rule: 'sign_count' };
}

/** Whether a passkey may be synced is its manager's to say, at each use anew. WebAuthn §6.1.3, §7.2 step 19. */
export function judgeBackupEligibility(changed: boolean, rule: Policy['backupEligibility']): Decision {
  if (!changed || rule === 'follow') return ALLOW;
  return { allow: false, reason: 'backup_state_invalid', rule: 'backup_eligibility' };
}

/** Whoever signs in by passkey must have shown a first factor, where the policy wants one. */
export function judgeFirstFactor(identified: boolean, rule: Policy['firstFactor']): Decision {
  if (identified || rule === 'none') return ALLOW;
  return { allow: false, reason: 'first_factor_missing', rule: 'first_factor' };
}

/** A passkey is added without asking only for a person who has just signed in. */
export function judgeRecentSignIn(recent: boolean): Decision {
  return recent ? ALLOW : { allow: false, reason: 'policy_denied', rule: 'recent_sign_in' };
}

/** A passkey that can be copied to other devices will not do where one bound to its device is required. */
export function judgeDevice(backupEligible: boolean, requirements: readonly Requirement[]): Decision {
  if (!backupEligible || !requirements.includes('device_bound')) return ALLOW;
  return { allow: false, reason: 'policy_denied', rule: 'device_bound' };
}

/** Where attestation is required, only one that was verified and is accepted counts. */
export function judgeAttestation(accepted: boolean, requirements: readonly Requirement[]): Decision {
  if (accepted || !requirements.includes('attestation')) return ALLOW;
  return { allow: false, reason: 'attestation_refused', rule: 'attestation' };
}

/** Whether a passkey was registered with an attestation, and is of a model that the policy here accepts. The statement itself is not kept. */
export function isAttested(
  { attested, aaguid }: Pick<Passkey, 'attested' | 'aaguid'>,
  { attestation }: Policy,
): boolean {
  return attested && (attestation?.acceptsModel(aaguid) ?? true);
}

/** Only `require` turns a sign-in away that was not enforced; `report` and `prefer` record it and let the person in. */
export function judgeEnforcement(policy: ImmediateMediation, enforcement: Enforcement, report: ClientReport): Decision {
  if (policy !== 'require' || enforcement === 'enforced') return ALLOW;
  const reason: Reason = report === 'not_used' ? 'immediate_contradicted' : 'immediate_not_reported';
  return { allow: false, reason, rule: 'immediate_mediation' };
}

/**
 * Whether somebody who signed in with a passkey of another device is to be told to add one here. Not where a passkey of this device
 * would be refused.
 */
export function suggests(
  { backupEligible, transports }: Pick<Passkey, 'backupEligible' | 'transports'>,
  { attachment, policy, count }: { attachment: AttemptDraft['attachment']; policy: Policy; count: number },
): 'add_here' | null {
  // A security key is used at many devices, and is meant to be.
  const isOtherDevice = attachment === 'cross-platform' && (backupEligible === true || transports.includes('hybrid'));
  return isOtherDevice && !refusesMost(policy) && count < policy.maxPasskeys ? 'add_here' : null;
}

/** Whether most passkeys would be refused: most are synced, and few attest. */
export function refusesMost({ requirements }: Policy): boolean {
  return requirements.some((rule) => rule === 'device_bound' || rule === 'attestation');
}

/** The modes this policy lets a sign-in ask for. */
export function allowedModes(policy: Policy): readonly SignInMode[] {
  return policy.immediateMediation === 'off' ? policy.fallback : ['immediate', ...policy.fallback];
}

/** The mode for a request that names none: the quickest that this browser can do. */
export function defaultMode(policy: Policy, immediateGet: boolean | null): SignInMode {
  const allowed = allowedModes(policy);
  const order: readonly SignInMode[] =
    immediateGet === false ? ['modal', 'conditional', 'immediate'] : ['immediate', 'modal', 'conditional'];
  return order.find((mode) => allowed.includes(mode))!;
}

/** What a challenge was issued under: the part of a policy that the answer is judged by. */
export interface IssuedPolicy {
  readonly immediateMediation: ImmediateMediation;
  readonly userVerification: UserVerification;
  readonly requirements: readonly Requirement[];
}

/** The stricter of two policies, rule by rule: that of the challenge, and that of the place where it is answered. */
export function stricter(issued: IssuedPolicy, present: IssuedPolicy): IssuedPolicy {
  const verification = [issued.userVerification, present.userVerification];
  return {
    immediateMediation: present.immediateMediation === 'require' ? 'require' : issued.immediateMediation,
    userVerification: STRICTNESS.find((rule) => verification.includes(rule))!,
    requirements: [...new Set([...issued.requirements, ...present.requirements])],
  };
}

/** The strictest first. */
const STRICTNESS: readonly UserVerification[] = ['required', 'preferred', 'discouraged'];
