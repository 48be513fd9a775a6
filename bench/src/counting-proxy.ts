/**
 * A wire between a contestant and its database that counts what goes over it: commands to Redis (RESP),
 * statements to PostgreSQL (protocol 3.0, §53.7), and how often the contestant spoke after the database had: its round trips.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Counts {
  readonly statements: number;
  readonly roundTrips: number;
}

export type Protocol = 'postgres' | 'redis';

export async function countingProxy(protocol: Protocol, port: number, host: string) {
  let statements = 0;
  let roundTrips = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, host);
    const count = COUNTERS[protocol]();
    let heard = true;
    near.on('data', (bytes) => {
      if (heard) roundTrips++;
      heard = false;
      statements += count(bytes);
      far.write(bytes);
    });
    far.on('data', (bytes) => {
      heard = true;
      near.write(bytes);
    });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    counts: (): Counts => ({ statements, roundTrips }),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** How many statements a piece of a stream completes. */
type Counter = (bytes: Buffer) => number;

const COUNTERS: Record<Protocol, () => Counter> = {
  /** The start-up message has no type; every other one is a type and a length. `Q` is a query, `E` an execute. */
  postgres() {
    let rest = Buffer.alloc(0);
    let started = false;
    return (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      let count = 0;
      for (;;) {
        const head = started ? 1 : 0;
        if (rest.length < head + 4) return count;
        const size = head + rest.readUInt32BE(head);
        if (rest.length < size) return count;
        if (started && ['Q', 'E'].includes(String.fromCharCode(rest[0]!))) count++;
        started = true;
        rest = rest.subarray(size);
      }
    };
  },

  /** A command is an array of bulk strings: `*<n>\r\n`, then n times `$<length>\r\n<bytes>\r\n`. */
  redis() {
    let rest = Buffer.alloc(0);
    return (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      let count = 0;
      for (;;) {
        const size = commandSize(rest);
        if (size === undefined) return count;
        count++;
        rest = rest.subarray(size);
      }
    };
  },
};

function commandSize(bytes: Buffer): number | undefined {
  const lineAt = (from: number) => {
    const end = bytes.indexOf('\r\n', from);
    return end < 0 ? undefined : { value: Number(bytes.toString('latin1', from + 1, end)), next: end + 2 };
  };
  const head = lineAt(0);
  if (head === undefined) return undefined;
  let at = head.next;
  for (let index = 0; index < head.value; index++) {
    const argument = lineAt(at);
    if (argument === undefined) return undefined;
    at = argument.next + argument.value + 2;
  }
  return at <= bytes.length ? at : undefined;
}
