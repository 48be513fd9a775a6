/**
 * One contestant in a process of its own, which says over IPC what it has used. Its argument is a
 * {@link Task} as JSON.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { apps } from './apps/index.ts';
import type { Contestant } from './contestants.ts';
import type { Person } from './people.ts';
import { openPlace, type Whereabouts } from './places.ts';
import { profiling } from './profile.ts';
import { openRecordFile } from './record-file.ts';

export interface Task {
  readonly contestant: Contestant;
  /** A file with everyone, as JSON. */
  readonly people: string;
  readonly where: Whereabouts;
  /** The file that records go to. */
  readonly records: string;
  /** Whether statements are counted, where the driver says them. */
  readonly countStatements?: boolean;
  /** How many processes `cluster.ts` starts. */
  readonly processes?: number;
}

/** What a server is asked. */
export type Ask = { readonly ask: 'sample' | 'profile' } | { readonly ask: 'save'; readonly file: string };

export interface Sample {
  /** Microseconds of this process so far, user and system, on every thread. */
  readonly cpu: number;
  readonly records: number;
  readonly statements: number;
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
server.keepAliveTimeout = 3_600_000;
server.listen(0, 'localhost', async () => {
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const { contestant, where } = task;
  server.on('request', await apps[contestant.kind]({ contestant, origin, people, place, where, records }));
  process.send!({ origin });
});

process.on('message', async (message: Ask) => {
  // Before anything else, so that answering is not counted.
  const { user, system } = process.cpuUsage();
  if (message.ask === 'profile') await profile.start();
  if (message.ask === 'save') await profile.save(message.file);
  const sample: Sample = { cpu: user + system, records: await records.settled(), statements };
  process.send!(sample);
});
process.on('disconnect', () => process.exit());
