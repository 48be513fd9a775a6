/** What must be refused, line by line as the threat model has it, and what shows each line. */
import { readFileSync } from 'node:fs';
import { type AttemptRecord, memoryStore, type PolicyOptions, type User } from '@latchkey/core';
import { type CoseKey, createSoftwarePasskey, USED } from '@latchkey/testing';
import * as logs from '@opentelemetry/sdk-logs';
import * as metrics from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import * as tracing from '@opentelemetry/sdk-trace';
import { generateRegistrationOptions } from '@simplewebauthn/server';
import { describe, expect, test } from 'vitest';
import { ORIGIN, openDirect } from './direct.ts';
import { type Evidence, elsewhere, here, open, rules, show } from './evidence.ts';

/** The options of a registration under a policy, without what is random in them. */
async function creationOptions(policy: PolicyOptions = {}) {
  const { json } = await openDirect({ policy }).browser().send('POST', '/registration/options', { username: 'ada' });
  return { ...json.publicKey, challenge: '', user: { ...json.publicKey.user, id: '' } };
}

/** What @simplewebauthn/server leaves to its caller. */
const LIBRARY: Record<string, readonly Evidence[]> = {
  'it verifies against the credential it is handed': [
    rules(
      'refuses a sign-in: an id that nobody has',
      'refuses a sign-in: an id that is not the raw id',
      'refuses a sign-in: an id in another case',
      'refuses a sign-in: an id in another spelling',
    ),
    here('a store that finds the passkey of another id, as a database without case does, lets nobody in', async () => {
      const inner = memoryStore();
      const { browser, records } = openDirect({
        store: {
          ...inner,
          passkeys: { ...inner.passkeys, find: async () => inner.passkeys.listByUser([...users.keys()][0]!) },
        },
      });
      const users = new Map<string, User>();
      const ada = browser();
      const { attemptId, publicKey } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
      const passkey = createSoftwarePasskey({ origin: ORIGIN });
      const body = { attemptId, credential: passkey.register(publicKey) };
      const { user } = (await ada.send('POST', '/registration/verify', body)).json;
      users.set(user.id, user);
      const eve = browser();
      const options = (await eve.send('POST', '/authentication/options', {})).json;
      const otherId = Buffer.alloc(32, 1).toString('base64url');
      const credential = passkey.authenticate(options.publicKey, { id: otherId, rawId: otherId });
      expect(
        (await eve.send('POST', '/authentication/verify', { attemptId: options.attemptId, credential })).status,
      ).toBe(401);
      expect(records.at(-1)).toMatchObject({ reason: 'credential_unknown' });
    }),
  ],
  'userHandle is not compared with the owner, and is unsigned': [
    rules(
      'refuses a sign-in: no user handle, when nobody was named',
      'refuses a sign-in: another user handle',
      'needs no user handle once a user was named, and takes no other',
    ),
  ],
  'a registration’s id, its length, its point and its transports are believed': [
    rules(
      'refuses a registration: an id other than the one attested',
      'refuses a registration: another attested id',
      'refuses a registration: an attested id of 1,024 bytes',
      'refuses a registration: a point off the curve',
      'keeps what a registration says: id, key, counter, flags and transports that are words',
    ),
    here('a public key is 4 KiB at most, as every store keeps it: mutant 6', async () => {
      const { browser, records, users } = openDirect();
      for (const [more, status] of [
        [3_000, 201],
        [5_000, 400],
      ] as const) {
        const visitor = browser();
        const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username: 'ada' }))
          .json;
        const padded = { publicKey: (genuine: CoseKey) => new Map([...genuine, [99, Buffer.alloc(more)]]) as CoseKey };
        const credential = createSoftwarePasskey({ origin: ORIGIN }).register(publicKey, padded);
        const reply = await visitor.send('POST', '/registration/verify', { attemptId, credential });
        expect([more, reply.status]).toEqual([more, status]);
        if (status === 400) expect(records.at(-1)).toMatchObject({ reason: 'public_key_invalid' });
        users.clear();
      }
    }),
  ],
  'crossOrigin and topOrigin are ignored': [
    rules(
      'refuses a registration: client data with crossOrigin',
      'refuses a registration: client data with a topOrigin',
      'refuses a sign-in: client data with crossOrigin',
      'refuses a sign-in: client data with a topOrigin',
    ),
  ],
  'a flipped backup-eligible flag is accepted': [
    rules(
      'follows a passkey whose manager changed whether it may be synced, and records the change',
      'refuses such a passkey under refuse',
    ),
  ],
  'the counter is judged before the signature': [
    rules(
      'raises no clone alarm for a counter that nobody signed',
      'records a counter that went backwards and lets in, under observe, and never stores the lower value',
    ),
  ],
  'its messages contain the expected challenge, and it judges presence before the signature': [
    rules('refuses a sign-in: presence added after signing', 'refuses a sign-in: client data with another challenge'),
    ...elsewhere('tests/security/threats.test.ts', 'no signal has a secret in it, whatever went wrong'),
  ],
  'deep CBOR and null bodies throw': [
    rules(
      'refuses a registration: an attestation object 5,000 levels deep',
      'refuses a body of the wrong shape',
      'refuses a sign-in: an empty object',
      'refuses a registration: an empty object',
    ),
    ...elsewhere('tests/security/fuzz.test.ts', 'bytes of a registration'),
  ],
  'generateRegistrationOptions mutates what other callers see': [
    here(
      'ours are the same before and after it was called, and of one configuration whatever another one says',
      async () => {
        const strict: PolicyOptions = { algorithms: ['ES256'], userVerification: 'required' };
        const lax: PolicyOptions = { algorithms: ['RS256'], userVerification: 'discouraged' };
        const before = [await creationOptions(strict), await creationOptions(lax)];
        const library = await generateRegistrationOptions({
          rpName: 'Direct',
          rpID: 'localhost',
          userName: 'ada',
          authenticatorSelection: { residentKey: 'discouraged', userVerification: 'discouraged' },
        });
        expect(library.authenticatorSelection).toMatchObject({ residentKey: 'discouraged' });
        expect([await creationOptions(strict), await creationOptions(lax)]).toEqual(before);
        expect(before.map(({ authenticatorSelection }) => authenticatorSelection.userVerification)).toEqual([
          'required',
          'discouraged',
        ]);
        expect(before.map(({ authenticatorSelection }) => authenticatorSelection.residentKey)).toEqual([
          'required',
          'required',
        ]);
      },
    ),
  ],
  'an empty RP ID, the advanced configuration, and a list of algorithms that changes with Node': [
    ...elsewhere('packages/core/test/config.test.ts', 'an empty RP ID'),
    here('the algorithms are ours, offered and accepted alike', async () => {
      const offered = async (policy?: PolicyOptions) =>
        (await creationOptions(policy)).pubKeyCredParams.map(({ alg }: { alg: number }) => alg);
      expect(await offered()).toEqual([-7, -8, -257]);
      expect(await offered({ algorithms: ['ES256'] })).toEqual([-7]);
      const { browser, records, users } = openDirect({ policy: { algorithms: ['ES256'] } });
      for (const [algorithm, status] of [
        [-8, 400],
        [-257, 400],
        [-7, 201],
      ] as const) {
        const visitor = browser();
        const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username: 'ada' }))
          .json;
        const pubKeyCredParams = [{ type: 'public-key' as const, alg: algorithm }];
        const passkey = createSoftwarePasskey({ origin: ORIGIN, algorithm });
        const credential = passkey.register({ ...publicKey, pubKeyCredParams });
        const reply = await visitor.send('POST', '/registration/verify', { attemptId, credential });
        expect([algorithm, reply.status]).toEqual([algorithm, status]);
        if (status === 400) expect(records.at(-1)).toMatchObject({ reason: 'algorithm_unsupported' });
        expect(users.size).toBe(status === 201 ? 1 : 0);
      }
    }),
    here('the library’s way to do without presence is not taken, also where verification is discouraged', async () => {
      const { browser, records } = openDirect({ policy: { userVerification: 'discouraged' } });
      const passkey = createSoftwarePasskey({ origin: ORIGIN });
      const present = async (UP: boolean) => {
        const visitor = browser();
        const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username: 'ada' }))
          .json;
        const credential = passkey.register(publicKey, { flags: { UP, UV: false } });
        return (await visitor.send('POST', '/registration/verify', { attemptId, credential })).status;
      };
      expect(await present(false)).toBe(400);
      expect(records.at(-1)).toMatchObject({ reason: 'user_presence_missing' });
      expect(await present(true)).toBe(201);
      const visitor = browser();
      const { attemptId, publicKey } = (await visitor.send('POST', '/authentication/options', {})).json;
      const credential = passkey.authenticate(publicKey, { flags: { UP: false, UV: false } });
      expect((await visitor.send('POST', '/authentication/verify', { attemptId, credential })).status).toBe(401);
      expect(records.at(-1)).toMatchObject({ reason: 'user_presence_missing' });
    }),
  ],
  'without roots attestation counts as true': [
    rules('makes nothing of an attestation that nobody asked for, but names its kind in the record'),
    ...elsewhere(
      'tests/http/attestation.test.ts',
      'asks for nothing and claims nothing by default',
      'refuses what is not attested at all',
    ),
  ],
};

