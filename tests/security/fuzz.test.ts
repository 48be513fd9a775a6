/**
 * Anything at all, sent to every route: thousands of inputs a run, from a fixed seed. Whatever comes is answered in
 * time and in the contract's words, is never a 5xx, throws nowhere, opens no session where it is refused, and leaves only
 * valid records. `npm run fuzz` tries 16 times as many, from another seed (FUZZ_FACTOR, FUZZ_SEED).
 */
import { type AttemptRecord, PROBLEMS, routes } from '@latchkey/core';
import {
  type AuthenticationResponseJSON,
  type CborValue,
  createSoftwarePasskey,
  encodeCbor,
  packedAttestation,
  type RegistrationResponseJSON,
  type SoftwarePasskey,
} from '@latchkey/testing';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { type Browser, type Direct, type More, ORIGIN, openDirect, type Sent } from './direct.ts';
import { open } from './evidence.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122);
const FACTOR = Number(process.env.FUZZ_FACTOR ?? 0.25);
const MOST_MS = 1_000;
console.log(`FUZZ_SEED=${SEED} FUZZ_FACTOR=${FACTOR}`);

/** What would have ended a process of an application that listens for neither. */
const crashes: unknown[] = [];
const crash = (thrown: unknown) => void crashes.push(thrown);
beforeAll(() => void process.on('uncaughtException', crash).on('unhandledRejection', crash));
afterAll(() => void process.off('uncaughtException', crash).off('unhandledRejection', crash));
afterEach(() => expect(crashes.splice(0), 'nothing is thrown where nobody catches it').toEqual([]));

// The machine may be busy.
const TIMEOUT = 3 * 120_000 * Math.max(1, FACTOR);
const runs = (numRuns: number) => ({ seed: SEED, numRuns: Math.ceil(numRuns * FACTOR) });

// --- what must hold, whatever is sent ---

/** An answer of the contract: never a 5xx, and where it refuses, a problem that says its code and nothing else. */
function expectContract({ status, headers, text, json }: Sent): void {
  if (status >= 500) throw new Error(`${status} ${text}`);
  if (status < 400) return;
  expect(headers['content-type']).toBe('application/problem+json');
  const { type, title, code, attemptId, ...rest } = json;
  expect([type, rest]).toEqual(['about:blank', { status }]);
  expect(PROBLEMS[code as keyof typeof PROBLEMS]).toEqual([status, title]);
  expect(attemptId === undefined || /^[0-9a-f-]{36}$/.test(attemptId)).toBe(true);
}

/** Works, and sees that it neither took long nor failed through our fault. Time is this process's own, whatever else the machine does. */
async function watched<T>({ faults }: Pick<Direct, 'faults'>, work: () => Promise<T>): Promise<T> {
  const started = process.cpuUsage();
  const done = await work();
  const { user, system } = process.cpuUsage(started);
  if ((user + system) / 1_000 > MOST_MS) throw new Error(`it took ${(user + system) / 1_000} ms`);
  if (faults.length > 0) throw new Error(`a fault of ours: ${JSON.stringify(faults.splice(0))}`);
  return done;
}

/** Sends one request and sees that what must hold for it holds. `own`: its records, of those that came meanwhile. */
async function sendWatched(
  { records }: Direct,
  browser: Browser,
  request: Parameters<Browser['send']>,
  own: (record: AttemptRecord) => boolean = () => true,
): Promise<Sent> {
  const [before, writes] = [records.length, browser.writes];
  const reply = await browser.send(...request);
  expectContract(reply);
  const added = records.slice(before).filter(own);
  // A passkey that was added is an event beside the registration.
  if (added.length > (reply.status === 201 ? 2 : 1)) throw new Error(`it left ${added.length} records`);
  if (reply.status >= 400 && browser.writes !== writes) throw new Error('a refusal set the session cookie');
  return reply;
}

/** A request that is alone. */
const send = (direct: Direct, browser: Browser, ...request: Parameters<Browser['send']>): Promise<Sent> =>
  watched(direct, () => sendWatched(direct, browser, request));

/** How many inputs are tried at once where each refusal waits for the next step of the grid of times, which others may wait for, too. */
const LANES = 16;

