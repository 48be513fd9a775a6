/** A software authenticator of other people's making, beside ours: it registers and signs in, and both say the same of the same options. */
import {
  createSoftwarePasskey,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  USED,
} from '@latchkey/testing';
import { AuthenticatorEmulator, WebAuthnEmulator } from 'nid-webauthn-emulator';
import { describe, expect, test } from 'vitest';
import { open } from './evidence.ts';

type CreationOptions = Parameters<WebAuthnEmulator['createJSON']>[1];
type RequestOptions = Parameters<WebAuthnEmulator['getJSON']>[1];

/** The other authenticator with the interface of ours. */
function other(origin: string, algorithm: 'ES256' | 'RS256' | 'EdDSA' = 'ES256') {
  const emulator = new WebAuthnEmulator(new AuthenticatorEmulator({ algorithmIdentifiers: [algorithm] }));
  return {
    register: (options: PublicKeyCredentialCreationOptionsJSON) =>
      emulator.createJSON(origin, options as unknown as CreationOptions),
    authenticate: (options: PublicKeyCredentialRequestOptionsJSON) =>
      emulator.getJSON(origin, options as unknown as RequestOptions),
  };
}

const read = (base64url: string) => Buffer.from(base64url, 'base64url');
const clientData = (base64url: string) => JSON.parse(read(base64url).toString());
/** RP ID hash, and the flags that both must agree on: UP, UV, AT, ED. */
const agreed = (authenticatorData: string) => {
  const bytes = read(authenticatorData);
  return [bytes.subarray(0, 32).toString('hex'), bytes[32]! & 0b1100_0101];
};
const nameOf = (work: () => unknown) => {
  try {
    work();
    return 'nothing';
  } catch (thrown) {
    return (thrown as Error).name;
  }
};

describe.each(['ES256', 'RS256', 'EdDSA'] as const)('nid-webauthn-emulator with %s', (algorithm) => {
  test('signs up, signs in in every mode, steps up, and adds a passkey beside one of ours', async () => {
    const site = await open();
    const agent = site.agent();
    const passkey = other(site.origin, algorithm);
    const registration = (await agent.post('/registration/options', { username: 'ada' })).json;
    const registered = await agent.post('/registration/verify', {
      attemptId: registration.attemptId,
      credential: passkey.register(registration.publicKey),
    });
    expect(registered.status, registered.text).toBe(201);
    for (const mode of ['immediate', 'conditional', 'modal']) {
      const visitor = site.agent();
      const { attemptId, publicKey } = await visitor.signInOptions({
        mode,
        ...(mode === 'modal' && { identifier: 'ada' }),
      });
      const credential = passkey.authenticate(publicKey);
      const reply = await visitor.post('/authentication/verify', { attemptId, credential, client: USED });
      expect(reply.status, reply.text).toBe(200);
      expect((await visitor.session()).json.user.name).toBe('ada');
      expect(site.records.at(-1)).toMatchObject({ outcome: 'success', assertion: { signCount: 'advanced' } });
    }
    const stepUp = (await agent.post('/step-up/options', { action: 'pay' })).json;
    const credential = passkey.authenticate(stepUp.publicKey);
    expect((await agent.post('/step-up/verify', { attemptId: stepUp.attemptId, credential })).status).toBe(200);
    expect((await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }))).status).toBe(201);
  });
});

test('both authenticators say the same of the same options', async () => {
  const site = await open();
  const agent = site.agent();
  const [theirs, ours] = [other(site.origin), createSoftwarePasskey({ origin: site.origin })];
  const { publicKey: creation } = (await agent.post('/registration/options', { username: 'ada' })).json;
  const [their, our] = [theirs.register(creation), ours.register(creation)];
  const { crossOrigin: theirCross = false, ...theirData } = clientData(their.response.clientDataJSON);
  const { crossOrigin: ourCross = false, ...ourData } = clientData(our.response.clientDataJSON);
  expect([theirData, theirCross]).toEqual([ourData, ourCross]);
  expect(agreed(their.response.authenticatorData)).toEqual(agreed(our.response.authenticatorData));
  expect([their.type, their.rawId]).toEqual([our.type, their.id]);

  const { publicKey: request } = await agent.signInOptions();
  const [theirAnswer, ourAnswer] = [theirs.authenticate(request), ours.authenticate(request)];
  const { crossOrigin: theirs2 = false, ...theirs3 } = clientData(theirAnswer.response.clientDataJSON);
  const { crossOrigin: ours2 = false, ...ours3 } = clientData(ourAnswer.response.clientDataJSON);
  expect([theirs3, theirs2]).toEqual([ours3, ours2]);
  expect(agreed(theirAnswer.response.authenticatorData)).toEqual(agreed(ourAnswer.response.authenticatorData));
  expect(theirAnswer.response.userHandle).toBe(ourAnswer.response.userHandle);
});

test('both authenticators refuse the same options by the same name', async () => {
  const site = await open();
  const agent = site.agent();
  const { publicKey: creation } = (await agent.post('/registration/options', { username: 'ada' })).json;
  const { publicKey: request } = await agent.signInOptions();
  // That a passkey is excluded is InvalidStateError (§6.3.2 step 3); the emulator keeps it to itself, as if the person had said no.
  for (const [passkey, excluded] of [
    [other(site.origin), 'NotAllowedError'],
    [createSoftwarePasskey({ origin: site.origin }), 'InvalidStateError'],
  ] as const) {
    const { id } = passkey.register(creation);
    const listed = [{ type: 'public-key', id }];
    const unlisted = [{ type: 'public-key', id: Buffer.alloc(32, 3).toString('base64url') }];
    expect([
      nameOf(() => passkey.register({ ...creation, excludeCredentials: listed })),
      nameOf(() => passkey.register({ ...creation, pubKeyCredParams: [{ type: 'public-key', alg: -35 }] })),
      nameOf(() => passkey.authenticate({ ...request, allowCredentials: unlisted })),
      nameOf(() => passkey.authenticate({ ...request, allowCredentials: listed })),
    ]).toEqual([excluded, 'NotSupportedError', 'NotAllowedError', 'nothing']);
  }
});
