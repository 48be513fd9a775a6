/** `latchkey erase`: takes a person out of the records of attempts, in the store and in logs. */
import { existsSync } from 'node:fs';
import { eraseUser } from '@latchkey/audit';
import type { Pseudonymizer } from '@latchkey/core';
import type { Command } from 'commander';
import { openStore } from '../connection.ts';
import { otherKeys, readIdentityKeys } from '../identity.ts';
import {
  type Context,
  collected,
  examples,
  jsonOption,
  runs,
  type StoreOptions,
  storeOptions,
} from '../terminal/command.ts';
import { confirm } from '../terminal/confirm.ts';
import { Fault, messageOf } from '../terminal/fault.ts';
import { many, warning } from '../terminal/output.ts';

type Options = StoreOptions & {
  readonly user: string;
  readonly log?: readonly string[];
  readonly yes?: boolean;
  readonly json?: boolean;
};

const STEP = 1_000;

export function define(command: Command): void {
  command
    .requiredOption('--user <id>', "the application's own id of a user")
    .option('--log <file>', 'a log of JSON lines, with its rotated files; once for each', collected)
    .option('--yes', 'do not ask');
  jsonOption(storeOptions(command, 'the store the records are in'), 'one JSON document: { user, store, logs }').action(
    runs(run),
  );
  command.addHelpText(
    'after',
    `
From the store the records go. In a log their members user, client and credential go, and a chain still verifies.
The file that a running application writes to is left: rotate it, and erase again. Lines that name
the user by a pseudonym alone need LATCHKEY_IDENTITY_KEY, your audit.identityKey. Exit code 1: something is left, or could not be told.`,
  );
  examples(command, {
    'After an account was deleted':
      'latchkey erase --user 42 --store postgres://app@db/app --log /var/log/app/sign-ins.log',
  });
}

async function run(options: Options, { out, signal }: Context) {
  const { user, log: files = [], yes } = options;
  if (options.store === undefined && files.length === 0)
    throw new Fault('usage', 'Say where the records are: --store URL, --log FILE, or both.');
  for (const file of files) if (!existsSync(file)) throw new Fault('unreachable', `There is no file ${file}.`);
  await confirm(`Every record of user ${user} is erased for good.`, yes, signal);
  let store: { erased: number } | null = null;
  if (options.store !== undefined) {
    const connection = await openStore(options.store, options);
    try {
      let erased = 0;
      for (let done = STEP; done === STEP; ) {
        signal.throwIfAborted();
        done = await connection.store.attempts.eraseUser({ userId: user, limit: STEP });
        erased += done;
      }
      store = { erased };
      out.line(`${many(erased, 'record')} removed from ${connection.shown}`);
    } finally {
      await connection.close();
    }
  }
  const logs = [];
  const identity = readIdentityKeys();
  const userHashes = identity?.pseudonyms(user) ?? [];
  for (const file of files) {
    const report = await eraseUser({ path: file, userId: user, userHashes }).catch((error) => {
      throw new Fault('unreachable', `${file}: ${messageOf(error)}`, error);
    });
    logs.push({ log: file, ...report });
    out.line(`${many(report.erased, 'record')} erased in ${many(report.files.length, 'file')} of ${file}`);
    if (report.left > 0) out.line(warning('left'), `  ${many(report.left, 'record')}${whyLeft(report.openIn)}`);
    const untold = new Map(Object.entries(report.untold));
    if (untold.size > 0) out.line(warning('not told'), `  ${whyUntold(identity, untold)}`);
  }
  out.document({ user, store, logs });
  return logs.some(({ left, untold }) => left > 0 || Object.keys(untold).length > 0)
    ? ('findings' as const)
    : ('fine' as const);
}

function whyUntold(identity: Pseudonymizer | null, untold: ReadonlyMap<string, number>): string {
  if (identity !== null) return otherKeys(identity, untold)!;
  const records = [...untold.values()].reduce((sum, count) => sum + count, 0);
  return `${many(records, 'record')} with a pseudonym in place of the user, by the identity key ${[...untold.keys()].join(', ')}: set LATCHKEY_IDENTITY_KEY to your audit.identityKey`;
}

function whyLeft(openIn: readonly string[]): string {
  if (openIn.length === 0) return ': their chain seals no personal members, so they cannot go without breaking it';
  return ` in the file that ${openIn.join(', ')} has open: rotate it, and erase again`;
}
