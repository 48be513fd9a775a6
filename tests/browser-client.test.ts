// The browser client in real Chromium with its virtual authenticator, by real clicks, against a server that plays the
// contract. The page's get() and create() are the browser's own; an init script only notes what they were passed.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildClient, type Json, type PasskeyServer, startPasskeyServer } from './browser-client-server.ts';

/** Waits for what must come, however busy the machine is. */
const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
flags.push('--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP insecure.test 127.0.0.1');

let browser: Browser;
let clientModule: Buffer;
let server: PasskeyServer;
let context: BrowserContext;
let page: Page;
let cdp: CDPSession;
let authenticatorId: string;

beforeAll(async () => {
  [clientModule, browser] = await Promise.all([
    buildClient(),
    chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags }),
  ]);
});

afterAll(() => browser?.close());

beforeEach(async () => {
  server = await startPasskeyServer(clientModule);
  context = await browser.newContext();
  page = await context.newPage();
  cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  ({ authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  }));
  await page.addInitScript(noteBrowserCalls);
});

afterEach(async () => {
  await context.close();
  server.close();
});

/** Runs in the page: notes what get(), create() and fetch() were passed, and hands everything on. */
function noteBrowserCalls() {
  const noted: object[] = [];
  const keptAlive: string[] = [];
  Object.assign(window, { noted, keptAlive });
  const send = window.fetch;
  window.fetch = (url, options) => {
    if (options?.keepalive) keptAlive.push(String(url));
    return send(url, options);
  };
  for (const name of ['get', 'create'] as const) {
    const original = navigator.credentials?.[name].bind(navigator.credentials) as (options: object) => Promise<never>;
    if (!original) continue;
    navigator.credentials[name] = (options: object = {}) => {
      const { publicKey, signal, ...plain } = options as { publicKey: { timeout: number }; signal?: AbortSignal };
      noted.push({ name, ...plain, signal: Boolean(signal), timeout: publicKey.timeout });
      return original(options);
    };
  }
}

async function open(clientOptions: object = {}, host = 'localhost') {
  await page.goto(`http://${host}:${server.port}/`);
  await page.evaluate((options) => {
    const scope = window as Json;
    scope.client = scope.createPasskeyClient(options);
  }, clientOptions);
}

/** Calls the client from a real click and gives what the call resolves to. */
async function click(method: string, ...args: unknown[]): Promise<Json> {
  await arm(method, ...args);
  await page.click('button');
  return result();
}

async function arm(method: string, ...args: unknown[]) {
  await page.evaluate(
    ([method, args]) => {
      const scope = window as Json;
      document.querySelector('button')!.onclick = () => {
        const clickedAt = performance.now();
        scope.result = scope.client[method](...args);
        scope.result.then(() => {
          scope.took = performance.now() - clickedAt;
        });
      };
    },
    [method, args] as const,
  );
}

const result = (): Promise<Json> => page.evaluate(() => (window as Json).result);
const noted = (): Promise<Json[]> => page.evaluate(() => (window as Json).noted);
const call = (method: string, ...args: unknown[]): Promise<Json> =>
  page.evaluate(([method, args]) => (window as Json).client[method](...args), [method, args] as const);

/** Starts autofill; `autofilled()` gives what it resolves to, `heard()` what it called back with. */
async function startAutofill() {
  await page.evaluate(() => {
    const scope = window as Json;
    scope.heard = [];
    scope.autofilled = scope.client.autofill({
      onSignIn: (signedIn: Json) => scope.heard.push(['onSignIn', signedIn.user.name]),
      onRefused: (refused: Json) => scope.heard.push(['onRefused', refused.code]),
    });
  });
}

const autofilled = (): Promise<Json> => page.evaluate(() => (window as Json).autofilled);
const heard = (): Promise<Json[]> => page.evaluate(() => (window as Json).heard);

/** Headless Chromium never hides a page: this stands in for another tab in front. */
const hide = () => page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
const show = () =>
  page.evaluate(() => {
    Reflect.deleteProperty(document, 'hidden');
    document.dispatchEvent(new Event('visibilitychange'));
  });

