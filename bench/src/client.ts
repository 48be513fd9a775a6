/**
 * The browsers and the passkeys, in a process of their own, so that a server's CPU time is its own. A
 * browser keeps its cookies from one sign-in to the next but its session, as one does whose session has ended.
 */
import { readFileSync } from 'node:fs';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { answer, CLIENT, HEADERS, OPTIONS, type Passkey, passkeysOf } from './assertion.ts';
import type { Contestant } from './contestants.ts';
import type { Person } from './people.ts';
import { type Stillness, watchStillness } from './stillness.ts';

/** What to drive. */
export interface Drive {
  readonly kind: Contestant['kind'];
  readonly origin: string;
  readonly count: number;
  /** How many at a time. */
  readonly connections: number;
  /** Whether each sign-in is followed by asking who is signed in. */
  readonly check: boolean;
  /** How many are due each second, whether those before them are done or not; then `connections` has no say. */
  readonly rate?: number;
}

/** From the moment a sign-in was due to its end, in milliseconds: so that waiting counts. */
export interface Waits {
  readonly median: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
  /** Of the client: what it waited for itself is nobody's fault. */
  readonly client: Stillness;
}

export interface Driven {
  readonly seconds: number;
  /** How many were asked for and found signed in, as the person whose passkey it was. */
  readonly confirmed: number;
  /** Where there was a rate. */
  readonly waits?: Waits;
  readonly fault?: string;
}

interface Browser {
  readonly cookies: Map<string, string>;
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

const people: Person[] = JSON.parse(readFileSync(process.argv[2]!, 'utf8'));
const passkeys = passkeysOf(people);
const BROWSERS = 64;
/** A session's cookie in each library; every other cookie stays. */
const SESSION_COOKIES = ['latchkey-session', 'connect.sid', 'koa.sess', 'sessionId', 'better-auth.session_token'];

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

async function drive({ kind, origin, count, connections, check }: Drive): Promise<Driven> {
  const browsers: Browser[] = Array.from({ length: BROWSERS }, () => ({ cookies: new Map() }));
  let begun = 0;
  let confirmed = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (begun < count) {
        const turn = begun++;
        const browser = browsers[turn % BROWSERS]!;
        const passkey = passkeys[turn % passkeys.length]!;
        for (const name of SESSION_COOKIES) browser.cookies.delete(name);
        await SIGN_IN[kind](origin, browser, passkey);
        if (check && (await whoIs(origin, browser)) === (expected(kind) ?? passkey.person.userId)) confirmed++;
      }
    }),
  );
  return { seconds: (performance.now() - start) / 1_000, confirmed };
}

/** Sign-ins at a fixed rate, as people come: nobody waits for who was there before. */
async function driveAt(rate: number, { kind, origin, count }: Drive): Promise<Driven> {
  const idle: Browser[] = [];
  const took: number[] = [];
  const underWay: Promise<unknown>[] = [];
  const watched = watchStillness();
  const start = performance.now();
  for (let turn = 0; turn < count; turn++) {
    const due = start + (turn * 1_000) / rate;
    // A timer comes up to a millisecond late, which is measured; to ask for the time all the while would take the server's CPU.
    const early = due - performance.now();
    if (early > 0) await wait(early);
    const browser = idle.shift() ?? { cookies: new Map() };
    for (const name of SESSION_COOKIES) browser.cookies.delete(name);
    const signedIn = SIGN_IN[kind](origin, browser, passkeys[turn % passkeys.length]!);
    const done = () => {
      took.push(performance.now() - due);
      idle.push(browser);
    };
    underWay.push(signedIn.then(done));
  }
  await Promise.all(underWay);
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  const waits = { median: at(0.5), p99: at(0.99), p999: at(0.999), most: sorted.at(-1)!, client: watched() };
  return { seconds: (performance.now() - start) / 1_000, confirmed: 0, waits };
}

/** The limit signs in nobody; limit+ always the same person. */
function expected(kind: Contestant['kind']): string | undefined {
  return kind === 'limit+' ? 'user-0' : undefined;
}

async function whoIs(origin: string, browser: Browser): Promise<unknown> {
  const { status, text } = await send(origin, browser, 'GET', '/who');
  return status === 200 ? JSON.parse(text).user : undefined;
}

/** A complete sign-in with each kind of contestant. */
const SIGN_IN: Record<Contestant['kind'], (origin: string, browser: Browser, passkey: Passkey) => Promise<void>> = {
  async latchkey(origin, browser, passkey) {
    const options = await post(origin, browser, '/passkeys/authentication/options', ASK);
    const { attemptId, publicKey } = JSON.parse(options);
    const credential = answer(passkey, publicKey.challenge, origin);
    const body = { attemptId, credential, client: CLIENT };
    await post(origin, browser, '/passkeys/authentication/verify', JSON.stringify(body));
  },
  limit: emptyPosts,
  'limit+': emptyPosts,
  async 'hand-wired'(origin, browser, passkey) {
    const { challenge } = JSON.parse(await post(origin, browser, '/options', '{}'));
    await post(origin, browser, '/verify', JSON.stringify(answer(passkey, challenge, origin)));
  },
  async 'better-auth'(origin, browser, passkey) {
    const { text } = await send(origin, browser, 'GET', '/api/auth/passkey/generate-authenticate-options');
    const response = answer(passkey, JSON.parse(text).challenge, origin);
    await post(origin, browser, '/api/auth/passkey/verify-authentication', JSON.stringify({ response }));
  },
};

const ASK = JSON.stringify(OPTIONS);

async function emptyPosts(origin: string, browser: Browser): Promise<void> {
  await post(origin, browser, '/options', '{}');
  await post(origin, browser, '/verify', '{}');
}

async function post(origin: string, browser: Browser, path: string, body: string): Promise<string> {
  const { status, text } = await send(origin, browser, 'POST', path, body);
  if (status !== 200) throw new Error(`POST ${path} answered ${status}: ${text}`);
  return text;
}

function send(origin: string, browser: Browser, method: string, path: string, body?: string): Promise<Reply> {
  const port = Number(origin.slice(origin.lastIndexOf(':') + 1));
  const headers: Record<string, string | number> = { ...HEADERS, origin, referer: `${origin}/` };
  if (browser.cookies.size > 0) headers.cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
  }
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: 'localhost', port, method, path, headers }, (response) => {
      keepCookies(browser, response.headers);
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function keepCookies({ cookies }: Browser, headers: IncomingHttpHeaders): void {
  for (const line of headers['set-cookie'] ?? []) {
    const [pair = ''] = line.split(';', 1);
    const name = pair.slice(0, pair.indexOf('='));
    cookies.set(name, pair.slice(name.length + 1));
  }
}

process.on('message', async (message: Drive) => {
  const { rate } = message;
  const driven = await (rate === undefined ? drive(message) : driveAt(rate, message)).catch((error) => ({
    seconds: 0,
    confirmed: 0,
    fault: String(error.message),
  }));
  process.send!(driven satisfies Driven);
});
process.on('disconnect', () => process.exit());
process.send!({});
