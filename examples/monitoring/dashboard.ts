/**
 * The Grafana dashboard. Built with Grafana's own typed library, so that what Grafana would not understand does not compile;
 * the questions come from queries.ts, as the rules' do.
 */

import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTextDisplayOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type { Outcome } from '@latchkey/core';
import { grown, LABELS, metricsWhere, type PromQL, quantile, rate, share, sumBy } from './queries.ts';
import { POLICY_REASONS } from './rules.ts';

/** A question and what to call its answers: a name, or labels in `{{}}`. */
type Query = readonly [legend: string, expr: PromQL];

interface Panel {
  readonly kind: 'number' | 'alarm' | 'lines' | 'stack' | 'bars' | 'states';
  readonly title: string;
  readonly about: string;
  readonly queries: readonly Query[];
  readonly unit?: string;
  /** Of 24. */
  readonly width: number;
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A window that always spans some scrapes, which Grafana works out; and the whole time that the page shows. */
const WINDOW = '$__rate_interval';
const RANGE = '$__range';
/** The same in every graph: green got in, red was refused, purple is our own fault. */
const COLORS: Record<Outcome, string> = {
  success: 'green',
  failure: 'red',
  cancelled: 'blue',
  abandoned: 'yellow',
  error: 'purple',
};
const HEIGHT = { number: 4, alarm: 4, lines: 8, stack: 8, bars: 8, states: 6 } as const;
const SOURCE = { type: 'prometheus', uid: '$datasource' };

const m = metricsWhere('job=~"$job", instance=~"$instance"');
const success = m.attempts({ outcome: 'success' });
const enforced = m.attempts({ outcome: 'success', enforcement: 'enforced' });
const judged = m.attempts({ outcome: 'success', enforcement: ['enforced', 'not_enforced'] });
const decided = m.decided();
const passwords = m.offers({ offer: { not: 'declined' } });
const made = m.passkeyChanges({ change: 'added' });
const byPolicy = m.attempts({ outcome: 'failure', reason: POLICY_REASONS });

const perSecond = (selector: PromQL, ...labels: readonly string[]) => sumBy(labels, rate(selector, WINDOW));
const inAll = (selector: PromQL, ...labels: readonly string[]) => sumBy(labels, grown(selector, RANGE));
const inWindow = (selector: PromQL, ...labels: readonly string[]) => sumBy(labels, grown(selector, WINDOW));
const by = (label: string, selector: PromQL): Query => [`{{${label}}}`, perSecond(selector, label)];
const quantiles = (buckets: PromQL): Query[] =>
  [0.5, 0.95, 0.99].map((q) => [`p${q * 100}`, quantile(q, buckets, WINDOW)]);

const ROWS: readonly Row[] = [
  {
    title: 'At a glance',
    panels: [
      number('Attempts', 'Sign-in attempts that ended in the time shown.', inAll(m.attempts())),
      number(
        'Signed in',
        'Of those decided: accepted or refused. What ended in the page, was never answered or was over a limit does not count.',
        share(inAll(success), inAll(decided)),
        'percentunit',
      ),
      number(
        'Enforced',
        'Of the sign-ins to which the policy applies.',
        share(inAll(enforced), inAll(judged)),
        'percentunit',
      ),
      number(
        'Ceremony, p95',
        'From options to a successful sign-in: mostly a person’s time.',
        quantile(0.95, m.ceremonyTime, RANGE),
        's',
      ),
      number(
        'Server, p99',
        'This server’s own time in the request that ended an attempt.',
        quantile(0.99, m.serverTime, RANGE),
        's',
      ),
      alarm(
        'Replays',
        'Answers to a challenge that was used already. All were refused.',
        inAll(m.attempts({ reason: 'challenge_consumed' })),
      ),
      alarm(
        'Counters gone back',
        'Validly signed answers whose counter did not go up: a copied passkey, maybe.',
        inAll(m.assertions({ signCount: 'regressed' })),
      ),
      alarm('Records lost', 'Records that a sink did not take.', inAll(m.auditRecords({ audit: 'failed' }))),
      {
        kind: 'states',
        title: 'Alerts',
        about: 'Pending and firing alerts of latchkey.rules.yml.',
        queries: [
          [
            '{{alertname}}: {{alertstate}}',
            'max by (alertname, alertstate) (ALERTS{alertname=~"Latchkey.+", job=~"$job"})',
          ],
        ],
        width: 24,
      },
    ],
  },
  {
    title: 'Attempts',
    panels: [
      {
        kind: 'stack',
        title: 'Sign-ins, by outcome',
        about:
          'success; failure: refused; cancelled: the page said so; abandoned: no answer in time; error: our fault.',
        queries: [by(LABELS.outcome, m.attempts())],
        unit: 'ops',
        width: 12,
      },
      {
        kind: 'lines',
        title: 'Without success, by reason',
        about: 'The reasons are a closed list: the same words as in the records.',
        queries: [
          [
            '{{latchkey_reason}}',
            `topk(10, ${perSecond(m.attempts(), LABELS.reason)} unless ${perSecond(success, LABELS.reason)})`,
          ],
        ],
        unit: 'ops',
        width: 12,
      },
      {
        kind: 'bars',
        title: 'Reasons',
        about: 'How often each one was, in the time shown.',
        queries: [
          [
            '{{latchkey_reason}}',
            `sort_desc(topk(15, ${inAll(m.attempts(), LABELS.reason)} unless ${inAll(success, LABELS.reason)}))`,
          ],
        ],
        width: 12,
      },
      {
        kind: 'stack',
        title: 'Registrations and step-ups, by outcome',
        about: 'The other two ceremonies.',
        queries: [
          ['registration: {{latchkey_outcome}}', perSecond(m.attempts({}, 'registration'), LABELS.outcome)],
          ['step-up: {{latchkey_outcome}}', perSecond(m.attempts({}, 'step_up'), LABELS.outcome)],
        ],
        unit: 'ops',
        width: 12,
      },
    ],
  },
  {
    title: 'From the question to the sign-in',
    panels: [
      {
        kind: 'bars',
        title: 'How far people came',
        about: 'asked: a challenge was issued; answered: an answer took it; accepted: somebody was signed in.',
        queries: [
          ['asked', inAll(m.challenges({ challenge: 'issued' }))],
          ['answered', inAll(m.challenges({ challenge: 'taken' }))],
          ['accepted', inAll(success)],
        ],
        width: 12,
      },
      {
        kind: 'lines',
        title: 'Refused, of those decided',
        about: 'All refusals; and those by policy alone, although the passkey proved everything that it can.',
        queries: [
          ['refused', share(perSecond(m.refused()), perSecond(decided))],
          ['by policy', share(perSecond(byPolicy), perSecond(decided))],
        ],
        unit: 'percentunit',
        width: 12,
      },
    ],
  },
  {
    title: 'Immediate UI mode',
    panels: [
      {
        kind: 'lines',
        title: 'Enforced, of all sign-ins',
        about:
          'Of the sign-ins to which the policy applies. "Enforced" includes the page’s own report, which nothing signs.',
        queries: [['enforced', share(perSecond(enforced), perSecond(judged))]],
        unit: 'percentunit',
        width: 8,
      },
      {
        kind: 'stack',
        title: 'Fallbacks: how people got in',
        about:
          'Sign-ins by mode. conditional (autofill) and modal (the full sheet) are what is left when immediate comes to nothing.',
        queries: [by(LABELS.mode, success)],
        unit: 'ops',
        width: 8,
      },
      {
        kind: 'stack',
        title: 'What became of immediate',
        about:
          'Attempts in immediate mode. Cancelled ones mostly had no passkey to offer; browsers hide the cause on purpose.',
        queries: [by(LABELS.outcome, m.attempts({ mode: 'immediate' }))],
        unit: 'ops',
        width: 8,
      },
    ],
  },
  {
    title: 'Adoption: is it working?',
    panels: [
      number(
        'By passkey',
        'Of all sign-ins: by passkey, and by password. A password sign-in is seen where the page calls offer() after it.',
        share(inAll(success), `(${inAll(success)} + (${inAll(passwords)} or vector(0)))`),
        'percentunit',
      ),
      {
        kind: 'bars',
        title: 'From the offer to the passkey',
        about:
          'offered: after a password sign-in, to people without a passkey; made without asking (a silent upgrade), or by the person after the offer; not now: they said so.',
        queries: [
          ['offered', `${inAll(m.offers({ offer: 'offered' }))} or vector(0)`],
          ['made without asking', `${inAll(m.passkeyChanges({ change: 'added', occasion: 'silent' }))} or vector(0)`],
          ['made by the person', `${inAll(m.passkeyChanges({ change: 'added', occasion: 'offered' }))} or vector(0)`],
          ['not now', `${inAll(m.offers({ offer: 'declined' }))} or vector(0)`],
        ],
        width: 9,
      },
      {
        kind: 'bars',
        title: 'What pages were told to offer',
        about:
          'After each password sign-in: offered; or not, because the person has a passkey, said "not now", is outside the share of the roll-out, or it is not allowed.',
        queries: [[`{{${LABELS.offer}}}`, inAll(passwords, LABELS.offer)]],
        width: 12,
      },
      {
        kind: 'stack',
        title: 'Passkeys made, by occasion',
        about: 'sign_up, silent (nobody was asked), offered, asked (on the account page, say).',
        queries: [[`{{${LABELS.occasion}}}`, inWindow(made, LABELS.occasion)]],
        width: 8,
      },
      {
        kind: 'bars',
        title: 'Passkeys made, by provider',
        about: 'Where they are kept, as far as they say so. Nothing proves it.',
        queries: [[`{{${LABELS.provider}}}`, inAll(made, LABELS.provider)]],
        width: 8,
      },
      {
        kind: 'stack',
        title: 'Valid signatures, by provider',
        about: 'Whose passkeys people sign in with.',
        queries: [[`{{${LABELS.provider}}}`, perSecond(m.assertions(), LABELS.provider)]],
        unit: 'ops',
        width: 8,
      },
    ],
  },
  {
    title: 'Time',
    panels: [
      {
        kind: 'lines',
        title: 'Ceremony',
        about: 'From issuing the options to a successful sign-in: mostly a person’s time.',
        queries: quantiles(m.ceremonyTime),
        unit: 's',
        width: 12,
      },
      {
        kind: 'lines',
        title: 'Server',
        about: 'This server’s own time in the request that ended the attempt, stores included.',
        queries: quantiles(m.serverTime),
        unit: 's',
        width: 12,
      },
    ],
  },
  {
    title: 'Challenges',
    panels: [
      {
        kind: 'bars',
        title: 'What became of challenges',
        about:
          'issued or prefetched; then taken by an answer, expired, or (prefetched only) unused, which is no attempt.',
        queries: [['{{latchkey_challenge_result}}', inAll(m.challenges(), LABELS.challenge)]],
        width: 12,
      },
      {
        kind: 'lines',
        title: 'Challenges',
        about: 'The same, over time.',
        queries: [by(LABELS.challenge, m.challenges())],
        unit: 'ops',
        width: 12,
      },
    ],
  },
  {
    title: 'Passkeys and sessions',
    panels: [
      {
        kind: 'stack',
        title: 'Changes to passkeys',
        about: 'added, renamed, enabled, disabled, removed; and who did it.',
        queries: [
          [`{{${LABELS.change}}}, by {{${LABELS.by}}}`, inWindow(m.passkeyChanges(), LABELS.change, LABELS.by)],
        ],
        width: 8,
      },
      {
        kind: 'stack',
        title: 'Sessions that were ended',
        about: 'Why, and by whom. policy: a rule of Latchkey’s.',
        queries: [
          [`{{${LABELS.because}}}, by {{${LABELS.by}}}`, inWindow(m.sessionEndings(), LABELS.because, LABELS.by)],
        ],
        width: 8,
      },
      {
        kind: 'bars',
        title: 'Ends without a person',
        about: 'Sessions that expired, and users whose passkeys and sessions were all removed, in the time shown.',
        queries: [
          ['sessions expired', `${inAll(m.sessionsExpired())} or vector(0)`],
          ['users forgotten', `${inAll(m.usersForgotten())} or vector(0)`],
        ],
        width: 8,
      },
    ],
  },
  {
    title: 'Alarms',
    panels: [
      {
        kind: 'lines',
        title: 'Signs of an attack',
        about:
          'How many, for each point of the graph. A replay is refused; a counter that went back is let in unless policy.signCount refuses it.',
        queries: [
          ['replays', inWindow(m.attempts({ reason: 'challenge_consumed' }))],
          ['counters gone back', inWindow(m.assertions({ signCount: 'regressed' }))],
          ['invalid signatures', inWindow(m.attempts({ reason: 'signature_invalid' }))],
        ],
        width: 8,
      },
      {
        kind: 'lines',
        title: 'Rate limiting',
        about: 'Requests over a limit. The first of an address counts at once, the others when their minute is over.',
        queries: [['over a limit', inWindow(m.attempts({ reason: 'rate_limited' }))]],
        width: 8,
      },
      {
        kind: 'lines',
        title: 'Errors',
        about: 'Attempts that failed through our own fault.',
        queries: [['{{latchkey_reason}}', inWindow(m.attempts({ outcome: 'error' }), LABELS.reason)]],
        width: 8,
      },
    ],
  },
  {
    title: 'Evidence and records',
    panels: [
      {
        kind: 'stack',
        title: 'Valid signatures, by user verification',
        about: 'Whether the device verified its user: PIN, fingerprint, face or the like.',
        queries: [['verified: {{latchkey_assertion_user_verified}}', perSecond(m.assertions(), LABELS.userVerified)]],
        unit: 'ops',
        width: 6,
      },
      {
        kind: 'stack',
        title: 'Valid signatures, by backup',
        about: 'Backed up: a synced passkey.',
        queries: [['backed up: {{latchkey_assertion_backed_up}}', perSecond(m.assertions(), LABELS.backedUp)]],
        unit: 'ops',
        width: 6,
      },
      {
        kind: 'lines',
        title: 'Backup eligibility that changed',
        about:
          'Valid signatures of passkeys whose manager changed whether they may be synced. They are let in unless policy.backupEligibility refuses them.',
        queries: [
          [
            'changed: {{latchkey_assertion_backup_eligible_changed}}',
            inWindow(m.assertions(), LABELS.backupEligibleChanged),
          ],
        ],
        width: 6,
      },
      {
        kind: 'lines',
        title: 'Records, by sink',
        about: 'Records that each sink took, or did not. "failed" is a lost record.',
        queries: [
          [
            '{{latchkey_audit_sink}}: {{latchkey_audit_result}}',
            perSecond(m.auditRecords(), LABELS.sink, LABELS.audit),
          ],
        ],
        unit: 'ops',
        width: 6,
      },
    ],
  },
];

function number(title: string, about: string, expr: PromQL, unit?: string): Panel {
  return { kind: 'number', title, about, queries: [[title, expr]], width: 3, ...(unit && { unit }) };
}

function alarm(title: string, about: string, expr: PromQL): Panel {
  return { ...number(title, about, expr), kind: 'alarm' };
}

/** What the dashboard asks, with values in the place of its variables, as Grafana puts them there. */
export function questions(values: { job: string; instance: string; window: string; range: string }) {
  const { job, instance, window, range } = values;
  const inPlace: Record<string, string> = { $job: job, $instance: instance, [WINDOW]: window, [RANGE]: range };
  return ROWS.flatMap(({ panels }) => panels).flatMap(({ title, unit, queries }) =>
    queries.map(([legend, expr]) => ({
      panel: title,
      unit: unit ?? '',
      legend,
      expr: expr.replace(/\$\w+/g, (name) => inPlace[name] ?? name),
    })),
  );
}

export function dashboard(): Dashboard {
  const builder = new DashboardBuilder('Latchkey')
    .uid('latchkey')
    .description('Passkey sign-in: every attempt, what was enforced, and what should worry you.')
    .tags(['latchkey', 'passkeys', 'opentelemetry'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(labelValues('job', m0))
    .withVariable(labelValues('instance', `${m0}{job=~"$job"}`));
  let id = 0;
  for (const row of ROWS) {
    id += 1;
    builder.withRow(new RowBuilder(row.title).id(id));
    for (const panel of row.panels) {
      id += 1;
      builder.withPanel(build(panel).id(id));
    }
  }
  return builder.build();
}

/** The metric that every application with Latchkey has. */
const m0 = metricsWhere().attempts();

/** Also for metrics without that label: OTLP gives an instance only to a service that has an id. */
function labelValues(label: string, selector: PromQL) {
  return new QueryVariableBuilder(label)
    .label(label === 'job' ? 'Job' : 'Instance')
    .datasource(SOURCE)
    .query(`label_values(${selector}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: 'All', value: '$__all' });
}

function build(panel: Panel) {
  const { kind, title, about, unit = 'none', width, queries } = panel;
  const built = builderOf(kind, unit)
    .title(title)
    .description(about)
    .datasource(SOURCE)
    .unit(unit)
    .span(width)
    .height(HEIGHT[kind]);
  const inTime = kind === 'lines' || kind === 'stack';
  for (const [outcome, color] of inTime ? Object.entries(COLORS) : []) {
    // A legend is the outcome itself, or ends in it.
    built.overrideByRegexp(`/(^|: )${outcome}$/`, [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }]);
  }
  for (const [index, [legend, expr]] of queries.entries()) {
    const query = new DataqueryBuilder().datasource(SOURCE).refId('ABCDEFGH'[index]!).expr(expr).legendFormat(legend);
    built.withTarget(kind === 'number' || kind === 'alarm' || kind === 'bars' ? query.instant() : query.range());
  }
  return built;
}

function builderOf(kind: Panel['kind'], unit: string) {
  const last = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false);
  // Grafana's own default is red above 80, whatever is counted.
  const always = (color: string) => new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor(color);
  switch (kind) {
    case 'number':
      return new stat.PanelBuilder()
        .reduceOptions(last())
        .graphMode(BigValueGraphMode.None)
        .colorScheme(always('text'))
        .decimals(unit === 'none' ? 0 : 2)
        .noValue('–');
    case 'alarm':
      return new stat.PanelBuilder()
        .reduceOptions(last())
        .graphMode(BigValueGraphMode.None)
        .colorMode(BigValueColorMode.Background)
        .decimals(0)
        .noValue('0')
        .thresholds(
          new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
            { value: null, color: 'green' },
            { value: 0.5, color: 'red' },
          ]),
        );
    case 'bars':
      return new bargauge.PanelBuilder()
        .reduceOptions(last())
        .orientation(VizOrientation.Horizontal)
        .displayMode(BarGaugeDisplayMode.Basic)
        .colorScheme(always('blue'))
        .text(new VizTextDisplayOptionsBuilder().titleSize(14).valueSize(18))
        .decimals(0)
        .min(0);
    case 'states':
      return new statetimeline.PanelBuilder().noValue('none');
    case 'lines':
    case 'stack': {
      const lines = new timeseries.PanelBuilder()
        .min(0)
        .lineWidth(1)
        .fillOpacity(kind === 'stack' ? 30 : 5)
        .legend(
          new VizLegendOptionsBuilder()
            .displayMode(LegendDisplayMode.List)
            .placement(LegendPlacement.Bottom)
            .showLegend(true),
        )
        .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi));
      return kind === 'stack' ? lines.stacking(new StackingConfigBuilder().mode(StackingMode.Normal)) : lines;
    }
  }
}
