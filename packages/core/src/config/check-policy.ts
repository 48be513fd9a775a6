/** The checks of `policy`, and its defaults. */

import { milliseconds } from '../duration.ts';
import { ALGORITHMS, type CoseAlgorithmName, type OfferOptions, type PolicyOptions } from '../options.ts';
import { IMMEDIATE_MEDIATION, type Requirement, USER_VERIFICATION } from '../record/attempt.ts';
import { isMlDsaAvailable } from '../webauthn/signature.ts';
import { checkAttestation } from './attestation.ts';
import type { AppConfig, Policy } from './config.ts';
import { between, demand, oneOf } from './demand.ts';

const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as readonly CoseAlgorithmName[];

export function checkPolicy(policy: PolicyOptions, shared: AppConfig): Policy {
  const immediateMediation = oneOf(
    'policy.immediateMediation',
    policy.immediateMediation ?? 'prefer',
    IMMEDIATE_MEDIATION,
  );
  const fallback = policy.fallback ?? ['conditional', 'modal'];
  demand(Array.isArray(fallback), 'policy.fallback', fallback, "Write a list of 'conditional' and 'modal'.");
  for (const mode of fallback) oneOf('policy.fallback', mode, ['conditional', 'modal']);
  demand(
    immediateMediation !== 'off' || fallback.length > 0,
    'policy.fallback',
    fallback,
    "With immediateMediation 'off' somebody must be able to sign in: list 'conditional' or 'modal'.",
  );
  const algorithms: readonly CoseAlgorithmName[] = policy.algorithms ?? ['ES256', 'EdDSA', 'RS256'];
  demand(
    Array.isArray(algorithms) && algorithms.length > 0,
    'policy.algorithms',
    algorithms,
    `List some of ${ALGORITHM_NAMES.join(', ')}.`,
  );
  demand(
    policy.firstFactor !== 'identified' || shared.accounts.identifies,
    'users.identify',
    undefined,
    "policy.firstFactor 'identified' needs it: write a function that says who the application's own sign-in found.",
  );
  const maxPasskeys = policy.maxPasskeys ?? 20;
  demand(
    Number.isInteger(maxPasskeys) && maxPasskeys >= 1 && maxPasskeys <= 64,
    'policy.maxPasskeys',
    maxPasskeys,
    'Write a whole number from 1 to 64: browsers take no longer list.',
  );
  return Object.freeze({
    immediateMediation,
    userVerification: oneOf('policy.userVerification', policy.userVerification ?? 'required', USER_VERIFICATION),
    fallback: immediateMediation === 'require' ? [] : [...fallback],
    firstFactor: oneOf('policy.firstFactor', policy.firstFactor ?? 'none', ['none', 'identified'] as const),
    challengeTtlMs: between('policy.challengeTtl', policy.challengeTtl ?? '2m', 1_000, 600_000),
    recentSignInMs: milliseconds('policy.recentSignIn', policy.recentSignIn ?? '10m'),
    signCount: oneOf('policy.signCount', policy.signCount ?? 'observe', ['observe', 'refuse', 'disable'] as const),
    backupEligibility: oneOf('policy.backupEligibility', policy.backupEligibility ?? 'follow', [
      'follow',
      'refuse',
    ] as const),
    algorithms: algorithms.map(checkAlgorithm),
    conditionalCreate: policy.conditionalCreate ?? false,
    invitations: oneOf('policy.invitations', policy.invitations ?? 'register', ['register', 'sign_in'] as const),
    offers: checkOffers(policy.offers ?? {}, shared),
    ...checkAssurance(policy),
    attestation: checkAttestation(policy.attestation, shared),
    maxPasskeys,
  });
}

function checkAlgorithm(name: CoseAlgorithmName): number {
  const number = ALGORITHMS[oneOf('policy.algorithms', name, ALGORITHM_NAMES)];
  demand(
    !name.startsWith('ML-DSA') || isMlDsaAvailable(),
    'policy.algorithms',
    name,
    `This runtime (Node.js ${process.versions.node}) cannot verify it: use Node.js 24.7 or newer, or leave it out.`,
  );
  return number;
}

function checkOffers(offers: false | OfferOptions, { identityKey }: AppConfig): Policy['offers'] {
  if (offers === false) return null;
  const { share = 100, again = '30d' } = offers;
  demand(
    typeof share === 'number' && share >= 0 && share <= 100,
    'policy.offers.share',
    share,
    'Write how many of a hundred people: a number from 0 to 100.',
  );
  demand(
    share === 0 || share === 100 || !identityKey.isEphemeral,
    'audit.identityKey',
    undefined,
    'policy.offers.share needs it, so that the same people are chosen on every node and after a restart: hand in at least 32 random characters from your secret store.',
  );
  return { share: share / 100, againMs: milliseconds('policy.offers.again', again) };
}

const ASSURANCE = {
  aal2: { afterMs: 24 * 3_600_000, idleMs: 3_600_000 },
  aal3: { afterMs: 12 * 3_600_000, idleMs: 15 * 60_000 },
} as const;

/** What goes beyond the defaults, and when to sign in again. */
function checkAssurance(policy: PolicyOptions): Pick<Policy, 'requirements' | 'reauthentication'> {
  const { reauthentication: again, deviceBound = false, attestation = 'none', userVerification = 'required' } = policy;
  const requirements: Requirement[] = deviceBound ? ['device_bound'] : [];
  if (attestation !== 'none') requirements.push('attestation');
  if (again === undefined) return { requirements, reauthentication: null };
  if (typeof again === 'object') {
    const afterMs = milliseconds('policy.reauthentication.after', again.after);
    const idleMs =
      again.idle === undefined ? Number.POSITIVE_INFINITY : milliseconds('policy.reauthentication.idle', again.idle);
    return { requirements: [...requirements, 'reauthentication'], reauthentication: { afterMs, idleMs } };
  }
  oneOf('policy.reauthentication', again, ['aal2', 'aal3']);
  demand(
    userVerification === 'required',
    'policy.userVerification',
    userVerification,
    `policy.reauthentication '${again}' needs 'required'.`,
  );
  demand(
    again !== 'aal3' || deviceBound,
    'policy.deviceBound',
    deviceBound,
    "policy.reauthentication 'aal3' needs true.",
  );
  return { requirements: [...requirements, again], reauthentication: ASSURANCE[again] };
}
