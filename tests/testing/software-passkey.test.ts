/**
 * Every other test believes what the software passkey says. Here it is held against a verifier that
 * we did not write, and every bend against the promise that it changes one thing.
 *
 * Answers are taken apart by offset (WebAuthn L3 §6.1, §6.5.1) and by the CBOR reader of @simplewebauthn/server; nothing
 * that wrote an answer also reads it.
 */
import { execFile } from 'node:child_process';
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { isoCBOR } from '@simplewebauthn/server/helpers';
import { describe, expect, it } from 'vitest';
import {
  type AlgorithmName,
  type AuthenticationBend,
  type AuthenticationResponseJSON,
  createSoftwarePasskey,
  declaredAlgorithm,
  encodeCbor,
  flipBit,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  pointOffCurve,
  type RegistrationBend,
  type RegistrationResponseJSON,
  rawSignature,
  type SoftwarePasskey,
  type SoftwarePasskeyJSON,
  type SoftwarePasskeyOptions,
  sha1Signature,
  zeroSignature,
} from '../../packages/testing/src/index.ts';

const origin = 'https://example.com';
const rpId = 'example.com';
const algorithms = {
  ES256: -7,
  EdDSA: -8,
  RS256: -257,
  'ML-DSA-44': -48,
  'ML-DSA-65': -49,
  'ML-DSA-87': -50,
} as const;
const names = Object.keys(algorithms) as AlgorithmName[];
const other = Buffer.from('somebody else').toString('base64url');

const creation: PublicKeyCredentialCreationOptionsJSON = {
  rp: { id: rpId, name: 'Example' },
  user: { id: randomBytes(32).toString('base64url'), name: 'ada', displayName: 'Ada' },
  challenge: randomBytes(32).toString('base64url'),
  pubKeyCredParams: Object.values(algorithms).map((alg) => ({ type: 'public-key', alg })),
  authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
};
const request: PublicKeyCredentialRequestOptionsJSON = {
  rpId,
  challenge: randomBytes(32).toString('base64url'),
  allowCredentials: [],
  userVerification: 'required',
};

/** One passkey per algorithm, registered. Its counter must stay where it is: a test signs with a clone. */
const registered = Object.fromEntries(
  names.map((algorithm) => {
    const passkey = createSoftwarePasskey({ algorithm, origin, signCount: 7 });
    return [algorithm, { passkey, registration: passkey.register(creation) }];
  }),
) as Record<AlgorithmName, { passkey: SoftwarePasskey; registration: RegistrationResponseJSON }>;

describe.each(names)('a software passkey with %s', (algorithm) => {
  it('registers and signs in with a verifier that we did not write', async () => {
    const passkey = createSoftwarePasskey({
      algorithm,
      origin,
      signCount: 0,
      aaguid: 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4',
    });
    const registration = await verifyRegistration(passkey.register(creation));
    expect(registration).toMatchObject({
      verified: true,
      registrationInfo: {
        fmt: 'none',
        aaguid: 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4',
        credential: { id: passkey.credentialId, counter: 0, transports: ['internal', 'hybrid'] },
        userVerified: true,
        credentialDeviceType: 'multiDevice',
        credentialBackedUp: true,
      },
    });
    const credential = registration.registrationInfo!.credential;
    for (const newCounter of [1, 2]) {
      expect(await verifyAuthentication(passkey.authenticate(request), credential)).toMatchObject({
        verified: true,
        authenticationInfo: { newCounter, credentialID: passkey.credentialId, userVerified: true },
      });
    }
  });

  it('is refused by that verifier when one bit changes after signing', async () => {
    const { passkey, registration } = registered[algorithm];
    const credential = (await verifyRegistration(registration)).registrationInfo!.credential;
    const bends: AuthenticationBend[] = [
      { signature: flipBit(-1) },
      { afterSigning: { authenticatorData: flipBit(-1) } },
      { afterSigning: { clientDataJSON: appended(' ') } },
    ];
    for (const bend of bends) {
      const accepted = await verifyAuthentication(passkey.clone().authenticate(request, bend), credential).then(
        ({ verified }) => verified,
        () => false,
      );
      expect(accepted).toBe(false);
    }
  });

  it('signs in another process after JSON', async () => {
    const { passkey, registration } = registered[algorithm];
    const answer = await signInAnotherProcess(JSON.stringify(passkey), JSON.stringify(request));
    expect(signatureIsValid(answer, registration)).toBe(true);
    expect(difference(readAssertion(passkey.clone().authenticate(request)), readAssertion(answer))).toEqual([]);
  });

  it('comes back from JSON as it went', () => {
    const written = JSON.stringify(registered[algorithm].passkey);
    const read = JSON.parse(written) as SoftwarePasskeyJSON;
    expect(JSON.stringify(createSoftwarePasskey(read))).toBe(written);
  });
});

