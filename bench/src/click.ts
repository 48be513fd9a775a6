/**
 * What a person waits for: from the click until somebody is signed in, without their own time, in real Chromium with a
 * virtual authenticator, on a near and on far servers. At once, and after some idle seconds, in which a server may close the connection.
 */
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { CONTESTANTS, type Contestant } from './contestants.ts';
import { type Carried, delayingProxy } from './delaying-proxy.ts';
import type { Person } from './people.ts';
import { start } from './processes.ts';
import type { Say } from './race.ts';
import { median, table } from './report.ts';
import type { Task } from './server.ts';
import type { Venue } from './venue.ts';

/** Milliseconds there and back. */
const ROUND_TRIPS = [0, 50, 150] as const;
/** Longer than Node.js keeps an idle connection, by itself. */
const IDLE_MS = 7_000;
const NODES_OWN_KEEP_ALIVE = createServer().keepAliveTimeout;
/** What the guides write. */
const LONG_KEEP_ALIVE = 75_000;

/** Who clicks where. All keep their state in SQLite: memory is not for every contestant. */
const CLICKERS = [
  { name: 'Latchkey', contestant: 'express-sqlite', prepared: true, idles: true },
  { name: 'Latchkey without prepare()', contestant: 'express-sqlite', prepared: false, idles: false },
  { name: 'hand-wired SimpleWebAuthn', contestant: 'hand-wired-sqlite', prepared: false, idles: true },
  { name: 'better-auth', contestant: 'better-auth-sqlite', prepared: false, idles: true },
] as const;
type Clicker = (typeof CLICKERS)[number];

interface Click extends Carried {
  readonly took: number;
}

/** The clicks of one clicker in one situation, one for each round. */
export interface Clicks {
  readonly name: string;
  /** The pages' script, compressed by Brotli. Bytes. */
  readonly script: number;
  /** Null for a click at once. */
  readonly keepAlive: number | null;
  readonly roundTrip: number;
  readonly clicks: Click[];
}

export async function raceClicks(rounds: number, venue: Venue, say: Say): Promise<Clicks[]> {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  });
  const sites: Site[] = [];
  try {
    for (const keepAlive of [LONG_KEEP_ALIVE, NODES_OWN_KEEP_ALIVE]) {
      for (const name of new Set(CLICKERS.map(({ contestant }) => contestant))) {
        const contestant = CONTESTANTS.find((each) => each.name === name)!;
        sites.push(await openSite(contestant, keepAlive, browser, venue));
      }
    }
    const all: Clicks[] = [];
    const clicksOf = ({ name }: Clicker, { script }: Site, keepAlive: number | null, roundTrip: number) => {
      const known = all.find(
        (each) => each.name === name && each.keepAlive === keepAlive && each.roundTrip === roundTrip,
      );
      if (known !== undefined) return known.clicks;
      const clicks: Click[] = [];
      all.push({ name, script, keepAlive, roundTrip, clicks });
      return clicks;
    };
    const siteOf = ({ contestant }: Clicker, keepAlive: number) =>
      sites.find((site) => site.name === contestant && site.keepAlive === keepAlive)!;

    say('click: everyone once, uncounted');
    for (const site of sites) await (await site.visit(0, true)).click();
    for (let round = 0; round < rounds; round++) {
      const order = CLICKERS.map((_, index) => CLICKERS[(index + round) % CLICKERS.length]!);
      for (const roundTrip of ROUND_TRIPS) {
        for (const clicker of order) {
          const site = siteOf(clicker, LONG_KEEP_ALIVE);
          clicksOf(clicker, site, null, roundTrip).push(await (await site.visit(roundTrip, clicker.prepared)).click());
        }
        const waiting: (() => Promise<unknown>)[] = [];
        for (const clicker of order.filter(({ idles }) => idles)) {
          for (const keepAlive of [LONG_KEEP_ALIVE, NODES_OWN_KEEP_ALIVE]) {
            const site = siteOf(clicker, keepAlive);
            const visit = await site.visit(roundTrip, clicker.prepared);
            const clicks = clicksOf(clicker, site, keepAlive, roundTrip);
            waiting.push(async () => clicks.push(await visit.click()));
          }
        }
        await setTimeout(IDLE_MS);
        for (const click of waiting) await click();
      }
      say(`click: round ${round + 1} of ${rounds}`);
    }
    return all;
  } finally {
    await browser.close();
    for (const site of sites) await site.close();
  }
}

type Site = Awaited<ReturnType<typeof openSite>>;

