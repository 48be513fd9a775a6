/**
 * The demo application as a visitor and an operator meet it: started as its own process, used in real Chromium with a
 * virtual authenticator, judged by what the pages say and by what the audit log has. Nothing here sleeps for a time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ATTEMPT_SCHEMA, type AttemptRecord, explain, LIMITS, REASON_MEANINGS } from '@latchkey/core';
import { createAgent } from '@latchkey/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { faultsOfPage } from '../support/axe.ts';
import { addAuthenticator, launchChromium } from '../support/chromium.ts';
import { atThisSpeed } from '../support/slowness.ts';

// A busy machine takes its time to start a demo, and some tests start two.

const { NODE_COMPILE_CACHE } = process.env;
const SERVER = fileURLToPath(new URL('../../examples/demo/src/server.ts', import.meta.url));

// --- the demo as a process ---

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Demo {
  readonly url: string;
  /** What the audit log has so far. */
  records(): Promise<AttemptRecord[]>;
  /** The record that matches, once it is there. */
  record(matches: (record: AttemptRecord) => boolean): Promise<AttemptRecord>;
  stop(): Promise<Ended>;
}

function spawnDemo(env: Record<string, string>): { child: ChildProcess; ended: Promise<Ended>; stdout(): string } {
  const child = spawn(process.execPath, ['--conditions=latchkey-source', SERVER], {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE, PORT: '0', STORE: 'memory:', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
  return { child, ended, stdout: () => stdout };
}

async function startDemo(folder: string, env: Record<string, string> = {}): Promise<Demo> {
  const auditLog = join(folder, 'attempts.jsonl');
  const { child, ended, stdout } = spawnDemo({
    STORE: `sqlite:${join(folder, 'demo.sqlite')}`,
    AUDIT_LOG: auditLog,
    ...env,
  });
  const ready = () => /^listening on (\S+)\n/.exec(stdout())?.[1];
  const early = ended.then(({ stderr }) => {
    throw new Error(`The demo ended before it was ready: ${stderr}`);
  });
  await Promise.race([vi.waitUntil(ready, { timeout: atThisSpeed(30_000), interval: 20 }), early]);
  early.catch(() => {});

  const records = async () => {
    const text = await readFile(auditLog, 'utf8');
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return lines.slice(0, -1).map((line): AttemptRecord => JSON.parse(line));
  };
  return {
    url: ready()!,
    records,
    record: (matches) =>
      vi.waitUntil(async () => (await records()).find(matches), {
        timeout: atThisSpeed(20_000),
        interval: 20,
      }) as Promise<AttemptRecord>,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

async function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'latchkey-demo-'));
}

// --- every record is what the schema says, whichever test made it ---

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const isRecord = ajv.compile(ATTEMPT_SCHEMA);

function expectValid(records: readonly AttemptRecord[]): void {
  expect(records.length).toBeGreaterThan(0);
  for (const record of records) expect(isRecord(record) || ajv.errorsText(isRecord.errors), record.message).toBe(true);
  const attempts = records.map(({ attempt }) => attempt.id);
  expect(new Set(attempts).size, 'one terminal record per attempt').toBe(attempts.length);
}

// --- a visitor ---

interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained of, and nothing else. */
  readonly complaints: string[];
  readonly authenticator: {
    forget(): Promise<void>;
    touchBySelf(enabled: boolean): Promise<void>;
  };
}

let browser: Browser;
let visitors: Visitor[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});

afterAll(() => browser?.close());

beforeEach(() => {
  visitors = [];
});

afterEach(async () => {
  for (const { context } of visitors) await context.close();
  expect(visitors.flatMap(({ complaints }) => complaints)).toEqual([]);
});

async function visit(options: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Visitor> {
  const { colorScheme = 'light', width = 1100 } = options;
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 720 } });
  // Shorter than a test may take, so that it is the page that says what it waited for.
  context.setDefaultTimeout(atThisSpeed(20_000));
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const authenticatorId = await addAuthenticator(cdp);
  const complaints: string[] = [];
  // Violations of the content security policy are console errors, too.
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  const visitor: Visitor = {
    context,
    page,
    complaints,
    authenticator: {
      forget: async () => void (await cdp.send('WebAuthn.clearCredentials', { authenticatorId })),
      touchBySelf: async (enabled) =>
        void (await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })),
    },
  };
  visitors.push(visitor);
  return visitor;
}

async function signUp({ page }: Visitor, url: string, name: string, displayName = ''): Promise<void> {
  await page.goto(`${url}/sign-up`);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  await page.getByLabel('What to call you').fill(displayName);
  await page.getByRole('button', { name: 'Create a passkey' }).click();
  await page.waitForURL(`${url}/account`);
  await page.locator('latchkey-passkeys li').first().waitFor();
}

async function signOut({ page }: Visitor, url: string): Promise<void> {
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.waitForURL((now) => now.origin === url && now.pathname === '/');
  await page.getByText('You are signed out.').waitFor();
}

