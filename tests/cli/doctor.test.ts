/** `latchkey doctor`: a good set-up has nothing to complain of, and each thing that is wrong with one is found and named. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStore } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { openSite, type SiteOptions } from '@latchkey/testing';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Finding, judgeClock } from '../../packages/cli/src/checks/finding.ts';
import { checkRpId } from '../../packages/cli/src/checks/rp-id.ts';
import { judgeAddress } from '../../packages/cli/src/checks/site/proxy.ts';
import { recordOf } from '../audit/records.ts';
import { mounts } from '../http/mounts.ts';
import { startRedis } from '../stores/support/database-servers.ts';
import { latchkey, latchkeyJson } from './latchkey.ts';
import { type Meddler, startMeddler } from './meddler.ts';
import { place, SQL_KINDS } from './stores.ts';

const wrong = (findings: readonly Finding[]) =>
  findings.filter(({ severity }) => severity !== 'ok').map(({ check, severity }) => `${severity} ${check}`);

/** A site behind a proxy with TLS, and its store. */
async function siteBehind(meddler: Meddler, rp: SiteOptions['rp'] = {}) {
  const { at, store, migrate } = place('SQLite');
  await migrate();
  const site = await openSite(
    { mount: mounts['Express 5'], store: () => store },
    {
      rp: { origins: [meddler.origin], relatedOrigins: ['https://example.de'], ...rp },
      passkeyEndpoints: { manage: `${meddler.origin}/account` },
    },
  );
  onTestFinished(() => site.close());
  meddler.target = site.origin;
  const env = { NODE_EXTRA_CA_CERTS: meddler.certificate };
  const doctor = (...args: string[]) => latchkeyJson(['doctor', '--site', meddler.origin, ...args], env);
  return { site, at, doctor, env };
}