async function addPasskey(): Promise<string> {
  const credentialId = randomBytes(16);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await cdp.send('WebAuthn.addCredential', {
    authenticatorId,
    credential: {
      credentialId: credentialId.toString('base64'),
      isResidentCredential: true,
      rpId: 'localhost',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
      userHandle: Buffer.from('ada').toString('base64'),
      signCount: 0,
      backupEligibility: true,
      backupState: true,
    },
  });
  return credentialId.toString('base64url');
}

/** Whether the person touches the authenticator when it asks. */
const touching = (enabled: boolean) =>
  cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });

const passkeysOnDevice = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;

const challengeIn = (verified: Json): string =>
  JSON.parse(Buffer.from(verified.credential.response.clientDataJSON, 'base64url').toString()).challenge;

const used = { uiMode: 'immediate', immediateGet: true };
const notUsed = { uiMode: 'none', immediateGet: true };

describe('signIn', () => {
  it('signs in by one click in Immediate UI mode and reports that it used it', async () => {
    await addPasskey();
    await open();
    expect(await click('signIn')).toMatchObject({ kind: 'passkey', mode: 'immediate', user: { name: 'ada' } });
    expect(server.sent('POST /authentication/options')).toEqual([{ client: { immediateGet: true } }]);
    const [verified] = server.sent('POST /authentication/verify');
    expect(verified).toMatchObject({ attemptId: 'attempt-1', client: used, credential: { type: 'public-key' } });
    expect(challengeIn(verified)).toBe(server.issued()[0].publicKey.challenge);
    expect(server.sent('outcome')).toEqual([]);
  });

  it('passes uiMode and no signal for immediate, a signal and no uiMode for modal', async () => {
    await addPasskey();
    await open();
    await click('signIn');
    expect(await click('signIn', { mode: 'modal', identifier: 'ada' })).toMatchObject({
      kind: 'passkey',
      mode: 'modal',
    });
    const [immediate, modal] = await noted();
    expect(immediate).toMatchObject({ name: 'get', uiMode: 'immediate', signal: false });
    expect(modal).toMatchObject({ name: 'get', signal: true });
    expect(modal).not.toHaveProperty('uiMode');
    expect(server.sent('POST /authentication/options')[1]).toMatchObject({ mode: 'modal', identifier: 'ada' });
    expect(server.sent('POST /authentication/verify')[1].client).toEqual(notUsed);
  });

  it('hands on what the application added to the answer', async () => {
    await addPasskey();
    server.script('POST /authentication/verify', { body: { user: {}, passkey: {}, attempt: {}, token: 't' } });
    await open();
    expect(await click('signIn')).toMatchObject({ kind: 'passkey', token: 't' });
  });

  it('is unavailable within a second without a passkey, reports NotAllowedError and opens no second sheet', async () => {
    await open();
    expect(await click('signIn')).toEqual({ kind: 'unavailable' });
    expect(await page.evaluate(() => (window as Json).took)).toBeLessThan(1_000);
    await until(() => expect(server.sent('outcome')).toEqual([{ errorName: 'NotAllowedError', client: used }]));
    expect(await noted()).toHaveLength(1);
    expect(server.sent('POST /authentication/options')).toHaveLength(1);
    expect(server.sent('POST /authentication/verify')).toEqual([]);
  });

  it('takes the full sheet where the browser has no Immediate UI mode, and refuses to call that immediate', async () => {
    await page.addInitScript(() => Reflect.deleteProperty(PublicKeyCredential, 'getClientCapabilities'));
    await addPasskey();
    await open();
    expect(await click('signIn', { mode: 'immediate' })).toEqual({ kind: 'unsupported' });
    expect(await click('signIn')).toMatchObject({ kind: 'passkey', mode: 'modal' });
    expect(server.sent('POST /authentication/verify')[0].client).toEqual({ uiMode: 'none', immediateGet: false });
    expect(await noted()).toHaveLength(1);
  });

  it('opens no sheet when the server allows autofill only', async () => {
    await addPasskey();
    await open();
    server.script('POST /authentication/options', {
      body: { attemptId: 'a', mode: 'conditional', mediation: 'conditional', publicKey: { challenge: 'AAAA' } },
    });
    expect(await click('signIn')).toEqual({ kind: 'unsupported' });
    expect(await noted()).toEqual([]);
  });

  it('is busy on a second click while the first is under way, and asks nothing', async () => {
    await addPasskey();
    server.script('POST /authentication/options', { delay: 2_000 });
    await open();
    await arm('signIn');
    await page.click('button');
    const first = page.evaluateHandle(() => ({ promise: (window as Json).result }));
    await first;
    await page.click('button');
    expect(await result()).toEqual({ kind: 'busy' });
    expect(await (await first).evaluate(({ promise }) => promise)).toMatchObject({ kind: 'passkey' });
    expect(server.sent('POST /authentication/options')).toHaveLength(1);
  });

  it("is busy when a request of the page's own is pending in the browser", async () => {
    await addPasskey();
    await touching(false);
    await open();
    await page.evaluate(() => {
      navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId: 'localhost' } });
    });
    expect(await click('signIn')).toEqual({ kind: 'busy' });
    await until(() => expect(server.sent('outcome')).toEqual([{ errorName: 'OperationError', client: used }]));
  });

  it('is misuse with an rpId that is not this site’s, and reports SecurityError', async () => {
    server.issue({ rpId: 'example.com' });
    await open();
    expect(await click('signIn')).toMatchObject({ kind: 'misuse', message: expect.any(String) });
    await until(() => expect(server.sent('outcome')[0].errorName).toBe('SecurityError'));
  });

  it('is unavailable by its deadline when get() never settles, as under an extension that took it over', async () => {
    server.issue({ timeout: 300 });
    await open();
    await page.evaluate(() => {
      navigator.credentials.get = () => new Promise(() => {});
    });
    expect(await click('signIn')).toEqual({ kind: 'unavailable' });
    expect(await click('signIn', { mode: 'modal' })).toEqual({ kind: 'unavailable' });
    await until(() =>
      expect(server.sent('outcome')).toEqual([
        { errorName: 'TimeoutError', client: used },
        { errorName: 'TimeoutError', client: notUsed },
      ]),
    );
  });

  it('hands a stored password to the application and tells the server only that there was one', async () => {
    await open();
    // Headless Chromium stores no passwords: the credential is its own, that get() gives it is not.
    await page.evaluate(() => {
      const { PasswordCredential, asked = [] } = window as Json;
      navigator.credentials.get = async (options) => {
        asked.push(options);
        return new PasswordCredential({ id: 'ada', password: 'secret' });
      };
      Object.assign(window, { asked });
    });
    await page.evaluate(() => {
      const scope = window as Json;
      const signIn = scope.client.signIn({ password: true });
      scope.chosen = signIn.then(({ kind, credential }: Json) => [kind, credential.id, credential.password]);
    });
    expect(await page.evaluate(() => (window as Json).chosen)).toEqual(['password', 'ada', 'secret']);
    expect(await page.evaluate(() => (window as Json).asked)).toMatchObject([{ uiMode: 'immediate', password: true }]);
    await until(() => expect(server.sent('outcome')).toEqual([{ ended: 'password', client: used }]));
    expect(JSON.stringify(server.calls)).not.toContain('secret');
  });

  it('leaves a passkey on the device when sign-in with it is refused', async () => {
    await addPasskey();
    server.script('POST /authentication/verify', { status: 401, body: { code: 'authentication_failed' } });
    await open();
    expect(await click('signIn')).toEqual({ kind: 'refused', code: 'authentication_failed', status: 401 });
    expect(await passkeysOnDevice()).toHaveLength(1);
  });

  it('tells the password manager which passkeys the server still knows', async () => {
    await addPasskey();
    const userId = Buffer.from('ada').toString('base64url');
    const signals = {
      allAcceptedCredentials: { rpId: 'localhost', userId, allAcceptedCredentialIds: [] },
      currentUserDetails: { rpId: 'localhost', userId, name: 'ada', displayName: 'Ada' },
    };
    server.script('POST /authentication/verify', { body: { user: {}, passkey: {}, attempt: {}, signals } });
    await open();
    expect(await click('signIn')).toMatchObject({ kind: 'passkey' });
    await until(async () => expect(await passkeysOnDevice()).toHaveLength(0));
  });
});

