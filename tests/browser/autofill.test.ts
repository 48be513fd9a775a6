// Passkeys in the autofill of a field: waiting, renewing, giving way.

import { describe, expect, it } from 'vitest';
import {
  addPasskey,
  autofilled,
  call,
  challengeIn,
  click,
  heard,
  hide,
  inChromium,
  noted,
  notUsed,
  open,
  page,
  server,
  show,
  startAutofill,
  touching,
  until,
} from './page.ts';
import type { Json } from './server.ts';

inChromium({ whole: true });

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
