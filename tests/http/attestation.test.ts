/** What banks ask for: passkeys whose maker vouches for the model, judged without a network. */
// @peculiar/x509 must find it.
import 'reflect-metadata';
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AttestationOptions, memoryStore } from '@latchkey/core';
import {
  createSoftwarePasskey,
  flipBit,
  openSite,
  packedAttestation,
  type RegistrationBend,
  type Reply,
  type Site,
  type SiteOptions,
} from '@latchkey/testing';
import { Extension, KeyUsageFlags } from '@peculiar/x509';
import { SettingsService } from '@simplewebauthn/server';
import { getCertificateInfo } from '@simplewebauthn/server/helpers';
import { expect, onTestFinished, test } from 'vitest';
import { certificateExtensions } from '../../packages/core/src/webauthn/certificates.ts';
import {
  AAGUID_EXTENSION,
  androidKeyExtensions,
  attester,
  type Certified,
  certify,
  certifyIntermediate,
  certifyRoot,
  metadataBlob,
} from './attestation-makers.ts';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const MODEL = '8f3b1a52-6d1c-4c57-9f0e-3f1d2a7b9c10';
const OTHER_MODEL = '11111111-2222-4333-8444-555555555555';
const DAY = 86_400_000;

async function open(options: SiteOptions): Promise<Site> {
  const site = await openSite({ mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord }, options);
  onTestFinished(() => site.close());
  return site;
}

/** A site with this policy of attestation, where nothing else can be the reason to refuse. */
const demanding = (attestation: Omit<AttestationOptions, 'conveyance'>, options: SiteOptions = {}) =>
  open({ ...options, policy: { attestation: { conveyance: 'direct', ...attestation } } });

/** Signs up with a new passkey of this model. */
async function signUp(site: Site, bend: RegistrationBend, aaguid = MODEL): Promise<Reply> {
  const agent = site.agent();
  const { attemptId, publicKey } = (await agent.post('/registration/options', { username: crypto.randomUUID() })).json;
  expect(publicKey.attestation).toBe('direct');
  const credential = createSoftwarePasskey({ origin: site.origin, aaguid }).register(publicKey, bend);
  return agent.post('/registration/verify', { attemptId, credential });
}

async function expectAccepted(site: Site, bend: RegistrationBend, aaguid = MODEL) {
  const before = site.accounts.size;
  const reply = await signUp(site, bend, aaguid);
  expect([reply.status, site.accounts.size]).toEqual([201, before + 1]);
  expect(site.records.at(-1)).toMatchObject({
    outcome: 'success',
    policy: { decision: 'allow', failedRule: null, requirements: ['attestation'] },
    credential: { aaguid },
  });
}

async function expectRefused(site: Site, bend: RegistrationBend, aaguid = MODEL) {
  const [accounts, records] = [site.accounts.size, site.records.length];
  const reply = await signUp(site, bend, aaguid);
  expect([reply.status, reply.json.code]).toEqual([400, 'registration_failed']);
  expect([site.accounts.size, site.records.length]).toEqual([accounts, records + 1]);
  expect(site.records.at(-1)).toMatchObject({
    outcome: 'failure',
    reason: 'attestation_refused',
    attempt: { stage: 'policy' },
    policy: { decision: 'deny', failedRule: 'attestation', requirements: ['attestation'] },
  });
}

const root = await certifyRoot();
const leaf = await certify({ issuer: root, aaguid: MODEL });
const genuine = packedAttestation(attester(leaf));

/** A signer of metadata, under a root of its own. */
const fido = await certifyRoot();
const publisher = await certify({ subject: 'CN=metadata.example', issuer: fido });
const metadataRoots = [fido.pem];
const metadata = (...statuses: string[]) =>
  metadataBlob([{ aaguid: MODEL, roots: [root], ...(statuses.length > 0 && { statuses }) }], [publisher, fido]);

test('asks for nothing and claims nothing by default', async () => {
  const site = await open({});
  const { publicKey } = (await site.agent().post('/registration/options', { username: 'ada' })).json;
  expect(publicKey.attestation).toBe('none');
  await site.agent().signUp('ada');
  expect(site.records.at(-1)!.policy.requirements).toEqual([]);
});