describe('when the server or the network says no', () => {
  it.each([
    [403, 'mode_not_allowed'],
    [429, 'rate_limited'],
    [503, 'store_unavailable'],
  ])('is refused with status %i and code %s', async (status, code) => {
    server.script('POST /authentication/options', { status, body: { code } });
    await open();
    expect(await click('signIn')).toEqual({ kind: 'refused', code, status });
    expect(await noted()).toEqual([]);
  });

  it.each([
    [502, '<html>Bad gateway'],
    [200, '<html>Please accept our terms'],
    [200, 'null'],
    [200, '{}'],
  ])('is refused with unknown_answer when %i %s is not the server’s own answer', async (status, body) => {
    server.script('POST /authentication/options', { status, body });
    await open();
    expect(await click('signIn')).toEqual({ kind: 'refused', code: 'unknown_answer', status });
  });

  it('is offline without a network', async () => {
    await open();
    await context.setOffline(true);
    expect(await click('signIn')).toEqual({ kind: 'offline' });
  });

  it.each(['options', 'verify'])('is offline by the deadline when %s hangs', async (step) => {
    await addPasskey();
    server.script(`POST /authentication/${step}`, { hang: true });
    await open({ requestTimeout: 300 });
    expect(await click('signIn')).toEqual({ kind: 'offline' });
  });

  it('sends options requests one after another until one has answered', async () => {
    server.script('POST /authentication/options', { delay: 100 });
    await open();
    await page.evaluate(async () => {
      const { client, createPasskeyClient, createFromCopy } = window as Json;
      await Promise.all([client.prepare(), createPasskeyClient().prepare(), createFromCopy().prepare()]);
    });
    expect(server.sent('POST /authentication/options')).toHaveLength(3);
    expect(server.mostPendingOptions()).toBe(1);
  });
});

