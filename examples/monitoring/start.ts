/**
 * An application, a Prometheus that watches it, and a story in which everything goes wrong, one thing after the other: every
 * question of the dashboard is answered, and the alerts ring. The rules run sixty times as fast as they are meant to.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Application, startApplication } from './application.ts';
import { deedsTo, invite, withoutRecords, withoutStore } from './attempts.ts';
import { questions } from './dashboard.ts';
import { findProgram, freePort, type Prometheus, type Sample, startPrometheus } from './prometheus.ts';
import { ruleGroups, rulesFile, SECONDS_FOR_MINUTES } from './rules.ts';

/** How long an alert may take to ring. */
const PATIENCE_MS = 60_000;
const JOB = 'watched';

const args = process.argv.slice(2);
const unknown = args.filter((arg) => !['--once', '--help', '-h'].includes(arg));
if (unknown.length > 0) {
  console.error(`There is no ${unknown[0]}. See --help.`);
  process.exitCode = 2;
} else if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(readFileSync(new URL('./help.txt', import.meta.url), 'utf8'));
} else {
  await main(args.includes('--once')).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

async function main(once: boolean): Promise<void> {
  // Said before anything is started.
  findProgram('prometheus');
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-watched-'));
  const clock = { ahead: 0 };
  const stops: (() => Promise<void>)[] = [];
  try {
    const metricsPort = await freePort();
    const application = await startApplication({ folder, metricsPort, clock: () => Date.now() + clock.ahead });
    stops.unshift(application.close);
    say(`the application is ${application.origin}, its metrics http://${application.metrics}/metrics`);
    const prometheus = await startPrometheus({
      folder,
      every: '1s',
      rules: rulesFile(ruleGroups(SECONDS_FOR_MINUTES)),
      scrapeConfigs: [{ job_name: JOB, static_configs: [{ targets: [application.metrics] }] }],
    });
    stops.unshift(prometheus.stop);
    say(`Prometheus is ${prometheus.url}`);

    const silent = await play(application, prometheus, clock, stopping.signal);
    if (stopping.signal.aborted) return;
    await showAnswers(prometheus);
    if (silent.length > 0) {
      say(`did not ring: ${silent.join(', ')}`);
      process.exitCode = 1;
    }
    if (once) return;
    say(`look at ${prometheus.url}/alerts and ${prometheus.url}/graph; Ctrl+C ends everything`);
    const person = await invite(application.origin);
    const { immediate, fallBack } = deedsTo(application, person);
    while (!stopping.signal.aborted) {
      for (const deed of [immediate, immediate, fallBack]) await deed();
      await wait(500, undefined, { signal: stopping.signal }).catch(() => {});
    }
  } finally {
    for (const stop of stops) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Chapter {
  readonly title: string;
  /** Done again and again until all of `rings` ring. */
  readonly happens: () => Promise<void>;
  readonly rings: readonly string[];
}

/** Plays the story. Resolves to the alerts that did not ring although they should have. */
async function play(
  application: Application,
  prometheus: Prometheus,
  clock: { ahead: number },
  signal: AbortSignal,
): Promise<string[]> {
  const deeds = deedsTo(application, await invite(application.origin));
  /** The life of a challenge, and the minute of a rate limit, pass at once. */
  const later = async () => {
    clock.ahead += 121_000;
    await application.sweep();
  };
  const { immediate, autofill, fallBack, stepUp, prefetched, pageWentAway } = deeds;
  const ordinary = async () => {
    for (const deed of [immediate, immediate, immediate, autofill, fallBack, stepUp, prefetched, pageWentAway])
      await deed();
  };
  const chapters: Chapter[] = [
    {
      title: 'people sign in, each in their own way',
      happens: ordinary,
      rings: [],
    },
    {
      title: 'somebody forges, replays, and has copied a passkey',
      happens: async () => {
        const { forged, replayed, copied, otherSite, carriedAway, unknownPasskey } = deeds;
        for (const deed of [forged, forged, replayed, copied, otherSite, carriedAway, unknownPasskey]) await deed();
      },
      rings: ['LatchkeyReplaySeen', 'LatchkeyCounterRegressed', 'LatchkeySignatureInvalid', 'LatchkeyFailureSpike'],
    },
    {
      title: 'somebody tries passkeys that nobody has',
      happens: async () => {
        for (let n = 0; n < 8; n += 1) await deeds.unknownPasskey();
      },
      rings: ['LatchkeyUnknownPasskeys'],
    },
    {
      title: 'passkeys are offered and made, and others added, disabled and removed, one after the other',
      happens: async () => {
        const { madeSilently, tookOffer, notNow, tidiedUp } = deeds;
        for (const deed of [madeSilently, madeSilently, tookOffer, notNow]) await deed();
        for (let n = 0; n < 5; n += 1) await tidiedUp();
      },
      rings: ['LatchkeyPasskeyChanges'],
    },
    {
      title: 'one browser does not stop asking',
      happens: async () => {
        for (let n = 0; n < 5; n += 1) await deeds.tooOften();
        await later();
      },
      rings: ['LatchkeyRateLimited'],
    },
    {
      title: 'a table of the store is mislaid',
      happens: () => withoutStore(application, deeds.inVain),
      rings: ['LatchkeyStoreUnavailable', 'LatchkeyErrors'],
    },
    {
      title: 'the folder of the records is mislaid',
      happens: () => withoutRecords(application, ordinary),
      rings: ['LatchkeyAuditRecordsFailing'],
    },
    {
      title: 'people ask, and then do not answer',
      happens: async () => {
        for (let n = 0; n < 10; n += 1) await deeds.neverAnswered();
        await later();
      },
      rings: ['LatchkeyAbandoned'],
    },
  ];

  const seen = new Map<string, string>();
  const rang = new Set<string>();
  const listen = async () => {
    const states = new Map((await prometheus.alerts()).map((alert) => [alert.labels.alertname!, alert] as const));
    for (const [name, { state, annotations }] of states) {
      if (seen.get(name) !== state)
        say(`  ${name} is ${state}${state === 'firing' ? `: ${annotations.description}` : ''}`);
      if (state === 'firing') rang.add(name);
      seen.set(name, state);
    }
    for (const name of seen.keys()) {
      if (states.has(name)) continue;
      say(`  ${name} is over`);
      seen.delete(name);
    }
  };

  const silent: string[] = [];
  for (const { title, happens, rings } of chapters) {
    say(title);
    const since = Date.now();
    const enough = () => (rings.length > 0 ? rings.every((name) => rang.has(name)) : Date.now() - since > 5_000);
    while (!enough() && Date.now() - since < PATIENCE_MS && !signal.aborted) {
      await happens();
      await listen();
      await wait(250, undefined, { signal }).catch(() => {});
    }
    silent.push(...rings.filter((name) => !rang.has(name)));
  }
  return silent;
}

async function showAnswers(prometheus: Prometheus): Promise<void> {
  say("what the dashboard's panels answer, over all of it");
  for (const { panel, legend, unit, expr } of questions({ job: JOB, instance: '.*', window: '5m', range: '10m' })) {
    const answers = (await prometheus.query(expr)).map(
      (sample) => `${name(legend, sample)} ${amount(sample.value, unit)}`,
    );
    const words = answers.length > 0 ? answers.join(', ') : 'nothing';
    console.log(`  ${panel.padEnd(40)}${words.replace(`${panel} `, '')}`);
  }
}

function name(legend: string, { metric }: Sample): string {
  return legend.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '');
}

function amount(value: number, unit: string): string {
  if (unit === 'percentunit') return `${(100 * value).toFixed(1)} %`;
  if (unit === 's') return `${value.toPrecision(2)} s`;
  if (unit === 'ops') return `${value.toPrecision(2)}/s`;
  return `${Math.round(value)}`;
}

function say(line: string): void {
  console.log(`monitoring: ${line}`);
}