/** Where one input after another is tried, beside those of other lanes. Its records are those of its address. */
interface Lane {
  readonly number: number;
  post(browser: Browser, path: string, body: unknown): Promise<Sent>;
}

const oneForEachLane = <T>(input: fc.Arbitrary<T>) => fc.tuple(...Array.from({ length: LANES }, () => input));

/** A property of inputs that are tried at once. All of them together take no longer than one may. */
function inLanes<T>(direct: Direct, input: fc.Arbitrary<T>, work: (lane: Lane, input: T) => Promise<void>) {
  const lanes = Array.from({ length: LANES }, (_, number): Lane => {
    const address = `192.0.2.${number}`;
    return {
      number,
      post: (browser, path, body) =>
        sendWatched(direct, browser, ['POST', path, body, { address }], ({ client }) => client.address === address),
    };
  });
  return fc.asyncProperty(oneForEachLane(input), async (all) => {
    await watched(direct, () => Promise.all(all.map((each, index) => work(lanes[index]!, each))));
  });
}

async function signUp(direct: Direct, passkey: SoftwarePasskey, username: string): Promise<Browser> {
  const browser = direct.browser();
  const { attemptId, publicKey } = (await send(direct, browser, 'POST', '/registration/options', { username })).json;
  const body = { attemptId, credential: passkey.register(publicKey) };
  expect((await send(direct, browser, 'POST', '/registration/verify', body)).status).toBe(201);
  return browser;
}

// --- inputs ---

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    '__proto__',
    'constructor',
    'a'.repeat(65),
    'a'.repeat(257),
    '-1',
    'null',
    '../..',
  ),
);
const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  anyText,
  fc.jsonValue({ maxDepth: 4 }),
  fc.anything({ maxDepth: 2, withNullPrototype: true, withMap: false, withBigInt: false }),
  fc.constantFrom(Number.NaN, -0, 1e308, 2 ** 53, true, false, null, undefined),
);
const MEMBERS = {
  mode: ['immediate', 'conditional', 'modal'],
  identifier: ['ada', 'nobody'],
  prefetch: [true, false],
  client: [{ uiMode: 'immediate', immediateGet: true }, { uiMode: 'none' }, {}],
  attemptId: ['x', 'made-up'],
  credential: [{}, { id: 'AA', rawId: 'AA', type: 'public-key', response: {} }],
  errorName: ['NotAllowedError'],
  ended: ['password'],
  begun: [true],
  nickname: ['Blue'],
  mediation: ['conditional'],
  username: ['ada', 'grace'],
  displayName: ['Ada'],
  action: ['pay'],
  enabled: [true, false],
  ['__proto__']: [{ mode: 'modal' }],
} as const;
const anyMember = (good: readonly unknown[]) =>
  fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...good) }, { weight: 1, arbitrary: anyValue });
const anyBody: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(Object.fromEntries(Object.entries(MEMBERS).map(([name, good]) => [name, anyMember(good)])), {
      requiredKeys: [],
    }),
  },
  { weight: 1, arbitrary: anyValue },
);
const anySegment = fc.oneof(fc.constantFrom('x', '%00', '..', ':id', 'a b'), anyText);
const anyRoute = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.constantFrom(...routes.filter(({ path }) => !path.endsWith('.js'))), anySegment)
      .map(([{ method, path }, id]) => ({
        method: method as string,
        path: path.replace(':id', () => id.replaceAll('/', '')),
      })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'TRACE', 'post', ''),
      path: fc.array(anySegment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
    }),
  },
);

