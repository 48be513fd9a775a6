/**
 * The way between a browser and a server that is not near: every piece of a stream takes half the round trip, and the first one
 * of a connection a whole one more, for the handshake of TCP. It counts bytes and connections.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Carried {
  readonly up: number;
  readonly down: number;
  readonly connections: number;
}

export async function delayingProxy() {
  let target = 0;
  let roundTrip = 0;
  const carried = { up: 0, down: 0, connections: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, 'localhost');
    carried.connections++;
    carry(near, far, 'up', roundTrip);
    carry(far, near, 'down', 0);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
  });

  function carry(from: Socket, to: Socket, way: 'up' | 'down', handshake: number): void {
    let earliest = performance.now() + handshake + roundTrip / 2;
    /** In the order in which they came, which timers of different lengths would not keep. */
    const under: { readonly due: number; readonly arrive: () => void }[] = [];
    const next = () => {
      while (under[0] !== undefined && under[0].due <= performance.now()) under.shift()!.arrive();
      if (under[0] !== undefined) setTimeout(next, Math.max(0, under[0].due - performance.now()));
    };
    const send = (arrive: () => void) => {
      earliest = Math.max(earliest, performance.now() + roundTrip / 2);
      under.push({ due: earliest, arrive });
      if (under.length === 1) next();
    };
    from.on('data', (bytes) => {
      carried[way] += bytes.length;
      send(() => to.write(bytes));
    });
    from.on('close', () => send(() => to.destroy()));
  }

  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    /** Where to, from the next connection on. */
    leadTo(port: number): void {
      target = port;
    },
    /** Milliseconds there and back, from the next piece on. */
    take(milliseconds: number): void {
      roundTrip = milliseconds;
    },
    carried: (): Carried => ({ ...carried }),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
