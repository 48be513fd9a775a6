/**
 * A log whose lines cannot be edited, removed or reordered unseen by anyone who has no key. One chain belongs to one process
 * and one file: two processes that wrote to one chain would each continue it on their own.
 */
import { ConfigurationError } from '@latchkey/core';
import { type Bounds, bounded, inTime } from './bounded.ts';
import { asObject } from './canonical.ts';
import { type Checkpointing, type CheckpointOptions, checkpointing } from './checkpointing.ts';
import {
  type ChainKeys,
  type ChainPlace,
  checkKeys,
  type Integrity,
  integrityOf,
  newStart,
  openSeal,
  seal,
} from './link.ts';
import type { LineSink } from './sink.ts';

/** What seals a chain, and where its checkpoints go. */
export interface ChainOptions extends Bounds {
  /** `current` seals; the others are there to check the last line by. A new current key begins with the next line. */
  readonly keys: { readonly current: string; readonly byId: ChainKeys };
  /** Keeps places of the chain where whoever can write the log cannot: a tail that was cut off shows only against them. */
  readonly checkpoints?: CheckpointOptions;
  /**
   * Members of a line that can be erased later without breaking the chain: they are sealed by a salted hash.
   * Default `['user', 'client', 'credential']`, the personal members of an attempt record.
   */
  readonly personal?: readonly string[];
  /** The place that the first line follows, where the sink cannot say what its last line was (standard output). */
  readonly after?: ChainPlace;
  /** Milliseconds since the epoch, for checkpoints. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Lines of a process that was killed which are read again, to be covered by a checkpoint. */
const MOST_RECOVERED = 100_000;

/**
 * Adds `integrity` to every line. Goes on from the sink's last line. Throws when that is not the end of a chain of ours or when
 * another process has the log open, and lets go of both sinks then.
 */
export function chained(sink: LineSink, options: ChainOptions): LineSink {
  let checkpoints: Checkpointing | null = null;
  try {
    const { clock = Date.now } = options;
    const sync = async () => sink.sync?.();
    checkpoints = options.checkpoints ? checkpointing(options.checkpoints, { clock, sync }) : null;
    return linked(sink, options, checkpoints);
  } catch (thrown) {
    sink.release?.();
    options.checkpoints?.sink?.release?.();
    throw thrown;
  }
}

function linked(sink: LineSink, options: ChainOptions, checkpoints: Checkpointing | null): LineSink {
  const { keys, personal = ['user', 'client', 'credential'], timeout = '5s' } = options;
  checkKeys(keys.byId, 'chained.keys.byId');
  const key = keys.byId[keys.current];
  if (key === undefined) {
    throw new ConfigurationError('chained.keys.current', keys.current, 'Write the id of a key in keys.byId.');
  }
  if (personal.includes('integrity')) {
    throw new ConfigurationError('chained.personal', personal, 'Leave out integrity, which seals the others.');
  }
  const run = bounded('chained', sink.name, options);
  const [other] = sink.otherWriters?.() ?? [];
  if (other !== undefined) {
    throw new Error(`chained: ${other} writes to this log. A chain needs a file that is one process's own.`);
  }
  const [second] = options.checkpoints?.sink.otherWriters?.() ?? [];
  if (second !== undefined) {
    throw new Error(`chained: ${second} writes to these checkpoints. Each chain needs checkpoints of its own.`);
  }

  const start = newStart();
  const earlier = linesBefore();
  let place: ChainPlace | null = options.after ?? earlier.at(-1)?.integrity ?? null;
  const kept = checkpoints?.kept ?? null;
  if (kept !== null && kept.sequence > (place?.sequence ?? -1)) throw notKept(place);
  for (const { integrity, leaf } of earlier) {
    if (checkpoints?.knowsKept && integrity.sequence > (checkpoints.kept?.sequence ?? -1))
      checkpoints.add(integrity, leaf);
  }
  if (checkpoints !== null) sink.onNewFile?.((lastLine) => checkpoints.fileEnded(lastLine));
  let last = Promise.resolve();
  /** A write failed: its line may be there nevertheless. */
  let unsure = false;

  /** The log is not the one that the last checkpoint was made of. */
  function notKept(found: ChainPlace | null): Error {
    const there = found === null ? 'has no record' : `has record ${found.sequence}, another one, as its last`;
    return new Error(
      `chained: a checkpoint kept record ${checkpoints!.kept!.sequence}, and this log ${there}: its end was cut off or ` +
        'rewritten, or these are checkpoints of another log. Verify the log. A new log needs a new file of checkpoints.',
    );
  }

  /** The last line, and those before it that no checkpoint covers; the oldest first. Each has to be as it was sealed. */
  function linesBefore() {
    const found: { integrity: Integrity; leaf: Buffer }[] = [];
    const keptAt = checkpoints?.knowsKept ? (checkpoints.kept?.sequence ?? -1) : Number.POSITIVE_INFINITY;
    for (const text of sink.linesFromEnd?.() ?? []) {
      const line = asObject(text);
      const integrity = line === null ? null : integrityOf(line);
      if (line === null || integrity === null || integrity === 'malformed') {
        throw new Error(`chained: ${lineWords(found.length)} belongs to no chain. Begin a chain in a file of its own.`);
      }
      const isNext = found.length === 0 || found.at(-1)!.integrity.previous === integrity.mac;
      const sealedWith = keys.byId[integrity.keyId];
      // What cannot be verified is not covered by a new checkpoint.
      if (sealedWith === undefined && found.length > 0) break;
      const { state, leaf } = openSeal(line, integrity, sealedWith ?? null);
      if (!isNext || state === 'edited') {
        throw new Error(
          `chained: ${lineWords(found.length)} does not verify with key '${integrity.keyId}': another key, or it was ` +
            'edited. Verify the log and move it away; a new file begins a new chain.',
        );
      }
      if (integrity.sequence === keptAt && integrity.mac !== checkpoints?.kept?.mac) throw notKept(integrity);
      if (found.length > 0 && integrity.sequence <= keptAt) break;
      found.push({ integrity, leaf });
      if (integrity.sequence <= keptAt || found.length >= MOST_RECOVERED) break;
    }
    return found.reverse();
  }

  /** After a write that failed, only the log itself knows whether its line is there; and not before the write has ended. */
  async function recover(): Promise<void> {
    const own = await sink.lastWritten?.();
    unsure = false;
    // A line that was cut just before its newline counts as not written, and is there.
    const [there] = sink.linesFromEnd?.() ?? [];
    for (const text of [own, there]) {
      const line = text ? asObject(text) : null;
      const integrity = line === null ? null : integrityOf(line);
      if (line === null || integrity === null || integrity === 'malformed') continue;
      if (integrity.previous === (place?.mac ?? start)) written(integrity, openSeal(line, integrity, null).leaf);
    }
  }

  function written(integrity: Integrity, leaf: Buffer): void {
    place = integrity;
    checkpoints?.add(integrity, leaf);
  }

  async function append(line: object, isLate: () => boolean): Promise<void> {
    if (Object.hasOwn(line, 'integrity')) throw new TypeError('chained: the line is in a chain already.');
    if (unsure) await recover();
    if (isLate()) return;
    const sequence = place === null ? 0 : place.sequence + 1;
    const previous = place?.mac ?? start;
    const link = { keyId: keys.current, sequence, previous };
    const { integrity, leaf } = seal(line as Record<string, unknown>, link, { key: key!, personal });
    try {
      await sink.write({ ...line, integrity });
    } catch (thrown) {
      unsure = true;
      throw thrown;
    }
    written(integrity, leaf);
  }

  const { name, onFailure, onStandardOutput } = sink;
  return {
    name,
    ...(onFailure && { onFailure }),
    ...(onStandardOutput && { onStandardOutput }),
    write: (line) =>
      run((isLate) => {
        // In turn: each link builds on the one before it.
        const done = last.then(() => append(line, isLate));
        last = done.catch(() => {});
        return done;
      }),
    async close() {
      await inTime(
        last.then(() => (unsure ? recover() : undefined)),
        timeout,
      );
      // The last checkpoint needs the file still open.
      await checkpoints?.close();
      await sink.close();
    },
  };
}

const lineWords = (fromEnd: number) => (fromEnd === 0 ? 'the last line of this log' : 'a line of this log');
