// Password managers answer with objects of their own. What can be read as a credential signs in, whatever its shape; what
// cannot is a typed result and a report to the server; and a rejection is never sent to be verified.

import { describe, expect, it } from 'vitest';
import { answerIn, answerWith, type Kit, real, type Shape } from './extension.ts';
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

/** Each as get() and as create(). */
const readable: [string, Shape][] = [
  [
    "an object of its own with the browser's prototypes",
    (real, { plain }) => {
      const { response, ...credential } = plain(real);
      const prototype = Object.getPrototypeOf(real.response);
      return Object.setPrototypeOf(
        { ...credential, response: Object.setPrototypeOf(response, prototype) },
        PublicKeyCredential.prototype,
      );
    },
  ],
  ['an object without toJSON()', (real, { plain }) => plain(real)],
  [
    'toJSON() that throws',
    (real) =>
      Object.defineProperty(real, 'toJSON', {
        value: () => {
          throw new TypeError('Illegal invocation');
        },
      }),
  ],
  [
    'toJSON() that lies',
    (real) =>
      Object.defineProperty(real, 'toJSON', { value: () => ({ id: 'x', rawId: 'y', type: 'z', response: {} }) }),
  ],
  ['toJSON() that never ends', (real) => Object.defineProperty(real, 'toJSON', { value: () => new Promise(() => {}) })],
  ['typed arrays', (real, { withBytes }) => withBytes(real, (bytes) => new Uint8Array(bytes))],
  ['signed bytes', (real, { withBytes }) => withBytes(real, (bytes) => new Int8Array(bytes))],
  [
    'views with an offset',
    (real, { withBytes }) =>
      withBytes(real, (bytes) => {
        const larger = new Uint8Array(bytes.byteLength + 7).fill(9);
        larger.set(new Uint8Array(bytes), 3);
        return larger.subarray(3, 3 + bytes.byteLength);
      }),
  ],
  [
    'DataViews with an offset',
    (real, { withBytes }) =>
      withBytes(real, (bytes) => {
        const larger = new Uint8Array(bytes.byteLength + 7).fill(9);
        larger.set(new Uint8Array(bytes), 3);
        return new DataView(larger.buffer, 3, bytes.byteLength);
      }),
  ],
  [
    'shared memory',
    (real, { withBytes }) =>
      withBytes(real, (bytes) => {
        const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer;
        const view = new Uint8Array(shared, 0, bytes.byteLength);
        view.set(new Uint8Array(bytes));
        return view;
      }),
  ],
  [
    "another realm's buffers",
    (real, { withBytes, frame }) => withBytes(real, (bytes) => frame.Uint8Array.from(new Uint8Array(bytes)).buffer),
  ],
  [
    "another realm's typed arrays",
    (real, { withBytes, frame }) => withBytes(real, (bytes) => frame.Uint8Array.from(new Uint8Array(bytes))),
  ],
  ["another realm's object", (real, { plain, frame }) => Object.assign(new frame.Object(), plain(real))],
  ['objects with numeric keys', (real, { withBytes }) => withBytes(real, (bytes) => ({ ...new Uint8Array(bytes) }))],
  [
    'objects with numeric keys and a length',
    (real, { withBytes }) => withBytes(real, (bytes) => ({ ...new Uint8Array(bytes), length: bytes.byteLength })),
  ],
  [
    'objects with numeric keys and what else a view has',
    (real, { withBytes }) =>
      withBytes(real, (bytes) => ({
        ...new Uint8Array(bytes),
        byteLength: bytes.byteLength,
        byteOffset: 0,
        buffer: {},
      })),
  ],
  [
    'array-likes whose members are inherited',
    (real, { withBytes }) => withBytes(real, (bytes) => Object.create([...new Uint8Array(bytes)])),
  ],
  ['arrays of numbers', (real, { withBytes }) => withBytes(real, (bytes) => [...new Uint8Array(bytes)])],
  [
    'Buffers in JSON',
    (real, { withBytes }) => withBytes(real, (bytes) => ({ type: 'Buffer', data: [...new Uint8Array(bytes)] })),
  ],
  ['bytes inside data', (real, { withBytes }) => withBytes(real, (bytes) => ({ data: new Uint8Array(bytes) }))],
  ['base64url', (real, { withBytes, base64url }) => withBytes(real, base64url)],
  [
    'base64 with padding',
    (real, { withBytes }) => withBytes(real, (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))),
  ],
  ['JSON, as a browser would write it', (real) => JSON.parse(JSON.stringify(real.toJSON()))],
  ['no id', (real, { plain }) => ({ ...plain(real), id: undefined })],
  ['an id that is not that of rawId', (real, { plain }) => ({ ...plain(real), id: 'b3RoZXI' })],
  ['no rawId', (real, { plain }) => ({ ...plain(real), rawId: undefined })],
  [
    'rawId that throws',
    (real, { plain }) =>
      Object.defineProperty(plain(real), 'rawId', {
        get: () => {
          throw new Error();
        },
      }),
  ],
  ['no type', (real, { plain }) => ({ ...plain(real), type: undefined })],
  ['another type', (real, { plain }) => ({ ...plain(real), type: 'webauthn' })],
  [
    'getters of a class',
    (real) =>
      new (class {
        get id() {
          return real.id;
        }
        get rawId() {
          return real.rawId;
        }
        get response() {
          return real.response;
        }
      })(),
  ],
  [
    'side members that throw',
    (real, { plain }) => {
      const credential = plain(real);
      const throwing = {
        get: () => {
          throw new Error();
        },
      };
      Object.defineProperty(credential, 'authenticatorAttachment', throwing);
      Object.defineProperty(credential, 'type', throwing);
      Object.defineProperty(credential, 'getClientExtensionResults', throwing);
      Object.defineProperty(credential.response, 'getTransports', throwing);
      return credential;
    },
  ],
  [
    'methods that throw',
    (real, { plain }) => {
      const illegal = () => {
        throw new TypeError('Illegal invocation');
      };
      const credential = plain(real);
      return {
        ...credential,
        getClientExtensionResults: illegal,
        response: { ...credential.response, getTransports: illegal },
      };
    },
  ],
  [
    'methods that give nonsense',
    (real, { plain }) => {
      const credential = plain(real);
      const cyclic: Json = { credProps: { rk: 1n } };
      cyclic.self = cyclic;
      const response = { ...credential.response, getTransports: async () => ['usb'] };
      return { ...credential, authenticatorAttachment: cyclic, getClientExtensionResults: () => cyclic, response };
    },
  ],
  [
    'a proxy that answers nothing but reading',
    (real, { plain }) =>
      new Proxy(plain(real), {
        has: () => {
          throw new Error();
        },
        ownKeys: () => {
          throw new Error();
        },
        getPrototypeOf: () => {
          throw new Error();
        },
      }),
  ],
  ['a frozen object', (real, { plain }) => Object.freeze(plain(real))],
];

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

