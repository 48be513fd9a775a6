/** Several relying parties behind one mount: each with its own origins, policy and passkeys, sharing one store. */
import type { IncomingMessage } from 'node:http';
import { type AttemptRecord, createPasskeys, memoryStore, type PolicyOptions, type RelyingParty } from '@latchkey/core';
import { createAgent } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { mounts, variants } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

/** Tenants by a header that a proxy would set; a real application looks at the host it trusts. */
const tenantOf = (request: unknown) => (request as IncomingMessage).headers['x-tenant'] as string | undefined;

test('tenants have their own policy and passkeys, and one’s challenge serves no other', async () => {
  const parties = new Map<string, RelyingParty>();
  const policies: Record<string, PolicyOptions> = {
    strict: { immediateMediation: 'require' },
    lenient: { immediateMediation: 'report' },
  };
  const accounts = new Map<string, { id: string; name: string }>();
  const store = memoryStore();
  const records: AttemptRecord[] = [];
  const passkeys = createPasskeys({
    rp: (request) => parties.get(tenantOf(request) ?? ''),
    policy: (request) => policies[tenantOf(request)!]!,
    users: {
      find: (id) => accounts.get(id),
      create: ({ name }) => {
        const account = { id: crypto.randomUUID(), name };
        accounts.set(account.id, account);
        return account;
      },
    },
    store,
    sweepEvery: false,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    audit: { sinks: [{ name: 'test', write: (record) => void records.push(record) }] },
  });
  const { origin, close } = await mounts['Express 5']((origin) => {
    parties.set('strict', { id: 'localhost', name: 'Strict', origins: [origin] });
    parties.set('lenient', {
      id: 'other.localhost',
      name: 'Lenient',
      origins: ['https://other.localhost'],
      relatedOrigins: [],
    });
    return passkeys;
  });
  const as = (tenant: string) => ({
    headers: { 'x-tenant': tenant, ...(tenant === 'lenient' && { origin: 'https://other.localhost' }) },
  });
  const agent = createAgent(origin);

  expect((await agent.post('/authentication/options', {}, as('nobody'))).json.code).toBe('not_found');
  const strict = (await agent.post('/authentication/options', {}, as('strict'))).json;
  const lenient = (await agent.post('/authentication/options', { mode: 'modal' }, as('lenient'))).json;
  expect([strict.publicKey.rpId, lenient.publicKey.rpId]).toEqual(['localhost', 'other.localhost']);
  expect((await agent.post('/authentication/options', { mode: 'modal' }, as('strict'))).json.code).toBe(
    'mode_not_allowed',
  );
  expect((await agent.post('/authentication/options', {}, { headers: { 'x-tenant': 'lenient' } })).json.code).toBe(
    'origin_not_allowed',
  );

  const crossed = await agent.post(
    '/authentication/verify',
    { attemptId: lenient.attemptId, credential: {} },
    as('strict'),
  );
  expect([crossed.status, crossed.json.code]).toEqual([400, 'challenge_invalid']);
  await passkeys.close();
  await close();
  expect(records.length).toBeGreaterThan(0);
  records.forEach(assertValidRecord);
});

test('a tenant that is configured wrongly is an error of ours, and nobody gets in', async () => {
  const faults: object[] = [];
  const passkeys = createPasskeys({
    rp: () => ({ id: '', name: 'x', origins: [] }),
    users: { find: () => undefined },
    store: memoryStore(),
    sweepEvery: false,
    logger: { info: () => {}, warn: () => {}, error: (fault) => void faults.push(fault) },
  });
  const { origin, close } = await variants['Express 4'](() => passkeys);
  const reply = await createAgent(origin).post('/authentication/options');
  expect([reply.status, reply.json.code]).toEqual([500, 'internal_error']);
  expect((await createAgent(origin).request('GET', '/guarded')).status).toBe(500);
  expect((await createAgent(origin).request('GET', '/.well-known/webauthn')).status).toBe(500);
  expect(JSON.stringify(faults)).toContain('rp.id');
  await close();
});
