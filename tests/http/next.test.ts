// What is particular to Next.js and needs no Next.js to run: its proxy and its route handlers. tests/examples/next.test.ts has the rest.
import { createPasskeys, memoryStore, type User } from '@latchkey/core';
import { nextPasskeys } from '@latchkey/next';
import { createSoftwarePasskey } from '@latchkey/testing';
import { expect, it } from 'vitest';

const ORIGIN = 'http://localhost:3000';
const accounts = new Map<string, User>();
const { guard, handlers } = nextPasskeys(
  createPasskeys({
    rp: { id: 'localhost', name: 'Example', origins: [ORIGIN] },
    users: { find: (id) => accounts.get(id), create: ({ name }) => accounts.set(name, { id: name, name }).get(name) },
    store: memoryStore(),
    sweepEvery: false,
    logger: { info() {}, warn() {}, error() {} },
  }),
);

const cookiesOf = (response: Response) =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');

async function signUp(name: string): Promise<string> {
  const post = (path: string, body: object, cookie = '') =>
    handlers.POST(
      new Request(`${ORIGIN}/passkeys/registration/${path}`, {
        method: 'POST',
        headers: { origin: ORIGIN, 'content-type': 'application/json', cookie },
        body: JSON.stringify(body),
      }),
    );
  const options = await post('options', { username: name });
  const { attemptId, publicKey } = await options.json();
  const credential = createSoftwarePasskey({ origin: ORIGIN }).register(publicKey);
  return cookiesOf(await post('verify', { attemptId, credential }, cookiesOf(options)));
}

it('lets pass who is signed in, and sends all others to a whole address, which Next.js demands', async () => {
  const proxy = guard({ redirectTo: '/sign-in' });
  const cookie = await signUp('ada');
  expect(await proxy(new Request(`${ORIGIN}/account?tab=1`, { headers: { cookie } }))).toBe(undefined);
  const sent = (await proxy(new Request(`${ORIGIN}/account?tab=1`)))!;
  expect([sent.status, sent.headers.get('location')]).toEqual([
    303,
    `${ORIGIN}/sign-in?returnTo=${encodeURIComponent('/account?tab=1')}`,
  ]);
});

it('refuses as a guard elsewhere does where there is no page to send to', async () => {
  expect(await guard()(new Request(`${ORIGIN}/account`))).toMatchObject({ status: 401 });
  const cookie = await signUp('eve');
  const foreign = { method: 'POST', headers: { cookie, origin: 'https://evil.example' } };
  expect(await guard()(new Request(`${ORIGIN}/account`, foreign))).toMatchObject({ status: 403 });
});

it('answers each method that Next.js knows, and nothing outside of the prefix', async () => {
  for (const [method, handler] of Object.entries(handlers)) {
    const { status } = await handler(new Request(`${ORIGIN}/passkeys/nowhere`, { method }));
    expect([method, status]).toEqual([method, 404]);
  }
  expect((await handlers.PUT(new Request(`${ORIGIN}/passkeys/session`, { method: 'PUT' }))).status).toBe(405);
  const elsewhere = await handlers.GET(new Request(`${ORIGIN}/elsewhere/session`));
  expect([elsewhere.status, await elsewhere.text()]).toEqual([404, '']);
});
