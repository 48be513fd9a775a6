/**
 * What becomes of sign-ins when the Redis master dies behind Sentinel, and its replica takes over: refused while nobody
 * answers, well again without a restart, no challenge taken twice, no passkey gone. Every server here is the test's own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisStore } from '@latchkey/redis';
import { openSite, type Reply, USED } from '@latchkey/testing';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { redisCli, startRedis } from '../stores/support/redis-server.ts';
import { freePort } from '../support/ports.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { mounts } from './mounts.ts';
import { assertValidRecord } from './record-schema.ts';

const PATIENCE = { timeout: atThisSpeed(20_000), interval: 50 };
const MASTER = 'latchkey-test';

async function startSentinel(masterPort: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-sentinel-'));
  const port = await freePort();
  const file = join(folder, 'sentinel.conf');
  await writeFile(
    file,
    `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor ${MASTER} 127.0.0.1 ${masterPort} 1
sentinel down-after-milliseconds ${MASTER} 500
sentinel failover-timeout ${MASTER} 5000
`,
  );
  const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  onTestFinished(async () => {
    sentinel.kill('SIGKILL');
    if (sentinel.exitCode === null && sentinel.signalCode === null) await once(sentinel, 'exit');
    await rm(folder, { recursive: true, force: true });
  });
  // A sentinel asks for the replicas every ten seconds, and can promote only one that it knows.
  await vi.waitFor(
    async () => expect(await redisCli('-p', `${port}`, 'sentinel', 'replicas', MASTER)).toContain('slave'),
    PATIENCE,
  );
  return port;
}

test('a master that dies behind Sentinel: refused meanwhile, taken once, well again by itself', async () => {
  const master = await startRedis();
  onTestFinished(() => master.remove());
  const replica = await startRedis('--replicaof', '127.0.0.1', `${master.port}`);
  onTestFinished(() => replica.remove());
  const inSync = async () =>
    expect(await redisCli('-p', `${replica.port}`, 'info', 'replication')).toContain('master_link_status:up');
  await vi.waitFor(inSync, PATIENCE);
  const redis = new Redis({
    sentinels: [{ host: '127.0.0.1', port: await startSentinel(master.port) }],
    name: MASTER,
    maxRetriesPerRequest: 0,
    commandTimeout: atThisSpeed(1_000),
    connectTimeout: atThisSpeed(1_000),
  });
  redis.on('error', () => {});
  onTestFinished(() => redis.disconnect());
  const site = await openSite(
    { mount: mounts['Express 5'], store: () => redisStore(redis), onRecord: assertValidRecord },
    { storeTimeout: atThisSpeed(1_000) },
  );
  onTestFinished(() => site.close());
  const passkey = await site.agent().signUp('ada');

  /** A sign-in up to its answer, which `verify` sends as often as asked. */
  const begin = async () => {
    const agent = site.agent();
    const { attemptId, publicKey } = await agent.signInOptions();
    const body = { attemptId, credential: passkey.authenticate(publicKey), client: USED };
    return { agent, verify: () => agent.post('/authentication/verify', body) };
  };
  const spent = await begin();
  expect((await spent.verify()).status).toBe(200);
  const open = await begin();
  // What the replica has, it keeps; what it may lack, no server of ours can know.
  expect(Number(await redis.wait(1, atThisSpeed(5_000)))).toBe(1);

  await master.signal('SIGKILL');
  const answers: Reply[] = [await open.verify()];
  expect([answers[0]!.status, answers[0]!.json.code]).toEqual([503, 'store_unavailable']);
  expect((await open.agent.session()).status).toBe(401);
  await vi.waitFor(async () => {
    answers.push(await open.verify());
    expect(answers.at(-1)!.status).not.toBe(503);
  }, PATIENCE);
  expect(await redisCli('-p', `${replica.port}`, 'info', 'replication')).toContain('role:master');

  // A take may have been done whose answer came too late for a 503; either way there is one sign-in at most.
  const replies = await Promise.all(Array.from({ length: 20 }, () => open.verify()));
  const signedIn = [...answers, ...replies].filter(({ status }) => status === 200);
  expect(signedIn.length).toBeLessThanOrEqual(1);
  expect((await spent.verify()).json.code).toBe('challenge_invalid');
  expect(site.records.at(-1)!.reason).toBe('challenge_consumed');
  const again = await begin();
  expect((await again.verify()).status).toBe(200);
});