describe('a site', () => {
  test('that is set up well has nothing to complain of, and is left as it was but for one refused request', async () => {
    const meddler = await startMeddler();
    const { site, at, env } = await siteBehind(meddler);
    meddler.meddle = (_, { headers }) => {
      headers['content-security-policy'] = "default-src 'none'; script-src 'self'; connect-src 'self'";
    };
    const args = [
      'doctor',
      '--site',
      meddler.origin,
      '--rp-id',
      'localhost',
      '--related-origin',
      'https://example.de',
      ...at,
    ];
    const { code, stdout } = await latchkey(args, env);
    expect(stdout.split('\n').filter((line) => /^(info|warning|error)/.test(line))).toEqual([
      expect.stringMatching(/^warning {2}sqlite_journal: /),
      expect.stringMatching(/^warning {2}sqlite_file: /),
    ]);
    for (const check of [
      'https',
      'site_clock',
      'content_security_policy',
      'client',
      'options',
      'cookie',
      'cors',
      'well_known_webauthn',
      'well_known_passkey_endpoints',
      'rp_id',
      'proxy',
      'schema',
    ])
      expect(stdout).toMatch(new RegExp(`^ok {7}${check}: `, 'm'));
    expect(code).toBe(0);
    expect(site.records.map(({ reason, client }) => [reason, client.userAgent])).toEqual([
      ['challenge_missing', expect.stringMatching(/^latchkey-doctor\/\d/)],
    ]);
  });

  test('is told what stands in between does to its answers', async () => {
    const meddler = await startMeddler(5);
    const { doctor } = await siteBehind(meddler);
    meddler.meddle = (path, answer) => {
      const { headers } = answer;
      headers.date = new Date(Date.now() - 3_600_000).toUTCString();
      headers['content-security-policy'] =
        "default-src 'self'; script-src 'none'; connect-src https://elsewhere.example";
      headers['permissions-policy'] = 'publickey-credentials-get=()';
      headers['access-control-allow-origin'] = '*';
      headers['cache-control'] = 'public, max-age=60';
      headers['keep-alive'] = 'timeout=5';
      if (path.endsWith('client.js')) headers['content-type'] = 'text/html';
      if (path.endsWith('passkey-endpoints') || path.endsWith('/webauthn')) answer.status = 404;
      if (headers['set-cookie'] !== undefined)
        headers['set-cookie'] = headers['set-cookie']
          .toString()
          .replace('SameSite=Strict', 'SameSite=None; Domain=localhost');
    };
    const { code, json } = await doctor('--rp-id', 'example.com', '--related-origin', 'https://example.de');
    expect(code).toBe(1);
    expect(wrong(json.findings)).toEqual([
      'warning https',
      'error site_clock',
      // Scripts, and requests.
      'error content_security_policy',
      'error content_security_policy',
      'error permissions_policy',
      'error client',
      'info keep_alive',
      'error rp_id',
      'error cookie',
      'error caching',
      'error cors',
      'error well_known_webauthn',
      'warning well_known_passkey_endpoints',
      'error rp_id',
    ]);
    const cookie = json.findings.find(({ check }: Finding) => check === 'cookie');
    expect(cookie.saw).toContain('SameSite is none, Domain is set');
    const closing = json.findings.find(({ check }: Finding) => check === 'keep_alive');
    expect(closing).toMatchObject({ severity: 'info', saw: 'The site closes connections that are idle for 5 s' });
  });

  test('whose documents are not served is told so', async () => {
    const meddler = await startMeddler();
    const { doctor } = await siteBehind(meddler);
    meddler.meddle = (path, answer) => {
      if (path.startsWith('/.well-known')) Object.assign(answer, { status: 404, body: Buffer.from('nothing') });
    };
    const { code, json } = await doctor('--related-origin', 'https://example.de');
    expect(code).toBe(1);
    expect(wrong(json.findings)).toEqual([
      'info content_security_policy',
      'error well_known_webauthn',
      'warning well_known_passkey_endpoints',
    ]);
    // Warnings alone are an error only to whoever says so.
    expect((await doctor()).code).toBe(0);
    expect((await doctor('--strict')).code).toBe(1);
  });

  test.each<[string, string, (meddler: Meddler) => void, string[]]>([
    ['mounted elsewhere', 'client', () => {}, ['--mount', '/elsewhere']],
    [
      'without its cookie',
      'cookie',
      (meddler) => {
        meddler.meddle = (_, { headers }) => {
          delete headers['set-cookie'];
        };
      },
      [],
    ],
    [
      'redirected',
      'options',
      (meddler) => {
        meddler.meddle = (path, answer) => {
          if (path.endsWith('/options')) Object.assign(answer, { status: 302, body: Buffer.alloc(0) });
        };
      },
      [],
    ],
  ])('that is %s is an error', async (_, check, change, args) => {
    const meddler = await startMeddler();
    const { doctor } = await siteBehind(meddler);
    change(meddler);
    const { code, json } = await doctor(...args);
    expect(code).toBe(1);
    expect(wrong(json.findings)).toContain(`error ${check}`);
  });

  test.each<[number, string, string, string]>([
    [403, 'text/html', 'invalid csrf token', 'CSRF protection first'],
    [401, 'application/json', '{"error":"log in"}', 'CSRF protection first'],
    [200, 'text/html', '<title>App</title>', 'CSRF protection first'],
    [404, 'text/html', 'Cannot POST', 'Mount the router there'],
    [502, 'text/html', 'Bad Gateway', 'look at the proxy'],
    [403, 'application/problem+json', '{"code":"origin_not_allowed"}', 'List this origin in rp.origins'],
  ])('that answers %i with %s is told who answered, and what to do', async (status, type, body, advice) => {
    const meddler = await startMeddler();
    const { doctor } = await siteBehind(meddler);
    meddler.meddle = (path, answer) => {
      if (!path.endsWith('/options')) return;
      Object.assign(answer, { status, body: Buffer.from(body) });
      answer.headers['content-type'] = type;
    };
    const { code, json } = await doctor();
    expect(code).toBe(1);
    const { saw, todo } = json.findings.find(({ check }: Finding) => check === 'options');
    expect(saw).toContain(`answers ${status}`);
    expect(todo).toContain(advice);
    expect(todo.includes('not Latchkey')).toBe(status !== 404 && !type.includes('problem'));
  });

  test('whose certificate nobody knows, or that does not answer, is exit code 3', async () => {
    const meddler = await startMeddler();
    const { code, stdout } = await latchkey(['doctor', '--site', meddler.origin]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^error {4}site: .*self-signed certificate/);
    expect((await latchkey(['doctor', '--site', 'http://localhost:9'])).code).toBe(3);
  });

  test('is judged by the address it records for a request that forges one', () => {
    const judged = (address: string | null, host: string) => judgeAddress(address, host).severity;
    expect(judged('203.0.113.77', 'example.com')).toBe('error');
    expect(judged('203.0.113.77', 'localhost')).toBe('info');
    for (const near of ['127.0.0.1', '::1', '::ffff:10.1.2.3', '172.20.0.3', '192.168.0.9', 'fd00::1']) {
      expect(judged(near, 'example.com'), near).toBe('error');
      expect(judged(near, 'localhost'), near).toBe('ok');
    }
    expect(judged('198.51.100.7', 'example.com')).toBe('ok');
    expect(judged(null, 'example.com')).toBe('warning');
  });
});

