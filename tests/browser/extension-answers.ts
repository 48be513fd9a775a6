// What password managers' extensions have been seen to answer, or might: one row each. The functions run in the page, where
// only their text is known, so they use nothing but what they are passed.

import type { Kit, Shape } from './extension.ts';
import type { Json } from './server.ts';

/** Each as get() and as create(). */
export const readable: [string, Shape][] = [
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

/** Each as get() and as create(): the member that is said to be missing. */
export const unreadable: [string, string, Shape][] = [
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

/** What get() and create() do; the kind of the result; the name in the report. */
export const rejections: [string, (kit: Pick<Kit, 'frame'>) => unknown, string, string][] = [
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