/** Each as get() and as create(): the member that is said to be missing. */
const unreadable: [string, string, Shape][] = [
  ['an empty object', 'rawId', () => ({})],
  ['a text', 'rawId', () => 'credential'],
  ['a number', 'rawId', () => 42],
  ['a credential as a text of JSON', 'rawId', (real) => JSON.stringify(real.toJSON())],
  ['another kind of credential', 'rawId', () => ({ type: 'federated', id: '', provider: 'https://idp.example' })],
  [
    'an object whose members throw',
    'rawId',
    () =>
      new Proxy(
        {},
        {
          get: (_, name) => {
            if (name !== 'then') throw new Error();
          },
        },
      ),
  ],
  ['neither id nor rawId', 'rawId', (real, { plain }) => ({ ...plain(real), id: undefined, rawId: undefined })],
  ['only an honest toJSON()', 'rawId', (real) => ({ toJSON: () => real.toJSON() })],
  ['no response', 'response.clientDataJSON', (real, { plain }) => ({ ...plain(real), response: undefined })],
  [
    'a response that throws',
    'response.clientDataJSON',
    (real, { plain }) =>
      Object.defineProperty(plain(real), 'response', {
        get: () => {
          throw new Error();
        },
      }),
  ],
  [
    'client data that throws',
    'response.clientDataJSON',
    (real, { plain }) => {
      const credential = plain(real);
      Object.defineProperty(credential.response, 'clientDataJSON', {
        get: () => {
          throw new Error();
        },
      });
      return credential;
    },
  ],
  ...(
    [
      ['no bytes', () => new ArrayBuffer(0)],
      ['a promise', (bytes) => Promise.resolve(bytes)],
      ['a Blob', (bytes) => new Blob([bytes])],
      ['a number', () => 7],
      ['a length', () => ({ length: 7 })],
      ['numbers that are no bytes', (bytes) => [...new Uint8Array(bytes)].map((byte) => byte + 256)],
      ['texts that are numbers', (bytes) => [...new Uint8Array(bytes)].map(String)],
      ['an array with a hole', (bytes) => Object.assign(Array(bytes.byteLength + 1), new Uint8Array(bytes))],
      ['keys that do not count from 0', (bytes) => ({ 1: new Uint8Array(bytes)[0] })],
      ['what is no base64', () => '{"type":"webauthn.get"}'],
      [
        'data inside itself',
        () => {
          const data: Json = {};
          data.data = data;
          return data;
        },
      ],
      [
        'a detached buffer',
        (bytes) => {
          const view = new Uint8Array(bytes.slice(0));
          structuredClone(view, { transfer: [view.buffer] });
          return view.buffer;
        },
      ],
    ] satisfies [string, (bytes: ArrayBuffer) => unknown][]
  ).map(([name, how]): [string, string, Shape] => [
    `${name} for client data`,
    'response.clientDataJSON',
    // In the page only the text of a function is known.
    Object.assign((real: Json, { plain }: Kit) => plain(real), {
      toString: () => `(real, { plain }) => {
        const credential = plain(real);
        credential.response.clientDataJSON = (${how})(credential.response.clientDataJSON);
        return credential;
      }`,
    }),
  ]),
];

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