/** Edits of genuine bytes: what a hostile or broken authenticator might do to them. */
type Edit = (bytes: Buffer) => Buffer;
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(7)).map(
    ([at, bit]): Edit =>
      (bytes) =>
        bytes.length === 0 ? bytes : Buffer.from(bytes.with(at % bytes.length, bytes[at % bytes.length]! ^ (1 << bit))),
  ),
  fc.tuple(fc.nat(), fc.constantFrom(0x00, 0x1b, 0x3b, 0x5b, 0x5f, 0x7b, 0x9b, 0x9f, 0xbb, 0xbf, 0xdb, 0xfb, 0xff)).map(
    ([at, byte]): Edit =>
      (bytes) =>
        bytes.length === 0 ? bytes : Buffer.from(bytes.with(at % bytes.length, byte)),
  ),
  fc.nat().map(
    (at): Edit =>
      (bytes) =>
        bytes.subarray(0, at % (bytes.length + 1)),
  ),
  fc.nat().map(
    (at): Edit =>
      (bytes) =>
        bytes.subarray(at % (bytes.length + 1)),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 64 })).map(
    ([at, more]): Edit =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at % (bytes.length + 1)), more, bytes.subarray(at % (bytes.length + 1))]),
  ),
  fc.uint8Array({ maxLength: 300 }).map(
    (instead): Edit =>
      () =>
        Buffer.from(instead),
  ),
  fc.tuple(fc.integer({ min: 1, max: 12_000 }), fc.nat(255)).map(
    ([length, byte]): Edit =>
      () =>
        Buffer.alloc(length, byte),
  ),
);
const anyEdits = fc.array(anyEdit, { minLength: 1, maxLength: 4 });
const applied = (edits: readonly Edit[], bytes: Uint8Array) =>
  edits.reduce<Buffer>((so, edit) => edit(so), Buffer.from(bytes));
const edited = (base64url: string, edits: readonly Edit[]) =>
  applied(edits, Buffer.from(base64url, 'base64url')).toString('base64url');

/** Any CBOR that can be written, maps with odd labels too. */
const { cbor: anyCbor } = fc.letrec<{ cbor: CborValue }>((tie) => ({
  cbor: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.integer({ min: -1_000, max: 70_000 }),
    fc.string({ maxLength: 20 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie('cbor'), { maxLength: 4 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.constantFrom(1, 3, -1, -2, -3, 'x5c', 'sig', 'alg', 'ver', 'certInfo'), fc.string()),
          tie('cbor'),
        ),
        {
          maxLength: 5,
        },
      )
      .map((entries) => new Map(entries)),
  ),
}));

/** The same r and s, in DER with something around it: another spelling of the same signature. Only ES256 has those. */
function isSameSignature(genuine: string, sent: string): boolean {
  const der = Buffer.from(genuine, 'base64url');
  const bytes = Buffer.from(sent, 'base64url');
  const length = der[3]!;
  const [r, s] = [der.subarray(4, 4 + length), der.subarray(6 + length)];
  return der[0] === 0x30 && der.length === der[1]! + 2 && bytes.includes(r) && bytes.includes(s);
}

// --- properties ---

