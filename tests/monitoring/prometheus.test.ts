/**
 * The dashboard's and the rules' questions, asked of a real Prometheus that scraped a real application, to which everything
 * was done that can be done to it over HTTP. The answers are held against the application's own records.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttemptRecord } from '@latchkey/core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Application, startApplication } from '../../examples/monitoring/application.ts';
import { deedsTo, invite, withoutRecords, withoutStore } from '../../examples/monitoring/attempts.ts';
import { dashboard, questions } from '../../examples/monitoring/dashboard.ts';
import {
  type Alert,
  freePort,
  type Prometheus,
  type Sample,
  startPrometheus,
} from '../../examples/monitoring/prometheus.ts';
import { LABELS, metricsWhere, sumBy } from '../../examples/monitoring/queries.ts';
import { ruleGroups, rulesFile, SECONDS_FOR_MINUTES } from '../../examples/monitoring/rules.ts';
import { atThisSpeed } from '../support/slowness.ts';

const EVERY_MS = 1_000;
/** Longer than anything here lasts. */
const RANGE = '10m';
const PATIENCE = { timeout: atThisSpeed(30_000), interval: 100 };

/** The application under its own names, and under those that OTLP leads to: with the unit behind the name. */
const JOBS = ['watched', 'translated'] as const;

let folder: string;
let application: Application;
let prometheus: Prometheus;
let ahead = 0;
const records: AttemptRecord[] = [];
const remember = (record: unknown) => void records.push(record as AttemptRecord);
/** How many records there were, and when Prometheus had counted them all, in seconds since the epoch. */
const before = { records: 0, at: 0 };
const after = { at: 0 };
/** What rang after people had only done what people do. */
let quiet: Alert[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-monitoring-'));
  const metricsPort = await freePort();
  subscribe('latchkey.attempt', remember);
  application = await startApplication({ folder, metricsPort, clock: () => Date.now() + ahead });
  const static_configs = [{ targets: [application.metrics] }];
  const inSeconds = {
    source_labels: ['__name__'],
    regex: 'latchkey_signin_(ceremony_)?duration_(bucket|sum|count)',
    target_label: '__name__',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how Prometheus names what a group found.
    replacement: 'latchkey_signin_${1}duration_seconds_${2}',
  };
  prometheus = await startPrometheus({
    folder,
    every: `${EVERY_MS}ms`,
    rules: rulesFile(ruleGroups(SECONDS_FOR_MINUTES)),
    scrapeConfigs: [
      { job_name: 'watched', static_configs },
      { job_name: 'translated', static_configs, metric_relabel_configs: [inSeconds] },
    ],
  });

  const person = await invite(application.origin);
  const deeds = deedsTo(application, person);
  const { inVain, ...others } = deeds;
  const { immediate, autofill, fullSheet, contradicted, fallBack, stepUp, tidiedUp, replayed } = deeds;
  // A button that is clicked twice sends the same answer twice.
  const ordinary = [immediate, immediate, autofill, fullSheet, contradicted, fallBack, stepUp, tidiedUp, replayed];
  for (const deed of ordinary) await deed();
  await counted();
  quiet = (await prometheus.alerts()).filter(({ state }) => state === 'firing');

  const everything = async () => {
    for (const deed of Object.values(others)) await deed();
    await withoutStore(application, inVain);
    await withoutRecords(application, others.immediate);
  };
  // Twice: what comes first makes new series, what comes then makes them grow.
  await everything();
  await later();
  before.at = await counted();
  before.records = records.length;
  await scrapedTwice();
  for (let n = 0; n < 6; n += 1) await others.forged();
  for (let n = 0; n < 4; n += 1) await others.replayed();
  await everything();
  await immediate();
  await later();
  await counted();
  after.at = await scrapedTwice();
}, atThisSpeed(120_000));

