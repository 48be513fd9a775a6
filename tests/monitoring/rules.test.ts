/** The committed rules and dashboard: that they are what the typed source makes, and when each alert rings and when not. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { dashboard } from '../../examples/monitoring/dashboard.ts';
import { promtool } from '../../examples/monitoring/prometheus.ts';
import { type AlertRule, type RuleGroup, ruleGroups, rulesFile } from '../../examples/monitoring/rules.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const RULES = read('examples/monitoring/latchkey.rules.yml');
const ALERTS = (parse(RULES).groups as RuleGroup[])
  .flatMap(({ rules }) => rules)
  .filter((rule): rule is AlertRule => 'alert' in rule);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-rules-'));
  writeFileSync(join(folder, 'rules.yml'), RULES);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the committed files', () => {
  const stale = 'is stale: run `pnpm --filter latchkey-example-monitoring generate`';

  it('are what the source makes', () => {
    expect(RULES, `latchkey.rules.yml ${stale}`).toBe(rulesFile(ruleGroups()));
    const made = JSON.parse(JSON.stringify(dashboard()));
    expect(JSON.parse(read('examples/monitoring/latchkey.dashboard.json')), `latchkey.dashboard.json ${stale}`).toEqual(
      made,
    );
  });

  it('have no fault that promtool can see', async () => {
    expect(await promtool(['check', 'rules', 'rules.yml'], folder)).toContain('SUCCESS: 25 rules found');
  });

  it('name a section of docs/monitoring.md for each alert', () => {
    const headings = [...read('docs/monitoring.md').matchAll(/^### (\w+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(ALERTS.map(({ alert }) => alert));
    for (const { alert, annotations } of ALERTS) {
      expect(annotations.runbook_url).toBe(`docs/monitoring.md#${alert.toLowerCase()}`);
    }
  });
});

// --- when alerts ring ---

/** Values of a series, one a minute, in promtool's notation. */
type Series = Readonly<Record<string, string>>;

interface Case {
  readonly alert: string;
  readonly when: string;
  readonly series: Series;
  /** Minutes at which it fires, and at which it does not. */
  readonly fires: readonly number[];
  readonly quiet: readonly number[];
  /** What it says at the first of the minutes at which it fires. */
  readonly says: string;
  /** Labels beside job and severity. */
  readonly labels?: Readonly<Record<string, string>>;
}

const attempts = (outcome: string, labels: Readonly<Record<string, string>> = {}, ceremony = 'signin') =>
  series(`latchkey_${ceremony}_attempts_total`, { latchkey_outcome: outcome, ...labels });
const refused = (reason: string) => attempts('failure', { latchkey_reason: reason });
const success = (enforcement: string) => attempts('success', { latchkey_immediate_enforcement: enforcement });
const error = (reason: string) => attempts('error', { latchkey_reason: reason });
const audit = (result: string) =>
  series('latchkey_audit_records_total', { latchkey_audit_sink: 'file', latchkey_audit_result: result });

function series(name: string, labels: Readonly<Record<string, string>>): string {
  const all = Object.entries({ job: 'shop', instance: 'a', ...labels });
  return `${name}{${all.map(([label, value]) => `${label}="${value}"`).join(',')}}`;
}

/** A histogram of which every minute brings `counts`, bucket by bucket. */
function histogram(name: string, counts: Readonly<Record<string, number>>): Series {
  return Object.fromEntries(
    Object.entries(counts).map(([le, count]) => [
      series(`${name}_bucket`, { latchkey_outcome: 'success', le }),
      `0+${count}x120`,
    ]),
  );
}

const busy = { [success('enforced')]: '0+10x120' };
const slow = { '0.5': 0, '1': 90, '2.5': 100, '+Inf': 100 };
const replays = 'Answers to a challenge that was used already, in 15 minutes: 4. All were refused.';
const changed = (change: string) =>
  series('latchkey_passkey_changes_total', { latchkey_passkey_change: change, latchkey_change_by: 'person' });
const ended = (because: string) =>
  series('latchkey_session_endings_total', { latchkey_session_ended_because: because, latchkey_change_by: 'policy' });
const eligibility = (isChanged: boolean) =>
  series('latchkey_signin_assertions_total', { latchkey_assertion_backup_eligible_changed: String(isChanged) });
const challenges = series('latchkey_signin_challenges_total', { latchkey_challenge_result: 'issued' });