test('accepts an attestation that leads to a root of the application', async () => {
  const site = await demanding({ roots: [(await certifyRoot()).pem, root.pem] });
  await expectAccepted(site, genuine);
  await expectAccepted(site, packedAttestation(attester(leaf, root)));
  await expectAccepted(site, packedAttestation(attester(await certify({ issuer: root }))), OTHER_MODEL);
});

test('accepts an attestation through intermediates, in their order', async () => {
  const site = await demanding({ roots: [root.pem] });
  const upper = await certifyIntermediate(root, { subject: 'CN=Upper', ca: 1 });
  const lower = await certifyIntermediate(upper, { subject: 'CN=Lower', ca: 0 });
  const last = await certify({ issuer: lower, aaguid: MODEL });
  await expectAccepted(site, packedAttestation(attester(last, lower, upper)));
  await expectAccepted(site, packedAttestation(attester(last, lower, upper, root)));
  await expectRefused(site, packedAttestation(attester(last, upper, lower)));
  await expectRefused(site, packedAttestation(attester(last, lower)));
  await expectRefused(site, packedAttestation(attester(last)));
});

test('accepts a root that is an intermediate, or the attestation’s own certificate', async () => {
  const intermediate = await certifyIntermediate(root);
  const last = await certify({ issuer: intermediate, aaguid: MODEL });
  const site = await demanding({ roots: [intermediate.pem] });
  await expectAccepted(site, packedAttestation(attester(last)));
  await expectAccepted(await demanding({ roots: [last.pem] }), packedAttestation(attester(last, intermediate)));
});

test('accepts the roots that signed metadata names for the model, and for no other model', async () => {
  const site = await demanding({ metadata: metadata(), metadataRoots });
  await expectAccepted(site, genuine);
  const unlisted = await certify({ issuer: root, aaguid: OTHER_MODEL });
  await expectRefused(site, packedAttestation(attester(unlisted)), OTHER_MODEL);
  const elsewhere = await certifyRoot();
  const impostor = await certify({ issuer: elsewhere, aaguid: MODEL });
  await expectRefused(site, packedAttestation(attester(impostor)));

  const both = await demanding({ metadata: metadata(), metadataRoots, roots: [elsewhere.pem] });
  await expectAccepted(both, genuine);
  await expectAccepted(both, packedAttestation(attester(impostor)));
});

test.each(['REVOKED', 'ATTESTATION_KEY_COMPROMISE', 'USER_KEY_REMOTE_COMPROMISE', 'USER_VERIFICATION_BYPASS'])(
  'refuses a model that metadata reports as %s, whatever root it leads to and whatever was reported later',
  async (status) => {
    const reported = metadata('FIDO_CERTIFIED_L1', status, 'UPDATE_AVAILABLE');
    const site = await demanding({ metadata: reported, metadataRoots, roots: [root.pem] });
    await expectRefused(site, genuine);
  },
);

test('refuses what is not attested at all', async () => {
  const site = await demanding({ roots: [root.pem] });
  await expectRefused(site, {});
  await expectRefused(site, packedAttestation());
  await expectRefused(site, { fmt: 'trust-me' });
});

test.each([
  ['android-key', 'android-key', packedAttestation().attStmt],
  ['android-safetynet', 'android-safetynet', packedAttestation().attStmt],
  ['apple', 'apple', packedAttestation().attStmt],
  ['compound', 'compound', [new Map([['fmt', 'packed']])]],
  ['other', 'None', new Map()],
  ['other', 7, new Map()],
] as const)(
  'refuses every format that is not verified offline, and names it in the record: %s',
  async (format, fmt, attStmt) => {
    const site = await demanding({ roots: [root.pem] });
    await expectRefused(site, { fmt, attStmt: attStmt! });
    expect(site.records.at(-1)!.credential.attestationFormat).toBe(format);
  },
);

