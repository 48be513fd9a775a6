// What a signed-in person does: confirm, own passkeys, own sessions.

import { describe, expect, it } from 'vitest';
import { addPasskey, call, click, inChromium, noted, notUsed, open, passkeysOnDevice, server, until } from './page.ts';

inChromium();

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