afterAll(async () => {
  unsubscribe('latchkey.attempt', remember);
  await prometheus?.stop();
  await application?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The application's clock jumps over the life of a challenge and the window of a rate limit. */
async function later(): Promise<void> {
  ahead += 121_000;
  await application.sweep();
}

/** Waits until both jobs have every record and the rules were evaluated since. Answers when that was. */
async function counted(): Promise<number> {
  const total = attemptsOf(records).reduce((all, { count }) => all + count, 0);
  let at = 0;
  await vi.waitUntil(async () => {
    at = Date.now() / 1_000;
    const sums = await prometheus.query(sumBy(['job'], metricsWhere().attempts()), at);
    return sums.length === JOBS.length && sums.every(({ value }) => value === total);
  }, PATIENCE);
  await vi.waitUntil(async () => {
    const evaluated = (await prometheus.rules()).map(({ lastEvaluation }) => Date.parse(lastEvaluation) / 1_000);
    return Math.min(...evaluated) > at;
  }, PATIENCE);
  return at;
}

/** Waits until both jobs were scraped twice again, and answers when: a rate needs some time on both sides of what happened. */
async function scrapedTwice(): Promise<number> {
  const from = (Date.now() + EVERY_MS) / 1_000;
  const older = async () => (await prometheus.query('min(timestamp(up == 1))'))[0]?.value ?? 0;
  await vi.waitUntil(async () => (await older()) > from, PATIENCE);
  return older();
}

// --- what the records say ---

interface Ended {
  readonly outcome: string;
  readonly reason: string;
  readonly mode: string;
  readonly enforcement: string;
  readonly count: number;
}

function attemptsOf(some: readonly AttemptRecord[], name = 'latchkey.signin.attempt'): Ended[] {
  return some
    .filter(({ event }) => event.name === name)
    .map(({ event, attempt, outcome, reason, immediate }) => ({
      outcome,
      reason: reason ?? '',
      mode: attempt.mode ?? '',
      enforcement: immediate.enforcement,
      count: event.repeatCount ?? 1,
    }));
}

/** How many there were of each, by the words for it. */
function tally<T extends { count: number }>(some: readonly T[], words: (one: T) => string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const one of some) sums[words(one)] = (sums[words(one)] ?? 0) + one.count;
  return sums;
}

const sorted = (numbers: Record<string, number>) => Object.fromEntries(Object.entries(numbers).sort());
const sum = (numbers: Record<string, number>) => Object.values(numbers).reduce((all, one) => all + one, 0);
const labelled = (samples: readonly Sample[], ...labels: readonly string[]) =>
  sorted(
    Object.fromEntries(samples.map(({ metric, value }) => [labels.map((one) => metric[one] ?? '').join(' '), value])),
  );

// --- the dashboard ---

/** What is asked for a job, about the time since everything had happened once. */
function asked(job: string) {
  const window = `${Math.ceil((after.at - before.at) * 1_000)}ms`;
  return questions({ job, instance: '.*', window, range: RANGE });
}

/** The questions' panels, as the committed dashboard has them. */
const PANELS = (dashboard().panels ?? [])
  .filter(({ type }) => type !== 'row')
  .flatMap((panel) => {
    const { title = '', targets = [] } = panel as { title?: string; targets?: { legendFormat?: string }[] };
    return targets.map(({ legendFormat = '' }, nth) => ({ title, legendFormat, nth }));
  });

const answers = async (panel: string, job: string, nth = 0) =>
  prometheus.query(asked(job).filter((one) => one.panel === panel)[nth]!.expr, after.at);

describe('everything that was done', () => {
  it('is as many and as manifold as this test takes it to be', () => {
    const reasons = new Set(attemptsOf(records).map(({ reason }) => reason));
    expect([...reasons].sort()).toEqual([
      '',
      'challenge_consumed',
      'challenge_session_mismatch',
      'client_aborted',
      'client_not_allowed',
      'credential_unknown',
      'malformed_request',
      'no_response',
      'origin_denied',
      'origin_mismatch',
      'rate_limited',
      'signature_invalid',
      'store_unavailable',
      'user_presence_missing',
      'user_verification_missing',
    ]);
  });

  it.each(JOBS)('is counted by %s as it is recorded, label by label', async (job) => {
    const labels = [LABELS.outcome, LABELS.reason, LABELS.mode, LABELS.enforcement];
    const m = metricsWhere(`job="${job}"`);
    for (const [ceremony, event] of [
      ['signin', 'latchkey.signin.attempt'],
      ['registration', 'latchkey.registration.attempt'],
      ['step_up', 'latchkey.step_up.attempt'],
    ] as const) {
      const expected = tally(attemptsOf(records, event), (one) =>
        [one.outcome, one.reason, one.mode, one.enforcement].join(' '),
      );
      expect(labelled(await prometheus.query(m.attempts({}, ceremony), after.at), ...labels)).toEqual(sorted(expected));
    }
  });
});

describe.each(JOBS)('the dashboard, for %s', (job) => {
  it.each(PANELS)('answers "$title", $legendFormat', async ({ title, legendFormat, nth }) => {
    const samples = await answers(title, job, nth);
    expect(samples).not.toEqual([]);
    for (const { metric, value } of samples) {
      expect(value).toBeGreaterThanOrEqual(0);
      // Otherwise the legend would have a hole.
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(metric[label!]).toBeTruthy();
    }
  });

  it('counts what the records count', async () => {
    const all = attemptsOf(records);
    const total = all.reduce((n, { count }) => n + count, 0);
    const some = (chosen: Partial<Ended>) =>
      all
        .filter((one) => Object.entries(chosen).every(([name, value]) => one[name as keyof Ended] === value))
        .reduce((n, { count }) => n + count, 0);
    const success = some({ outcome: 'success' });
    const enforced = some({ outcome: 'success', enforcement: 'enforced' });
    const value = async (panel: string) => (await answers(panel, job))[0]!.value;
    expect(await value('Attempts')).toBe(total);
    const limited = some({ reason: 'rate_limited' });
    const decided = success + some({ outcome: 'failure' }) - limited;
    expect(limited).toBeGreaterThan(0);
    expect(await value('Signed in')).toBeCloseTo(success / decided, 9);
    expect(await value('Enforced')).toBeCloseTo(enforced / success, 9);
    expect(await value('Replays')).toBe(some({ reason: 'challenge_consumed' }));
    expect(await value('Counters gone back')).toBe(
      records.filter((one) => one.assertion.signCount === 'regressed').length,
    );
    // Without their folder: one record each time, that of the sign-in.
    expect(await value('Records lost')).toBe(2);
    const refused = all.filter(({ reason }) => reason !== '');
    expect(labelled(await answers('Reasons', job), LABELS.reason)).toEqual(
      sorted(tally(refused, ({ reason }) => reason)),
    );
  });

  it('shows the shares that the records have since everything had happened once', async () => {
    const recent = attemptsOf(records.slice(before.records));
    const success = recent.filter(({ outcome }) => outcome === 'success');
    const immediate = recent.filter(({ mode }) => mode === 'immediate');
    for (const [panel, label, expected] of [
      ['Sign-ins, by outcome', LABELS.outcome, tally(recent, ({ outcome }) => outcome)],
      ['Fallbacks: how people got in', LABELS.mode, tally(success, ({ mode }) => mode)],
      ['What became of immediate', LABELS.outcome, tally(immediate, ({ outcome }) => outcome)],
    ] as const) {
      const shown = labelled(await answers(panel, job), label);
      expect(Object.keys(shown)).toEqual(Object.keys(sorted(expected)));
      for (const [name, value] of Object.entries(shown)) {
        // increase() extrapolates every series to the edges of its window, by up to the time between two scrapes.
        expect(value / sum(shown), `${panel}: ${name}`).toBeCloseTo(expected[name]! / sum(expected), 1);
      }
    }
    const enforced = success.filter(({ enforcement }) => enforcement === 'enforced').length;
    const [share] = await answers('Enforced, of all sign-ins', job);
    expect(share!.value).toBeCloseTo(enforced / success.length, 1);
  });

  it('counts changes to passkeys and ended sessions as the records do', async () => {
    const ofKind = (prefix: string) => records.filter(({ event }) => event.name.startsWith(prefix));
    const changes = ofKind('latchkey.passkey.').map(({ event, change }) => ({
      words: `${event.name.split('.')[2]} ${change.by}`,
      count: 1,
    }));
    const endings = ofKind('latchkey.session.').map(({ session, change }) => ({
      words: `${session.endedBecause} ${change.by}`,
      count: 1,
    }));
    expect(new Set(changes.map(({ words }) => words)).size).toBe(5);
    const m = metricsWhere(`job="${job}"`);
    const counted = async (selector: string, ...labels: string[]) =>
      labelled(await prometheus.query(sumBy(labels, selector), after.at), ...labels);
    const words = ({ words }: { words: string }) => words;
    expect(await counted(m.passkeyChanges(), LABELS.change, LABELS.by)).toEqual(sorted(tally(changes, words)));
    expect(await counted(m.sessionEndings(), LABELS.because, LABELS.by)).toEqual(sorted(tally(endings, words)));
  });

  it('answers whether it is working, as the records and the people do', async () => {
    const number = async (panel: string, nth = 0) => (await answers(panel, job, nth))[0]!.value;
    const success = attemptsOf(records).filter(({ outcome }) => outcome === 'success').length;
    const made = records.filter(({ event }) => event.name === 'latchkey.passkey.added');
    // Each deed was done twice: somebody who got one silently, who took the offer and came again, who said "not now" and came again.
    const told = { offered: 6, has_passkey: 2, not_now: 2 };
    expect(labelled(await answers('What pages were told to offer', job), LABELS.offer)).toEqual(sorted(told));
    expect(await number('By passkey')).toBeCloseTo(success / (success + sum(told)), 9);
    const funnel = 'From the offer to the passkey';
    expect([
      await number(funnel, 0),
      await number(funnel, 1),
      await number(funnel, 2),
      await number(funnel, 3),
    ]).toEqual([6, 2, 2, 2]);
    const counted = async (label: string) =>
      labelled(
        await prometheus.query(
          sumBy([label], metricsWhere(`job="${job}"`).passkeyChanges({ change: 'added' })),
          after.at,
        ),
        label,
      );
    const occasions = made.map(({ attempt }) => ({ occasion: attempt.occasion!, count: 1 }));
    expect(await counted(LABELS.occasion)).toEqual(sorted(tally(occasions, ({ occasion }) => occasion)));
    expect(new Set(occasions.map(({ occasion }) => occasion)).size).toBe(4);
    const providers = await counted(LABELS.provider);
    expect(providers).toMatchObject({ 'Google Password Manager': 2, 'Apple Passwords': 2 });
    expect(sum(providers)).toBe(made.length);
  });

  it('follows challenges to their end', async () => {
    const { issued, prefetched, taken, expired, unused, ...rest } = labelled(
      await answers('What became of challenges', job),
      LABELS.challenge,
    );
    expect(rest).toEqual({});
    expect(taken! + expired!).toBe(issued);
    expect(unused).toBe(prefetched);
    expect(expired).toBe(attemptsOf(records).filter(({ reason }) => reason === 'no_response').length);
  });

  it('gives percentiles that lie in the buckets where the records have them', async () => {
    const bounds = [0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
    const signIns = records.slice(before.records).filter(({ event }) => event.name === 'latchkey.signin.attempt');
    for (const [panel, times] of [
      ['Ceremony', signIns.filter(({ outcome }) => outcome === 'success').map(({ attempt }) => attempt.ceremonyMs)],
      ['Server', signIns.map(({ attempt }) => attempt.processingMs)],
    ] as const) {
      const inOrder = times
        .filter((ms) => ms !== null)
        .map((ms) => ms / 1_000)
        .sort((a, b) => a - b);
      const quantile = (q: number) => inOrder[Math.max(Math.ceil(Math.min(q, 1) * inOrder.length) - 1, 0)]!;
      for (const [nth, q] of [0.5, 0.95].entries()) {
        // rate() extrapolates every series for itself, which moves a rank by a few hundredths, and with it the bucket when
        // the true value lies near a bound.
        const [lowest, highest] = [quantile(q - 0.1), quantile(q + 0.1)];
        const [shown] = await answers(panel, job, nth);
        const about = `${panel} p${q * 100}, truly ${quantile(q)}`;
        expect(shown!.value, about).toBeGreaterThanOrEqual(bounds.findLast((bound) => bound < lowest) ?? 0);
        expect(shown!.value, about).toBeLessThanOrEqual(bounds.find((bound) => highest <= bound) ?? 120);
      }
    }
  });
});

describe('the rules', () => {
  it('rang for nothing while people only did what people do', () => {
    expect(quiet).toEqual([]);
  });

  it('were all evaluated without a fault, and recorded something for each job', async () => {
    expect((await prometheus.rules()).filter(({ health }) => health !== 'ok')).toEqual([]);
    for (const rule of ruleGroups().flatMap(({ rules }) => rules)) {
      if (!('record' in rule)) continue;
      const jobs = new Set(
        (await prometheus.query(`last_over_time(${rule.record}[${RANGE}])`)).map(({ metric }) => metric.job),
      );
      expect([...jobs].sort(), rule.record).toEqual([...JOBS].sort());
    }
  });

  it('rang for what needs no patience, in words', async () => {
    const since = `last_over_time(ALERTS{alertstate="firing"}[${RANGE}])`;
    const rang = new Set((await prometheus.query(since)).map(({ metric }) => `${metric.job} ${metric.alertname}`));
    for (const job of JOBS) {
      expect([...rang]).toEqual(
        expect.arrayContaining([
          `${job} LatchkeyReplaySeen`,
          `${job} LatchkeyCounterRegressed`,
          `${job} LatchkeySignatureInvalid`,
          `${job} LatchkeyStoreUnavailable`,
          `${job} LatchkeyAuditRecordsFailing`,
        ]),
      );
    }
  });
});