describe('prepare', () => {
  it('fetches options before the click, which then only says that the attempt has begun', async () => {
    await addPasskey();
    await open();
    expect(await call('prepare')).toEqual({ kind: 'done' });
    expect(await click('signIn')).toMatchObject({ kind: 'passkey' });
    expect(server.sent('POST /authentication/options')).toEqual([{ prefetch: true, client: { immediateGet: true } }]);
    expect(server.sent('outcome')).toEqual([{ begun: true, client: used }]);
    expect(server.sent('POST /authentication/verify')[0].attemptId).toBe('attempt-1');
    const keptAlive = await page.evaluate(() => (window as Json).keptAlive);
    expect(keptAlive).toEqual(['/passkeys/attempts/attempt-1/outcome']);
  });

  it('says so even when the tab is closed with the sheet open', async () => {
    await addPasskey();
    await touching(false);
    await open();
    await call('prepare');
    await arm('signIn');
    await page.click('button');
    await until(async () => expect(await noted()).toHaveLength(1));
    await page.close();
    await until(() => expect(server.sent('outcome')).toContainEqual({ begun: true, client: used }));
    expect(server.sent('POST /authentication/verify')).toEqual([]);
  });

  it('serves one click; the next fetches its own', async () => {
    await open();
    await call('prepare');
    await click('signIn');
    await click('signIn');
    expect(server.sent('POST /authentication/options').map((body) => body.prefetch)).toEqual([true, undefined]);
  });

  it('serves no click that asks for something else', async () => {
    await addPasskey();
    await open();
    await call('prepare');
    await click('signIn', { mode: 'modal' });
    expect(server.sent('POST /authentication/verify')[0].attemptId).toBe('attempt-2');
    await click('signIn');
    expect(server.sent('POST /authentication/verify')[1].attemptId).toBe('attempt-1');
  });

  it('replaces options before they expire, and passes on only the time that is left', async () => {
    await addPasskey();
    server.issue({ timeout: 1_000 });
    await open();
    await call('prepare');
    await until(() => expect(server.issued()).toHaveLength(2));
    server.issue({ timeout: 110_000 });
    await until(() => expect(server.issued()).toHaveLength(3));
    await page.waitForTimeout(50);
    await click('signIn');
    expect(challengeIn(server.sent('POST /authentication/verify')[0])).toBe(server.issued()[2].publicKey.challenge);
    expect((await noted())[0].timeout).toBeLessThan(110_000 - 50);
  });

  it('stops after five refreshes that nobody used', async () => {
    server.issue({ timeout: 60 });
    await open();
    await call('prepare');
    await until(() => expect(server.issued()).toHaveLength(6));
    await page.waitForTimeout(200);
    expect(server.issued()).toHaveLength(6);
  });

  it('fetches nothing while the page is hidden', async () => {
    server.issue({ timeout: 100 });
    await open();
    await call('prepare');
    await hide();
    const before = server.issued().length;
    await page.waitForTimeout(300);
    expect(server.issued()).toHaveLength(before);
    await show();
    await until(() => expect(server.issued().length).toBeGreaterThan(before));
  });

  it('is refused when the server refuses', async () => {
    server.script('POST /authentication/options', { status: 403, body: { code: 'mode_not_allowed' } });
    await open();
    expect(await call('prepare')).toMatchObject({ kind: 'refused', code: 'mode_not_allowed' });
  });
});