describe('a genuine answer', () => {
  it('has the members of RegistrationResponseJSON, with copies that agree with the attestation object', () => {
    const { passkey, registration } = registered.ES256;
    const read = readRegistration(registration);
    expect(Object.keys(registration).sort()).toEqual(
      ['authenticatorAttachment', 'clientExtensionResults', 'id', 'rawId', 'response', 'type'].sort(),
    );
    expect(read).toMatchObject({
      'json.id': passkey.credentialId,
      'json.rawId': passkey.credentialId,
      'json.type': 'public-key',
      'json.response.publicKeyAlgorithm': -7,
      credentialId: hex(passkey.credentialId),
      rest: '',
    });
    expect(hex(registration.response.authenticatorData)).toBe(read.authenticatorData);
    const jwk = createPublicKey({ key: fromBase64url(registration.response.publicKey), format: 'der', type: 'spki' });
    const { x, y } = jwk.export({ format: 'jwk' });
    expect(read).toMatchObject({ 'coseKey.-2': hex(x!), 'coseKey.-3': hex(y!) });
  });

  it('writes client data in the order of §5.8.1.1', () => {
    const { response } = registered.ES256.passkey.clone().authenticate(request);
    expect(fromBase64url(response.clientDataJSON).toString()).toBe(
      `{"type":"webauthn.get","challenge":"${request.challenge}","origin":"${origin}","crossOrigin":false}`,
    );
  });

  it('carries the user handle of the registration', () => {
    expect(registered.ES256.passkey.clone().authenticate(request).response.userHandle).toBe(creation.user.id);
  });

  it('says credProps when asked', () => {
    const answer = registered.ES256.passkey.clone().register({ ...creation, extensions: { credProps: true } });
    expect(answer.clientExtensionResults).toEqual({ credProps: { rk: true } });
  });

  it.each([
    [{}, { 'flag.BE': 1, 'flag.BS': 1, 'flag.UV': 1 }],
    [{ backedUp: false }, { 'flag.BE': 1, 'flag.BS': 0, 'flag.UV': 1 }],
    [{ backupEligible: false }, { 'flag.BE': 0, 'flag.BS': 0, 'flag.UV': 1 }],
    [{ userVerified: false }, { 'flag.BE': 1, 'flag.BS': 1, 'flag.UV': 0 }],
  ])('of a passkey with %o has the flags %o', (options, flags) => {
    const passkey = createSoftwarePasskey({ origin, ...options });
    const relaxed = { ...creation, authenticatorSelection: { userVerification: 'preferred' } };
    expect(readRegistration(passkey.register(relaxed))).toMatchObject(flags);
    expect(readAssertion(passkey.authenticate({ ...request, userVerification: 'preferred' }))).toMatchObject(flags);
  });

  it.each([1, 16, 1023, 1024, 65535])('carries a credential id of %i bytes', (length) => {
    const credentialId = randomBytes(length).toString('base64url');
    const passkey = createSoftwarePasskey({ origin, credentialId });
    const answer = passkey.register(creation);
    expect(readRegistration(answer)).toMatchObject({
      'json.id': credentialId,
      credentialId: hex(credentialId),
      rest: '',
    });
    expect(passkey.authenticate(request).id).toBe(credentialId);
  });
});

