/** What the guides in docs promise about HTTP and no other test shows. */
import type { IncomingMessage } from 'node:http';
import { ConfigurationError, createPasskeys, memoryStore, type User } from '@latchkey/core';
import { NOT_USED, openSite, type SiteOptions, USED } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const open = (options: SiteOptions = {}) =>
  openSite({ mount: mounts['Express 5'], store: memoryStore, onRecord: assertValidRecord }, options);

describe('docs/other-domains.md', () => {
  const app = 'android:apk-key-hash:UNhY4JhezH9gQYqvDMWrWH9CwlcKiECVqejMrND2VFw';

  test('a native application signs in with an origin that is listed, and with no other', async () => {
    const site = await open({ rp: { appOrigins: [app] } });
    const passkey = await site.agent().signUp('ada');
    const asApp = { headers: { origin: undefined } };
    const client = { uiMode: 'none', immediateGet: false };
    for (const [signed, status, reason] of [
      [app, 200, null],
      [`${app}x`, 401, 'origin_mismatch'],
    ] as const) {
      const agent = site.agent();
      const { attemptId, publicKey } = (await agent.post('/authentication/options', { mode: 'modal', client }, asApp))
        .json;
      const credential = passkey.authenticate(publicKey, { clientData: { origin: signed } });
      const reply = await agent.post('/authentication/verify', { attemptId, credential, client }, asApp);
      expect([reply.status, site.records.at(-1)!.reason, site.records.at(-1)!.rp.origin]).toEqual([
        status,
        reason,
        signed,
      ]);
    }
    await site.close();
  });

  test('a related origin signs in, a subdomain that is not listed does not, and the document names it', async () => {
    const related = 'https://example.co.uk';
    const site = await open({ rp: { relatedOrigins: [related] } });
    const passkey = await site.agent().signUp('ada');
    for (const [origin, status] of [
      [related, 200],
      ['https://www.example.co.uk', 403],
    ] as const) {
      const agent = site.agent();
      const change = { headers: { origin } };
      const options = await agent.post('/authentication/options', { mode: 'modal' }, change);
      expect(options.status).toBe(status);
      if (status !== 200) continue;
      const { attemptId, publicKey } = options.json;
      const credential = passkey.authenticate(publicKey, { clientData: { origin } });
      const body = { attemptId, credential, client: NOT_USED };
      expect((await agent.post('/authentication/verify', body, change)).status).toBe(200);
    }
    expect((await site.agent().request('GET', '/.well-known/webauthn')).json).toEqual({ origins: [related] });
    await site.close();
  });

  test('an origin of another domain among the origins is a wrong option, with what to write instead', () => {
    const wrong = () =>
      createPasskeys({
        rp: { id: 'example.com', name: 'Example', origins: ['https://example.co.uk'] },
        users: { find: () => null },
        store: memoryStore(),
      });
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow(/^rp\.origins\[0\]: .*It is not under rp\.id .*rp\.relatedOrigins/);
  });
});

describe('docs/second-factor.md', () => {
  test('options fetched before the password serve nobody after it; those fetched after it do', async () => {
    let ada: User | undefined;
    const identify = (request: unknown) => ((request as IncomingMessage).headers['x-password'] ? ada : undefined);
    const site = await open({ users: { identify } as never });
    const passkey = await site.agent().signUp('ada');
    [ada] = site.accounts.values();
    const known = { headers: { 'x-password': 'known' } };
    for (const [change, status, reason] of [
      [{}, 400, 'challenge_session_mismatch'],
      [known, 200, null],
    ] as const) {
      const agent = site.agent();
      const { attemptId, publicKey } = (await agent.post('/authentication/options', {}, change)).json;
      const credential = passkey.authenticate(publicKey);
      expect((await agent.request('GET', '/guarded', undefined, known)).status).toBe(401);
      const reply = await agent.post('/authentication/verify', { attemptId, credential, client: USED }, known);
      expect([reply.status, site.records.at(-1)!.reason]).toEqual([status, reason]);
    }
    await site.close();
  });
});
