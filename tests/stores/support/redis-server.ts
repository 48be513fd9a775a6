/** A Redis server of a test's own, on loopback and a free port, in a folder that goes with it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../support/ports.ts';

const MISSING =
  'Install Redis, which this test runs: `apt-get install redis-server` (Debian, Ubuntu) or `brew install redis`.';

const run = promisify(execFile);

/** What redis-cli prints for these arguments. */
export async function redisCli(...args: string[]): Promise<string> {
  const { stdout } = await run('redis-cli', args).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Error(MISSING) : error;
  });
  return stdout;
}

export interface RedisServer {
  readonly port: number;
  /** Starts it again on the same port, with what is on its disk. */
  start(): Promise<void>;
  /** SIGKILL: nothing is written any more. SIGSTOP: it neither answers nor hangs up. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Ends it, if it still runs, and removes its folder. */
  remove(): Promise<void>;
}

/** A running server with these settings, for example `['--appendonly', 'yes']`; without any it keeps nothing on disk. */
export async function startRedis(...settings: string[]): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-redis-'));
  let port = await freePort();
  let running: ChildProcess;

  const start = async () => {
    const base = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
    running = spawn('redis-server', [...base, ...settings], { stdio: 'ignore' });
    const failed = once(running, 'exit').then(
      () => Promise.reject(new Error(`redis-server ended at once on port ${port}.`)),
      () => Promise.reject(new Error(MISSING)),
    );
    // A later end is the test's own doing.
    failed.catch(() => {});
    const answers = async () => {
      // It, and not another that has taken the port.
      const ours = `process_id:${running.pid}\r`;
      while (!(await redisCli('-p', `${port}`, 'info', 'server').catch(() => '')).includes(ours)) await sleep(20);
    };
    await Promise.race([answers(), failed]);
  };
  const end = async (signal: NodeJS.Signals) => {
    if (running.exitCode !== null || running.signalCode !== null) return;
    running.kill(signal);
    await once(running, 'exit');
  };

  // Somebody else may have taken the port since.
  for (let tries = 1; ; tries += 1) {
    try {
      await start();
      break;
    } catch (error) {
      if (tries === 5 || (error as Error).message === MISSING) throw error;
      port = await freePort();
    }
  }
  return {
    port,
    start,
    async signal(signal) {
      if (signal === 'SIGKILL') await end(signal);
      else running.kill(signal);
    },
    async remove() {
      await end('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
