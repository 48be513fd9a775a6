/** Logs as files of JSON lines: read whole, rotated files first, or followed as they grow. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout } from 'node:timers/promises';
import { linesOf } from '@latchkey/audit';
import { type AttemptRecord, EVENT_NAMES } from '@latchkey/core';
import { Fault, messageOf } from '../terminal/fault.ts';

/** Every line of a log, oldest first. A log that is not there is a fault: nothing can be said of it. */
export async function* linesThere(file: string): AsyncGenerator<string> {
  let read = 0;
  try {
    for await (const line of linesOf(file)) {
      read += 1;
      yield line;
    }
  } catch (error) {
    throw new Fault('unreachable', `${file} cannot be read: ${messageOf(error)}`, error);
  }
  if (read === 0 && !existsSync(file)) throw new Fault('unreachable', `There is no file ${file}.`);
}

/** The personal members of a record that was erased: nothing is known of them. */
const ERASED: Pick<AttemptRecord, 'user' | 'client' | 'credential'> = {
  user: { known: false, id: null, hash: null, created: false },
  client: { address: null, userAgent: null, immediateGet: null },
  credential: {
    ref: null,
    aaguid: null,
    attachmentReported: null,
    discoverableReported: null,
    attestationFormat: null,
  },
};

const SCHEMAS: ReadonlySet<unknown> = new Set(EVENT_NAMES.map((name) => `${name}/1`));

/** The attempt record in a line; null when it is none: another program's, a mapped one, or torn. */
export function recordIn(line: string): AttemptRecord | null {
  try {
    const value = JSON.parse(line) as Partial<AttemptRecord> | null;
    return SCHEMAS.has(value?.schema) ? ({ ...ERASED, ...value } as AttemptRecord) : null;
  } catch {
    return null;
  }
}

/** How often a file is looked at for more. */
const LOOK_MS = 250;

/** Lines as they are added, from the end on, across rotation. Ends when `signal` aborts. */
export async function* newLinesOf(file: string, signal: AbortSignal): AsyncGenerator<string> {
  if (!existsSync(file)) throw new Fault('unreachable', `There is no file ${file}.`);
  let fd = openSync(file, 'r');
  let at = fstatSync(fd).size;
  let decoder = new StringDecoder('utf8');
  let rest = '';
  const block = Buffer.alloc(65_536);
  function* whatIsNew() {
    // Shorter than before: emptied in place.
    if (fstatSync(fd).size < at) at = 0;
    for (
      let read = readSync(fd, block, 0, block.length, at);
      read > 0;
      read = readSync(fd, block, 0, block.length, at)
    ) {
      at += read;
      const parts = (rest + decoder.write(block.subarray(0, read))).split('\n');
      rest = parts.pop()!;
      yield* parts;
    }
  }
  try {
    while (!signal.aborted) {
      yield* whatIsNew();
      const now = statSync(file, { throwIfNoEntry: false });
      if (now !== undefined && now.ino !== fstatSync(fd).ino) {
        // Renamed away. What its writer still added before it let go comes first.
        yield* whatIsNew();
        closeSync(fd);
        fd = openSync(file, 'r');
        at = 0;
        rest = '';
        decoder = new StringDecoder('utf8');
        continue;
      }
      await setTimeout(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    closeSync(fd);
  }
}
