// What is fetched before a click serves that click.

import { describe, expect, it } from 'vitest';
import {
  addPasskey,
  arm,
  call,
  challengeIn,
  click,
  hide,
  inChromium,
  noted,
  open,
  page,
  server,
  show,
  touching,
  until,
  used,
} from './page.ts';
import type { Json } from './server.ts';

inChromium();

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

  it('serves no click after the device slept, when timers are late and the options old', async () => {
    await open();
    await call('prepare');
    await page.evaluate('{ const now = Date.now; Date.now = () => now() + 100_000; }');
    await click('signIn');
    expect(server.sent('POST /authentication/options').map((body) => body.prefetch)).toEqual([true, undefined]);
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

  it.each([
    ['signUp', 'registration', { username: 'ada', displayName: 'Ada' }],
    ['register', 'registration', { nickname: 'laptop', authenticator: 'this_device' }],
    ['stepUp', 'step-up', { action: 'pay' }],
    ['confirm', 'step-up', { action: 'pay' }],
    ['signIn', 'authentication', { mode: 'modal', identifier: 'ada' }],
  ])('fetches before the click what %s will want', async (method, purpose, wanted) => {
    await addPasskey();
    await open();
    expect(await call('prepare', { for: method === 'confirm' ? 'stepUp' : method, ...wanted })).toEqual({
      kind: 'done',
    });
    await click(method, wanted);
    expect(server.sent(`POST /${purpose}/options`)).toMatchObject([wanted]);
    expect(server.sent(`POST /${purpose}/verify`)[0].attemptId).toBe('attempt-1');
  });

  it('lets a click for another name or action fetch its own', async () => {
    await addPasskey();
    await open();
    await call('prepare', { for: 'signUp', username: 'ada' });
    await click('signUp', { username: 'grace' });
    await call('prepare', { for: 'stepUp', action: 'pay' });
    await click('stepUp', { action: 'close' });
    expect(server.sent('POST /registration/options').map(({ username }) => username)).toEqual(['ada', 'grace']);
    expect(server.sent('POST /step-up/options').map(({ action }) => action)).toEqual(['pay', 'close']);
  });

  it('fetches once for what is prepared twice', async () => {
    await open();
    for (const username of ['ada', 'ada', 'grace']) await call('prepare', { for: 'signUp', username });
    expect(server.sent('POST /registration/options').map(({ username }) => username)).toEqual(['ada', 'grace']);
  });

  it('fetches once for a sign-up, and lets a late click fetch its own', async () => {
    server.issue({ timeout: 200 });
    await open();
    await call('prepare', { for: 'signUp', username: 'ada' });
    await page.waitForTimeout(400);
    expect(server.issued()).toHaveLength(1);
    await click('signUp', { username: 'ada' });
    expect(server.issued()).toHaveLength(2);
  });

  it('says before the click that the server would refuse', async () => {
    server.script('POST /registration/options', { status: 403, body: { code: 'step_up_required' } });
    await open();
    expect(await call('prepare', { for: 'register' })).toEqual({
      kind: 'refused',
      code: 'step_up_required',
      status: 403,
    });
  });
});