test('refuses a statement that is signed by another key or over other data', async () => {
  const site = await demanding({ roots: [root.pem] });
  const stranger = await certify({});
  await expectRefused(site, packedAttestation({ ...attester(leaf), privateKey: stranger.privateKey }));
  const { attStmt } = genuine;
  await expectRefused(site, {
    fmt: 'packed',
    attStmt: ({ bytes, privateKey }) =>
      typeof attStmt === 'function' ? attStmt({ bytes: flipBit(-1)(bytes), privateKey }) : null,
  });
});

test('refuses a root that is not configured, its own claim to be one included', async () => {
  const site = await demanding({ roots: [root.pem] });
  const unknown = await certifyRoot();
  const last = await certify({ issuer: unknown, aaguid: MODEL });
  await expectRefused(site, packedAttestation(attester(last)));
  await expectRefused(site, packedAttestation(attester(last, unknown)));
  await expectRefused(site, packedAttestation(attester(await certify({ aaguid: MODEL }))));
});

test('refuses a certificate in the name of a root that the root has not signed', async () => {
  const site = await demanding({ roots: [root.pem] });
  const forger = await certifyRoot({ subject: root.subject });
  await expectRefused(site, packedAttestation(attester(await certify({ issuer: forger, aaguid: MODEL }))));
  await expectRefused(
    site,
    packedAttestation(attester(await certify({ issuer: forger, aaguid: MODEL }), forger, root)),
  );
  const signed = await certify({ issuer: { ...root, subject: 'CN=Another name' }, signedBy: root });
  await expectRefused(site, packedAttestation(attester(signed)));
  await expectRefused(site, packedAttestation(attester(signed, root)));
});

test('refuses a certificate with a genuine one written inside it, which a reader of PEM would find first', async () => {
  const site = await demanding({ roots: [root.pem] });
  const inside = new Extension('1.2.3.4', false, Buffer.from(`\n${leaf.pem}\n`));
  await expectRefused(site, packedAttestation(attester(await certify({ aaguid: MODEL, extensions: [inside] }))));
  const pinned = await demanding({ roots: [leaf.pem] });
  await expectRefused(pinned, packedAttestation(attester(await certify({ aaguid: MODEL, extensions: [inside] }))));
});

test('refuses an issuer that is no CA, may not sign certificates, or stands too far up', async () => {
  const site = await demanding({ roots: [root.pem] });
  const under = async (issuer: Certified, ...rest: Certified[]) =>
    packedAttestation(attester(await certify({ issuer, aaguid: MODEL }), issuer, ...rest));
  await expectAccepted(site, await under(await certifyIntermediate(root)));
  // An authenticator's own key signs for another one.
  await expectRefused(site, await under(leaf));
  await expectRefused(site, await under(await certifyIntermediate(root, { ca: false })));
  await expectRefused(site, await under(await certifyIntermediate(root, { keyUsage: KeyUsageFlags.digitalSignature })));
  // Its own CA allows it no CA below.
  const narrow = await certifyIntermediate(root, { subject: 'CN=Narrow', ca: 0 });
  await expectRefused(site, await under(await certifyIntermediate(narrow, { subject: 'CN=Below' }), narrow));
});

test('an authenticator’s own certificate as a root accepts itself, and issues nothing', async () => {
  const site = await demanding({ roots: [leaf.pem] });
  await expectAccepted(site, genuine);
  await expectRefused(site, packedAttestation(attester(await certify({ issuer: leaf, aaguid: MODEL }))));
});

test('of a root its name and key count: makers publish roots that do not say they are CAs, and roots that have expired', async () => {
  // FIDO's metadata names such roots: WiSECURE AuthTron (empty basic constraints), OCTATCO EzFinger2 (expired in 2026).
  const silent = await certifyRoot({ ca: false });
  const expired = await certifyRoot({ days: [-1_000, -10] });
  for (const anchor of [silent, expired]) {
    const last = await certify({ issuer: anchor, aaguid: MODEL });
    const both = { metadata: metadataBlob([{ aaguid: MODEL, roots: [anchor] }], [publisher, fido]), metadataRoots };
    for (const policy of [{ roots: [anchor.pem] }, both]) {
      const site = await demanding(policy);
      await expectAccepted(site, packedAttestation(attester(last)));
      await expectAccepted(site, packedAttestation(attester(last, anchor)));
    }
    const forger = await certifyRoot({ subject: anchor.subject, ca: false });
    const forged = packedAttestation(attester(await certify({ issuer: forger, aaguid: MODEL }), forger));
    await expectRefused(await demanding({ roots: [anchor.pem] }), forged);
  }
});

