// Signing in by one click: the modes, what the browser answers, and a server or a network that says no.

import { describe, expect, it } from 'vitest';
import {
  addPasskey,
  arm,
  call,
  challengeIn,
  click,
  context,
  inChromium,
  noted,
  notUsed,
  open,
  page,
  passkeysOnDevice,
  result,
  server,
  touching,
  until,
  used,
} from './page.ts';
import type { Json, Reply } from './server.ts';

inChromium({ whole: true });

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

  const html = { 'content-type': 'text/html' };
  const json = { 'content-type': 'application/json' };
  const foreign: [string, Reply][] = [
    ['a proxy', { status: 502, body: '<html>Bad gateway', headers: html }],
    ['a portal', { status: 200, body: '<html>Please accept our terms', headers: html }],
    ['a csrf middleware', { status: 403, body: 'invalid csrf token', headers: html }],
    ['a csrf middleware in JSON', { status: 403, body: { code: 'EBADCSRFTOKEN' }, headers: json }],
    ['a limiter in JSON', { status: 429, body: { code: 'rate_limited' }, headers: json }],
    [
      'problem+json of another service',
      {
        status: 403,
        body: { type: 'https://example.com/csrf', code: 'csrf' },
        headers: { 'content-type': 'application/problem+json' },
      },
    ],
    ['problem+json without a code', { status: 403, body: { type: 'about:blank', title: 'Forbidden' } }],
    ['problem+json of a text', { status: 403, body: '"no"' }],
    ['null', { status: 200, body: 'null' }],
    ['a number', { status: 200, body: '7' }],
    ['an empty object', { status: 200, body: '{}' }],
    ['nothing', { status: 204 }],
  ];

  it.each(foreign)('is refused with unknown_answer when %s answered for options', async (_, reply) => {
    server.script('POST /authentication/options', reply);
    await open();
    const refused = { kind: 'refused', code: 'unknown_answer', status: reply.status };
    expect(await click('signIn')).toEqual(refused);
    expect(await noted()).toEqual([]);
  });

  it.each(foreign)('is refused with unknown_answer when %s answered for verify, and for a list', async (_, reply) => {
    await addPasskey();
    server.script('POST /authentication/verify', reply);
    server.script('GET /credentials', reply);
    await open();
    const refused = { kind: 'refused', code: 'unknown_answer', status: reply.status };
    expect(await click('signIn')).toEqual(refused);
    expect(await call('passkeys')).toEqual(refused);
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect (%i)', async (status) => {
    server.script('POST /authentication/options', { status, body: '', headers: { location: '/passkeys/session' } });
    await open();
    expect(await click('signIn')).toEqual({ kind: 'refused', code: 'unknown_answer', status: 0 });
    expect(server.calls).toHaveLength(1);
  });

  it('is misuse when the page passes what cannot be written as JSON', async () => {
    await open();
    const wrong = (method: string, ...args: string[]) =>
      page.evaluate(`client.${method}(${args.join(', ')})`) as Promise<Json>;
    expect(await wrong('signIn', '{ mode: "modal", identifier: 1n }')).toMatchObject({ kind: 'misuse' });
    expect(await wrong('prepare', '{ for: "signUp", username: 1n }')).toMatchObject({ kind: 'misuse' });
    expect(await wrong('rename', '"passkey-1"', '1n')).toMatchObject({ kind: 'misuse' });
    expect(server.calls).toEqual([]);
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