describe('autofill', () => {
  it('signs in with the passkey that was picked', async () => {
    await addPasskey();
    await open();
    await startAutofill();
    expect(await autofilled()).toMatchObject({ kind: 'passkey', mode: 'conditional' });
    expect(await heard()).toEqual([['onSignIn', 'ada']]);
    expect(server.sent('POST /authentication/options')).toEqual([
      { mode: 'conditional', prefetch: true, client: { immediateGet: true } },
    ]);
    expect(server.sent('POST /authentication/verify')[0].client).toEqual(notUsed);
    expect(server.sent('outcome')).toEqual([]);
  });

  it('waits again after a refused passkey, with a new challenge', async () => {
    await addPasskey();
    const refused = { status: 401, body: { code: 'authentication_failed' } };
    server.script('POST /authentication/verify', refused, {});
    await open();
    await startAutofill();
    expect(await autofilled()).toMatchObject({ kind: 'passkey' });
    expect(await heard()).toEqual([
      ['onRefused', 'authentication_failed'],
      ['onSignIn', 'ada'],
    ]);
    expect(server.sent('POST /authentication/verify').map((body) => body.attemptId)).toEqual([
      'attempt-1',
      'attempt-2',
    ]);
  });

  it('ends after three refusals', async () => {
    await addPasskey();
    server.script('POST /authentication/verify', { status: 401, body: { code: 'authentication_failed' } });
    await open();
    await startAutofill();
    expect(await autofilled()).toMatchObject({ kind: 'refused', status: 401 });
    expect(server.sent('POST /authentication/verify')).toHaveLength(3);
  });

  it('renews its challenge before it expires and reports nothing of it', async () => {
    await addPasskey();
    await touching(false);
    server.issue({ timeout: 300 });
    await open();
    await startAutofill();
    await until(() => expect(server.issued().length).toBeGreaterThan(2));
    await touching(true);
    expect(await autofilled()).toMatchObject({ kind: 'passkey' });
    const [verified] = server.sent('POST /authentication/verify');
    const { publicKey } = server.issued().find(({ attemptId }) => attemptId === verified.attemptId);
    expect(challengeIn(verified)).toBe(publicKey.challenge);
    expect(['attempt-1', 'attempt-2']).not.toContain(verified.attemptId);
    expect(server.sent('outcome')).toEqual([]);
  });

  it('goes on waiting while the page is hidden, and renews its challenge when it is seen again', async () => {
    await addPasskey();
    await touching(false);
    server.issue({ timeout: 200 });
    await open();
    await hide();
    await startAutofill();
    await page.waitForTimeout(500);
    expect(server.issued()).toHaveLength(1);
    await touching(true);
    await show();
    expect(await autofilled()).toMatchObject({ kind: 'passkey' });
    expect(server.sent('POST /authentication/verify')[0].attemptId).toBe('attempt-2');
  });

  it('does not wait again after NotAllowedError', async () => {
    server.issue({ timeout: 200 });
    await open();
    await startAutofill();
    expect(await autofilled()).toEqual({ kind: 'unavailable' });
    await page.waitForTimeout(300);
    expect(server.issued()).toHaveLength(1);
    expect(server.sent('outcome')).toEqual([{ errorName: 'NotAllowedError', client: notUsed }]);
  });

  it('gives way to a click, and reports nothing of it', async () => {
    await addPasskey();
    await touching(false);
    await open();
    await startAutofill();
    await until(async () => expect(await noted()).toHaveLength(1));
    await touching(true);
    expect(await click('signIn')).toMatchObject({ kind: 'passkey', mode: 'immediate' });
    expect(await autofilled()).toEqual({ kind: 'aborted' });
    expect(server.sent('outcome')).toEqual([]);
  });

  it('waits once per page, whichever client or copy of the module asked', async () => {
    await addPasskey();
    await touching(false);
    await open();
    await startAutofill();
    await until(async () => expect(await noted()).toHaveLength(1));
    await touching(true);
    await page.evaluate(() => {
      const scope = window as Json;
      scope.second = scope.createFromCopy().autofill({ onSignIn: () => {} });
    });
    expect(await autofilled()).toEqual({ kind: 'aborted' });
    expect(await page.evaluate(() => (window as Json).second)).toMatchObject({ kind: 'passkey' });
  });

  it('stops on the page’s signal', async () => {
    await addPasskey();
    await touching(false);
    await open();
    const stopped = page.evaluate(() => {
      const signal = AbortSignal.timeout(100);
      return (window as Json).client.autofill({ onSignIn: () => {}, signal });
    });
    expect(await stopped).toEqual({ kind: 'aborted' });
    expect(server.sent('outcome')).toEqual([]);
  });

  it('is misuse without onSignIn', async () => {
    await open();
    expect(await call('autofill')).toMatchObject({ kind: 'misuse' });
  });
});

