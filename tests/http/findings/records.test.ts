/**
 * Findings 3, 16 and 22 of the security review: what a stranger may write into the records, an attempt that would have none,
 * and a sink that never answers.
 */
import { queued } from '@latchkey/audit';
import { type AttemptRecord, memoryStore, type Store } from '@latchkey/core';
import type { Agent, Reply } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { atThisSpeed } from '../../support/slowness.ts';
import { mounts } from '../mounts.ts';
import { openRecorded } from './recorded.ts';

const FOREIGN = { headers: { origin: 'https://evil.example' } };
const PLAIN = { rawBody: '{}', headers: { 'content-type': 'text/plain' } };
const LARGE = { rawBody: ' '.repeat(70_000) };
const BROKEN = { rawBody: '{"mode":' };

const CEREMONIES = [
  '/authentication/options',
  '/authentication/verify',
  '/registration/options',
  '/registration/verify',
  '/step-up/options',
  '/step-up/verify',
  '/attempts/x/outcome',
] as const;

/** Every way in which anybody at all is refused before or by a limit. */
const FLOODS: readonly (readonly [string, number, (agent: Agent, path: string) => Promise<Reply>])[] = [
  ['a foreign origin', 403, (agent, path) => agent.post(path, {}, FOREIGN)],
  ['another media type', 415, (agent, path) => agent.post(path, undefined, PLAIN)],
  ['too large a body', 413, (agent, path) => agent.post(path, undefined, LARGE)],
  ['what is over the limit', 429, (agent, path) => agent.post(path, undefined, BROKEN)],
];

const LIMIT = { points: 3, seconds: 60 };
const limits = { options: LIMIT, verify: LIMIT, outcome: LIMIT, registration: LIMIT, changes: LIMIT };

describe.each(Object.entries(mounts))('%s', (_, mount) => {
  test.each(FLOODS)(
    'finding 3: %s leaves at most one record a minute of one address, on every route',
    async (_how, status, ask) => {
      const site = await openRecorded({ mount, rateLimit: { limits } });
      for (const path of CEREMONIES) {
        const before = site.records.length;
        const statuses = new Set<number>();
        for (let i = 0; i < 12; i++) statuses.add((await ask(site.agent(), path)).status);
        expect([...statuses], path).toContain(status);
        // Up to its limit a request that is read may be an attempt with a record of its own.
        expect(site.records.length - before, path).toBeLessThanOrEqual(status === 429 ? LIMIT.points + 1 : 1);
      }
      const made = site.records.length;
      site.clock.now += 60_000;
      await site.passkeys.sweep();
      const late = site.records.slice(made);
      expect(late.length).toBeLessThanOrEqual(CEREMONIES.length);
      // None is lost from sight: a record says how many it stands for.
      for (const { event } of late) expect(event.repeatCount).toBeGreaterThan(1);
      await site.close();
    },
  );

  test('finding 3: somebody signed in may not rename and remove without end', async () => {
    const site = await openRecorded({ mount, rateLimit: { limits: { changes: LIMIT } } });
    const agent = site.agent();
    await agent.signUp('ada');
    const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      statuses.push((await agent.request('PATCH', `/passkeys/credentials/${id}`, { nickname: `${i}` })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429, 429, 429]);
    expect(site.records.filter(({ event }) => event.name === 'latchkey.passkey.renamed')).toHaveLength(3);
    for (const path of ['/sessions', '/sessions/x', '/credentials/x']) {
      expect((await agent.request('DELETE', `/passkeys${path}`)).status, path).toBe(429);
    }
    await site.close();
  });

  test('finding 3: strangers hold up no sign-in that waits for a required log', async () => {
    const required: AttemptRecord[] = [];
    const waiting: (() => void)[] = [];
    const site = await openRecorded({
      mount,
      audit: {
        sinks: [
          // One after another, each only when the test says so.
          {
            name: 'ledger',
            onFailure: 'fail_closed',
            write: (record) => {
              required.push(record);
              return new Promise<void>((resolve) => void waiting.push(resolve));
            },
          },
        ],
      },
    });
    const writing = setInterval(() => waiting.shift()?.(), 1);
    const passkey = await site.agent().signUp('ada');
    const before = required.length;
    for (let i = 0; i < 300; i++) await site.agent().post('/authentication/verify', {}, FOREIGN);
    expect(required.length - before).toBeLessThanOrEqual(1);
    expect((await site.agent().signIn(passkey)).status).toBe(200);
    expect(required.at(-1)!.outcome).toBe('success');
    clearInterval(writing);
    for (const done of waiting.splice(0)) done();
    await site.close();
  });
});