const CHALLENGE: Record<string, readonly Evidence[]> = {
  replay: [rules('refuses a second use of an answer that was accepted')],
  'parallel use': [rules('accepts one of 50 identical answers sent at once')],
  'use after any failed verify': [
    // Each such rule tries the genuine answer at its end, and sees that it comes too late.
    rules('refuses a sign-in: a signature with a flipped bit', 'refuses a registration: nobody present'),
  ],
  'expiry, by the server’s clock, inside the take': [
    rules('refuses an answer that comes too late, by the server’s clock'),
    ...elsewhere(
      'packages/testing/src/store-contract/challenges.ts',
      'gives nothing from the instant of expiry on, and a late take changes nothing',
    ),
  ],
  'wrong purpose': [
    rules(
      'does not take a step-up for a sign-in, nor a sign-in for a step-up',
      'refuses the challenge of a sign-up to somebody who signed in since, and a sign-in to a registration',
    ),
  ],
  'other browser': [rules('refuses an answer from another browser, which may still answer itself')],
  'other user': [rules('refuses a step-up challenge of one person to another in the same browser')],
  'client-supplied': [
    rules(
      'ignores members it does not know',
      'refuses a challenge it never issued',
      'refuses the answer to one challenge for another',
    ),
  ],
  'a flood of unfinished ceremonies': [
    ...elsewhere('tests/http/limits.test.ts', 'unfinished ceremonies, of everyone'),
    here('5,000 of them take little memory, and each ends in one record', async () => {
      const { browser, records, passkeys, clock } = openDirect();
      const visitor = browser();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < 5_000; i++) await visitor.send('POST', '/authentication/options', {});
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1_048_576);
      clock.now += 120_000;
      expect(await passkeys.sweep()).toBe(5_000);
      expect(new Set(records.map(({ attempt }) => attempt.id)).size).toBe(5_000);
    }),
  ],
};

