/**
 * Native applications: the two documents that connect them with the site, checked as the platforms' documentation says, and
 * sign-ins with the origins that the platforms sign.
 *
 * Android: developer.android.com/identity/credential-manager/prerequisites (the statement, the path, the content type) and
 * developer.android.com/identity/sign-in/credential-manager#verify-origin (the origin); developers.google.com/digital-asset-links.
 * Apple: developer.apple.com/documentation/xcode/supporting-associated-domains (the file) and
 * developer.apple.com/documentation/bundleresources/applinks (its members). Apple does not document the signed origin; it is
 * seen in f-23/react-native-passkey issue 26 and corbado/flutter-passkeys issue 199.
 */
import { createHash } from 'node:crypto';
import { createPasskeys, memoryStore, type NativeApp } from '@latchkey/core';
import { createSoftwarePasskey, openSite, type Reply, type SiteOptions } from '@latchkey/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mounts } from './mounts.ts';

const CERTIFICATE = Buffer.from('the certificate that signs the application');
const SHA256 = createHash('sha256').update(CERTIFICATE).digest();
/** As `keytool -list -v` and the Play Console print it. */
const FINGERPRINT = SHA256.toString('hex')
  .toUpperCase()
  .replace(/..(?=.)/g, '$&:');
const ANDROID = { android: { package: 'com.example.app', sha256: FINGERPRINT } } as const;
const APPLE = { apple: 'A1B2C3D4E5.com.example.app' } as const;

type MountName = keyof typeof mounts;

async function open(rp: SiteOptions['rp'], mount: MountName = 'Express 5') {
  const site = await openSite({ mount: mounts[mount], store: memoryStore }, { ...(rp && { rp }) });
  onTestFinished(() => site.close());
  return site;
}

/** What both platforms demand of the answer: 200 at this very address, JSON by its type, no redirect, for anybody. */
function expectPublicJson(reply: Reply): void {
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toBe('application/json');
  expect(reply.headers.get('location')).toBeNull();
  expect(reply.headers.getSetCookie()).toEqual([]);
  // Apple's servers take at most 128 KB, uncompressed.
  expect(reply.text.length).toBeLessThan(128_000);
}

/** A statement list as the Digital Asset Links specification has it, as far as an application is concerned. */
type Statements = readonly {
  readonly relation: readonly string[];
  readonly target: {
    readonly namespace: string;
    readonly package_name: string;
    readonly sha256_cert_fingerprints: string[];
  };
}[];

/** Whether a site's asset links let an application use its passkeys. */
function expectLinked(statements: Statements, { name, fingerprint }: { name: string; fingerprint: string }): void {
  const fitting = statements.filter(({ target }) => target.namespace === 'android_app' && target.package_name === name);
  expect(fitting).toHaveLength(1);
  const { relation, target } = fitting[0]!;
  expect(relation).toContain('delegate_permission/common.get_login_creds');
  expect(relation).toContain('delegate_permission/common.handle_all_urls');
  expect(target.sha256_cert_fingerprints).toContain(fingerprint);
  for (const print of target.sha256_cert_fingerprints) expect(print).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
}

describe.each(Object.keys(mounts) as MountName[])('%s', (mount) => {
  test('serves the documents of its applications, at their addresses and without a session', async () => {
    const site = await open({ apps: [ANDROID, APPLE, { apple: 'A1B2C3D4E5.com.example.other-app' }] }, mount);
    const links = await site.agent().request('GET', '/.well-known/assetlinks.json');
    expectPublicJson(links);
    expectLinked(links.json, { name: 'com.example.app', fingerprint: FINGERPRINT });

    const association = await site.agent().request('GET', '/.well-known/apple-app-site-association');
    expectPublicJson(association);
    expect(association.json).toEqual({
      webcredentials: { apps: ['A1B2C3D4E5.com.example.app', 'A1B2C3D4E5.com.example.other-app'] },
    });
    const head = await site.agent().request('HEAD', '/.well-known/apple-app-site-association');
    expect([head.status, head.text]).toEqual([200, '']);
    expect((await site.agent().request('POST', '/.well-known/assetlinks.json', {})).status).toBe(405);
  });

  test('leaves the documents to the application where it lists no application of that platform', async () => {
    const paths = ['/.well-known/assetlinks.json', '/.well-known/apple-app-site-association'];
    const status = async (rp: SiteOptions['rp']) => {
      const site = await open(rp, mount);
      return Promise.all(paths.map(async (path) => (await site.agent().request('GET', path)).status));
    };
    expect(await status(undefined)).toEqual([404, 404]);
    expect(await status({ apps: [ANDROID] })).toEqual([200, 404]);
    expect(await status({ apps: [APPLE] })).toEqual([404, 200]);
  });
});

