/** What happens to an attempt when a sink, a store or a session fails. */
import { channel } from 'node:diagnostics_channel';
import { type AttemptRecord, memoryStore, type SignIn, type Store } from '@latchkey/core';
import { createSoftwarePasskey, openSite, type SiteOptions, USED } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { atThisSpeed } from '../support/slowness.ts';
import { openRecorded } from './findings/recorded.ts';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const open = (options: SiteOptions = {}, store: () => Store = memoryStore) =>
  openSite({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }, options);

test('a sink that throws or hangs changes no sign-in', async () => {
  const site = await open({
    audit: {
      sinks: [
        { name: 'throws', write: () => Promise.reject(new Error('disk full')) },
        { name: 'hangs', write: () => new Promise(() => {}) },
      ],
    },
  });
  const passkey = await site.agent().signUp('ada');
  expect((await site.agent().signIn(passkey)).status).toBe(200);
  await site.close();
});

test('a fail_closed sink that throws refuses the sign-in and leaves no session', async () => {
  let failing = false;
  const kept: AttemptRecord[] = [];
  const write = (record: AttemptRecord) => {
    if (failing) throw new Error('disk full');
    kept.push(record);
  };
  const site = await open({ audit: { sinks: [{ name: 'ledger', write, onFailure: 'fail_closed' }] } });
  const passkey = await site.agent().signUp('ada');
  failing = true;
  const agent = site.agent();
  const reply = await agent.signIn(passkey);
  expect([reply.status, reply.json.code]).toEqual([503, 'audit_unavailable']);
  expect((await agent.session()).status).toBe(401);
  expect(site.records.at(-1)).toMatchObject({ outcome: 'error', reason: 'audit_unavailable', http: { status: 503 } });
  failing = false;
  expect((await agent.signIn(passkey)).status).toBe(200);
  expect(kept.at(-1)).toMatchObject({ outcome: 'success' });
  // It gets what is refused, too, and what comes along with a registration.
  await agent.signIn(passkey, { bend: { flags: { UV: false } } });
  expect(kept.at(-1)).toMatchObject({ outcome: 'failure', reason: 'user_verification_missing' });
  expect(kept.map(({ event }) => event.name)).toContain('latchkey.passkey.added');
  await site.close();
});