describe('apps that share the passkeys', () => {
  const SHA256 = Array.from({ length: 32 }, (_, n) => (n * 7).toString(16).padStart(2, '0').toUpperCase()).join(':');
  const ANDROID = 'com.example.app';
  const APPLE = 'A1B2C3D4E5.com.example.app';
  const LINKS = '/.well-known/assetlinks.json';
  const SITE = '/.well-known/apple-app-site-association';
  const NAMED = ['--android-app', `${ANDROID}=${SHA256}`, '--apple-app', APPLE];

  /** A site whose documents are changed on their way; what doctor says of them. */
  async function judged(meddle: Meddler['meddle'], args: readonly string[] = NAMED) {
    const meddler = await startMeddler();
    const apps = [{ android: { package: ANDROID, sha256: SHA256 } }, { apple: APPLE }];
    const { doctor } = await siteBehind(meddler, { apps });
    meddler.meddle = (path, answer, asked) => {
      // Google's and Apple's servers have none of its cookies.
      if (path.startsWith('/.well-known')) expect(asked.cookie).toBeUndefined();
      meddle(path, answer, asked);
    };
    const { code, json } = await doctor(...args);
    const about = json.findings.filter(({ check }: Finding) => /^(assetlinks|app_site_association)$/.test(check));
    return { code, about, wrong: about.filter(({ severity }: Finding) => severity === 'error') };
  }

  /** Changes one document's answer. */
  const on =
    (document: string, changed: object, headers: Record<string, string | undefined> = {}): Meddler['meddle'] =>
    (path, answer) => {
      if (path !== document) return;
      Object.assign(answer, changed);
      Object.assign(answer.headers, headers);
      for (const [name, value] of Object.entries(headers)) if (value === undefined) delete answer.headers[name];
    };

  /** Changes one document's JSON. */
  const rewrite =
    (document: string, change: (json: never) => unknown): Meddler['meddle'] =>
    (path, answer) => {
      if (path === document)
        answer.body = Buffer.from(JSON.stringify(change(JSON.parse(answer.body.toString()) as never)));
    };
  const inTarget = (change: object) =>
    rewrite(LINKS, (list: [{ target: object }]) =>
      list.map((one) => ({ ...one, target: { ...one.target, ...change } })),
    );

  test('are found in the documents as wellKnown() serves them, and what cannot be seen from here is said', async () => {
    const { code, about } = await judged(() => {});
    expect(about.map(({ check, severity }: Finding) => `${severity} ${check}`)).toEqual([
      'ok assetlinks',
      'info assetlinks',
      'ok app_site_association',
      'info app_site_association',
    ]);
    expect(about.at(-1).saw).toContain('not checked here');
    expect(code).toBe(0);
  });

  test('are named as they are in upper case, in lower case, and without colons', async () => {
    const bare = SHA256.replaceAll(':', '').toLowerCase();
    expect((await judged(() => {}, ['--android-app', `${ANDROID}=${bare}`])).wrong).toEqual([]);
    const meddler = await startMeddler();
    for (const app of [ANDROID, `${ANDROID}=`, `${ANDROID}=F6:97`, `=${SHA256}`])
      expect((await latchkey(['doctor', '--site', meddler.origin, '--android-app', app])).code, app).toBe(2);
  });

  test('need not be named: a document that is there is looked at all the same, and none need be', async () => {
    const { about } = await judged(() => {}, []);
    expect(about.map(({ saw }: Finding) => saw)).toEqual(
      expect.arrayContaining([expect.stringContaining(`names ${ANDROID}`), expect.stringContaining(`names ${APPLE}`)]),
    );
    const everywhere = await judged((path, answer) => {
      if (path.startsWith('/.well-known/a'))
        Object.assign(answer, { body: Buffer.from('<title>App</title>'), headers: { 'content-type': 'text/html' } });
    }, []);
    expect(everywhere.about).toEqual([]);
  });

  test.each<[string, string, Meddler['meddle'], string]>([
    ['is not there', LINKS, on(LINKS, { status: 404 }), 'answers 404'],
    ['is behind a login', SITE, on(SITE, { status: 401 }), 'answers 401'],
    ['redirects to www', SITE, on(SITE, { status: 301 }, { location: 'https://www.example.com/' }), 'to https://www.'],
    ['redirects by a slash', LINKS, on(LINKS, { status: 308 }, { location: `${LINKS}/` }), 'redirects to'],
    ['is of another type', LINKS, on(LINKS, {}, { 'content-type': 'text/plain' }), 'is text/plain'],
    ['is of no type', SITE, on(SITE, {}, { 'content-type': undefined }), 'is of no type'],
    ['is no JSON', SITE, on(SITE, { body: Buffer.from('<title>App</title>') }), 'is no JSON'],
    ['is a text in JSON', LINKS, rewrite(LINKS, () => 'statements'), 'is no JSON document'],
    ['is no list', LINKS, rewrite(LINKS, (list: unknown[]) => list[0]), 'is not a list'],
    ['names another package', LINKS, inTarget({ package_name: 'com.example.other' }), `does not name ${ANDROID}`],
    ['names a website', LINKS, inTarget({ namespace: 'web' }), `does not name ${ANDROID}`],
    [
      'has another certificate',
      LINKS,
      inTarget({ sha256_cert_fingerprints: [`AA${SHA256.slice(2)}`] }),
      `with AA${SHA256.slice(2)}`,
    ],
    ['has no certificate', LINKS, inTarget({ sha256_cert_fingerprints: null }), 'with no fingerprint'],
    ['has it in lower case', LINKS, inTarget({ sha256_cert_fingerprints: [SHA256.toLowerCase()] }), 'in another way'],
    [
      'has one relation only',
      LINKS,
      rewrite(LINKS, (list: object[]) =>
        list.map((one) => ({ ...one, relation: ['delegate_permission/common.handle_all_urls'] })),
      ),
      'get_login_creds',
    ],
    [
      'has the relations for another certificate',
      LINKS,
      rewrite(LINKS, (list: [{ relation: string[]; target: object }]) => [
        { ...list[0], relation: [list[0].relation[0]] },
        { ...list[0], target: { ...list[0].target, sha256_cert_fingerprints: ['AA'] } },
      ]),
      'get_login_creds',
    ],
    ['holds rubbish', LINKS, rewrite(LINKS, () => [null, 7, 'x', [], { target: [] }]), `does not name ${ANDROID}`],
    [
      'names another team',
      SITE,
      rewrite(SITE, () => ({ webcredentials: { apps: [APPLE.replace('A', 'B')] } })),
      `does not name ${APPLE}`,
    ],
    [
      'names it by a wildcard',
      SITE,
      rewrite(SITE, () => ({ webcredentials: { apps: ['A1B2C3D4E5.*'] } })),
      `does not name ${APPLE}`,
    ],
    [
      'names it for links only',
      SITE,
      rewrite(SITE, () => ({ applinks: { details: [{ appIDs: [APPLE] }] } })),
      'not in webcredentials',
    ],
    [
      'holds rubbish of Apple’s',
      SITE,
      rewrite(SITE, () => ({ webcredentials: [{ apps: APPLE }] })),
      'not in webcredentials',
    ],
    ['is too large', SITE, rewrite(SITE, (json: object) => ({ ...json, pad: 'x'.repeat(128 * 1_024) })), 'bytes'],
  ])('are said to be missing where the document %s', async (_, document, meddle, saw) => {
    const { code, wrong } = await judged(meddle);
    expect(code).toBe(1);
    expect(wrong).toEqual([expect.objectContaining({ saw: expect.stringContaining(saw), todo: expect.any(String) })]);
    expect(wrong[0].saw).toContain(document);
  });

  test('are served by https only', async () => {
    const site = await openSite(
      { mount: mounts['Express 5'], store: memoryStore },
      { rp: { apps: [{ apple: APPLE }] } },
    );
    onTestFinished(() => site.close());
    const { code, json } = await latchkeyJson(['doctor', '--site', site.origin, '--apple-app', APPLE]);
    expect(code).toBe(1);
    expect(wrong(json.findings)).toContain('error app_site_association');
  });
});

