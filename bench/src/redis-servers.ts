/** Redis servers of a run's own, on loopback: nothing of theirs is on a disk, and nothing else is in them. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface RedisServers {
  /** One URL, or those of a Cluster's nodes with commas between. */
  readonly url: string;
  end(): Promise<void>;
}

const run = promisify(execFile);
const cli = async (...args: string[]) => (await run('redis-cli', args)).stdout;

/** @param folder for the files of a Cluster, which are its nodes' own. */
export async function startRedis(folder: string, nodes: 1 | 3 = 1): Promise<RedisServers> {
  const started: { port: number; child: ChildProcess }[] = [];
  const end = async () => {
    for (const { child } of started) {
      if (child.exitCode !== null) continue;
      child.kill();
      await once(child, 'exit');
    }
  };
  try {
    while (started.length < nodes) {
      const port = await freePort();
      const settings = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', ''].map(String);
      if (nodes > 1) settings.push('--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`);
      const child = spawn('redis-server', settings, { stdio: 'ignore' });
      await once(child, 'spawn').catch((cause) => {
        throw new Error('redis-server is missing: install it (Debian, Ubuntu: `apt-get install redis-server`).', {
          cause,
        });
      });
      started.push({ port, child });
      while ((await cli('-p', `${port}`, 'ping').catch(() => '')).trim() !== 'PONG') {
        if (child.exitCode !== null) throw new Error(`redis-server ended on port ${port}.`);
        await wait(20);
      }
    }
    if (nodes > 1) {
      await cli('--cluster', 'create', ...started.map(({ port }) => `127.0.0.1:${port}`), '--cluster-yes');
      for (const { port } of started) {
        while (!(await cli('-p', `${port}`, 'cluster', 'info')).includes('cluster_state:ok')) await wait(50);
      }
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { url: started.map(({ port }) => `redis://127.0.0.1:${port}`).join(','), end };
}

/** A Cluster's node uses the port 10,000 above as well. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    if (port < 55_000) return port;
  }
}
