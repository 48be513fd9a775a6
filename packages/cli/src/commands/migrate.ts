/** `latchkey migrate`: makes the tables or brings them up to date, or prints the SQL that would, or their schema for a mapper. */
import { ConfigurationError } from '@latchkey/core';
import { type Dialect, migrate, migrationSql } from '@latchkey/sql';
import type { Command } from 'commander';
import { openStore, type Place, tablesAt } from '../connection.ts';
import { MAPPERS, type Mapper, mapped } from '../object-mappers.ts';
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

type Options = StoreOptions & {
  readonly print?: Dialect | Mapper;
  readonly dialect: Dialect;
  readonly json?: boolean;
};

const DIALECTS: readonly Dialect[] = ['sqlite', 'postgres', 'mysql'];

export function define(command: Command): void {
  command
    .addOption(
      oneOf(
        '--print <language>',
        'print the SQL of a dialect (mysql is MariaDB too) for a tool of your own, or the schema for Prisma or Drizzle; connects to nothing',
        [...DIALECTS, ...MAPPERS],
      ),
    )
    .addOption(oneOf('--dialect <dialect>', 'what --print prisma or drizzle is for', DIALECTS).default('postgres'));
  jsonOption(storeOptions(command), 'one JSON document: { store, applied }').action(runs(run));
  examples(command, {
    'At deployment, before the application starts': 'latchkey migrate --store postgres://app@db/app',
    'For a migration tool of your own': 'latchkey migrate --print mysql > latchkey.sql',
    'For an application with Prisma': 'latchkey migrate --print prisma --dialect sqlite > prisma/latchkey.prisma',
  });
}

async function run(options: Options, { out }: Context) {
  if (options.print !== undefined) {
    process.stdout.write(printed(options.print, options.dialect, options));
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

function printed(language: Dialect | Mapper, dialect: Dialect, place: Place): string {
  const sqlIn = (which: Dialect) => migrationSql(which, tablesAt(which, place));
  const mapper = MAPPERS.find((each) => each === language);
  if (mapper === 'prisma' && dialect === 'mysql' && place.schema !== undefined)
    throw new Fault('usage', 'Prisma knows no schema in MySQL: leave --schema out, and name the database in its URL.');
  try {
    return mapper === undefined ? sqlIn(language as Dialect) : mapped(mapper, dialect, sqlIn(dialect), place.schema);
  } catch (error) {
    throw error instanceof ConfigurationError ? new Fault('usage', error.message, error) : error;
  }
}
