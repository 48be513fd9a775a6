// Password managers answer with objects of their own. What can be read as a credential signs in, whatever its shape; what
// cannot is a typed result and a report to the server; and a rejection is never sent to be verified.

import { describe, expect, it } from 'vitest';
import { answerIn, answerWith, real } from './extension.ts';
import { readable, rejections, unreadable } from './extension-answers.ts';
import {
  addPasskey,
  call,
  click,
  inChromium,
  notUsed,
  open,
  page,
  passkeysOnDevice,
  server,
  until,
  used,
} from './page.ts';
import type { Json } from './server.ts';

inChromium();

const autofill = (): Promise<Json> => page.evaluate(() => (window as Json).client.autofill({ onSignIn: () => {} }));
const took = (): Promise<number> => page.evaluate(() => (window as Json).took);

describe('an answer that can be read', () => {
  it.each(readable)('registers and signs in: %s', async (_, shape) => {
    await open();
    await answerIn(shape);

    expect(await click('register')).toMatchObject({ kind: 'done' });
    const [{ credential: made }] = server.sent('POST /registration/verify');
    const { id, rawId, response } = await real();
    expect(made).toMatchObject({ id, rawId, type: 'public-key' });
    expect(made.response.clientDataJSON).toBe(response.clientDataJSON);
    expect(made.response.attestationObject).toBe(response.attestationObject);

    expect(await click('signIn')).toMatchObject({ kind: 'passkey', mode: 'immediate' });
    const [{ credential: used }] = server.sent('POST /authentication/verify');
    expect(used).toMatchObject({ id, rawId, type: 'public-key', clientExtensionResults: {} });
    expect(used.response).toEqual((await real()).response);
    expect(server.sent('outcome')).toEqual([]);
  });

  it.each([
    ['stepUp', 'step-up'],
    ['signIn', 'authentication'],
  ])('does so in the sheet of %s', async (method, purpose) => {
    await addPasskey();
    await open();
    await answerIn((real, { plain }) => plain(real));
    await click(method, { mode: 'modal' });
    const [{ credential }] = server.sent(`POST /${purpose}/verify`);
    expect(credential).toMatchObject({ response: (await real()).response });
  });

  it('sends what the browser says of the authenticator, and of extensions only credProps', async () => {
    server.issue({ extensions: { credProps: true }, hints: ['client-device'] });
    await open();
    await answerIn((real, { plain }) => ({
      ...plain(real),
      getClientExtensionResults: () => ({ ...real.getClientExtensionResults(), prf: { results: { first: 'secret' } } }),
    }));
    await click('register');
    const [{ credential }] = server.sent('POST /registration/verify');
    expect(credential).toMatchObject({
      authenticatorAttachment: 'platform',
      clientExtensionResults: { credProps: { rk: true } },
      response: { transports: ['internal'] },
    });
    expect(JSON.stringify(server.calls)).not.toContain('secret');
  });

  it('leaves out a user handle without bytes', async () => {
    await addPasskey();
    await open();
    await answerIn((real, { plain }) => {
      const credential = plain(real);
      credential.response.userHandle = new ArrayBuffer(0);
      return credential;
    });
    await click('stepUp');
    expect(server.sent('POST /step-up/verify')[0].credential.response).not.toHaveProperty('userHandle');
  });
});

describe('an answer that cannot be read', () => {
  it.each(unreadable)('is unreadable, and reported: %s', async (_, member, shape) => {
    await addPasskey();
    await open();
    await answerIn(shape);
    for (const [method, client] of [
      ['signIn', used],
      ['register', notUsed],
    ] as const) {
      const before = server.sent('outcome').length;
      expect(await click(method)).toEqual({ kind: 'unreadable', member });
      const reported = () => server.sent('outcome').slice(before);
      await until(() => expect(reported()).toEqual([{ errorName: 'UnreadableCredential', client }]));
    }
    expect(server.sent('verify')).toEqual([]);
  });

  it('ends autofill', async () => {
    await addPasskey();
    await open();
    await answerIn(() => ({}));
    expect(await autofill()).toEqual({ kind: 'unreadable', member: 'rawId' });
    await until(() => expect(server.sent('outcome')).toEqual([{ errorName: 'UnreadableCredential', client: notUsed }]));
  });

  it('has the password manager forget a passkey that could not be sent', async () => {
    await open();
    await answerIn((real, { plain }) => ({ ...plain(real), response: {} }));
    expect(await click('register')).toMatchObject({ kind: 'unreadable' });
    await until(async () => expect(await passkeysOnDevice()).toHaveLength(0));
  });
});

