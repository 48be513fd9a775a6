/** The rules about the wire itself: methods, media types, sizes, origins, headers, cookies, documents. */
import assert from 'node:assert/strict';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { USED } from '../agent.ts';
import { assertOneRefusal, assertProblem, type HttpRule, lastRecord, rule } from './rule.ts';

const OPTIONS = '/passkeys/authentication/options';
/** Every text that a body can hold: where, in which member, with what beside it. */
const TEXTS: readonly (readonly [path: string, member: string, beside: object])[] = [
  ['/authentication/options', 'mode', {}],
  ['/authentication/options', 'identifier', { mode: 'modal' }],
  ['/authentication/verify', 'attemptId', { credential: {} }],
  ['/registration/options', 'username', {}],
  ['/registration/options', 'displayName', { username: 'ada' }],
  ['/registration/options', 'nickname', { username: 'ada' }],
  ['/registration/options', 'mediation', { username: 'ada' }],
  ['/registration/verify', 'attemptId', { credential: {} }],
  ['/attempts/x/outcome', 'errorName', {}],
  ['/attempts/x/outcome', 'ended', {}],
  ['/step-up/options', 'action', {}],
  ['/step-up/verify', 'attemptId', { credential: {} }],
  ['/credentials/x', 'nickname', {}],
];
const methodOf = (path: string) => (path.startsWith('/credentials') ? 'PATCH' : 'POST');

const json = (value: unknown) => ({ rawBody: typeof value === 'string' ? value : JSON.stringify(value) });