/** One contestant's application behind a proxy that delays, with its page. */
async function openSite(contestant: Contestant, keepAlive: number, browser: Browser, venue: Venue) {
  const proxy = await delayingProxy();
  const page = await scriptOf(contestant);
  const task: Task = {
    contestant,
    ...(await venue.taskFor(contestant)),
    site: { origin: proxy.origin, keepAlive, page },
  };
  const { worker, hello } = await start<{ port: number }>('server.ts', JSON.stringify(task));
  proxy.leadTo(hello.port);
  const people: Person[] = JSON.parse(readFileSync(task.people, 'utf8'));
  let visits = 0;

  return {
    name: contestant.name,
    keepAlive,
    script: brotliCompressSync(readFileSync(page)).length,

    /** Somebody with a browser of their own opens the page. */
    async visit(roundTrip: number, prepared: boolean) {
      const person = people[visits++ % people.length]!;
      proxy.take(roundTrip);
      const context = await browser.newContext();
      const page = await context.newPage();
      await givePasskey(page, person);
      await page.goto(proxy.origin);
      await page.locator('button').waitFor();
      const before = proxy.carried();
      if (prepared) await page.evaluate('prepare()');
      return {
        async click(): Promise<Click> {
          proxy.take(roundTrip);
          const { connections } = proxy.carried();
          await page.click('button');
          const took = await page.evaluate<number>('took');
          const after = proxy.carried();
          const { user } = await page.evaluate<{ user?: string }>("fetch('/who').then((answer) => answer.json())");
          if (user !== person.userId)
            throw new Error(`${contestant.name}: ${user} is signed in, not ${person.userId}.`);
          await context.close();
          return {
            took,
            up: after.up - before.up,
            down: after.down - before.down,
            connections: after.connections - connections,
          };
        },
      };
    },

    async close() {
      proxy.close();
      await worker.end();
    },
  };
}

/** The contestant's script for pages, as an application's bundler makes it: the name of a file. */
async function scriptOf({ kind }: Contestant): Promise<string> {
  const folder = join(tmpdir(), 'latchkey-bench-pages');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${kind}.js`);
  await build({
    entryPoints: [fileURLToPath(new URL(`pages/${kind}.ts`, import.meta.url))],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['latchkey-source'],
    define: { 'process.env.NODE_ENV': '"production"' },
    outfile,
  });
  return outfile;
}

async function givePasskey(page: Page, { credentialId, userHandle, privateKey }: Person): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const base64 = (base64url: string) => Buffer.from(base64url, 'base64url').toString('base64');
  await cdp.send('WebAuthn.addCredential', {
    authenticatorId,
    credential: {
      credentialId: base64(credentialId),
      isResidentCredential: true,
      rpId: 'localhost',
      privateKey: createPrivateKey(privateKey).export({ type: 'pkcs8', format: 'der' }).toString('base64'),
      userHandle: base64(userHandle),
      signCount: 0,
      backupEligibility: true,
      backupState: true,
    },
  });
}

export function clicksTable(all: readonly Clicks[]): string {
  const atOnce = all.filter(({ keepAlive }) => keepAlive === null);
  const tables = [clicksAmong(atOnce, 'click to signed in, ms')];
  for (const keepAlive of [NODES_OWN_KEEP_ALIVE, LONG_KEEP_ALIVE]) {
    const idle = all.filter((each) => each.keepAlive === keepAlive);
    tables.push(clicksAmong(idle, `after ${IDLE_MS / 1_000} s, connections kept for ${keepAlive / 1_000} s`));
  }
  return tables.join('\n\n');
}

function clicksAmong(all: readonly Clicks[], title: string): string {
  const of = (name: string, roundTrip: number) =>
    all.find((each) => each.name === name && each.roundTrip === roundTrip)!.clicks;
  const wired = CLICKERS.find(({ contestant }) => contestant === 'hand-wired-sqlite')!.name;
  const medianOf = (clicks: readonly Click[], member: keyof Click) => median(clicks.map((click) => click[member]));
  return table(
    [title, ...ROUND_TRIPS.map((ms) => `${ms} ms`), 'of hand-wired', 'bytes up', 'down', 'connections', 'script'],
    CLICKERS.filter(({ name }) => all.some((each) => each.name === name)).map(({ name }) => {
      const far = of(name, ROUND_TRIPS.at(-1)!);
      const ratios = ROUND_TRIPS.map((roundTrip) =>
        median(of(name, roundTrip).map(({ took }, round) => took / of(wired, roundTrip)[round]!.took)).toFixed(2),
      );
      return [
        name,
        ...ROUND_TRIPS.map((roundTrip) => {
          const clicks = of(name, roundTrip);
          const all = clicks.map(({ took }) => took);
          return `${medianOf(clicks, 'took').toFixed(0)} (${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)})`;
        }),
        ratios.join(', '),
        medianOf(far, 'up').toFixed(0),
        medianOf(far, 'down').toFixed(0),
        medianOf(far, 'connections').toFixed(0),
        String(all.find((each) => each.name === name)!.script),
      ];
    }),
  );
}