const IDENTITY: Record<string, readonly Evidence[]> = {
  'registration of a credential id that someone else owns': [
    rules(
      'refuses a credential id that somebody else registered, and undoes the sign-up',
      'registers one credential id for one of two people who try at once',
    ),
  ],
  'another user’s passkey after a user was named': [
    rules('refuses another person’s passkey after a user was named', 'refuses another person’s passkey for a step-up'),
  ],
  'an id that was not offered': [
    rules('refuses another person’s passkey after a user was named'),
    here('one’s own other passkey is refused too, where it was not offered', async () => {
      const site = await open();
      const agent = site.agent();
      await agent.signUp('ada');
      const { attemptId, publicKey } = (await agent.post('/step-up/options')).json;
      const late = createSoftwarePasskey({ origin: site.origin });
      await agent.addPasskey(late);
      const credential = late.authenticate({ ...publicKey, allowCredentials: [] });
      expect((await agent.post('/step-up/verify', { attemptId, credential })).status).toBe(401);
      expect(site.records.at(-1)).toMatchObject({ reason: 'credential_not_allowed' });
    }),
  ],
  'a passkey disabled or deleted, a user blocked, between options and verify': [
    rules(
      'refuses a passkey that was disabled or removed after the options',
      'refuses a person whose account was blocked after the options',
      'refuses a passkey for a session that ended, and for an account that was blocked, after the options',
    ),
    here('whom the application alone knows adds no passkey once blocked: mutant 5', async () => {
      let active = true;
      const ada = { id: 'ada', name: 'ada' };
      const users = { find: () => ada, identify: () => ada, isActive: () => active };
      const { browser, records, store } = openDirect({ users });
      const visitor = browser();
      const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', {})).json;
      active = false;
      const credential = createSoftwarePasskey({ origin: ORIGIN }).register(publicKey);
      expect((await visitor.send('POST', '/registration/verify', { attemptId, credential })).status).toBe(400);
      expect(records.at(-1)).toMatchObject({ reason: 'user_disabled' });
      expect(await store.passkeys.listByUser('ada')).toEqual([]);
    }),
    here('of a disabled passkey not even the signature is believed', async () => {
      const site = await open();
      const owner = site.agent();
      await owner.signUp('ada');
      const second = createSoftwarePasskey({ origin: site.origin });
      await owner.addPasskey(second);
      const { passkeys } = (await owner.request('GET', '/passkeys/credentials')).json;
      const { id } = passkeys.find(({ current }: { current: boolean }) => !current);
      await owner.request('PATCH', `/passkeys/credentials/${id}`, { enabled: false });
      await site.agent().signIn(second);
      expect(site.records.at(-1)).toMatchObject({
        reason: 'credential_disabled',
        assertion: { evaluated: false, signature: 'not_evaluated', userPresent: null },
      });
    }),
  ],
  'a challenge, a passkey or a session of another tenant in the same store': [
    here('none of them will do, also not for one who signs whatever is asked for', async () => {
      const store = memoryStore();
      const rp = { id: 'example.com', name: 'Other', origins: ['https://example.com'] };
      const [ours, theirs] = [openDirect({ store }), openDirect({ store, rp })];
      const ada = ours.browser();
      const { attemptId, publicKey } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
      const passkey = createSoftwarePasskey({ origin: ORIGIN });
      await ada.send('POST', '/registration/verify', { attemptId, credential: passkey.register(publicKey) });
      for (const [id, user] of ours.users) theirs.users.set(id, user);
      const elsewhere = theirs.browser();
      elsewhere.token = ada.token;
      expect((await ada.send('GET', '/session')).status).toBe(200);
      expect((await elsewhere.send('GET', '/session')).status).toBe(401);
      const adapted = { rpId: 'example.com', clientData: { origin: 'https://example.com' } };
      for (const [issuer, reason] of [
        [ours, 'challenge_mismatch'],
        [theirs, 'credential_not_allowed'],
      ] as const) {
        const visitor = theirs.browser();
        const asked = issuer.browser();
        const options = (await asked.send('POST', '/authentication/options', {})).json;
        visitor.binding = asked.binding;
        const credential = passkey.authenticate({ ...options.publicKey, rpId: 'localhost' }, adapted);
        const reply = await visitor.send('POST', '/authentication/verify', {
          attemptId: options.attemptId,
          credential,
        });
        expect(reply.status).toBeGreaterThanOrEqual(400);
        expect(theirs.records.at(-1)).toMatchObject({ outcome: 'failure', reason });
        expect(visitor.token).toBeNull();
      }
    }),
  ],
  'a passkey disabled or deleted while its answer is being verified': [
    here('the use is not stored, and nobody is let in', async () => {
      for (const [meddle, reason] of [
        ['update', 'credential_disabled'],
        // And enabled again at once: its sessions are dead all the same, and so is this sign-in.
        ['update and back', 'credential_disabled'],
        ['remove', 'credential_unknown'],
      ] as const) {
        const inner = memoryStore();
        let meddling = false;
        const site = await open(
          {},
          {
            store: () => ({
              ...inner,
              passkeys: {
                ...inner.passkeys,
                recordUse: async (use) => {
                  const { userId, rpId, id } = use.passkey;
                  const selected = { userId, rpId, id, keepLast: false };
                  if (meddling && meddle !== 'remove')
                    await inner.passkeys.update({ ...selected, change: { enabled: false } });
                  if (meddling && meddle === 'update and back')
                    await inner.passkeys.update({ ...selected, change: { enabled: true } });
                  if (meddling && meddle === 'remove') await inner.passkeys.remove(selected);
                  return inner.passkeys.recordUse(use);
                },
              },
            }),
          },
        );
        const passkey = await site.agent().signUp('ada');
        meddling = true;
        const agent = site.agent();
        expect((await agent.signIn(passkey)).status).toBe(401);
        expect((await agent.session()).status).toBe(401);
        expect(site.records.at(-1)).toMatchObject({ outcome: 'failure', reason });
      }
    }),
  ],
  'unauthenticated registration': [
    rules(
      'refuses to register for nobody where sign-up is not offered',
      'asks strangers to sign in wherever a person is needed',
    ),
  ],
  'a sign-up to an account that is there already': [
    rules('keeps a name that is taken secret until a passkey was verified'),
    here(
      'is refused also where the application hands the account out, which keeps its passkeys and is not undone',
      async () => {
        const undone: unknown[] = [];
        const ada = { id: 'ada', name: 'ada' };
        const { browser, store, records } = openDirect({
          users: { find: () => ada, create: () => ada, undo: (user) => void undone.push(user) },
        });
        const signUp = async () => {
          const visitor = browser();
          const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username: 'ada' }))
            .json;
          const credential = createSoftwarePasskey({ origin: ORIGIN }).register(publicKey);
          const { status } = await visitor.send('POST', '/registration/verify', { attemptId, credential });
          return [status, (await visitor.session())?.userId];
        };
        expect(await signUp()).toEqual([201, 'ada']);
        expect(await signUp()).toEqual([409, undefined]);
        expect(records.at(-1)).toMatchObject({ reason: 'username_unavailable' });
        expect(await store.passkeys.listByUser('ada')).toHaveLength(1);
        expect(undone).toEqual([]);
      },
    ),
    here('an id that no store could keep is our fault, and nobody is let in by it', async () => {
      for (const id of ['', 'x'.repeat(256), 'a\0', '\ud800', 7 as unknown as string]) {
        const { browser, records, store } = openDirect({
          users: { find: () => undefined, create: ({ name }) => ({ id, name }) },
        });
        const visitor = browser();
        const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username: 'ada' }))
          .json;
        const credential = createSoftwarePasskey({ origin: ORIGIN }).register(publicKey);
        expect((await visitor.send('POST', '/registration/verify', { attemptId, credential })).status).toBe(500);
        expect(records.at(-1)).toMatchObject({ outcome: 'error', reason: 'config_invalid' });
        expect(await store.passkeys.listByUser(id)).toEqual([]);
      }
    }),
  ],
  'a body that names another user': [rules('adds a second passkey to whoever is signed in, whatever the body names')],
};

