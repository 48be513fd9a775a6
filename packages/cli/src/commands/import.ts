/** `latchkey import`: moves passkeys here from another system. Adds, never overwrites; a second time it finds them all there. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Passkey, PasskeyStore } from '@latchkey/core';
import { Argument, type Command } from 'commander';
import { openStore } from '../connection.ts';
import { openRows, type Query } from '../import/rows.ts';
import {
  FIELDS,
  type Field,
  type Found,
  type HandleForm,
  type Mapped,
  namesOf,
  RowFault,
  readRow,
  SOURCES,
  type Source,
  type SourceName,
  type Unusable,
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
import { Fault, messageOf } from '../terminal/fault.ts';
import { bad, dim, good, many, type Output, strong, warning } from '../terminal/output.ts';

interface Options extends StoreOptions {
  readonly from: string;
  readonly rpId: string;
  readonly table?: string;
  readonly usersTable?: string;
  readonly column?: readonly string[];
  readonly userHandle: HandleForm;
  readonly maxPasskeys: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What a source did not keep, and what becomes of it. */
const LACKS = {
  user_handle_unknown:
    'user handle: not kept. Any handle is accepted with these passkeys; new ones get a handle of their own.',
  backup_eligibility_unknown: 'backup eligibility: not kept. Nothing is compared with it at sign-in.',
  sign_count_unknown: 'signature counter: not kept. It begins at 0, and goes on from what the passkey says next.',
  transports_unknown: 'transports: not kept. The browser asks all of them.',
  aaguid_unknown: 'AAGUID: not kept. The provider of the passkey stays unnamed.',
  created_at_unknown: 'time of registration: not kept. It is the time of this import.',
} as const;
type Lack = keyof typeof LACKS;

interface Refused {
  readonly row: number;
  readonly user: string | null;
  readonly code: Unusable;
  readonly message: string;
}