describe('registration', () => {
  it('makes an account with a passkey', async () => {
    await open();
    expect(await click('signUp', { username: 'ada', displayName: 'Ada' })).toMatchObject({
      kind: 'done',
      user: { name: 'ada' },
    });
    expect(server.sent('POST /registration/options')).toEqual([{ username: 'ada', displayName: 'Ada' }]);
    const [verified] = server.sent('POST /registration/verify');
    expect(challengeIn(verified)).toBe(server.issued()[0].publicKey.challenge);
    expect(await passkeysOnDevice()).toHaveLength(1);
  });

  it('finds that this device already has a passkey, and reports InvalidStateError', async () => {
    const id = await addPasskey();
    server.issue({ excludeCredentials: [{ type: 'public-key', id }] });
    await open();
    expect(await click('register', { nickname: 'laptop' })).toEqual({ kind: 'exists' });
    expect(server.sent('POST /registration/options')).toEqual([{ nickname: 'laptop' }]);
    await until(() => expect(server.sent('outcome')[0].errorName).toBe('InvalidStateError'));
  });

  it.each([
    ['forgets', 'username_unavailable', 409, 0],
    ['forgets', 'registration_failed', 400, 0],
    ['keeps', 'passkey_exists', 409, 1],
    ['keeps', 'store_unavailable', 503, 1],
  ])('%s the new passkey after %s', async (_, code, status, left) => {
    server.script('POST /registration/verify', { status, body: { code } });
    await open();
    expect(await click('signUp', { username: 'ada' })).toEqual({ kind: 'refused', code, status });
    await until(async () => expect(await passkeysOnDevice()).toHaveLength(left));
  });

  it('is misuse without a username', async () => {
    await open();
    expect(await click('signUp', {})).toMatchObject({ kind: 'misuse' });
    expect(await click('signUp')).toMatchObject({ kind: 'misuse' });
    expect(server.calls).toEqual([]);
  });

  it('asks for an upgrade without a sheet, which is unavailable when the browser’s time-out ends it', async () => {
    server.issue({ timeout: 300 });
    await open();
    expect(await call('upgrade')).toEqual({ kind: 'unavailable' });
    expect(server.sent('POST /registration/options')).toEqual([{ mediation: 'conditional' }]);
    expect(await noted()).toMatchObject([{ name: 'create', mediation: 'conditional' }]);
    // The browser's own time-out, or on a slow machine the client's deadline soon after it.
    await until(() => expect(server.sent('outcome')[0].errorName).toMatch(/^(NotAllowed|Timeout)Error$/));
  });

  it('has an upgrade give way to a click', async () => {
    await addPasskey();
    await open();
    await page.evaluate(() => Object.assign(window, { upgraded: (window as Json).client.upgrade() }));
    await until(async () => expect(await noted()).toHaveLength(1));
    expect(await click('signIn')).toMatchObject({ kind: 'passkey' });
    expect(await page.evaluate(() => (window as Json).upgraded)).toEqual({ kind: 'aborted' });
  });
});

