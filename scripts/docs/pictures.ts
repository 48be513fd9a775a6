/// <reference lib="dom" />
// Takes the README's pictures of the demo: `npm run pictures`, or `node scripts/docs/pictures.ts [FOLDER]` once everything is
// built. Starts the demo, signs people up and in with a virtual authenticator in real Chromium, lets some of it fail, and
// captures what the pages show. So that the charts have a past, the demo runs several times over one store, each time with
// its clock a few minutes nearer to now; nothing in the pictures is made up.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { NODE, ROOT } from '../workspace.mjs';

const FOLDER = process.argv[2] ?? join(ROOT, 'docs/pictures');
const MOST_BYTES = 150_000;
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** So many minutes ago, so many people signed in, and so much went wrong. */
const PAST = [
  { ago: 26, signIns: 2, left: 1, refused: 0 },
  { ago: 21, signIns: 4, left: 0, refused: 0 },
  { ago: 17, signIns: 3, left: 2, refused: 1 },
  { ago: 12, signIns: 6, left: 1, refused: 0 },
  { ago: 7, signIns: 4, left: 1, refused: 1 },
  { ago: 3, signIns: 5, left: 1, refused: 0 },
];

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(CHROMIUM)) {
  console.error(
    `There is no ${CHROMIUM}: install Debian's package chromium, or name yours, e.g. CHROMIUM=/usr/bin/google-chrome.`,
  );
  process.exit(1);
}

const temporary = mkdtempSync(join(tmpdir(), 'latchkey-pictures-'));
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: FLAGS.split(' '),
});
try {
  for (const then of PAST) await withDemo(then.ago, (url) => live(url, then));
  await withDemo(0, async (url) => {
    await live(url, { ago: 0, signIns: 2, left: 0, refused: 0 });
    await leaveOpen(url);
    await takePictures(url);
  });
} finally {
  await browser.close();
  rmSync(temporary, { recursive: true, force: true });
}

/** The demo, with its clock so many minutes behind. */
async function withDemo(ago: number, work: (url: string) => Promise<void>) {
  const clock = `const now = Date.now; Date.now = () => now() - ${ago * 60_000};`;
  const demo = spawn(
    NODE,
    ['--import', `data:text/javascript,${encodeURIComponent(clock)}`, 'examples/demo/src/server.ts'],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        PORT: '0',
        STORE: `sqlite:${join(temporary, 'demo.sqlite')}`,
        CHALLENGE_TTL: '3s',
        SWEEP_EVERY: '500ms',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(demo, 'exit');
  try {
    await work(await addressOf(demo));
  } finally {
    demo.kill('SIGTERM');
    await ended;
  }
}

async function addressOf(child: import('node:child_process').ChildProcess): Promise<string> {
  let output = '';
  const stdout = child.stdout as import('node:stream').Readable;
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    output += chunk;
    const url = /^listening on (\S+)\n/.exec(output)?.[1];
    if (!url) continue;
    stdout.resume();
    return url;
  }
  throw new Error('The demo ended before it was ready. Is everything built?');
}

/** Someone signs up and in; others come without a passkey, and some answers are wrong. */
async function live(url: string, { ago, signIns, left, refused }: (typeof PAST)[number]) {
  const { page, context } = await visitor();
  await page.goto(`${url}/sign-up`);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(`ada-${ago}`);
  await page.getByRole('button', { name: 'Create a passkey' }).click();
  await page.waitForURL(/\/account$/);
  for (let i = 0; i < signIns; i++) {
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByText('You are signed out.').waitFor();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/account$/);
  }
  for (let i = 0; i < refused; i++) await answerWrongly(page);
  await context.close();

  const stranger = await visitor();
  for (let i = 0; i < left; i++) {
    await stranger.page.goto(url);
    await stranger.page.getByRole('button', { name: 'Sign in' }).click();
    await stranger.page.getByText('No passkey was used.').waitFor();
  }
  await stranger.context.close();
}

/** A genuine answer whose signature was tampered with. */
async function answerWrongly(page: Page) {
  await page.evaluate(async () => {
    const post = (path: string, body: object) =>
      fetch(`/passkeys${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const options = await post('/authentication/options', { mode: 'modal' });
    const { attemptId, publicKey } = (await options.json()) as {
      attemptId: string;
      publicKey: PublicKeyCredentialRequestOptionsJSON;
    };
    const asked = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    const credential = (await navigator.credentials.get({ publicKey: asked })) as PublicKeyCredential;
    const answer = credential.toJSON() as AuthenticationResponseJSON;
    answer.response.signature = answer.response.signature.replace(/.{8}$/, 'AAAAAAAA');
    await post('/authentication/verify', { attemptId, credential: answer });
  });
}

/** A tab that is closed with the sheet open. */
async function leaveOpen(url: string) {
  const { page, context, touch } = await visitor();
  await page.goto(url);
  await touch(false);
  const begun = page.waitForResponse((response) => response.url().endsWith('/outcome'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await begun;
  await context.close();
}

async function takePictures(url: string) {
  mkdirSync(FOLDER, { recursive: true });
  const { page, context } = await visitor();
  await page.goto(`${url}/attempts`);
  await page.setViewportSize({ width: 1180, height: 1390 });
  await page.locator('#chart-summary', { hasText: 'abandoned' }).waitFor();
  await picture(page, 'demo-attempts.png');
  await page.setViewportSize({ width: 1180, height: 860 });
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await picture(page, 'demo-sign-in.png');
  await context.close();
}

/** A browser with an authenticator that needs no hand. */
async function visitor() {
  const context = await browser.newContext({
    viewport: { width: 1180, height: 1280 },
    colorScheme: 'light',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
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
  return {
    context,
    page,
    touch: (enabled: boolean) => cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
  };
}

async function picture(page: Page, name: string) {
  const path = join(FOLDER, name);
  await page.screenshot({ path, animations: 'disabled' });
  const { size } = statSync(path);
  if (size > MOST_BYTES) throw new Error(`${name} has ${size} bytes, and may have ${MOST_BYTES}.`);
  console.error(`${path}: ${size} bytes`);
}
