/** `latchkey import`: moves passkeys here from another system. Adds, never overwrites; a second time it finds them all there. */
import { ALGORITHMS } from '@latchkey/core';
import { Argument, type Command } from 'commander';
import { openStore } from '../connection.ts';
import { createMover, LACKS, type Lack, type MoveResult } from '../import/mover.ts';
import { createOverview, type Lengths, type Overview } from '../import/overview.ts';
import { HANDLE_ENCODINGS, ID_ENCODINGS, type Reading, readRow } from '../import/row.ts';
import { RowFault } from '../import/row-fault.ts';
import { openRows, type Query, type Rows } from '../import/rows.ts';
import {
  type ColumnNames,
  FIELDS,
  type Field,
  namesOf,
  SOURCES,
  type Source,
  type SourceName,
} from '../import/sources.ts';
import {
  type Context,
  collected,
  examples,
  jsonOption,
  oneOf,
  runs,
  type StoreOptions,
  storeOptions,
  wholeNumber,
} from '../terminal/command.ts';
import { Fault } from '../terminal/fault.ts';
import { bad, dim, good, many, type Output, strong, warning } from '../terminal/output.ts';

interface Options extends StoreOptions {
  readonly from: string;
  readonly rpId: string;
  readonly table?: string;
  readonly usersTable?: string;
  readonly column?: readonly string[];
  readonly jsonColumn?: readonly string[];
  readonly credentialId?: Reading['credentialId'];
  readonly userHandle?: Reading['userHandle'];
  readonly maxPasskeys: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Report extends MoveResult {
  readonly source: SourceName;
  readonly from: string;
  readonly dryRun: boolean;
  readonly rpId: string;
  /** What was seen in the rows before anything was written. */
  readonly seen: Overview;
  /** How many passkeys were read back from the store, and were as they were written. */
  readonly readBack: number;
}

/** Chromium refuses lists of more (WebAuthn leaves the number to browsers). */
const MOST_PASSKEYS = 64;

export function define(command: Command): void {
  command
    .addArgument(new Argument('<source>', 'what the rows look like').choices(Object.keys(SOURCES)))
    .requiredOption(
      '--from <place>',
      'postgres://…, mysql://…, sqlite:FILE, or a file that ends in .json, .jsonl or .csv',
    )
    .requiredOption('--rp-id <domain>', 'the RP ID they were registered with, which is to be yours here')
    .option('--table <name>', "the table, where it is not called as the source's own")
    .option('--users-table <name>', "the users' table (passport), where it is not called users")
    .option('--column <field=name>', `a column that goes by another name; fields: ${FIELDS.join(', ')}`, collected)
    .option('--json-column <name>', 'a column of JSON objects whose members count as columns', collected)
    .addOption(
      oneOf('--credential-id <encoding>', 'how credential ids are encoded, where it cannot be told', ID_ENCODINGS),
    )
    .addOption(
      oneOf(
        '--user-handle <encoding>',
        'how user handles are encoded, where it cannot be told; unknown leaves them out',
        HANDLE_ENCODINGS,
      ),
    )
    .option('--max-passkeys <n>', 'how many a user may have', wholeNumber(1, MOST_PASSKEYS), MOST_PASSKEYS)
    .option('--dry-run', 'say what would be done, and write nothing');
  jsonOption(storeOptions(command, 'where they go'), 'one JSON document: the report').action(runs(run));
  examples(command, {
    'See what would happen':
      'latchkey import better-auth --from postgres://app@db/app --store postgres://app@db/app --rp-id example.com --dry-run',
    'A table of your own around SimpleWebAuthn':
      'latchkey import simplewebauthn --from sqlite:app.db --table credentials --column userId=owner --column signCount=uses --store sqlite:app.db --rp-id example.com',
    'From a file': 'latchkey import django-passkeys --from passkeys.csv --store redis://localhost --rp-id example.com',
  });
}

async function run(options: Options, { out, signal }: Context, name: string) {
  const source: Source = SOURCES[name as SourceName];
  const mapped = readColumns(options.column ?? []);
  const { credentialId, userHandle } = options;
  const reading: Reading = {
    source,
    mapped,
    ...(credentialId !== undefined && { credentialId }),
    ...(userHandle !== undefined && { userHandle }),
  };
  const connection = await openStore(options.store, options);
  try {
    const rows = await openRows(options.from, queryOf(source, options, mapped));
    try {
      out.line(strong(`${many(rows.total, 'row')} from ${rows.shown}, RP ID ${options.rpId}`));
      const seen = await overviewOf(rows, reading, signal);
      describeOverview(seen, out);
      const mover = createMover(connection.store.passkeys, options);
      const progress = out.progress('Rows', rows.total);
      for await (const row of rows.read()) {
        signal.throwIfAborted();
        await mover.move(() => readRow(row, reading));
        progress.at(mover.rows());
      }
      progress.end();
      const report: Report = {
        source: name as SourceName,
        from: rows.shown,
        dryRun: options.dryRun === true,
        rpId: options.rpId,
        seen,
        readBack: await mover.readBack(),
        ...mover.result(),
      };
      out.document(report);
      describe(report, out);
      return report.refused.length === 0 ? ('fine' as const) : ('findings' as const);
    } finally {
      await rows.close();
    }
  } finally {
    await connection.close();
  }
}

/** Reads all rows once, and writes nothing. */
async function overviewOf(rows: Rows, reading: Reading, signal: AbortSignal): Promise<Overview> {
  const overview = createOverview();
  for await (const row of rows.read()) {
    signal.throwIfAborted();
    try {
      overview.add(readRow(row, reading));
    } catch (error) {
      // It is refused when its turn comes.
      if (!(error instanceof RowFault)) throw error;
    }
  }
  return overview.result();
}

function describeOverview({ credentialId, userHandle, publicKey }: Overview, out: Output): void {
  const line = (title: string, lengths: Lengths | null, inWords: (kind: string) => string) => {
    if (lengths === null) return;
    const { shortest, longest, kinds, example } = lengths;
    const long = shortest === longest ? `${shortest} bytes` : `${shortest} to ${longest} bytes`;
    const counted = Object.entries(kinds).map(([kind, count]) => `${count} ${inWords(kind)}`);
    out.line(`${title} ${long}; ${counted.join(', ')}; the first is `, dim(shortened(example)));
  };
  const encoded = (kind: string) => (kind === 'bytes' ? 'in bytes' : `in ${kind}`);
  line('credential ids ', credentialId, encoded);
  line('user handles   ', userHandle, encoded);
  line('public keys    ', publicKey, algorithmName);
  if (credentialId !== null) out.line();
}

const shortened = (text: string): string => (text.length > 64 ? `${text.slice(0, 60)}…` : text);

function algorithmName(cose: string): string {
  return Object.entries(ALGORITHMS).find(([, number]) => String(number) === cose)?.[0] ?? cose;
}

function describe({ inserted, present, refused, lacks, dryRun, readBack }: Report, out: Output): void {
  if (dryRun) out.line('A dry run: nothing was written.');
  if (readBack > 0) out.line(`${many(readBack, 'passkey')} read back, as written`);
  out.line(good(dryRun ? 'would add' : 'added'), `  ${inserted}`);
  out.line('there   ', `  ${present}`);
  out.line(refused.length > 0 ? bad('left out') : 'left out', `  ${refused.length}`);
  for (const { row, user, code, message } of refused)
    out.line(`  row ${row}, user ${user ?? 'unknown'}: `, bad(code), ` ${message}`);
  const lacking = Object.entries(lacks) as [Lack, number][];
  if (lacking.length > 0) out.line();
  for (const [lack, count] of lacking) out.line(warning(`${count} without`), ` ${LACKS[lack]}`);
  if (inserted + present > 0) {
    out.line();
    out.line(
      dim(
        'Whether a passkey is discoverable was kept nowhere: one that is not needs a sign-in by name (modal, users.findByName).',
      ),
    );
  }
}

function queryOf(source: Source, { table, usersTable, jsonColumn = [] }: Options, mapped: ColumnNames): Query {
  const { users } = source;
  return {
    table: table ?? source.table,
    order: namesOf(source, mapped, 'credentialId'),
    json: jsonColumn,
    ...(users !== undefined && { join: { ...users, table: usersTable ?? users.table } }),
  };
}

function readColumns(given: readonly string[]): ColumnNames {
  return Object.fromEntries(
    given.map((each) => {
      const [, field, name] = /^([^=]+)=(.+)$/.exec(each) ?? [];
      if (!FIELDS.includes(field as Field) || name === undefined)
        throw new Fault('usage', `--column is field=name; fields are ${FIELDS.join(', ')}.`);
      return [field, name];
    }),
  );
}
