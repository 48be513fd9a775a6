// What the browser, the page and the address of the routes make of it.

import { describe, expect, it } from 'vitest';
import { call, click, inChromium, open, page, server } from './page.ts';

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
