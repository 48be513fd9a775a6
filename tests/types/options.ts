/** What the types of the options prevent. Compiled by `npm run types`, never run. Each `@ts-expect-error` stands above a mistake that must not compile; these files are the only ones that may have it. */
import { createPasskeys, memoryStore, type PasskeysOptions } from '@latchkey/core';

const base = {
  rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
  users: { find: () => null },
  store: memoryStore(),
} satisfies PasskeysOptions;

export const RIGHT = [
  () => createPasskeys(base),
  () => createPasskeys({ ...base, sessions: { lifetime: 'browser', idle: '7d', revalidateAfter: 0 } }),
  () => createPasskeys({ ...base, sessions: false, onSignIn: ({ user }) => ({ token: user.id }) }),
  () => createPasskeys({ ...base, policy: { challengeTtl: '90s', algorithms: ['ES256'] } }),
];

export const WRONG = [
  // @ts-expect-error Without accounts nobody can sign in.
  () => createPasskeys({ rp: base.rp, store: base.store }),
  // @ts-expect-error An option that does not exist is a misspelt one.
  () => createPasskeys({ ...base, polcy: {} }),
  // @ts-expect-error It is an option of `sessions`.
  () => createPasskeys({ ...base, revalidateAfter: '60s' }),
  // @ts-expect-error A unit that a duration does not have.
  () => createPasskeys({ ...base, policy: { challengeTtl: '2 minutes' } }),
  // @ts-expect-error It is called `require`.
  () => createPasskeys({ ...base, policy: { immediateMediation: 'required' } }),
  // @ts-expect-error Algorithms go by their names, not by their COSE numbers.
  () => createPasskeys({ ...base, policy: { algorithms: [-7] } }),
  // @ts-expect-error `immediate` is no fallback of itself.
  () => createPasskeys({ ...base, policy: { fallback: ['immediate'] } }),
  // @ts-expect-error A number as an id: write String(row.id).
  () => createPasskeys({ ...base, users: { find: () => ({ id: 7, name: 'ada' }) } }),
  // @ts-expect-error An origin is text; more of them are a list.
  () => createPasskeys({ ...base, rp: { ...base.rp, origins: 'https://example.com' } }),
  // @ts-expect-error There is no way to turn sessions on by `true`: they are on.
  () => createPasskeys({ ...base, sessions: true }),
  // @ts-expect-error A change that the server makes says who made it.
  () => createPasskeys(base).forUser('ada').forget({ reason: 'asked for it' }),
  // @ts-expect-error A person changes the own passkeys in the browser, never through this.
  () => createPasskeys(base).forUser('ada').forget({ by: 'person', reason: 'asked for it' }),
];