test.each<[string, readonly string[], readonly string[], readonly string[]]>([
  ['example.com', ['https://example.com', 'https://login.example.com'], [], []],
  ['localhost', ['http://localhost:3000'], [], []],
  ['example.com', ['https://example.de'], ['https://example.de'], []],
  ['login.example.com', ['https://login.example.com'], [], ['info']],
  ['co.uk', [], [], ['error']],
  ['github.io', ['https://me.github.io'], [], ['error']],
  ['me.github.io', ['https://me.github.io'], [], []],
  ['192.0.2.1', [], [], ['error']],
  ['https://example.com', [], [], ['error']],
  ['Example.com', [], [], ['error']],
  ['example.com', ['https://example.com/'], [], ['error']],
  ['example.com', ['http://example.com'], [], ['error']],
  ['example.com', ['https://notexample.com'], [], ['error']],
  ['example.com', [], ['a.de', 'b.de', 'c.de', 'd.de', 'e.de', 'f.de'].map((host) => `https://${host}`), ['warning']],
  [
    'example.com',
    [],
    ['example.de', 'example.fr', 'example.co.uk', 'www.example.nl', 'example.be', 'example.at'].map(
      (host) => `https://${host}`,
    ),
    [],
  ],
])('the RP ID %s with the origins %j and the related %j', (rpId, origins, related, severities) => {
  expect(wrong(checkRpId(rpId, origins, related))).toEqual(severities.map((severity) => `${severity} rp_id`));
});