const FLAGS: Record<string, readonly Evidence[]> = {
  'UP=0': [rules('refuses a sign-in: nobody present', 'refuses a registration: nobody present')],
  'UV=0 under required': [rules('refuses a sign-in: nobody verified', 'refuses a registration: nobody verified')],
  'BE and BS': [
    rules(
      'refuses a sign-in: backed up without being eligible',
      'refuses a registration: backed up without being eligible',
      'refuses such a passkey under refuse',
    ),
  ],
  rpIdHash: [
    rules('refuses a sign-in: an answer for another RP ID', 'refuses a registration: an answer for another RP ID'),
  ],
  type: [
    rules('refuses a sign-in: client data of another type', 'refuses a registration: client data of another type'),
  ],
  'origin, by exact string': [rules('refuses a sign-in: an origin with …', 'refuses a registration: an origin with …')],
  'crossOrigin and topOrigin': [
    rules('refuses a sign-in: client data with crossOrigin', 'refuses a sign-in: client data with a topOrigin'),
  ],
  'an algorithm that was not offered, RS1': [
    rules(
      'refuses a registration: an algorithm that was not offered',
      'refuses a registration: the algorithm RS1',
      'refuses a sign-in: RS1 with the key of an RS256 passkey',
      'refuses a sign-in: a signature over SHA-1',
    ),
  ],
  'ECDSA r = s = 0': [rules('refuses a sign-in: a signature with r = s = 0')],
  'a counter that regressed': [
    rules(
      'refuses a sign-in: a counter that went backwards, under refuse',
      'refuses a sign-in: a counter that stood still, under refuse',
      'disables a passkey whose counter went backwards, under disable',
      'keeps the highest of the counters that arrive at once, and lets each of them in',
    ),
  ],
  'state written before it was verified': [
    // Each such rule compares every row before and after.
    rules(
      'refuses a sign-in: a counter changed after signing',
      'raises no clone alarm for a counter that nobody signed',
    ),
  ],
};

