// Making passkeys: for a new account, for who is signed in, and without a sheet.

import { describe, expect, it } from 'vitest';
import {
  addPasskey,
  call,
  challengeIn,
  click,
  inChromium,
  noted,
  open,
  page,
  passkeysOnDevice,
  server,
  until,
} from './page.ts';
import type { Json } from './server.ts';

inChromium();

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

  it('takes a list of 64 passkeys, which is the most that the server sends, and no longer one', async () => {
    const listed = (length: number) =>
      Array.from({ length }, (_, n) => ({ type: 'public-key', id: Buffer.alloc(16, n + 1).toString('base64url') }));
    server.issue({ excludeCredentials: listed(64) });
    await open();
    expect(await click('register')).toMatchObject({ kind: 'done' });
    server.issue({ excludeCredentials: listed(65) });
    expect(await click('register')).toMatchObject({ kind: 'unavailable' });
    await until(() => expect(server.sent('outcome')[0].errorName).toBe('RangeError'));
  });

  it.each([
    ['forgets', 'username_unavailable', 409, 0],
    ['forgets', 'registration_failed', 400, 0],
    ['forgets', 'user_verification_unavailable', 400, 0],
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

  it('asks for the kind of authenticator that the page names, and for the sheet when signing in with it', async () => {
    await open();
    await click('register', { authenticator: 'security_key' });
    await click('signUp', { username: 'ada', authenticator: 'this_device' });
    await click('signIn', { authenticator: 'phone' });
    expect(server.sent('POST /registration/options')).toEqual([
      { authenticator: 'security_key' },
      { username: 'ada', authenticator: 'this_device' },
    ]);
    expect(server.sent('POST /authentication/options')).toMatchObject([{ mode: 'modal', authenticator: 'phone' }]);
  });

  it('passes on to the browser what the server adds to the options', async () => {
    await page.addInitScript(() => {
      const create = navigator.credentials.create.bind(navigator.credentials);
      navigator.credentials.create = (options) => {
        Object.assign(window, { passed: options?.publicKey });
        return create(options);
      };
    });
    const added = { hints: ['security-key'], extensions: { credProps: true }, attestation: 'direct', novel: { a: 1 } };
    server.issue(added);
    await open();
    await click('register');
    expect(await page.evaluate(() => (window as Json).passed)).toMatchObject(added);
  });
});

describe('offering a passkey after a password', () => {
  const offering = (offer: string) => server.script('POST /offer', { body: { offer } });

  it('says when to ask, and when there is nothing to ask', async () => {
    for (const kind of ['ask', 'none']) {
      offering(kind);
      await open();
      expect(await call('offer')).toEqual({ kind });
    }
    expect(server.calls.map(({ route }) => route)).toEqual(['POST /offer', 'POST /offer']);
    expect(await noted()).toEqual([]);
  });

  it('makes one without a sheet where the server and the browser allow it', async () => {
    // Headless Chromium makes none by itself: here its sheet stands in for a password manager that does.
    await page.addInitScript(() => {
      const create = navigator.credentials.create.bind(navigator.credentials);
      navigator.credentials.create = (options) => {
        const { mediation, ...rest } = options as { mediation?: string };
        Object.assign(window, { mediation });
        return create(rest);
      };
    });
    offering('silent');
    await open();
    expect(await call('offer')).toMatchObject({ kind: 'done', passkey: { id: 'passkey-1' } });
    expect(await page.evaluate(() => (window as Json).mediation)).toBe('conditional');
    expect(server.sent('POST /registration/options')).toEqual([{ mediation: 'conditional' }]);
    expect(await passkeysOnDevice()).toHaveLength(1);
  });

  it('asks where the browser made none, and the server knows why', async () => {
    offering('silent');
    server.issue({ timeout: 300 });
    await open();
    expect(await call('offer')).toEqual({ kind: 'ask' });
    await until(() => expect(server.sent('outcome')).toHaveLength(1));
  });

  it('asks where the browser can make none by itself, or the server refused it after all', async () => {
    offering('silent');
    await page.addInitScript(() => {
      PublicKeyCredential.getClientCapabilities = async () => ({ conditionalCreate: false });
    });
    await open();
    expect(await call('offer')).toEqual({ kind: 'ask' });
    expect(server.calls.map(({ route }) => route)).toEqual(['POST /offer']);
  });

  it('tells the server what came of it: taken, or not now', async () => {
    await open();
    expect(await click('register', { offered: true })).toMatchObject({ kind: 'done' });
    expect(server.sent('POST /registration/options')).toEqual([{ offered: true }]);
    expect(await call('notNow')).toEqual({ kind: 'done' });
    expect(server.calls.at(-1)!.route).toBe('DELETE /offer');
  });

  it.each([
    [401, 'sign_in_required'],
    [503, 'store_unavailable'],
  ])('shows nothing when the server answers %i', async (status, code) => {
    server.script('POST /offer', { status, body: { code } });
    await open();
    expect(await call('offer')).toEqual({ kind: 'refused', code, status });
  });

  it('gives way to a click', async () => {
    offering('silent');
    await addPasskey();
    await open();
    await page.evaluate(() => Object.assign(window, { offered: (window as Json).client.offer() }));
    await until(async () => expect(await noted()).toHaveLength(1));
    expect(await click('signIn')).toMatchObject({ kind: 'passkey' });
    expect(await page.evaluate(() => (window as Json).offered)).toEqual({ kind: 'ask' });
  });
});