test('refuses more certificates than a chain has', async () => {
  const site = await demanding({ roots: [root.pem] });
  const chain: Certified[] = [root];
  for (let depth = 0; depth < 5; depth++) {
    chain.unshift(await certifyIntermediate(chain[0]!, { subject: `CN=Level ${depth}`, ca: true }));
  }
  const [, , ...four] = chain.slice(0, -1);
  const of = async (issuers: readonly Certified[]) =>
    packedAttestation(attester(await certify({ issuer: issuers[0]!, aaguid: MODEL }), ...issuers));
  await expectAccepted(site, await of(four));
  await expectRefused(site, await of(chain.slice(0, -1)));
});

test('refuses certificates outside their time, by the server’s own clock', async () => {
  const shortLived = await certifyIntermediate(root, { days: [-1, 10] });
  const pinned = await certify({ issuer: root, aaguid: MODEL, days: [-1, 10] });
  const attestations = [
    [{ roots: [pinned.pem] }, attester(pinned)],
    [{ roots: [root.pem] }, attester(await certify({ issuer: root, aaguid: MODEL, days: [-1, 10] }))],
    [{ roots: [root.pem] }, attester(await certify({ issuer: shortLived, aaguid: MODEL }), shortLived)],
  ] as const;
  for (const [policy, by] of attestations) {
    const site = await demanding(policy);
    await expectAccepted(site, packedAttestation(by));
    site.clock.now += 9 * DAY;
    await expectAccepted(site, packedAttestation(by));
    site.clock.now += 2 * DAY;
    await expectRefused(site, packedAttestation(by));
    site.clock.now -= 13 * DAY;
    await expectRefused(site, packedAttestation(by));
  }
});

test('refuses a certificate with something critical in it that is not understood', async () => {
  const site = await demanding({ roots: [root.pem] });
  const nameConstraints = new Extension('2.5.29.30', true, Buffer.of(0x30, 0x00));
  const constrained = await certifyIntermediate(root, { extensions: [nameConstraints] });
  await expectRefused(
    site,
    packedAttestation(attester(await certify({ issuer: constrained, aaguid: MODEL }), constrained)),
  );
  // WebAuthn §8.2.1: the AAGUID extension must not be critical.
  const aaguid = Buffer.from(`0410${MODEL.replaceAll('-', '')}`, 'hex');
  const critical = await certify({ issuer: root, extensions: [new Extension(AAGUID_EXTENSION, true, aaguid)] });
  await expectRefused(site, packedAttestation(attester(critical)));
});

test('refuses a certificate for another model than authenticator data names', async () => {
  const site = await demanding({ roots: [root.pem] });
  await expectRefused(site, genuine, OTHER_MODEL);
});

test('refuses a certificate that is none for attestation', async () => {
  const site = await demanding({ roots: [root.pem] });
  const server = await certify({ subject: 'C=SE, O=Maker, OU=Web, CN=www.example.com', issuer: root, aaguid: MODEL });
  await expectRefused(site, packedAttestation(attester(server)));
  await expectRefused(site, packedAttestation(attester(await certify({ issuer: root, aaguid: MODEL, ca: true }))));
});

