/**
 * `npm run soak`: good and bad attempts at the machine's full rate for SOAK_MINUTES (10), against a server in a process of
 * its own. It fails when memory or descriptors grow, when an answer is a 5xx, or when an attempt has not exactly one record.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { type Agent, createAgent, flipBit, type SoftwarePasskey, USED } from '@latchkey/testing';
import type { Sample } from './server.ts';

const minutes = Number(process.env.SOAK_MINUTES ?? 10);
/** The server's clock runs so much faster: the ten minutes for which it remembers an id are 15 seconds. */
const CLOCK_SPEED = 40;
/** After this the server remembers as many ids as it ever will at this rate. */
const WARM_UP_MS = Math.min(45_000, minutes * 20_000);
const SAMPLE_MS = 2_000;
const WORKERS = 24;

const folder = mkdtempSync(join(tmpdir(), 'latchkey-soak-'));
const records = join(folder, 'records.jsonl');
const child = fork(new URL('server.ts', import.meta.url), {
  execArgv: ['--conditions=latchkey-source', '--expose-gc', '--disable-warning=ExperimentalWarning'],
  env: { ...process.env, RECORDS: records, CLOCK_SPEED: String(CLOCK_SPEED), NODE_ENV: 'production' },
});
const exited = once(child, 'exit');
const [{ origin }] = (await once(child, 'message')) as [{ origin: string }];

// --- attempts ---

/** How many records each kind leaves, and the outcome of each. */
const driven = new Map<string, { attempts: number; records: number }>();
const expected = new Map<string, number>();
let unexpected = 0;

function count(kind: string, ...outcomes: readonly string[]): void {
  const so = driven.get(kind) ?? { attempts: 0, records: 0 };
  driven.set(kind, { attempts: so.attempts + 1, records: so.records + outcomes.length });
  for (const outcome of outcomes) expected.set(outcome, (expected.get(outcome) ?? 0) + 1);
}

function check(status: number, wanted: number): void {
  if (status !== wanted) {
    unexpected += 1;
    if (unexpected < 10) console.error(`expected ${wanted}, got ${status}`);
  }
}

type Kind = (agent: Agent, passkey: SoftwarePasskey) => Promise<void>;
const verify = (agent: Agent, attemptId: string, credential: unknown) =>
  agent.post('/authentication/verify', { attemptId, credential, client: USED });