const CASES: readonly Case[] = [
  {
    alert: 'LatchkeyReplaySeen',
    when: 'the first replays ever make a new series',
    series: { ...busy, [refused('challenge_consumed')]: '_x20 4x60' },
    fires: [20, 33],
    quiet: [19, 36],
    says: replays,
  },
  {
    alert: 'LatchkeyReplaySeen',
    when: 'there are four more than there were',
    series: { [refused('challenge_consumed')]: '7x39 11x60' },
    fires: [40, 53],
    quiet: [39, 56],
    says: replays,
  },
  {
    alert: 'LatchkeyReplaySeen',
    when: 'a step-up is replayed',
    series: { [attempts('failure', { latchkey_reason: 'challenge_consumed' }, 'step_up')]: '_x20 4x60' },
    fires: [20],
    quiet: [19],
    says: replays,
  },
  {
    alert: 'LatchkeyReplaySeen',
    when: 'not: three buttons were clicked twice',
    series: { ...busy, [refused('challenge_consumed')]: '_x20 1x3 2x3 3x60' },
    fires: [],
    quiet: [20, 24, 28, 35],
    says: '',
  },
  {
    alert: 'LatchkeyUnknownPasskeys',
    when: 'there are suddenly many',
    series: { ...busy, [refused('credential_unknown')]: '0+0.1x1500 150+5x60' },
    fires: [1510],
    quiet: [100, 1500],
    says: 'Sign-ins with an unknown passkey in 10 minutes: 45, far more than in the day before. All were refused.',
  },
  {
    alert: 'LatchkeyUnknownPasskeys',
    when: 'not: a large site has as many every day',
    series: { [success('enforced')]: '0+100x1600', [refused('credential_unknown')]: '0+5x1600' },
    fires: [],
    quiet: [1500, 1600],
    says: '',
  },
  {
    alert: 'LatchkeyPasskeyChanges',
    when: 'passkeys are removed one after the other',
    series: { ...busy, [changed('removed')]: '0x60 0+1x60' },
    fires: [100],
    quiet: [60, 70],
    says: 'In an hour: 39, far more than in the day before.',
    labels: { latchkey_passkey_change: 'removed' },
  },
  {
    alert: 'LatchkeyPasskeyChanges',
    when: 'not: people sign up as they do every day, and rename their passkeys',
    series: { [changed('added')]: '0+1x1600', [changed('renamed')]: '0x1500 0+5x100' },
    fires: [],
    quiet: [1500, 1600],
    says: '',
  },
  {
    alert: 'LatchkeySessionEndings',
    when: 'the sessions of many end by no sign-out',
    series: { ...busy, [ended('user_disabled')]: '0x60 0+3x60' },
    fires: [100],
    quiet: [60, 70],
    says: 'In an hour: 117, far more than in the day before.',
    labels: { latchkey_session_ended_because: 'user_disabled' },
  },
  {
    alert: 'LatchkeySessionEndings',
    when: 'not: people sign out, and sign in again',
    series: { ...busy, [ended('signed_out')]: '0x60 0+3x60', [ended('replaced')]: '0x60 0+3x60' },
    fires: [],
    quiet: [100, 120],
    says: '',
  },
  {
    alert: 'LatchkeyBackupEligibilityChanged',
    when: 'the passkeys of many change whether they may be synced',
    series: { [eligibility(false)]: '0+10x120', [eligibility(true)]: '_x20 6x120' },
    fires: [20, 78],
    quiet: [19, 81],
    says: 'Validly signed answers of an hour: 6.',
  },
  {
    alert: 'LatchkeyCounterRegressed',
    when: 'a counter goes back, although the sign-in is let in',
    series: {
      [series('latchkey_signin_assertions_total', { latchkey_assertion_sign_count: 'advanced' })]: '0+10x60',
      [series('latchkey_signin_assertions_total', { latchkey_assertion_sign_count: 'regressed' })]: '_x20 2x60',
    },
    fires: [20],
    quiet: [19, 36],
    says: 'Validly signed answers in 15 minutes whose counter did not go up: 2. Unless policy.signCount says otherwise, these sign-ins were let in.',
  },
  {
    alert: 'LatchkeySignatureInvalid',
    when: 'more than five signatures are wrong',
    series: { ...busy, [refused('signature_invalid')]: '_x10 4x19 11x60' },
    fires: [30],
    quiet: [15, 28, 41],
    says: 'Invalid signatures in 10 minutes: 7. All were refused.',
  },
  {
    alert: 'LatchkeyRateLimited',
    when: 'more than a hundred requests are over a limit',
    series: { ...busy, [refused('rate_limited')]: '_x10 90x19 200x60' },
    fires: [30, 39],
    quiet: [15, 29, 41],
    says: 'Requests over a rate limit in 10 minutes: 110. All were refused.',
  },
  {
    alert: 'LatchkeyFailureSpike',
    when: 'half of the sign-ins are refused for five minutes',
    series: { ...busy, [refused('credential_unknown')]: '0+1x30 30+10x60' },
    fires: [50],
    quiet: [29, 35],
    says: '50% of the sign-ins that were decided in 10 minutes were refused.',
  },
  {
    alert: 'LatchkeyFailureSpike',
    when: 'not: a handful, although they are most',
    series: { [success('enforced')]: '0x60', [refused('credential_unknown')]: '0+1x10 10x50' },
    fires: [],
    quiet: [5, 10, 20, 30],
    says: '',
  },
  {
    alert: 'LatchkeyFailureSpike',
    when: 'not: one browser runs into a limit',
    series: { ...busy, [refused('rate_limited')]: '0+100x120' },
    fires: [],
    quiet: [30, 60, 90],
    says: '',
  },
  {
    alert: 'LatchkeyPolicyRefusals',
    when: 'a new policy shuts out one of ten',
    series: { [success('enforced')]: '0+9x120', [refused('immediate_not_requested')]: '0x30 0+1x90' },
    fires: [90],
    quiet: [30, 40],
    says: '10% of the sign-ins that were decided in 30 minutes were refused by policy.',
  },
  {
    alert: 'LatchkeyPolicyRefusals',
    when: 'not: a few, of many',
    series: { [success('enforced')]: '0+99x120', [refused('policy_denied')]: '0+1x120' },
    fires: [],
    quiet: [60, 120],
    says: '',
  },
  {
    alert: 'LatchkeyRegistrationsFailing',
    when: 'half of them fail',
    series: {
      [attempts('success', {}, 'registration')]: '0+1x120',
      [attempts('failure', { latchkey_reason: 'attestation_refused' }, 'registration')]: '0+1x120',
    },
    fires: [60],
    quiet: [5],
    says: '50% of the registrations of 30 minutes failed.',
  },
  {
    alert: 'LatchkeyRegistrationsFailing',
    when: 'not: some people cancel, and a limit holds others',
    series: {
      [attempts('success', {}, 'registration')]: '0+1x120',
      [attempts('cancelled', { latchkey_reason: 'client_not_allowed' }, 'registration')]: '0+2x120',
      [attempts('failure', { latchkey_reason: 'rate_limited' }, 'registration')]: '0+2x120',
    },
    fires: [],
    quiet: [60, 120],
    says: '',
  },
  {
    alert: 'LatchkeyStepUpsFailing',
    when: 'the store of sessions fails for most',
    series: {
      [attempts('success', {}, 'step_up')]: '0+1x120',
      [attempts('error', { latchkey_reason: 'session_failed' }, 'step_up')]: '0+3x120',
    },
    fires: [60],
    quiet: [5],
    says: '75% of the step-ups of 30 minutes failed.',
  },
  {
    alert: 'LatchkeyEnforcementDropped',
    when: 'nine of ten become one of ten',
    series: { [success('enforced')]: '0+9x1500 13501+1x120', [success('not_enforced')]: '0+1x1500 1509+9x120' },
    fires: [1580],
    quiet: [600, 1500, 1510],
    says: '10% of the sign-ins of an hour were enforced: far fewer than in the day before.',
  },
  {
    alert: 'LatchkeyEnforcementDropped',
    when: 'after a restart nothing at all is enforced any more',
    series: { [success('enforced')]: '0+9x1500 _x120', [success('not_enforced')]: '0+1x1500 10+10x120' },
    fires: [1600],
    quiet: [1500],
    says: '0% of the sign-ins of an hour were enforced: far fewer than in the day before.',
  },
  {
    alert: 'LatchkeyAbandoned',
    when: 'half of the attempts are never answered',
    series: { ...busy, [attempts('abandoned', { latchkey_reason: 'no_response' })]: '0+1x60 70+10x60' },
    fires: [110],
    quiet: [59, 65],
    says: '50% of the attempts that ended in 30 minutes had no answer before expiry.',
  },
  {
    alert: 'LatchkeyNoAttempts',
    when: 'a busy half hour of yesterday is silent today',
    series: { [success('enforced')]: '0+2x1440 2880x90' },
    fires: [1480],
    quiet: [1440, 1470],
    says: 'No attempt for 30 minutes; a day ago there were 60 in the same 30 minutes.',
  },
  {
    alert: 'LatchkeyNoAttempts',
    when: 'the application is gone, its metrics with it',
    series: { [success('enforced')]: '0+2x1440 _x90' },
    fires: [1485],
    quiet: [1440],
    says: 'No attempt for 30 minutes; a day ago there were 60 in the same 30 minutes.',
  },
  {
    alert: 'LatchkeyNoAttempts',
    when: 'not: it was restarted, and one person signed in since',
    series: { [success('enforced')]: '0+2x1440 _x20 1x90' },
    fires: [],
    quiet: [1475, 1485, 1490],
    says: '',
  },
  {
    alert: 'LatchkeyTargetDown',
    when: 'an application that issued challenges is gone',
    series: { [challenges]: '0+1x60 _x60', [series('up', {})]: '1x60 0x60' },
    fires: [70],
    quiet: [60, 64],
    says: 'No metrics for 5 minutes from an application that issued challenges in the last 7 days.',
    labels: { instance: 'a' },
  },
  {
    alert: 'LatchkeyTargetDown',
    when: 'not: something without Latchkey is gone',
    series: { [challenges]: '0+1x120', [series('up', { job: 'mail' })]: '1x60 0x60', [series('up', {})]: '1x120' },
    fires: [],
    quiet: [70, 120],
    says: '',
  },
  {
    alert: 'LatchkeyStoreUnavailable',
    when: 'the store does not answer for a minute',
    series: { ...busy, [error('store_unavailable')]: '_x20 1x60' },
    fires: [21, 24],
    quiet: [19, 20, 27],
    says: 'Requests of 5 minutes that were answered 503, because a store or a rate limiter failed: 1.',
  },
  {
    alert: 'LatchkeyErrors',
    when: 'a tenth of the attempts end in an error',
    series: { [success('enforced')]: '0+18x120', [error('session_failed')]: '0x19 2+2x100' },
    fires: [60],
    quiet: [19, 22],
    says: '10% of the attempts of 5 minutes ended in an error.',
  },
  {
    alert: 'LatchkeyErrors',
    when: 'not: one error among few attempts',
    series: { [success('enforced')]: '0+1x120', [error('session_failed')]: '0x20 1x100' },
    fires: [],
    quiet: [21, 23, 26],
    says: '',
  },
  {
    alert: 'LatchkeyAuditRecordsFailing',
    when: 'a sink does not take a record',
    series: { [audit('written')]: '0+10x60', [audit('failed')]: '_x20 3x60' },
    fires: [20, 28],
    quiet: [19, 31],
    says: 'Records that were not written, in 10 minutes: 3.',
    labels: { latchkey_audit_sink: 'file' },
  },
  {
    alert: 'LatchkeyServerSlow',
    when: 'one in a hundred waits for more than a second',
    series: histogram('latchkey_signin_duration', slow),
    fires: [30],
    quiet: [5],
    says: 'One sign-in in a hundred waits longer than 2.35s for the server alone.',
  },
  {
    alert: 'LatchkeyServerSlow',
    when: 'the same, by the name that OTLP leads to',
    series: histogram('latchkey_signin_duration_seconds', slow),
    fires: [30],
    quiet: [5],
    says: 'One sign-in in a hundred waits longer than 2.35s for the server alone.',
  },
  {
    alert: 'LatchkeyServerSlow',
    when: 'not: all are quick',
    series: histogram('latchkey_signin_duration', { '0.5': 100, '1': 100, '2.5': 100, '+Inf': 100 }),
    fires: [],
    quiet: [30, 60],
    says: '',
  },
];