describe('a rejection', () => {
  it.each(rejections)('is told by its shape and reported once: %s', async (_, answer, kind, errorName) => {
    await open();
    await answerWith(answer);
    for (const [method, options, client] of [
      ['signIn', {}, used],
      ['signIn', { mode: 'modal' }, notUsed],
      ['stepUp', {}, notUsed],
      ['register', {}, notUsed],
      ['signUp', { username: 'ada' }, notUsed],
    ] as const) {
      const before = server.sent('outcome').length;
      expect(await click(method, options)).toMatchObject({ kind });
      await until(() => expect(server.sent('outcome').slice(before)).toEqual([{ errorName, client }]));
    }
    expect(server.sent('verify')).toEqual([]);
    server.calls.length = 0;
    expect(await autofill()).toMatchObject({ kind });
    await until(() => expect(server.sent('outcome')).toEqual([{ errorName, client: notUsed }]));
    expect(server.sent('verify')).toEqual([]);
  });

  it('with InvalidStateError is a passkey that exists, of whatever realm', async () => {
    await open();
    await answerWith(({ frame }) => Promise.reject(new frame.DOMException('there', 'InvalidStateError')));
    expect(await click('register')).toEqual({ kind: 'exists' });
  });
});

describe('an extension that heeds no AbortSignal', () => {
  const neverEnd = () => answerWith(() => new Promise(() => {}));

  it('does not hold back the next challenge of autofill', async () => {
    server.issue({ timeout: 400 });
    await open();
    await neverEnd();
    await page.evaluate(() => {
      (window as Json).client.autofill({ onSignIn: () => {} });
    });
    await until(() => expect(server.issued().length).toBeGreaterThan(2));
  });

  it('does not hold back a click', async () => {
    await addPasskey();
    await open();
    await page.evaluate(() => {
      const scope = window as Json;
      const get = navigator.credentials.get.bind(navigator.credentials);
      navigator.credentials.get = (options) =>
        options?.mediation === 'conditional' ? new Promise(() => {}) : get(options);
      scope.autofilled = scope.client.autofill({ onSignIn: () => {} });
    });
    await until(() => expect(server.issued()).toHaveLength(1));
    expect(await click('signIn')).toMatchObject({ kind: 'passkey' });
    expect(await page.evaluate(() => (window as Json).autofilled)).toEqual({ kind: 'aborted' });
    expect(await took()).toBeLessThan(1_000);
    expect(server.sent('outcome')).toEqual([]);
  });

  it('does not hold back the page that stops autofill', async () => {
    await open();
    await neverEnd();
    const waited = page.evaluate(async () => {
      const stop = new AbortController();
      const autofilled = (window as Json).client.autofill({ onSignIn: () => {}, signal: stop.signal });
      await new Promise((resolve) => setTimeout(resolve, 300));
      const stoppedAt = performance.now();
      stop.abort();
      return [await autofilled, performance.now() - stoppedAt];
    });
    expect((await waited)[0]).toEqual({ kind: 'aborted' });
    expect((await waited)[1]).toBeLessThan(1_000);
  });

  it('does not hold back a click after an upgrade', async () => {
    await addPasskey();
    await open();
    await page.evaluate(() => {
      const scope = window as Json;
      navigator.credentials.create = () => new Promise(() => {});
      scope.upgraded = scope.client.upgrade();
    });
    await until(() => expect(server.issued()).toHaveLength(1));
    expect(await click('signIn')).toMatchObject({ kind: 'passkey' });
    expect(await page.evaluate(() => (window as Json).upgraded)).toEqual({ kind: 'aborted' });
  });

  it.each(['signIn', 'stepUp', 'register'])(
    'ends by the deadline in %s, and the next ceremony begins',
    async (method) => {
      server.issue({ timeout: 300 });
      await open();
      await neverEnd();
      expect(await click(method)).toEqual({ kind: 'unavailable' });
      expect(await took()).toBeLessThan(1_300);
      expect(await click(method)).toEqual({ kind: 'unavailable' });
      await until(() =>
        expect(server.sent('outcome').map(({ errorName }) => errorName)).toEqual(['TimeoutError', 'TimeoutError']),
      );
    },
  );

  it('does not hold back the browser that says what it can do', async () => {
    await page.addInitScript(() => {
      PublicKeyCredential.getClientCapabilities = () => new Promise(() => {});
    });
    await addPasskey();
    await open();
    expect(await call('signIn', { mode: 'modal' })).toMatchObject({ kind: 'passkey' });
  });
});
