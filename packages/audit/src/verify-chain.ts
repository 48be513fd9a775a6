/**
 * Says whether a chained log is as it was written, and if not, what is wrong first and where. Reads line by line and keeps
 * nothing but its place.
 */
import { ConfigurationError } from '@latchkey/core';
import { asObject, isAmbiguous } from './canonical.ts';
import {
  type ChainKeys,
  type ChainPlace,
  type Checkpoint,
  checkKeys,
  type Integrity,
  integrityOf,
  isStart,
  openSeal,
} from './link.ts';
import { merkleTree } from './merkle.ts';
import { type PublicKeys, type SignatureCheck, signatureCheckOf } from './signing.ts';

/** Read once, from the first on. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** What a log is verified by: the secret keys, the public ones, or both. */
export interface VerifyOptions {
  /** The secret keys of the chain. Without them MACs are not checked, and what no signed checkpoint covers is not proved. */
  readonly keys?: ChainKeys;
  /** What the second channel kept, in order: objects, or lines of JSON. */
  readonly checkpoints?: Source<Checkpoint | string>;
  /** The public keys of signed checkpoints. With them a checkpoint without a valid signature is a fault. */
  readonly checkpointKeys?: PublicKeys;
  /**
   * The place that the first line follows, when older files were removed on purpose: a checkpoint, or the `integrity` of the
   * last line that was removed.
   */
  readonly after?: ChainPlace;
  /** Begins with the first line there is, whatever came before it. `unseen` then says what was not checked. Default false. */
  readonly fromFirstLine?: boolean;
}

/** A record's place in what was read. Lines count from 1. */
export interface LinePlace {
  /** From 1, over all files of the log. */
  readonly line: number;
  /** Its place in the chain, from 0. */
  readonly sequence: number;
  /** The record's `event.id`; null where the line has none. */
  readonly eventId: string | null;
}

/** What is wrong first. */
export interface ChainFault {
  /**
   * `edited`: not what was sealed. `missing`: not there. `reordered`: there, but later. `duplicated`: there before.
   * `inserted`: never sealed. `cut_off`: the log ends, or begins, too soon. `forked`: sealed by a second writer, or by a
   * chain begun anew. `wrong_key`: nothing verifies with the key given. `unknown_key`: its key was not given.
   * `checkpoint_forged`: a checkpoint has no valid signature.
   */
  readonly kind:
    | 'edited'
    | 'missing'
    | 'reordered'
    | 'duplicated'
    | 'inserted'
    | 'cut_off'
    | 'forked'
    | 'wrong_key'
    | 'unknown_key'
    | 'checkpoint_forged';
  /** The line it shows at; null when it shows at the end. */
  readonly line: number | null;
  /** The place in the chain that is not as it was. */
  readonly sequence: number;
  /** Of the record that is not as it was; null where it is gone and nobody knows. */
  readonly eventId: string | null;
  /** The same in a sentence. */
  readonly message: string;
}

/** What verifying a log found. */
export interface ChainReport {
  /** No fault in what can be seen: read `unseen` too. */
  readonly intact: boolean;
  /** How many records verified, up to the fault. */
  readonly records: number;
  /** The first record that verified; null for none. */
  readonly first: LinePlace | null;
  /** The last record that verified; null for none. */
  readonly last: LinePlace | null;
  /** Null when the log is intact. */
  readonly fault: ChainFault | null;
  /** Lines that are no record, left by a crash: the chain goes on around them. */
  readonly torn: { readonly count: number; readonly firstLine: number | null };
  /** Records without their personal members: erased, on purpose or not; all the rest of them verifies. */
  readonly erased: { readonly count: number; readonly firstLine: number | null };
  /** The last sequence that a checkpoint confirms. */
  readonly checkpointed: number | null;
  /** What nobody could see here, in sentences. */
  readonly unseen: readonly string[];
}

/** A line as it was read. `line` is null when it is not a JSON object. */
interface Read {
  readonly number: number;
  readonly line: object | null;
  readonly integrity: Integrity | null | 'malformed';
  /** A name given twice in one object: readers would disagree what the line says. */
  readonly ambiguous: boolean;
}