/** A case as promtool's test of one rule: at each minute either this alert, word for word, or none of its name. */
function unitTest({ alert, series, fires, quiet, says, labels }: Case): object {
  const { annotations, labels: own } = ALERTS.find((rule) => rule.alert === alert)!;
  const inPlace = (text: string) =>
    text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, name) => ({ job: 'shop', ...labels })[name as 'job']!);
  const expected = {
    exp_labels: { job: 'shop', ...own, ...labels },
    exp_annotations: { ...annotations, summary: inPlace(annotations.summary), description: says },
  };
  const firing = (minute: number) => ({
    expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
    eval_time: `${minute}m`,
    exp_samples: [{ value: 1 }],
  });
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      ...fires.slice(0, 1).map((minute) => ({ eval_time: `${minute}m`, alertname: alert, exp_alerts: [expected] })),
      ...quiet.map((minute) => ({ eval_time: `${minute}m`, alertname: alert, exp_alerts: [] })),
    ],
    promql_expr_test: fires.map(firing),
  };
}

/** Three hours of a site where people do what people do, one value a minute: a busy one, with a double click here and there. */
const HONEST: Series = {
  [success('enforced')]: '0+8x180',
  [success('not_enforced')]: '0+2x180',
  [attempts('cancelled', { latchkey_reason: 'client_not_allowed' })]: '0+4x180',
  [attempts('abandoned', { latchkey_reason: 'no_response' })]: '0+1x180',
  [refused('credential_unknown')]: '0+0.1x180',
  [refused('user_verification_missing')]: '0+0.1x180',
  [refused('challenge_consumed')]: '_x40 1x3 2x60 3x80',
  [refused('rate_limited')]: '_x50 30x60 50x80',
  [attempts('success', {}, 'registration')]: '0+0.3x180',
  [attempts('cancelled', { latchkey_reason: 'client_not_allowed' }, 'registration')]: '0+0.3x180',
  [attempts('failure', { latchkey_reason: 'credential_exists' }, 'registration')]: '0+0.02x180',
  [attempts('success', {}, 'step_up')]: '0+1x180',
  [attempts('cancelled', { latchkey_reason: 'client_not_allowed' }, 'step_up')]: '0+0.2x180',
  [changed('added')]: '0+0.3x180',
  [changed('renamed')]: '0+0.3x180',
  [changed('removed')]: '0+0.05x180',
  [ended('signed_out')]: '0+6x180',
  [ended('ended_elsewhere')]: '0+0.2x180',
  [eligibility(false)]: '0+10x180',
  [eligibility(true)]: '_x60 1x120',
  [series('latchkey_signin_assertions_total', { latchkey_assertion_sign_count: 'zero' })]: '0+9x180',
  [series('latchkey_signin_assertions_total', { latchkey_assertion_sign_count: 'advanced' })]: '0+1x180',
  [challenges]: '0+16x180',
  [audit('written')]: '0+20x180',
  [series('up', {})]: '1x180',
  ...histogram('latchkey_signin_duration', { '0.5': 98, '1': 100, '2.5': 100, '+Inf': 100 }),
};

