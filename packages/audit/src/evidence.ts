/**
 * Single lines of a chained log, with proof that they are in it: each has its path to the root that a signed checkpoint carries.
 * Who verifies needs the file and the public key, sees no other line, and cannot forge.
 */
import { asObject, isAmbiguous } from './canonical.ts';
import { type Checkpoint, type Integrity, integrityOf, isObject, openSeal } from './link.ts';
import { isInTree, pathOf } from './merkle.ts';
import { type PublicKeys, type Signature, type SigningKey, signatureCheckOf, signerOf } from './signing.ts';
import { type ChainReport, checkpointFault, type Source, type VerifyOptions, walkChain } from './verify-chain.ts';

/** Which records are evidence: those that meet all that is given. */
export interface EvidenceFilter {
  /** The application's own id of a user. */
  readonly userId?: string;
  /** Pseudonyms of that id, for lines that have nothing else of it (`audit.logLine: 'pseudonyms'`). Only beside `userId`. */
  readonly userHashes?: readonly string[];
  /** The record's `attempt.id`. */
  readonly attemptId?: string;
  /** Milliseconds since the epoch, by the time at which the attempt ended: from this instant on. */
  readonly fromAt?: number;
  /** Milliseconds since the epoch: before this instant. */
  readonly untilAt?: number;
}

/** The log that evidence is taken from, and who signs it. */
export interface EvidenceOptions extends Omit<VerifyOptions, 'checkpoints' | 'checkpointKeys'> {
  /** The whole log: `linesOf(path)`. */
  readonly lines: Source<string>;
  /** What the second channel kept, in order: objects, or lines of JSON. */
  readonly checkpoints: Source<Checkpoint | string>;
  /** The public keys of the checkpoints. */
  readonly checkpointKeys: PublicKeys;
  /** Which records are wanted. `{}`: all. */
  readonly filter: EvidenceFilter;
  /** Signs the statement which lines there are, so that none can be left out later. */
  readonly signingKey: SigningKey;
  /** Milliseconds since the epoch, for the statement. Default `Date.now`. */
  readonly clock?: () => number;
}

/** What whoever made the evidence says of it: nothing but a signature stands for it. */
export interface EvidenceStatement {
  /** What was searched for. */
  readonly filter: EvidenceFilter;
  /** The lines that were searched: from this sequence … */
  readonly from: number;
  /** … to this one, which a signed checkpoint keeps. */
  readonly to: number;
  /** Those that met the filter, all of them, in order. */
  readonly sequences: readonly number[];
  /** ISO 8601 in UTC. */
  readonly time: string;
}

/** The file: one JSON document. */
export interface Evidence {
  /** The version of this shape. */
  readonly schema: 'latchkey.evidence/1';
  /** Signed by whoever made the file. */
  readonly statement: EvidenceStatement & { readonly signature: Signature };
  /** Those whose trees the lines are in, in order. */
  readonly checkpoints: readonly Checkpoint[];
  /** `checkpoint` is the sequence of the checkpoint; `path` leads to its root, from below. */
  readonly lines: readonly { readonly line: object; readonly checkpoint: number; readonly path: readonly string[] }[];
}

/** What a log gave. */
export interface EvidenceResult {
  /** Null when the log is not intact, or when no signed checkpoint covers any of it. */
  readonly evidence: Evidence | null;
  /** Of the whole log. */
  readonly report: ChainReport;
  /** Sequences that meet the filter and are not in the evidence, because no signed checkpoint covers them yet. */
  readonly uncovered: readonly number[];
}

/** Verifies the log, and gives the lines that meet the filter with their proofs. */
export async function evidenceFor(options: EvidenceOptions): Promise<EvidenceResult> {
  const { lines, filter, signingKey, clock = Date.now, ...verify } = options;
  const sign = signerOf('evidenceFor.signingKey', signingKey);
  const proved: Evidence['lines'][number][] = [];
  const checkpoints: Checkpoint[] = [];
  const uncovered: number[] = [];
  let leaves: Buffer[] = [];
  let met: { readonly line: object; readonly index: number }[] = [];
  let from: number | null = null;
  let to: number | null = null;
  let begun = 0;

  const leaveUncovered = () => uncovered.push(...met.map(({ index }) => begun + index));
  const report = await walkChain(lines, verify, {
    line(line, integrity, leaf, treeFirst) {
      if (integrity.sequence === treeFirst) {
        leaveUncovered();
        [leaves, met, begun] = [[], [], treeFirst];
      }
      from ??= integrity.sequence;
      if (meets(line, filter)) met.push({ line, index: leaves.length });
      leaves.push(leaf);
    },
    checkpoint(checkpoint) {
      if (to === checkpoint.sequence) return;
      to = checkpoint.sequence;
      if (met.length > 0) checkpoints.push(checkpoint);
      for (const { line, index } of met) {
        proved.push({ line, checkpoint: checkpoint.sequence, path: pathOf(leaves, index) });
      }
      [leaves, met] = [[], []];
    },
  });
  leaveUncovered();
  if (!report.intact || from === null || to === null) return { evidence: null, report, uncovered };
  const sequences = proved.map(({ line }) => (line as { integrity: Integrity }).integrity.sequence);
  const statement = { filter, from, to, sequences, time: new Date(clock()).toISOString() };
  const signature = sign('latchkey.evidence/1', statement);
  const evidence: Evidence = {
    schema: 'latchkey.evidence/1',
    statement: { ...statement, signature },
    checkpoints,
    lines: proved,
  };
  return { evidence, report, uncovered };
}

