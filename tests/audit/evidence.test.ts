/** Single lines of a log, proved to somebody who has a public key and nothing else; and what happens when they are bent. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  type Checkpoint,
  chained,
  type Evidence,
  type EvidenceFilter,
  evidenceFor,
  type LineSink,
  type SigningKey,
  verifyChain,
  verifyEvidence,
} from '@latchkey/audit';
import { ConfigurationError } from '@latchkey/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { signatureCheckOf, signerOf } from '../../packages/audit/src/signing.ts';
import { recordOf } from './records.ts';

const keys = { current: 'k1', byId: { k1: 'the first key of a chain, only for tests' } };
const pem = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const;
const newKey = (id: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', pem);
  return { signing: { id, privateKey } satisfies SigningKey, publicKeys: { [id]: publicKey } };
};
const checkpointKey = newKey('c1');
const exporterKey = newKey('e1');
const publicKeys = { checkpointKeys: checkpointKey.publicKeys, statementKeys: exporterKey.publicKeys };

/** The n-th record is one of three users'. */
const record = (n: number) => ({ ...recordOf(n), user: { known: true, id: `user ${n % 3}`, hash: null } });

async function logOf(count: number, { every = 10, signed = true } = {}) {
  const lines: string[] = [];
  const checkpoints: string[] = [];
  const sink: LineSink = {
    name: 'list',
    write: async (line) => void lines.push(JSON.stringify(line)),
    close: async () => {},
  };
  const chain = chained(sink, {
    keys,
    checkpoints: {
      ...{ every, sink: { write: (checkpoint) => void checkpoints.push(JSON.stringify(checkpoint)) } },
      ...(signed && { signingKey: checkpointKey.signing }),
    },
  });
  for (let n = 0; n < count; n += 1) await chain.write(record(n));
  return { lines, checkpoints, chain };
}

type Log = Pick<Awaited<ReturnType<typeof logOf>>, 'lines' | 'checkpoints'>;

const exported = ({ lines, checkpoints }: Log, filter: EvidenceFilter = { userId: 'user 1' }) =>
  evidenceFor({
    ...{ lines, checkpoints, filter, keys: keys.byId, checkpointKeys: checkpointKey.publicKeys },
    signingKey: exporterKey.signing,
  });

/** A person's evidence out of a log of 53 records, as a file's text. */
async function fileOf(filter?: EvidenceFilter): Promise<string> {
  const log = await logOf(53);
  await log.chain.close();
  const { evidence } = await exported(log, filter);
  return JSON.stringify(evidence);
}

type Members = Record<string, unknown>;
interface Bendable {
  readonly statement: Members & { sequences: number[] };
  readonly checkpoints: Members[];
  readonly lines: { line: { integrity: Members; client: Members } & Members }[];
}

/** The file with something about it changed. */
function bent(file: string, bend: (evidence: Bendable) => void): string {
  const copy = JSON.parse(file) as Bendable;
  bend(copy);
  return JSON.stringify(copy);
}

/** The file with another value in one place: `lines.3.line.outcome`. */
function withValue(file: string, path: string, value: unknown): string {
  const names = path.split('.');
  const copy = JSON.parse(file) as Members;
  const owner = names.slice(0, -1).reduce((part, name) => part[name] as Members, copy);
  owner[names.at(-1)!] = value;
  return JSON.stringify(copy);
}

const refused = (file: string) => {
  const report = verifyEvidence(file, publicKeys);
  expect(report.holds).toBe(false);
  return report.fault!;
};

test('lines that name a person by a pseudonym alone are theirs by the pseudonyms given, and by nothing else', async () => {
  const log = await logOf(2);
  const [ours, another] = ['ours', 'another'].map((name) => `hmac-sha256:36c88848:${name.padEnd(22, 'x')}`);
  for (const hash of [ours!, another!]) await log.chain.write({ ...record(0), user: { known: true, id: null, hash } });
  await log.chain.close();
  const filter = { userId: 'user 1', userHashes: [ours!] };
  const { evidence } = await exported(log, filter);
  expect(evidence!.statement).toMatchObject({ filter, sequences: [1, 2] });
  expect(verifyEvidence(evidence!, publicKeys)).toMatchObject({ holds: true, records: 2 });
  // The same lines, said to be of somebody with another pseudonym.
  const { signature: _, ...said } = { ...evidence!.statement, filter: { ...filter, userHashes: [another!] } };
  const signature = signerOf('test', exporterKey.signing)('latchkey.evidence/1', said);
  const { message } = refused(JSON.stringify({ ...evidence, statement: { ...said, signature } }));
  expect(message).toBe('Line 2 does not meet the filter.');
});

