/**
 * Why this file exists: says whether a chained log is as it was written, and if not, what is wrong first and where. Reads
 * line by line and keeps nothing but its place.
 */
import {
  type ChainKeys,
  type ChainPlace,
  type Checkpoint,
  canonicalJson,
  checkKeys,
  type Integrity,
  integrityOf,
  isSealed,
  isStart,
} from './link.ts';

type Source<T> = Iterable<T> | AsyncIterable<T>;

export interface VerifyOptions {
  readonly keys: ChainKeys;
  /** What the second channel kept, in order: objects, or lines of JSON. */
  readonly checkpoints?: Source<Checkpoint | string>;
  /** Where the log begins, when older files were removed on purpose: the checkpoint just before its first line. */
  readonly after?: ChainPlace;
}

/** A record's place in what was read. Lines count from 1. */
export interface LinePlace {
  readonly line: number;
  readonly sequence: number;
  readonly eventId: string | null;
}

export interface ChainFault {
  /**
   * `edited`: not what was sealed. `missing`: not there. `reordered`: there, but later. `duplicated`: there before.
   * `inserted`: never sealed. `cut_off`: the log ends, or begins, too soon. `forked`: sealed by a second writer, or by a
   * chain begun anew. `wrong_key`: nothing verifies with the key given. `unknown_key`: its key was not given.
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
    | 'unknown_key';
  /** The line it shows at; null when it shows at the end. */
  readonly line: number | null;
  /** The place in the chain that is not as it was. */
  readonly sequence: number;
  /** Of the record that is not as it was; null where it is gone and nobody knows. */
  readonly eventId: string | null;
  readonly message: string;
}

export interface ChainReport {
  /** No fault in what can be seen: read `unseen` too. */
  readonly intact: boolean;
  /** How many records verified, up to the fault. */
  readonly records: number;
  readonly first: LinePlace | null;
  readonly last: LinePlace | null;
  readonly fault: ChainFault | null;
  /** Lines that are no record, left by a crash: the chain goes on around them. */
  readonly torn: { readonly count: number; readonly firstLine: number | null };
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

/** Reads the lines once, from the first on, and stops at the first fault. */
export async function verifyChain(lines: Source<string>, options: VerifyOptions): Promise<ChainReport> {
  const { keys, after } = options;
  checkKeys(keys, 'verifyChain');
  const reader = read(lines);
  const checkpoints = inOrder(options.checkpoints ?? []);
  let checkpoint = await checkpoints();
  let due: ChainPlace | null = after ?? null;
  let records = 0;
  let first: LinePlace | null = null;
  let firstMac: string | null = null;
  let last: LinePlace | null = null;
  let checkpointed: number | null = null;
  let torn = 0;
  let firstTorn: number | null = null;
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
      checkpointed,
      unseen: unseen(fault, last, checkpointed, after !== undefined),
    };
  }

  for await (const found of reader) {
    const { number, line, integrity } = found;
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
    const key = Object.hasOwn(keys, integrity.keyId) ? keys[integrity.keyId]! : null;
    if (key === null) {
      return at('unknown_key', `sealed with key '${integrity.keyId}', which is not among the keys given.`);
    }
    if (found.ambiguous) return at('edited', 'a name stands twice in one object: readers would disagree what it says.');
    if (!isSealed(line, integrity, key)) {
      if (!verified.has(integrity.keyId) && !(await anySealed(reader, integrity.keyId, key))) {
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
    last = { line: number, sequence, eventId };
    first ??= last;
    firstMac ??= integrity.mac;
    due = { sequence, mac: integrity.mac };
    while (checkpoint !== null && checkpoint.sequence <= sequence) {
      if (checkpoint.sequence === sequence) {
        if (checkpoint.mac !== integrity.mac) {
          return at('edited', 'not the record that the checkpoint kept: rewritten by someone who has the key.');
        }
        checkpointed = sequence;
      }
      checkpoint = await checkpoints();
    }
  }

  if (checkpoint === null) return report(null);
  const sequence = due === null ? 0 : due.sequence + 1;
  const message = `The log ends before record ${sequence}, and a checkpoint kept record ${checkpoint.sequence}: the tail was cut off.`;
  return report({ kind: 'cut_off', line: null, sequence, eventId: null, message });
}

function unseen(
  fault: ChainFault | null,
  last: LinePlace | null,
  checkpointed: number | null,
  began: boolean,
): string[] {
  if (fault !== null) return [`Nothing was checked behind the first fault.`];
  const sentences = [
    checkpointed === null
      ? 'No checkpoint confirms any record: a tail that was cut off cannot be seen.'
      : checkpointed === last?.sequence
        ? `The last checkpoint is record ${checkpointed}, the last one here: records cut off behind it cannot be seen.`
        : `The last checkpoint is record ${checkpointed}: a tail cut off behind it cannot be seen.`,
    'Whoever has the key can rewrite everything that no checkpoint confirms.',
  ];
  if (began) sentences.push('What came before the place given as `after` was not checked.');
  return sentences;
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
    if (integrity.keyId === keyId && isSealed(line, integrity, key)) return true;
  }
  return false;
}

/** The later line that genuinely is this record. */
async function findSequence(reader: AsyncGenerator<Read>, sequence: number, keys: ChainKeys): Promise<Read | null> {
  for (let next = await reader.next(); !next.done; next = await reader.next()) {
    const { line, integrity, ambiguous } = next.value;
    if (line === null || ambiguous || integrity === null || integrity === 'malformed') continue;
    if (integrity.sequence !== sequence) continue;
    const key = Object.hasOwn(keys, integrity.keyId) ? keys[integrity.keyId] : undefined;
    if (key !== undefined && isSealed(line, integrity, key)) return next.value;
  }
  return null;
}

/** Gives one checkpoint after the other, and null behind the last. A line that is torn is none. */
function inOrder(source: Source<Checkpoint | string>): () => Promise<ChainPlace | null> {
  const places = (async function* () {
    for await (const item of source) {
      const place = typeof item === 'string' ? asObject(item) : item;
      if (place !== null && 'sequence' in place && 'mac' in place) yield place as ChainPlace;
    }
  })();
  return async () => {
    const next = await places.next();
    return next.done ? null : next.value;
  };
}

function asObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function isAmbiguous(text: string, line: object): boolean {
  try {
    return countNames(text) !== countNames(canonicalJson(line));
  } catch {
    // Nested too deep to be ours.
    return true;
  }
}

/** How many member names stand in a JSON text: strings with a colon behind them. */
function countNames(json: string): number {
  let names = 0;
  for (const [, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) names += 1;
  return names;
}

/** Our own record's id, or OCSF's. */
function eventIdOf(line: object): string | null {
  const { event, metadata } = line as { event?: { id?: unknown }; metadata?: { uid?: unknown } };
  const id = event?.id ?? metadata?.uid;
  return typeof id === 'string' ? id : null;
}
