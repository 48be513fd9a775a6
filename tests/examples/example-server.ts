/** How an example is started and used: as a process of its own, by a software passkey over HTTP, and by clicks in real Chromium. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AttemptRecord } from '@latchkey/core';
import { type Agent, createAgent } from '@latchkey/testing';
import type { Browser, Page } from 'playwright-core';
import { expect, vi } from 'vitest';
import { addAuthenticator, launchChromium } from '../support/chromium.ts';
import { atThisSpeed } from '../support/slowness.ts';

// --- a program of ours, as a process ---

export interface Program {
  readonly child: ChildProcess;
  /** Everything it has written. */
  readonly output: { stdout: string; stderr: string };
}

const KEEP_COMPILED = new URL('../support/keep-compiled.ts', import.meta.url);
const running: Program[] = [];

/** Runs against the sources: no package needs to be built first. `flags` are those of Node.js, `args` the program's own. */
export function run(
  file: URL,
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
  args: readonly string[] = [],
): Program {
  const command = ['--conditions=latchkey-source', `--import=${KEEP_COMPILED}`, ...flags, fileURLToPath(file), ...args];
  const child = spawn(process.execPath, command, { cwd: new URL('..', file), env: { ...process.env, ...env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  const program = { child, output };
  running.push(program);
  return program;
}

/** Waits until `ready` gives something. A program that has ended, or takes too long, shows what it wrote. */
export function whenReady<T>({ child, output }: Program, ready: () => T | Promise<T>): Promise<NonNullable<T>> {
  const failed = (why: string) => new Error(`It did not start: ${why}.\n${output.stderr}${output.stdout}`);
  return vi
    .waitUntil(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) throw failed(`it ended with ${child.exitCode}`);
        return ready();
      },
      { timeout: atThisSpeed(120_000), interval: 25 },
    )
    .catch((thrown: unknown) => {
      throw thrown instanceof Error && thrown.message.startsWith('It did') ? thrown : failed('no sign of it in time');
    }) as Promise<NonNullable<T>>;
}

export async function stop({ child }: Program): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, 'exit');
}

export interface Site {
  readonly origin: string;
  readonly program: Program;
}

/** A site that need not be a process of ours: all that matters is where it is and what it writes. */
export interface WrittenSite {
  readonly origin: string;
  readonly program: Pick<Program, 'output'>;
}

/** Ends whatever still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all(running.map(stop));
}

// --- somebody at a browser ---

let browser: Browser | undefined;

/** A fresh browser at this page, with a platform authenticator that knows its person. */
export async function visit(origin: string): Promise<Page> {
  browser ??= await launchChromium();
  const context = await browser.newContext();
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await addAuthenticator(cdp);
  await page.goto(origin);
  return page;
}

/** Clicks, and answers what the page then shows: the client's `kind`, and what `/me` said. */
export async function click(page: Page, name: string): Promise<{ kind: string; me: Record<string, unknown> }> {
  const status = page.getByRole('status');
  const before = await status.textContent();
  await page.getByRole('button', { name }).click();
  await vi.waitUntil(async () => (await status.textContent()) !== before, {
    timeout: atThisSpeed(10_000),
    interval: 25,
  });
  const [, kind = '', me = ''] = /^(\w+): (.*)$/s.exec((await status.textContent()) ?? '') ?? [];
  return { kind, me: JSON.parse(me) };
}

/** Signs in by one click, and answers what the server made of it. */
export async function clickSignIn(page: Page) {
  const verified = page.waitForResponse('**/passkeys/authentication/verify');
  const shown = await click(page, 'Sign in');
  return { ...shown, attempt: (await (await verified).json()).attempt };
}

/** Closes every page. */
export async function closePages(): Promise<void> {
  await Promise.all(browser?.contexts().map((context) => context.close()) ?? []);
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

// --- somebody with a software passkey ---

/** Waits for the line that a program writes for this attempt. */
export function recordOf(attemptId: string, { output }: Pick<Program, 'output'>): Promise<AttemptRecord> {
  const written = () =>
    output.stdout
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line))
      .find((record) => record.attempt?.id === attemptId);
  return vi.waitUntil(written, { timeout: atThisSpeed(10_000), interval: 25 });
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The whole story over HTTP: it needs nothing of the application but the routes and a guarded `/me`. */
export async function liveThroughASession({ origin, program }: WrittenSite): Promise<void> {
  const me = async (agent: Agent) => (await agent.request('GET', '/me')).status;
  const ada = createAgent(origin);
  expect(await me(ada)).toBe(401);
  const passkey = await ada.signUp('ada');
  expect(await me(ada)).toBe(200);

  const thief = createAgent(origin);
  for (const [name, value] of ada.cookies) thief.cookies.set(name, value);
  expect(await me(thief)).toBe(200);
  expect((await ada.request('DELETE', '/passkeys/session')).status).toBe(204);
  expect(await me(ada)).toBe(401);
  expect(await me(thief)).toBe(401);

  const signedIn = await ada.signIn(passkey);
  expect(signedIn.json.attempt).toMatchObject({ mode: 'immediate', enforcement: 'enforced' });
  expect((await ada.request('GET', '/me')).json).toEqual({ id: expect.stringMatching(UUID), name: 'ada' });
  const { attempt, outcome, immediate } = await recordOf(signedIn.json.attempt.id, program);
  expect({ mode: attempt.mode, outcome, enforcement: immediate.enforcement }).toEqual({
    mode: 'immediate',
    outcome: 'success',
    enforcement: 'enforced',
  });

  const refused = await ada.signIn(passkey, { bend: { flags: { UV: false } } });
  expect(refused.status).toBe(401);
  expect((await recordOf(refused.json.attemptId, program)).reason).toBe('user_verification_missing');
  await expect(createAgent(origin).signUp('ada')).rejects.toThrow('username_unavailable');
}
