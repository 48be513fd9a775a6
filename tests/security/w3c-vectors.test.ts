/** The test vectors of WebAuthn Level 3 (§16): what becomes of each by default, where verification is only preferred, and where their root is trusted. */
import { memoryStore, type PolicyOptions, type Reason, type Store } from '@latchkey/core';
import { describe, expect, test } from 'vitest';
import { openDirect } from './direct.ts';
import { attestationRoot, makeVector, RECIPES, type Vector } from './w3c-vectors.ts';

const RP = { id: 'example.org', name: 'Example', origins: ['https://example.org'] };

type End = Reason | 'accepted';
type Name = keyof typeof RECIPES;

const UV: End = 'user_verification_missing';
const UNKNOWN: End = 'algorithm_unsupported';
const CROSS: End = 'cross_origin_denied';

/**
 * The digest is that of the specification of 30 July 2026 (w3c/webauthn 146d0db0). Then registration and authentication: by
 * default, with verification preferred, and the registration where the vectors' root is the only one (verification preferred).
 * Two are refused there though the specification has them verify: tpm names a manufacturer that there is not, and fido-u2f has an
 * AAGUID, which U2F has not (§6.5.1). Both checks are @simplewebauthn/server's.
 */
const EXPECTED: Record<Name, readonly [digest: string, default_: [End, End], preferred: [End, End], attested: End]> = {
  'none.ES256': ['78359fef55687d23bfd034fc6fddbf3a', [UV, UV], ['accepted', 'accepted'], 'attestation_refused'],
  'packed-self.ES256': [
    '4b2f592a35d6cce4f29d740233c1cbff',
    ['accepted', UV],
    ['accepted', 'accepted'],
    'attestation_refused',
  ],
  'none.ES256.crossOrigin': ['dbf97402f08e6f074fea436ad62a7dc1', [CROSS, CROSS], [CROSS, CROSS], CROSS],
  'none.ES256.topOrigin': ['446b90ab731035eabe2f24aee12d8bee', [CROSS, CROSS], [CROSS, CROSS], CROSS],
  'none.ES256.long-credential-id': [
    '3d5592806b33b2522375e53ca443e1ca',
    [UV, 'accepted'],
    ['accepted', 'accepted'],
    'attestation_refused',
  ],
  'packed.ES256': ['18cd95c183d1147a6799ff38c8f34d5d', ['accepted', 'accepted'], ['accepted', 'accepted'], 'accepted'],
  'packed.ES384': [
    '2f1562d0689e2a63f19e0423f29ba1dd',
    [UNKNOWN, 'signature_invalid'],
    [UNKNOWN, 'signature_invalid'],
    UNKNOWN,
  ],
  'packed.ES512': [
    'd1b6d7a55b5841b0da3f4c0624b8b80f',
    [UNKNOWN, 'signature_invalid'],
    [UNKNOWN, 'signature_invalid'],
    UNKNOWN,
  ],
  'packed.RS256': ['36e07c903f2b63a2187889d8f56dcad7', ['accepted', UV], ['accepted', 'accepted'], 'accepted'],
  'packed.EdDSA': ['2f95a778cdb3c1a421f9da8cb2f9b93e', [UV, UV], ['accepted', 'accepted'], 'accepted'],
  'packed.Ed448': [
    '3adddd17eeebcb34634fbf7d5a745c93',
    [UNKNOWN, 'signature_invalid'],
    [UNKNOWN, 'signature_invalid'],
    UNKNOWN,
  ],
  'tpm.ES256': [
    '79c014dc47ad7779116c40a31575692f',
    ['accepted', 'accepted'],
    ['accepted', 'accepted'],
    'attestation_refused',
  ],
  'android-key.ES256': [
    '20b05472ccbfb6b6f782df69bdc4b8fc',
    ['accepted', UV],
    ['accepted', 'accepted'],
    'attestation_refused',
  ],
  'apple.ES256': ['28600f54e90337b529f56251c6aa015f', [UV, UV], ['accepted', 'accepted'], 'attestation_refused'],
  'fido-u2f.ES256': ['0850f95cc6d6ab162bc07e0e24d16fcf', [UV, UV], ['accepted', 'accepted'], 'attestation_refused'],
};

