import { describe, expect, test } from 'vitest';
import { CLIENT_REPORTS, IMMEDIATE_MEDIATION } from '../src/index.ts';
import {
  decideEnforcement,
  type EnforcementFacts,
  readClientReport,
  reasonOfErrorName,
} from '../src/record/enforcement.ts';

const met: EnforcementFacts = {
  policy: 'require',
  signIn: true,
  signatureValid: true,
  requested: true,
  requestConformant: true,
  clientReport: 'used',
  userPresent: true,
  userVerified: true,
  userVerificationRequired: true,
};

describe('immediate mediation', () => {
  test('is enforced when everything holds, under every policy but off', () => {
    for (const policy of IMMEDIATE_MEDIATION) {
      expect(decideEnforcement({ ...met, policy }).enforcement).toBe(policy === 'off' ? 'not_applicable' : 'enforced');
    }
  });

  test.each([
    ['not requested', { requested: false }, 'ui_mode_requested'],
    ['not conformant', { requestConformant: false }, 'ui_mode_conformant'],
    ['contradicted by the page', { clientReport: 'not_used' }, 'ui_mode_consistent'],
    ['not reported', { clientReport: 'absent' }, 'ui_mode_reported'],
    ['reported as unsupported', { clientReport: 'unsupported' }, 'ui_mode_reported'],
    ['reported badly', { clientReport: 'invalid' }, 'ui_mode_reported'],
    ['without a person', { userPresent: false }, 'user_present'],
    ['without a known person', { userPresent: null }, 'user_present'],
    ['without verification', { userVerified: false }, 'user_verified'],
  ] as const)('is not enforced when %s', (_why, change, unmet) => {
    expect(decideEnforcement({ ...met, ...change } as EnforcementFacts)).toEqual({
      enforcement: 'not_enforced',
      unmet: [unmet],
    });
  });

  test('does not need verification where policy does not', () => {
    expect(decideEnforcement({ ...met, userVerified: false, userVerificationRequired: false }).enforcement).toBe(
      'enforced',
    );
  });

  test('is not evaluated before the signature is valid, whatever else is claimed', () => {
    for (const clientReport of CLIENT_REPORTS) {
      expect(decideEnforcement({ ...met, signatureValid: false, clientReport }).enforcement).toBe('not_evaluated');
    }
  });

  test('is not applicable to anything but a sign-in', () => {
    expect(decideEnforcement({ ...met, signIn: false }).enforcement).toBe('not_applicable');
  });
});

test('the client report is read leniently and never decides by itself', () => {
  expect(readClientReport(undefined)).toEqual({ report: 'absent', immediateGet: null });
  expect(readClientReport({ uiMode: 'immediate', immediateGet: true })).toEqual({ report: 'used', immediateGet: true });
  expect(readClientReport({ uiMode: 'immediate' })).toEqual({ report: 'used', immediateGet: null });
  expect(readClientReport({ uiMode: 'none', immediateGet: true })).toEqual({ report: 'not_used', immediateGet: true });
  expect(readClientReport({ uiMode: 'none', immediateGet: false })).toEqual({
    report: 'unsupported',
    immediateGet: false,
  });
  expect(readClientReport({ uiMode: 'immediate', immediateGet: false }).report).toBe('invalid');
  expect(readClientReport(JSON.parse('{"__proto__":{"uiMode":"immediate"}}')).report).toBe('invalid');
});

test('a NotAllowedError is never read as a person who cancelled or has no passkey', () => {
  expect(reasonOfErrorName('NotAllowedError')).toBe('client_not_allowed');
  expect(reasonOfErrorName('toString')).toBe('client_other');
  expect(reasonOfErrorName('__proto__')).toBe('client_other');
});