describe('an alert rings when it should, and only then', () => {
  it('is quiet in hours of honest traffic, whichever it is', async () => {
    const quiet = Array.from({ length: 36 }, (_, n) => 5 * (n + 1));
    const test = {
      interval: '1m',
      input_series: Object.entries(HONEST).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        { expr: 'count(job_outcome:latchkey_signin_attempts:rate5m)', eval_time: '60m', exp_samples: [{ value: 4 }] },
        ...quiet.map((minute) => ({ expr: 'ALERTS{alertstate="firing"}', eval_time: `${minute}m`, exp_samples: [] })),
      ],
    };
    const tests = { rule_files: ['rules.yml'], evaluation_interval: '1m', tests: [test] };
    writeFileSync(join(folder, 'honest.yml'), stringify(tests));
    expect(await promtool(['test', 'rules', 'honest.yml'], folder)).toContain('SUCCESS');
  });

  it('has a case for every alert', () => {
    const ringing = CASES.filter(({ fires }) => fires.length > 0).map(({ alert }) => alert);
    expect([...new Set(ringing)].sort()).toEqual(ALERTS.map(({ alert }) => alert).sort());
  });

  it.each(CASES)('$alert, $when', async (one) => {
    const file = `${CASES.indexOf(one)}.yml`;
    // promtool evaluates every rule it is given, minute by minute: here this alert, and what it may be computed from.
    const groups = ruleGroups().map(({ rules, ...group }) => ({
      ...group,
      rules: rules.filter((rule) => !('alert' in rule) || rule.alert === one.alert),
    }));
    writeFileSync(join(folder, `rules-${file}`), rulesFile(groups.filter(({ rules }) => rules.length > 0)));
    // A day, minute by minute, takes promtool ten seconds.
    const evaluation_interval = Math.max(...one.fires, ...one.quiet) > 1_000 ? '5m' : '1m';
    const tests = { rule_files: [`rules-${file}`], evaluation_interval, tests: [unitTest(one)] };
    writeFileSync(join(folder, file), stringify(tests));
    expect(await promtool(['test', 'rules', file], folder)).toContain('SUCCESS');
  });
});