const KINDS: readonly (readonly [share: number, Kind])[] = [
  [
    50,
    async (agent, passkey) => {
      check((await agent.signIn(passkey)).status, 200);
      check((await agent.request('GET', '/guarded')).status, 200);
      count('signed in', 'success');
    },
  ],
  [
    10,
    async (agent, passkey) => {
      check((await agent.signIn(passkey, { bend: { signature: flipBit(-1) } })).status, 401);
      count('signature forged', 'signature_invalid');
    },
  ],
  [
    5,
    async (agent, passkey) => {
      check((await agent.signIn(passkey, { bend: { clientData: { origin: 'https://evil.example' } } })).status, 401);
      count('another origin', 'origin_mismatch');
    },
  ],
  [
    5,
    async (agent, passkey) => {
      const { attemptId, publicKey } = await agent.signInOptions();
      const credential = passkey.authenticate(publicKey);
      check((await verify(agent, attemptId, credential)).status, 200);
      check((await verify(agent, attemptId, credential)).status, 400);
      count('replayed', 'success', 'challenge_consumed');
    },
  ],
  [
    5,
    async (agent) => {
      const id = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
      const { attemptId } = await agent.signInOptions();
      check((await verify(agent, attemptId, { id, rawId: id, type: 'public-key', response: {} })).status, 400);
      count('malformed answer', 'malformed_request');
    },
  ],
  [
    5,
    async (agent) => {
      check((await agent.post('/authentication/options', undefined, { rawBody: '{"mode":' })).status, 400);
      count('malformed request', 'malformed_request');
    },
  ],
  [
    5,
    async (agent) => {
      const headers = { origin: 'https://evil.example' };
      check((await agent.post('/authentication/options', {}, { headers })).status, 403);
      count('cross-site request', 'origin_denied');
    },
  ],
  [
    10,
    async (agent) => {
      const { attemptId } = await agent.signInOptions();
      check((await agent.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError' })).status, 204);
      count('ended in the page', 'client_not_allowed');
    },
  ],
  [
    5,
    async (agent) => {
      await agent.signInOptions();
      count('never answered', 'no_response');
    },
  ],
];
/** One entry for each hundredth of all attempts. */
const deck = KINDS.flatMap(([share, kind]) => Array<Kind>(share).fill(kind));

let driving = true;
async function work(number: number): Promise<void> {
  const passkey = await createAgent(origin).signUp(`person ${number}`);
  count('signed up', 'success', 'success');
  for (let turn = number * 7; driving; turn += 37) await deck[turn % deck.length]!(createAgent(origin), passkey);
}

// --- samples ---

interface Row extends Sample {
  readonly at: number;
  readonly driven: number;
}
const rows: Row[] = [];
const total = () => [...driven.values()].reduce((sum, { attempts }) => sum + attempts, 0);
const begun = performance.now();

async function sample(): Promise<void> {
  const answer = once(child, 'message') as Promise<[Sample]>;
  child.send('sample');
  const [said] = await answer;
  rows.push({ ...said, at: performance.now() - begun, driven: total() });
}

const workers = Array.from({ length: WORKERS }, (_, number) => work(number));
while (performance.now() - begun < minutes * 60_000) {
  await wait(SAMPLE_MS);
  await sample();
}
driving = false;
await Promise.all(workers);
const seconds = (performance.now() - begun) / 1_000;
// Every ceremony that was left open expires and is swept, and idle connections are let go of.
await wait(120_000 / CLOCK_SPEED + 8_000);
await sample();
child.kill('SIGTERM');
const [code] = (await exited) as [number];

// --- what came of it ---

const seen = new Map<string, number>();
const ids = new Set<string>();
let written = 0;
for await (const line of createInterface({ input: createReadStream(records) })) {
  const { id, outcome, reason } = JSON.parse(line) as { id: string; outcome: string; reason: string | null };
  written += 1;
  ids.add(id);
  seen.set(reason ?? outcome, (seen.get(reason ?? outcome) ?? 0) + 1);
}
rmSync(folder, { recursive: true });

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const steady = rows.slice(0, -1).filter(({ at }) => at > WARM_UP_MS);
const third = Math.floor(steady.length / 3);
const [early, late] = [steady.slice(0, third), steady.slice(-third)];
const grown = (of: (row: Row) => number) => [median(early.map(of)), median(late.map(of))] as const;
const mib = (bytes: number) => `${(bytes / 1_048_576).toFixed(0)} MiB`;
const [heapEarly, heapLate] = grown(({ heap }) => heap);
const [rssEarly, rssLate] = grown(({ rss }) => rss);
const [fdsEarly, fdsLate] = grown(({ descriptors }) => descriptors);
const wanted = [...driven.values()].reduce((sum, { records: some }) => sum + some, 0);

console.log(
  `\n${total()} attempts in ${seconds.toFixed(0)} s: ${(total() / seconds).toFixed(0)} a second, ${WORKERS} at a time`,
);
console.table(Object.fromEntries(driven));
console.table({
  'heap after collection': { 'first third': mib(heapEarly), 'last third': mib(heapLate) },
  'resident memory': { 'first third': mib(rssEarly), 'last third': mib(rssLate) },
  'open descriptors': { 'first third': fdsEarly, 'last third': fdsLate },
  'event loop delay, median': {
    'first third': `${median(early.map(({ delay }) => delay.median)).toFixed(1)} ms`,
    'last third': `${median(late.map(({ delay }) => delay.median)).toFixed(1)} ms`,
  },
  'event loop delay, p99': {
    'first third': `${median(early.map(({ delay }) => delay.p99)).toFixed(1)} ms`,
    'last third': `${median(late.map(({ delay }) => delay.p99)).toFixed(1)} ms`,
  },
});
console.log(`descriptors at the end: ${rows.at(-1)!.descriptors}; heap: ${mib(rows.at(-1)!.heap)}`);
console.log(`records: ${written} written, ${wanted} expected, ${ids.size} attempt ids`);

assert.equal(unexpected, 0, 'an answer was not the expected one');
assert.equal(code, 0, 'the server did not end in good order');
assert.equal(written, wanted, 'attempts and records differ');
assert.equal(ids.size, written, 'an attempt has more than one record');
assert.deepEqual(
  new Map([...seen].sort()),
  new Map([...expected].sort()),
  'records say something else than what was done',
);
// Memory in steady use breathes; a leak of 100 bytes an attempt shows.
const attempts = (late.at(-1)?.driven ?? 0) - (early[0]?.driven ?? 0);
assert.ok(heapLate - heapEarly < Math.max(8 * 1_048_576, attempts * 50), 'the heap grows');
assert.ok(rssLate < rssEarly * 1.25 + 32 * 1_048_576, 'resident memory grows');
assert.ok(fdsLate <= fdsEarly + 5, 'descriptors leak');
console.log('memory is flat, descriptors are flat, every attempt has its one record, and nothing was a 5xx');
