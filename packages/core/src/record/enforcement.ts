/** Was immediate mediation enforced? What the page reported, what was verified, and the decision. Pure. */

import type { ClientReport, Enforcement, ImmediateMediation, Reason, Unmet } from './attempt.ts';

/** What the page says, from a body's `client`. Never refused: a bad one is `invalid`. */
export function readClientReport(client: unknown): { report: ClientReport; immediateGet: boolean | null } {
  if (client === undefined) return { report: 'absent', immediateGet: null };
  const said = typeof client === 'object' && client !== null && !Array.isArray(client) ? client : undefined;
  if (said === undefined) return { report: 'invalid', immediateGet: null };
  const uiMode = Object.hasOwn(said, 'uiMode') ? (said as { uiMode: unknown }).uiMode : undefined;
  const immediateGet = Object.hasOwn(said, 'immediateGet')
    ? (said as { immediateGet: unknown }).immediateGet
    : undefined;
  const capable = typeof immediateGet === 'boolean' ? immediateGet : null;
  if (immediateGet !== undefined && capable === null) return { report: 'invalid', immediateGet: null };
  if (uiMode === 'immediate') return { report: capable === false ? 'invalid' : 'used', immediateGet: capable };
  if (uiMode === 'none') return { report: capable === false ? 'unsupported' : 'not_used', immediateGet: capable };
  return { report: 'invalid', immediateGet: capable };
}

/** The reason of a ceremony that ended in the page, by the DOMException's name and nothing else. */
export function reasonOfErrorName(errorName: string): Reason {
  const reasons: Record<string, Reason> = {
    NotAllowedError: 'client_not_allowed',
    AbortError: 'client_aborted',
    TimeoutError: 'client_aborted',
    SecurityError: 'client_security_error',
    NotSupportedError: 'client_unsupported',
    InvalidStateError: 'client_invalid_state',
    OperationError: 'client_busy',
    // Not a browser's: the name by which @latchkey/browser reports an answer that it cannot read.
    UnreadableCredential: 'client_unreadable',
  };
  return Object.hasOwn(reasons, errorName) ? reasons[errorName]! : 'client_other';
}

/** The decision, and what was missing where it is `not_enforced`. */
export interface EnforcementDecision {
  readonly enforcement: Enforcement;
  readonly unmet: readonly Unmet[];
}

/** What is known when it is asked whether immediate mediation was enforced. */
export interface EnforcementFacts {
  readonly policy: ImmediateMediation;
  readonly signIn: boolean;
  readonly signatureValid: boolean;
  readonly requested: boolean;
  readonly requestConformant: boolean;
  readonly clientReport: ClientReport;
  readonly userPresent: boolean | null;
  readonly userVerified: boolean | null;
  readonly userVerificationRequired: boolean;
}

/**
 * Was immediate mediation enforced? `enforced` means: this server asked for Immediate UI mode with a single-use
 * challenge, verified the signature, user presence and (if required) user verification itself, and the page reported
 * that it used the mode. It never means that the mode was proved.
 */
export function decideEnforcement(facts: EnforcementFacts): EnforcementDecision {
  if (facts.policy === 'off' || !facts.signIn) return { enforcement: 'not_applicable', unmet: [] };
  if (!facts.signatureValid) return { enforcement: 'not_evaluated', unmet: [] };
  const unmet: Unmet[] = [];
  if (!facts.requested) unmet.push('ui_mode_requested');
  if (!facts.requestConformant) unmet.push('ui_mode_conformant');
  if (facts.requested && facts.clientReport === 'not_used') unmet.push('ui_mode_consistent');
  else if (facts.clientReport !== 'used') unmet.push('ui_mode_reported');
  if (facts.userPresent !== true) unmet.push('user_present');
  if (facts.userVerificationRequired && facts.userVerified !== true) unmet.push('user_verified');
  return { enforcement: unmet.length === 0 ? 'enforced' : 'not_enforced', unmet };
}