const SESSION: Record<string, readonly Evidence[]> = {
  fixation: [
    rules(
      'begins a new session at sign-in and ends the one that this browser had',
      'goes on under a new token after a step-up, and the old one is worth nothing',
    ),
    here('the id from before the sign-in opens nothing', async () => {
      const site = await open();
      const passkey = await site.agent().signUp('ada');
      const agent = site.agent();
      await agent.signUp('eve');
      const fixed = new Map(agent.cookies);
      await agent.signIn(passkey);
      const thief = site.agent();
      for (const [name, value] of fixed) thief.cookies.set(name, value);
      expect((await thief.session()).status).toBe(401);
      expect((await agent.session()).json.user.name).toBe('ada');
    }),
  ],
  'sessions that outlive their passkey': [
    rules(
      'ends the sessions of a passkey that was removed or disabled, for good',
      'ends a session within revalidateAfter of a removal that this process did not see',
      'ends the session of a blocked account at once',
      'signs out',
      'ends a session at its expiry, and when it was idle too long',
    ),
    here(
      'a session made after another process enabled the passkey again is not ended by what this one remembers',
      async () => {
        const store = memoryStore();
        const [first, second] = [openDirect({ store }), openDirect({ store })];
        const ada = first.browser();
        const { attemptId, publicKey } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
        const passkey = createSoftwarePasskey({ origin: ORIGIN });
        const credential = passkey.register(publicKey);
        await ada.send('POST', '/registration/verify', { attemptId, credential });
        for (const [id, user] of first.users) second.users.set(id, user);
        const { userId, passkeyId: id } = (await ada.session())!;
        expect((await ada.send('GET', '/session')).status).toBe(200);
        for (const enabled of [false, true])
          await store.passkeys.update({ userId, rpId: 'localhost', id, keepLast: false, change: { enabled } });
        const again = second.browser();
        const options = (await again.send('POST', '/authentication/options', {})).json;
        const body = { attemptId: options.attemptId, credential: passkey.authenticate(options.publicKey) };
        expect((await again.send('POST', '/authentication/verify', body)).status).toBe(200);
        ada.token = again.token;
        expect((await ada.send('GET', '/session')).status).toBe(200);
      },
    ),
    here('the session of an account that was blocked does not come back when the account does', async () => {
      let active = true;
      const direct = openDirect({ users: { find: (id) => direct.users.get(id), isActive: () => active } });
      const { browser, records, store, users } = direct;
      const ada = browser();
      const { attemptId, publicKey } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
      const credential = createSoftwarePasskey({ origin: ORIGIN }).register(publicKey);
      await ada.send('POST', '/registration/verify', { attemptId, credential });
      expect((await ada.send('GET', '/session')).status).toBe(200);
      active = false;
      expect((await ada.send('GET', '/session')).status).toBe(401);
      active = true;
      expect((await ada.send('GET', '/session')).status).toBe(401);
      expect(await store.sessions!.listByUser([...users.keys()][0]!)).toEqual([]);
      expect(records.at(-1)).toMatchObject({ session: { endedBy: 'policy', endedBecause: 'user_disabled' } });
    }),
    here('a session from before a disabling stays dead, also when nobody looked in between', async () => {
      const { browser, clock, store } = openDirect();
      const ada = browser();
      const { attemptId, publicKey } = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
      const passkey = createSoftwarePasskey({ origin: ORIGIN });
      const credential = passkey.register(publicKey);
      await ada.send('POST', '/registration/verify', { attemptId, credential });
      const { userId, passkeyId: id } = (await ada.session())!;
      const { token } = ada;
      const look = async () => {
        ada.token = token;
        clock.now += 60_000;
        return (await ada.send('GET', '/session')).status;
      };
      expect(await look()).toBe(200);
      for (const enabled of [false, true])
        await store.passkeys.update({ userId, rpId: 'localhost', id, keepLast: false, change: { enabled } });
      expect(await look()).toBe(401);
      // Not only disbelieved: it is gone, so nothing can bring it back.
      expect(await store.sessions!.listByUser(userId)).toEqual([]);
      const again = browser();
      const options = (await again.send('POST', '/authentication/options', {})).json;
      const answer = { attemptId: options.attemptId, credential: passkey.authenticate(options.publicKey) };
      expect((await again.send('POST', '/authentication/verify', answer)).status).toBe(200);
      ada.token = token;
      expect((await ada.send('GET', '/session')).status).toBe(401);
      expect((await again.send('GET', '/session')).status).toBe(200);
    }),
  ],
  'a token that was guessed, stolen by a script, or made up': [
    rules(
      'names a session by a cookie that no script reads and no other site sends',
      'believes no token that is not its own',
    ),
  ],
  'a session that ended and comes back': [
    rules(
      'refuses a step-up whose session ended meanwhile, and revives nothing',
      'keeps a step-up and a sign-in that were made while a request was held open',
    ),
    here(
      'a step-up whose session ends while it is being stored is refused as signed out, and revives nothing',
      async () => {
        const inner = memoryStore();
        const recordUse: typeof inner.passkeys.recordUse = async (use) => {
          if (use.session?.renews) await inner.sessions!.end({ tokenHash: use.session.replaces! });
          return inner.passkeys.recordUse(use);
        };
        const { browser, records, store } = openDirect({
          store: { ...inner, passkeys: { ...inner.passkeys, recordUse } },
        });
        const ada = browser();
        const signUp = (await ada.send('POST', '/registration/options', { username: 'ada' })).json;
        const passkey = createSoftwarePasskey({ origin: ORIGIN });
        const registered = { attemptId: signUp.attemptId, credential: passkey.register(signUp.publicKey) };
        const { user } = (await ada.send('POST', '/registration/verify', registered)).json;
        const { attemptId, publicKey } = (await ada.send('POST', '/step-up/options', {})).json;
        const body = { attemptId, credential: passkey.authenticate(publicKey) };
        const reply = await ada.send('POST', '/step-up/verify', body);
        expect([reply.status, reply.json.code]).toEqual([401, 'sign_in_required']);
        expect(records.at(-1)).toMatchObject({ outcome: 'failure', reason: 'challenge_session_mismatch' });
        expect(await store.sessions!.listByUser(user.id)).toEqual([]);
        expect((await store.passkeys.listByUser(user.id))[0]).toMatchObject({ lastUsedAt: null });
      },
    ),
  ],
  'a session of one person beside the application’s own sign-in of another': [
    rules('ends the session of one person where the application names another'),
  ],
  'step-up confused with sign-in or with another action, stale step-up': [
    rules(
      'steps up for one action, which serves no other and not our own routes',
      'does not take a step-up for a sign-in, nor a sign-in for a step-up',
    ),
  ],
};