function meets(line: object, { userId, userHashes = [], attemptId, fromAt, untilAt }: EvidenceFilter): boolean {
  const { user, attempt, event } = line as Record<string, Record<string, unknown> | undefined>;
  const at = Date.parse(String(event?.time));
  return (
    (userId === undefined || user?.id === userId || [userHashes].flat().includes(String(user?.hash))) &&
    (attemptId === undefined || attempt?.id === attemptId) &&
    (fromAt === undefined || at >= fromAt) &&
    (untilAt === undefined || at < untilAt)
  );
}

/** What verifying a file of evidence found. */
export interface EvidenceReport {
  /** Every line is in the log that the checkpoint key signed, and the statement's signer says that these are all. */
  readonly holds: boolean;
  /** Why not; null when it holds. `sequence` is the line's, where it is about one. */
  readonly fault: { readonly sequence: number | null; readonly message: string } | null;
  /** How many lines verified, up to the fault. */
  readonly records: number;
  /** How many have no personal members any more; all the rest of them verifies. */
  readonly erased: number;
  /** What the maker of the file signed; null when that signature does not hold. */
  readonly statement: EvidenceStatement | null;
}

/** Whose signatures are believed. */
export interface VerifyEvidenceOptions {
  /** The public keys of the chain's checkpoints. */
  readonly checkpointKeys: PublicKeys;
  /** The public keys of those who make evidence. Default: `checkpointKeys`. */
  readonly statementKeys?: PublicKeys;
}

/** Checks a file of evidence by nothing but itself and the public keys. `evidence` is its text, or what the text parses to. */
export function verifyEvidence(evidence: string | object, options: VerifyEvidenceOptions): EvidenceReport {
  const { checkpointKeys, statementKeys = checkpointKeys } = options;
  const checkCheckpoint = signatureCheckOf('verifyEvidence.checkpointKeys', checkpointKeys);
  const checkStatement = signatureCheckOf('verifyEvidence.statementKeys', statementKeys);
  let records = 0;
  let erased = 0;
  let statement: EvidenceStatement | null = null;
  const refuse = (message: string, sequence: number | null = null): EvidenceReport => ({
    holds: false,
    fault: { sequence, message },
    records,
    erased,
    statement,
  });

  const document = typeof evidence === 'string' ? asObject(evidence) : evidence;
  if (document === null || !isEvidence(document)) return refuse('This is no file of evidence: latchkey.evidence/1.');
  if (typeof evidence === 'string' && isAmbiguous(evidence, document)) {
    return refuse('A name stands twice in one object: readers would disagree what it says.');
  }

  const { signature, ...said } = document.statement;
  const state = checkStatement('latchkey.evidence/1', said, signature);
  if (state !== 'valid') return refuse(`The statement is not signed with a key given: ${state.replace('_', ' ')}.`);
  statement = said;

  const checkpoints = new Map<number, Checkpoint>();
  for (const checkpoint of document.checkpoints) {
    const forged = checkpointFault(checkpoint, checkCheckpoint);
    if (forged !== null) return refuse(`Refused: ${forged}`, checkpoint.sequence);
    checkpoints.set(checkpoint.sequence, checkpoint);
  }

  for (const { line, checkpoint: kept, path } of document.lines) {
    const integrity = integrityOf(line);
    if (integrity === null || integrity === 'malformed') return refuse('A line has no integrity of a chain.');
    const { sequence } = integrity;
    const due = said.sequences[records];
    if (sequence !== due) {
      return refuse(`Line ${sequence} stands where the statement has ${due ?? 'no more lines'}.`, sequence);
    }
    const checkpoint = checkpoints.get(kept);
    if (checkpoint === undefined) return refuse(`The checkpoint of line ${sequence} is not here.`, sequence);
    const { state: sealed, leaf } = openSeal(line, integrity, null);
    const place = {
      index: sequence - checkpoint.first,
      size: checkpoint.sequence - checkpoint.first + 1,
      path,
      root: checkpoint.root,
    };
    if (sealed === 'edited' || !isInTree(leaf, place)) {
      return refuse(`Line ${sequence} is not what the signed checkpoint covers.`, sequence);
    }
    if (sealed === 'erased') erased += 1;
    else if (!meets(line, said.filter)) return refuse(`Line ${sequence} does not meet the filter.`, sequence);
    records += 1;
  }
  if (records < said.sequences.length) {
    const gone = said.sequences[records]!;
    return refuse(`Line ${gone} is in the statement and not here.`, gone);
  }
  return { holds: true, fault: null, records, erased, statement };
}

function isEvidence(value: object): value is Evidence {
  const { schema, statement, checkpoints, lines, ...more } = value as Record<string, unknown>;
  return (
    schema === 'latchkey.evidence/1' &&
    Object.keys(more).length === 0 &&
    isObject(statement) &&
    isObject(statement.filter) &&
    Array.isArray(statement.sequences) &&
    Array.isArray(checkpoints) &&
    checkpoints.every(isCheckpoint) &&
    Array.isArray(lines) &&
    lines.every(isProvedLine)
  );
}

function isCheckpoint(value: unknown): boolean {
  return (
    isObject(value) &&
    Number.isSafeInteger(value.first) &&
    Number.isSafeInteger(value.sequence) &&
    typeof value.root === 'string'
  );
}

function isProvedLine(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { line, checkpoint, path, ...more } = value;
  return (
    isObject(line) &&
    Number.isSafeInteger(checkpoint) &&
    Array.isArray(path) &&
    path.every((step) => typeof step === 'string' && /^[0-9a-f]{64}$/.test(step)) &&
    Object.keys(more).length === 0
  );
}
