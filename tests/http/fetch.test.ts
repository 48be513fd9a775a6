// What is particular to requests and responses without a server: bodies as web streams, addresses, headers of the application.
// The HTTP contract and parity run over the same package in mounts.ts.
import { type AttemptRecord, createPasskeys, memoryStore, type PasskeysOptions, type User } from '@latchkey/core';
import { type FetchPasskeysOptions, fetchPasskeys } from '@latchkey/fetch';
import { createSoftwarePasskey } from '@latchkey/testing';
import { describe, expect, it } from 'vitest';

const ORIGIN = 'http://localhost:3000';

function site<Info>(
  options: Partial<PasskeysOptions<User, Request, Headers>> = {},
  how: FetchPasskeysOptions<Info> = {},
) {
  const records: AttemptRecord[] = [];
  const accounts = new Map<string, User>();
  const passkeys = createPasskeys<User, Request, Headers>({
    rp: { id: 'localhost', name: 'Example', origins: [ORIGIN] },
    users: {
      find: (id) => accounts.get(id),
      create: ({ name }) => {
        accounts.set(name, { id: name, name });
        return accounts.get(name);
      },
    },
    store: memoryStore(),
    sweepEvery: false,
    audit: { sinks: [{ name: 'test', write: (record) => void records.push(record) }] },
    logger: { info() {}, warn() {}, error() {} },
    ...options,
  });
  return { ...fetchPasskeys(passkeys, how), records };
}

const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
  new Request(`${ORIGIN}${path}`, {
    method: 'POST',
    headers: { origin: ORIGIN, 'content-type': 'application/json', ...headers },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  } as RequestInit);

const OPTIONS = '/passkeys/authentication/options';

describe('a body that is a web stream', () => {
  const chunk = new TextEncoder().encode(' '.repeat(16 * 1_024));

  it('is read to 64 KiB and no further than the chunk that goes beyond them, however much follows', async () => {
    let pulled = 0;
    let rest: (value?: unknown) => void;
    const more = new Promise((resolve) => {
      rest = resolve;
    });
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          pulled += 1;
          // What comes after the fifth chunk comes after the answer: it is not waited for.
          if (pulled === 6) await more;
          if (pulled === 20) controller.close();
          else controller.enqueue(chunk);
        },
      },
      { highWaterMark: 0 },
    );
    const response = await site().fetch(post(OPTIONS, body));
    const answered = pulled;
    expect([response?.status, await response?.json()]).toMatchObject([413, { code: 'content_too_large' }]);
    expect(answered).toBeLessThanOrEqual(6);
    rest!();
    // What is left is taken off the wire, so that the connection can be used again.
    await expect.poll(() => pulled).toBe(20);
  });

  it('may come in pieces, also inside of a character', async () => {
    const bytes = new TextEncoder().encode('{"mode":"modal","identifier":"Zoë 🔑"}');
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect((await site().fetch(post(OPTIONS, body)))?.status).toBe(200);
  });

  it.each([
    ['breaks off', () => new ReadableStream({ pull: (controller) => controller.error(new Error('gone')) })],
    ['is empty', () => new ReadableStream({ start: (controller) => controller.close() })],
    ['is not UTF-8', () => Uint8Array.of(0x7b, 0xff, 0x7d)],
  ])('is refused where it %s', async (_how, body) => {
    const { fetch, records } = site();
    const response = await fetch(post(OPTIONS, body()));
    expect([response?.status, await response?.json()]).toMatchObject([400, { code: 'malformed_request' }]);
    expect(records.map(({ reason }) => reason)).toEqual(['malformed_request']);
  });

  it('is refused where the application has read it already', async () => {
    const request = post(OPTIONS, '{}');
    await request.text();
    expect((await site().fetch(request))?.status).toBe(400);
  });
});

describe('a path', () => {
  it.each(['/', '/me', '/passkeysX/session', '/PASSKEYS/session', '/x/passkeys/session'])(
    '%s that is not below the prefix is the application’s',
    async (path) => {
      const { fetch, wellKnown } = site();
      const request = new Request(`${ORIGIN}${path}`);
      expect([await fetch(request), wellKnown(request)]).toEqual([undefined, undefined]);
    },
  );

  it.each(['/api/passkeys', '/api/passkeys/'])('is below a prefix of the application’s: %s', async (prefix) => {
    const { fetch } = site({}, { prefix });
    expect((await fetch(new Request(`${ORIGIN}/api/passkeys/session`)))?.status).toBe(401);
    expect(await fetch(new Request(`${ORIGIN}/passkeys/session`))).toBe(undefined);
  });

  it('is the routes’ own where a router has taken the prefix off', async () => {
    const { fetch } = site({}, { prefix: '/' });
    expect((await fetch(new Request(`${ORIGIN}/session`)))?.status).toBe(401);
  });
});

it('is asked by the address that the application says, and by none that a header claims', async () => {
  const claims = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1', 'cf-connecting-ip': '192.0.2.1' };
  const nobody = site();
  await nobody.fetch(post(OPTIONS, '[]', claims));
  expect(nobody.records.map(({ client }) => client.address)).toEqual([null]);

  const said = site({}, { address: (_request, info: { peer: string } | undefined) => info?.peer ?? null });
  await said.fetch(post(OPTIONS, '[]', claims), { peer: '198.51.100.7' });
  expect(said.records.map(({ client }) => client.address)).toEqual(['198.51.100.7']);
});

it('sends the cookies that onSignIn and onSignOut append beside its own', async () => {
  const passkey = createSoftwarePasskey({ origin: ORIGIN });
  const { fetch, requireSignIn, readSession, signOut } = site({
    onSignIn: ({ user, response }) => response.append('set-cookie', `own=${user.id}`),
    onSignOut: ({ response }) => response.append('set-cookie', 'own=; Max-Age=0'),
  });
  const cookies = (response: Response) => response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);

  const options = (await fetch(post('/passkeys/registration/options', '{"username":"ada"}')))!;
  const { attemptId, publicKey } = await options.json();
  const body = JSON.stringify({ attemptId, credential: passkey.register(publicKey) });
  const verified = (await fetch(post('/passkeys/registration/verify', body, { cookie: cookies(options).join('; ') })))!;
  expect([verified.status, cookies(verified)]).toEqual([
    201,
    ['own=ada', expect.stringMatching(/^latchkey-session=[\w-]{43}$/)],
  ]);

  const mine = () => new Request(`${ORIGIN}/`, { headers: { cookie: cookies(verified).join('; ') } });
  expect([await requireSignIn(mine()), await readSession(mine())]).toMatchObject([
    { user: { id: 'ada' } },
    { user: { id: 'ada' } },
  ]);
  const headers = await signOut(mine());
  expect(headers.getSetCookie()).toEqual([expect.stringMatching(/^latchkey-session=;/)]);
  expect(await requireSignIn(mine())).toMatchObject({ status: 401 });
  expect(await readSession(mine())).toBe(null);
});