test('clocks are compared no finer than they can be', () => {
  const judged = (ahead: number, exact: number) => judgeClock('store_clock', 'Its', ahead, exact).severity;
  expect([judged(0, 0), judged(-1_900, 0), judged(3_000, 2_000)]).toEqual(['ok', 'ok', 'ok']);
  expect([judged(3_000, 0), judged(-3_000, 0), judged(31_000, 0), judged(-3_600_000, 500)]).toEqual([
    'warning',
    'warning',
    'error',
    'error',
  ]);
});

describe.each(SQL_KINDS)('the schema in %s', (kind) => {
  test('is as the migrations make it, or what is not is named', async () => {
    const { at, run, prefix } = place(kind);
    const doctor = () => latchkeyJson(['doctor', ...at]);
    const schema = (findings: readonly Finding[]) =>
      findings.filter(({ check }) => check === 'schema').map(({ severity, saw }) => `${severity} ${saw}`);
    if (kind !== 'SQLite')
      expect(schema((await doctor()).json.findings)).toEqual(['error There are no tables of Latchkey here']);
    await latchkey(['migrate', ...at]);
    expect(schema((await doctor()).json.findings)).toEqual(['ok 8 tables are as the migrations make them']);

    await run(`drop index ${prefix}attempts_by_user${kind === 'MariaDB' ? ` on ${prefix}attempts` : ''}`);
    await run(`alter table ${prefix}ceremonies drop column begun`);
    await run(`alter table ${prefix}handles add column theirs integer`);
    await run(`insert into ${prefix}migrations (name) values ('9999_later')`);
    const extra: string[] = [];
    if (kind === 'PostgreSQL') {
      await run(
        `alter table ${prefix}passkeys alter column aaguid type text collate "en-US-x-icu", alter column sign_count type integer`,
      );
      extra.push(
        `error ${prefix}passkeys.sign_count is integer`,
        `error ${prefix}passkeys.aaguid is compared by a locale: two ids can count as one`,
      );
    }
    if (kind === 'MariaDB') {
      await run(`alter table ${prefix}passkeys modify credential_id varbinary(255) not null`);
      extra.push(`error ${prefix}passkeys.credential_id is varbinary(255)`);
    }
    const { code, json } = await doctor();
    expect(code).toBe(1);
    expect(new Set(schema(json.findings))).toEqual(
      new Set([
        `error ${prefix}ceremonies.begun is missing`,
        `info ${prefix}handles.theirs is not Latchkey's`,
        ...extra,
        `warning The index ${prefix}attempts_by_user is missing: what it is for gets slow`,
        'warning The migration 9999_later is not known here',
      ]),
    );
  });
});