describe('whatever is sent to core', () => {
  /** Somebody who is signed in and stays so, and somebody who is not. */
  async function two() {
    const direct = openDirect({ policy: { conditionalCreate: true } });
    const ada = await signUp(direct, createSoftwarePasskey({ origin: ORIGIN }), 'ada');
    const { token } = ada;
    return {
      direct,
      browser(signedIn: boolean): Browser {
        const browser = direct.browser();
        browser.binding = ada.binding;
        if (signedIn) browser.token = token;
        return browser;
      },
    };
  }

  test('bodies of every route', { timeout: TIMEOUT }, async () => {
    const { direct, browser } = await two();
    await fc.assert(
      fc.asyncProperty(
        anyRoute,
        anyBody,
        fc.boolean(),
        fc.boolean(),
        async ({ method, path }, body, signedIn, asBytes) => {
          const written = asBytes ? JSON.stringify(body) : undefined;
          const more: More = written === undefined ? {} : { raw: Buffer.from(written) };
          await send(direct, browser(signedIn), method, path, written === undefined ? body : undefined, {
            ...more,
            headers: { 'content-type': 'application/json' },
          });
        },
      ),
      runs(9_000),
    );
  });

  test('bytes on every route', { timeout: TIMEOUT }, async () => {
    const { direct, browser } = await two();
    const genuine = Buffer.from('{"mode":"modal","identifier":"ada","attemptId":"x","credential":{},"username":"ada"}');
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      anyEdits.map((edits) => applied(edits, genuine)),
      fc.nat(70_000).map((length) => Buffer.alloc(length, '[')),
      fc.nat(70_000).map((length) => Buffer.from(`{"client":"${'x'.repeat(length)}"}`)),
    );
    await fc.assert(
      fc.asyncProperty(anyRoute, anyBytes, fc.boolean(), async ({ method, path }, raw, signedIn) => {
        await send(direct, browser(signedIn), method, path, undefined, { raw });
      }),
      runs(6_000),
    );
  });

  test('headers of every route', { timeout: TIMEOUT }, async () => {
    const { direct, browser } = await two();
    const header = (...usual: readonly string[]) =>
      fc.option(fc.oneof(fc.constantFrom(...usual), fc.string({ maxLength: 100 }), anyText), { nil: undefined });
    const anyHeaders = fc.record({
      'content-type': header(
        'application/json',
        'application/json; charset=utf-8',
        'text/plain',
        'application/json;'.repeat(500),
      ),
      'content-length': header('0', '2', '-1', '1e9', '99999999999999999999', 'NaN', ' '),
      'content-encoding': header('identity', 'gzip', 'IDENTITY', ''),
      'transfer-encoding': header('chunked', ''),
      origin: header(ORIGIN, 'null', `${ORIGIN}/`, `${ORIGIN}, ${ORIGIN}`),
      'sec-fetch-site': header('same-origin', 'none', 'cross-site'),
      cookie: header('latchkey=aaaaaaaaaaaaaaaaaaaaaa', 'latchkey=;'.repeat(800), 'a=b; latchkey=x', ';;;='),
      'user-agent': header('x'.repeat(5_000), '\u0085\u2028'),
      'if-none-match': header('*', '"x"', 'W/'.repeat(3_000)),
    });
    await fc.assert(
      fc.asyncProperty(
        anyRoute,
        anyHeaders,
        anyText,
        fc.boolean(),
        async ({ method, path }, headers, address, signedIn) => {
          await send(direct, browser(signedIn), method, path, {}, { headers, address });
        },
      ),
      runs(7_000),
    );
  });

  test('bytes of a sign-in', { timeout: TIMEOUT }, async () => {
    const direct = openDirect({ policy: { signCount: 'refuse' } });
    const algorithms = ['ES256', 'RS256', 'EdDSA'] as const;
    const passkeys = Array.from({ length: LANES }, () =>
      algorithms.map((algorithm) => createSoftwarePasskey({ origin: ORIGIN, algorithm })),
    );
    for (const [index, passkey] of passkeys.flat().entries()) await signUp(direct, passkey, `person ${index}`);
    const places = ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle', 'id'] as const;
    await fc.assert(
      inLanes(
        direct,
        fc.tuple(fc.nat(algorithms.length - 1), fc.constantFrom(...places), anyEdits),
        async (lane, [algorithm, place, edits]) => {
          const passkey = passkeys[lane.number]![algorithm]!;
          const browser = direct.browser();
          const options = await lane.post(browser, '/authentication/options', {});
          const { attemptId, publicKey } = options.json;
          const genuine: AuthenticationResponseJSON = passkey.authenticate(publicKey);
          const { response } = genuine;
          const was = place === 'id' ? genuine.id : response[place]!;
          const now = edited(was, edits);
          const credential =
            place === 'id'
              ? { ...genuine, id: now, rawId: now }
              : { ...genuine, response: { ...response, [place]: now } };
          const { status } = await lane.post(browser, '/authentication/verify', { attemptId, credential });
          const same = place === 'signature' && isSameSignature(was, now);
          if (now !== was && status < 400 && !same) throw new Error(`bytes that nobody signed were let in: ${place}`);
          if (now === was && status !== 200) throw new Error('a genuine answer was refused');
          if (status >= 400 && browser.token !== null) throw new Error('a refusal has a session');
        },
      ),
      runs(7_000 / LANES),
    );
  });

  test('bytes of a registration', { timeout: TIMEOUT }, async () => {
    const direct = openDirect();
    const passkey = createSoftwarePasskey({ origin: ORIGIN });
    const places = [
      'clientDataJSON',
      'attestationObject',
      'id',
      'authenticatorData',
      'publicKey',
      'attStmt',
      'whole',
    ] as const;
    let number = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...places),
        anyEdits,
        anyCbor,
        fc.boolean(),
        async (place, edits, cbor, packed) => {
          const browser = direct.browser();
          const options = await send(direct, browser, 'POST', '/registration/options', {
            username: `person ${number++}`,
          });
          const { attemptId, publicKey } = options.json;
          const edit = (bytes: Uint8Array) => applied(edits, bytes);
          const genuine: RegistrationResponseJSON = passkey.clone().register(publicKey, {
            ...(packed && packedAttestation()),
            ...(place === 'authenticatorData' && { authenticatorData: edit }),
            ...(place === 'publicKey' && {
              publicKey: cbor instanceof Map ? encodeCbor(cbor) : edit(Buffer.alloc(77, 1)),
            }),
            ...(place === 'attStmt' && { fmt: packed ? 'packed' : 'tpm', attStmt: cbor }),
            ...(place === 'whole' && { attestationObject: encodeCbor(cbor) }),
          });
          const { response } = genuine;
          const now = place === 'id' ? edited(genuine.id, edits) : genuine.id;
          const credential = {
            ...genuine,
            id: now,
            rawId: now,
            response: {
              ...response,
              ...((place === 'clientDataJSON' || place === 'attestationObject') && {
                [place]: edited(response[place], edits),
              }),
            },
          };
          const { status } = await send(direct, browser, 'POST', '/registration/verify', { attemptId, credential });
          if (status >= 400 && browser.token !== null) throw new Error('a refusal has a session');
          if (status === 201) expect(await browser.session()).not.toBeNull();
        },
      ),
      runs(7_000),
    );
    const accounts = [...direct.users.values()];
    const kept = await Promise.all(accounts.map(({ id }) => direct.store.passkeys.listByUser(id)));
    expect(kept.filter((passkeys) => passkeys.length !== 1)).toEqual([]);
  });

  test('answers of any shape', { timeout: TIMEOUT }, async () => {
    const direct = openDirect();
    const passkeys = Array.from({ length: LANES }, () => createSoftwarePasskey({ origin: ORIGIN }));
    for (const [index, passkey] of passkeys.entries()) await signUp(direct, passkey, `person ${index}`);
    const anyChange = fc.record(
      Object.fromEntries(
        [
          'id',
          'rawId',
          'type',
          'authenticatorAttachment',
          'clientExtensionResults',
          'response',
          'clientDataJSON',
          'authenticatorData',
          'signature',
          'userHandle',
          'attestationObject',
          'transports',
        ].map((name) => [name, anyValue]),
      ),
      { requiredKeys: [] },
    );
    const OUTER = ['id', 'rawId', 'type', 'authenticatorAttachment', 'clientExtensionResults', 'response'];
    const some = (change: Record<string, unknown>, outer: boolean) =>
      Object.fromEntries(Object.entries(change).filter(([name]) => OUTER.includes(name) === outer));
    await fc.assert(
      inLanes(direct, fc.tuple(anyChange, fc.boolean()), async (lane, [change, registering]) => {
        const passkey = passkeys[lane.number]!;
        const browser = direct.browser();
        const route = registering ? '/registration' : '/authentication';
        const { attemptId, publicKey } = (await lane.post(browser, `${route}/options`, { username: 'eve' })).json;
        const genuine = registering
          ? createSoftwarePasskey({ origin: ORIGIN, privateKey: passkey.toJSON().privateKey }).register(publicKey)
          : passkey.authenticate(publicKey);
        const response = { ...genuine.response, ...some(change, false) };
        const credential = { ...genuine, response, ...some(change, true) };
        const { status } = await lane.post(browser, `${route}/verify`, { attemptId, credential });
        if (status >= 400 && browser.token !== null) throw new Error('a refusal has a session');
      }),
      runs(4_000 / LANES),
    );
  });
});