/** Is told what verified, in order, by those who do more with it. */
export interface Visitor {
  /** A line, whose leaf is the next of the tree that begins with `treeFirst`. */
  line(line: object, integrity: Integrity, leaf: Buffer, treeFirst: number): void;
  /** A checkpoint with its signature and, where the lines of its tree were read, its root. */
  checkpoint(checkpoint: Checkpoint): void;
}

/** Reads the lines once, from the first on, and stops at the first fault. */
export function verifyChain(lines: Source<string>, options: VerifyOptions): Promise<ChainReport> {
  return walkChain(lines, options);
}

export async function walkChain(
  lines: Source<string>,
  options: VerifyOptions,
  visitor?: Visitor,
): Promise<ChainReport> {
  const { keys, after, fromFirstLine = false } = options;
  if (keys === undefined && options.checkpointKeys === undefined) {
    throw new ConfigurationError('verifyChain.keys', keys, 'Hand in keys, or checkpointKeys, or both.');
  }
  if (keys !== undefined) checkKeys(keys, 'verifyChain.keys');
  const checkSignature =
    options.checkpointKeys && signatureCheckOf('verifyChain.checkpointKeys', options.checkpointKeys);
  const reader = read(lines);
  const checkpoints = inOrder(options.checkpoints ?? []);
  let checkpoint = await checkpoints();
  let due: ChainPlace | null = after ?? null;
  let tree = merkleTree();
  let treeFirst = 0;
  let records = 0;
  let first: LinePlace | null = null;
  let firstMac: string | null = null;
  /** Whether a checkpoint kept the place just before the first line. */
  let beginsAtCheckpoint = false;
  let last: LinePlace | null = null;
  let checkpointed: number | null = null;
  /** The last line that a tree covers. */
  let covered: number | null = null;
  let uncovered = 0;
  let torn = 0;
  let firstTorn: number | null = null;
  let erased = 0;
  let firstErased: number | null = null;
  /** Lines without a record since the last one. */
  let unread: number | null = null;
  const verified = new Set<string>();

  function report(fault: ChainFault | null): ChainReport {
    const count = fault === null ? torn + (unread === null ? 0 : 1) : torn;
    return {
      intact: fault === null,
      records,
      first,
      last,
      fault,
      torn: { count, firstLine: firstTorn ?? (fault === null ? unread : null) },
      erased: { count: erased, firstLine: firstErased },
      checkpointed,
      unseen: fault === null ? unseen() : ['Nothing was checked behind the first fault.'],
    };
  }

  function unseen(): string[] {
    const sentences = [
      checkpointed === null
        ? 'No checkpoint confirms any record: a tail that was cut off cannot be seen.'
        : checkpointed === last?.sequence
          ? `The last checkpoint is record ${checkpointed}, the last one here: records cut off behind it cannot be seen.`
          : `The last checkpoint is record ${checkpointed}: a tail cut off behind it cannot be seen.`,
    ];
    if (keys === undefined) {
      sentences.push('No secret key was given, so no MAC was checked: only what a signed checkpoint covers is proved.');
    } else {
      sentences.push('Whoever has the key can rewrite everything that no checkpoint confirms.');
    }
    if (checkpointed !== null && !checkSignature) {
      sentences.push('Signatures of checkpoints were not checked: no public key was given.');
    }
    if (uncovered > 0) sentences.push(`${uncovered} records before the last checkpoint are in the tree of none.`);
    if (erased > 0) {
      sentences.push(
        `${erased} records have no personal members any more; who removed them, and why, is not in the log.`,
      );
    }
    const from = first?.sequence ?? 0;
    if (after !== undefined) sentences.push('What came before the place given as `after` was not checked.');
    else if (from > 0) {
      sentences.push(`Records 0 to ${from - 1} are not here and were not checked.`);
      sentences.push(
        beginsAtCheckpoint
          ? `A checkpoint kept record ${from - 1}, which the first record here follows.`
          : `No checkpoint kept record ${from - 1}: whether the log was cut elsewhere cannot be seen.`,
      );
    }
    return sentences;
  }

  for await (const found of reader) {
    const { number, line, integrity } = found;
    if (fromFirstLine && due === null && integrity !== null && integrity !== 'malformed' && integrity.sequence > 0) {
      due = { sequence: integrity.sequence - 1, mac: integrity.previous };
    }
    const sequence: number = due === null ? 0 : due.sequence + 1;
    const eventId = line === null ? null : eventIdOf(line);
    const at = (kind: ChainFault['kind'], message: string, what: Partial<ChainFault> = {}) =>
      report({ kind, line: number, sequence, eventId, message: `Line ${number}: ${message}`, ...what });

    if (line === null) {
      if (unread !== null) torn += 1;
      unread ??= number;
      continue;
    }
    if (integrity === null) return at('inserted', 'a record without integrity: inserted, or stripped of it.');
    if (integrity === 'malformed') return at('edited', 'its integrity is not what was written.');
    const key = keyOf(keys, integrity.keyId);
    if (keys !== undefined && key === null) {
      return at('unknown_key', `sealed with key '${integrity.keyId}', which is not among the keys given.`);
    }
    if (found.ambiguous) return at('edited', 'a name stands twice in one object: readers would disagree what it says.');
    const { state, leaf } = openSeal(line, integrity, key);
    if (state === 'edited') {
      if (key !== null && !verified.has(integrity.keyId) && !(await anySealed(reader, integrity.keyId, key))) {
        const message = `nothing verifies with the key given for '${integrity.keyId}': another key, or all of it was edited.`;
        return at('wrong_key', message);
      }
      return at('edited', 'the record is not what was sealed.');
    }
    verified.add(integrity.keyId);

    if (integrity.sequence !== sequence || (due !== null && integrity.previous !== due.mac)) {
      // What is sealed is genuine; only its place is wrong.
      if (unread !== null && integrity.sequence > sequence) {
        const message = `Line ${unread}: no record; record ${sequence} stood here or is missing.`;
        return at('edited', message, { line: unread, eventId: null, message });
      }
      if (integrity.sequence > sequence) {
        if (due === null) {
          const message = `the log begins with record ${integrity.sequence}: what came before it is not here.`;
          return at('cut_off', message, { eventId: null });
        }
        const moved = await findSequence(reader, sequence, keys);
        const before = `record ${integrity.sequence} (event ${eventId}) comes where record ${sequence} should`;
        if (moved === null) return at('missing', `${before}, which is nowhere after it.`, { eventId: null });
        return at('reordered', `${before}, which stands on line ${moved.number}.`, {
          eventId: moved.line === null ? null : eventIdOf(moved.line),
        });
      }
      const again = { sequence: integrity.sequence };
      if (integrity.sequence === sequence) return at('forked', 'sealed by a second writer of this chain.');
      if (isStart(integrity.previous) && integrity.mac !== firstMac) {
        return at('forked', 'a new chain begins here, and the one before it was not continued.', again);
      }
      return at('duplicated', `record ${integrity.sequence} once more.`, again);
    }

    if (unread !== null) {
      torn += 1;
      firstTorn ??= unread;
      unread = null;
    }
    records += 1;
    if (state === 'erased') {
      erased += 1;
      firstErased ??= number;
    }
    // Checkpoints of the lines that came before these: they cover nothing here.
    while (checkpoint !== null && first === null && checkpoint.sequence < sequence) {
      if (signatureFault(checkpoint) === null && checkpoint.sequence === sequence - 1) {
        beginsAtCheckpoint = checkpoint.mac === integrity.previous;
      }
      checkpoint = await checkpoints();
    }
    last = { line: number, sequence, eventId };
    first ??= last;
    firstMac ??= integrity.mac;
    due = { sequence, mac: integrity.mac };
    if (tree.size === 0 || checkpoint?.first === sequence) {
      uncovered += tree.size;
      tree = merkleTree();
      treeFirst = sequence;
    }
    tree.add(leaf);
    visitor?.line(line, integrity, leaf, treeFirst);
    while (checkpoint !== null && checkpoint.sequence <= sequence) {
      const forged = signatureFault(checkpoint);
      if (forged !== null) return at('checkpoint_forged', forged, { sequence: checkpoint.sequence });
      if (checkpoint.sequence === sequence) {
        if (checkpoint.mac !== integrity.mac) {
          return at('edited', 'not the record that the checkpoint kept: rewritten by someone who has the key.');
        }
        if (checkpoint.first === treeFirst && checkpoint.root !== tree.root()) {
          const message = `among ${rangeOf(treeFirst, sequence)} is one that is not what the checkpoint covers.`;
          return at('edited', message, { eventId: null });
        }
        checkpointed = sequence;
        if (checkpoint.first === treeFirst) {
          covered = sequence;
          visitor?.checkpoint(checkpoint);
        }
      }
      checkpoint = await checkpoints();
    }
    if (covered === sequence) tree = merkleTree();
  }

  if (checkpoint === null) return report(null);
  const forged = signatureFault(checkpoint);
  const sequence = due === null ? 0 : due.sequence + 1;
  const end = { line: null, sequence, eventId: null };
  if (forged !== null) return report({ ...end, kind: 'checkpoint_forged', message: `At the end: ${forged}` });
  const message = `The log ends before record ${sequence}, and a checkpoint kept record ${checkpoint.sequence}: the tail was cut off.`;
  return report({ ...end, kind: 'cut_off', message });

  /** Null when the checkpoint has a valid signature, or when nobody gave a key to check it by. */
  function signatureFault(found: Checkpoint): string | null {
    if (!checkSignature) return null;
    return checkpointFault(found, checkSignature);
  }
}

