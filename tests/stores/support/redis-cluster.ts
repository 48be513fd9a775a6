/** A real Redis Cluster of three masters for a test, on loopback and free ports. */
import { setTimeout as sleep } from 'node:timers/promises';
import { atThisSpeed } from '../../support/slowness.ts';
import { type RedisServer, redisCli, startRedis } from './redis-server.ts';

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** Ends the nodes and removes their folders. */
  remove(): Promise<void>;
}

export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all(
    [0, 1, 2].map(() => startRedis('--cluster-enabled', 'yes', '--cluster-node-timeout', `${atThisSpeed(2_000)}`)),
  );
  const cluster = { nodes, remove: async () => void (await Promise.all(nodes.map((node) => node.remove()))) };
  try {
    await redisCli('--cluster', 'create', ...nodes.map(({ port }) => `127.0.0.1:${port}`), '--cluster-yes');
    for (const { port } of nodes) {
      while (!(await redisCli('-p', `${port}`, 'cluster', 'info')).includes('cluster_state:ok')) await sleep(50);
    }
    return cluster;
  } catch (error) {
    await cluster.remove();
    throw error;
  }
}