describe('what fuzzing found', () => {
  // FUZZ_SEED=7: the library reads BER where WebAuthn §6.5.5 asks for DER. r and s are what is judged, so nobody forges anything by it.
  test('bytes around r and s make no other signature: the same answer at most, and never another message', async () => {
    const direct = openDirect();
    const passkey = createSoftwarePasskey({ origin: ORIGIN });
    await signUp(direct, passkey, 'ada');
    const spellings: readonly Edit[] = [
      (der) => Buffer.concat([der, Buffer.of(0)]),
      (der) => Buffer.concat([der, Buffer.alloc(500, 7)]),
      (der) => Buffer.from(der.with(0, 0xb0)),
      (der) => Buffer.from(der.with(1, der[1]! ^ 4)),
    ];
    for (const spell of spellings) {
      for (const bend of [
        {},
        { afterSigning: { clientDataJSON: (json: Uint8Array) => Buffer.concat([json, Buffer.from(' ')]) } },
      ]) {
        const browser = direct.browser();
        const { attemptId, publicKey } = (await send(direct, browser, 'POST', '/authentication/options', {})).json;
        const credential = passkey.authenticate(publicKey, {
          ...bend,
          signature: (genuine) => spell(Buffer.from(genuine)),
        });
        const { status } = await send(direct, browser, 'POST', '/authentication/verify', { attemptId, credential });
        expect('afterSigning' in bend ? [401] : [200, 401]).toContain(status);
      }
    }
  });
});

