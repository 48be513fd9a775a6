/**
 * What Prometheus calls Latchkey's metrics, and the few shapes of PromQL that the dashboard and the rules are both made of.
 * Label values are typed by the core's own closed lists: a reason that does not exist does not compile.
 */
import type {
  AttemptRecord,
  Enforcement,
  EventName,
  Occasion,
  Outcome,
  Reason,
  SessionEnder,
  SessionEnding,
  SignInMode,
} from '@latchkey/core';

/** A selector, a rate, a sum: any text in PromQL. */
export type PromQL = string;

type OneOrMore<T> = T | readonly T[];

/** The attributes of Latchkey's metrics, as Prometheus labels. */
export const LABELS = {
  outcome: 'latchkey_outcome',
  reason: 'latchkey_reason',
  mode: 'latchkey_attempt_mode',
  enforcement: 'latchkey_immediate_enforcement',
  challenge: 'latchkey_challenge_result',
  userVerified: 'latchkey_assertion_user_verified',
  backedUp: 'latchkey_assertion_backed_up',
  signCount: 'latchkey_assertion_sign_count',
  backupEligibleChanged: 'latchkey_assertion_backup_eligible_changed',
  change: 'latchkey_passkey_change',
  by: 'latchkey_change_by',
  occasion: 'latchkey_attempt_occasion',
  provider: 'latchkey_passkey_provider',
  offer: 'latchkey_offer_result',
  because: 'latchkey_session_ended_because',
  sink: 'latchkey_audit_sink',
  audit: 'latchkey_audit_result',
} as const;

interface Values {
  readonly outcome: Outcome;
  readonly reason: Reason;
  readonly mode: SignInMode;
  readonly enforcement: Enforcement;
  readonly signCount: NonNullable<AttemptRecord['assertion']['signCount']>;
  readonly challenge: 'issued' | 'prefetched' | 'taken' | 'expired' | 'unused';
  readonly backupEligibleChanged: 'true' | 'false';
  readonly change: Changed<EventName>;
  readonly by: SessionEnder;
  readonly occasion: Occasion;
  readonly offer: 'offered' | 'declined' | 'has_passkey' | 'not_now' | 'not_in_share' | 'not_allowed';
  readonly because: SessionEnding;
  readonly audit: 'written' | 'failed';
}

/** `added`, `renamed`, …: what the event of a change is called after its prefix. */
type Changed<Name> = Name extends `latchkey.passkey.${infer Change}` ? Change : never;

/** Any of these values; or, in `not`, none of them. */
type Wanted<T> = OneOrMore<T> | { readonly not: OneOrMore<T> };

type Matching<K extends keyof Values> = { readonly [Name in K]?: Wanted<Values[Name]> };

/** Ceremonies whose ends are counted. */
const CEREMONIES = ['signin', 'registration', 'step_up'] as const;
type Ceremony = (typeof CEREMONIES)[number];

/** Selectors of every metric, all with these matchers. */
export function metricsWhere(matchers: PromQL = '') {
  const select = (name: string, values: Matching<keyof Values> = {}, first = '') => {
    const own = Object.entries(values).map(([label, value]) => matcher(label as keyof Values, value));
    const inside = [first, ...own, matchers].filter((one) => one !== '').join(', ');
    return inside === '' ? name : `${name}{${inside}}`;
  };
  // The OpenTelemetry exporter for Prometheus leaves the unit out of the name; Prometheus' and the Collector's own
  // translation of OTLP puts it in.
  const buckets = (name: string, values: Matching<'outcome'> = {}) =>
    select('', values, `__name__=~"latchkey_signin_${name}(_seconds)?_bucket"`);
  return {
    attempts: (values?: Matching<'outcome' | 'reason' | 'mode' | 'enforcement'>, ceremony: Ceremony = 'signin') =>
      select(`latchkey_${ceremony}_attempts_total`, values),
    /** Attempts that came to a decision. What was over a limit was never looked at. */
    decided: (ceremony: Ceremony = 'signin') =>
      select(`latchkey_${ceremony}_attempts_total`, {
        outcome: ['success', 'failure'],
        reason: { not: 'rate_limited' },
      }),
    refused: (ceremony: Ceremony = 'signin') =>
      select(`latchkey_${ceremony}_attempts_total`, { outcome: 'failure', reason: { not: 'rate_limited' } }),
    assertions: (values?: Matching<'signCount' | 'backupEligibleChanged'>) =>
      select('latchkey_signin_assertions_total', values),
    challenges: (values?: Matching<'challenge'>) => select('latchkey_signin_challenges_total', values),
    passkeyChanges: (values?: Matching<'change' | 'by' | 'occasion'>) =>
      select('latchkey_passkey_changes_total', values),
    /** Of these, all but `declined` are password sign-ins, after which a page called `offer()`. */
    offers: (values?: Matching<'offer'>) => select('latchkey_passkey_offers_total', values),
    sessionEndings: (values?: Matching<'because' | 'by'>) => select('latchkey_session_endings_total', values),
    sessionsExpired: () => select('latchkey_sessions_total'),
    usersForgotten: () => select('latchkey_users_forgotten_total'),
    auditRecords: (values?: Matching<'audit'>) => select('latchkey_audit_records_total', values),
    /** From options to a sign-in: mostly a person's time. One that nobody answers takes as long as its challenge lives. */
    ceremonyTime: buckets('ceremony_duration', { outcome: 'success' }),
    /** This server's own time in the request that ended the attempt. */
    serverTime: buckets('duration'),
  };
}

function matcher(label: keyof Values, wanted: Wanted<string>): PromQL {
  const [values, sign] =
    typeof wanted === 'object' && 'not' in wanted ? [wanted.not, '!'] : [wanted as OneOrMore<string>, ''];
  if (typeof values === 'string') return `${LABELS[label]}${sign || ''}="${values}"`;
  return `${LABELS[label]}${sign || '='}~"${values.join('|')}"`;
}

/** By how much a counter grew in the window, or how fast, for each of `labels`. */
export function sumBy(labels: readonly string[], expression: PromQL): PromQL {
  return labels.length === 0 ? `sum(${expression})` : `sum by (${labels.join(', ')}) (${expression})`;
}

export const rate = (selector: PromQL, window: string): PromQL => `rate(${selector}[${window}])`;

/**
 * By how much counters grew in the window, those that are new in it included. `increase()` takes the first value that it
 * sees for the beginning, so the one replay that makes its series would never count.
 */
export function grown(selector: PromQL, window: string): PromQL {
  return `(${selector} unless ${selector} offset ${window}) or increase(${selector}[${window}])`;
}

/** How much of the whole a part is, from 0 to 1. No part at all is 0; of nothing there is no share. */
export function share(part: PromQL, whole: PromQL): PromQL {
  return `(${part} or 0 * ${whole}) / (${whole} > 0)`;
}

export function quantile(q: number, buckets: PromQL, window: string, labels: readonly string[] = []): PromQL {
  return `histogram_quantile(${q}, ${sumBy([...labels, 'le'], rate(buckets, window))})`;
}

/** The same question about every ceremony; `ask` ends in a comparison. */
export function ofAnyCeremony(ask: (ceremony: Ceremony) => PromQL): PromQL {
  return CEREMONIES.map(ask).join('\nor\n');
}