describe('what a signed-in person does', () => {
  it('steps up for one action with the full sheet', async () => {
    await addPasskey();
    await open();
    expect(await click('stepUp', { action: 'pay' })).toMatchObject({ kind: 'done', steppedUpAt: 1, expiresAt: 2 });
    expect(server.sent('POST /step-up/options')).toEqual([{ action: 'pay', client: { immediateGet: true } }]);
    expect(server.sent('POST /step-up/verify')[0].client).toEqual(notUsed);
    expect((await noted())[0]).not.toHaveProperty('uiMode');
  });

  it('lists, renames and removes passkeys and signs out', async () => {
    await open();
    expect(await call('passkeys')).toMatchObject({ kind: 'done', passkeys: [{ id: 'passkey-1' }] });
    const passkey = { id: 'passkey-1', nickname: 'laptop' };
    expect(await call('rename', 'passkey-1', 'laptop')).toMatchObject({ kind: 'done', passkey });
    expect(await call('rename', 'another', 'laptop')).toEqual({ kind: 'refused', code: 'not_found', status: 404 });
    expect(await call('remove', 'passkey-1')).toEqual({ kind: 'done' });
    expect(await call('signOut')).toEqual({ kind: 'done' });
  });

  it('has the password manager forget a passkey that was removed', async () => {
    await addPasskey();
    const userId = Buffer.from('ada').toString('base64url');
    server.script('GET /signals', {
      status: 200,
      body: {
        allAcceptedCredentials: { rpId: 'localhost', userId, allAcceptedCredentialIds: [] },
        currentUserDetails: { rpId: 'localhost', userId, name: 'ada', displayName: 'Ada' },
      },
    });
    await open();
    await call('remove', 'passkey-1');
    await until(async () => expect(await passkeysOnDevice()).toHaveLength(0));
  });
});

describe('the browser', () => {
  it('says what it can do', async () => {
    await open();
    expect(await call('capabilities')).toEqual({
      passkeys: true,
      immediateGet: true,
      conditionalGet: true,
      conditionalCreate: true,
    });
  });

  it('without WebAuthn is unsupported in every ceremony, and the server hears nothing', async () => {
    await page.addInitScript(() => Reflect.deleteProperty(window, 'PublicKeyCredential'));
    await open();
    const ceremonies = ['signIn', 'prepare', 'signUp', 'register', 'upgrade', 'stepUp'];
    for (const ceremony of ceremonies) expect(await call(ceremony, {})).toEqual({ kind: 'unsupported' });
    expect((await call('capabilities')).passkeys).toBe(false);
    expect(server.calls).toEqual([]);
  });

  it('outside a secure context is misuse', async () => {
    await open({}, 'insecure.test');
    expect(await click('signIn')).toMatchObject({ kind: 'misuse', message: expect.stringContaining('secure context') });
  });
});