describe.each(['Express 5', 'Koa 3', 'Fastify 5'] as const)('whatever is sent to %s', (framework) => {
  test('is answered by it or by us, and never with a 5xx', { timeout: TIMEOUT }, async () => {
    const site = await open({}, { mount: mounts[framework] });
    const latin = (most: number) =>
      fc
        .array(
          fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f),
          { maxLength: most },
        )
        .map((codes) => String.fromCharCode(...codes).trim());
    const anySpelling = fc.record(
      {
        'content-type': fc.oneof(
          fc.constantFrom('application/json', 'text/plain', 'application/json; charset=utf-16'),
          latin(40),
        ),
        'content-encoding': fc.oneof(fc.constantFrom('identity', 'gzip', 'br'), latin(10)),
        origin: fc.oneof(fc.constantFrom(site.origin, 'null'), latin(40)),
        'sec-fetch-site': latin(10),
        cookie: fc.oneof(fc.constantFrom('connect.sid=s%3Ax.y', 'sessionId=x.y', 'koa.sess=%%%'), latin(60)),
        'user-agent': latin(60),
        'x-forwarded-for': latin(60),
        'if-none-match': latin(20),
      },
      { requiredKeys: ['content-type'] },
    );
    const anyPath = fc.oneof(
      fc.constantFrom(...routes.map(({ path }) => path.replace(':id', 'x'))),
      fc.string({ maxLength: 30 }).map((text) => `/${encodeURIComponent(text)}`),
      fc.constantFrom('/%', '/%00', '/..%2f..', '//', '/credentials/%E0%A4%A', '/credentials/%2e%2e'),
    );
    const anyMethod = fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE', 'PUT', 'OPTIONS', 'HEAD');
    const anyPayload = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      anyBody.map((body) => Buffer.from(JSON.stringify(body) ?? '')),
    );
    const anyRequest = fc.record({ method: anyMethod, path: anyPath, headers: anySpelling, payload: anyPayload });
    type AnyRequest = typeof anyRequest extends fc.Arbitrary<infer R> ? R : never;
    const ask = async ({ method, path, headers, payload }: AnyRequest) => {
      const bodiless = method === 'GET' || method === 'HEAD';
      const response = await fetch(`${site.origin}/passkeys${path}`, {
        method,
        headers: headers as Record<string, string>,
        redirect: 'manual',
        ...(!bodiless && { body: Uint8Array.from(payload) }),
      });
      const text = await response.text();
      if (response.status >= 500) throw new Error(`${response.status} ${text.slice(0, 300)}`);
      // Not the binding, and not the end of a session that was made up.
      const begun = response.headers.getSetCookie().filter((cookie) => !/^latchkey=|; Max-Age=0/.test(cookie));
      if (response.status >= 400 && begun.length > 0) throw new Error('a refusal has a session');
    };
    await fc.assert(
      fc.asyncProperty(oneForEachLane(anyRequest), async (all) => {
        await watched({ faults: [] }, () => Promise.all(all.map(ask)));
      }),
      runs(1_000 / LANES),
    );
    expect((await site.agent().post('/authentication/options')).status).toBe(200);
  });
});
