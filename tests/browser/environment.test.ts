// What the browser, the page and the address of the routes make of it: old browsers, forbidden passkeys, other mounts.

import { describe, expect, it } from 'vitest';
import { addPasskey, call, click, inChromium, open, page, server } from './page.ts';
import type { Json } from './server.ts';

inChromium();

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
    const ceremonies = ['signIn', 'prepare', 'signUp', 'register', 'upgrade', 'offer', 'stepUp', 'confirm'];
    for (const ceremony of ceremonies) expect(await call(ceremony, {})).toEqual({ kind: 'unsupported' });
    expect((await call('capabilities')).passkeys).toBe(false);
    expect(server.calls).toEqual([]);
  });

  it('outside a secure context is misuse', async () => {
    await open({}, 'insecure.test');
    expect(await click('signIn')).toMatchObject({ kind: 'misuse', message: expect.stringContaining('secure context') });
  });
});

/** Without what came after Safari 16 and Chrome 108: the JSON methods, getClientCapabilities() and two of AbortSignal's. */
function growOld() {
  for (const name of ['parseRequestOptionsFromJSON', 'parseCreationOptionsFromJSON', 'getClientCapabilities']) {
    Reflect.deleteProperty(PublicKeyCredential, name);
  }
  Reflect.deleteProperty(PublicKeyCredential.prototype, 'toJSON');
  Reflect.deleteProperty(AbortSignal, 'any');
  Reflect.deleteProperty(AbortSignal, 'timeout');
}

describe('an old browser', () => {
  it('registers, signs in by the sheet, and steps up with an allow list', async () => {
    await page.addInitScript(growOld);
    await open();
    expect(await click('signUp', { username: 'ada' })).toMatchObject({ kind: 'done' });
    const [{ credential }] = server.sent('POST /registration/verify');
    expect(await click('signIn')).toMatchObject({ kind: 'passkey', mode: 'modal' });
    server.issue({ allowCredentials: [{ type: 'public-key', id: credential.id, transports: ['internal'] }] });
    expect(await click('stepUp')).toMatchObject({ kind: 'done' });
    server.issue({ excludeCredentials: [{ type: 'public-key', id: credential.id }] });
    expect(await click('register')).toEqual({ kind: 'exists' });
  });

  it('fills in', async () => {
    await page.addInitScript(growOld);
    await addPasskey();
    await open();
    const filled = page.evaluate(() => (window as Json).client.autofill({ onSignIn: () => {} }));
    expect(await filled).toMatchObject({ kind: 'passkey', mode: 'conditional' });
  });

  const answers: [string, () => unknown, boolean, boolean][] = [
    ["Safari's first names, and autofill", () => ({ conditionalMediation: true }), true, true],
    ["Safari's first names, and no autofill", () => ({ conditionalMediation: true }), false, false],
    ['a Map', () => new Map([['conditional-mediation', true]]), true, true],
    ['nothing', () => ({}), true, true],
    ['that it has no autofill', () => ({ conditionalGet: false }), true, false],
    ['a rejection', () => Promise.reject(new Error('no')), true, true],
    ['undefined', () => undefined, true, true],
  ];

  it.each(answers)('whose getClientCapabilities() gives %s', async (_, known, available, conditionalGet) => {
    await page.addInitScript(
      `PublicKeyCredential.getClientCapabilities = async () => (${known})();
       PublicKeyCredential.isConditionalMediationAvailable = async () => ${available};`,
    );
    await open();
    expect(await call('capabilities')).toMatchObject({ passkeys: true, immediateGet: false, conditionalGet });
  });

  it('without isConditionalMediationAvailable() has no autofill', async () => {
    await page.addInitScript(() => {
      Reflect.deleteProperty(PublicKeyCredential, 'getClientCapabilities');
      Reflect.deleteProperty(PublicKeyCredential, 'isConditionalMediationAvailable');
    });
    await open();
    expect(await call('capabilities')).toMatchObject({ passkeys: true, conditionalGet: false });
  });
});

