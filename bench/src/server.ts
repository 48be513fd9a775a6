/**
 * One contestant in a process of its own, which says over IPC what it has used. Its argument is a
 * {@link Task} as JSON.
 */
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { apps } from './apps/index.ts';
import type { Contestant } from './contestants.ts';
import type { Person } from './people.ts';
import { openPlace, type Whereabouts } from './places.ts';
import { profiling } from './profile.ts';
import { openRecordFile } from './record-file.ts';
import { type Stillness, watchStillness } from './stillness.ts';

export interface Task {
  readonly contestant: Contestant;
  /** A file with everyone, as JSON. */
  readonly people: string;
  readonly where: Whereabouts;
  /** The file that records go to. */
  readonly records: string;
  /** Whether statements are counted, where the driver says them. */
  readonly countStatements?: boolean;
  /** What a browser needs, where a browser comes. */
  readonly site?: Site;
  /** How many processes `cluster.ts` starts. */
  readonly processes?: number;
}

export interface Site {
  /** Where people reach it: that is not where it listens. */
  readonly origin: string;
  /** For how many milliseconds an idle connection is kept. */
  readonly keepAlive: number;
  /** The script of the page, a file. */
  readonly page: string;
}

/** What a server is asked. */
export type Ask = { readonly ask: 'sample' | 'profile' | 'watch' } | { readonly ask: 'save'; readonly file: string };

export interface Sample {
  /** Microseconds of this process so far, user and system, on every thread. */
  readonly cpu: number;
  readonly records: number;
  readonly statements: number;
  /** In bytes: resident memory, and the heap, after a collection where `--expose-gc` allows one. */
  readonly rss: number;
  readonly heap: number;
  /** Since it was last asked to watch. */
  readonly stillness?: Stillness | undefined;
}

const task: Task = JSON.parse(process.argv[2]!);
const people: Person[] = JSON.parse(readFileSync(task.people, 'utf8'));
let statements = 0;
const said = task.countStatements ? () => void statements++ : undefined;
const place = await openPlace(task.contestant.store, task.where, said);
const records = await openRecordFile(task.records);
const profile = profiling();

const server = createServer();
// Rounds of others are longer than a connection usually waits.
server.keepAliveTimeout = task.site?.keepAlive ?? 3_600_000;
server.listen(0, 'localhost', async () => {
  const { port } = server.address() as AddressInfo;
  const { contestant, where, site } = task;
  const origin = site?.origin ?? `http://localhost:${port}`;
  const app = await apps[contestant.kind]({ contestant, origin, people, place, where, records });
  server.on('request', site === undefined ? app : withPage(site.page, app));
  process.send!({ origin, port });
});

/** The page of a contestant, at `/`, with its script; all else is the application's. */
function withPage(script: string, app: RequestListener): RequestListener {
  const page =
    '<!doctype html><title>Sign in</title><link rel="icon" href="data:,"><body><script type="module" src="/page.js"></script>';
  const files: Record<string, readonly [type: string, content: string | Buffer]> = {
    '/': ['text/html', page],
    '/page.js': ['text/javascript', readFileSync(script)],
  };
  return (request, response) => {
    const file = files[request.url!];
    if (file === undefined) return app(request, response);
    response.writeHead(200, { 'content-type': file[0] }).end(file[1]);
  };
}

let watched: (() => Stillness) | undefined;
process.on('message', async (message: Ask) => {
  // Before anything else, so that answering is not counted.
  const { user, system } = process.cpuUsage();
  if (message.ask === 'profile') await profile.start();
  if (message.ask === 'save') await profile.save(message.file);
  const stillness = watched?.();
  watched = message.ask === 'watch' ? watchStillness() : undefined;
  globalThis.gc?.();
  const { rss, heapUsed: heap } = process.memoryUsage();
  const sample: Sample = { cpu: user + system, records: await records.settled(), statements, rss, heap, stillness };
  process.send!(sample);
});
process.on('disconnect', () => process.exit());