test('Android: what the platform signs as origin is accepted, of every certificate that is listed and of no other', async () => {
  const upload = `${'AB:'.repeat(31)}cd`;
  const site = await open({ apps: [{ android: { package: 'com.example.app', sha256: [FINGERPRINT, upload] } }] });
  const links = (await site.agent().request('GET', '/.well-known/assetlinks.json')).json;
  expectLinked(links, { name: 'com.example.app', fingerprint: upload.toUpperCase() });

  const origin = (sha256: Buffer) => `android:apk-key-hash:${sha256.toString('base64url')}`;
  const uploadHash = Buffer.from(upload.replaceAll(':', ''), 'hex');
  for (const signed of [origin(SHA256), origin(uploadHash)]) {
    const passkey = createSoftwarePasskey({ origin: signed });
    // Credential Manager adds the name of the package, and leaves crossOrigin out.
    const bend = { clientData: { androidPackageName: 'com.example.app', crossOrigin: undefined } };
    const agent = site.agent();
    const { attemptId, publicKey } = (await agent.post('/registration/options', { username: crypto.randomUUID() }))
      .json;
    const credential = passkey.register(publicKey, bend);
    expect((await agent.post('/registration/verify', { attemptId, credential })).status).toBe(201);
    expect((await site.agent().signIn(passkey, { mode: 'modal', bend })).status).toBe(200);
    const elsewhere = passkey.clone({ origin: origin(Buffer.alloc(32, 7)) });
    expect((await site.agent().signIn(elsewhere)).status).toBe(401);
    expect(site.records.at(-1)!.reason).toBe('origin_mismatch');
    // One passkey, in the application and on the web.
    expect((await site.agent().signIn(passkey.clone({ origin: site.origin }))).status).toBe(200);
  }
});

test('Apple: the RP ID’s own origin is accepted from a native application, and gives no page any right', async () => {
  const signed = 'https://localhost';
  const passkey = createSoftwarePasskey({ origin: signed });
  const site = await open({ apps: [APPLE] });
  const bend = { clientData: { crossOrigin: undefined } };
  const agent = site.agent();
  const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
  const credential = passkey.register(publicKey, bend);
  // An application sends no Origin: that it may not be a page of this origin is another rule.
  const native = { headers: { origin: undefined } };
  expect((await agent.post('/registration/verify', { attemptId, credential }, native)).status).toBe(201);
  expect((await site.agent().signIn(passkey, { mode: 'modal', bend })).status).toBe(200);
  const page = await site.agent().post('/authentication/options', {}, { headers: { origin: signed } });
  expect([page.status, page.json.code]).toEqual([403, 'origin_not_allowed']);

  const without = await open({ apps: [ANDROID] });
  expect((await without.agent().signIn(passkey)).status).toBe(401);
  expect(without.records.at(-1)!.reason).toBe('origin_mismatch');
});

test.each([
  ['rp.apps', APPLE, 'Write a list'],
  ['rp.apps[0]', [{}], 'Write a list'],
  ['rp.apps[0]', ['com.example.app'], 'Write a list'],
  ['rp.apps[1]', [APPLE, { ...APPLE, ...ANDROID }], 'Write a list'],
  ['rp.apps[0].apple', [{ apple: 'com.example.app' }], 'team id'],
  ['rp.apps[0].apple', [{ apple: 'A1B2C3D4E5.*' }], 'without a wildcard'],
  ['rp.apps[0].apple', [{ apple: 5 }], 'team id'],
  ['rp.apps[0].android.package', [{ android: { ...ANDROID.android, package: 'example' } }], 'com.example.app'],
  ['rp.apps[0].android.package', [{ android: 'com.example.app' }], 'com.example.app'],
  ['rp.apps[0].android.sha256', [{ android: { package: 'com.example.app' } }], 'keytool'],
  ['rp.apps[0].android.sha256', [{ android: { ...ANDROID.android, sha256: [] } }], 'keytool'],
  ['rp.apps[0].android.sha256', [{ android: { ...ANDROID.android, sha256: SHA256.toString('base64url') } }], 'keytool'],
  // SHA-1, which keytool prints a line above.
  ['rp.apps[0].android.sha256', [{ android: { ...ANDROID.android, sha256: FINGERPRINT.slice(0, 59) } }], '32 pairs'],
])('%s: what is wrong in it fails at construction and says what to write', (option, apps, instead) => {
  const make = () =>
    createPasskeys({
      rp: { id: 'example.com', name: 'Site', origins: ['https://example.com'], apps: apps as readonly NativeApp[] },
      users: { find: () => undefined },
      store: memoryStore(),
      sweepEvery: false,
    });
  expect(make).toThrow(expect.objectContaining({ option, message: expect.stringContaining(instead) }));
});
