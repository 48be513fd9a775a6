// What a signed-in person does: confirm, own passkeys, own sessions.

import { describe, expect, it } from 'vitest';
import {
  addPasskey,
  call,
  click,
  inChromium,
  noted,
  notUsed,
  open,
  page,
  passkeysOnDevice,
  server,
  until,
} from './page.ts';
import type { Json } from './server.ts';

inChromium();

describe('a person who is signed in', () => {
  it('steps up for one action with the full sheet', async () => {
    await addPasskey();
    await open();
    expect(await click('stepUp', { action: 'pay' })).toMatchObject({ kind: 'done', steppedUpAt: 1, expiresAt: 2 });
    expect(server.sent('POST /step-up/options')).toEqual([{ action: 'pay', client: { immediateGet: true } }]);
    expect(server.sent('POST /step-up/verify')[0].client).toEqual(notUsed);
    expect((await noted())[0]).not.toHaveProperty('uiMode');
  });

  it('confirms by a step-up', async () => {
    await addPasskey();
    await open();
    expect(await click('confirm', { action: 'pay', identifier: 'ada' })).toMatchObject({
      kind: 'done',
      steppedUpAt: 1,
    });
    expect(server.sent('POST /step-up/options')).toMatchObject([{ action: 'pay' }]);
    expect(server.sent('POST /authentication/options')).toEqual([]);
    expect(await noted()).toHaveLength(1);
  });

  it('confirms by a sign-in with the full sheet where only the application knows them', async () => {
    await addPasskey();
    server.script('POST /step-up/options', { status: 401, body: { code: 'sign_in_required' } });
    await open();
    expect(await click('confirm', { identifier: 'ada' })).toMatchObject({ kind: 'passkey', mode: 'modal' });
    expect(server.sent('POST /authentication/options')).toMatchObject([{ mode: 'modal', identifier: 'ada' }]);
    expect(await noted()).toHaveLength(1);
  });

  it('is told what else a step-up was refused for, and sees no sheet', async () => {
    server.script('POST /step-up/options', { status: 429, body: { code: 'rate_limited' } });
    await open();
    expect(await click('confirm')).toEqual({ kind: 'refused', code: 'rate_limited', status: 429 });
    expect(await noted()).toEqual([]);
  });

  it('lists, renames, disables, enables and removes passkeys', async () => {
    await open();
    expect(await call('passkeys')).toMatchObject({ kind: 'done', passkeys: [{ id: 'passkey-1', nickname: 'laptop' }] });
    const passkey = { id: 'passkey-1', nickname: 'desk' };
    expect(await call('rename', 'passkey-1', 'desk')).toMatchObject({ kind: 'done', passkey });
    expect(await call('rename', 'another', 'desk')).toEqual({ kind: 'refused', code: 'not_found', status: 404 });
    expect(await call('setEnabled', 'passkey-1', false)).toMatchObject({ kind: 'done', passkey: { enabled: false } });
    expect(await call('setEnabled', 'passkey-1', true)).toMatchObject({ kind: 'done', passkey: { enabled: true } });
    expect(server.sent('PATCH /credentials/passkey-1')).toEqual([
      { nickname: 'desk' },
      { enabled: false },
      { enabled: true },
    ]);
    expect(await call('remove', 'passkey-1')).toMatchObject({ kind: 'done' });
  });

  it('has the password manager forget a passkey that was removed, by what the removal answers', async () => {
    await addPasskey();
    await open();
    await call('remove', 'passkey-1');
    await until(async () => expect(await passkeysOnDevice()).toHaveLength(0));
    expect(server.calls.map(({ route }) => route)).toEqual(['DELETE /credentials/passkey-1']);
  });

  it('has the password manager told nothing by a rename', async () => {
    await addPasskey();
    await open();
    await call('rename', 'passkey-1', 'desk');
    await call('setEnabled', 'passkey-1', false);
    expect(server.calls).toHaveLength(2);
    expect(await passkeysOnDevice()).toHaveLength(1);
  });

  it('has the password manager told when the account has another name', async () => {
    await addPasskey();
    await page.addInitScript(() => {
      const told: object[] = [];
      Object.assign(window, { told });
      for (const name of ['signalAllAcceptedCredentials', 'signalCurrentUserDetails'] as const) {
        const original = PublicKeyCredential[name].bind(PublicKeyCredential) as (given: object) => Promise<void>;
        PublicKeyCredential[name] = (given: object) => {
          told.push({ [name]: given });
          return original(given);
        };
      }
    });
    const userId = Buffer.from('ada').toString('base64url');
    const accepted = { rpId: 'localhost', userId, allAcceptedCredentialIds: [] };
    const details = { rpId: 'localhost', userId, name: 'ada@example.com', displayName: 'Ada' };
    server.script('GET /signals', { body: { allAcceptedCredentials: accepted, currentUserDetails: details } });
    await open();
    expect(await call('signal')).toMatchObject({ kind: 'done' });
    await until(async () => {
      const told = await page.evaluate(() => (window as Json).told);
      expect(told).toEqual([{ signalAllAcceptedCredentials: accepted }, { signalCurrentUserDetails: details }]);
    });
    await until(async () => expect(await passkeysOnDevice()).toHaveLength(0));
    server.script('GET /signals', { status: 404, body: { code: 'not_found' } });
    expect(await call('signal')).toEqual({ kind: 'refused', code: 'not_found', status: 404 });
    expect(await page.evaluate(() => (window as Json).told)).toHaveLength(2);
  });

  it('sees where they are signed in, and ends it there', async () => {
    await open();
    expect(await call('sessions')).toEqual({
      kind: 'done',
      sessions: [
        {
          id: 'session-1',
          createdAt: 1,
          seenAt: 2,
          expiresAt: 3,
          passkey: { id: 'passkey-1', nickname: 'laptop' },
          address: '203.0.113.8',
          userAgent: 'Browser',
          current: true,
        },
      ],
    });
    expect(await call('endSession', 'session-1')).toEqual({ kind: 'done' });
    expect(await call('endSession', 'a/b')).toEqual({ kind: 'refused', code: 'not_found', status: 404 });
    expect(await call('endOtherSessions')).toEqual({ kind: 'done' });
    expect(server.calls.slice(1).map(({ route }) => route)).toEqual([
      'DELETE /sessions/session-1',
      'DELETE /sessions/a%2Fb',
      'DELETE /sessions',
    ]);
  });

  it.each([
    ['is there', () => {}],
    [
      'rejects',
      () => {
        navigator.credentials.preventSilentAccess = () => Promise.reject(new Error('no'));
      },
    ],
    [
      'never ends',
      () => {
        navigator.credentials.preventSilentAccess = () => new Promise(() => {});
      },
    ],
    [
      'is missing',
      () => {
        Object.assign(navigator.credentials, { preventSilentAccess: undefined });
      },
    ],
  ])('signs out, and forbids silent access where preventSilentAccess() %s', async (_, change) => {
    await open();
    await page.evaluate(change);
    await page.evaluate(() => {
      const scope = window as Json;
      const original = navigator.credentials.preventSilentAccess?.bind(navigator.credentials);
      scope.prevented = 0;
      if (!original) return;
      navigator.credentials.preventSilentAccess = () => {
        scope.prevented += 1;
        return original();
      };
    });
    expect(await call('signOut')).toEqual({ kind: 'done' });
    expect(server.calls.map(({ route }) => route)).toEqual(['DELETE /session']);
    expect(await page.evaluate(() => (window as Json).prevented)).toBe(_ === 'is missing' ? 0 : 1);
  });

  it('is not said to be signed out when somebody else answered', async () => {
    server.script('DELETE /session', {
      status: 403,
      body: '<html>invalid csrf token',
      headers: { 'content-type': 'text/html' },
    });
    await open();
    expect(await call('signOut')).toEqual({ kind: 'refused', code: 'unknown_answer', status: 403 });
  });
});
