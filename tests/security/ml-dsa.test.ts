/** Passkeys that sign with ML-DSA (FIPS 204), for those who list it: registered, kept, used and refused as others are. */
import { execFile } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { CoseAlgorithmName } from '@latchkey/core';
import {
  type AuthenticationBend,
  type CborValue,
  type CoseKey,
  createSoftwarePasskey,
  flipBit,
  packedAttestation,
  type RegistrationBend,
  type Signing,
} from '@latchkey/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { kinds, mixed, type OpenKind } from '../http/support/stores.ts';
import { open } from './evidence.ts';

const SETS = [
  { name: 'ML-DSA-44', number: -48, key: 1_312, signature: 2_420 },
  { name: 'ML-DSA-65', number: -49, key: 1_952, signature: 3_309 },
  { name: 'ML-DSA-87', number: -50, key: 2_592, signature: 4_627 },
] as const;
const NAMES = SETS.map(({ name }) => name);
const policy = { algorithms: [...NAMES, 'ES256'] as const satisfies readonly CoseAlgorithmName[] };

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

/** A key of a parameter set, which may say that it is of another. */
function coseKey(name: (typeof NAMES)[number], number: number): CoseKey {
  const { privateKey } = generateKeyPairSync(name.toLowerCase() as 'ml-dsa-44');
  const { pub } = createPublicKey(privateKey).export({ format: 'jwk' });
  return new Map<number, CborValue>([
    [1, 7],
    [3, number],
    [-1, Buffer.from(pub as string, 'base64url')],
  ]);
}

describe.each(SETS)('$name', ({ name, number, key, signature }) => {
  test.each(['Express 5', 'Koa 3', 'Fastify 5'] as const)(
    'signs up, signs in in every mode, steps up, on %s',
    async (framework) => {
      const site = await open({ policy }, { mount: mounts[framework] });
      const agent = site.agent();
      const passkey = createSoftwarePasskey({ origin: site.origin, algorithm: name });
      await agent.signUp('ada', passkey);
      const [stored] = await site.store.passkeys.listByUser([...site.accounts.keys()][0]!);
      expect(stored).toMatchObject({ algorithm: number });
      expect(stored!.publicKey.length).toBeGreaterThan(key);
      for (const mode of ['immediate', 'conditional', 'modal']) {
        expect((await site.agent().signIn(passkey, { mode })).status).toBe(200);
        expect(site.records.at(-1)).toMatchObject({ outcome: 'success', assertion: { signature: 'valid' } });
      }
      expect((await agent.stepUp(passkey, 'pay')).status).toBe(200);
    },
  );

  test('a bent signature, and one for other bytes, by another key, with a context, or of another set is refused', async () => {
    const site = await open({ policy });
    const passkey = createSoftwarePasskey({ origin: site.origin, algorithm: name });
    await site.agent().signUp('ada', passkey);
    const sameSet = name.toLowerCase() as 'ml-dsa-44';
    const bends: readonly AuthenticationBend[] = [
      ...[0, 40, -1].map((at) => ({ signature: flipBit(at) })),
      { signature: (genuine) => genuine.subarray(1) },
      { signature: (genuine) => Buffer.concat([genuine, Buffer.of(0)]) },
      { signature: new Uint8Array() },
      { signature: new Uint8Array(signature) },
      { afterSigning: { authenticatorData: flipBit(-1) } },
      { afterSigning: { clientDataJSON: (json) => Buffer.concat([json, Buffer.from(' ')]) } },
      { signature: (_genuine, { bytes, privateKey: key }) => sign(null, bytes, { key, context: Buffer.from('x') }) },
      { signature: (_genuine, { bytes, privateKey }) => sign(null, sha256(bytes), privateKey) },
      ...([sameSet, 'ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const).map((type) => ({
        signature: (_genuine: Uint8Array, { bytes }: Signing) =>
          sign(null, bytes, generateKeyPairSync(type as 'ml-dsa-44').privateKey),
      })),
    ];
    for (const bend of bends) {
      const agent = site.agent();
      const reply = await agent.signIn(passkey, { bend });
      expect([reply.status, reply.json.code]).toEqual([401, 'authentication_failed']);
      expect(site.records.at(-1)).toMatchObject({ outcome: 'failure', reason: 'signature_invalid' });
      expect((await agent.session()).status).toBe(401);
    }
    expect((await site.agent().signIn(passkey)).status).toBe(200);
  });

  test('a key that no such passkey has is not registered', async () => {
    const site = await open({ policy });
    const genuine = coseKey(name, number);
    const pub = genuine.get(-1) as Uint8Array;
    for (const publicKey of [
      ...SETS.filter((other) => other.name !== name).map((other) => coseKey(other.name, number)),
      ...SETS.filter((other) => other.name !== name).map((other) => new Map(genuine).set(3, other.number)),
      new Map(genuine).set(1, 2),
      new Map(genuine).set(3, -7),
      new Map(genuine).set(-1, pub.subarray(1)),
      new Map(genuine).set(-1, Buffer.concat([pub, Buffer.of(0)])),
      new Map(genuine).set(-1, new Uint8Array()),
      new Map(genuine).set(-1, 'text'),
      new Map([...genuine].filter(([label]) => label !== -1)),
    ]) {
      const reply = await registered(site, { publicKey });
      expect([reply.status, reply.json.code]).toEqual([400, 'registration_failed']);
      expect(site.records.at(-1)).toMatchObject({ outcome: 'failure', reason: 'public_key_invalid' });
    }
    expect(site.accounts.size).toBe(0);
  });

  test('a registration with self attestation is far under 64 KiB', async () => {
    const site = await open({ policy });
    const passkey = createSoftwarePasskey({ origin: site.origin, algorithm: name });
    expect((await registered(site, packedAttestation(), passkey)).status).toBe(201);
    expect(site.records.at(-1)?.credential.attestationFormat).toBe('packed');
  });

  test('is for those who list it', async () => {
    const site = await open();
    const { publicKey } = (await site.agent().post('/registration/options', { username: 'ada' })).json;
    expect(publicKey.pubKeyCredParams.map(({ alg }: { alg: number }) => alg)).toEqual([-7, -8, -257]);
    const reply = await registered(site, { publicKey: coseKey(name, number) });
    expect([reply.status, site.records.at(-1)?.reason]).toEqual([400, 'algorithm_unsupported']);
  });
});