test('challenges that nobody sweeps are told, and a SQLite file that everyone may read', async () => {
  const { at, store } = place('SQLite');
  await latchkey(['migrate', ...at]);
  await store.challenges.put({
    attemptId: 'a',
    purpose: 'sign_in',
    binding: 'b',
    userId: null,
    begun: true,
    expiresAt: Date.now() - 3_600_000,
    state: '',
  });
  const file = at[1]!.slice('sqlite:'.length);
  chmodSync(file, 0o600);
  expect(wrong((await latchkeyJson(['doctor', ...at])).json.findings)).toEqual([
    'warning sqlite_journal',
    'warning sweep',
  ]);
});

describe('the identity key', () => {
  const judged = async (refs: readonly string[], key?: string) => {
    const { at, store, migrate } = place('SQLite');
    await migrate();
    for (const [n, ref] of refs.entries()) {
      const record = recordOf(n);
      await store.attempts.append({ ...record, credential: { ...record.credential, ref } });
    }
    const { json } = await latchkeyJson(['doctor', ...at], key === undefined ? {} : { LATCHKEY_IDENTITY_KEY: key });
    return json.findings.find(({ check }: Finding) => check === 'identity_key');
  };
  const ref = (key: string) => `hmac-sha256:${key}:abcdefghijklmnopqrstuv`;

  test('is one, or what is wrong with it is said', async () => {
    expect(await judged([])).toMatchObject({ severity: 'ok' });
    expect(await judged([ref('36c88848'), ref('36c88848')])).toMatchObject({ severity: 'ok' });
    expect(await judged([ref('ephemeral3f9a2b'), ref('ephemeral0c1d2e')])).toMatchObject({
      severity: 'warning',
      todo: expect.stringContaining('Set audit.identityKey'),
    });
    const several = await judged([ref('36c88848'), ref('1f2e3d4c')]);
    expect(several.severity).toBe('warning');
    for (const id of ['36c88848', '1f2e3d4c']) expect(several.saw).toContain(id);
    const differs = await judged([ref('36c88848')], 'another key for tests, and for tests only');
    expect(differs.severity).toBe('warning');
    expect(differs.saw).toMatch(/36c88848.*LATCHKEY_IDENTITY_KEY is the key [0-9a-f]{8}/);
  });
});

describe('Redis', () => {
  async function redisWith(...settings: string[]) {
    const redis = await startRedis(...settings);
    onTestFinished(() => redis.remove());
    const doctor = async () => {
      const { code, json } = await latchkeyJson(['doctor', '--store', redis.url]);
      return { code, wrong: wrong(json.findings) };
    };
    return { redis, doctor };
  }

  async function addPasskey(url: string) {
    const client = new Redis(url);
    await redisStore(client).passkeys.keepHandle({ userId: 'ada', proposed: new Uint8Array(32) });
    client.disconnect();
  }

  test('that evicts and forgets is told so, the worse the more it holds', async () => {
    const { redis, doctor } = await redisWith('--maxmemory-policy', 'allkeys-lru');
    expect(await doctor()).toEqual({ code: 0, wrong: ['warning redis_eviction', 'info redis_persistence'] });
    await addPasskey(redis.url);
    expect(await doctor()).toEqual({ code: 1, wrong: ['warning redis_eviction', 'error redis_persistence'] });
    const bounded = await redisWith(
      '--maxmemory-policy',
      'volatile-ttl',
      '--maxmemory',
      '100mb',
      '--appendonly',
      'yes',
    );
    expect(await bounded.doctor()).toEqual({ code: 1, wrong: ['error redis_eviction'] });
  });

  test('that takes no writes is told so', async () => {
    const { redis } = await redisWith();
    const { doctor } = await redisWith('--replicaof', '127.0.0.1', new URL(redis.url).port);
    expect((await doctor()).wrong).toContain('error redis_health');
  });
});

test('an OpenTelemetry set-up that would lose records is told so', async () => {
  const { code, json } = await latchkeyJson([
    'doctor',
    '--telemetry',
    join(import.meta.dirname, 'half-telemetry.ts'),
    '--strict',
  ]);
  expect(code).toBe(1);
  expect(wrong(json.findings)).toEqual(['warning telemetry', 'warning telemetry', 'info telemetry']);
  expect((await latchkey(['doctor', '--telemetry', '/nowhere.mjs'])).code).toBe(2);
});
