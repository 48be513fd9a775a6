/**
 * What is recorded and what rings, as Prometheus rules. Every alert has a section of its name in docs/monitoring.md that says
 * what to do. The windows suit a site with a few sign-ins a minute or more; the thresholds are the numbers in `LIMITS`.
 */
import type { Reason } from '@latchkey/core';
import { stringify } from 'yaml';
import { grown, LABELS, metricsWhere, ofAnyCeremony, type PromQL, quantile, rate, share, sumBy } from './queries.ts';

export interface RecordingRule {
  readonly record: string;
  readonly expr: PromQL;
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: PromQL;
  readonly for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (RecordingRule | AlertRule)[];
}

/** From where an alert rings. */
export const LIMITS = {
  failureShare: 0.3,
  failures: 20,
  /** A double click, or a page that sends again, makes one or two. */
  replays: 3,
  policyShare: 0.05,
  policyRefusals: 10,
  /** Of registrations, and of step-ups. */
  ceremonyShare: 0.3,
  ceremonies: 10,
  unknownPasskeys: 20,
  passkeyChanges: 20,
  sessionEndings: 50,
  backupEligibilityChanges: 5,
  /** So many times as many as the day before had on average. */
  wave: 5,
  /** Of the last day's own share. */
  enforcedShareDrop: 0.7,
  signIns: 20,
  invalidSignatures: 5,
  errorShare: 0.02,
  errors: 5,
  attemptsADayAgo: 20,
  abandonedShare: 0.4,
  abandoned: 20,
  rateLimited: 100,
  serverSeconds: 1,
} as const;

/** A path in this repository. `generate --runbooks <address>` writes where you keep the page. */
export const RUNBOOKS = 'docs/monitoring.md';
const JOB = ['job'];
const ENFORCED_SHARE = 'job:latchkey_signin_enforced:ratio_rate1h';

/** What a rule calls a length of time: minutes, of sixty seconds unless somebody is in a hurry. */
export type Minutes = (count: number) => string;

const MINUTES: Minutes = (count) => (count % 60 === 0 ? `${count / 60}h` : `${count}m`);
/** Sixty times as fast, to see in minutes what takes hours. */
export const SECONDS_FOR_MINUTES: Minutes = (count) => `${count}s`;

/** Refusals of people whose passkey proved everything that it can: the policy, or the application's own rule, says no. */
export const POLICY_REASONS = [
  'immediate_not_requested',
  'immediate_not_reported',
  'immediate_contradicted',
  'first_factor_missing',
  'policy_denied',
  'user_policy',
] as const satisfies readonly Reason[];

