/** `latchkey migrate`: makes the tables or brings them up to date, or prints the SQL that would. */
import { ConfigurationError } from '@latchkey/core';
import { migrate, migrationSql } from '@latchkey/sql';
import type { Command } from 'commander';
import { openStore, type Place, tablesAt } from '../connection.ts';
import {
  type Context,
  examples,
  jsonOption,
  oneOf,
  runs,
  type StoreOptions,
  storeOptions,
} from '../terminal/command.ts';
import { Fault, messageOf } from '../terminal/fault.ts';
import { good } from '../terminal/output.ts';

type Options = StoreOptions & { readonly print?: 'sqlite' | 'postgres' | 'mysql'; readonly json?: boolean };

export function define(command: Command): void {
  command.addOption(
    oneOf(
      '--print <dialect>',
      'print the SQL instead, for a tool of your own (mysql is MariaDB too); connects to nothing',
      ['sqlite', 'postgres', 'mysql'],
    ),
  );
  jsonOption(storeOptions(command), 'one JSON document: { store, applied }').action(runs(run));
  examples(command, {
    'At deployment, before the application starts': 'latchkey migrate --store postgres://app@db/app',
    'For a migration tool of your own': 'latchkey migrate --print mysql > latchkey.sql',
  });
}

async function run(options: Options, { out }: Context) {
  if (options.print !== undefined) {
    process.stdout.write(printed(options.print, options));
    return 'fine' as const;
  }
  const connection = await openStore(options.store, options, { create: true });
  try {
    if (connection.kind === 'redis') {
      out.line('Redis has no tables: nothing to do.');
      out.document({ store: connection.shown, applied: [] });
      return 'fine' as const;
    }
    // SQLite waits for its lock, PostgreSQL and MySQL for whoever migrates at the same time.
    out.note(`Migrating ${connection.shown}`);
    const applied = await migrate(connection.db, tablesAt(connection.dialect, options)).catch((error) => {
      throw new Fault('unreachable', `${connection.shown} does not let itself be migrated: ${messageOf(error)}`, error);
    });
    for (const name of applied) out.line(good('applied'), ` ${name}`);
    if (applied.length === 0) out.line('Nothing to do: every migration was applied before.');
    out.document({ store: connection.shown, applied });
    return 'fine' as const;
  } finally {
    await connection.close();
  }
}

function printed(dialect: NonNullable<Options['print']>, place: Place): string {
  try {
    return migrationSql(dialect, tablesAt(dialect, place));
  } catch (error) {
    throw error instanceof ConfigurationError ? new Fault('usage', error.message, error) : error;
  }
}