async function signInByOneClick({ page }: Visitor, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${url}/account`);
}

/** The browser logs every answer from 400 on as an error, also one that the page was made for. */
function forgive({ complaints }: Visitor, status: number): void {
  expect(complaints).toEqual([expect.stringContaining(`status of ${status}`)]);
  complaints.length = 0;
}

const isAttempt = ({ event }: AttemptRecord) => event.name.endsWith('.attempt');
const isSignIn = ({ event }: AttemptRecord) => event.name === 'latchkey.signin.attempt';
const isSuccess = (record: AttemptRecord) => isSignIn(record) && record.outcome === 'success';

/** Slow machines are slow: a page may take this long to show what it must. */
const patiently = { timeout: atThisSpeed(20_000) };

describe.each(['express', 'koa', 'fastify'])('the demo on %s', (framework) => {
  test('tells the whole story: sign up, sign in, step up, add, rename, remove, sign out', async () => {
    const folder = await newFolder();
    const demo = await startDemo(folder, { FRAMEWORK: framework });
    onTestFinished(async () => {
      await demo.stop();
      await rm(folder, { recursive: true, force: true });
    });
    const zoe = await visit();
    const { page, authenticator } = zoe;
    const status = page.getByRole('status');
    await page.goto(`${demo.url}/account`);
    await page.getByText('Sign in to see your account.').waitFor();
    await signUp(zoe, demo.url, 'zoe', 'Zoë');
    await signOut(zoe, demo.url);
    await signInByOneClick(zoe, demo.url);
    await page.getByRole('heading', { name: 'Hello, Zoë' }).waitFor();
    expect(await page.locator('.enforcement').textContent()).toBe('enforced');

    expect(await page.evaluate(async () => (await fetch('/account/note')).status)).toBe(403);
    forgive(zoe, 403);
    await page.getByRole('button', { name: 'Confirm and read' }).click();
    await status.getByText('under the third flowerpot').waitFor();

    await page.goto(`${demo.url}/people`);
    await page.getByLabel('Name of the person').fill('zoe');
    await page.getByRole('button', { name: 'Confirm and look' }).click();
    await page.getByText('This is for the operator’s account.').waitFor();
    // Asked to confirm, and then refused.
    expect(zoe.complaints.splice(0)).toHaveLength(2);
    await page.goto(`${demo.url}/account`);

    await authenticator.forget();
    await page.getByLabel('Name for another passkey').fill('Phone');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await status.getByText('“Phone” is added.').waitFor();
    await page.getByRole('button', { name: 'Rename: Phone' }).click();
    await page.keyboard.type('Old phone');
    await page.keyboard.press('Enter');
    await status.getByText('It is called “Old phone” now.').waitFor();
    await page.getByRole('button', { name: 'Remove: Old phone' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await status.getByText('“Old phone” is removed.').waitFor();
    expect(await page.locator('#letters .subject').allTextContents()).toEqual([
      'A passkey was removed from your account',
      'A passkey was added to your account',
      'First sign-in with a passkey',
      'A passkey was added to your account',
    ]);

    await page.goto(`${demo.url}/attempts`);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('link', { name: /^Explain: Sign-in, Success/ }).click();
    await page.getByRole('heading', { name: 'Sign-in succeeded; immediate mediation enforced' }).waitFor();
    await page.locator('.proved').getByText('User verification: the authenticator signed').waitFor();
    for (const nobodys of ['00000000-0000-7000-8000-000000000000', 'latest.', '%22']) {
      expect((await fetch(`${demo.url}/attempts/${nobodys}`)).status, nobodys).toBe(404);
    }
    await page.goto(`${demo.url}/account`);

    // An invitation, for a browser where the person is not signed in.
    const mia = await visit();
    await signUp(mia, demo.url, 'mia', 'Mia');
    const asked = await mia.page.evaluate(async () => (await fetch('/account/invitation', { method: 'POST' })).status);
    expect(asked).toBe(403);
    forgive(mia, 403);
    await mia.page.getByRole('button', { name: 'Confirm and invite' }).click();
    await mia.page.getByText('Open this link on the other device').waitFor();
    const link = (await mia.page.locator('#invitation strong').textContent())!;
    const { page: phone } = await visit();
    await phone.goto(link);
    await phone.getByRole('button', { name: 'Create a passkey' }).click();
    await phone.getByText('Your new passkey is made.').waitFor();
    expect(phone.url()).toBe(`${demo.url}/invited`);
    const late = await visit();
    await late.page.goto(link);
    await late.page.getByRole('button', { name: 'Create a passkey' }).click();
    await late.page.getByText('This invitation is not good any more.').waitFor();
    forgive(late, 400);
    await late.page.goto(`${demo.url}/invited`);
    await late.page.getByText('There is no invitation in this address.').waitFor();
    await signOut(zoe, demo.url);
    expect((await page.goto(`${demo.url}/nowhere`))?.status()).toBe(404);
    forgive(zoe, 404);

    await demo.record(({ event }) => event.name === 'latchkey.passkey.removed');
    const records = await demo.records();
    expectValid(records);
    // The application issued the invitation by itself.
    const ofRequests = records.filter(({ event }) => event.name !== 'latchkey.invitation.issued');
    expect(ofRequests.every(({ library }) => library.framework.startsWith(framework))).toBe(true);
    // Autofill on the sign-in page may have ended by itself, for want of a passkey: that is a record, too.
    const successes = records.filter(({ outcome }) => outcome === 'success');
    expect(successes.map(({ event }) => event.name.slice('latchkey.'.length))).toEqual([
      'registration.attempt',
      'passkey.added',
      'session.ended',
      'signin.attempt',
      'step_up.attempt',
      'step_up.attempt',
      'registration.attempt',
      'passkey.added',
      'passkey.renamed',
      'passkey.removed',
      'registration.attempt',
      'passkey.added',
      'step_up.attempt',
      'invitation.issued',
      'registration.attempt',
      'invitation.used',
      'passkey.added',
      'session.ended',
    ]);
  });
});

describe('a demo that runs', () => {
  let folder: string;
  let demo: Demo;

  beforeAll(async () => {
    folder = await newFolder();
    demo = await startDemo(folder, { SWEEP_EVERY: '500ms' });
  });

  afterAll(async () => {
    await demo?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('a new person signs up, signs out, and signs in by one click in Immediate UI mode', async () => {
    const ada = await visit();
    await signUp(ada, demo.url, 'ada', 'Ada Lovelace');
    await expect
      .poll(() => ada.page.getByRole('heading', { level: 1 }).textContent(), patiently)
      .toBe('Hello, Ada Lovelace');
    // The first success leads to the one click.
    await ada.page.getByRole('heading', { name: 'Your passkey is made' }).waitFor();
    await ada.page.getByRole('button', { name: 'Sign out and try the one click' }).click();
    await ada.page.waitForURL(`${demo.url}/`);
    await signInByOneClick(ada, demo.url);
    await ada.page.getByRole('heading', { name: 'Proved by this sign-in' }).waitFor();
    expect(await ada.page.locator('.enforcement').textContent()).toBe('enforced');
    expect(await ada.page.locator('.proofs').textContent()).toContain('Their device verified them');

    expect(await demo.record(isSuccess)).toMatchObject({
      reason: null,
      attempt: { mode: 'immediate' },
      immediate: {
        policy: 'prefer',
        requested: true,
        clientReport: 'used',
        evidence: 'client_report',
        enforcement: 'enforced',
        unmet: [],
      },
      assertion: { signature: 'valid', userPresent: true, userVerified: true },
    });
    await ada.page.getByRole('link', { name: 'See the record of this sign-in' }).click();
    await ada.page.getByRole('heading', { name: 'Sign-in succeeded; immediate mediation enforced' }).waitFor();
  });

  test('a browser without a passkey has the form and another way at once, and the record says no more than is known', async () => {
    const { page } = await visit();
    await page.goto(demo.url);
    const begun = page.waitForRequest(
      (request) => request.url().endsWith('/outcome') && request.postDataJSON().errorName,
    );
    const clickedAt = Date.now();
    await page.getByRole('button', { name: 'Sign in' }).click();
    const attemptId = (await begun).url().split('/').at(-2);
    await page.getByText('No passkey was used.').waitFor();
    await page.getByRole('button', { name: 'Use another device' }).waitFor();
    await page.getByText('No passkey for this page yet?').waitFor();
    // A busy machine takes its time; a browser that waited for somebody would wait for a minute or two.
    expect(Date.now() - clickedAt).toBeLessThan(atThisSpeed(20_000));

    expect(await demo.record(({ attempt }) => attempt.id === attemptId)).toMatchObject({
      outcome: 'cancelled',
      reason: 'client_not_allowed',
      reasonSource: 'client_report',
      attempt: { mode: 'immediate' },
      immediate: { enforcement: 'not_evaluated' },
      assertion: { signature: 'not_evaluated', userPresent: null, userVerified: null },
    });
  });

  test('the sign-in page lets a person in by autofill', async () => {
    const eve = await visit();
    await signUp(eve, demo.url, 'eve');
    await signOut(eve, demo.url);
    // The virtual authenticator picks its passkey in the field as soon as it is offered.
    await eve.page.goto(`${demo.url}/sign-in`);
    await eve.page.waitForURL(`${demo.url}/account`);
    expect(await eve.page.locator('.enforcement').textContent()).toBe('not enforced');
    await demo.record((record) => isSuccess(record) && record.attempt.mode === 'conditional');
  });

  test('the sign-in page lets a person in with the full sheet, by a name in any case', async () => {
    const kay = await visit();
    await signUp(kay, demo.url, 'kay');
    await signOut(kay, demo.url);
    // What waits in the field is not touched, so that it is the sheet that signs in.
    await kay.authenticator.touchBySelf(false);
    const asked: object[] = [];
    await kay.page.exposeFunction('noteCall', (call: object) => asked.push(call));
    await kay.page.addInitScript(noteCalls);
    await kay.page.goto(`${demo.url}/sign-in`);
    await kay.page.locator('[data-asked=conditional]').waitFor();
    await kay.authenticator.touchBySelf(true);
    const name = kay.page.getByLabel('Name');
    expect(await name.getAttribute('autocomplete')).toBe('username webauthn');
    await name.fill('KAY');
    await kay.page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await kay.page.waitForURL(`${demo.url}/account`);
    // Where the browser was told which passkeys may answer: the one of that name.
    expect(asked.at(-1)).toEqual({ mediation: 'modal', allowed: 1 });
    expect(await kay.page.locator('.enforcement').textContent()).toBe('not enforced');
    await demo.record((record) => isSuccess(record) && record.attempt.mode === 'modal');
  });

  test('a sheet that comes to nothing is told in words, and the focus stays on the button', async () => {
    const { page } = await visit();
    await page.goto(`${demo.url}/sign-in`);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).press('Enter');
    await page.getByRole('status').getByText('No passkey was used.').waitFor();
    expect(await page.evaluate(focused)).toBe('Sign in with a passkey');
  });

  test('a name that is taken is told beside its field, whatever its case', async () => {
    await signUp(await visit(), demo.url, 'Grace');
    const other = await visit();
    await other.page.goto(`${demo.url}/sign-up`);
    await other.page.getByRole('button', { name: 'Create a passkey' }).click();
    await other.page.getByText('Write a name first.').waitFor();
    await other.page.getByRole('textbox', { name: 'Name', exact: true }).fill('gRACE');
    await other.page.getByRole('button', { name: 'Create a passkey' }).click();
    await other.page.getByText('This name is taken. Please choose another one.').waitFor();
    expect(await other.page.evaluate(focused)).toBe('Name');
    forgive(other, 409);
  });

  test('a person adds, renames and removes passkeys, but not the last one', async () => {
    const lin = await visit();
    const { page, authenticator } = lin;
    const status = page.getByRole('status');
    await signUp(lin, demo.url, 'lin');

    // What would be refused is not offered, and it is said why.
    expect(await page.getByRole('button', { name: 'Remove: Passkey' }).isDisabled()).toBe(true);
    await page.getByText('This is your only passkey.').waitFor();

    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await status.getByText('This device already has a passkey for this account.').waitFor();

    await authenticator.forget();
    await page.getByLabel('Name for another passkey').fill('Phone');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await status.getByText('“Phone” is added.').waitFor();

    await page.getByRole('button', { name: 'Rename: Phone' }).click();
    await page.keyboard.press('Escape');
    expect(await page.evaluate(focused)).toBe('Rename: Phone');
    await page.keyboard.press('Enter');
    await page.keyboard.type('Old phone');
    await page.keyboard.press('Enter');
    await status.getByText('It is called “Old phone” now.').waitFor();
    expect(await page.evaluate(focused)).toBe('Rename: Old phone');

    await page.getByRole('button', { name: 'Remove: Old phone' }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    expect(await page.locator('latchkey-passkeys li').count()).toBe(2);
    await page.getByRole('button', { name: 'Remove: Old phone' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await status.getByText('“Old phone” is removed.').waitFor();
    expect(await page.locator('latchkey-passkeys li').count()).toBe(1);

    for (const verb of ['added', 'renamed', 'removed']) {
      await demo.record(({ event }) => event.name === `latchkey.passkey.${verb}`);
    }
  });

  test('a person sees where they are signed in, and ends one session, then all others', async () => {
    const ivy = await visit();
    const { page, context } = ivy;
    const status = page.getByRole('status');
    const items = page.locator('latchkey-sessions li');
    const others = page.getByRole('button', { name: 'Sign out everywhere else' });
    await signUp(ivy, demo.url, 'ivy');
    await items.first().waitFor();
    expect(await others.count()).toBe(0);
    // The same person in other browsers, as far as the server can tell.
    const elsewhere = [];
    for (const _ of [1, 2]) {
      elsewhere.push(await context.cookies());
      await context.clearCookies();
      await signInByOneClick(ivy, demo.url);
    }
    await expect.poll(() => items.count(), patiently).toBe(3);
    expect(await items.locator('[part=badge]').allTextContents()).toEqual(['this browser']);
    expect(await items.first().locator('bdi').textContent()).toBe('Chrome, Linux');
    expect(await items.first().locator('[part=hint]').textContent()).toMatch(
      /^signed in .* · Passkey · .*127\.0\.0\.1$/,
    );

    await items
      .nth(1)
      .getByRole('button', { name: /^Sign out there: Chrome, Linux/ })
      .press('Enter');
    await status.getByText('Signed out: Chrome, Linux.').waitFor();
    expect([await items.count(), await page.evaluate(focused)]).toEqual([2, 'Where you are signed in']);
    await others.press('Enter');
    await status.getByText('You are signed in here only.').waitFor();
    expect([await items.count(), await page.evaluate(focused), await others.count()]).toEqual([
      1,
      'Where you are signed in',
      0,
    ]);

    for (const cookies of elsewhere) {
      const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
      expect((await fetch(`${demo.url}/passkeys/session`, { headers: { cookie } })).status).toBe(401);
    }
    await demo.record(({ event }) => event.name === 'latchkey.session.ended');
  });

  test('what needs a recent sign-in asks for a confirmation first, and then goes on', async () => {
    const mae = await visit();
    await signUp(mae, demo.url, 'mae');
    const problem = {
      type: 'about:blank',
      title: 'Confirm with your passkey first',
      status: 403,
      code: 'step_up_required',
    };
    // As the server answers ten minutes after the sign-in.
    const refusal = { status: 403, contentType: 'application/problem+json', body: JSON.stringify(problem) };
    await mae.page.route('**/registration/options', (route) => route.fulfill(refusal), { times: 1 });
    await mae.page.getByRole('button', { name: 'Add a passkey' }).click();
    await mae.page.getByRole('button', { name: 'Confirm with a passkey' }).click();
    // The step-up went well, so it is the server's own answer that is told now.
    await mae.page.getByRole('status').getByText('This device already has a passkey for this account.').waitFor();
    forgive(mae, 403);
    expect(await demo.record(({ event }) => event.name === 'latchkey.step_up.attempt')).toMatchObject({
      outcome: 'success',
    });
  });

  test('the account page sends who is not signed in to the sign-in page, and says why', async () => {
    const { page } = await visit();
    await page.goto(`${demo.url}/account`);
    await page.getByText('Sign in to see your account.').waitFor();
    expect(new URL(page.url()).pathname).toBe('/sign-in');
  });

  test('the attempts page shows an attempt as it happens, says it politely, and leaves the focus alone', async () => {
    const watcher = await visit();
    await watcher.page.goto(`${demo.url}/attempts`);
    await watcher.page.getByText('Live', { exact: true }).waitFor();
    await watcher.page.getByText('Success', { exact: true }).first().focus();
    await watcher.page.getByRole('radio', { name: 'All' }).focus();

    const before = Date.now();
    const joan = await visit();
    await signUp(joan, demo.url, 'joan-whose-name-is-not-shown');
    await signOut(joan, demo.url);
    await signInByOneClick(joan, demo.url);
    const { attempt } = await demo.record((record) => isSuccess(record) && Date.parse(record.event.time) > before);

    const row = watcher.page.locator(`[data-attempt="${attempt.id}"]`);
    await row.waitFor();
    expect(await row.locator('.outcome').textContent()).toBe('Success');
    expect(await row.locator('.asked dd').textContent()).toContain('Immediate UI mode');
    expect(await row.locator('.claimed dd').textContent()).toBe('“I used Immediate UI mode”');
    expect(await row.locator('.proved .fact.holds').allTextContents()).toEqual([
      'signature',
      'presence',
      'verification',
    ]);
    expect(await row.locator('.enforced dd').textContent()).toBe('Yes');
    await expect
      .poll(() => watcher.page.locator('[aria-live=polite]').textContent(), patiently)
      .toMatch(/^Sign-in, Success$|^\d+ new attempts$/);
    expect(await watcher.page.evaluate(() => document.activeElement?.id)).toBe('outcome-all');
    const text = await watcher.page.locator('body').textContent();
    expect(text).not.toContain('joan');
    expect(text).not.toContain('127.0.0.1');
  });

  test('the attempts page filters by outcome and time, and its charts are there in words and numbers', async () => {
    const { page } = await visit();
    await page.goto(`${demo.url}/attempts`);
    await page.locator('.attempt').first().waitFor();
    await page.getByText('Cancelled', { exact: true }).and(page.locator('label')).click();
    await expect.poll(() => page.locator('.outcome:not([data-outcome=cancelled])').count(), patiently).toBe(0);
    expect(await page.locator('.attempt').count()).toBeGreaterThan(0);

    for (const [choice, title] of [
      ['7 days', 'The last 7 days'],
      ['24 hours', 'The last 24 hours'],
      ['30 minutes', 'The last 30 minutes'],
    ] as const) {
      await page.getByText(choice, { exact: true }).and(page.locator('label')).click();
      await page.getByRole('heading', { name: title }).waitFor();
    }
    expect(new URL(page.url()).search).toBe('?outcome=cancelled');
    await page.reload();
    await page.locator('.attempt').first().waitFor();
    expect(await page.getByRole('radio', { name: 'Cancelled' }).isChecked()).toBe(true);

    await page.getByText('The chart as a table').click();
    // Something left behind by another test may end meanwhile: then both are looked at again.
    await vi.waitFor(async () => {
      const records = (await demo.records()).filter(isAttempt);
      const successes = records.filter(({ outcome }) => outcome === 'success').length;
      const summary = await page.locator('#chart-summary').textContent();
      expect(summary).toContain(`${records.length} attempts: success ${successes}`);
      const cells = await page.locator('#chart-table td:nth-of-type(1)').allTextContents();
      expect(cells.reduce((sum, cell) => sum + Number(cell), 0)).toBe(successes);

      const signIns = records.filter(isSignIn);
      const enforced = signIns.filter(({ immediate }) => immediate.enforcement === 'enforced').length;
      expect(await page.locator('#enforcement-list li').first().textContent()).toContain(`Enforced ${enforced} (`);
      expect(await page.locator('#enforcement-summary').textContent()).toMatch(`Of ${signIns.length} sign-ins.`);

      const counts = new Map<string, number>();
      for (const { reason } of records) if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      const shown = await page
        .locator('#reasons-list li')
        .evaluateAll((items) =>
          items.map((item): [string, number] => [
            item.querySelector('code')?.textContent ?? '',
            Number(item.querySelector('span')?.textContent),
          ]),
        );
      expect(shown.length).toBeGreaterThan(1);
      expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(counts));
    }, atThisSpeed(20_000));
  });

  test('what a bar, a share or a reason stands for is one press away, and can be taken back', async () => {
    const { page } = await visit();
    await page.goto(`${demo.url}/attempts?range=7d`);
    const reason = page.locator('#reasons-list button').first();
    await reason.waitFor();
    const name = await reason.textContent();
    await reason.press('Enter');
    const chip = page.getByRole('button', { name: `Reason: ${name}. Remove this filter` });
    await chip.waitFor();
    await expect
      .poll(async () => new Set(await page.locator('.attempt .because').allTextContents()), patiently)
      .toEqual(new Set([name]));
    await chip.click();
    await page.locator('#enforcement-list').getByRole('button', { name: 'Enforced', exact: true }).press('Enter');
    await expect.poll(() => new URL(page.url()).searchParams.get('enforcement'), patiently).toBe('enforced');
    await expect
      .poll(async () => new Set(await page.locator('.attempt .name').allTextContents()), patiently)
      .toEqual(new Set(['Sign-in']));
    await page.getByRole('button', { name: /^Immediate UI mode: Enforced/ }).click();
    await page.getByRole('button', { name: 'Show these' }).click();
    await page.getByRole('button', { name: /^From / }).waitFor();
    expect(await page.locator('.attempt').count()).toBeGreaterThan(0);
  });

  test('a list that is paused, or read, does not move, and says what waits', async () => {
    const watcher = await visit();
    await watcher.page.goto(`${demo.url}/attempts`);
    await watcher.page.locator('.attempt').first().waitFor();
    const first = () => watcher.page.locator('.attempt').first().getAttribute('data-event');
    const before = await first();
    await watcher.page.getByRole('button', { name: 'Pause' }).click();
    await signUp(await visit(), demo.url, 'seen-later');
    const waiting = watcher.page.getByRole('button', { name: /new attempt/ });
    await waiting.waitFor();
    expect(await first()).toBe(before);
    await waiting.click();
    expect(await first()).not.toBe(before);
    await watcher.page.getByRole('button', { name: 'Pause' }).click();

    await watcher.page.locator('.attempt summary').first().click();
    const read = await first();
    await signUp(await visit(), demo.url, 'seen-even-later');
    await waiting.waitFor();
    expect(await first()).toBe(read);
  });

  test('the chart is read bar by bar with the keyboard alone', async () => {
    const { page } = await visit();
    // Bars of six hours, so that none of them moves while they are read.
    await page.goto(`${demo.url}/attempts?range=7d`);
    await page.locator('.attempt').first().waitFor();
    const cursor = page.getByRole('slider', { name: 'Look at one bar' });
    const says = page.locator('#cursor-says');
    // The chart is drawn once its figures are there, a moment after the list.
    const atFirstBar = async () => {
      await cursor.press('Home');
      expect(await says.textContent()).toMatch(/: nothing$/);
    };
    await vi.waitFor(atFirstBar, { timeout: atThisSpeed(20_000), interval: 50 });
    expect(await cursor.getAttribute('aria-valuetext')).toBe(await says.textContent());
    let seen = 0;
    for (let bar = 0; bar < 28; bar++) {
      seen += Number(/success (\d+)/.exec((await says.textContent()) ?? '')?.[1] ?? 0);
      await cursor.press('ArrowRight');
    }
    expect(seen).toBe(
      (await demo.records()).filter((record) => isAttempt(record) && record.outcome === 'success').length,
    );
  });

  test('the charts go along with what happens', async () => {
    const watcher = await visit();
    await watcher.page.goto(`${demo.url}/attempts`);
    await watcher.page.getByText('Live', { exact: true }).waitFor();
    await watcher.page.locator('.attempt').first().waitFor();
    const enforced = async () =>
      Number(/Enforced (\d+)/.exec((await watcher.page.locator('#enforcement-list').textContent()) ?? '')?.[1]);
    const before = await enforced();
    const kim = await visit();
    await signUp(kim, demo.url, 'kim');
    await signOut(kim, demo.url);
    await signInByOneClick(kim, demo.url);
    await expect.poll(enforced, patiently).toBe(before + 1);
  });

  test('an attempt has an address of its own, says what failed and what to do, and the way back leads where one was', async () => {
    const lou = await visit();
    const { page } = lou;
    await signUp(lou, demo.url, 'lou-whose-name-is-not-shown', 'Lou');
    const status = await page.evaluate(async () => {
      const post = (path: string, body: object) =>
        fetch(`/passkeys${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      const { attemptId, publicKey } = await (await post('/authentication/options', { mode: 'modal' })).json();
      const asked = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
      const credential = (await navigator.credentials.get({ publicKey: asked })) as PublicKeyCredential;
      // biome-ignore lint/suspicious/noExplicitAny: what is changed here is not for its type.
      const answer: any = credential.toJSON();
      answer.response.signature = answer.response.signature.replace(/.{8}$/, 'AAAAAAAA');
      return (await post('/authentication/verify', { attemptId, credential: answer })).status;
    });
    expect(status).toBe(401);
    forgive(lou, 401);
    const refused = await demo.record(({ reason }) => reason === 'signature_invalid');

    await page.goto(`${demo.url}/attempts?range=24h&outcome=failure`);
    const row = page.locator(`[data-attempt="${refused.attempt.id}"]`);
    await row.getByRole('link', { name: /^Explain: Sign-in, Refused/ }).press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Sign-in was refused: signature invalid' }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`/attempts/${refused.event.id}`);
    const failed = await page.locator('.failed').textContent();
    expect(failed).toContain('signature_invalid');
    expect(failed).toContain(REASON_MEANINGS.signature_invalid.meaning);
    expect(failed).toContain(REASON_MEANINGS.signature_invalid.advice);
    const { asked, claimed, proved, unproved } = explain(refused);
    for (const [part, sentences] of Object.entries({ asked, claimed, proved, unproved })) {
      expect(await page.locator(`.explained .${part} li`).allTextContents(), part).toEqual(sentences);
    }
    const text = await page.locator('body').textContent();
    for (const secret of ['lou-whose', '127.0.0.1', refused.credential.ref!, refused.user.hash!]) {
      expect(text).not.toContain(secret);
    }
    await page.goBack();
    await row.waitFor();
    expect(await page.getByRole('radio', { name: 'Refused' }).isChecked()).toBe(true);
    expect(await page.getByRole('radio', { name: '24 hours' }).isChecked()).toBe(true);
  });

  test.for([
    ['light', 360],
    ['dark', 1100],
  ] as const)(
    'the page about an attempt can be read and used by everyone (%s, %i px)',
    async ([colorScheme, width]) => {
      const { page } = await visit({ colorScheme, width });
      const { event } = await demo.record(({ reason }) => reason === 'signature_invalid');
      await page.goto(`${demo.url}/attempts/${event.id}`);
      expect(await page.evaluate(findFaults)).toEqual([]);
      expect(await faultsOfPage(page)).toEqual([]);
    },
  );

  test.for([
    ['/', 'light', 1100],
    ['/', 'dark', 360],
    ['/sign-in', 'light', 360],
    ['/sign-in', 'dark', 1100],
    ['/sign-up', 'light', 360],
    ['/sign-up', 'dark', 1100],
    ['/invited#invitation=x', 'light', 360],
    ['/invited#invitation=x', 'dark', 1100],
    ['/account', 'light', 360],
    ['/account', 'dark', 1100],
    ['/people', 'light', 360],
    ['/people', 'dark', 1100],
    ['/attempts', 'light', 360],
    ['/attempts', 'dark', 1100],
  ] as const)('%s can be read and used by everyone (%s, %i px)', async ([path, colorScheme, width]) => {
    const visitor = await visit({ colorScheme, width });
    if (path === '/account' || path === '/people') await signUp(visitor, demo.url, `reader-${path}-${colorScheme}`);
    if (path !== '/account') await visitor.page.goto(demo.url + path);
    if (path === '/attempts') await visitor.page.locator('.attempt').first().waitFor();
    expect(await visitor.page.evaluate(findFaults)).toEqual([]);
    expect(await faultsOfPage(visitor.page)).toEqual([]);
    await visitor.page.emulateMedia({ forcedColors: 'active' });
    expect(await faultsOfPage(visitor.page)).toEqual([]);
  });

  test('an operator looks at a person, takes away, invites, and nobody else does', async () => {
    const [mary, olga] = [await visit(), await visit()];
    await signUp(mary, demo.url, 'mary of the lost phone');
    await signUp(olga, demo.url, 'operator');
    const { page } = olga;
    const look = async ({ page }: Visitor, name: string) => {
      await page.goto(`${demo.url}/people`);
      await page.getByLabel('Name of the person').fill(name);
      await page.getByRole('button', { name: 'Confirm and look' }).click();
    };
    await look(mary, 'operator');
    await mary.page.getByText('This is for the operator’s account.').waitFor();

    await look(olga, 'nobody at all');
    await page.getByText('Nobody here has this name.').waitFor();
    await look(olga, 'MARY of the lost phone');
    await page.getByRole('heading', { name: 'mary of the lost phone' }).waitFor();
    expect(await faultsOfPage(page)).toEqual([]);
    await page.getByText('Signed in once.').waitFor();
    const act = (name: string | RegExp) => page.getByRole('button', { name }).click();
    const said = (words: string | RegExp) => page.getByRole('status').getByText(words).waitFor();
    await act(/^Disable:/);
    await said('Write a reason first');
    await page.getByLabel('Reason, for the record').fill('Lost phone, ticket 4711');
    await act(/^Disable:/);
    await said(/is disabled\.$/);
    await page.getByText('Signed in nowhere.').waitFor();
    await act(/^Enable:/);
    await said(/is enabled\.$/);
    await act(/^Remove:/);
    await said(/is removed\.$/);
    await page.getByText('nobody can sign in to this account').waitFor();
    await act('Invite');
    await said('The invitation is issued.');
    const link = await page.locator('#link strong').textContent();
    expect(link).toContain('/invited#invitation=');
    await page.getByText('One is open until').waitFor();
    expect(await faultsOfPage(page)).toEqual([]);
    const changes = (await demo.records()).filter(
      ({ event, change }) => change?.note === 'Lost phone, ticket 4711' && event.name !== 'latchkey.session.ended',
    );
    expect(changes.map(({ event, change }) => [event.name, change?.by])).toEqual([
      ['latchkey.passkey.disabled', 'operator'],
      ['latchkey.passkey.enabled', 'operator'],
      ['latchkey.passkey.removed', 'operator'],
      ['latchkey.invitation.issued', 'operator'],
    ]);
    await act('Revoke the invitation');
    await said('The invitation is revoked.');
    olga.complaints.length = 0;
    mary.complaints.length = 0;
  });

  test('every answer forbids what the pages do not need', async () => {
    for (const path of ['/', '/account', '/assets/demo.css', '/passkeys/client.js', '/nowhere']) {
      const { headers } = await fetch(demo.url + path, { redirect: 'manual' });
      expect(headers.get('content-security-policy'), path).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      );
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  test('an address that is nobody’s is told so on a page', async () => {
    const answer = await fetch(`${demo.url}/nowhere`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('Nothing here');
  });

  test('what an attacker wrote into an attempt is text on its page, and nothing else', async () => {
    const agent = createAgent(demo.url);
    const passkey = await agent.signUp('mallory');
    const origin = 'https://evil.example/<b id=planted>x</b>';
    const refused = await agent.signIn(passkey, { bend: { clientData: { origin } } });
    const { event } = await demo.record(({ attempt }) => attempt.id === refused.json.attemptId);
    const { page } = await visit();
    await page.goto(`${demo.url}/attempts/${event.id}`);
    await page.getByText(origin).first().waitFor();
    expect(await page.locator('#planted').count()).toBe(0);
  });

  test('every record of these tests is valid, and each attempt has one', async () => expectValid(await demo.records()));
});

test('a tab that is closed with the sheet open is recorded as abandoned within the sweep interval after expiry', async () => {
  const demo = await startIn(await temporary(), { CHALLENGE_TTL: '2s', SWEEP_EVERY: '500ms' });
  const { page, authenticator } = await visit();
  await page.goto(demo.url);
  await authenticator.touchBySelf(false);
  const begun = page.waitForResponse((response) => response.url().endsWith('/outcome'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  const attemptId = (await begun).url().split('/').at(-2);
  await page.close();

  const record = await demo.record(({ attempt }) => attempt.id === attemptId);
  expect(record).toMatchObject({ outcome: 'abandoned', reason: 'no_response', reasonSource: 'timeout', http: null });
  const after = Date.parse(record.event.time) - Date.parse(record.attempt.startedAt);
  expect(after).toBeGreaterThanOrEqual(2_000);
  // The sweep interval, and twenty seconds for a busy machine: less than the half minute that a sweep takes unless told.
  expect(after).toBeLessThan(2_000 + 500 + atThisSpeed(20_000));
  expectValid(await demo.records());
});

test('under require a browser that signs in by one click gets in, and the sign-in page offers nothing else', async () => {
  const demo = await startIn(await temporary(), { IMMEDIATE: 'require' });
  const strict = await visit();
  await signUp(strict, demo.url, 'strict');
  await signOut(strict, demo.url);
  await strict.page.goto(`${demo.url}/sign-in`);
  expect(await strict.page.getByRole('button', { name: 'Sign in with a passkey' }).count()).toBe(0);
  await strict.page.getByRole('button', { name: 'Sign in' }).click();
  await strict.page.waitForURL(`${demo.url}/account`);
  expect(await strict.page.locator('.enforcement').textContent()).toBe('enforced');
  expectValid(await demo.records());
});

test('a browser that asks too often is refused, unless RATE_LIMIT is off', async () => {
  const knock = async ({ url }: Demo) => {
    const headers = { 'content-type': 'application/json', cookie: `latchkey=${'A'.repeat(22)}` };
    const ask = () =>
      fetch(`${url}/passkeys/authentication/options`, { method: 'POST', headers, body: '{"prefetch":true}' });
    const answers = await Promise.all(Array.from({ length: LIMITS.browser.points + 1 }, ask));
    return new Set(answers.map(({ status }) => status));
  };
  expect(await knock(await startIn(await temporary()))).toEqual(new Set([200, 429]));
  expect(await knock(await startIn(await temporary(), { RATE_LIMIT: 'off' }))).toEqual(new Set([200]));
});

test('SIGTERM ends it with 0 though a page is watching, and a second start has the accounts, passkeys and sessions of the first', async () => {
  const folder = await temporary();
  const first = await startIn(folder);
  const ada = await visit();
  await signUp(ada, first.url, 'ada', 'Ada Lovelace');
  const watcher = await visit();
  await watcher.page.goto(`${first.url}/attempts`);
  await watcher.page.getByText('Live', { exact: true }).waitFor();
  const { code, stdout, stderr } = await first.stop();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [line, ...records] = stdout.trimEnd().split('\n');
  expect(line).toBe(`listening on ${first.url}`);
  expectValid(records.map((record) => JSON.parse(record)));
  await watcher.page.getByText('Connection lost').waitFor();
  await watcher.context.close();
  // The browser says that the stream broke, and that is so.
  watcher.complaints.length = 0;

  const second = await startIn(folder);
  await ada.page.goto(`${second.url}/account`);
  await ada.page.getByRole('heading', { name: 'Hello, Ada Lovelace' }).waitFor();
  await signInByOneClick(ada, second.url);
  await expect
    .poll(() => ada.page.getByRole('heading', { level: 1 }).textContent(), patiently)
    .toBe('Hello, Ada Lovelace');
  expectValid(await second.records());
});

describe('a demo that does not start', () => {
  test('names every wrong value and what to write instead', async () => {
    const { code, stdout, stderr } = await spawnDemo({
      PORT: 'many',
      IMMEDIATE: 'always',
      CHALLENGE_TTL: '1h',
      ORIGIN: 'http://example.com/',
      STORE: 'oracle://user:secret@host',
    }).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(5);
    expect(stderr).toContain('IMMEDIATE is "always". Write one of off, report, prefer, require.');
    expect(stderr).not.toContain('secret');
  });

  test('says in one sentence that its port is taken, and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await spawnDemo({ PORT: String(port) }).ended;
    other.close();
    expect(code).toBe(1);
    expect(stderr).toBe(`Port ${port} is taken: stop what listens there, or choose another, e.g. PORT=${port + 1}.\n`);
  });

  test('says what a store that cannot be reached needs, without its password', async () => {
    const { code, stderr } = await spawnDemo({ STORE: 'postgres://user:secret@127.0.0.1:1/nowhere' }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^(STORE names a postgres that cannot be used|This STORE needs the package pg)/);
    expect(stderr).not.toContain('secret');
  });
});

/** Runs in the page: the name of what has the focus, also inside of an element. */
function focused(): string {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const [label] = (at as HTMLInputElement | null)?.labels ?? [];
  return at?.getAttribute('aria-label') ?? label?.textContent ?? at?.textContent ?? '';
}

/** Runs in the page: tells the test, and the page, what the browser was asked for. A page that is left cannot be asked later. */
function noteCalls(): void {
  const get = navigator.credentials.get.bind(navigator.credentials);
  const { noteCall } = window as unknown as { noteCall: (call: object) => Promise<void> };
  navigator.credentials.get = (options) => {
    const answer = get(options);
    const mediation = options?.mediation ?? 'modal';
    noteCall({ mediation, allowed: options?.publicKey?.allowCredentials?.length ?? 0 });
    document.documentElement.dataset.asked = mediation;
    return answer;
  };
}

/** A folder that is gone after the test. */
async function temporary(): Promise<string> {
  const folder = await newFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A demo that is stopped after the test. */
async function startIn(folder: string, env: Record<string, string> = {}): Promise<Demo> {
  const demo = await startDemo(folder, env);
  onTestFinished(async () => void (await demo.stop()));
  return demo;
}

/**
 * Runs in the page: what somebody who cannot see it, has only a keyboard, little contrast or a narrow screen would
 * stumble over. Empty when there is nothing.
 */
function findFaults(): string[] {
  const faults: string[] = [];
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
  const visible = (element: Element) => element.checkVisibility();
  const nameOf = (element: HTMLElement) => {
    const labelledBy = (element.getAttribute('aria-labelledby') ?? '')
      .split(' ')
      .map((id) => document.getElementById(id));
    const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : [element];
    return (element.ariaLabel ?? [...labelledBy, ...labels].map((part) => part?.textContent ?? '').join(' ')).trim();
  };

  if (!document.documentElement.lang) faults.push('no language');
  if (!document.title) faults.push('no title');
  if (all('h1').length !== 1) faults.push(`${all('h1').length} first headings`);
  for (const landmark of ['header', 'nav[aria-label]', 'main', 'footer']) {
    if (!document.querySelector(landmark)) faults.push(`no ${landmark}`);
  }
  for (const element of all('button, a, input, summary, fieldset, dialog')) {
    if (nameOf(element) === '') faults.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  }
  const ids = all('[id]').map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) faults.push(`id ${id} twice`);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
    for (const element of all(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute)!.split(' ')) {
        if (!document.getElementById(id)) faults.push(`${attribute} names ${id}, which is not there`);
      }
    }
  }
  const levels = all('h1, h2, h3')
    .filter(visible)
    .map(({ tagName }) => Number(tagName[1]));
  if (levels.some((level, index) => level > (levels[index - 1] ?? 0) + 1)) faults.push(`headings skip: ${levels}`);
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push('scrolls sideways');

  for (const element of all('body *').filter(visible)) {
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim(),
    );
    if (!hasText || element.closest('.visually-hidden, .skip, legend')) continue;
    const style = getComputedStyle(element);
    const large = Number.parseFloat(style.fontSize) >= 24;
    const ratio = contrast(style.color, backgroundOf(element));
    if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 80)}`);
  }
  return faults;

  function backgroundOf(element: Element): string {
    for (let at: Element | null = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (!/, 0\)$|transparent/.test(backgroundColor)) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  }

  /** WCAG 2.2, "contrast ratio". */
  function contrast(a: string, b: string): number {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  }

  function luminance(color: string): number {
    const [red, green, blue] = color
      .match(/[\d.]+/g)!
      .slice(0, 3)
      .map((part) => {
        const value = Number(part) / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      }) as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
}