describe('the counter', () => {
  const counters = (passkey: SoftwarePasskey, times: number) =>
    Array.from({ length: times }, () => readAssertion(passkey.authenticate(request)).signCount);

  it('stays 0 when there is none', () => {
    const passkey = createSoftwarePasskey({ origin });
    expect(readRegistration(passkey.register(creation)).signCount).toBe(0);
    expect(counters(passkey, 2)).toEqual([0, 0]);
  });

  it('is told at registration and grows by one with every authentication', () => {
    const passkey = createSoftwarePasskey({ origin, signCount: 41 });
    expect(readRegistration(passkey.register(creation)).signCount).toBe(41);
    expect(counters(passkey, 3)).toEqual([42, 43, 44]);
  });

  it('of a clone goes its own way', () => {
    const passkey = registered.ES256.passkey.clone({ signCount: 10 });
    counters(passkey, 2);
    const clone = passkey.clone();
    expect(counters(clone, 3)).toEqual([13, 14, 15]);
    expect(counters(passkey, 1)).toEqual([13]);
    expect(counters(passkey.clone({ signCount: 0 }), 1)).toEqual([1]);
    expect(counters(passkey.clone({ signCount: undefined }), 2)).toEqual([0, 0]);
  });

  it('goes on as if it had not been bent', () => {
    const passkey = registered.ES256.passkey.clone({ signCount: 10 });
    expect(readAssertion(passkey.authenticate(request, { signCount: 3 })).signCount).toBe(3);
    expect(counters(passkey, 1)).toEqual([12]);
  });

  it('reaches 2^32 - 1 and no further', () => {
    const passkey = registered.ES256.passkey.clone({ signCount: 2 ** 32 - 2 });
    expect(counters(passkey, 1)).toEqual([2 ** 32 - 1]);
    expect(() => passkey.authenticate(request)).toThrow(RangeError);
  });
});

describe('it refuses as a browser does', () => {
  const own = { id: registered.ES256.passkey.credentialId, type: 'public-key' };
  const fresh = () => registered.ES256.passkey.clone();

  it('to register again where excludeCredentials lists it', () => {
    const options = { ...creation, excludeCredentials: [own] };
    expect(() => fresh().register(options)).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
  });

  it('no registration for an excluded id that it does not hold with this RP ID', () => {
    const options = { ...creation, excludeCredentials: [own] };
    expect(createSoftwarePasskey({ origin, credentialId: own.id }).register(options).id).toBe(own.id);
    expect(fresh().register({ ...options, rp: { id: 'other.example', name: 'Other' } }).id).toBe(own.id);
  });

  it('to sign where allowCredentials lists others only', () => {
    const options = { ...request, allowCredentials: [{ id: other, type: 'public-key' }] };
    expect(() => fresh().authenticate(options)).toThrow(expect.objectContaining({ name: 'NotAllowedError' }));
    expect(fresh().authenticate({ ...options, allowCredentials: [...options.allowCredentials, own] }).id).toBe(own.id);
  });

  it('to sign for another RP ID, or before it is registered', () => {
    const notAllowed = expect.objectContaining({ name: 'NotAllowedError' });
    expect(() => fresh().authenticate({ ...request, rpId: 'other.example' })).toThrow(notAllowed);
    expect(() => createSoftwarePasskey({ origin }).authenticate(request)).toThrow(notAllowed);
  });

  it('to register where its algorithm is not offered', () => {
    const options = { ...creation, pubKeyCredParams: [{ type: 'public-key', alg: -257 }] };
    expect(() => fresh().register(options)).toThrow(expect.objectContaining({ name: 'NotSupportedError' }));
    const empty = { ...creation, pubKeyCredParams: [] };
    expect(fresh().register(empty).response.publicKeyAlgorithm).toBe(-7);
    expect(() => registered.EdDSA.passkey.clone().register(empty)).toThrow(
      expect.objectContaining({ name: 'NotSupportedError' }),
    );
  });

  it('required user verification when it has none', () => {
    const notAllowed = expect.objectContaining({ name: 'NotAllowedError' });
    const passkey = registered.ES256.passkey.clone({ userVerified: false });
    expect(() => passkey.register(creation)).toThrow(notAllowed);
    expect(() => passkey.authenticate(request)).toThrow(notAllowed);
  });

  it('with a DOMException', () => {
    expect(() => createSoftwarePasskey({ origin }).authenticate(request)).toThrow(DOMException);
  });
});