test('a person’s lines are proved by the file and the public keys, and no other line is in it', async () => {
  const file = await fileOf();
  const report = verifyEvidence(file, publicKeys);
  expect(report).toMatchObject({ holds: true, fault: null, records: 18, erased: 0 });
  expect(report.statement).toMatchObject({ filter: { userId: 'user 1' }, from: 0, to: 52 });
  const evidence = JSON.parse(file) as Evidence;
  expect(evidence.lines.map(({ line }) => (line as ReturnType<typeof record>).user.id)).toEqual(
    Array(18).fill('user 1'),
  );
  expect(file).not.toContain('user 0');
  expect(file).not.toContain('user 2');
});

test('any log, any size of tree and any filter: what is exported holds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20 }), async (count, every) => {
      const log = await logOf(count, { every });
      await log.chain.close();
      const { evidence, uncovered } = await exported(log, {});
      expect(verifyEvidence(evidence!, publicKeys)).toMatchObject({ holds: true, records: count });
      expect(uncovered).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('filters by attempt and by time', async () => {
  const [first, , third] = [record(0), record(1), record(2)];
  const byAttempt = verifyEvidence(await fileOf({ attemptId: first.attempt.id }), publicKeys);
  expect(byAttempt).toMatchObject({ holds: true, records: 1 });
  const [fromAt, untilAt] = [Date.parse(first.event.time), Date.parse(third.event.time)];
  const byTime = verifyEvidence(await fileOf({ fromAt, untilAt }), publicKeys);
  expect(byTime.statement?.sequences).toEqual([0, 1]);
});

test('an edited line is refused', async () => {
  const file = await fileOf();
  const fault = refused(withValue(file, 'lines.3.line.outcome', 'failure'));
  expect(fault).toEqual({ sequence: 10, message: 'Line 10 is not what the signed checkpoint covers.' });
  // Also in what is personal, which the hash of the line covers by a hash of its own.
  refused(withValue(file, 'lines.3.line.client.address', '198.51.100.1'));
  refused(withValue(file, 'lines.3.line.integrity.salt', '00'));
  refused(withValue(file, 'lines.3.line.note', 'never there'));
  refused(withValue(file, 'lines.3.line.integrity.mac', '0'.repeat(64)));
});

test('any one changed character is refused', async () => {
  const file = await fileOf();
  fc.assert(
    fc.property(fc.nat(), fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme-ascii' }), (at, put) => {
      const place = at % file.length;
      fc.pre(file[place] !== put);
      const changed = file.slice(0, place) + put + file.slice(place + 1);
      const holds = (() => {
        try {
          return verifyEvidence(changed, publicKeys).holds;
        } catch {
          return 'threw';
        }
      })();
      // A space where JSON allows one says nothing else.
      fc.pre(!(put.trim() === '' && JSON.stringify(tryParse(changed)) === file));
      expect(holds).toBe(false);
    }),
    { numRuns: 500 },
  );
});

const tryParse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

test('a dropped line is refused, also when the statement no longer names it', async () => {
  const file = await fileOf();
  const gone = bent(file, ({ lines }) => void lines.splice(3, 1));
  expect(refused(gone).message).toBe('Line 13 stands where the statement has 10.');
  const lastGone = bent(file, ({ lines }) => void lines.pop());
  expect(refused(lastGone).message).toBe('Line 52 is in the statement and not here.');
  const unnamed = bent(file, ({ lines, statement }) => {
    lines.splice(3, 1);
    statement.sequences.splice(3, 1);
  });
  expect(refused(unnamed).message).toBe('The statement is not signed with a key given: invalid.');
});