test.each([
  ['an empty list', []],
  ['a text', 'certificates'],
  ['a list of numbers', [1, 2]],
  ['bytes that are no certificate', [Buffer.alloc(500, 0x30)]],
  ['a certificate and bytes that are none', [leaf.der, Buffer.alloc(500, 0x30)]],
] as const)('refuses x5c that is %s', async (_what, x5c) => {
  const site = await demanding({ roots: [(await certifyRoot()).pem] });
  await expectRefused(site, {
    fmt: 'packed',
    attStmt: (signing) => {
      const statement = (genuine.attStmt as (signing: object) => Map<string, never>)(signing);
      return new Map(statement).set('x5c', x5c as never);
    },
  });
});

test('accepts listed models only, and only when they are attested', async () => {
  const site = await demanding({ roots: [root.pem], allow: [MODEL.toUpperCase()] });
  await expectAccepted(site, genuine);
  await expectRefused(site, {});
  await expectRefused(site, packedAttestation());
  const other = packedAttestation(attester(await certify({ issuer: root, aaguid: OTHER_MODEL })));
  await expectRefused(site, other, OTHER_MODEL);
  await expectAccepted(await demanding({ roots: [root.pem] }), other, OTHER_MODEL);
});

test('refuses a passkey that was registered before the policy, and says in the record what policy it was', async () => {
  const before = await open({});
  const passkey = await before.agent().signUp('ada');
  const site = await open({
    users: { find: (id: string) => before.accounts.get(id), isActive: () => true } as never,
    policy: { attestation: { conveyance: 'direct', roots: [root.pem] } },
  });
  const [account] = before.accounts.values();
  const [stored] = await before.store.passkeys.listByUser(account!.id);
  await site.store.passkeys.keepHandle({ userId: account!.id, proposed: stored!.userHandle });
  await site.store.passkeys.insert({ passkey: stored!, max: 20 });
  const reply = await site.agent().signIn(passkey.clone({ origin: site.origin }));
  expect([reply.status, reply.json.code]).toEqual([401, 'authentication_failed']);
  expect(site.records.at(-1)).toMatchObject({
    reason: 'attestation_refused',
    policy: { decision: 'deny', failedRule: 'attestation', requirements: ['attestation'] },
  });
});

test.each([
  ['the model is not listed any more', { roots: [root.pem], allow: [OTHER_MODEL] }],
  ['metadata reports it since', { metadata: metadata('REVOKED'), metadataRoots }],
  ['metadata, and nothing else, does not know it', { metadata: metadataBlob([], [publisher, fido]), metadataRoots }],
] as const)('refuses a passkey that was attested where %s', async (_what, now) => {
  const before: AttestationOptions = { conveyance: 'direct', roots: [root.pem] };
  const policies = [{ attestation: before }, { attestation: { conveyance: 'direct', ...now } as AttestationOptions }];
  let policy: object = policies[0]!;
  const site = await open({ policy: () => policy });
  const agent = site.agent();
  const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
  const passkey = createSoftwarePasskey({ origin: site.origin, aaguid: MODEL });
  const credential = passkey.register(publicKey, genuine);
  expect((await agent.post('/registration/verify', { attemptId, credential })).status).toBe(201);
  expect((await site.agent().signIn(passkey)).status).toBe(200);
  policy = policies[1]!;
  expect((await agent.session()).status).toBe(401);
  expect((await site.agent().signIn(passkey)).status).toBe(401);
  expect(site.records.at(-1)).toMatchObject({ reason: 'attestation_refused', policy: { failedRule: 'attestation' } });
});

test('judges a registration by the policy its options were issued under', async () => {
  const attestation: AttestationOptions = { conveyance: 'direct', roots: [root.pem] };
  const [strict, lenient] = [{ attestation }, {}];
  let policy: object = strict;
  const site = await open({ policy: () => policy });
  const agent = site.agent();
  const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
  policy = lenient;
  const credential = createSoftwarePasskey({ origin: site.origin }).register(publicKey);
  expect((await agent.post('/registration/verify', { attemptId, credential })).status).toBe(400);
  expect(site.records.at(-1)).toMatchObject({ reason: 'attestation_refused', policy: { failedRule: 'attestation' } });
});