describe('it refuses at once options that contradict themselves', () => {
  it.each<[string, SoftwarePasskeyOptions, RegExp]>([
    ['backed up but not backup eligible', { origin, backupEligible: false, backedUp: true }, /backedUp/],
    ['a short aaguid', { origin, aaguid: 'abcd' }, /aaguid/],
    ['an unknown algorithm', { origin, algorithm: 'RS1' as AlgorithmName }, /RS1/],
    ['a key of another algorithm', { ...registered.ES256.passkey.toJSON(), algorithm: 'EdDSA' }, /privateKey/],
  ])('%s', (_name, options, message) => {
    expect(() => createSoftwarePasskey(options)).toThrow(message);
    expect(() => createSoftwarePasskey(options)).toThrow(TypeError);
  });

  it('takes an algorithm by its COSE number', () => {
    expect(createSoftwarePasskey({ origin, algorithm: -8 }).toJSON().algorithm).toBe('EdDSA');
  });
});

/** Bends of what both ceremonies have, and every leaf of the taken-apart answer that may differ. */
const sharedBends: [name: string, bend: AuthenticationBend & RegistrationBend, leaves: string[]][] = [
  ['nothing', {}, []],
  ['type', { clientData: { type: 'webauthn.other' } }, ['client.type']],
  ['challenge', { clientData: { challenge: other } }, ['client.challenge']],
  ['origin', { clientData: { origin: 'https://evil.example' } }, ['client.origin']],
  ['crossOrigin', { clientData: { crossOrigin: true } }, ['client.crossOrigin']],
  ['crossOrigin, missing', { clientData: { crossOrigin: undefined } }, ['client.crossOrigin']],
  ['topOrigin', { clientData: { topOrigin: 'https://top.example' } }, ['client.topOrigin']],
  ['tokenBinding', { clientData: { tokenBinding: { status: 'supported' } } }, ['client.tokenBinding']],
  ['origin, by a function', { clientData: (said) => ({ ...said, origin: `${said.origin}.` }) }, ['client.origin']],
  ['client data, an array', { clientData: () => [1] }, ['client', ...clientMembers()]],
  ['client data bytes', { clientDataJSON: appended(' ') }, ['clientDataJSON']],
  ['client data bytes, no JSON', { clientDataJSON: Buffer.of(0xff) }, ['client', ...clientMembers()]],
  ['UP', { flags: { UP: false } }, ['flag.UP']],
  ['UV', { flags: { UV: false } }, ['flag.UV']],
  ['BE', { flags: { BE: false } }, ['flag.BE']],
  ['BS', { flags: { BS: false } }, ['flag.BS']],
  ['ED', { flags: { ED: true } }, ['flag.ED']],
  ['the reserved bit 1', { flags: { RFU1: true } }, ['flag.RFU1']],
  ['the reserved bit 5', { flags: { RFU2: true } }, ['flag.RFU2']],
  ['two flags', { flags: { UP: false, UV: false } }, ['flag.UP', 'flag.UV']],
  ['the counter', { signCount: 4_294_967_295 }, ['signCount']],
  ['the counter, by a function', { signCount: (count) => count - 1 }, ['signCount']],
  ['the RP ID', { rpId: 'evil.example' }, ['rpIdHash']],
  ['the RP ID hash', { rpIdHash: flipBit(0) }, ['rpIdHash']],
  ['extensions', { extensions: new Map([['x', true]]) }, ['flag.ED', 'rest']],
  ['authenticator data bytes', { authenticatorData: (data) => Buffer.concat([data, Buffer.of(1)]) }, ['rest']],
  ['id', { id: other }, ['json.id']],
  ['id, missing', { id: undefined }, ['json.id']],
  ['rawId', { rawId: other }, ['json.rawId']],
  ['rawId, a number', { rawId: 5 }, ['json.rawId']],
  ['authenticatorAttachment', { authenticatorAttachment: 'implanted' }, ['json.authenticatorAttachment']],
  ['authenticatorAttachment, missing', { authenticatorAttachment: undefined }, ['json.authenticatorAttachment']],
  ['clientExtensionResults', { clientExtensionResults: [] }, ['json.clientExtensionResults']],
];