describe('a page whose Permissions-Policy forbids passkeys', () => {
  const getting = ['signIn', 'stepUp', 'confirm', 'autofill', 'prepare'];
  const making = ['signUp', 'register', 'offer'];

  it.each([
    ['publickey-credentials-get', getting, making],
    ['publickey-credentials-create', making, getting],
  ])('is misuse that names %s', async (feature, forbidden, allowed) => {
    server.givePage({ 'permissions-policy': `${feature}=()` });
    server.issue({ timeout: 300 });
    await open();
    const message = expect.stringMatching(new RegExp(`Permissions-Policy.*${feature}`));
    for (const method of forbidden) expect(await call(method, {})).toEqual({ kind: 'misuse', message });
    expect(server.calls).toEqual([]);
    for (const method of allowed) {
      const result = await call(method, { onSignIn: undefined });
      expect(result.message ?? '').not.toContain('Permissions-Policy');
    }
  });

  it('is not one whose browser does not know the feature', async () => {
    await page.addInitScript(() => {
      const policy = { features: () => ['camera'], allowsFeature: () => false };
      Object.defineProperty(document, 'featurePolicy', { value: policy });
    });
    await addPasskey();
    await open();
    expect(await click('signIn')).toMatchObject({ kind: 'passkey' });
  });

  it('is one whose browser calls it permissionsPolicy', async () => {
    await page.addInitScript(() => {
      const policy = { features: () => ['publickey-credentials-get'], allowsFeature: () => false };
      Object.defineProperty(document, 'featurePolicy', { value: undefined });
      Object.defineProperty(document, 'permissionsPolicy', { value: policy });
    });
    await open();
    expect(await click('signIn')).toMatchObject({ kind: 'misuse' });
  });
});

describe('the routes', () => {
  it.each(['/passkeys', '/auth/passkeys', ''])('are asked where client.js came from: %s', async (mount) => {
    server.mountAt(mount);
    await open();
    expect(await call('passkeys')).toMatchObject({ kind: 'done' });
  });

  it('are asked at baseUrl, with and without a slash at its end', async () => {
    server.mountAt('/auth/passkeys');
    for (const baseUrl of ['/auth/passkeys', '/auth/passkeys/', '/auth/passkeys//']) {
      await open({ baseUrl });
      expect(await call('passkeys')).toMatchObject({ kind: 'done' });
      const asked = await page.evaluate(() => performance.getEntriesByType('resource').at(-1)?.name);
      expect(asked).toBe(`http://localhost:${server.port}/auth/passkeys/credentials`);
    }
    await open({ baseUrl: '/passkeys' });
    expect(await call('passkeys')).toMatchObject({ kind: 'refused', status: 404 });
  });

  it('are at /passkeys for a module that is no client.js', async () => {
    await open();
    for (const path of ['/assets/app.js', '/assets/client.js.map', '/assets/my-client.js']) {
      const listed = page.evaluate(`import('${path}').then((module) => module.createPasskeyClient().passkeys())`);
      expect(await listed).toMatchObject({ kind: 'done' });
    }
  });

  it.each([
    [200, 'offline'],
    ['200ms', 'offline'],
    ['0.2s', 'offline'],
    ['10s', 'done'],
    ['1m', 'done'],
  ])('are given the time that the page says: %s', async (requestTimeout, kind) => {
    server.script('GET /credentials', { delay: 1_000 });
    await open({ requestTimeout });
    expect(await call('passkeys')).toMatchObject({ kind });
  });

  it('are not asked with what is no time', async () => {
    for (const requestTimeout of ['soon', '10', '10 s', -1, Infinity, NaN, '90d', 2 ** 31]) {
      await expect(open({ requestTimeout })).rejects.toThrow('requestTimeout');
    }
  });
});

describe('returnTo()', () => {
  const given: [string, string | undefined][] = [
    ['/account', '/account'],
    ['/account?a=1&b=%2F#part', '/account?a=1&b=%2F#part'],
    ['/a/../b', '/b'],
    ['/https://evil.example', '/https://evil.example'],
    ['', undefined],
    ['account', undefined],
    ['https://evil.example', undefined],
    ['https:evil.example', undefined],
    ['//evil.example', undefined],
    ['/\\evil.example', undefined],
    ['\\\\evil.example', undefined],
    ['/\t/evil.example', undefined],
    ['/\n/evil.example', undefined],
    ['\t//evil.example', undefined],
    [' //evil.example', undefined],
    ['/.//evil.example', undefined],
    ['/x/..//evil.example', undefined],
    ['/.\\\\evil.example', undefined],
    ['/%2e//evil.example', undefined],
    ['/.\t//evil.example', undefined],
    ['/\t/[', undefined],
    ['javascript:alert(1)', undefined],
    ['data:text/html,x', undefined],
  ];

  it('gives a path of this site, or nothing', async () => {
    await open();
    for (const [asked, expected] of given) {
      const [path, origin] = await page.evaluate((asked) => {
        history.replaceState(null, '', `/?returnTo=${encodeURIComponent(asked)}`);
        const path = (window as Json).returnTo();
        return [path, new URL(path ?? '/', location.href).origin];
      }, asked);
      expect([asked, path]).toEqual([asked, expected]);
      expect(origin).toBe(`http://localhost:${server.port}`);
    }
    expect(await page.evaluate("history.replaceState(null, '', '/'), returnTo()")).toBeUndefined();
  });
});
