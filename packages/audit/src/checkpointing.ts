/**
 * Hands checkpoints of a chain to a second channel, and says so when that channel does not take them. A checkpoint comes every
 * so many lines, where a file ends, and at the close; each covers the lines since the one before.
 */
import { ConfigurationError } from '@latchkey/core';
import { bounded, inTime } from './bounded.ts';
import { asObject } from './canonical.ts';
import { type ChainPlace, type Checkpoint, type Integrity, integrityOf } from './link.ts';
import { merkleTree } from './merkle.ts';
import { countCheckpoint } from './metrics.ts';
import { countOf } from './options.ts';
import { outageOf, type SinkNotice } from './outage.ts';
import { type SigningKey, signerOf } from './signing.ts';

/** Takes checkpoints: a `fileSink` on another volume, or a function of your own as `{ write }`. */
export interface CheckpointSink {
  /** Names it in the counter `latchkey.audit.records`. Default `checkpoints`. */
  readonly name?: string;
  /** Resolves, or returns, when the checkpoint is kept. */
  readonly write: (checkpoint: Checkpoint) => unknown;
  /** What was written already, the newest first, so that a new process covers the lines that a killed one left uncovered. */
  readonly linesFromEnd?: () => Iterable<string>;
  /** Other processes that write to the same place, each as `process 17 on host-a`: the chain refuses to share it. */
  readonly otherWriters?: () => readonly string[];
  /** Called when the chain is closed. */
  readonly close?: () => Promise<void>;
  /** Called when the chain cannot be opened, to let go at once. */
  readonly release?: () => void;
}

/** Where the checkpoints of a chain go, how often they come, and who signs them. */
export interface CheckpointOptions {
  /** Belongs to the chain from now on: closing the chain closes it. */
  readonly sink: CheckpointSink;
  /** After how many lines a checkpoint comes. Default 100. */
  readonly every?: number;
  /** Signs each checkpoint, so that who verifies needs no key that can forge. Evidence needs it. */
  readonly signingKey?: SigningKey;
  /** Told when the channel fails, at most once a minute, and when it works again. Default: a process warning. */
  readonly onNotice?: (notice: SinkNotice) => void;
}

export interface Checkpointing {
  /** What was kept last already; null for nothing or unknown. */
  readonly kept: ChainPlace | null;
  /** Whether `kept` is known. */
  readonly knowsKept: boolean;
  /** A line was written. */
  add(integrity: Integrity, leaf: Buffer): void;
  /** The file ended with this line, which is the last one added or the next one. */
  fileEnded(lastLine: string | null): void;
  close(): Promise<void>;
  release(): void;
}

/** Checkpoints that may wait for the channel. Each is about 500 bytes. */
const MOST_WAITING = 1_000;

export function checkpointing(
  options: CheckpointOptions,
  { clock, sync }: { clock: () => number; sync: () => Promise<void> },
): Checkpointing {
  const { sink, every = 100, signingKey } = options;
  const option = 'chained.checkpoints';
  countOf(`${option}.every`, every, { of: 'lines' });
  if (typeof sink?.write !== 'function') {
    throw new ConfigurationError(`${option}.sink`, sink, 'Hand in a fileSink, or { write: (checkpoint) => … }.');
  }
  const sign = signingKey && signerOf(`${option}.signingKey`, signingKey);
  const name = sink.name ?? 'checkpoints';
  // A channel that hangs is asked again after each deadline, and not without end.
  const run = bounded(option, name, { capacity: 10 });
  const waiting: Checkpoint[] = [];
  const outage = outageOf(name, () => waiting.length, options.onNotice);
  let tree = merkleTree();
  let first = 0;
  let place: Integrity | null = null;
  let endsAt: number | null = null;
  let delivering: Promise<void> | undefined;

  function cut(): void {
    endsAt = null;
    if (place === null || tree.size === 0) return;
    const { keyId, sequence, mac } = place;
    const checkpoint = { keyId, sequence, mac, first, root: tree.root(), time: new Date(clock()).toISOString() };
    waiting.push(sign ? { ...checkpoint, signature: sign('latchkey.checkpoint/1', checkpoint) } : checkpoint);
    tree = merkleTree();
    if (waiting.length > MOST_WAITING) {
      const [lost] = waiting.splice(0, 1);
      outage.failed(new Error(`the checkpoint of line ${lost!.sequence} was dropped: ${MOST_WAITING} wait already`));
    }
  }

  function deliver(): void {
    if (delivering !== undefined || waiting.length === 0) return;
    delivering = (async () => {
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const checkpoint = next;
        try {
          await run(async () => {
            // A power cut must not leave a checkpoint of lines that it took: it would look like a tail cut off on purpose.
            await sync();
            await sink.write(checkpoint);
          });
        } catch (thrown) {
          countCheckpoint(name, 'failed');
          outage.failed(thrown);
          return;
        }
        countCheckpoint(name, 'written');
        if (waiting[0] === checkpoint) waiting.shift();
        outage.worked();
      }
    })().finally(() => {
      delivering = undefined;
    });
  }

  return {
    kept: placeIn(sink.linesFromEnd?.() ?? []),
    knowsKept: sink.linesFromEnd !== undefined,
    add(integrity, leaf) {
      if (tree.size === 0) first = integrity.sequence;
      tree.add(leaf);
      place = integrity;
      // While the channel fails one tree grows, so that checkpoints do not pile up.
      if (integrity.sequence === endsAt || (tree.size >= every && waiting.length === 0)) cut();
      deliver();
    },
    fileEnded(lastLine) {
      const line = lastLine === null ? null : asObject(lastLine);
      const integrity = line === null ? null : integrityOf(line);
      if (integrity !== null && integrity !== 'malformed' && integrity.sequence > (place?.sequence ?? -1)) {
        endsAt = integrity.sequence;
        return;
      }
      cut();
      deliver();
    },
    async close() {
      // What is under way, and then what is left.
      await delivering;
      cut();
      deliver();
      await delivering;
      await inTime(sink.close?.(), '5s');
    },
    release: () => sink.release?.(),
  };
}

/** The place in the newest line that is a checkpoint. */
function placeIn(linesFromEnd: Iterable<string>): ChainPlace | null {
  for (const text of linesFromEnd) {
    const { sequence, mac } = (asObject(text) ?? {}) as Partial<ChainPlace>;
    if (Number.isSafeInteger(sequence) && typeof mac === 'string') return { sequence: sequence!, mac };
  }
  return null;
}