describe('a bend of an assertion changes exactly what it names, and what is signed stays signed', () => {
  const { passkey, registration } = registered.ES256;
  const genuine = readAssertion(passkey.clone().authenticate(request));

  it.each<[string, AuthenticationBend, string[]]>([
    ...sharedBends,
    ['AT', { flags: { AT: true } }, ['flag.AT']],
    ['userHandle', { userHandle: other }, ['json.response.userHandle']],
    ['userHandle, missing', { userHandle: undefined }, ['json.response.userHandle']],
    ['userHandle, null', { userHandle: null }, ['json.response.userHandle']],
    ['type in JSON', { answer: (json) => ({ ...json, type: 'password' }) }, ['json.type']],
  ])('%s', (_name, bend, leaves) => {
    const answer = passkey.clone().authenticate(request, bend);
    expect(difference(genuine, readAssertion(answer))).toEqual(withRawBytes(leaves));
    expect(signatureIsValid(answer, registration)).toBe(true);
  });
});

describe('a bend of an assertion after signing makes the signature invalid', () => {
  const { passkey, registration } = registered.ES256;
  const genuine = readAssertion(passkey.clone().authenticate(request));

  it.each<[string, AuthenticationBend, string[]]>([
    ['client data', { afterSigning: { clientDataJSON: appended(' ') } }, ['clientDataJSON']],
    [
      'client data, another origin',
      { afterSigning: { clientDataJSON: replaced(origin, 'https://evil.example') } },
      ['client.origin'],
    ],
    ['flag UV', { flags: { UV: false }, afterSigning: { authenticatorData: withFlags(0x1d) } }, []],
    ['flag UP', { afterSigning: { authenticatorData: flipBit(32) } }, ['flag.UP']],
    ['the counter', { afterSigning: { authenticatorData: flipBit(36) } }, ['signCount']],
    ['the RP ID hash', { afterSigning: { authenticatorData: flipBit(0) } }, ['rpIdHash']],
    ['one bit of the signature', { signature: flipBit(-1) }, []],
    ['a truncated signature', { signature: (bytes) => bytes.subarray(0, -1) }, []],
    ['an empty signature', { signature: new Uint8Array() }, []],
    ['r = s = 0', { signature: zeroSignature }, []],
    ['r and s without DER', { signature: rawSignature }, []],
    ['SHA-1', { signature: sha1Signature }, []],
  ])('%s', (_name, bend, leaves) => {
    const answer = passkey.clone().authenticate(request, bend);
    expect(difference(genuine, readAssertion(answer))).toEqual(withRawBytes(leaves));
    expect(signatureIsValid(answer, registration)).toBe(false);
  });

  it('RS1, which is a good signature of another algorithm', () => {
    const rsa = registered.RS256;
    const answer = rsa.passkey.clone().authenticate(request, { signature: sha1Signature });
    expect(signatureIsValid(answer, rsa.registration)).toBe(false);
    expect(signatureIsValid(answer, rsa.registration, 'sha1')).toBe(true);
  });

  it('an assertion for the same id by another key', () => {
    const { algorithm, credentialId, userHandle } = passkey.toJSON();
    const impostor = createSoftwarePasskey({
      origin,
      algorithm,
      credentialId,
      rpId,
      userHandle,
      signCount: 7,
    });
    const answer = impostor.authenticate(request);
    expect(difference(genuine, readAssertion(answer))).toEqual([]);
    expect(signatureIsValid(answer, registration)).toBe(false);
  });
});