interface Report {
  readonly source: SourceName;
  readonly from: string;
  readonly dryRun: boolean;
  readonly rpId: string;
  readonly rows: number;
  readonly inserted: number;
  /** There already, from an earlier import. */
  readonly present: number;
  readonly refused: readonly Refused[];
  /** Of the passkeys that were inserted or are present: how many lack what. */
  readonly lacks: Readonly<Partial<Record<Lack, number>>>;
}

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
    .addOption(
      oneOf('--user-handle <form>', 'how a user handle stands in its column; unknown leaves it out', [
        'base64url',
        'utf8',
        'unknown',
      ]).default('base64url'),
    )
    .option('--max-passkeys <n>', 'how many a user may have', wholeNumber(1, 100), 100)
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
  const connection = await openStore(options.store, options);
  try {
    const rows = await openRows(options.from, queryOf(source, options, mapped));
    try {
      const mover = createMover(connection.store.passkeys, options);
      const progress = out.progress('Rows', rows.total);
      for await (const row of rows.read()) {
        signal.throwIfAborted();
        await mover.move(() => readRow(row, source, mapped, options.userHandle));
        progress.at(mover.rows());
      }
      progress.end();
      const report: Report = {
        source: name as SourceName,
        from: rows.shown,
        dryRun: options.dryRun === true,
        rpId: options.rpId,
        ...mover.report(),
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

/** Moves one row after the other, and keeps count. */
function createMover(passkeys: PasskeyStore, { rpId, maxPasskeys, dryRun }: Options) {
  let rows = 0;
  let inserted = 0;
  let present = 0;
  const refused: Refused[] = [];
  const lacks: Partial<Record<Lack, number>> = {};

  async function add(found: Found): Promise<'inserted' | 'present'> {
    if (found.rpId !== null && found.rpId !== rpId) {
      throw new RowFault(
        'rp_id_differs',
        `Registered with the RP ID ${found.rpId}: no browser will use it for ${rpId}.`,
      );
    }
    const there = await sameCredential(passkeys, found);
    if (there !== null) return checkSame(there, found);
    if (dryRun) {
      const own = (await passkeys.listByUser(found.userId)).length;
      if (own >= maxPasskeys) throw tooMany(maxPasskeys);
      return 'inserted';
    }
    // The first handle a user brings along is kept for passkeys to come; one that is not known must not be.
    await passkeys.keepHandle(found.userId, found.userHandle ?? randomBytes(32));
    const answer = await passkeys.insert(passkeyOf(found, rpId), maxPasskeys);
    if (answer === 'limit') throw tooMany(maxPasskeys);
    if (answer === 'inserted') return 'inserted';
    // Someone added it in between.
    const since = await sameCredential(passkeys, found);
    if (since === null) throw new RowFault('credential_of_another_user', 'Another user has this credential id here.');
    return checkSame(since, found);
  }

  return {
    rows: () => rows,
    async move(read: () => Found): Promise<void> {
      rows += 1;
      let found: Found | null = null;
      try {
        found = read();
        if ((await add(found)) === 'inserted') inserted += 1;
        else present += 1;
        for (const lack of lacksOf(found)) lacks[lack] = (lacks[lack] ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof RowFault)) throw storeFault(error);
        refused.push({ row: rows, user: found?.userId ?? null, code: error.code, message: error.message });
      }
    },
    report: () => ({ rows, inserted, present, refused, lacks }),
  };
}

async function sameCredential(passkeys: PasskeyStore, { credentialId, userHandle }: Found): Promise<Passkey | null> {
  const [there] = await passkeys.find(credentialId, userHandle);
  return there !== undefined && Buffer.compare(there.credentialId, credentialId) === 0 ? there : null;
}

function checkSame(there: Passkey, found: Found): 'present' {
  if (there.userId !== found.userId)
    throw new RowFault('credential_of_another_user', 'Another user has this credential id here.');
  if (Buffer.compare(there.publicKey, found.publicKey.cose) !== 0)
    throw new RowFault('passkey_differs', 'This user has this credential id here, with another public key.');
  return 'present';
}

function tooMany(max: number): RowFault {
  return new RowFault('too_many_passkeys', `The user has ${max} passkeys already; see --max-passkeys.`);
}

function passkeyOf(found: Found, rpId: string): Passkey {
  return {
    id: randomUUID(),
    userId: found.userId,
    userHandle: found.userHandle ?? new Uint8Array(),
    credentialId: found.credentialId,
    publicKey: found.publicKey.cose,
    algorithm: found.publicKey.algorithm,
    signCount: found.signCount ?? 0,
    transports: found.transports ?? [],
    aaguid: found.aaguid ?? '00000000-0000-0000-0000-000000000000',
    backupEligible: found.backupEligible,
    // Not eligible and backed up is what cannot be; what is so now is stored at the next sign-in.
    backedUp: found.backedUp === true && found.backupEligible !== false,
    rpId,
    nickname: found.nickname?.slice(0, 100).toWellFormed() ?? 'Passkey',
    enabled: found.enabled,
    generation: 0,
    createdAt: found.createdAt ?? Date.now(),
    lastUsedAt: found.lastUsedAt,
  };
}

function lacksOf(found: Found): Lack[] {
  const lacks: Record<Lack, unknown> = {
    user_handle_unknown: found.userHandle,
    backup_eligibility_unknown: found.backupEligible,
    sign_count_unknown: found.signCount,
    transports_unknown: found.transports,
    aaguid_unknown: found.aaguid,
    created_at_unknown: found.createdAt,
  };
  return (Object.keys(lacks) as Lack[]).filter((lack) => lacks[lack] === null);
}

function storeFault(error: unknown): unknown {
  return error instanceof Fault ? error : new Fault('unreachable', `The store failed: ${messageOf(error)}`, error);
}

function describe({ rows, inserted, present, refused, lacks, dryRun, from, rpId }: Report, out: Output): void {
  out.line(
    strong(`${many(rows, 'row')} from ${from}, RP ID ${rpId}${dryRun ? '. A dry run: nothing was written.' : ''}`),
  );
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

function queryOf(source: Source, { table, usersTable }: Options, mapped: Mapped): Query {
  const { users } = source;
  return {
    table: table ?? source.table,
    order: namesOf(source, mapped, 'credentialId'),
    ...(users !== undefined && { join: { ...users, table: usersTable ?? users.table } }),
  };
}

function readColumns(given: readonly string[]): Mapped {
  return Object.fromEntries(
    given.map((each) => {
      const [, field, name] = /^([^=]+)=(.+)$/.exec(each) ?? [];
      if (!FIELDS.includes(field as Field) || name === undefined)
        throw new Fault('usage', `--column is field=name; fields are ${FIELDS.join(', ')}.`);
      return [field, name];
    }),
  );
}