test('finding 3: strangers push no record out of a queue', async () => {
  const archived: AttemptRecord[] = [];
  const lost: AttemptRecord[] = [];
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const archive = queued(
    {
      name: 'archive',
      write: async (record) => {
        await opened;
        archived.push(record);
      },
    },
    { capacity: 30, timeout: '10m', onLoss: (record) => void lost.push(record) },
  );
  const site = await openRecorded({ mount: mounts['Express 5'], audit: { sinks: [archive] } });
  const passkey = await site.agent().signUp('ada');
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 60; j++) await site.agent().post('/authentication/options', {}, FOREIGN);
    expect((await site.agent().signIn(passkey)).status).toBe(200);
  }
  open();
  expect(await archive.flush('5s')).toBe(0);
  expect(lost).toEqual([]);
  expect(
    archived.filter(({ event, outcome }) => event.name === 'latchkey.signin.attempt' && outcome === 'success'),
  ).toHaveLength(5);
  await site.close();
  await archive.close();
});

test('finding 3: the record of an honest sign-in is still there after a flood', async () => {
  const store = memoryStore();
  const site = await openRecorded({ mount: mounts['Express 5'], store });
  const passkey = await site.agent().signUp('ada');
  await site.agent().signIn(passkey);
  const honest = site.records.at(-1)!.event.id;
  const agent = site.agent();
  for (let i = 0; i < 1_500; i++) await agent.post('/authentication/options', {}, FOREIGN);
  expect(site.records.length).toBeLessThan(10);
  const kept = await store.attempts.list({ limit: 1_000 });
  expect(kept.map(({ event }) => event.id)).toContain(honest);
  await site.close();
});

describe.each(Object.entries(mounts))('%s', (_, mount) => {
  test('finding 16: an outcome whose challenge the store takes too late leaves one record all the same', async () => {
    const inner = memoryStore();
    let late = false;
    const store: Store = {
      ...inner,
      challenges: {
        ...inner.challenges,
        take: async (condition) => {
          const taken = await inner.challenges.take(condition);
          return late ? new Promise(() => {}) : taken;
        },
      },
    };
    const site = await openRecorded({ mount, store, storeTimeout: atThisSpeed(100) });
    const agent = site.agent();
    const { attemptId } = await agent.signInOptions();
    late = true;
    const reply = await agent.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError' });
    expect([reply.status, reply.json.code]).toEqual([503, 'store_unavailable']);
    late = false;
    site.clock.now += 600_000;
    expect(await site.passkeys.sweep()).toBe(0);
    expect(site.records).toMatchObject([
      { outcome: 'error', reason: 'store_unavailable', attempt: { relatedId: attemptId } },
    ]);
    await site.close();
  });
});

test('finding 22: a sink that never answers holds a bounded number of records, is said in the log, and gets records again', async () => {
  const underWay = new Set<() => void>();
  let most = 0;
  let hangs = true;
  const took: AttemptRecord[] = [];
  const site = await openRecorded({
    mount: mounts['Express 5'],
    audit: {
      sinks: [
        {
          name: 'hangs',
          write: (record) => {
            took.push(record);
            if (!hangs) return undefined;
            return new Promise<void>((resolve) => {
              underWay.add(resolve);
              most = Math.max(most, underWay.size);
            });
          },
        },
      ],
    },
  });
  const agent = site.agent();
  const refuse = () => agent.post('/authentication/options', { mode: 'telepathy' });
  for (let i = 0; i < 1_200; i += 50) await Promise.all(Array.from({ length: 50 }, refuse));
  expect(site.records.length).toBe(1_200);
  expect(most).toBeLessThanOrEqual(1_000);
  const lines = site.log.filter(({ fields }) => (fields as { sink?: string }).sink === 'hangs');
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThan(5);
  hangs = false;
  for (const done of underWay) done();
  // Those that timed out or were let go make room.
  await expect
    .poll(async () => {
      await refuse();
      return took.includes(site.records.at(-1)!);
    })
    .toBe(true);
  await site.close();
});