describe('a bend of a registration changes exactly what it names', () => {
  const { passkey, registration } = registered.ES256;
  const genuine = readRegistration(registration);
  const longId = randomBytes(1024);

  it.each<[string, RegistrationBend, string[]]>([
    ...sharedBends,
    ['AT', { flags: { AT: false } }, ['flag.AT']],
    ['aaguid', { aaguid: Buffer.alloc(16, 7) }, ['aaguid']],
    ['the attested credential id', { credentialId: flipBit(0) }, ['credentialId']],
    ['the attested credential id, 1,023 bytes', { credentialId: longId.subarray(1) }, ['credentialId']],
    ['the attested credential id, 1,024 bytes', { credentialId: longId }, ['credentialId']],
    ['the attested credential id, empty', { credentialId: new Uint8Array() }, ['credentialId']],
    ['a point off the curve', { publicKey: pointOffCurve }, ['coseKey.-3']],
    ['a declared algorithm', { publicKey: declaredAlgorithm(-65535) }, ['coseKey.3']],
    [
      'a public key without y',
      { publicKey: (key) => new Map([...key].filter(([label]) => label !== -3)) },
      ['coseKey.-3'],
    ],
    [
      'a public key in raw bytes',
      { publicKey: encodeCbor(new Map([[1, 2]])) },
      ['coseKey.3', 'coseKey.-1', 'coseKey.-2', 'coseKey.-3'],
    ],
    ['fmt', { fmt: 'packed' }, ['fmt']],
    ['fmt, a number', { fmt: 1 }, ['fmt']],
    ['fmt, null', { fmt: null }, ['fmt']],
    ['attStmt', { attStmt: new Map([['alg', -7]]) }, ['attStmt']],
    ['attestation object bytes', { attestationObject: (bytes) => replaced('none', 'nine')(bytes) }, ['fmt']],
    ['transports', { transports: ['junk'] }, ['json.response.transports']],
    ['transports, missing', { transports: undefined }, ['json.response.transports']],
    [
      'publicKeyAlgorithm in JSON',
      { answer: withResponse({ publicKeyAlgorithm: -8 }) },
      ['json.response.publicKeyAlgorithm'],
    ],
  ])('%s', (_name, bend, leaves) => {
    const answer = passkey.clone().register(creation, bend);
    expect(difference(genuine, readRegistration(answer))).toEqual(withRawBytes(leaves));
  });

  it('sends CBOR that is nested too deep, byte for byte', () => {
    const nested = Buffer.alloc(5000, 0x81);
    const answer = passkey.clone().register(creation, { attestationObject: nested });
    expect(hex(answer.response.attestationObject)).toBe(nested.toString('hex'));
  });

  it('makes a point that no library takes for a key', () => {
    const { x, y } = keyOf(readRegistration(passkey.clone().register(creation, { publicKey: pointOffCurve })));
    expect(() => createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })).toThrow();
  });

  it('hands out whatever the last word says', () => {
    expect(passkey.clone().register(creation, { answer: () => null })).toBeNull();
  });
});

