/** One contestant in several server processes behind one port, which answers as `server.ts` does, for all of them. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Ask, Sample, Task } from './server.ts';

const argument = process.argv[2]!;
const { processes = 1 }: Task = JSON.parse(argument);
cluster.setupPrimary({ exec: fileURLToPath(new URL('server.ts', import.meta.url)), args: [argument] });

const workers: Worker[] = [];
let hello: unknown;
// One after the other: the first makes the tables.
while (workers.length < processes) {
  const worker = cluster.fork();
  [hello] = await once(worker, 'message');
  workers.push(worker);
}

process.on('message', async (message: Ask) => {
  const { user, system } = process.cpuUsage();
  const samples = await Promise.all(
    workers.map(async (worker) => {
      const answer = once(worker, 'message');
      worker.send(message);
      return (await answer)[0] as Sample;
    }),
  );
  const sum = (of: (sample: Sample) => number) => samples.reduce((total, sample) => total + of(sample), 0);
  process.send!({
    // Handing out connections is part of it.
    cpu: user + system + sum(({ cpu }) => cpu),
    records: sum(({ records }) => records),
    statements: sum(({ statements }) => statements),
    rss: sum(({ rss }) => rss),
    heap: sum(({ heap }) => heap),
  } satisfies Sample);
});
process.on('disconnect', () => {
  for (const worker of workers) worker.process.kill();
  process.exit();
});
process.send!(hello as object);
