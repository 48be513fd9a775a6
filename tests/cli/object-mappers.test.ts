/** What `latchkey migrate --print prisma` and `--print drizzle` print, held by the programs of these two against the tables that there are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createClient } from '@libsql/client';
import { get_dmmf as modelsOf, validate } from '@prisma/prisma-schema-wasm';
import { drizzle as drizzleLibsql } from 'drizzle-orm/libsql';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { compile } from '../docs/compile.ts';
import { latchkey } from './latchkey.ts';
import { type Kind, place, URLS } from './stores.ts';

// Each command is a process of its own, and on a busy machine a process takes its time.
vi.setConfig({ testTimeout: 120_000 });

const { pushSchema, pushMySQLSchema, pushSQLiteSchema } = createRequire(import.meta.url)('drizzle-kit/api');

const DIALECTS = ['sqlite', 'postgres', 'mysql'] as const;
type Dialect = (typeof DIALECTS)[number];

async function printed(mapper: 'prisma' | 'drizzle', dialect: Dialect, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await latchkey(['migrate', '--print', mapper, '--dialect', dialect, ...more]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('Prisma', () => {
  const PROVIDERS = { sqlite: 'sqlite', postgres: 'postgresql', mysql: 'mysql' };

  /** Beside an application's own models. */
  const inSchema = (dialect: Dialect, models: string, more = '') =>
    `datasource db {\n  provider = "${PROVIDERS[dialect]}"\n${more}}\n\nmodel Account {\n  id Int @id\n${more && '  @@schema("public")\n'}}\n\n${models}`;
  const check = (schema: string) =>
    validate(JSON.stringify({ prismaSchema: [['schema.prisma', schema]], noColor: true }));

  test.each(DIALECTS)('accepts the schema for %s, and has a field for each column', async (dialect) => {
    const schema = inSchema(dialect, await printed('prisma', dialect, '--prefix', 'mine_'));
    check(schema);
    expect(() => check(schema.replace('BigInt', 'Number'))).toThrow(/Number/);
    const { datamodel } = JSON.parse(modelsOf(JSON.stringify({ prismaSchema: schema, noColor: true })));
    const fields = (datamodel.models as { name: string; fields: { name: string }[] }[])
      .filter(({ name }) => name.startsWith('mine_'))
      .map(({ name, fields }) => [name.slice('mine_'.length), fields.map((field) => field.name)] as const);
    expect(Object.fromEntries(fields)).toEqual(await columns());
  });

  test('accepts the schema for a PostgreSQL schema, and is not given one for MySQL', async () => {
    const models = await printed('prisma', 'postgres', '--schema', 'auth');
    check(inSchema('postgres', models, '  schemas = ["auth", "public"]\n'));
    const { code, stdout } = await latchkey(['migrate', '--print', 'prisma', '--dialect', 'mysql', '--schema', 'auth']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  /** The columns of each table, as the migrations make them. */
  async function columns(): Promise<Record<string, string[]>> {
    const { at, run, prefix } = place('SQLite');
    expect((await latchkey(['migrate', ...at])).code).toBe(0);
    const rows = (await run(
      'select t.name as "table", c.name as "column" from sqlite_master t, pragma_table_info(t.name) c where t.type = \'table\'',
    )) as { table: string; column: string }[];
    return Object.fromEntries(
      [...Map.groupBy(rows, ({ table }) => table.slice(prefix.length))].map(([table, own]) => [
        table,
        own.map(({ column }) => column),
      ]),
    );
  }
});

describe('Drizzle', () => {
  type Module = Record<string, Record<string, unknown>>;

  /** What is printed, as a module. */
  async function loaded(text: string): Promise<Module> {
    const folder = mkdtempSync(join(import.meta.dirname, '.drizzle-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'latchkey.ts');
    writeFileSync(file, text);
    return import(pathToFileURL(file).href);
  }

  interface Opened {
    /** What Drizzle would do to this database, to make it as the schema says. */
    wanted(schema: Module, prefix: string): Promise<{ statementsToExecute: string[] }>;
    select(table: object): Promise<Record<string, unknown>[]>;
  }

  const OPENERS: Record<Dialect, (url: string) => Opened> = {
    sqlite(url) {
      const client = createClient({ url: url.replace('sqlite:', 'file:') });
      onTestFinished(() => client.close());
      const db = drizzleLibsql(client);
      return {
        wanted: (schema) => pushSQLiteSchema(schema, db),
        select: (table) => db.select().from(table as never),
      };
    },
    postgres(url) {
      const pool = new Pool({ connectionString: url });
      onTestFinished(() => pool.end());
      const db = drizzlePostgres(pool);
      return {
        wanted: (schema, prefix) => pushSchema(schema, db, ['public'], [`${prefix}*`]),
        select: (table) => db.select().from(table as never),
      };
    },
    mysql(url) {
      const pool = createPool(url);
      onTestFinished(() => pool.end());
      const db = drizzleMysql(pool);
      return {
        wanted: (schema) => pushMySQLSchema(schema, db, new URL(url).pathname.slice(1)),
        select: (table) => db.select().from(table as never),
      };
    },
  };

  /** A database of this test's own in MariaDB: its URL. */
  async function ownDatabase(): Promise<string> {
    const url = new URL(URLS.MariaDB());
    const name = `latchkey_${crypto.randomUUID().slice(0, 8)}`;
    const pool = createPool(url.href);
    await pool.query(`create database ${name}`);
    onTestFinished(async () => {
      await pool.query(`drop database ${name}`);
      await pool.end();
    });
    url.pathname = `/${name}`;
    return url.href;
  }

  test.each<[Kind, Dialect]>([
    ['SQLite', 'sqlite'],
    ['PostgreSQL', 'postgres'],
    ['MariaDB', 'mysql'],
  ])('has nothing to change in %s, and reads what is there', async (kind, dialect) => {
    // Drizzle looks at every table of a database in MySQL, and one that another test drops meanwhile is an error.
    const { at, store, prefix, migrate } = place(kind, kind === 'MariaDB' ? await ownDatabase() : undefined);
    await migrate();
    const schema = await loaded(await printed('drizzle', dialect, '--prefix', prefix));
    const { wanted, select } = OPENERS[dialect](at[1]!);
    // It draws on the terminal how far it is.
    const drawn = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const { statementsToExecute } = await wanted(schema, prefix).finally(() => drawn.mockRestore());
    expect(statementsToExecute.filter((statement) => statement.includes(prefix))).toEqual([]);

    const credentialId = crypto.getRandomValues(new Uint8Array(32));
    const passkey = {
      ...{
        id: 'passkey',
        userId: 'ada',
        userHandle: new Uint8Array([1]),
        credentialId,
        publicKey: new Uint8Array([2]),
      },
      ...{ algorithm: -7, signCount: 3, transports: [], aaguid: '', backupEligible: true, backedUp: false },
      ...{ rpId: 'example.com', nickname: 'Laptop', enabled: true, generation: 0, createdAt: 1_795_000_000_000 },
      attested: false,
      lastUsedAt: null,
    };
    await store.passkeys.insert({ passkey, max: 1 });
    const [row] = await select(schema[`${prefix}passkeys`]!);
    expect(row).toMatchObject({ algorithm: -7, sign_count: 3, created_at: 1_795_000_000_000, last_used_at: null });
    expect(new Uint8Array(row!.credential_id as Uint8Array)).toEqual(credentialId);
  });

  test('is given what the compiler accepts', async () => {
    const schemas = [
      ...(await Promise.all(DIALECTS.map((dialect) => printed('drizzle', dialect)))),
      ...(await Promise.all(
        (['postgres', 'mysql'] as const).map((dialect) => printed('drizzle', dialect, '--schema', 'auth')),
      )),
    ];
    const blocks = schemas.map((code, at) => ({
      ...{ page: `printed-${at}`, line: 1, language: 'ts', code },
      ...{ given: null, continues: false, file: null },
    }));
    expect(await compile(blocks)).toEqual([]);
  });
});