test.each([
  ['by default', {}],
  ['under a policy of roots', { policy: { attestation: { conveyance: 'direct', roots: [root.pem] } } }],
] as const)('looks nothing up at addresses in certificates, %s', async (_when, options: SiteOptions) => {
  let visits = 0;
  const server = createServer((_request, response) => {
    visits++;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const list = `http://127.0.0.1:${(server.address() as AddressInfo).port}/revoked.crl`;

  const site = await open(options);
  const agent = site.agent();
  const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'eve' })).json;
  const passkey = createSoftwarePasskey({ origin: site.origin, aaguid: MODEL });
  const { clientDataJSON } = passkey.register(publicKey).response;
  const hash = createHash('sha256').update(Buffer.from(clientDataJSON, 'base64url')).digest();
  const key = createPrivateKey({
    key: Buffer.from(passkey.toJSON().privateKey, 'base64url'),
    format: 'der',
    type: 'pkcs8',
  });
  const [ec, usage] = [{ name: 'ECDSA', namedCurve: 'P-256' }, ['sign', 'verify'] as const];
  const keys = {
    privateKey: key.toCryptoKey(ec, true, [usage[0]]),
    publicKey: createPublicKey(key).toCryptoKey(ec, true, [usage[1]]),
  } as CryptoKeyPair;
  const own = await certifyRoot();
  const android = await certify({ issuer: own, keys, extensions: androidKeyExtensions(hash, list) });
  const { attStmt } = packedAttestation(attester(android, own));
  const credential = passkey.register(publicKey, { fmt: 'android-key', attStmt: attStmt! });
  const reply = await agent.post('/registration/verify', { attemptId, credential });
  const [status, reason] = options.policy ? [400, 'attestation_refused'] : [201, null];
  expect([reply.status, site.records.at(-1)!.reason, visits]).toEqual([status, reason, 0]);
});

const WRONG: readonly (readonly [what: string, attestation: unknown, names: string, advises: string])[] = [
  ['a word', 'direct', 'policy.attestation: ', "'none'"],
  [
    'another conveyance',
    { conveyance: 'enterprise', roots: [root.pem] },
    'policy.attestation: ',
    "conveyance: 'direct'",
  ],
  ['no roots', { conveyance: 'direct' }, 'policy.attestation.roots: ', 'proves nothing'],
  ['an empty list of roots', { conveyance: 'direct', roots: [] }, 'policy.attestation.roots: ', 'metadata'],
  ['a root that is no list', { conveyance: 'direct', roots: root.pem }, 'policy.attestation.roots: ', 'list'],
  ['a root that is no certificate', { conveyance: 'direct', roots: ['x'] }, 'policy.attestation.roots[0]: ', 'PEM'],
  [
    'a bundle of roots',
    { conveyance: 'direct', roots: [root.pem, `${root.pem}\n${leaf.pem}`] },
    'policy.attestation.roots[1]: ',
    'one certificate',
  ],
  [
    'an AAGUID that is none',
    { conveyance: 'direct', roots: [root.pem], allow: ['YubiKey'] },
    'policy.attestation.allow: ',
    'AAGUID',
  ],
  [
    'the AAGUID of no model',
    { conveyance: 'direct', roots: [root.pem], allow: [MODEL, '00000000-0000-0000-0000-000000000000'] },
    'policy.attestation.allow: ',
    'models',
  ],
  [
    'nobody allowed',
    { conveyance: 'direct', roots: [root.pem], allow: [] },
    'policy.attestation.allow: ',
    'leave it out',
  ],
  [
    'metadata roots without metadata',
    { conveyance: 'direct', roots: [root.pem], metadataRoots },
    'policy.attestation.metadata: ',
    'metadataRoots',
  ],
  [
    'an empty list of metadata roots',
    { conveyance: 'direct', metadata: metadata(), metadataRoots: [] },
    'policy.attestation.metadataRoots: ',
    'PEM',
  ],
  [
    'metadata that is no text',
    { conveyance: 'direct', metadata: {}, metadataRoots },
    'policy.attestation.metadata: ',
    'mds3.fidoalliance.org',
  ],
  [
    'metadata as bytes',
    { conveyance: 'direct', metadata: Buffer.from(metadata()), metadataRoots },
    'policy.attestation.metadata: ',
    "read the file as 'utf8'",
  ],
  [
    'metadata that is no JWT',
    { conveyance: 'direct', metadata: '{}', metadataRoots },
    'policy.attestation.metadata: ',
    'not a signed JWT',
  ],
  [
    'metadata under another root',
    { conveyance: 'direct', metadata: metadata(), metadataRoots: [root.pem] },
    'policy.attestation.metadata: ',
    'none of the roots',
  ],
  [
    'metadata that FIDO has not signed, by default',
    { conveyance: 'direct', metadata: metadata() },
    'policy.attestation.metadata: ',
    'none of the roots',
  ],
  [
    'metadata with a changed payload',
    {
      conveyance: 'direct',
      metadata: metadata('REVOKED').split('.').with(1, metadata().split('.')[1]!).join('.'),
      metadataRoots,
    },
    'policy.attestation.metadata: ',
    'signature',
  ],
  [
    'metadata without a signature',
    { conveyance: 'direct', metadata: metadata().split('.').with(2, '').join('.'), metadataRoots },
    'policy.attestation.metadata: ',
    'not a signed JWT',
  ],
  ...['none', 'HS256', 'RS256', 'toString'].map(
    (alg) =>
      [
        `metadata that says it is signed with ${alg}`,
        { conveyance: 'direct', metadata: metadataBlob([], [publisher], { header: { alg } }), metadataRoots },
        'policy.attestation.metadata: ',
        'sign',
      ] as const,
  ),
  [
    'metadata with a critical header',
    { conveyance: 'direct', metadata: metadataBlob([], [publisher], { header: { crit: ['b64'] } }), metadataRoots },
    'policy.attestation.metadata: ',
    'not signed with',
  ],
  [
    'metadata without certificates',
    { conveyance: 'direct', metadata: metadataBlob([], [publisher], { header: { x5c: [] } }), metadataRoots },
    'policy.attestation.metadata: ',
    'x5c',
  ],
  [
    'metadata without a nextUpdate',
    { conveyance: 'direct', metadata: metadataBlob([], [publisher], { nextUpdate: 'soon' }), metadataRoots },
    'policy.attestation.metadata: ',
    'nextUpdate',
  ],
];