test('a passkey of one parameter set is not registered where another is listed', async () => {
  const site = await open({ policy: { algorithms: ['ML-DSA-65'] } });
  const { publicKey } = (await site.agent().post('/registration/options', { username: 'ada' })).json;
  expect(publicKey.pubKeyCredParams).toEqual([{ type: 'public-key', alg: -49 }]);
  expect(() => createSoftwarePasskey({ origin: site.origin, algorithm: 'ML-DSA-44' }).register(publicKey)).toThrow(
    /pubKeyCredParams/,
  );
  await registered(site, { publicKey: coseKey('ML-DSA-44', -48) });
  expect(site.records.at(-1)).toMatchObject({ outcome: 'failure', reason: 'algorithm_unsupported' });
});

/** A sign-up with this bend, by whatever the site's policy takes. */
async function registered(
  site: Awaited<ReturnType<typeof open>>,
  bend: RegistrationBend,
  passkey = createSoftwarePasskey({ origin: site.origin }),
) {
  const agent = site.agent();
  const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
  const anything = { ...publicKey, pubKeyCredParams: [-7, -48, -49, -50].map((alg) => ({ type: 'public-key', alg })) };
  const body = { attemptId, credential: passkey.register(anything, bend) };
  expect(JSON.stringify(body).length).toBeLessThan(32_768);
  return agent.post('/registration/verify', body);
}

describe.each([...kinds, mixed])('$name', ({ open: openKind }) => {
  let opened: OpenKind;
  beforeAll(async () => {
    opened = await openKind();
  });
  afterAll(() => opened?.close());

  test('holds a key of 2,592 bytes', async () => {
    const site = await open({ policy }, { store: () => opened.store });
    const passkey = createSoftwarePasskey({ origin: site.origin, algorithm: 'ML-DSA-87' });
    const agent = site.agent();
    await agent.signUp('ada', passkey);
    const [stored] = await site.store.passkeys.listByUser([...site.accounts.keys()][0]!);
    const { pub } = createPublicKey({
      key: Buffer.from(passkey.clone().register(CREATION).response.publicKey, 'base64url'),
      format: 'der',
      type: 'spki',
    }).export({ format: 'jwk' });
    expect(Buffer.from(stored!.publicKey).includes(Buffer.from(pub as string, 'base64url'))).toBe(true);
    expect((await site.agent().signIn(passkey)).status).toBe(200);
    expect((await agent.stepUp(passkey)).status).toBe(200);
  });
});

const CREATION = {
  rp: { id: 'localhost', name: 'Site' },
  user: { id: 'AA', name: 'ada', displayName: 'Ada' },
  challenge: 'AA',
  pubKeyCredParams: [{ type: 'public-key', alg: -50 }],
};

/** A runtime as Node.js 22 is: its OpenSSL knows no key of type AKP, and says so in these words. */
const WITHOUT_ML_DSA = `
  import crypto from 'node:crypto';
  import { syncBuiltinESMExports } from 'node:module';
  const { createPublicKey } = crypto;
  crypto.createPublicKey = (input) => {
    if (input?.key?.kty !== 'AKP') return createPublicKey(input);
    throw Object.assign(new TypeError("The property 'key.kty' must be one of: 'RSA', 'EC', 'OKP'."), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  };
  syncBuiltinESMExports();`;

test('a runtime without ML-DSA refuses to start with it, and says what to do', async () => {
  const program = `
    import { createPasskeys, memoryStore } from '@latchkey/core';
    const rp = { id: 'example.com', name: 'Example', origins: ['https://example.com'] };
    const start = (algorithms) => {
      try {
        createPasskeys({ rp, users: { find: () => undefined }, store: memoryStore(), sweepEvery: false, policy: { algorithms } });
        return 'started';
      } catch (thrown) {
        return thrown.name + ': ' + thrown.message;
      }
    };
    console.log(JSON.stringify([start(['ES256']), start(['ES256', 'ML-DSA-65'])]));`;
  const run = async (preload: string) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        '--conditions=latchkey-source',
        '--disable-warning=ExperimentalWarning',
        `--import=data:text/javascript,${encodeURIComponent(preload)}`,
        '--input-type=module',
        `--eval=${program}`,
      ],
      { cwd: new URL('..', import.meta.url) },
    );
    return JSON.parse(stdout);
  };
  expect(await run('')).toEqual(['started', 'started']);
  const [without, withIt] = await run(WITHOUT_ML_DSA);
  expect(without).toBe('started');
  expect(withIt).toMatch(
    /^ConfigurationError: .*policy\.algorithms.*ML-DSA-65.*Node\.js 24\.7 or newer, or leave it out/s,
  );
});