const rangeOf = (from: number, to: number) => (from === to ? `record ${from}` : `records ${from} to ${to}`);

/** Why a checkpoint is not what the writer signed; null when it is. */
export function checkpointFault(checkpoint: Checkpoint, checkSignature: SignatureCheck): string | null {
  const { signature, ...signed } = checkpoint;
  const what = `the checkpoint of record ${checkpoint.sequence}`;
  switch (checkSignature('latchkey.checkpoint/1', signed, signature)) {
    case 'valid':
      return null;
    case 'unsigned':
      return `${what} has no signature.`;
    case 'unknown_key':
      return `${what} is signed with key '${signature!.keyId}', which is not among the keys given.`;
    case 'invalid':
      return `${what} was not signed with key '${signature!.keyId}', or was edited.`;
  }
}

function keyOf(keys: ChainKeys | undefined, keyId: string): string | Uint8Array | null {
  return keys !== undefined && Object.hasOwn(keys, keyId) ? keys[keyId]! : null;
}

/** One pass over the lines; looking ahead goes on where the pass stands, and ends it. */
async function* read(lines: Source<string>): AsyncGenerator<Read> {
  let number = 0;
  for await (const text of lines) {
    number += 1;
    if (text.trim() === '') continue;
    const line = asObject(text);
    const integrity = line === null ? null : integrityOf(line);
    yield { number, line, integrity, ambiguous: line !== null && isAmbiguous(text, line) };
  }
}

