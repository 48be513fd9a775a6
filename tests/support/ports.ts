/**
 * Free ports for servers of tests that cannot take port 0. They lie below those that the system gives to connections going out:
 * above, a port that was free a moment ago is soon somebody's.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST = 10_000;
/** Redis Cluster: a node listens to the other nodes on its port + 10,000. */
export const CLUSTER_BUS = 10_000;

/** The first port that the system gives away by itself: 32768 on Linux unless configured, 49152 elsewhere. */
function firstEphemeral(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
  } catch {
    return 49_152;
  }
}

/** A port of 127.0.0.1 on which nobody listens now, nor on the one `CLUSTER_BUS` above it. */
export async function freePort(): Promise<number> {
  const end = Math.max(FIRST + 5_000, firstEphemeral() - CLUSTER_BUS);
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (end - FIRST));
    if ((await isFree(port)) && (await isFree(port + CLUSTER_BUS))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  const free = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (free) {
    server.close();
    await once(server, 'close');
  }
  return free;
}