const WEB: Record<string, readonly Evidence[]> = {
  'CSRF, by content type': [rules('takes JSON and nothing else')],
  'CSRF, by Origin or Sec-Fetch-Site': [
    rules(
      'refuses requests of other origins, also to read',
      'refuses what a page of another site would change behind a guard',
    ),
  ],
  'CORS reflection': [
    rules('shares nothing with other origins: no CORS header on any answer, not even to a preflight'),
  ],
  'method override': [
    rules('takes its method from nowhere but the request line', 'answers a method it does not know with those it does'),
  ],
  'open redirect': [
    rules('redirects a page to where its guard says, whatever the request says'),
    here('the way back is a path of this site, and no other host in any spelling', async () => {
      const { passkeys } = openDirect();
      const location = async (url: string) => {
        const request = { method: 'GET', path: '/', header: () => undefined, body: { parsed: undefined } };
        const more = { address: null, framework: 'none', native: {}, nativeResponse: {} };
        const result = await passkeys.requireSignIn({ ...request, ...more, url }, { redirectTo: '/sign-in' });
        return 'response' in result && result.response.headers.location;
      };
      expect(await location('/orders?page=2')).toBe('/sign-in?returnTo=%2Forders%3Fpage%3D2');
      for (const url of ['//evil.example', '/\\evil.example', 'https://evil.example/', 'orders', ''])
        expect(await location(url), url).toBe('/sign-in');
    }),
  ],
  'Host and X-Forwarded-*': [rules('derives nothing from Host, Origin or what a proxy says')],
  'cookie attributes': [
    rules('binds a browser once, with a cookie that scripts and other sites cannot use'),
    here('on https the cookie is Secure and of this host only', async () => {
      const rp = { id: 'example.com', name: 'Example', origins: ['https://example.com'] };
      const { passkeys } = openDirect({ rp });
      const { cookies } = await passkeys.handle({
        method: 'POST',
        path: '/authentication/options',
        url: '/passkeys/authentication/options',
        header: (name) => ({ 'content-type': 'application/json' })[name],
        body: { parsed: {} },
        address: null,
        framework: 'none',
        native: {},
        nativeResponse: {},
      });
      expect(cookies).toEqual([
        expect.stringMatching(/^__Host-latchkey=[\w-]{22}; Path=\/; HttpOnly; Secure; SameSite=Strict$/),
      ]);
    }),
  ],
  caching: [rules('gives every answer the same careful headers')],
};

const ENUMERATION: Record<string, readonly Evidence[]> = {
  answers: [
    rules(
      'names a known user’s passkeys to a modal sign-in, and cannot be asked who is known',
      'keeps a name that is taken secret until a passkey was verified',
    ),
    ...elsewhere(
      'tests/security/enumeration.test.ts',
      'options are the same bytes for everybody, but for what is random and the passkeys that are offered',
      'decoys have the numbers, lengths and transports of the passkeys that people have: finding 6',
      'the order of what is offered does not change with use, as decoys do not',
      'a refused answer is the same bytes for everybody, whether the passkey is there or made up',
      'the first request of a sign-up is the same bytes for a name that is taken',
    ),
  ],
  timing: elsewhere(
    'tests/security/enumeration.test.ts',
    'what a person’s row costs more does not show in when an answer leaves: finding 15',
    'options take as long for everybody',
    'a refused answer takes as long for everybody',
  ),
  'decoys, stable across requests and nodes': elsewhere(
    'tests/security/enumeration.test.ts',
    'decoys are the same at every asking and on every node that has the key, and nobody else can make them',
    'decoys are the same at every asking, and others at another relying party: finding 7',
  ),
};

const INPUT: Record<string, readonly Evidence[]> = {
  '10 MiB': [
    rules('refuses a body that is too large, by its length'),
    ...elsewhere(
      'tests/security/sockets.test.ts',
      '10 MiB with their length are refused, and the connection goes on or is closed',
      '10 MiB in chunks are refused before they end, and the connection goes on or is closed',
    ),
  ],
  'compression bombs': [rules('refuses what is compressed, however small it looks')],
  'depth 10,000, 100,000 keys': [rules('reads a body that is deep or wide as far as it needs to')],
  'members in a prototype': [
    rules('reads nothing from a prototype', 'reads no answer from a prototype'),
    here('a body whose members are in its prototype has none', async () => {
      const { browser } = openDirect();
      const inherited = Object.create({ mode: 'modal', attemptId: 'x', credential: {} });
      expect((await browser().send('POST', '/authentication/options', inherited)).json.mode).toBe('immediate');
      expect((await browser().send('POST', '/authentication/verify', inherited)).json.code).toBe('malformed_request');
      const visitor = browser();
      const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username: 'ada' })).json;
      const credential = Object.create(createSoftwarePasskey({ origin: ORIGIN }).register(publicKey));
      const reply = await visitor.send('POST', '/registration/verify', { attemptId, credential });
      expect(reply.json.code).toBe('malformed_request');
    }),
  ],
  'arrays for strings, NUL, lone surrogates': [
    rules('refuses in every member what is no text, and what no store could keep as one'),
  ],
  'CRLF, emoji, SQL and Redis metacharacters': [
    rules(
      'takes or refuses every other text in every member: quotes, wildcards, line ends, directions, emoji',
      'keeps the text of a person as it is, whatever is in it',
      'renames a passkey',
    ),
    ...elsewhere('tests/http/stores.test.ts', 'for (const { name, check } of httpContract)'),
  ],
  'a body that is not UTF-8': [
    here('it is malformed, whatever its bytes would mean in another encoding', async () => {
      const { browser, records } = openDirect();
      for (const raw of [Buffer.from('{"a":"\xff"}', 'latin1'), Buffer.from('{}', 'utf16le')]) {
        const reply = await browser().send('POST', '/authentication/options', undefined, { raw });
        expect([reply.status, reply.json.code]).toEqual([400, 'malformed_request']);
      }
      expect(records).toHaveLength(2);
    }),
  ],
  'slow, half-closed and broken connections': elsewhere(
    'tests/security/sockets.test.ts',
    '300 connections that send a byte now and then hold up nobody',
    'a connection that is closed on one side gets its answer',
    'a client that goes away in the middle of its body leaves one record and no crash',
    'Node’s own time-outs end a request that never finishes its %s',
  ),
  'anything at all': elsewhere('tests/security/fuzz.test.ts', 'bodies of every route', 'headers of every route'),
};

