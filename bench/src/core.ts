/**
 * Core alone, in a process of its own: sign-ins through its handler with plain request objects,
 * beside the one signature check that no sign-in goes without. Its argument is a file with everyone.
 */
import { createSecretKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AttemptRecord, HttpRequest, HttpResponse } from '@latchkey/core';
import { conclude } from '../../packages/core/src/record/conclude.ts';
import { type AttemptDraft, newDraft, SUCCESS } from '../../packages/core/src/record/draft.ts';
import { latchkeyOn, passkeyOf } from './apps/latchkey.ts';
import { verifyOnce } from './apps/limit.ts';
import { answer, CLIENT, HEADERS, OPTIONS, type Passkey, passkeysOf } from './assertion.ts';
import type { Person } from './people.ts';
import { openPlace } from './places.ts';
import { profiling } from './profile.ts';

/** CPU time in microseconds: of one sign-in, and of its parts. */
export interface CoreCost {
  readonly options: number;
  readonly verify: number;
  /** Concluding a record and writing it as JSON; part of verify. */
  readonly record: number;
  /** A guard whose session the process knows, the application's `users.find` included. */
  readonly guard: number;
  /** One `crypto.verify` of a P-256 signature. */
  readonly signature: number;
}

/** Bytes of heap for each. */
export interface HeapCost {
  readonly pending: number;
  readonly answered: number;
  readonly passkey: number;
}

export type CoreAsk =
  | { readonly ask: 'turn'; readonly count: number }
  | { readonly ask: 'heap'; readonly count: number }
  | { readonly ask: 'profile' }
  | { readonly ask: 'save'; readonly file: string };

const ORIGIN = 'http://localhost:3000';
/** Few enough that a phase keeps little in memory, enough for the clock. */
const BATCH = 500;

const people: Person[] = JSON.parse(readFileSync(process.argv[2]!, 'utf8'));
const holders = passkeysOf(people);
const place = await openPlace('memory', { sqlite: '', postgres: '', redis: '', prefix: '' });
let records = 0;
let line = '';
const written = {
  write(record: AttemptRecord) {
    // Sessions that were one too many leave records of their own.
    if (record.event.name.endsWith('.attempt')) records++;
    line = JSON.stringify(record);
  },
  settled: async () => records,
};
const passkeys = await latchkeyOn({ origin: ORIGIN, people, place, records: written });

/** A browser that was here before: its binding cookie, and that of its session. */
interface Browser {
  readonly cookie: string;
  session: string | undefined;
}
const browsers: Browser[] = Array.from({ length: 64 }, () => ({
  cookie: `latchkey=${randomBytes(16).toString('base64url')}`,
  session: undefined,
}));

function requestOf(path: string, body: object, browser: Browser): HttpRequest {
  const headers: Record<string, string> = {
    ...HEADERS,
    origin: ORIGIN,
    'content-type': 'application/json',
    cookie: browser.session ? `${browser.cookie}; ${browser.session}` : browser.cookie,
  };
  return {
    method: 'POST',
    path,
    url: `/passkeys${path}`,
    header: (name) => headers[name],
    body: { parsed: body },
    address: '127.0.0.1',
    framework: 'none',
    native: null,
    nativeResponse: null,
  };
}

function checked({ status, body }: HttpResponse): string {
  if (status !== 200 || body === null) throw new Error(`Core answered ${status}: ${body}`);
  return body;
}

/** Keeps the session's cookie, as a browser does. */
function keepSession(browser: Browser, { cookies }: HttpResponse): void {
  browser.session = cookies.find((cookie) => cookie.startsWith('latchkey-session='))?.split(';')[0];
}

async function whoIsIn(request: HttpRequest): Promise<string | undefined> {
  const guarded = await passkeys.readSession(request);
  return 'session' in guarded ? guarded.session?.user.id : undefined;
}