test.each(WRONG)(
  'a policy of attestation with %s fails at construction and says what to write',
  async (_what, attestation, names, advises) => {
    const opening = open({ policy: { attestation: attestation as AttestationOptions } });
    await expect(opening).rejects.toThrow(names);
    await expect(opening).rejects.toThrow(advises);
  },
);

test('metadata under FIDO’s roots must be in FIDO’s name, and the process cannot change what those roots are', async () => {
  const roots = SettingsService.getRootCertificates({ identifier: 'mds' });
  onTestFinished(() => SettingsService.setRootCertificates({ identifier: 'mds', certificates: roots }));
  const x5c = [new X509Certificate(roots.at(-1)!).raw.toString('base64')];
  const borrowed = metadataBlob([], [publisher], { header: { x5c } });
  await expect(demanding({ metadata: borrowed })).rejects.toThrow('in the name of');

  SettingsService.setRootCertificates({ identifier: 'mds', certificates: metadataRoots });
  await expect(demanding({ metadata: metadata() })).rejects.toThrow('lead to none of the roots');
});

test('the extensions of a certificate are those that the library reads', async () => {
  const root = await certifyRoot();
  const made = [
    root,
    await certifyIntermediate(root),
    await certify({ issuer: root, extensions: androidKeyExtensions(Buffer.alloc(32), 'http://localhost/') }),
  ];
  const published = SettingsService.getRootCertificates({ identifier: 'mds' });
  for (const der of [...made.map(({ der }) => der), ...published.map((pem) => new X509Certificate(pem).raw)]) {
    const { extensions } = getCertificateInfo(Uint8Array.from(der)).parsedCertificate.tbsCertificate;
    const theirs = [...(extensions ?? [])].map(({ extnID, critical, extnValue }) => ({
      id: digitsOf(extnID),
      critical,
      value: Buffer.from(extnValue.buffer),
    }));
    expect(theirs.length).toBeGreaterThan(1);
    expect(certificateExtensions(der)).toEqual(theirs);
  }
});

