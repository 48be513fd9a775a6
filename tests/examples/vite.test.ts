/** The single-page application: in Chromium behind Vite's real development server, and as Express serves what Vite built. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createAgent } from '@latchkey/testing';
import type { Page } from 'playwright-core';
import { build, createServer, defaultClientConditions, type InlineConfig, type ViteDevServer } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/ports.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { closeBrowser, closePages, run, stopAll, visit, whenReady } from './example-server.ts';

vi.setConfig({ testTimeout: atThisSpeed(60_000), hookTimeout: atThisSpeed(60_000) });

const example = fileURLToPath(new URL('../../examples/vite-spa', import.meta.url));
// A copy, because a page is edited here. It stands in the example, so that it finds what it imports.
const copy = mkdtempSync(join(example, '.copy-'));

let port: number;
let vitePort: number;
let settings: InlineConfig;

beforeAll(async () => {
  for (const name of ['index.html', 'package.json', 'server.ts', 'src', 'vite.config.ts']) {
    cpSync(join(example, name), join(copy, name), { recursive: true });
  }
  [port, vitePort] = [await freePort(), await freePort()];
  process.env.PORT = String(port); // the example's own settings read it
  settings = {
    root: copy,
    configFile: join(copy, 'vite.config.ts'),
    // The sources: no package needs to be built first.
    resolve: { conditions: ['latchkey-source', ...defaultClientConditions] },
    logLevel: 'error',
  };
});

afterEach(closePages);
afterAll(closeBrowser);
afterAll(stopAll);
afterAll(() => rmSync(copy, { recursive: true }));

/** Express, as `npm run api` or `npm start` runs it. Its development origin is the port that Vite has here. */
async function startApi(env: NodeJS.ProcessEnv = {}) {
  const file = join(copy, 'server.ts');
  writeFileSync(file, readFileSync(join(example, 'server.ts'), 'utf8').replace('5173', String(vitePort)));
  const program = run(pathToFileURL(file), { PORT: String(port), ...env });
  await whenReady(program, () => /listening on/.exec(program.output.stdout));
  return program;
}

const press = (page: Page, name: string) => page.getByRole('button', { name }).click();
const shown = (page: Page, text: string) => page.getByRole('status').getByText(text, { exact: true }).waitFor();

async function signUpOutAndIn(page: Page): Promise<void> {
  await page.getByPlaceholder('Name').fill('grace');
  await press(page, 'Sign up');
  await shown(page, 'done: grace');
  await press(page, 'Sign out');
  await shown(page, 'done: nobody is signed in');
  const verified = page.waitForResponse('**/passkeys/authentication/verify');
  await press(page, 'Sign in');
  await shown(page, 'passkey: grace');
  expect((await (await verified).json()).attempt).toMatchObject({ mode: 'immediate', enforcement: 'enforced' });
}

describe("behind Vite's development server", () => {
  let vite: ViteDevServer;
  beforeAll(async () => {
    const [, server] = await Promise.all([startApi(), createServer(settings)]);
    vite = server;
    await vite.listen(vitePort);
  });
  afterAll(() => vite.close());

  it('signs a person up, out, and in by one click; a module that is edited is put in, and the person stays signed in', async () => {
    const page = await visit(`http://localhost:${vitePort}`);
    await page.getByText('Welcome.').waitFor();
    await signUpOutAndIn(page);
    const module = join(copy, 'src/greeting.ts');
    writeFileSync(module, readFileSync(module, 'utf8').replace('Welcome.', 'Welcome back.'));
    await page.getByText('Welcome back.').waitFor();
    // Nothing else was loaded again: what the page showed is still there, and a call goes on working.
    await shown(page, 'passkey: grace');
    await press(page, 'Sign in');
    await shown(page, 'passkey: grace');
  });

  it('refuses the origin of a development server that is not listed', async () => {
    const { status, json } = await createAgent(`http://localhost:${vitePort}`).post(
      '/authentication/options',
      {},
      {
        headers: { origin: 'http://localhost:5174' },
      },
    );
    expect([status, json.code]).toEqual([403, 'origin_not_allowed']);
  });
});

describe('built, and served by Express', () => {
  it('signs a person up, out, and in by one click, at a path of the page as well; the development origin is refused', async () => {
    port = await freePort();
    await build({ ...settings, build: { outDir: join(copy, 'dist') } });
    await startApi({ NODE_ENV: 'production' });
    const origin = `http://localhost:${port}`;
    const page = await visit(`${origin}/some/path`);
    await signUpOutAndIn(page);
    const asDeveloper = { headers: { origin: `http://localhost:${vitePort}` } };
    expect((await createAgent(origin).post('/authentication/options', {}, asDeveloper)).status).toBe(403);
  });
});
