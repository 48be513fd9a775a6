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
  SignInMode,
  UserVerification,
} from '../record/attempt.ts';
import type { Flags } from '../record/draft.ts';

export type Decision =
  | { readonly allow: true }
  | { readonly allow: false; readonly reason: Reason; readonly rule: FailedRule };

const ALLOW: Decision = { allow: true };

/** Lets a decision to allow pass, and throws the refusal of any other. */
export function permit(decision: Decision): void {
  if (!decision.allow) throw refuse(decision.reason, { rule: decision.rule });
}

/** User presence always, user verification where the policy of the challenge required it. WebAuthn §7.1 steps 15 and 16, §7.2 steps 16 and 17. */
export function judgeFlags(flags: Flags, userVerification: UserVerification, presenceRequired = true): Decision {
  if (presenceRequired && !flags.userPresent)
    return { allow: false, reason: 'user_presence_missing', rule: 'user_presence' };
  if (userVerification === 'required' && !flags.userVerified) {
    return { allow: false, reason: 'user_verification_missing', rule: 'user_verification' };
  }
  return ALLOW;
}

/** How a counter compares with the stored one. Synced passkeys always report zero. WebAuthn §6.1.1, §7.2 step 22. */
export function compareSignCount(stored: number, reported: number): 'zero' | 'advanced' | 'regressed' {
  if (stored === 0 && reported === 0) return 'zero';
  return reported > stored ? 'advanced' : 'regressed';
}

export function judgeSignCount(comparison: 'zero' | 'advanced' | 'regressed', rule: Policy['signCount']): Decision {
  if (comparison !== 'regressed' || rule === 'observe') return ALLOW;
  return { allow: false, reason: 'sign_count_regressed', rule: 'sign_count' };
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

/** Only `require` turns a sign-in away that was not enforced; `report` and `prefer` record it and let the person in. */
export function judgeEnforcement(policy: ImmediateMediation, enforcement: Enforcement, report: ClientReport): Decision {
  if (policy !== 'require' || enforcement === 'enforced') return ALLOW;
  const reason: Reason = report === 'not_used' ? 'immediate_contradicted' : 'immediate_not_reported';
  return { allow: false, reason, rule: 'immediate_mediation' };
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