test('metadata whose signer has expired fails at construction', async () => {
  const expired = await certify({ subject: 'CN=metadata.example', issuer: fido, days: [-20, -10] });
  const blob = metadataBlob([], [expired]);
  const until = new Date(Date.now() - 10 * DAY).toISOString().slice(0, 10);
  await expect(demanding({ metadata: blob, metadataRoots })).rejects.toThrow(`${until} only`);
  // What vouches for every maker's root must be valid itself.
  const old = await certifyRoot({ days: [-1_000, -10] });
  const under = metadataBlob([], [await certify({ subject: 'CN=metadata.example', issuer: old }), old]);
  await expect(demanding({ metadata: under, metadataRoots: [old.pem] })).rejects.toThrow(`${until} only`);
});

test('metadata with a byte order mark and line ends is read, as a download may have them', async () => {
  const site = await demanding({ metadata: `\uFEFF${metadata()}\r\n`, metadataRoots });
  await expectAccepted(site, genuine);
});

/** Every status of FIDO's metadata (MDS 3.1 §3.1.4), and whether it keeps the model out. */
const STATUSES = {
  NOT_FIDO_CERTIFIED: false,
  SELF_ASSERTION_SUBMITTED: false,
  FIDO_CERTIFIED: false,
  FIDO_CERTIFIED_L1: false,
  FIDO_CERTIFIED_L1plus: false,
  FIDO_CERTIFIED_L2: false,
  FIDO_CERTIFIED_L2plus: false,
  FIDO_CERTIFIED_L3: false,
  FIDO_CERTIFIED_L3plus: false,
  FIPS140_CERTIFIED_L1: false,
  UPDATE_AVAILABLE: false,
  RETIRED: false,
  A_STATUS_OF_TOMORROW: false,
  USER_VERIFICATION_BYPASS: true,
  ATTESTATION_KEY_COMPROMISE: true,
  USER_KEY_REMOTE_COMPROMISE: true,
  USER_KEY_PHYSICAL_COMPROMISE: true,
  REVOKED: true,
} as const;

test.each(Object.entries(STATUSES))('a model whose status is %s: kept out is %s', async (status, out) => {
  const site = await demanding({ metadata: metadata(status), metadataRoots });
  await (out ? expectRefused : expectAccepted)(site, genuine);
});

test('metadata that is due for an update is used on, with one warning', async () => {
  const warnings: string[] = [];
  const logger = { info: () => {}, warn: (_: object, text: string) => void warnings.push(text), error: () => {} };
  const due = () => warnings.filter((text) => text.includes('due for an update'));
  const blob = metadataBlob([{ aaguid: MODEL, roots: [root] }], [publisher], {
    nextUpdate: new Date(Date.now() + 5 * DAY),
  });
  const site = await demanding({ metadata: blob, metadataRoots }, { logger });
  await expectAccepted(site, genuine);
  expect(due()).toHaveLength(0);
  site.clock.now += 7 * DAY;
  await expectAccepted(site, genuine);
  await expectAccepted(site, genuine);
  expect(due()).toHaveLength(1);

  const late = metadataBlob([{ aaguid: MODEL, roots: [root] }], [publisher], { nextUpdate: '2026-01-01' });
  await demanding({ metadata: late, metadataRoots }, { logger });
  expect(due().at(-1)).toContain('2026-01-01');
});

/** The content of an object identifier in DER. X.690 §8.19. */
function digitsOf(id: string): string {
  const [first, second, ...arcs] = id.split('.').map(Number) as [number, number, ...number[]];
  const septets = (arc: number): number[] =>
    arc < 128 ? [arc] : [...septets(arc >> 7).map((each) => each | 128), arc & 127];
  return Buffer.from([first * 40 + second, ...arcs].flatMap(septets)).toString('hex');
}