/** The CPU time of some work, in microseconds. */
async function timed(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** `count` sign-ins in batches: all options, then all signatures, which are not counted, then all verifications. */
async function turn(count: number): Promise<CoreCost> {
  const spent = { options: 0, verify: 0, record: 0, guard: 0, signature: 0 };
  for (let done = 0; done < count; done += BATCH) {
    const size = Math.min(BATCH, count - done);
    const opened: { browser: Browser; holder: Passkey; text: string }[] = [];
    const asks = Array.from({ length: size }, (_, index) => {
      const browser = browsers[index % browsers.length]!;
      return { browser, request: requestOf('/authentication/options', { ...OPTIONS }, browser) };
    });
    spent.options += await timed(async () => {
      for (const [index, { browser, request }] of asks.entries()) {
        const text = checked(await passkeys.handle(request));
        opened.push({ browser, holder: holders[(done + index) % holders.length]!, text });
      }
    });
    const answers = opened.map(({ browser, holder, text }) => {
      const { attemptId, publicKey } = JSON.parse(text);
      const body = { attemptId, credential: answer(holder, publicKey.challenge, ORIGIN), client: { ...CLIENT } };
      return { browser, holder, request: requestOf('/authentication/verify', body, browser) };
    });
    const before = records;
    const responses: HttpResponse[] = [];
    spent.verify += await timed(async () => {
      for (const { request } of answers) responses.push(await passkeys.handle(request));
    });
    const guarded: HttpRequest[] = [];
    for (const [index, { browser, holder }] of answers.entries()) {
      const response = responses[index]!;
      checked(response);
      keepSession(browser, response);
      const request: HttpRequest = { ...requestOf('/who', {}, browser), method: 'GET' };
      if ((await whoIsIn(request)) !== holder.person.userId) throw new Error('Nobody was signed in.');
      guarded.push(request);
      browser.session = undefined;
    }
    spent.guard += await timed(async () => {
      for (const request of guarded) await passkeys.readSession(request);
    });
    if (records - before !== size) throw new Error(`${records - before} records for ${size} sign-ins.`);
    spent.signature += await timed(() => {
      for (let index = 0; index < size; index++) verifyOnce();
    });
    spent.record += await timed(() => {
      for (let index = 0; index < size; index++) line = JSON.stringify(concluded());
    });
  }
  const each = (part: keyof typeof spent) => spent[part] / count;
  return {
    options: each('options'),
    verify: each('verify'),
    record: each('record'),
    guard: each('guard'),
    signature: each('signature'),
  };
}

const identityKey = { id: 'k', key: createSecretKey(Buffer.alloc(32, 7)), isEphemeral: false };

/** A record as a sign-in leaves it. */
function concluded() {
  const now = Date.now();
  const draft: AttemptDraft = {
    ...newDraft('latchkey.signin.attempt', now),
    mode: 'immediate',
    challenged: true,
    challengeStatus: 'fresh',
    challengeTtlMs: 120_000,
    immediateMediation: 'prefer',
    clientReport: 'used',
    immediateGet: true,
    signature: 'valid',
    flags: { userPresent: true, userVerified: true, backupEligible: true, backedUp: true },
    signCount: 'zero',
    crossOrigin: false,
    credentialId: Buffer.alloc(32, 7),
    aaguid: 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4',
    attachment: 'platform',
    userId: 'user-0',
    origin: ORIGIN,
    address: '127.0.0.1',
    userAgent: HEADERS['user-agent'],
    stage: 'session',
  };
  return conclude(draft, SUCCESS, {
    now,
    receivedAt: now,
    http: { method: 'POST', route: '/authentication/verify', status: 200 },
    rpId: 'localhost',
    framework: 'none',
    identityKey,
    span: null,
  });
}

/** Needs `--expose-gc`. */
async function heapOf(count: number): Promise<HeapCost> {
  const { gc } = globalThis as { gc?: () => void };
  const used = () => {
    gc!();
    gc!();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const grown = async (work: () => Promise<void>) => {
    const before = used();
    await work();
    return (used() - before) / count;
  };
  await turn(BATCH * 4);
  const answered = await grown(async () => void (await turn(count)));
  const pending = await grown(async () => {
    for (let index = 0; index < count; index++) {
      const browser = browsers[index % browsers.length]!;
      checked(await passkeys.handle(requestOf('/authentication/options', { ...OPTIONS }, browser)));
    }
  });
  const passkey = await grown(async () => {
    for (let index = 0; index < count; index++) {
      const id = `more-${index}`;
      const passkey = passkeyOf({ ...people[0]!, userId: id, userHandle: fresh(), credentialId: fresh() });
      await place.store.passkeys.insert({ passkey, max: 20 });
    }
  });
  return { pending, answered, passkey };
}

const fresh = () => randomBytes(32).toString('base64url');

const profile = profiling();
process.on('message', async (message: CoreAsk) => {
  if (message.ask === 'turn') return process.send!(await turn(message.count));
  if (message.ask === 'heap') return process.send!(await heapOf(message.count));
  if (message.ask === 'profile') await profile.start();
  else await profile.save(message.file);
  return process.send!({});
});
process.on('disconnect', () => process.exit(line === '' ? 1 : 0));
process.send!({});
