/** The store contract through each client that @latchkey/redis takes besides ioredis, which `redis.test.ts` uses: on one node and in a Cluster. */
import { randomUUID } from 'node:crypto';
import { fromGlide, fromNodeRedis, type RedisClient, redisStore } from '@latchkey/redis';
import { GlideClient, GlideClusterClient, Logger } from '@valkey/valkey-glide';
import { Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { atThisSpeed } from '../support/slowness.ts';
import { keepsTheContract } from './support/contract.ts';
import { type RedisCluster, startRedisCluster } from './support/redis-cluster.ts';
import { startRedis } from './support/redis-server.ts';

const REDIS_URL = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
const TIMEOUT_MS = atThisSpeed(1_000);
// It writes every error of a script to the terminal, and the contract asks for some.
Logger.setLoggerConfig('off');

interface Opened {
  readonly client: RedisClient;
  close(): unknown;
}

/** How each client is opened on one node, and on the nodes of a Cluster. */
const CLIENTS: Record<
  string,
  { single(port: number, host?: string): Promise<Opened>; cluster(ports: number[]): Promise<Opened> }
> = {
  'node-redis': {
    async single(port, host = '127.0.0.1') {
      const client = createClient({ url: `redis://${host}:${port}`, disableOfflineQueue: true });
      client.on('error', () => {});
      await client.connect();
      return { client: fromNodeRedis(client), close: () => client.destroy() };
    },
    async cluster(ports) {
      const cluster = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
      cluster.on('error', () => {});
      await cluster.connect();
      return { client: fromNodeRedis(cluster), close: () => cluster.destroy() };
    },
  },
  'Valkey GLIDE': {
    async single(port, host = '127.0.0.1') {
      const client = await GlideClient.createClient({ addresses: [{ host, port }], requestTimeout: TIMEOUT_MS });
      return { client: fromGlide(client), close: () => client.close() };
    },
    async cluster(ports) {
      const addresses = ports.map((port) => ({ host: '127.0.0.1', port }));
      const client = await GlideClusterClient.createClient({ addresses, requestTimeout: TIMEOUT_MS });
      return { client: fromGlide(client), close: () => client.close() };
    },
  },
};

const prefix = `latchkey-test-${randomUUID()}:`;

afterAll(async () => {
  const redis = new Redis(REDIS_URL.href);
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(keys);
  }
  redis.disconnect();
});

describe.each(Object.entries(CLIENTS))('%s', (name, { single }) => {
  keepsTheContract(`Redis, by ${name}`, async () => {
    const { client, close } = await single(Number(REDIS_URL.port || 6379), REDIS_URL.hostname);
    return { store: redisStore(client, { prefix: `${prefix}${name}:` }), close: () => void close() };
  });

  test('gives a script to a server that does not know it, and rejects while there is none', async () => {
    const server = await startRedis();
    onTestFinished(() => server.remove());
    const { client, close } = await single(server.port);
    onTestFinished(() => void close());
    const { passkeys } = redisStore(client);
    expect(await passkeys.listByUser('nobody')).toEqual([]);
    await server.signal('SIGKILL');
    await expect(passkeys.listByUser('nobody')).rejects.toThrow();
  });
});

describe('a cluster of three nodes', () => {
  let servers: RedisCluster;
  beforeAll(async () => {
    servers = await startRedisCluster();
  });
  afterAll(() => servers?.remove());

  for (const [name, { cluster }] of Object.entries(CLIENTS)) {
    keepsTheContract(
      `Redis Cluster, by ${name}`,
      async () => {
        const { client, close } = await cluster(servers.nodes.map(({ port }) => port));
        return { store: redisStore(client, { prefix: `${name}:` }), close: () => void close() };
      },
      { beginsSessions: false },
    );
  }
});
