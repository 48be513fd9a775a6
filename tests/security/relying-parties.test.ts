/** Two relying parties in one server, with one store: what a person has at one is neither shown nor counted at the other. */
import { memoryStore } from '@latchkey/core';
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
