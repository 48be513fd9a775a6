/**
 * Attestation statements with the chains that come with them: of real security keys up to their maker's own root, and of a TPM
 * up to a root of ours, because the certificates of real ones expire within a few years.
 */
import { memoryStore, type PolicyOptions, type Reason, type Store } from '@latchkey/core';
import { describe, expect, test } from 'vitest';
import { certifyRoot } from '../http/attestation-makers.ts';
import { openDirect } from './direct.ts';
import { CHALLENGE, REAL, type RealStatement, YUBICO_ROOT } from './real-statements.ts';
import { attestationRoot, makeVector } from './w3c-vectors.ts';

interface Registration {
  readonly rpId: string;
  readonly challenge: string;
  readonly clientData: Buffer;
  readonly attestationObject: Buffer;
  readonly credentialId: Buffer;
}

/** The credential id in authenticator data, which follows its length. */
function idIn(attestationObject: Buffer, rpIdHashAt: number): Buffer {
  const at = rpIdHashAt + 32 + 1 + 4 + 16;
  return attestationObject.subarray(at + 2, at + 2 + attestationObject.readUInt16BE(at));
}

function registrationOf({ clientData, attestationObject }: RealStatement): Registration {
  const object = Buffer.from(attestationObject, 'base64url');
  // SHA-256 of example.com begins so.
  const credentialId = idIn(object, object.indexOf(Buffer.from('a379a6f6eeafb9a5', 'hex')));
  return {
    rpId: 'example.com',
    challenge: CHALLENGE,
    clientData: Buffer.from(clientData),
    attestationObject: object,
    credentialId,
  };
}

async function tpmOf(manufacturer?: string): Promise<Registration> {
  const { registration, credentialId } = await makeVector('tpm.ES256', manufacturer);
  const { challenge, clientDataJSON: clientData, attestationObject } = registration;
  return {
    rpId: 'example.org',
    challenge: challenge.toString('base64url'),
    clientData,
    attestationObject,
    credentialId,
  };
}

/** Registers at a server whose challenge is the statement's, which its store puts in the place of ours. */
async function register(
  { rpId, challenge, clientData, attestationObject, credentialId }: Registration,
  policy: PolicyOptions,
): Promise<{ end: Reason | 'accepted'; format: unknown; aaguid: unknown }> {
  const inner = memoryStore();
  const store: Store = {
    ...inner,
    challenges: {
      ...inner.challenges,
      put: (ceremony) =>
        inner.challenges.put({ ...ceremony, state: JSON.stringify({ ...JSON.parse(ceremony.state), challenge }) }),
    },
  };
  const rp = { id: rpId, name: 'Example', origins: [`https://${rpId}`] };
  const { records, browser } = openDirect({ rp, store, policy: { userVerification: 'preferred', ...policy } });
  const ada = browser();
  const { attemptId } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
  const id = credentialId.toString('base64url');
  const response = {
    clientDataJSON: clientData.toString('base64url'),
    attestationObject: attestationObject.toString('base64url'),
  };
  const credential = { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  await ada.send('POST', '/registration/verify', { attemptId, credential });
  const { reason, credential: seen } = records.find(({ event }) => event.name === 'latchkey.registration.attempt')!;
  return { end: reason ?? 'accepted', format: seen.attestationFormat, aaguid: seen.aaguid };
}

const demanding = (roots: readonly string[], allow?: readonly string[]): PolicyOptions => ({
  attestation: { conveyance: 'direct', roots, ...(allow && { allow }) },
});

/** The same with one bit of the signature turned: it stands behind its name and its length. */
function forged(registration: Registration): Registration {
  const attestationObject = Buffer.from(registration.attestationObject);
  const at = attestationObject.indexOf(Buffer.from([0x63, 0x73, 0x69, 0x67, 0x58])) + 20;
  attestationObject[at]! ^= 1;
  return { ...registration, attestationObject };
}

describe.each(Object.entries(REAL))('a real %s', (_, statement) => {
  const { format, aaguid } = statement;
  const registration = registrationOf(statement);

  test('registers where nothing is asked for, and is named as what it is', async () => {
    expect(await register(registration, {})).toEqual({ end: 'accepted', format, aaguid });
  });

  test('registers up to its maker’s root, and up to no other', async () => {
    const other = (await certifyRoot()).pem;
    expect((await register(registration, demanding([other, YUBICO_ROOT]))).end).toBe('accepted');
    expect((await register(registration, demanding([other]))).end).toBe('attestation_refused');
  });

  test('is refused with one bit of its signature turned, for another challenge, and for another relying party', async () => {
    const policy = demanding([YUBICO_ROOT]);
    expect((await register(forged(registration), policy)).end).toBe('attestation_refused');
    expect((await register({ ...registration, challenge: 'Q0hBTExFTkdF' }, policy)).end).toBe('challenge_mismatch');
    expect((await register({ ...registration, rpId: 'example.org' }, policy)).end).toBe('origin_mismatch');
  });

  test('is refused where verification is demanded: these were made without', async () => {
    const policy = { ...demanding([YUBICO_ROOT]), userVerification: 'required' } as const;
    expect((await register(registration, policy)).end).toBe('user_verification_missing');
  });
});

test('a model is known by its AAGUID, which U2F does not have', async () => {
  const [packed, u2f] = [REAL['YubiKey 5'], REAL['YubiKey 4, over U2F']].map(registrationOf);
  const only = (aaguid: string) => demanding([YUBICO_ROOT], [aaguid]);
  expect((await register(packed!, only(REAL['YubiKey 5'].aaguid))).end).toBe('accepted');
  expect((await register(packed!, only('2fc0579f-8113-47ea-b116-bb5a8db9202a'))).end).toBe('attestation_refused');
  expect((await register(u2f!, only(REAL['YubiKey 5'].aaguid))).end).toBe('attestation_refused');
});

describe('a TPM, made by the specification’s rule and certified by its root of tests', () => {
  // "INTC", in the TCG's registry of vendors.
  const INTEL = '494E5443';

  test('registers up to the root, and up to no other', async () => {
    const tpm = await tpmOf(INTEL);
    const root = (await attestationRoot).pem;
    expect(await register(tpm, demanding([root]))).toMatchObject({ end: 'accepted', format: 'tpm' });
    expect((await register(tpm, demanding([(await certifyRoot()).pem]))).end).toBe('attestation_refused');
  });

  test('is refused with one bit of its signature turned', async () => {
    const root = (await attestationRoot).pem;
    expect((await register(forged(await tpmOf(INTEL)), demanding([root]))).end).toBe('attestation_refused');
  });

  test('is refused where nobody of that name makes any', async () => {
    const root = (await attestationRoot).pem;
    expect((await register(await tpmOf(), demanding([root]))).end).toBe('attestation_refused');
  });
});