describe('the CBOR that it writes', () => {
  it.each([
    ['whole numbers', [0, 23, 24, 255, 256, 65535, 65536, 4294967295, -1, -24, -25, -257, -65535]],
    ['text and bytes', ['', 'é', 'x'.repeat(300), new Uint8Array(), new Uint8Array(70000)]],
    ['simple values', [true, false, null]],
    [
      'arrays and maps',
      [
        [[], [1, [2]]],
        new Map<string | number, number[]>([
          ['a', [1]],
          [-3, []],
        ]),
      ],
    ],
  ])('is read by another reader: %s', (_name, values) => {
    for (const value of values) expect(isoCBOR.decodeFirst(Uint8Array.from(encodeCbor(value)))).toEqual(value);
  });

  it.each([1.5, Number.NaN, 2 ** 32, -(2 ** 32) - 1])('holds whole numbers of 32 bits, not %d', (number) => {
    expect(() => encodeCbor(number)).toThrow(RangeError);
  });
});

function verifyRegistration(response: RegistrationResponseJSON) {
  return verifyRegistrationResponse({
    response,
    expectedChallenge: creation.challenge,
    expectedOrigin: origin,
    expectedRPID: rpId,
    supportedAlgorithmIDs: Object.values(algorithms),
  });
}

function verifyAuthentication(
  response: AuthenticationResponseJSON,
  credential: Parameters<typeof verifyAuthenticationResponse>[0]['credential'],
) {
  return verifyAuthenticationResponse({
    response,
    credential: { ...credential, counter: 0 },
    expectedChallenge: request.challenge,
    expectedOrigin: origin,
    expectedRPID: rpId,
  });
}

/** Whether the signature covers what was sent, by the public key of the registration. */
function signatureIsValid(
  answer: AuthenticationResponseJSON,
  { response: { publicKey, publicKeyAlgorithm } }: RegistrationResponseJSON,
  hash = ([algorithms.ES256, algorithms.RS256] as number[]).includes(publicKeyAlgorithm) ? 'sha256' : null,
): boolean {
  const { authenticatorData, clientDataJSON, signature } = answer.response;
  const clientDataHash = createHash('sha256').update(fromBase64url(clientDataJSON)).digest();
  const signed = Buffer.concat([fromBase64url(authenticatorData), clientDataHash]);
  return verify(hash, signed, { key: fromBase64url(publicKey), format: 'der', type: 'spki' }, fromBase64url(signature));
}

type Leaves = Record<string, unknown>;

/** Every member, field, flag and byte of an assertion under its own name; all but the signature, which is random. */
function readAssertion(answer: AuthenticationResponseJSON): Leaves {
  const { response, ...json } = answer;
  const { clientDataJSON, authenticatorData, signature: _, ...rest } = response;
  return {
    ...prefixed('json', json),
    ...prefixed('json.response', rest),
    ...readClientData(clientDataJSON),
    ...readAuthenticatorData(fromBase64url(authenticatorData), false),
  };
}

/** Every member, field, flag and byte of a registration under its own name. */
function readRegistration(answer: RegistrationResponseJSON): Leaves {
  const { response, ...json } = answer;
  const { clientDataJSON, attestationObject, authenticatorData: copy, ...rest } = response;
  const read = isoCBOR.decodeFirst<Map<string, unknown>>(Uint8Array.from(fromBase64url(attestationObject)));
  const authenticatorData = Buffer.from(read.get('authData') as Uint8Array);
  expect(hex(copy)).toBe(authenticatorData.toString('hex'));
  return {
    ...prefixed('json', json),
    ...prefixed('json.response', rest),
    ...readClientData(clientDataJSON),
    ...readAuthenticatorData(authenticatorData, true),
    fmt: read.get('fmt'),
    attStmt: JSON.stringify([...(read.get('attStmt') as Map<string, unknown>)]),
  };
}

function readClientData(base64url: string): Leaves {
  const bytes = fromBase64url(base64url);
  const raw = { clientDataJSON: bytes.toString('hex') };
  try {
    const read: unknown = JSON.parse(bytes.toString());
    return Array.isArray(read) ? { ...raw, client: read } : { ...raw, ...prefixed('client', read as object) };
  } catch {
    return { ...raw, client: 'no JSON' };
  }
}

