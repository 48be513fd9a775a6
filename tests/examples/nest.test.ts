/** The example for Nest on both platforms: by a software passkey over HTTP, and by clicks in real Chromium. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { createAgent } from '@latchkey/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/ports.ts';
import { atThisSpeed } from '../support/slowness.ts';
import {
  closeBrowser,
  closePages,
  liveThroughASession,
  run,
  type Site,
  stopAll,
  visit,
  whenReady,
} from './example-server.ts';

vi.setConfig({ testTimeout: atThisSpeed(60_000) });

const folder = new URL('../../examples/nest/', import.meta.url);

afterEach(closePages);
afterAll(closeBrowser);
afterAll(stopAll);

describe.each(['express', 'fastify'])('examples/nest on %s', (platform) => {
  let site: Site;
  beforeAll(async () => {
    // As `npm start` does it there: the decorators are tsx' business, because Node.js strips types only.
    const tsx = ['--import', pathToFileURL(createRequire(new URL('main.ts', folder)).resolve('tsx')).href];
    const env = { PORT: String(await freePort()), PLATFORM: platform, TSX_TSCONFIG_PATH: 'nest/tsconfig.json' };
    const program = run(new URL('main.ts', folder), env, tsx);
    const listening = () => /^listening on (http:\/\/localhost:\d+)$/m.exec(program.output.stdout)?.[1];
    site = { origin: await whenReady(program, listening), program };
  });

  it('signs a software passkey up, out and in, and lets nobody without it pass the guard', () =>
    liveThroughASession(site));

  it("answers Latchkey's refusal, and nothing of Nest's", async () => {
    const nobody = createAgent(site.origin);
    const refused = await nobody.request('GET', '/me');
    expect([refused.status, refused.headers.get('content-type'), refused.json.code]).toEqual([
      401,
      'application/problem+json',
      'sign_in_required',
    ]);
    expect(site.program.output.stderr).toBe('');
  });

  it('wants a step-up where the handler says so', async () => {
    const ada = createAgent(site.origin);
    const passkey = await ada.signUp('countess');
    const close = async () => ada.request('DELETE', '/me');
    expect(await close()).toMatchObject({ status: 403, json: { code: 'step_up_required' } });
    await ada.stepUp(passkey, 'close the account');
    expect(await close()).toMatchObject({ status: 200, json: { closed: 'countess' } });
    expect(await createAgent(site.origin).request('DELETE', '/me')).toMatchObject({ status: 401 });
  });

  it('signs a person up, out, and in by one click, in Chromium', async () => {
    const page = await visit(site.origin);
    const press = (name: string) => page.getByRole('button', { name }).click();
    const shown = (text: string | RegExp) => page.getByRole('status').getByText(text).waitFor();
    await page.getByRole('textbox').fill('grace');
    await press('Sign up');
    await shown(/^done: .*"name":"grace"/);
    await press('Sign out');
    await shown(/^done: .*sign_in_required/);
    const verified = page.waitForResponse('**/passkeys/authentication/verify');
    await press('Sign in');
    await shown(/^passkey: .*"name":"grace"/);
    expect((await (await verified).json()).attempt).toMatchObject({ mode: 'immediate', enforcement: 'enforced' });
  });
});