/** A server whose challenges are those of a vector: its store puts them in the place of ours, and changes nothing else. */
function serverFor({ registration, authentication }: Vector, policy: PolicyOptions) {
  const inner = memoryStore();
  const store: Store = {
    ...inner,
    challenges: {
      ...inner.challenges,
      put(ceremony) {
        const { challenge } = ceremony.purpose === 'registration' ? registration : authentication;
        const state = JSON.stringify({ ...JSON.parse(ceremony.state), challenge: challenge.toString('base64url') });
        return inner.challenges.put({ ...ceremony, state });
      },
    },
  };
  return openDirect({ rp: RP, store, policy });
}

const json = (bytes: Record<string, Uint8Array>) =>
  Object.fromEntries(Object.entries(bytes).map(([name, value]) => [name, Buffer.from(value).toString('base64url')]));

/** Registers a vector and signs in with it; where the registration is refused, its key is put into the store, so that the assertion is judged too. */
async function judge(vector: Vector, policy: PolicyOptions): Promise<[End, End]> {
  const { records, store, users, faults, browser } = serverFor(vector, policy);
  const lastEnd = (): End => records.at(-1)!.reason ?? 'accepted';
  const id = vector.credentialId.toString('base64url');
  const credential = { id, rawId: id, type: 'public-key', clientExtensionResults: {} };

  const ada = browser();
  const creation = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
  const { clientDataJSON, attestationObject } = vector.registration;
  await ada.send('POST', '/registration/verify', {
    attemptId: creation.attemptId,
    credential: { ...credential, response: json({ clientDataJSON, attestationObject }) },
  });
  const registered = lastEnd();
  if (registered !== 'accepted') {
    users.set('ada', { id: 'ada', name: 'ada' });
    const passkey = {
      id: 'ada',
      userId: 'ada',
      userHandle: Buffer.from('ada'),
      credentialId: vector.credentialId,
      publicKey: vector.publicKey,
      algorithm: vector.algorithm,
      signCount: 0,
      transports: [],
      aaguid: '00000000-0000-0000-0000-000000000000',
      backupEligible: null,
      backedUp: false,
      rpId: RP.id,
      nickname: 'Passkey',
      enabled: true,
      generation: 0,
      createdAt: 0,
      attested: false,
      lastUsedAt: null,
    };
    expect(await store.passkeys.insert({ passkey, max: 1 })).toBe('inserted');
  }

  const eve = browser();
  const request = (await eve.send('POST', '/authentication/options', { mode: 'modal', identifier: 'ada' })).json;
  const { challenge: _, ...response } = vector.authentication;
  await eve.send('POST', '/authentication/verify', {
    attemptId: request.attemptId,
    credential: { ...credential, response: json(response) },
  });
  expect(faults).toEqual([]);
  return [registered, lastEnd()];
}

describe.each(Object.keys(RECIPES) as Name[])('%s', (name) => {
  const [digest, byDefault, preferred, attested] = EXPECTED[name];
  const vector = makeVector(name);

  test('is the specification’s, byte for byte, but for the nonces of its signatures', async () => {
    expect((await vector).digest).toBe(digest);
  });

  test('by default', async () => {
    expect(await judge(await vector, {})).toEqual(byDefault);
  });

  test('where verification is only preferred', async () => {
    expect(await judge(await vector, { userVerification: 'preferred' })).toEqual(preferred);
  });

  test('where the vectors’ root is trusted, and no other', async () => {
    const attestation = { conveyance: 'direct', roots: [(await attestationRoot).pem] } as const;
    const [registered] = await judge(await vector, { userVerification: 'preferred', attestation });
    expect(registered).toBe(attested);
  });
});