/** What get() and create() do; the kind of the result; the name in the report. */
const rejections: [string, (kit: Pick<Kit, 'frame'>) => unknown, string, string][] = [
  ['a DOMException', () => Promise.reject(new DOMException('no', 'NotAllowedError')), 'unavailable', 'NotAllowedError'],
  [
    "another realm's DOMException",
    ({ frame }) => Promise.reject(new frame.DOMException('no', 'AbortError')),
    'aborted',
    'AbortError',
  ],
  ["another realm's promise", ({ frame }) => frame.Promise.reject(new frame.Error('no')), 'unavailable', 'Error'],
  [
    'a plain object',
    () => Promise.reject({ name: 'NotSupportedError', message: 'no' }),
    'unsupported',
    'NotSupportedError',
  ],
  [
    'an object that looks like a credential',
    () =>
      Promise.reject({
        name: 'NotAllowedError',
        id: 'AAAA',
        rawId: 'AAAA',
        type: 'public-key',
        response: { clientDataJSON: 'AAAA', authenticatorData: 'AAAA', signature: 'AAAA', attestationObject: 'AAAA' },
      }),
    'unavailable',
    'NotAllowedError',
  ],
  ['a text', () => Promise.reject('User cancelled'), 'unavailable', 'UnknownError'],
  [
    'a text with a name',
    () => Promise.reject('NotSupportedError: no authenticator'),
    'unsupported',
    'NotSupportedError',
  ],
  ['undefined', () => Promise.reject(), 'unavailable', 'UnknownError'],
  ['null', () => Promise.reject(null), 'unavailable', 'UnknownError'],
  ['a number', () => Promise.reject(42), 'unavailable', 'UnknownError'],
  [
    'an error of its own',
    () => Promise.reject(Object.assign(new Error('locked'), { name: 'VaultLockedError' })),
    'unavailable',
    'VaultLockedError',
  ],
  [
    'an object whose members throw',
    () =>
      Promise.reject(
        new Proxy(
          {},
          {
            get: () => {
              throw new Error();
            },
          },
        ),
      ),
    'unavailable',
    'UnknownError',
  ],
  [
    'a name that is no text',
    () =>
      Promise.reject({
        name: {
          toString: () => {
            throw new Error();
          },
        },
        message: 1n,
      }),
    'unavailable',
    'UnknownError',
  ],
  ['a name that is too long', () => Promise.reject({ name: `${'A'.repeat(100)}Error` }), 'unavailable', 'UnknownError'],
  ['a name that is no Unicode', () => Promise.reject({ name: '\ud800' }), 'unavailable', 'UnknownError'],
  [
    'a throw instead of a promise',
    () => {
      throw new DOMException('no', 'OperationError');
    },
    'busy',
    'OperationError',
  ],
  ['a SecurityError without a message', () => Promise.reject({ name: 'SecurityError' }), 'misuse', 'SecurityError'],
  [
    'an error that it resolves to',
    () => Promise.resolve(new DOMException('no', 'NotAllowedError')),
    'unavailable',
    'NotAllowedError',
  ],
  ['an error that it returns', () => new Error('no'), 'unavailable', 'Error'],
  ['null that it resolves to', () => Promise.resolve(null), 'unavailable', 'NotAllowedError'],
  ['undefined that it returns', () => undefined, 'unavailable', 'NotAllowedError'],
];

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