function readAuthenticatorData(data: Buffer, attested: boolean): Leaves {
  const flags = data.readUInt8(32);
  const fields: Leaves = {
    authenticatorData: data.toString('hex'),
    rpIdHash: data.toString('hex', 0, 32),
    signCount: data.readUInt32BE(33),
  };
  ['UP', 'RFU1', 'UV', 'BE', 'BS', 'RFU2', 'AT', 'ED'].forEach((flag, bit) => {
    fields[`flag.${flag}`] = (flags >> bit) & 1;
  });
  if (!attested) return { ...fields, rest: data.toString('hex', 37) };
  const keyAt = 55 + data.readUInt16BE(53);
  const key = isoCBOR.decodeFirst<Map<number, number | Uint8Array>>(Uint8Array.from(data.subarray(keyAt)));
  for (const [label, value] of key) {
    fields[`coseKey.${label}`] = typeof value === 'number' ? value : Buffer.from(value).toString('hex');
  }
  return {
    ...fields,
    aaguid: data.toString('hex', 37, 53),
    credentialId: data.toString('hex', 55, keyAt),
    rest: data.toString('hex', keyAt + isoCBOR.encode(key).length),
  };
}

/** The names of the leaves that are not the same in both. */
function difference(one: Leaves, two: Leaves): string[] {
  const leaves = new Set([...Object.keys(one), ...Object.keys(two)]);
  return [...leaves].filter((leaf) => JSON.stringify(one[leaf]) !== JSON.stringify(two[leaf])).sort();
}

/** A leaf inside client data or authenticator data cannot differ unless the raw bytes that hold it do. */
function withRawBytes(leaves: string[]): string[] {
  const all = new Set(leaves);
  for (const leaf of leaves) {
    if (/^client/.test(leaf)) all.add('clientDataJSON');
    if (/^(flag|coseKey)\.|^(rpIdHash|signCount|aaguid|credentialId|rest)$/.test(leaf)) all.add('authenticatorData');
  }
  return [...all].sort();
}

function clientMembers(): string[] {
  return ['type', 'challenge', 'origin', 'crossOrigin'].map((member) => `client.${member}`);
}

function keyOf(read: Leaves): { x: string; y: string } {
  const [x, y] = [-2, -3].map((label) => Buffer.from(read[`coseKey.${label}`] as string, 'hex').toString('base64url'));
  return { x: x!, y: y! };
}

function prefixed(prefix: string, object: object): Leaves {
  return Object.fromEntries(Object.entries(object).map(([member, value]) => [`${prefix}.${member}`, value]));
}

function appended(text: string) {
  return (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from(text)]);
}

function replaced(text: string, by: string) {
  return (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString('latin1').replace(text, by), 'latin1');
}

function withFlags(flags: number) {
  return (bytes: Uint8Array) => bytes.with(32, flags);
}

function withResponse(members: object) {
  return (json: RegistrationResponseJSON) => ({ ...json, response: { ...json.response, ...members } });
}

function fromBase64url(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

function hex(base64url: string): string {
  return fromBase64url(base64url).toString('hex');
}

async function signInAnotherProcess(passkey: string, options: string): Promise<AuthenticationResponseJSON> {
  const source = new URL('../../packages/testing/src/index.ts', import.meta.url).href;
  const script = `
    const { createSoftwarePasskey } = await import(${JSON.stringify(source)});
    const [passkey, options] = process.argv.slice(1).map((text) => JSON.parse(text));
    console.log(JSON.stringify(createSoftwarePasskey(passkey).authenticate(options)));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--conditions=latchkey-source',
    '--input-type=module',
    '-e',
    script,
    passkey,
    options,
  ]);
  return JSON.parse(stdout) as AuthenticationResponseJSON;
}
