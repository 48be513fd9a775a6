/**
 * A process of its own that writes records to a file, for tests that kill it, signal it or run two.
 * Its one argument is JSON. Prints each record's event id once it is written, and `closed` when SIGTERM or the count ended it;
 * what the sink has to say goes to standard error as JSON lines.
 */
import { chained, type FileSinkOptions, fileSink, queued } from '@latchkey/audit';
import { recordOf } from './records.ts';

const task = JSON.parse(process.argv[2]!) as {
  file: FileSinkOptions;
  /** 0: until told to stop. */
  count: number;
  /** Tells processes apart. */
  process?: number;
  /** How many writes are under way at once. */
  atOnce?: number;
  chain?: string;
  /** The file for the chain's checkpoints, one every ten lines. */
  checkpoints?: string;
  queue?: boolean;
  /** After the count it waits to be killed, with everything open. */
  stay?: boolean;
};
const onNotice = (notice: object) => console.error(JSON.stringify(notice));
const file = fileSink({ ...task.file, onNotice });
const checkpoints = task.checkpoints && {
  every: 10,
  sink: fileSink({ path: task.checkpoints, fsync: 'never' as const, onNotice }),
};
const keys = task.chain === undefined ? null : { current: 'k1', byId: { k1: task.chain } };
const lines = keys === null ? file : chained(file, { keys, ...(checkpoints && { checkpoints }) });
const sink = task.queue
  ? queued(lines, { retries: 1_000, backoff: { first: 5, most: 20 }, onNotice: () => {} })
  : lines;

let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});
process.stdout.write('ready\n');

async function writer(from: number, step: number): Promise<void> {
  for (let n = from; !stopping && (task.count === 0 || n < task.count); n += step) {
    const record = recordOf(n, 'x'.repeat((n * 37) % 1_500), task.process);
    try {
      await sink.write(record);
      process.stdout.write(`${record.event.id}\n`);
    } catch (thrown) {
      console.error(JSON.stringify({ kind: 'lost', id: record.event.id, message: String(thrown) }));
    }
  }
}

const atOnce = task.atOnce ?? 1;
await Promise.all(Array.from({ length: atOnce }, (_, index) => writer(index, atOnce)));
if (task.stay) await new Promise(() => setInterval(() => {}, 60_000));
await sink.close();
process.stdout.write('closed\n');
