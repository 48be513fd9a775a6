/** The rules about what ceremonies do: sign up, sign in, end in the page, expire, step up; and what each must accept. */
import assert from 'node:assert/strict';
import { USED } from '../agent.ts';
import { packedAttestation } from '../passkey/attestation.ts';
import type { RegistrationBend } from '../passkey/bend.ts';
import { createSoftwarePasskey } from '../passkey/software-passkey.ts';
import { OTHER_ID, OTHER_KEY } from './refused-answers.ts';
import { assertOneRefusal, assertProblem, assertSignedOut, type HttpRule, lastRecord, rule, verify } from './rule.ts';

export const ceremonyRules: readonly HttpRule[] = [
  rule('signs a new person up with a passkey, and in', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const session = await agent.session();
    assert.equal(session.status, 200);
    assert.equal(session.json.user.name, 'ada');
    assert.equal(session.json.enforcement, 'not_applicable');
    assert.deepEqual(
      site.records.map(({ event, outcome }) => [event.name, outcome]),
      [
        ['latchkey.registration.attempt', 'success'],
        ['latchkey.passkey.added', 'success'],
      ],
    );
  }),

  rule('signs a person in by one click, enforced, with evidence that claims no more than is known', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const options = await agent.post('/authentication/options', { mode: 'immediate', client: { immediateGet: true } });
    assert.equal(options.json.uiMode, 'immediate');
    assert.deepEqual(options.json.publicKey.allowCredentials, []);
    assert.equal(options.json.publicKey.userVerification, 'required');
    assert.ok(options.json.publicKey.timeout < options.json.expiresAt - site.clock.now);
    const { attemptId, publicKey } = options.json;
    const reply = await agent.post('/authentication/verify', {
      attemptId,
      credential: passkey.authenticate(publicKey),
      client: USED,
    });
    assert.equal(reply.status, 200);
    assert.equal(reply.json.user.name, 'ada');
    assert.deepEqual(reply.json.attempt, { id: attemptId, mode: 'immediate', enforcement: 'enforced' });
    assert.deepEqual(reply.json.signals.allAcceptedCredentials.allAcceptedCredentialIds, [passkey.credentialId]);
    assert.equal((await agent.session()).json.enforcement, 'enforced');
    const { outcome, reason, immediate, assertion, challenge, policy, attempt } = lastRecord(site);
    assert.deepEqual([outcome, reason, attempt.id, policy.decision], ['success', null, attemptId, 'allow']);
    assert.deepEqual(immediate, {
      policy: 'prefer',
      requested: true,
      requestConformant: true,
      clientReport: 'used',
      evidence: 'client_report',
      enforcement: 'enforced',
      unmet: [],
    });
    assert.deepEqual([assertion.signature, assertion.userPresent, assertion.userVerified], ['valid', true, true]);
    assert.equal(challenge.status, 'fresh');
  }),

  ...(['ES256', 'RS256', 'EdDSA'] as const).map((algorithm) =>
    rule(`signs in with ${algorithm}`, async (site) => {
      const agent = site.agent();
      const passkey = await agent.signUp('ada', createSoftwarePasskey({ origin: site.origin, algorithm }));
      assert.equal((await site.agent().signIn(passkey)).status, 200);
    }),
  ),

  rule('chooses the mode for a request that names none by what the browser can do', async (site) => {
    const mode = async (body: object) => (await site.agent().post('/authentication/options', body)).json.mode;
    assert.equal(await mode({}), 'immediate');
    assert.equal(await mode({ client: { immediateGet: true } }), 'immediate');
    assert.equal(await mode({ client: { immediateGet: false } }), 'modal');
  }),

  rule('records what the page reports, and never as more than a claim', async (site) => {
    const agent = site.agent();
    for (const [errorName, reason] of [
      ['NotAllowedError', 'client_not_allowed'],
      ['AbortError', 'client_aborted'],
      ['SecurityError', 'client_security_error'],
      ['NotSupportedError', 'client_unsupported'],
      ['InvalidStateError', 'client_invalid_state'],
      ['OperationError', 'client_busy'],
      ['UnreadableCredential', 'client_unreadable'],
      ['Anything\nelse', 'client_other'],
    ] as const) {
      const { attemptId } = await agent.signInOptions();
      const reply = await agent.post(`/attempts/${attemptId}/outcome`, { errorName, client: USED });
      assert.deepEqual([reply.status, reply.text], [204, '']);
      const { outcome, reason: recorded, reasonSource, immediate, attempt } = lastRecord(site);
      assert.deepEqual(
        [attempt.id, outcome, recorded, reasonSource],
        [attemptId, 'cancelled', reason, 'client_report'],
      );
      assert.equal(immediate.enforcement, 'not_evaluated');
    }
    const { attemptId } = await agent.signInOptions();
    assert.equal((await agent.post(`/attempts/${attemptId}/outcome`, { ended: 'password' })).status, 204);
    assert.equal(lastRecord(site).reason, 'client_password');
  }),

  rule('believes an outcome report only from the browser the attempt belongs to, and only once', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    const stranger = site.agent();
    await stranger.signInOptions();
    const before = site.records.length;
    for (const forged of [stranger, site.agent()]) {
      assert.equal((await forged.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError' })).status, 204);
    }
    assert.equal((await agent.post('/attempts/nobody/outcome', { errorName: 'AbortError' })).status, 204);
    assert.equal(site.records.length, before);
    const reply = await agent.post('/authentication/verify', {
      attemptId,
      credential: passkey.authenticate(publicKey),
      client: USED,
    });
    assert.equal(reply.status, 200);
    await agent.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError' });
    assert.equal(site.records.length, before + 1);
  }),

  rule('refuses an outcome report that says nothing, or two things', async (site) => {
    for (const body of [
      {},
      { errorName: 'AbortError', ended: 'password' },
      { errorName: 1 },
      { ended: 'badly' },
      { begun: false },
    ]) {
      assertProblem(await site.agent().post('/attempts/x/outcome', body), 400, 'malformed_request');
    }
    assert.equal(site.records.length, 0);
  }),

  rule('ends an attempt that nobody answers as abandoned, once, after its expiry', async (site) => {
    const { attemptId } = await site.agent().signInOptions();
    // A store may hold the ceremonies of others, too.
    const own = () => site.records.filter(({ attempt }) => attempt.id === attemptId);
    site.clock.now += 119_999;
    await site.passkeys.sweep();
    assert.equal(own().length, 0);
    site.clock.now += 1;
    assert.ok((await site.passkeys.sweep()) >= 1);
    await site.passkeys.sweep();
    assert.equal(own().length, 1);
    const { attempt, outcome, reason, reasonSource, http } = own()[0]!;
    assert.deepEqual(
      [attempt.stage, outcome, reason, reasonSource, http],
      ['expired', 'abandoned', 'no_response', 'timeout', null],
    );
  }),

  rule(
    'lets a prefetched challenge that nobody used expire without a record, and one that was begun not',
    async (site) => {
      const agent = site.agent();
      const unused = await agent.signInOptions({ mode: 'immediate', prefetch: true });
      const begun = await agent.signInOptions({ mode: 'immediate', prefetch: true });
      await site.agent().post(`/attempts/${unused.attemptId}/outcome`, { begun: true });
      await agent.post(`/attempts/${begun.attemptId}/outcome`, { begun: true, client: USED });
      site.clock.now += 120_000;
      assert.ok((await site.passkeys.sweep()) >= 2);
      const recorded = site.records.map(({ attempt }) => attempt.id);
      assert.deepEqual([recorded.includes(unused.attemptId), recorded.includes(begun.attemptId)], [false, true]);
    },
  ),

  rule('signs in with a prefetched challenge', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions({ mode: 'immediate', prefetch: true });
    const reply = await agent.post('/authentication/verify', {
      attemptId,
      credential: passkey.authenticate(publicKey),
      client: USED,
    });
    assert.equal(reply.status, 200);
  }),

  rule('keeps a name that is taken secret until a passkey was verified', async (site) => {
    await site.agent().signUp('ada');
    const agent = site.agent();
    const passkey = createSoftwarePasskey({ origin: site.origin });
    const options = await agent.post('/registration/options', { username: 'ada' });
    assert.equal(options.status, 200);
    assert.deepEqual(options.json.publicKey.excludeCredentials, []);
    const { attemptId, publicKey } = options.json;
    const reply = await assertOneRefusal(site, 'username_unavailable', () =>
      agent.post('/registration/verify', { attemptId, credential: passkey.register(publicKey) }),
    );
    assertProblem(reply, 409, 'username_unavailable');
    assert.equal(site.accounts.size, 1);
    await assertSignedOut(agent);
  }),

  rule('adds a second passkey to whoever is signed in, whatever the body names', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    await site.agent().signUp('eve');
    const second = createSoftwarePasskey({ origin: site.origin });
    const options = await agent.post('/registration/options', { username: 'eve', userId: 'eve', user: { id: 'eve' } });
    assert.equal(options.json.publicKey.user.name, 'ada');
    assert.equal(options.json.publicKey.excludeCredentials.length, 1);
    const { attemptId, publicKey } = options.json;
    assert.equal(
      (await agent.post('/registration/verify', { attemptId, credential: second.register(publicKey) })).status,
      201,
    );
    assert.equal((await site.agent().signIn(second)).json.user.name, 'ada');
  }),

  rule('gives one user one handle, for ever', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const handle = async () => (await agent.post('/registration/options')).json.publicKey.user.id;
    assert.equal(await handle(), await handle());
    assert.equal(Buffer.from(await handle(), 'base64url').length, 32);
  }),

  rule('asks for a recent sign-in before it adds another passkey', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    site.clock.now += 600_001;
    assertProblem(await agent.post('/registration/options'), 403, 'step_up_required');
    assert.equal((await agent.stepUp(passkey)).status, 200);
    assert.equal((await agent.post('/registration/options')).status, 200);
  }),

  rule('steps up for one action, which serves no other and not our own routes', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    assertProblem(await agent.request('GET', '/transfer'), 403, 'step_up_required');
    site.clock.now += 600_001;
    assert.equal((await agent.stepUp(passkey, 'delete-account')).json.action, 'delete-account');
    assertProblem(await agent.request('GET', '/transfer'), 403, 'step_up_required');
    const reply = await agent.stepUp(passkey, 'transfer');
    assert.deepEqual([reply.status, reply.json.action, reply.json.steppedUpAt], [200, 'transfer', site.clock.now]);
    assert.equal((await agent.request('GET', '/transfer')).status, 200);
    assertProblem(await agent.post('/registration/options'), 403, 'step_up_required');
    site.clock.now += 300_001;
    assertProblem(await agent.request('GET', '/transfer'), 403, 'step_up_required');
    assert.equal(site.records.filter(({ event }) => event.name === 'latchkey.step_up.attempt').length, 2);
  }),

  rule('does not take a step-up for a sign-in, nor a sign-in for a step-up', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const stepUp = (await agent.post('/step-up/options')).json;
    const signIn = await agent.signInOptions();
    for (const [path, { attemptId, publicKey }] of [
      ['/authentication/verify', stepUp],
      ['/step-up/verify', signIn],
    ] as const) {
      const credential = passkey.authenticate(publicKey);
      const reply = await assertOneRefusal(site, 'challenge_mismatch', () =>
        agent.post(path, { attemptId, credential, client: USED }),
      );
      assertProblem(reply, 400, 'challenge_invalid');
    }
  }),

  rule('names a known user’s passkeys to a modal sign-in, and cannot be asked who is known', async (site) => {
    const passkey = await site.agent().signUp('ada');
    const offered = async (identifier: string) =>
      (await site.agent().signInOptions({ mode: 'modal', identifier })).publicKey.allowCredentials as {
        id: string;
        type: string;
        transports: string[];
      }[];
    assert.deepEqual(
      (await offered('ada')).map(({ id }) => id),
      [passkey.credentialId],
    );
    const [decoy] = await offered('nobody');
    const [genuine] = await offered('ada');
    assert.deepEqual(Object.keys(decoy!).sort(), Object.keys(genuine!).sort());
    assert.deepEqual(await offered('nobody'), await offered('nobody'));
    assert.notDeepEqual(await offered('nobody'), await offered('somebody'));
    assert.deepEqual(
      (await site.agent().signInOptions({ mode: 'immediate', identifier: 'ada' })).publicKey.allowCredentials,
      [],
    );
  }),

  rule(
    'accepts what no step forbids: a byte order mark, reserved flags, extension outputs nobody asked for',
    async (site) => {
      const bom = { clientDataJSON: (json: Uint8Array) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), json]) };
      const more = {
        ...bom,
        flags: { RFU1: true, RFU2: true },
        extensions: new Map([['x', true]]),
        clientExtensionResults: { appid: true, '': [] },
      };
      const agent = site.agent();
      await agent.signUp('ada');
      const passkey = createSoftwarePasskey({ origin: site.origin });
      assert.equal((await agent.addPasskey(passkey, more)).status, 201);
      assert.equal((await site.agent().signIn(passkey, { bend: more })).status, 200);
      const withoutResults = createSoftwarePasskey({ origin: site.origin });
      assert.equal((await agent.addPasskey(withoutResults, { clientExtensionResults: undefined })).status, 201);
    },
  ),

  rule('makes nothing of an attestation that nobody asked for, but names its kind in the record', async (site) => {
    const agent = site.agent();
    await agent.signUp('ada');
    const statements: readonly (readonly [format: string, RegistrationBend])[] = [
      ['none', {}],
      ['none', { attStmt: new Map([['sig', Uint8Array.of(1)]]) }],
      ['packed', packedAttestation()],
      ['packed', packedAttestation({ privateKey: OTHER_KEY, certificates: [] })],
      ['packed', { fmt: 'packed' }],
      ['apple', { ...packedAttestation(), fmt: 'apple' }],
      ['android-key', { ...packedAttestation(), fmt: 'android-key' }],
      ['compound', { fmt: 'compound', attStmt: [new Map([['fmt', 'packed']])] }],
      ['other', { fmt: 'None' }],
      ['other', { fmt: 'trust-me', attStmt: null }],
      ['other', { fmt: 7 }],
    ];
    for (const [format, bend] of statements) {
      const passkey = createSoftwarePasskey({ origin: site.origin });
      assert.equal((await agent.addPasskey(passkey, bend)).status, 201);
      assert.equal(site.records.at(-1)!.credential.attestationFormat, format);
      assert.equal((await site.agent().signIn(passkey)).status, 200);
    }
  }),

  rule('keeps what a registration says: id, key, counter, flags and transports that are words', async (site) => {
    const agent = site.agent();
    const longest = Buffer.alloc(1_023, 9).toString('base64url');
    const passkey = createSoftwarePasskey({ origin: site.origin, credentialId: longest, signCount: 4_294_967_294 });
    const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'ada' })).json;
    const transports = ['usb', 'usb', 'NFC!', 7, null, 'x'.repeat(33), 'smart-card'];
    const credential = passkey.register(publicKey, { transports });
    assert.equal((await agent.post('/registration/verify', { attemptId, credential })).status, 201);
    const [userId] = site.accounts.keys();
    const stored = async () => (await site.store.passkeys.listByUser(userId!))[0]!;
    assert.deepEqual(
      [
        Buffer.from((await stored()).credentialId).toString('base64url'),
        (await stored()).signCount,
        (await stored()).algorithm,
      ],
      [longest, 4_294_967_294, -7],
    );
    assert.deepEqual([(await stored()).backupEligible, (await stored()).backedUp], [true, true]);
    assert.deepEqual((await stored()).transports, ['usb', 'smart-card']);
    assert.equal((await site.agent().signIn(passkey, { bend: { flags: { BS: false } } })).status, 200);
    assert.deepEqual([(await stored()).signCount, (await stored()).backedUp], [4_294_967_295, false]);
  }),

  rule('keeps the highest of the counters that arrive at once, and lets each of them in', async (site) => {
    const passkey = await site.agent().signUp('ada', createSoftwarePasskey({ origin: site.origin, signCount: 0 }));
    const answers = [];
    for (let i = 0; i < 4; i++) {
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions();
      answers.push({ agent, attemptId, credential: passkey.authenticate(publicKey) });
    }
    const replies = await Promise.all(
      answers.map(({ agent, attemptId, credential }) => verify(agent, attemptId, credential)),
    );
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    const [userId] = site.accounts.keys();
    assert.equal((await site.store.passkeys.listByUser(userId!))[0]!.signCount, 4);
  }),

  rule('ignores what client data holds beside its own members, Level 2’s tokenBinding among it', async (site) => {
    const passkey = await site.agent().signUp('ada');
    for (const clientData of [
      { tokenBinding: { status: 'perhaps' } },
      { tokenBinding: { status: 'not-supported' } },
      { tokenBinding: 'text' },
      { extraData: 'clientDataJSON may be extended', clientExtensions: {}, hashAlgorithm: 'SHA-256' },
    ]) {
      const reply = await site.agent().signIn(passkey, { bend: { clientData } });
      assert.equal(reply.status, 200, reply.text);
    }
  }),

  rule('needs no user handle once a user was named, and takes no other', async (site) => {
    const passkey = await site.agent().signUp('ada');
    for (const [userHandle, status] of [
      [undefined, 200],
      [null, 200],
      // An empty handle is none: some browsers write it for security keys.
      ['', 200],
      [OTHER_ID, 401],
    ] as const) {
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions({ mode: 'modal', identifier: 'ada' });
      const reply = await verify(agent, attemptId, passkey.authenticate(publicKey, { userHandle }));
      assert.equal(reply.status, status, reply.text);
      if (status === 401) assert.equal(lastRecord(site).reason, 'user_handle_mismatch');
    }
  }),
];
