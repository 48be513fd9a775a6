/** `latchkey evidence`: takes single records out of a chained log as a file that proves itself, and verifies such a file. */
import { writeFileSync } from 'node:fs';
import { evidenceFor, verifyEvidence } from '@latchkey/audit';
import type { Command } from 'commander';
import { linesThere } from '../attempts/log.ts';
import { readIdentityKeys } from '../identity.ts';
import { asUsage, readKey, readPublicKeys, readText } from '../keys.ts';
import { type Context, collected, examples, instant, jsonOption, runs } from '../terminal/command.ts';
import { Fault, messageOf } from '../terminal/fault.ts';
import { bad, good, many, warning } from '../terminal/output.ts';

interface MakeOptions {
  readonly log?: string;
  readonly checkpoints?: string;
  readonly checkpointKeys?: string;
  readonly key?: readonly string[];
  readonly signingKey?: string;
  readonly fromFirstLine?: boolean;
  readonly user?: string;
  readonly attempt?: string;
  readonly since?: number;
  readonly until?: number;
  readonly out?: string;
  readonly json?: boolean;
}

interface VerifyOptions {
  readonly checkpointKeys: string;
  readonly statementKeys?: string;
  readonly json?: boolean;
}

export function define(command: Command): void {
  command
    .enablePositionalOptions()
    .option('--log <file>', 'the log; its rotated files are read first')
    .option('--checkpoints <file>', 'what the second channel kept, as JSON lines')
    .option('--checkpoint-keys <file>', 'the public keys of the checkpoints, as JSON: { id: PEM }')
    .option('--key <id=place>', 'a secret key of the chain, as id=env:NAME or id=file:PATH; once for each', collected)
    .option('--signing-key <id=place>', 'the Ed25519 private key that signs the file, as PEM')
    .option('--from-first-line', 'begin with the first line there is')
    .option('--user <id>', 'the records of this user')
    .option('--attempt <id>', 'the records of this attempt')
    .option('--since <time>', 'from this instant on', instant)
    .option('--until <time>', 'before this instant', instant)
    .option('--out <file>', 'the file to write; it must not be there yet');
  jsonOption(command, 'one JSON document: { file, records, uncovered, report }').action(runs(make));
  examples(command, {
    'What happened in this attempt?':
      'latchkey evidence --attempt 01a2044b-94ee-7003-b262-7645fe4f85e7 --log sign-ins.log --checkpoints checkpoints.log --checkpoint-keys keys.json --signing-key c1=file:/run/secrets/c1.pem --out evidence.json',
    'Does it hold?': 'latchkey evidence verify evidence.json --checkpoint-keys keys.json',
  });
  const verify = command
    .command('verify <file>')
    .description('Check a file of evidence by nothing but itself and the public keys.')
    .requiredOption('--checkpoint-keys <file>', 'the public keys of the checkpoints, as JSON: { id: PEM }')
    .option('--statement-keys <file>', 'the public keys of those who make evidence, if they are others');
  jsonOption(verify, 'one JSON document: the report of verifyEvidence').action(runs(check));
}

async function make(options: MakeOptions, { out, signal }: Context) {
  const { log, checkpoints, checkpointKeys, signingKey, out: file, user, attempt, since, until } = options;
  if (log === undefined || checkpoints === undefined || checkpointKeys === undefined || signingKey === undefined)
    throw new Fault('usage', 'Evidence needs --log, --checkpoints, --checkpoint-keys and --signing-key.');
  if (file === undefined) throw new Fault('usage', 'Say where the evidence goes: --out FILE.');
  if ([user, attempt, since, until].every((given) => given === undefined))
    throw new Fault('usage', 'Say which records are wanted: --user, --attempt, --since or --until.');
  const [id, privateKey] = readKey('--signing-key', signingKey);
  const keys = options.key?.map((given) => readKey('--key', given));
  const { evidence, report, uncovered } = await evidenceFor({
    lines: stoppable(linesThere(log), signal),
    checkpoints: linesThere(checkpoints),
    checkpointKeys: readPublicKeys('--checkpoint-keys', checkpointKeys),
    signingKey: { id, privateKey },
    filter: {
      ...(user !== undefined && whose(user)),
      ...(attempt !== undefined && { attemptId: attempt }),
      ...(since !== undefined && { fromAt: since }),
      ...(until !== undefined && { untilAt: until }),
    },
    ...(keys !== undefined && { keys: Object.fromEntries(keys) }),
    ...(options.fromFirstLine === true && { fromFirstLine: true }),
  }).catch((error) => {
    throw asUsage(error);
  });
  const records = evidence?.lines.length ?? 0;
  if (evidence !== null) write(file, `${JSON.stringify(evidence, null, 2)}\n`);
  out.document({ file: evidence === null ? null : file, records, uncovered, report });
  if (evidence !== null) out.line(good('written'), `  ${many(records, 'record')} to ${file}`);
  else if (report.fault !== null) out.line(bad('not written'), `  the log is not intact: ${report.fault.message}`);
  else out.line(bad('not written'), '  no signed checkpoint covers any of this log.');
  if (uncovered.length > 0) {
    out.line(
      warning('left out'),
      `  ${many(uncovered.length, 'record')} that no signed checkpoint covers yet: sequence ${uncovered.slice(0, 5).join(', ')}`,
    );
  }
  for (const sentence of report.unseen) out.line(`  ${sentence}`);
  return evidence !== null && uncovered.length === 0 ? ('fine' as const) : ('findings' as const);
}

/** With the identity keys also lines that name the user by a pseudonym alone. */
function whose(userId: string) {
  const identity = readIdentityKeys();
  return { userId, ...(identity !== null && { userHashes: identity.pseudonyms(userId) }) };
}

async function check(options: VerifyOptions, { out }: Context, file: string) {
  const { checkpointKeys, statementKeys } = options;
  let report: ReturnType<typeof verifyEvidence>;
  try {
    report = verifyEvidence(readText('evidence', file), {
      checkpointKeys: readPublicKeys('--checkpoint-keys', checkpointKeys),
      ...(statementKeys !== undefined && { statementKeys: readPublicKeys('--statement-keys', statementKeys) }),
    });
  } catch (error) {
    throw asUsage(error);
  }
  const { holds, fault, records, erased, statement } = report;
  out.document(report);
  if (holds) out.line(good('holds'), `  ${many(records, 'record')}, and the signer says that these are all`);
  else out.line(bad('refused'), `  ${fault!.message}`);
  if (erased > 0) out.line(`  ${many(erased, 'record')} without personal members: erased`);
  if (statement !== null)
    out.line(
      `  Searched for ${JSON.stringify(statement.filter)} in records ${statement.from} to ${statement.to}, signed ${statement.time}`,
    );
  return holds ? ('fine' as const) : ('findings' as const);
}

/** Never over something else: evidence that was handed out stays what it was. */
function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw new Fault('unreachable', `--out: ${messageOf(error)}`, error);
  }
}

async function* stoppable(lines: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string> {
  for await (const line of lines) {
    signal.throwIfAborted();
    yield line;
  }
}