test('a dropped checkpoint is refused', async () => {
  const fault = refused(bent(await fileOf(), ({ checkpoints }) => void checkpoints.splice(1, 1)));
  expect(fault).toEqual({ sequence: 10, message: 'The checkpoint of line 10 is not here.' });
});

test('reordered lines are refused', async () => {
  const file = await fileOf();
  const swapped = bent(file, ({ lines }) => void lines.splice(2, 2, lines[3]!, lines[2]!));
  expect(refused(swapped).message).toBe('Line 10 stands where the statement has 7.');
  // A line that claims the place of another one is not the line that was sealed there.
  const moved = bent(file, ({ lines }) => {
    const [first, second] = lines;
    first!.line.integrity.sequence = 4;
    second!.line.integrity.sequence = 1;
    lines.splice(0, 2, second!, first!);
  });
  expect(refused(moved).message).toContain('is not what the signed checkpoint covers');
});

test('a forged line, checkpoint or statement is refused: who verifies has no key that forges', async () => {
  const file = await fileOf();
  // Everything that a verifier knows: the log's own chain, made anew with another signing key.
  const own = newKey('c1');
  const forgedLog: Checkpoint[] = [];
  const forgedLines: object[] = [];
  const sink: LineSink = { name: 'list', write: async (line) => void forgedLines.push(line), close: async () => {} };
  const forger = chained(sink, {
    keys,
    checkpoints: {
      every: 1,
      signingKey: own.signing,
      sink: { write: (checkpoint) => void forgedLog.push(checkpoint) },
    },
  });
  await forger.write(record(1));
  await forger.close();
  const forgedCheckpoint = withValue(file, 'checkpoints.0', forgedLog[0]);
  expect(refused(forgedCheckpoint).message).toBe(
    "Refused: the checkpoint of record 0 was not signed with key 'c1', or was edited.",
  );
  refused(withValue(file, 'lines.0.line', forgedLines[0]));
  const root = withValue(file, 'checkpoints.0.root', '0'.repeat(64));
  expect(refused(root).message).toContain("was not signed with key 'c1', or was edited");
  refused(withValue(file, 'checkpoints.0.signature', undefined));
  // A signature has one spelling: the last character of 64 bytes in base64url has four bits to spare.
  const { value } = (JSON.parse(file) as Evidence).statement.signature;
  const spelt = value.slice(0, -1) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[value.at(-1)!];
  expect(Buffer.from(spelt, 'base64url')).toEqual(Buffer.from(value, 'base64url'));
  refused(withValue(file, 'statement.signature.value', spelt));
  // A checkpoint's signature is none for a statement, and the exporter cannot sign checkpoints.
  refused(withValue(file, 'statement.signature', (JSON.parse(file) as Evidence).checkpoints[0]!.signature));
  expect(verifyEvidence(file, { checkpointKeys: exporterKey.publicKeys }).holds).toBe(false);
  expect(verifyEvidence(file, { ...publicKeys, statementKeys: { e1: checkpointKey.publicKeys.c1! } }).holds).toBe(
    false,
  );
});

test('a line that does not meet the filter, and a name that stands twice, are refused', async () => {
  const log = await logOf(20);
  await log.chain.close();
  const { evidence } = await exported(log, {});
  expect(verifyEvidence(evidence!, publicKeys).holds).toBe(true);
  const { signature: _, ...said } = evidence!.statement;
  const narrowed = { ...said, filter: { userId: 'user 1' } };
  const signature = signerOf('test', exporterKey.signing)('latchkey.evidence/1', narrowed);
  const { message } = refused(JSON.stringify({ ...evidence, statement: { ...narrowed, signature } }));
  expect(message).toBe('Line 0 does not meet the filter.');
  const file = await fileOf();
  refused(file.replace('"outcome"', '"outcome":"failure","outcome"'));
  expect(refused('[]').message).toBe('This is no file of evidence: latchkey.evidence/1.');
  expect(refused('{"schema":"latchkey.evidence/1"}').message).toContain('This is no file of evidence');
});

test('what no signed checkpoint covers yet is no evidence, and is named', async () => {
  const log = await logOf(25);
  const { evidence, uncovered } = await exported(log);
  expect(uncovered).toEqual([22]);
  expect(evidence!.statement).toMatchObject({ to: 19, sequences: [1, 4, 7, 10, 13, 16, 19] });
  expect(verifyEvidence(evidence!, publicKeys).holds).toBe(true);
});