export const wireRules: readonly HttpRule[] = [
  rule('gives every answer the same careful headers', async (site) => {
    const agent = site.agent();
    for (const reply of [
      await agent.post('/authentication/options'),
      await agent.post('/authentication/verify'),
      await agent.request('GET', '/passkeys/session'),
      await agent.request('GET', '/passkeys/nowhere'),
      await agent.request('DELETE', '/passkeys/session'),
    ]) {
      assert.equal(reply.headers.get('cache-control'), 'no-store');
      assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(reply.headers.get('access-control-allow-origin'), null);
      assert.equal(reply.headers.get('etag'), null);
      if (reply.text) assert.equal(Number(reply.headers.get('content-length')), Buffer.byteLength(reply.text));
      if (reply.status === 200) assert.equal(reply.headers.get('content-type'), 'application/json');
    }
  }),

  rule('binds a browser once, with a cookie that scripts and other sites cannot use', async (site) => {
    const agent = site.agent();
    const first = await agent.post('/authentication/options');
    assert.match(first.headers.getSetCookie().join(), /^latchkey=[\w-]{22}; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.deepEqual((await agent.post('/authentication/options')).headers.getSetCookie(), []);
    agent.cookies.set('latchkey', 'not well-formed');
    assert.equal((await agent.post('/authentication/options')).headers.getSetCookie().length, 1);
  }),

  rule('knows its paths by exact string', async (site) => {
    const agent = site.agent();
    for (const path of [
      '',
      '/',
      '/authentication',
      '/authentication/options/',
      '/Authentication/options',
      '/authentication//options',
      '/credentials/',
      '/credentials/a/b',
      '/attempts//outcome',
    ]) {
      assertProblem(await agent.request('POST', `/passkeys${path}`, {}), 404, 'not_found');
    }
    assert.equal(site.records.length, 0);
  }),

  rule('answers a method it does not know with those it does', async (site) => {
    const agent = site.agent();
    for (const [method, path, allow] of [
      ['GET', '/authentication/options', 'POST'],
      ['PUT', '/authentication/verify', 'POST'],
      ['OPTIONS', '/authentication/options', 'POST'],
      ['POST', '/session', 'GET, HEAD, DELETE'],
      ['POST', '/credentials/x', 'PATCH, DELETE'],
      ['DELETE', '/client.js', 'GET, HEAD'],
    ] as const) {
      const reply = await agent.request(method, `/passkeys${path}`);
      assertProblem(reply, 405, 'method_not_allowed');
      assert.equal(reply.headers.get('allow'), allow);
    }
    const overridden = await agent.post(
      '/session?_method=DELETE',
      {},
      { headers: { 'x-http-method-override': 'DELETE' } },
    );
    assertProblem(overridden, 405, 'method_not_allowed');
    assert.equal(site.records.length, 0);
  }),

  rule('answers HEAD as GET, without the body', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const get = await agent.request('GET', '/passkeys/session');
    const head = await agent.request('HEAD', '/passkeys/session');
    assert.deepEqual([head.status, head.text], [200, '']);
    assert.equal(head.headers.get('content-length'), get.headers.get('content-length'));
  }),

  rule('refuses requests of other origins, also to read', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const denied = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `${site.origin}.` },
      { origin: undefined, 'sec-fetch-site': 'cross-site' },
      { origin: undefined, 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of denied) {
      // Refusals of one address and minute share one record.
      site.clock.now += 60_000;
      const reply = await assertOneRefusal(site, 'origin_denied', () =>
        agent.post('/authentication/options', {}, { headers }),
      );
      assertProblem(reply, 403, 'origin_not_allowed');
      assertProblem(await agent.request('GET', '/passkeys/session', undefined, { headers }), 403, 'origin_not_allowed');
      assertProblem(
        await agent.request('DELETE', '/passkeys/session', undefined, { headers }),
        403,
        'origin_not_allowed',
      );
    }
    for (const headers of [
      { origin: undefined },
      { origin: undefined, 'sec-fetch-site': 'same-origin' },
      { origin: undefined, 'sec-fetch-site': 'none' },
    ]) {
      assert.equal((await agent.request('GET', '/passkeys/session', undefined, { headers })).status, 200);
    }
  }),

  rule('takes JSON and nothing else', async (site) => {
    const agent = site.agent();
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/jsonp',
      undefined,
    ]) {
      const reply = await agent.post('/authentication/options', undefined, {
        rawBody: new TextEncoder().encode('{}'),
        headers: { 'content-type': type },
      });
      assertProblem(reply, 415, 'unsupported_media_type');
      assert.equal(lastRecord(site).reason, 'malformed_request');
    }
    for (const type of ['application/json', 'application/json;charset=utf-8', 'Application/JSON; charset="UTF-8"']) {
      assert.equal(
        (await agent.post('/authentication/options', {}, { headers: { 'content-type': type } })).status,
        200,
      );
    }
  }),

  rule('refuses a body that is too large, by its length', async (site) => {
    const reply = await site.agent().post('/authentication/options', { pad: 'x'.repeat(64 * 1_024) });
    assertProblem(reply, 413, 'content_too_large');
    assert.equal(lastRecord(site).reason, 'malformed_request');
    assert.equal((await site.agent().post('/authentication/options', { pad: 'x'.repeat(60_000) })).status, 200);
  }),

  rule('refuses a body of the wrong shape', async (site) => {
    const agent = site.agent();
    for (const body of [
      '[]',
      'null',
      '1',
      '"{}"',
      '{"mode":"telepathy"}',
      '{"mode":null}',
      '{"mode":["immediate"]}',
      '{"identifier":""}',
      '{"identifier":{}}',
      '{"prefetch":"yes"}',
      '{"identifier":"\\u0000"}',
      '{"identifier":"\\ud800"}',
    ]) {
      const reply = await assertOneRefusal(site, 'malformed_request', () =>
        agent.request('POST', OPTIONS, undefined, json(body)),
      );
      assertProblem(reply, 400, 'malformed_request');
    }
    assertProblem(
      await agent.post('/authentication/options', { identifier: 'x'.repeat(257) }),
      400,
      'malformed_request',
    );
    assertProblem(await agent.post('/registration/options', { username: ' ' }), 400, 'malformed_request');
  }),

  rule('ignores members it does not know', async (site) => {
    const { status, json: options } = await site.agent().post('/authentication/options', {
      userVerification: 'discouraged',
      rpId: 'evil.example',
      publicKey: { challenge: 'mine' },
    });
    assert.deepEqual(
      [status, options.publicKey.userVerification, options.publicKey.rpId],
      [200, 'required', 'localhost'],
    );
  }),

  rule('reads nothing from a prototype', async (site) => {
    const body = '{"__proto__":{"mode":"modal"},"constructor":{"prototype":{"mode":"modal"}}}';
    const reply = await site.agent().request('POST', OPTIONS, undefined, json(body));
    // A parser of the application's in front may refuse such a body itself: then it is not an attempt.
    const parserRefused = reply.status === 400 && site.records.length === 0;
    assert.ok(parserRefused || reply.json.mode === 'immediate', reply.text);
  }),

  rule('takes any client report, and records a bad one as invalid', async (site) => {
    const passkey = await site.agent().signUp('ada');
    for (const client of [
      'yes',
      [],
      null,
      7,
      { uiMode: {} },
      { uiMode: 'immediate', immediateGet: 'yes' },
      { uiMode: 'immediate', immediateGet: false },
    ]) {
      const reply = await site.agent().signIn(passkey, { client });
      assert.equal(reply.status, 200);
      assert.deepEqual(
        [lastRecord(site).immediate.clientReport, lastRecord(site).immediate.evidence],
        ['invalid', 'none'],
      );
    }
  }),

  rule('writes what comes from outside on one line', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const { attemptId, publicKey } = await agent.signInOptions();
    const credential = passkey.authenticate(publicKey);
    const body = { attemptId: `${attemptId.slice(0, 20)}\r\n\u2028\u202e{"x":1}`, credential, client: USED };
    await agent.post('/authentication/verify', body, { headers: { 'user-agent': 'evil \u00ad agent' } });
    const { relatedId } = lastRecord(site).attempt;
    assert.match(relatedId!, /^[\x20-\x7e]+$/);
  }),

  rule('serves the browser client and the elements as ES modules that can be cached', async (site) => {
    const agent = site.agent();
    for (const [name, inside] of [
      ['client.js', /createPasskeyClient/],
      ['elements.js', /latchkey-sign-in/],
      ['elements/sign-in.js', /latchkey-sign-in/],
      ['elements/de.js', /Anmelden/],
    ] as const) {
      const reply = await agent.request('GET', `/passkeys/${name}`, undefined, {
        headers: { origin: undefined, 'sec-fetch-site': 'cross-site' },
      });
      assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, 'text/javascript; charset=utf-8']);
      assert.match(reply.text, inside);
      const etag = reply.headers.get('etag')!;
      const again = await agent.request('GET', `/passkeys/${name}`, undefined, { headers: { 'if-none-match': etag } });
      assert.deepEqual([again.status, again.text], [304, '']);
    }
    assertProblem(await agent.request('GET', '/passkeys/elements/tlh.js'), 404, 'not_found');
  }),

  rule(
    'answers its well-known documents and leaves the rest to the application',
    async (site) => {
      const agent = site.agent();
      assert.deepEqual((await agent.request('GET', '/.well-known/webauthn')).json, {
        origins: ['https://example.org'],
      });
      assert.deepEqual((await agent.request('GET', '/.well-known/passkey-endpoints')).json, {
        manage: 'https://example.org/account',
      });
      assertProblem(await agent.request('POST', '/.well-known/webauthn', {}), 405, 'method_not_allowed');
      assert.equal((await agent.request('GET', '/.well-known/other')).status, 404);
      assert.notEqual(
        (await agent.request('GET', '/.well-known/other')).headers.get('content-type'),
        'application/problem+json',
      );
    },
    { rp: { relatedOrigins: ['https://example.org'] }, passkeyEndpoints: { manage: 'https://example.org/account' } },
  ),

  rule('refuses in every member what is no text, and what no store could keep as one', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const session = new Map(agent.cookies);
    for (const [path, member, beside] of TEXTS) {
      if (path.startsWith('/registration')) agent.cookies.clear();
      else for (const [name, value] of session) agent.cookies.set(name, value);
      for (const value of ['\0', 'a\0b', '\ud800', '\udc00\ud800', ['a'], { a: 1 }, 7, true, null, '']) {
        const reply = await agent.request(methodOf(path), `/passkeys${path}`, { ...beside, [member]: value });
        assertProblem(reply, 400, 'malformed_request');
      }
    }
  }),

  rule(
    'takes or refuses every other text in every member: quotes, wildcards, line ends, directions, emoji',
    async (site) => {
      const agent = site.agent();
      await agent.signUp('ada');
      const session = new Map(agent.cookies);
      for (const [path, member, beside] of TEXTS) {
        for (const value of [
          `' OR '1'='1'; DROP TABLE latchkey_passkeys; --`,
          '%_\\"`$1 ?1 :a {x} *[^]',
          'a\r\nSet-Cookie: b=c\t\u0085\u2028\u2029\u202e\ufeff',
          '👩🏽‍💻🔑𝕏',
          '__proto__',
          'constructor',
        ]) {
          for (const [name, cookie] of session) agent.cookies.set(name, cookie);
          if (path.startsWith('/registration')) agent.cookies.clear();
          const reply = await agent.request(methodOf(path), `/passkeys${path}`, { ...beside, [member]: value });
          assert.ok(reply.status < 500, `${path} ${member} ${JSON.stringify(value)}: ${reply.status} ${reply.text}`);
          assert.equal(reply.headers.get('set-cookie')?.includes('b=c') ?? false, false);
        }
      }
      for (const record of site.records) {
        const { userAgent, address } = record.client;
        const { relatedId = '', action = '' } = record.attempt;
        for (const text of [relatedId, action, userAgent, address, record.message]) {
          assert.doesNotMatch(text ?? '', /[\p{Cc}\p{Cf}\u2028\u2029]/u);
        }
      }
    },
  ),

  rule('keeps the text of a person as it is, whatever is in it', async (site) => {
    const agent = site.agent();
    const name = `O’Brien 👩🏽‍💻 '"%_\\ <b>`;
    const passkey = await agent.signUp(name);
    assert.equal((await agent.session()).json.user.name, name);
    assert.equal((await site.agent().signIn(passkey)).json.user.name, name);
    const { publicKey } = await site.agent().signInOptions({ mode: 'modal', identifier: name });
    assert.deepEqual(
      publicKey.allowCredentials?.map(({ id }) => id),
      [passkey.credentialId],
    );
  }),

  rule('refuses a name that acts unseen on the text around it', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
    const unseen = [
      'live\u202eevil',
      '\u2066x\u2069',
      'a\u200bb',
      'a\u200cb',
      'a\u200db',
      '\ufeffa',
      'a\nb',
      'a\u2028b',
      'a\u0085',
    ];
    for (const name of unseen) {
      assertProblem(
        await agent.request('PATCH', `/passkeys/credentials/${id}`, { nickname: name }),
        400,
        'malformed_request',
      );
      for (const body of [{ nickname: name }, { username: name }, { username: 'eve', displayName: name }]) {
        const begin = () => site.agent().post('/registration/options', body);
        assertProblem(await assertOneRefusal(site, 'malformed_request', begin), 400, 'malformed_request');
      }
    }
  }),

  rule('takes a name with joiners where words and emoji are written with them', async (site) => {
    for (const name of [
      'می\u200cخواهم',
      'ශ්\u200dරී',
      '👩🏽\u200d💻',
      '❤\ufe0f\u200d🔥',
      '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}',
    ]) {
      const agent = site.agent();
      await agent.signUp(name);
      assert.equal((await agent.session()).json.user.name, name);
    }
  }),

  rule('reads a body that is deep or wide as far as it needs to', async (site) => {
    const agent = site.agent();
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    const wide = `{${Array.from({ length: 5_000 }, (_, index) => `"k${index}":1`).join()}}`;
    for (const [path, body, status] of [
      [OPTIONS, deep, 400],
      [OPTIONS, `{"client":${deep}}`, 200],
      [OPTIONS, `{"mode":${deep}}`, 400],
      [OPTIONS, wide, 200],
      [OPTIONS, `{"__proto__":${deep}}`, 200],
      ['/passkeys/authentication/verify', `{"attemptId":"x","credential":{"id":${deep}}}`, 400],
      ['/passkeys/registration/verify', `{"attemptId":"x","credential":{"response":${deep}}}`, 400],
      ['/passkeys/attempts/x/outcome', `{"errorName":"AbortError","client":${deep}}`, 204],
    ] as const) {
      const reply = await agent.request('POST', path, undefined, json(body));
      // A parser of the application's in front may refuse what it takes for an attack on a prototype.
      const refusedInFront = reply.status === 400 && reply.headers.get('content-type') !== 'application/problem+json';
      assert.ok(reply.status === status || refusedInFront, `${path} ${body.slice(0, 40)}: ${reply.status}`);
    }
    const members = Array.from({ length: 100_000 }, (_, index) => `"k${index}":1`).join();
    assert.equal((await agent.request('POST', OPTIONS, undefined, json(`{${members}}`))).status, 413);
    assert.equal((await agent.post('/authentication/options')).status, 200);
  }),

  rule('refuses what is compressed, however small it looks', async (site) => {
    const agent = site.agent();
    for (const [encoding, compress] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ] as const) {
      const send = (body: string) =>
        agent.post('/authentication/options', undefined, {
          rawBody: Uint8Array.from(compress(body)),
          headers: { 'content-encoding': encoding },
        });
      const reply = await send('{}');
      // A parser of the application's in front may not know the encoding; then the answer is its own.
      if (reply.headers.get('content-type') === 'application/problem+json')
        assertProblem(reply, 415, 'unsupported_media_type');
      else assert.equal(reply.status, 415);
      const bomb = await send(`{"pad":"${'x'.repeat(10 * 1_024 * 1_024)}"}`);
      assert.ok([413, 415].includes(bomb.status), `${encoding}: ${bomb.status}`);
    }
    assert.equal((await agent.post('/authentication/options')).status, 200);
  }),

  rule('shares nothing with other origins: no CORS header on any answer, not even to a preflight', async (site) => {
    const agent = site.agent();
    for (const origin of [site.origin, 'https://evil.example', 'null']) {
      for (const [method, path] of [
        ['OPTIONS', '/authentication/options'],
        ['POST', '/authentication/options'],
        ['GET', '/session'],
        ['GET', '/client.js'],
        ['GET', '/nowhere'],
      ] as const) {
        const headers = {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type',
        };
        const reply = await agent.request(method, `/passkeys${path}`, method === 'POST' ? {} : undefined, { headers });
        const cors = [...reply.headers.keys()].filter((name) => name.startsWith('access-control-'));
        assert.deepEqual(cors, [], `${method} ${path} for ${origin}`);
        assert.ok(!JSON.stringify([...reply.headers]).includes('evil.example'));
      }
    }
  }),

  rule('derives nothing from Host, Origin or what a proxy says', async (site) => {
    const agent = site.agent();
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example;proto=https',
      'x-original-url': '/passkeys/session',
      'x-rewrite-url': '/passkeys/session',
    };
    const reply = await agent.post('/authentication/options', {}, { headers });
    assert.equal(reply.json.publicKey.rpId, 'localhost');
    assert.ok(!/evil/.test(reply.text + JSON.stringify([...reply.headers])));
    assertProblem(
      await agent.post('/authentication/options', {}, { headers: { ...headers, origin: 'https://evil.example' } }),
      403,
      'origin_not_allowed',
    );
  }),

  rule('takes its method from nowhere but the request line', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
    for (const header of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      for (const path of ['/session', `/credentials/${id}`]) {
        const reply = await agent.post(
          `${path}?_method=DELETE`,
          { _method: 'DELETE' },
          { headers: { [header]: 'DELETE' } },
        );
        assertProblem(reply, 405, 'method_not_allowed');
      }
    }
    assert.equal((await agent.session()).status, 200);
  }),

  rule('redirects a page to where its guard says, whatever the request says', async (site) => {
    for (const query of ['redirectTo', 'returnTo', 'next', 'url']) {
      const reply = await site.agent().request('GET', `/page?${query}=https://evil.example`, undefined, {
        headers: { 'x-forwarded-host': 'evil.example', referer: 'https://evil.example/' },
      });
      assert.deepEqual(
        [reply.status, reply.headers.get('location')],
        [303, `/sign-in?returnTo=${encodeURIComponent(`/page?${query}=https://evil.example`)}`],
      );
    }
  }),
];
