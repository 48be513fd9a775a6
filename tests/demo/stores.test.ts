/**
 * The demo with every kind of STORE, each as two processes that share it: whoever signs up at one signs in at the other,
 * one of 50 identical answers is accepted in total, and a restart forgets nobody.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Agent, createAgent, createSoftwarePasskey, USED } from '@latchkey/testing';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startRedisCluster } from '../stores/support/redis-cluster.ts';
import { startRedis } from '../stores/support/redis-server.ts';
import { atThisSpeed } from '../support/slowness.ts';

const SERVER = fileURLToPath(new URL('../../examples/demo/src/server.ts', import.meta.url));
const { POSTGRES_URL = 'postgres://postgres@127.0.0.1:5432/test', MARIADB_URL = 'mysql://root@127.0.0.1:3306/test' } =
  process.env;

/** A place of its own for the demo, and how to take it away again. */
interface Place {
  readonly store: string;
  remove(): Promise<unknown>;
}

/** The same URL with another database. */
function at(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

const freshName = () => `demo_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`;

const places: Readonly<Record<string, () => Promise<Place>>> = {
  SQLite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-demo-'));
    return {
      store: `sqlite:${join(folder, 'demo.sqlite')}`,
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  },
  PostgreSQL: async () => {
    const name = freshName();
    const run = async (sql: string) => {
      const client = new Client({ connectionString: POSTGRES_URL });
      await client.connect();
      await client.query(sql).finally(() => client.end());
    };
    await run(`create database ${name}`);
    return { store: at(POSTGRES_URL, name), remove: () => run(`drop database ${name} with (force)`) };
  },
  MariaDB: async () => {
    const name = freshName();
    const run = async (sql: string) => {
      const connection = await createConnection(MARIADB_URL);
      await connection.query(sql).finally(() => connection.end());
    };
    await run(`create database ${name}`);
    return { store: at(MARIADB_URL, name), remove: () => run(`drop database ${name}`) };
  },
  Redis: async () => {
    const server = await startRedis();
    return { store: `redis://127.0.0.1:${server.port}`, remove: () => server.remove() };
  },
  'a Redis Cluster': async () => {
    const cluster = await startRedisCluster();
    return { store: `redis://127.0.0.1:${cluster.nodes[0]!.port}`, remove: () => cluster.remove() };
  },
};

const { PATH, NODE_COMPILE_CACHE } = process.env;

/** A demo process; `origin` is what its pages would have, whichever process answers. */
async function startDemo(store: string, origin: string): Promise<{ url: string; stop(): Promise<number | null> }> {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=latchkey-source', SERVER], {
    env: { PATH, NODE_COMPILE_CACHE, PORT: '0', STORE: store, ORIGIN: origin, RATE_LIMIT: 'off', SWEEP_EVERY: '1d' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ready = () => /^listening on (\S+)$/m.exec(output)?.[1];
  await Promise.race([
    vi.waitUntil(ready, { timeout: atThisSpeed(30_000), interval: 20 }),
    ended.then(() => Promise.reject(new Error(`The demo ended before it was ready: ${output}`))),
  ]);
  return {
    url: ready()!,
    async stop() {
      child.kill('SIGTERM');
      const [code] = await ended;
      return code;
    },
  };
}

/** A browser whose pages are at `origin`, though this process answers; it shares the cookies of the first. */
function sameBrowser(first: Agent, url: string): Agent {
  const agent = createAgent(url);
  for (const [name, value] of first.cookies) agent.cookies.set(name, value);
  return agent;
}

describe.each(Object.entries(places))('two demos that share %s', (_kind, open) => {
  test('know the same people, accept one of 50 identical answers, and forget nobody at a restart', async () => {
    const place = await open();
    onTestFinished(async () => void (await place.remove()));
    const origin = 'http://localhost:3999';
    const headers = { origin };
    let demos = [await startDemo(place.store, origin), await startDemo(place.store, origin)];
    onTestFinished(async () => void (await Promise.all(demos.map((demo) => demo.stop()))));
    const [here, there] = demos as [(typeof demos)[0], (typeof demos)[0]];

    const passkey = createSoftwarePasskey({ origin });
    const ada = createAgent(here.url);
    const signUp = (await ada.post('/registration/options', { username: 'ada' }, { headers })).json;
    const credential = passkey.register(signUp.publicKey);
    const signedUp = await ada.post('/registration/verify', { attemptId: signUp.attemptId, credential }, { headers });
    expect(signedUp.status).toBe(201);

    const options = (await ada.post('/authentication/options', {}, { headers })).json;
    const answer = { attemptId: options.attemptId, credential: passkey.authenticate(options.publicKey), client: USED };
    const browsers = [sameBrowser(ada, here.url), sameBrowser(ada, there.url)];
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => browsers[i % 2]!.post('/authentication/verify', answer, { headers })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(49).fill(400)]);

    expect(await Promise.all(demos.map((demo) => demo.stop()))).toEqual([0, 0]);
    demos = [await startDemo(place.store, origin)];
    const again = createAgent(demos[0]!.url);
    const next = (await again.post('/authentication/options', {}, { headers })).json;
    const genuine = { attemptId: next.attemptId, credential: passkey.authenticate(next.publicKey), client: USED };
    const signedIn = await again.post('/authentication/verify', genuine, { headers });
    expect([signedIn.status, signedIn.json.user.name]).toEqual([200, 'ada']);
    const stranger = createAgent(demos[0]!.url);
    const asked = (await stranger.post('/registration/options', { username: 'ADA' }, { headers })).json;
    const body = {
      attemptId: asked.attemptId,
      credential: createSoftwarePasskey({ origin }).register(asked.publicKey),
    };
    expect((await stranger.post('/registration/verify', body, { headers })).json.code).toBe('username_unavailable');
  });
});
