/** `latchkey verify`: says whether a chained log is as it was written, and if not, which record is wrong first. */
import { readFileSync } from 'node:fs';
import { type ChainPlace, type ChainReport, verifyChain } from '@latchkey/audit';
import type { Command } from 'commander';
import { linesThere } from '../attempts/log.ts';
import { asUsage, readKey, readPublicKeys } from '../keys.ts';
import { type Context, collected, examples, jsonOption, runs } from '../terminal/command.ts';
import { Fault, messageOf } from '../terminal/fault.ts';
import { bad, good, many, type Output, type Progress, warning } from '../terminal/output.ts';

interface Options {
  readonly log: string;
  readonly key?: readonly string[];
  readonly checkpoints?: string;
  readonly checkpointKeys?: string;
  readonly fromFirstLine?: boolean;
  readonly after?: string;
  readonly json?: boolean;
}

export function define(command: Command): void {
  command
    .requiredOption('--log <file>', 'the log; its rotated files are read first')
    .option('--key <id=place>', 'a secret key, as id=env:NAME or id=file:PATH; once for each key', collected)
    .option('--checkpoints <file>', 'what the second channel kept, as JSON lines')
    .option('--checkpoint-keys <file>', 'the public keys of signed checkpoints, as JSON: { id: PEM }')
    .option('--from-first-line', 'begin with the first line there is, whatever came before it')
    .option('--after <file>', 'a checkpoint, as JSON: where the log begins, when older files were removed on purpose');
  jsonOption(command, 'one JSON document: the report of verifyChain').action(runs(run));
  examples(command, {
    'Once a night':
      'latchkey verify --log /var/log/app/sign-ins.log --key k1=env:AUDIT_KEY_1 --checkpoints /mnt/elsewhere/checkpoints.log',
    'Where older files are gone, and without any secret':
      'latchkey verify --log sign-ins.log --from-first-line --checkpoints checkpoints.log --checkpoint-keys keys.json',
    'After a change of keys':
      'latchkey verify --log sign-ins.log --key k1=file:/run/secrets/k1 --key k2=file:/run/secrets/k2',
  });
}

async function run(options: Options, { out, signal }: Context) {
  const { key, checkpointKeys } = options;
  if (key === undefined && checkpointKeys === undefined)
    throw new Fault('usage', 'Say what to verify by: --key id=place, --checkpoint-keys FILE, or both.');
  const after = options.after === undefined ? undefined : readPlace(options.after);
  const progress = out.progress('Lines');
  const report = await verifyChain(counted(linesThere(options.log), progress, signal), {
    ...(key !== undefined && { keys: Object.fromEntries(key.map((given) => readKey('--key', given))) }),
    ...(checkpointKeys !== undefined && { checkpointKeys: readPublicKeys('--checkpoint-keys', checkpointKeys) }),
    ...(options.fromFirstLine === true && { fromFirstLine: true }),
    ...(options.checkpoints !== undefined && { checkpoints: linesThere(options.checkpoints) }),
    ...(after !== undefined && { after }),
  }).catch((error) => {
    throw asUsage(error);
  });
  progress.end();
  signal.throwIfAborted();
  out.document(report);
  describe(report, out);
  return report.intact ? ('fine' as const) : ('findings' as const);
}

function describe({ intact, records, first, last, fault, torn, erased, unseen }: ChainReport, out: Output): void {
  if (intact) {
    const span =
      first === null
        ? ''
        : `: ${first.sequence} (event ${first.eventId}) to ${last!.sequence} (event ${last!.eventId})`;
    out.line(good('intact'), `  ${many(records, 'record')}${span}`);
  }
  if (fault !== null) {
    out.line(bad(fault.kind.replaceAll('_', ' ')), `  ${fault.message}`);
    out.line(
      `  record ${fault.sequence}, event ${fault.eventId ?? 'unknown'}; ${many(records, 'record')} before it verified`,
    );
  }
  if (torn.count > 0)
    out.line(
      warning('torn'),
      `  ${many(torn.count, 'line')} without a record, first line ${torn.firstLine}: cut off by a crash`,
    );
  if (erased.count > 0)
    out.line(
      warning('erased'),
      `  ${many(erased.count, 'record')} without personal members, first line ${erased.firstLine}; the rest of them verifies`,
    );
  for (const sentence of unseen) out.line(`  ${sentence}`);
}

function readPlace(file: string): ChainPlace {
  try {
    const { sequence, mac } = JSON.parse(readFileSync(file, 'utf8')) as ChainPlace;
    if (Number.isSafeInteger(sequence) && typeof mac === 'string') return { sequence, mac };
  } catch (error) {
    throw new Fault('unreachable', `--after: ${messageOf(error)}`, error);
  }
  throw new Fault('usage', '--after is a file with one checkpoint: { "sequence": …, "mac": … }.');
}

async function* counted(lines: AsyncIterable<string>, progress: Progress, signal: AbortSignal): AsyncGenerator<string> {
  let read = 0;
  for await (const line of lines) {
    signal.throwIfAborted();
    progress.at(++read);
    yield line;
  }
}