test('the log says which sink refused a sign-in, and what that sink said', async () => {
  let failing = false;
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const write = () => (failing ? Promise.reject(full) : undefined);
  const site = await openRecorded({
    mount: mounts['Express 5'],
    audit: { sinks: [{ name: 'ledger', write, onFailure: 'fail_closed' }] },
  });
  const passkey = await site.agent().signUp('ada');
  failing = true;
  expect((await site.agent().signIn(passkey)).status).toBe(503);
  const cause = { message: "the sink 'ledger' did not take the record", cause: { code: 'ENOSPC' } };
  expect(site.log.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toContainEqual(
    expect.objectContaining({
      error: expect.objectContaining({ ...cause, cause: expect.objectContaining(cause.cause) }),
    }),
  );
  failing = false;
  await site.close();
});

test('a store that throws or hangs is store_unavailable, in time, and never lets in', async () => {
  const inner = memoryStore();
  let answer: () => unknown = () => undefined;
  const broken: Store = {
    ...inner,
    challenges: { ...inner.challenges, take: (...args) => (answer() as never) ?? inner.challenges.take(...args) },
  };
  const site = await open({ storeTimeout: atThisSpeed(200) }, () => broken);
  const passkey = await site.agent().signUp('ada');
  for (const fault of [
    () => {
      throw new Error('connection refused');
    },
    () => new Promise(() => {}),
  ]) {
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    answer = fault;
    const started = performance.now();
    const reply = await agent.post('/authentication/verify', {
      attemptId,
      credential: passkey.authenticate(publicKey),
      client: USED,
    });
    expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
    expect(performance.now() - started).toBeLessThan(atThisSpeed(2_000));
    expect(site.records.at(-1)).toMatchObject({ outcome: 'error', reason: 'store_unavailable' });
    answer = () => undefined;
    expect((await agent.session()).status).toBe(401);
  }
  expect((await site.agent().signIn(passkey)).status).toBe(200);
  await site.close();
});

const isFrozen = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (Object.isFrozen(value) && Object.values(value).every((member) => isFrozen(member)));

test('the attempt store and the diagnostics channel get every record', async () => {
  const seen: AttemptRecord[] = [];
  const listen = (record: unknown) => void seen.push(record as AttemptRecord);
  channel('latchkey.attempt').subscribe(listen);
  const store = memoryStore();
  const site = await open({}, () => store);
  const passkey = await site.agent().signUp('ada');
  await site.agent().signIn(passkey);
  await site.agent().signIn(passkey, { bend: { flags: { UP: false } } });
  channel('latchkey.attempt').unsubscribe(listen);
  expect(seen).toEqual(site.records);
  expect(await store.attempts!.list({ limit: 10 })).toEqual(site.records.toReversed());
  expect(seen.every(isFrozen)).toBe(true);
  await site.close();
});

test('no record has a secret in it', async () => {
  const site = await open();
  const agent = site.agent();
  const passkey = await agent.signUp('ada@example.com', createSoftwarePasskey({ origin: site.origin }));
  const secrets = [passkey.credentialId, 'ada@example.com'];
  for (const bend of [{}, { flags: { UV: false } }, { clientData: { challenge: 'x' } }]) {
    const { attemptId, publicKey } = await agent.signInOptions();
    const credential = passkey.authenticate(publicKey, bend);
    await agent.post('/authentication/verify', { attemptId, credential, client: USED });
    const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
    secrets.push(
      publicKey.challenge,
      clientDataJSON,
      authenticatorData,
      signature,
      userHandle!,
      ...agent.cookies.values(),
    );
  }
  const written = JSON.stringify(site.records);
  for (const secret of secrets) expect(written).not.toContain(secret);
  await site.close();
});

test('onSignIn is told what was proved, adds to the answer, and its members never replace ours', async () => {
  const told: SignIn[] = [];
  const site = await open({
    onSignIn: (signIn) => {
      told.push(signIn);
      return { token: `for ${signIn.user.name}`, attempt: 'mine' };
    },
  });
  const passkey = await site.agent().signUp('ada');
  expect(told[0]).toMatchObject({ userVerified: true, attempt: { mode: null, enforcement: 'not_applicable' } });
  const { json } = await site.agent().signIn(passkey);
  expect(told[1]).toMatchObject({ userVerified: true, authenticatedAt: site.clock.now, attempt: json.attempt });
  expect(json.token).toBe('for ada');
  expect(json.attempt.enforcement).toBe('enforced');
  await site.close();
});

test('an application that throws in onSignIn leaves no session behind', async () => {
  const site = await open({
    onSignIn: ({ attempt }) => {
      if (attempt.mode !== null) throw new Error('the token service is down');
      return undefined;
    },
  });
  const passkey = await site.agent().signUp('ada');
  const agent = site.agent();
  const reply = await agent.signIn(passkey);
  expect([reply.status, reply.json.code]).toEqual([500, 'internal_error']);
  expect((await agent.session()).status).toBe(401);
  expect(site.records.at(-1)).toMatchObject({
    outcome: 'error',
    reason: 'internal_error',
    assertion: { signature: 'valid' },
  });
  await site.close();
});

test('closing waits for the records under way', async () => {
  const kept: AttemptRecord[] = [];
  let write = () => {};
  const slow = {
    name: 'slow',
    write: (record: AttemptRecord) =>
      new Promise<void>((resolve) => {
        write = () => {
          kept.push(record);
          resolve();
        };
      }),
  };
  const site = await open({ audit: { sinks: [slow] } });
  await site.agent().post('/authentication/options', { mode: 'telepathy' });
  const closed = site.passkeys.close();
  expect(kept).toHaveLength(0);
  write();
  await closed;
  expect(kept).toHaveLength(1);
  await site.close();
});

test('a site whose records are not what they should be says so when it is closed', async () => {
  const onRecord = () => {
    throw new Error('not valid');
  };
  const site = await openSite({ mount: mounts['Express 5'], store: memoryStore, onRecord });
  await site.agent().post('/authentication/options', { mode: 'telepathy' });
  await expect(site.close()).rejects.toThrow('not valid');
});