/** Whether any later line was sealed with this key. */
async function anySealed(reader: AsyncGenerator<Read>, keyId: string, key: string | Uint8Array): Promise<boolean> {
  for (let next = await reader.next(); !next.done; next = await reader.next()) {
    const { line, integrity, ambiguous } = next.value;
    if (line === null || ambiguous || integrity === null || integrity === 'malformed') continue;
    if (integrity.keyId === keyId && openSeal(line, integrity, key).state !== 'edited') return true;
  }
  return false;
}

/** The later line that genuinely is this record. */
async function findSequence(
  reader: AsyncGenerator<Read>,
  sequence: number,
  keys: ChainKeys | undefined,
): Promise<Read | null> {
  for (let next = await reader.next(); !next.done; next = await reader.next()) {
    const { line, integrity, ambiguous } = next.value;
    if (line === null || ambiguous || integrity === null || integrity === 'malformed') continue;
    if (integrity.sequence !== sequence) continue;
    const key = keyOf(keys, integrity.keyId);
    if (keys !== undefined && key === null) continue;
    if (openSeal(line, integrity, key).state !== 'edited') return next.value;
  }
  return null;
}

/** Gives one checkpoint after the other, and null behind the last. A line that is torn is none. */
function inOrder(source: Source<Checkpoint | string>): () => Promise<Checkpoint | null> {
  const places = (async function* () {
    for await (const item of source) {
      const place = typeof item === 'string' ? asObject(item) : item;
      if (place !== null && 'sequence' in place && 'mac' in place) yield place as Checkpoint;
    }
  })();
  return async () => {
    const next = await places.next();
    return next.done ? null : next.value;
  };
}

/** Our own record's id, or OCSF's. */
function eventIdOf(line: object): string | null {
  const { event, metadata } = line as { event?: { id?: unknown }; metadata?: { uid?: unknown } };
  const id = event?.id ?? metadata?.uid;
  return typeof id === 'string' ? id : null;
}