/** @param runbooks where the sections are that say what to do: the address of a page. */
export function ruleGroups(minutes: Minutes = MINUTES, runbooks = RUNBOOKS): RuleGroup[] {
  const alert = alertsOf(runbooks);
  const m = metricsWhere();
  const failed = m.refused();
  const decided = m.decided();
  const byPolicy = m.attempts({ outcome: 'failure', reason: POLICY_REASONS });
  const signedIn = m.attempts({ outcome: 'success', enforcement: ['enforced', 'not_enforced'] });
  const enforced = m.attempts({ outcome: 'success', enforcement: 'enforced' });
  const errors = m.attempts({ outcome: 'error' });
  const abandoned = m.attempts({ outcome: 'abandoned' });
  const rateOf = (selector: PromQL, count: number) => sumBy(JOB, rate(selector, minutes(count)));
  const countOf = (selector: PromQL, count: number) => sumBy(JOB, grown(selector, minutes(count)));
  /** More than `limit` in `count` minutes, and far more than a day has on average in as many. */
  const waveOf = (selector: PromQL, count: number, limit: number, ...labels: readonly string[]) => {
    const grew = (window: number) => sumBy(['job', ...labels], grown(selector, minutes(window)));
    return `${grew(count)} > ${limit}\nand\n${grew(count)} > ${LIMITS.wave} * ${grew(1_440)} / ${1_440 / count}`;
  };
  const failing = (ceremony: 'registration' | 'step_up') => {
    const wrong = m.attempts({ outcome: ['failure', 'error'], reason: { not: 'rate_limited' } }, ceremony);
    const ended = m.attempts({ outcome: ['success', 'failure', 'error'], reason: { not: 'rate_limited' } }, ceremony);
    return `${shareOf(wrong, ended, 30)} > ${LIMITS.ceremonyShare}\nand\n${countOf(wrong, 30)} > ${LIMITS.ceremonies}`;
  };
  const shareOf = (part: PromQL, whole: PromQL, count: number) => share(rateOf(part, count), rateOf(whole, count));

  return [
    {
      name: 'latchkey_recorded',
      rules: [
        record(
          'job_outcome:latchkey_signin_attempts:rate5m',
          sumBy(['job', LABELS.outcome], rate(m.attempts(), minutes(5))),
        ),
        record(
          'job_reason:latchkey_signin_attempts:rate5m',
          sumBy(['job', LABELS.reason], rate(m.attempts(), minutes(5))),
        ),
        record(ENFORCED_SHARE, shareOf(enforced, signedIn, 60)),
        record('job:latchkey_signin_ceremony_seconds:p95_5m', quantile(0.95, m.ceremonyTime, minutes(5), JOB)),
        record('job:latchkey_signin_server_seconds:p99_5m', quantile(0.99, m.serverTime, minutes(5), JOB)),
      ],
    },
    {
      name: 'latchkey_attacks',
      rules: [
        alert('LatchkeyReplaySeen', 'warning', {
          expr: ofAnyCeremony(
            (ceremony) => `${countOf(m.attempts({ reason: 'challenge_consumed' }, ceremony), 15)} > ${LIMITS.replays}`,
          ),
          summary: 'Answers are sent a second time to {{ $labels.job }}.',
          description:
            'Answers to a challenge that was used already, in 15 minutes: {{ $value | printf "%.0f" }}. All were refused.',
        }),
        alert('LatchkeyCounterRegressed', 'critical', {
          expr: `${countOf(m.assertions({ signCount: 'regressed' }), 15)} > 0`,
          summary: 'A passkey of {{ $labels.job }} may have been copied.',
          description:
            'Validly signed answers in 15 minutes whose counter did not go up: {{ $value | printf "%.0f" }}. Unless policy.signCount says otherwise, these sign-ins were let in.',
        }),
        alert('LatchkeySignatureInvalid', 'warning', {
          expr: `${countOf(m.attempts({ reason: 'signature_invalid' }), 10)} > ${LIMITS.invalidSignatures}`,
          summary: 'Somebody sends {{ $labels.job }} signatures that are wrong.',
          description: 'Invalid signatures in 10 minutes: {{ $value | printf "%.0f" }}. All were refused.',
        }),
        alert('LatchkeyUnknownPasskeys', 'warning', {
          expr: waveOf(m.attempts({ reason: 'credential_unknown' }), 10, LIMITS.unknownPasskeys),
          summary: 'Many passkeys that {{ $labels.job }} does not know.',
          description:
            'Sign-ins with an unknown passkey in 10 minutes: {{ $value | printf "%.0f" }}, far more than in the day before. All were refused.',
        }),
        alert('LatchkeyPasskeyChanges', 'warning', {
          expr: waveOf(m.passkeyChanges({ change: { not: 'renamed' } }), 60, LIMITS.passkeyChanges, LABELS.change),
          summary: `Many passkeys of {{ $labels.job }} were {{ $labels.${LABELS.change} }}.`,
          description: 'In an hour: {{ $value | printf "%.0f" }}, far more than in the day before.',
        }),
        alert('LatchkeySessionEndings', 'warning', {
          expr: waveOf(
            m.sessionEndings({ because: { not: ['signed_out', 'replaced'] } }),
            60,
            LIMITS.sessionEndings,
            LABELS.because,
          ),
          summary: `Many sessions of {{ $labels.job }} ended: {{ $labels.${LABELS.because} }}.`,
          description: 'In an hour: {{ $value | printf "%.0f" }}, far more than in the day before.',
        }),
        alert('LatchkeyBackupEligibilityChanged', 'warning', {
          expr: `${countOf(m.assertions({ backupEligibleChanged: 'true' }), 60)} > ${LIMITS.backupEligibilityChanges}`,
          summary: 'Passkeys of {{ $labels.job }} say something else now about whether they may be synced.',
          description: 'Validly signed answers of an hour: {{ $value | printf "%.0f" }}.',
        }),
        alert('LatchkeyRateLimited', 'warning', {
          expr: `${countOf(m.attempts({ reason: 'rate_limited' }), 10)} > ${LIMITS.rateLimited}`,
          summary: 'Somebody asks {{ $labels.job }} too often.',
          description: 'Requests over a rate limit in 10 minutes: {{ $value | printf "%.0f" }}. All were refused.',
        }),
      ],
    },
    {
      name: 'latchkey_people',
      rules: [
        alert('LatchkeyFailureSpike', 'warning', {
          expr: `${shareOf(failed, decided, 10)} > ${LIMITS.failureShare}\nand\n${countOf(failed, 10)} > ${LIMITS.failures}`,
          for: minutes(5),
          summary: 'Many sign-ins to {{ $labels.job }} are refused.',
          description:
            '{{ $value | humanizePercentage }} of the sign-ins that were decided in 10 minutes were refused.',
        }),
        alert('LatchkeyPolicyRefusals', 'warning', {
          expr: `${shareOf(byPolicy, decided, 30)} > ${LIMITS.policyShare}\nand\n${countOf(byPolicy, 30)} > ${LIMITS.policyRefusals}`,
          for: minutes(10),
          summary: 'The policy of {{ $labels.job }} shuts people out.',
          description:
            '{{ $value | humanizePercentage }} of the sign-ins that were decided in 30 minutes were refused by policy.',
        }),
        alert('LatchkeyRegistrationsFailing', 'warning', {
          expr: failing('registration'),
          for: minutes(10),
          summary: 'Many people cannot add a passkey to {{ $labels.job }}.',
          description: '{{ $value | humanizePercentage }} of the registrations of 30 minutes failed.',
        }),
        alert('LatchkeyStepUpsFailing', 'warning', {
          expr: failing('step_up'),
          for: minutes(10),
          summary: 'Many people cannot confirm with their passkey at {{ $labels.job }}.',
          description: '{{ $value | humanizePercentage }} of the step-ups of 30 minutes failed.',
        }),
        alert('LatchkeyEnforcementDropped', 'warning', {
          expr: `${ENFORCED_SHARE} < ${LIMITS.enforcedShareDrop} * avg_over_time(${ENFORCED_SHARE}[${minutes(1440)}] offset ${minutes(60)})\nand\n${countOf(signedIn, 60)} > ${LIMITS.signIns}`,
          for: minutes(15),
          summary: 'Immediate UI mode is enforced less often than usual in {{ $labels.job }}.',
          description:
            '{{ $value | humanizePercentage }} of the sign-ins of an hour were enforced: far fewer than in the day before.',
        }),
        alert('LatchkeyAbandoned', 'warning', {
          expr: `${shareOf(abandoned, m.attempts(), 30)} > ${LIMITS.abandonedShare}\nand\n${countOf(abandoned, 30)} > ${LIMITS.abandoned}`,
          for: minutes(15),
          summary: 'Many sign-ins to {{ $labels.job }} are never answered.',
          description:
            '{{ $value | humanizePercentage }} of the attempts that ended in 30 minutes had no answer before expiry.',
        }),
        alert('LatchkeyNoAttempts', 'critical', {
          expr: `${sumBy(JOB, `increase(${m.attempts()}[${minutes(30)}] offset ${minutes(1440)})`)} > ${LIMITS.attemptsADayAgo}\nunless\n${countOf(m.attempts(), 30)} > 0`,
          for: minutes(5),
          summary: 'Nobody tries to sign in to {{ $labels.job }}.',
          description:
            'No attempt for 30 minutes; a day ago there were {{ $value | printf "%.0f" }} in the same 30 minutes.',
        }),
      ],
    },
    {
      name: 'latchkey_faults',
      rules: [
        alert('LatchkeyTargetDown', 'critical', {
          expr: `up == 0\nand on (job, instance)\nlast_over_time(${m.challenges()}[${minutes(10_080)}])`,
          for: minutes(5),
          summary: 'Prometheus does not reach {{ $labels.instance }} of {{ $labels.job }}.',
          description: 'No metrics for 5 minutes from an application that issued challenges in the last 7 days.',
        }),
        alert('LatchkeyStoreUnavailable', 'critical', {
          expr: ofAnyCeremony((ceremony) => `${countOf(m.attempts({ reason: 'store_unavailable' }, ceremony), 5)} > 0`),
          for: minutes(1),
          summary: 'The store of {{ $labels.job }} does not answer.',
          description:
            'Requests of 5 minutes that were answered 503, because a store or a rate limiter failed: {{ $value | printf "%.0f" }}.',
        }),
        alert('LatchkeyErrors', 'critical', {
          expr: `${shareOf(errors, m.attempts(), 5)} > ${LIMITS.errorShare}\nand\n${countOf(errors, 5)} > ${LIMITS.errors}`,
          for: minutes(5),
          summary: 'Sign-ins to {{ $labels.job }} fail through our own fault.',
          description: '{{ $value | humanizePercentage }} of the attempts of 5 minutes ended in an error.',
        }),
        alert('LatchkeyAuditRecordsFailing', 'critical', {
          expr: `${sumBy(['job', LABELS.sink], grown(m.auditRecords({ audit: 'failed' }), minutes(10)))} > 0`,
          summary: `Records of {{ $labels.job }} do not reach the sink "{{ $labels.${LABELS.sink} }}".`,
          description: 'Records that were not written, in 10 minutes: {{ $value | printf "%.0f" }}.',
        }),
        alert('LatchkeyServerSlow', 'warning', {
          expr: `${quantile(0.99, m.serverTime, minutes(10), JOB)} > ${LIMITS.serverSeconds}`,
          for: minutes(10),
          summary: 'The server of {{ $labels.job }} is slow.',
          description:
            'One sign-in in a hundred waits longer than {{ $value | humanizeDuration }} for the server alone.',
        }),
      ],
    },
  ];
}

/** As Prometheus reads it. */
export function rulesFile(groups: readonly RuleGroup[]): string {
  const made = '# Latchkey: what is recorded and what rings. Written by generate.ts from rules.ts.\n';
  return made + stringify({ groups }, { lineWidth: 0 });
}

function record(name: string, expr: PromQL): RecordingRule {
  return { record: name, expr };
}

function alertsOf(runbooks: string) {
  return (
    name: string,
    severity: AlertRule['labels']['severity'],
    { summary, description, ...rule }: Pick<AlertRule, 'expr' | 'for'> & { summary: string; description: string },
  ): AlertRule => {
    const annotations = { summary, description, runbook_url: `${runbooks}#${name.toLowerCase()}` };
    return { alert: name, ...rule, labels: { severity }, annotations };
  };
}