const MANAGEMENT: Record<string, readonly Evidence[]> = {
  'another’s id': [rules('knows nothing of what belongs to someone else')],
  'the last passkey, also two parallel deletes': [
    rules(
      'does not remove or disable the last passkey, also when two try at once',
      'removes the last passkey of a person who has another way in',
    ),
  ],
  'without a recent sign-in': [
    rules(
      'asks for a recent sign-in before it removes, disables or enables',
      'asks for a recent sign-in before it adds another passkey',
    ),
  ],
};

const STORAGE: Record<string, readonly Evidence[]> = {
  'long and case-differing ids, large keys, counter 2^32 − 1': [
    rules(
      'keeps what a registration says: id, key, counter, flags and transports that are words',
      'refuses a sign-in: an id in another case',
    ),
    ...elsewhere('tests/http/stores.test.ts', 'for (const { name, check } of httpContract)'),
  ],
  'a server that is down, slow, read-only or flushed': elsewhere(
    'tests/http/faults.test.ts',
    'killed between options and verify: 503, nobody is let in, also not later by what was lost',
    'too slow: 503 in time, and what is done too late lets nobody in and leaves no second record',
    'flushed between options and verify: 400, the challenge is unknown',
    'read-only: 503, and nothing is spent',
  ),
  'two processes at once': [
    ...elsewhere(
      'tests/stores/redis.test.ts',
      'two processes get a challenge once between them, in 50 takes at the same time',
    ),
    ...elsewhere('tests/http/limits.test.ts', 'two processes count together'),
  ],
};

const RECORDS: Record<string, readonly Evidence[]> = {
  'a sink that throws or hangs': elsewhere(
    'tests/http/audit.test.ts',
    'a sink that throws or hangs changes no sign-in',
    'a fail_closed sink that throws refuses the sign-in and leaves no session',
  ),
  'log injection': [
    rules(
      'writes what comes from outside on one line',
      'takes or refuses every other text in every member: quotes, wildcards, line ends, directions, emoji',
    ),
    here('an address that a client made up is one short line, in records and in what is stored', async () => {
      const address = `1.2.3.4\u0085\u2028{"outcome":"success"}\u202e${'x'.repeat(8_000)}`;
      const { browser, records, passkeys, clock, faults } = openDirect();
      for (const made of [address, '']) {
        await browser().send('POST', '/authentication/options', [], { address: made });
        await browser().send('POST', '/authentication/options', {}, { address: made });
      }
      clock.now += 120_000;
      await passkeys.sweep();
      expect(records.map(({ reason }) => reason).sort()).toEqual([
        'malformed_request',
        'malformed_request',
        'no_response',
        'no_response',
      ]);
      for (const { client } of records) {
        expect(client.address ?? '').toMatch(/^[\x20-\x7e]{0,64}$/);
        expect(client.address).not.toBe('');
      }
      expect(faults).toEqual([]);
    }),
  ],
  'secrets in any signal': [
    ...elsewhere('tests/security/threats.test.ts', 'no signal has a secret in it, whatever went wrong'),
    ...elsewhere('tests/http/audit.test.ts', 'no record has a secret in it'),
    ...elsewhere(
      'tests/telemetry/telemetry.test.ts',
      'spans and metrics carry no identity, and log events no user id and no whole address',
    ),
  ],
  'traces suppressed by traceparent': elsewhere(
    'tests/telemetry/telemetry.test.ts',
    'a client cannot hide its sign-in by clearing the sampled flag: the trace is linked to, not continued',
  ),
  'forged outcome reports': [
    rules(
      'believes an outcome report only from the browser the attempt belongs to, and only once',
      'refuses an outcome report that says nothing, or two things',
    ),
  ],
};

const CONFIGURATION: Record<string, readonly Evidence[]> = {
  'an empty or URL-shaped RP ID': elsewhere(
    'packages/core/test/config.test.ts',
    'an empty RP ID',
    'an RP ID that is a URL',
  ),
  'an origin that is not https, or not under the RP ID and not declared related': elsewhere(
    'packages/core/test/config.test.ts',
    'an origin that is not https',
    'an origin that is not under the RP ID',
    'an origin that only ends like the RP ID',
    'a related origin that is not https',
  ),
  'an unknown algorithm': elsewhere('packages/core/test/config.test.ts', 'an unknown algorithm'),
  'a challenge that lives over 10 minutes': elsewhere(
    'packages/core/test/config.test.ts',
    'a challenge life over ten minutes',
  ),
  'a missing key where one is needed': elsewhere(
    'packages/core/test/config.test.ts',
    'decoys without a key',
    'a short identity key',
  ),
};