test('a log that is not intact gives no evidence', async () => {
  const log = await logOf(25);
  // Before any checkpoint, and behind one.
  for (const at of [3, 23]) {
    const edited = log.lines.with(at, log.lines[at]!.replace(/"outcome":"\w+"/, '"outcome":"other"'));
    const { evidence, report } = await exported({ ...log, lines: edited });
    expect([evidence, report.fault?.kind]).toEqual([null, 'edited']);
  }
});

test('a whole log is verified by the public key alone: an edit by somebody who has the secret key shows', async () => {
  const log = await logOf(25);
  const verify = (lines: readonly string[], checkpoints: readonly string[] = log.checkpoints) =>
    verifyChain(lines, { checkpoints, checkpointKeys: checkpointKey.publicKeys });
  const report = await verify(log.lines);
  expect(report).toMatchObject({ intact: true, records: 25, checkpointed: 19 });
  expect(report.unseen).toContain(
    'No secret key was given, so no MAC was checked: only what a signed checkpoint covers is proved.',
  );
  const edited = log.lines.with(3, log.lines[3]!.replace('"success"', '"failure"'));
  const { fault } = await verify(edited);
  expect(fault).toMatchObject({ kind: 'edited', line: 10 });
  expect(fault!.message).toBe('Line 10: among records 0 to 9 is one that is not what the checkpoint covers.');
  // Whoever has the secret key can seal another history, and cannot sign its checkpoints.
  const rewritten = await logOf(25, { signed: false });
  expect((await verify(rewritten.lines)).fault).toMatchObject({ kind: 'edited', line: 10 });
  expect((await verify(rewritten.lines, rewritten.checkpoints)).fault).toMatchObject({ kind: 'checkpoint_forged' });
  // Also of lines that are not there.
  expect((await verify(log.lines.slice(0, 15))).fault).toMatchObject({ kind: 'cut_off' });
  const [kept] = log.checkpoints;
  const invented = { ...(JSON.parse(kept!) as Checkpoint), sequence: 99 };
  expect((await verify(log.lines, [...log.checkpoints, JSON.stringify(invented)])).fault).toMatchObject({
    ...{ kind: 'checkpoint_forged', line: null },
    message: "At the end: the checkpoint of record 99 was not signed with key 'c1', or was edited.",
  });
});

test('a signature for one thing is none for another', () => {
  const sign = signerOf('test', checkpointKey.signing);
  const check = signatureCheckOf('test', checkpointKey.publicKeys);
  const signature = sign('latchkey.checkpoint/1', { a: 1 });
  expect(check('latchkey.checkpoint/1', { a: 1 }, signature)).toBe('valid');
  expect(check('latchkey.evidence/1', { a: 1 }, signature)).toBe('invalid');
});

test('a signature is spelled in one way, though four bits of its last character say nothing', () => {
  const sign = signerOf('test', checkpointKey.signing);
  const check = signatureCheckOf('test', checkpointKey.publicKeys);
  const { keyId, value } = sign('latchkey.evidence/1', {});
  const next = String.fromCharCode(value.charCodeAt(value.length - 1) + 1);
  const respelled = value.slice(0, -1) + next;
  expect(Buffer.from(respelled, 'base64url')).toEqual(Buffer.from(value, 'base64url'));
  expect(check('latchkey.evidence/1', {}, { keyId, value: respelled })).toBe('invalid');
});

test('a key that is none, or of another kind, is refused by its option', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, ...pem });
  const open = (privateKey: string | KeyObject) => () =>
    chained(
      { name: 'list', write: async () => {}, close: async () => {} },
      { keys, checkpoints: { sink: { write: () => {} }, signingKey: { id: 'c1', privateKey } } },
    );
  expect(open('secret')).toThrow(ConfigurationError);
  expect(open('secret')).toThrow('chained.checkpoints.signingKey.privateKey: got "no key". Hand in an Ed25519 key');
  expect(open(rsa.privateKey)).toThrow('got "a key of type rsa"');
  expect(open(checkpointKey.publicKeys.c1!)).toThrow('Hand in an Ed25519 key');
});
