/**
 * A sweep of many expired ceremonies while people ask for options. In a process of its own; its argument
 * is a {@link SweepTask} as JSON, and it says a {@link SweepDelay}.
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { HttpRequest, Passkeys, PendingCeremony } from '@latchkey/core';
import { latchkeyOn } from './apps/latchkey.ts';
import { HEADERS, OPTIONS } from './assertion.ts';
import type { StoreKind } from './contestants.ts';
import type { Person } from './people.ts';
import { openPlace, type Whereabouts } from './places.ts';
import { openRecordFile } from './record-file.ts';

export interface SweepTask {
  readonly store: StoreKind;
  readonly count: number;
  readonly people: string;
  readonly where: Whereabouts;
  readonly records: string;
}

/** In milliseconds. */
interface Delays {
  /** From the moment a request was due to its answer, so that waiting for the event loop counts. */
  readonly request: { readonly median: number; readonly p99: number; readonly most: number };
  readonly loop: { readonly p99: number; readonly most: number };
}

export interface SweepDelay {
  readonly swept: number;
  readonly seconds: number;
  readonly before: Delays;
  readonly during: Delays;
}

const ORIGIN = 'http://localhost:3000';
const EVERY_MS = 5;
const CALM_MS = 3_000;

const task: SweepTask = JSON.parse(process.argv[2]!);
const people: Person[] = JSON.parse(readFileSync(task.people, 'utf8')).slice(0, 10);
const place = await openPlace(task.store, task.where);
const records = await openRecordFile(task.records);

/** What options put into a store, to be put there many times. */
let template: PendingCeremony | undefined;
const { challenges } = place.store;
const store = {
  ...place.store,
  challenges: {
    ...challenges,
    put(ceremony: PendingCeremony) {
      template ??= ceremony;
      return challenges.put(ceremony);
    },
  },
};
const passkeys = await latchkeyOn({ origin: ORIGIN, people, place: { ...place, store }, records });

async function askOptions(): Promise<void> {
  const request: HttpRequest = {
    method: 'POST',
    path: '/authentication/options',
    url: '/passkeys/authentication/options',
    header: (name) => ({ ...HEADERS, origin: ORIGIN, 'content-type': 'application/json' })[name],
    // A page prepares them: so they are no attempt when they expire, and records are of what was swept.
    body: { parsed: { ...OPTIONS, prefetch: true } },
    address: '127.0.0.1',
    framework: 'none',
    native: null,
    nativeResponse: null,
  };
  const { status, body } = await passkeys.handle(request);
  if (status !== 200) throw new Error(`Core answered ${status}: ${body}`);
}

/** Asks for options every few milliseconds until the work is done. */
async function whileAsking(work: Promise<unknown>): Promise<Delays> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const delays: number[] = [];
  const asked: Promise<void>[] = [];
  let done = false;
  const ends = work.finally(() => {
    done = true;
  });
  for (let due = performance.now(); !done; ) {
    await wait(Math.max(0, due - performance.now()));
    // All that came in the meantime, as a server finds them.
    for (; due <= performance.now(); due += EVERY_MS) {
      const since = due;
      asked.push(askOptions().then(() => void delays.push(performance.now() - since)));
    }
  }
  await Promise.all([...asked, ends]);
  histogram.disable();
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  return {
    request: { median: at(0.5), p99: at(0.99), most: at(1) },
    loop: { p99: ms(histogram.percentile(99)), most: ms(histogram.max) },
  };
}

await askOptions();
const { attemptId: _, ...common } = template!;
const expiresAt = Date.now() - 1_000;
const AT_ONCE = 200;
for (let done = 0; done < task.count; done += AT_ONCE) {
  const put = (_: unknown, index: number) =>
    challenges.put({ ...common, attemptId: `expired-${done + index}`, expiresAt, begun: true });
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, task.count - done) }, put));
}
await whileAsking(wait(1_000));
const before = await whileAsking(wait(CALM_MS));
const start = performance.now();
const sweeping: ReturnType<Passkeys['sweep']> = passkeys.sweep();
const during = await whileAsking(sweeping);
const said: SweepDelay = { swept: await sweeping, seconds: (performance.now() - start) / 1_000, before, during };
const written = await records.settled();
if (said.swept < task.count) throw new Error(`Only ${said.swept} of ${task.count} were swept.`);
if (written < task.count) throw new Error(`Only ${written} of ${task.count} left a record.`);
process.send!(said, () => process.exit());