describe.each(
  Object.entries({
    'what the WebAuthn library leaves to its caller': LIBRARY,
    challenge: CHALLENGE,
    identity: IDENTITY,
    'flags and data': FLAGS,
    session: SESSION,
    web: WEB,
    enumeration: ENUMERATION,
    input: INPUT,
    management: MANAGEMENT,
    storage: STORAGE,
    records: RECORDS,
    configuration: CONFIGURATION,
  }),
)('%s', (_class, lines) => {
  for (const [line, shown] of Object.entries(lines)) {
    describe(line, () => {
      test('is shown by something', () => expect(shown.length).toBeGreaterThan(0));
      show(shown);
    });
  }
});

test('the contract runs on every framework and every store', () => {
  const read = (file: string) => readFileSync(new URL(`../http/${file}`, import.meta.url), 'utf8');
  for (const file of ['contract.test.ts', 'stores.test.ts']) expect(read(file)).toMatch(/of httpContract\)/);
  expect(read('contract.test.ts')).toContain('Object.entries(mounts)');
});

test('no signal has a secret in it, whatever went wrong', async () => {
  const spans = new tracing.InMemorySpanExporter();
  const events = new logs.InMemoryLogRecordExporter();
  const numbers = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
  const reader = new metrics.PeriodicExportingMetricReader({ exporter: numbers, exportIntervalMillis: 3_600_000 });
  const sdk = new NodeSDK({
    spanProcessors: [new tracing.SimpleSpanProcessor({ exporter: spans })],
    logRecordProcessors: [new logs.SimpleLogRecordProcessor({ exporter: events })],
    metricReaders: [reader],
    instrumentations: [],
  });
  sdk.start();
  const logged: unknown[] = [];
  const log = (fields: object, message: string) => void logged.push([fields, message]);
  const kept: AttemptRecord[] = [];
  let broken = false;
  const inner = memoryStore();
  const site = await open(
    {
      logger: { info: log, warn: log, error: log },
      audit: { sinks: [{ name: 'kept', write: (record) => void kept.push(record) }] },
      onSignIn: () => {
        if (broken) throw new Error('the token service is down');
        return undefined;
      },
    },
    {
      store: () => ({
        ...inner,
        passkeys: {
          ...inner.passkeys,
          find: (...args) => {
            if (broken) throw new Error('connection refused');
            return inner.passkeys.find(...args);
          },
        },
      }),
    },
  );
  const secrets = new Set<string>();
  const keep = (...texts: readonly (string | undefined)[]) => {
    for (const text of texts) {
      if (text === undefined || text.length < 8) continue;
      const bytes = Buffer.from(text, 'base64url');
      for (const spelling of [text, bytes.toString('hex'), bytes.toString('base64'), encodeURIComponent(text)])
        secrets.add(spelling);
    }
  };
  const agent = site.agent();
  const passkey = createSoftwarePasskey({ origin: site.origin, signCount: 3 });
  const registration = (await agent.post('/registration/options', { username: 'ada@example.com' })).json;
  const registered = passkey.register(registration.publicKey);
  await agent.post('/registration/verify', { attemptId: registration.attemptId, credential: registered });
  const [stored] = await inner.passkeys.listByUser([...site.accounts.keys()][0]!);
  secrets.add('ada@example.com');
  keep(registration.publicKey.challenge, registration.publicKey.user.id, registered.response.attestationObject);
  keep(registered.response.clientDataJSON, registered.response.publicKey, passkey.credentialId);
  keep(Buffer.from(stored!.publicKey).toString('base64url'));
  for (const bend of [
    {},
    { flags: { UP: false } },
    { signCount: 1 },
    { clientData: { challenge: 'another-challenge' } },
    { clientData: { origin: 'https://evil.example' } },
    { clientDataJSON: Buffer.from('{"challenge":') },
    { authenticatorData: Buffer.alloc(36) },
    { signature: Buffer.alloc(8) },
    'broken',
  ] as const) {
    broken = bend === 'broken';
    const visitor = site.agent();
    const { attemptId, publicKey } = await visitor.signInOptions();
    const credential = passkey.authenticate(publicKey, bend === 'broken' ? {} : bend);
    await visitor.post('/authentication/verify', { attemptId, credential, client: USED });
    const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
    keep(publicKey.challenge, clientDataJSON, authenticatorData, signature, userHandle, ...visitor.cookies.values());
    const report = await visitor.signInOptions();
    await visitor.post(`/attempts/${report.attemptId}/outcome`, { errorName: 'a message with ada@example.com in it' });
    keep(report.publicKey.challenge);
  }
  broken = false;
  keep(...agent.cookies.values());
  await reader.forceFlush();
  const signals = {
    records: kept,
    log: logged,
    spans: spans
      .getFinishedSpans()
      .map(({ name, attributes, events: said, status }) => ({ name, attributes, said, status })),
    events: events.getFinishedLogRecords().map(({ attributes, body, eventName }) => ({ attributes, body, eventName })),
    metrics: numbers.getMetrics(),
  };
  await sdk.shutdown();
  expect(kept.length).toBeGreaterThan(15);
  expect(kept.filter(({ outcome }) => outcome === 'error').length).toBeGreaterThan(0);
  expect(logged.length).toBeGreaterThan(15);
  for (const [name, said] of Object.entries(signals)) {
    const written = JSON.stringify(said);
    expect(written.length, name).toBeGreaterThan(200);
    for (const secret of secrets) expect(written.includes(secret), `${name} has ${secret}`).toBe(false);
  }
});
