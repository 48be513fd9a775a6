/** Two relying parties, or two policies, in one server with one store: nothing of one is worth more at the other. */
import { memoryStore, type PasskeysOptions } from '@latchkey/core';
import { createSoftwarePasskey, type SoftwarePasskey } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { type Browser, type Direct, ORIGIN, openDirect } from './direct.ts';

const THERE = 'https://example.com';

/** The same person at both, with one passkey at each. */
async function atBoth() {
  const store = memoryStore();
  const identify = () => ({ id: 'ada', name: 'ada', authenticatedAt: here.clock.now });
  const users = { find: (id: string) => here.users.get(id), identify };
  const here: Direct = openDirect({ store, users });
  const rp = { id: 'example.com', name: 'There', origins: [THERE] };
  const there = openDirect({ store, users, rp });
  here.users.set('ada', { id: 'ada', name: 'ada' });
  const add = async ({ browser }: Direct, origin: string) => {
    const visitor = browser();
    const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', {})).json;
    const passkey = createSoftwarePasskey({ origin });
    const credential = passkey.register(publicKey);
    expect((await visitor.send('POST', '/registration/verify', { attemptId, credential })).status).toBe(201);
    return passkey;
  };
  return { store, here, there, own: await add(here, ORIGIN), other: await add(there, THERE) };
}

async function signIn(visitor: Browser, passkey: SoftwarePasskey) {
  const { attemptId, publicKey } = (await visitor.send('POST', '/authentication/options', {})).json;
  const body = { attemptId, credential: passkey.authenticate(publicKey) };
  return visitor.send('POST', '/authentication/verify', body);
}

test('lists, options, signals and sign-ins name the passkeys of their own relying party only: mutants 3 and 4', async () => {
  const { here, own } = await atBoth();
  const ada = here.browser();
  const ids = (some: readonly { id: string }[]) => some.map(({ id }) => id);
  const modal = (await ada.send('POST', '/authentication/options', { mode: 'modal' })).json;
  expect(ids(modal.publicKey.allowCredentials)).toEqual([own.credentialId]);
  const creation = (await ada.send('POST', '/registration/options', {})).json;
  expect(ids(creation.publicKey.excludeCredentials)).toEqual([own.credentialId]);
  const signedIn = await signIn(ada, own);
  expect(signedIn.status).toBe(200);
  expect(signedIn.json.signals.allAcceptedCredentials.allAcceptedCredentialIds).toEqual([own.credentialId]);
  expect((await ada.send('GET', '/credentials')).json.passkeys).toHaveLength(1);
  const signals = (await ada.send('GET', '/signals')).json;
  expect(signals.allAcceptedCredentials.allAcceptedCredentialIds).toEqual([own.credentialId]);
  const stepUp = (await ada.send('POST', '/step-up/options', {})).json;
  expect(ids(stepUp.publicKey.allowCredentials)).toEqual([own.credentialId]);
});

test('a passkey of another relying party is no second one, and is not there to be changed', async () => {
  const { here, store, own } = await atBoth();
  const ada = here.browser();
  expect((await signIn(ada, own)).status).toBe(200);
  const [mine, theirs] = (await store.passkeys.listByUser('ada')).toSorted((a) => (a.rpId === 'localhost' ? -1 : 1));
  expect((await ada.send('DELETE', `/credentials/${mine!.id}`)).json.code).toBe('last_passkey');
  expect((await ada.send('PATCH', `/credentials/${mine!.id}`, { enabled: false })).json.code).toBe('last_passkey');
  expect((await ada.send('PATCH', `/credentials/${theirs!.id}`, { nickname: 'mine' })).status).toBe(404);
  expect((await ada.send('DELETE', `/credentials/${theirs!.id}`)).status).toBe(404);
});

/** A challenge of one place, answered at another; both have one relying party, one store and one person. */
async function answeredElsewhere(
  from: Partial<PasskeysOptions>,
  to: Partial<PasskeysOptions>,
  { mode, bend = {} }: { mode?: 'modal'; bend?: Parameters<SoftwarePasskey['authenticate']>[1] } = {},
) {
  const store = memoryStore();
  const [lax, strict] = [openDirect({ store, ...from }), openDirect({ store, ...to })];
  const owner = lax.browser();
  const { attemptId, publicKey } = (await owner.send('POST', '/registration/options', { username: 'ada' })).json;
  const passkey = createSoftwarePasskey({ origin: ORIGIN });
  const credential = passkey.register(publicKey);
  expect((await owner.send('POST', '/registration/verify', { attemptId, credential })).status).toBe(201);
  for (const [id, user] of lax.users) strict.users.set(id, user);
  const visit = async (issuer: Direct) => {
    const [asked, visitor] = [issuer.browser(), strict.browser()];
    const options = (await asked.send('POST', '/authentication/options', mode ? { mode } : {})).json;
    if (options.publicKey === undefined) return options.code;
    visitor.binding = asked.binding;
    const body = { attemptId: options.attemptId, credential: passkey.authenticate(options.publicKey, bend) };
    const { status } = await visitor.send('POST', '/authentication/verify', body);
    return status === 200 ? 'in' : strict.records.at(-1)!.reason;
  };
  return { honest: await visit(strict), crossed: await visit(lax) };
}

test('a challenge is judged by the policy and the origins of the place that answers it as well: finding 1', async () => {
  const mode = await answeredElsewhere({}, { policy: { immediateMediation: 'require' } }, { mode: 'modal' });
  expect(mode).toEqual({ honest: 'mode_not_allowed', crossed: 'challenge_mismatch' });
  const unverified = { bend: { flags: { UV: false } } };
  const discouraged = { policy: { userVerification: 'discouraged' } } as const;
  expect(await answeredElsewhere(discouraged, {}, unverified)).toEqual({
    honest: 'user_verification_missing',
    crossed: 'user_verification_missing',
  });
  expect((await answeredElsewhere(discouraged, discouraged, unverified)).crossed).toBe('in');
  const other = 'http://localhost:4000';
  const both = { rp: { id: 'localhost', name: 'Both', origins: [ORIGIN, other] } };
  const signed = { bend: { clientData: { origin: other } } };
  expect(await answeredElsewhere({}, both, signed)).toEqual({ honest: 'in', crossed: 'origin_mismatch' });
});
