// What people copy has to work: every example is started as a process of its own and used, by a software passkey over HTTP
// and by clicks in real Chromium. The examples in the documentation are docs.test.ts' business.
import { readFileSync } from 'node:fs';
import { type Agent, createAgent, NOT_USED } from '@latchkey/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import {
  click,
  clickSignIn,
  closeBrowser,
  closePages,
  liveThroughASession,
  run,
  type Site,
  stopAll,
  visit,
  whenReady,
} from './example-server.ts';

const root = new URL('../../', import.meta.url);

/** Starts an example on a free port. */
async function startExample(name: string): Promise<Site> {
  const program = run(new URL(`examples/${name}/server.ts`, root), { PORT: `${await freePort()}` });
  const listening = () => /^listening on (http:\/\/localhost:\d+)$/m.exec(program.output.stdout)?.[1];
  return { origin: await whenReady(program, listening), program };
}

afterEach(closePages);
afterAll(closeBrowser);
afterAll(stopAll);

const lineCount = (name: string) =>
  readFileSync(new URL(`examples/${name}/server.ts`, root), 'utf8')
    .trimEnd()
    .split('\n').length;

describe.each(['express', 'koa', 'fastify', 'h3'])('examples/%s', (name) => {
  let site: Site;
  beforeAll(async () => {
    site = await startExample(name);
  });

  it('is one file of under 40 lines', () => {
    expect(lineCount(name)).toBeLessThan(40);
  });

  it('signs a software passkey up, out and in, records it, and lets no copied cookie outlive the sign-out', () =>
    liveThroughASession(site));

  it('signs a person up, out, and in by one click, in Chromium', async () => {
    const page = await visit(site.origin);
    await page.getByRole('textbox').fill('grace');
    expect(await click(page, 'Sign up')).toEqual({ kind: 'done', me: { id: expect.any(String), name: 'grace' } });
    expect(await click(page, 'Sign out')).toMatchObject({ kind: 'done', me: { code: 'sign_in_required' } });
    expect(await clickSignIn(page)).toMatchObject({
      kind: 'passkey',
      me: { name: 'grace' },
      attempt: { mode: 'immediate', enforcement: 'enforced' },
    });
  });

  it('tells a person without a passkey that there was none to be had, in Chromium', async () => {
    const page = await visit(site.origin);
    expect(await click(page, 'Sign in')).toMatchObject({ kind: 'unavailable', me: { code: 'sign_in_required' } });
  });
});

describe('examples/tokens', () => {
  let origin: string;
  beforeAll(async () => {
    ({ origin } = await startExample('tokens'));
  });

  const truth = {
    sub: expect.any(String),
    amr: ['pop', 'user', 'mfa'],
    acr: 'enforced',
    auth_time: expect.any(Number),
  };
  const me = (agent: Agent, token: string) =>
    agent.request('GET', '/me', undefined, { headers: { authorization: `Bearer ${token}` } });

  it('answers a sign-in with a token that says who, how and when, and that `/me` takes', async () => {
    const ada = createAgent(origin);
    const passkey = await ada.signUp('ada');
    const { token, user } = (await ada.signIn(passkey)).json;
    // Another browser, without any cookie: the token alone is what counts.
    const answer = await me(createAgent(origin), token);
    expect([answer.status, answer.json]).toEqual([
      200,
      { ...truth, sub: user.id, iss: origin, aud: origin, exp: expect.any(Number) },
    ]);
    expect(Math.abs(answer.json.auth_time - Date.now() / 1_000)).toBeLessThan(60);
    expect(answer.json.exp - answer.json.auth_time).toBeLessThanOrEqual(601);
  });

  it('says in the token what is known and no more, and takes none that it did not sign', async () => {
    const eve = createAgent(origin);
    const passkey = await eve.signUp('eve');
    const unverified = await eve.signIn(passkey, { bend: { flags: { UV: false } } });
    const unreported = await eve.signIn(passkey, { client: NOT_USED });
    expect([unverified.status, unverified.json.token]).toEqual([401, undefined]);
    expect((await me(eve, unreported.json.token)).json).toMatchObject({
      acr: 'not_enforced',
      amr: ['pop', 'user', 'mfa'],
    });

    const { token } = (await eve.signIn(passkey)).json as { token: string };
    const [header, payload, signature] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'ada' })).toString('base64url');
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const bad of ['', 'x', `${header}.${forged}.${signature}`, `${unsigned}.${payload}.`]) {
      const refused = await me(eve, bad);
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    expect((await me(eve, token)).status).toBe(200);
  });

  it('signs a person up, in by one click, and out, in Chromium', async () => {
    const page = await visit(origin);
    await page.getByRole('textbox').fill('grace');
    const { kind, me: signedUp } = await click(page, 'Sign up');
    expect({ kind, acr: signedUp.acr }).toEqual({ kind: 'done', acr: 'not_applicable' });
    expect(await clickSignIn(page)).toMatchObject({ kind: 'passkey', me: { ...truth, sub: signedUp.sub } });
    expect(await click(page, 'Sign out')).toMatchObject({ kind: 'done', me: { title: 'Sign in first' } });
  });
});
