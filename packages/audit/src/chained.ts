/**
 * Why this file exists: a log whose lines cannot be edited, removed or reordered unseen by anyone who has no key. One chain
 * belongs to one process and one file: two processes that wrote to one chain would each continue it on their own.
 */
import { setTimeout } from 'node:timers/promises';
import {
  type ChainKeys,
  type ChainPlace,
  type Checkpoint,
  checkKeys,
  integrityOf,
  isSealed,
  newStart,
  seal,
} from './link.ts';
import type { LineSink } from './sink.ts';

export interface ChainOptions {
  /** `current` seals; the others are there to check the last line by. A new current key begins with the next line. */
  readonly keys: { readonly current: string; readonly byId: ChainKeys };
  /** After how many lines the place is handed to `checkpoint`, and once more on closing. Default 100. */
  readonly checkpointEvery?: number;
  /**
   * Keeps a place where whoever can write the log cannot: a tail that was cut off shows only against it. Waits for nothing;
   * one that fails is due again with the next line.
   */
  readonly checkpoint?: (checkpoint: Checkpoint) => unknown;
  /** The place to go on from, where the sink cannot say what its last line was (standard output). */
  readonly after?: ChainPlace;
  /** Milliseconds since the epoch, for checkpoints. Default `Date.now`. */
  readonly clock?: () => number;
}

/** How long closing waits for a checkpoint. */
const CHECKPOINT_DEADLINE_MS = 5_000;

/** Adds `integrity` to every line. Goes on from the sink's last line; throws when that is not the end of a chain of ours. */
export function chained(sink: LineSink, options: ChainOptions): LineSink {
  const { keys, checkpointEvery = 100, checkpoint, clock = Date.now } = options;
  checkKeys(keys.byId, 'chained');
  const key = keys.byId[keys.current];
  if (key === undefined) throw new TypeError(`chained: keys.byId has no key '${keys.current}', the current one.`);
  if (!(Number.isInteger(checkpointEvery) && checkpointEvery > 0)) {
    throw new TypeError('chained: checkpointEvery is a number of lines above 0.');
  }
  const [other] = sink.otherWriters?.() ?? [];
  if (other !== undefined) {
    throw new Error(`chained: process ${other} writes to this log. A chain needs a file that is one process's own.`);
  }

  const start = newStart();
  let place: ChainPlace | null = options.after ?? lastPlace();
  let last = Promise.resolve();
  /** A write failed: its line may be there nevertheless. */
  let unsure = false;
  let sinceCheckpoint = 0;
  let checkpointing: Promise<unknown> | undefined;

  function lastPlace(): ChainPlace | null {
    const text = sink.lastLine?.() ?? null;
    if (text === null) return null;
    const line = JSON.parse(text) as object;
    const integrity = integrityOf(line);
    if (integrity === null || integrity === 'malformed') {
      throw new Error('chained: the last line of this log belongs to no chain. Begin a chain in a file of its own.');
    }
    const sealedWith = keys.byId[integrity.keyId];
    if (sealedWith !== undefined && !isSealed(line, integrity, sealedWith)) {
      throw new Error(
        `chained: the last line of this log does not verify with key '${integrity.keyId}': another key, or it was edited. ` +
          'Verify the log and move it away; a new file begins a new chain.',
      );
    }
    return integrity;
  }

  /** After a write that failed, only the log itself knows whether its line is there. */
  function recover(): void {
    const text = sink.lastLine?.() ?? null;
    const integrity = text === null ? null : integrityOf(JSON.parse(text) as object);
    if (integrity === null || integrity === 'malformed') return;
    if (integrity.previous === (place?.mac ?? start)) place = integrity;
  }

  async function append(line: object): Promise<void> {
    if (Object.hasOwn(line, 'integrity')) throw new TypeError('chained: the line is in a chain already.');
    if (unsure) recover();
    unsure = false;
    const sequence = place === null ? 0 : place.sequence + 1;
    const integrity = seal(line, { keyId: keys.current, sequence, previous: place?.mac ?? start }, key!);
    try {
      await sink.write({ ...line, integrity });
    } catch (thrown) {
      unsure = true;
      throw thrown;
    }
    place = integrity;
    sinceCheckpoint += 1;
    if (sinceCheckpoint >= checkpointEvery) handOver();
  }

  function handOver(): void {
    if (checkpoint === undefined || place === null || checkpointing !== undefined) return;
    const { sequence, mac } = place;
    const covered = sinceCheckpoint;
    checkpointing = Promise.resolve({ keyId: keys.current, sequence, mac, time: new Date(clock()).toISOString() })
      .then(checkpoint)
      .then(
        () => {
          sinceCheckpoint -= covered;
        },
        () => {},
      )
      .finally(() => {
        checkpointing = undefined;
      });
  }

  /** A second channel that hangs must not hang the end. */
  const handedOver = () =>
    checkpointing && Promise.race([checkpointing, setTimeout(CHECKPOINT_DEADLINE_MS, undefined, { ref: false })]);

  const { name, onFailure, onStandardOutput } = sink;
  return {
    name,
    ...(onFailure && { onFailure }),
    ...(onStandardOutput && { onStandardOutput }),
    write(line) {
      // In turn: each link builds on the one before it.
      const written = last.then(() => append(line));
      last = written.catch(() => {});
      return written;
    },
    async close() {
      await last;
      await handedOver();
      if (sinceCheckpoint > 0) handOver();
      await handedOver();
      await sink.close();
    },
  };
}
