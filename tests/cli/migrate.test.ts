/** `latchkey migrate`, and what holds for every command: usage, exit codes, what is printed where and what never is. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Dialect, migrationSql } from '@latchkey/sql';
import { describe, expect, test } from 'vitest';
import { clean, createOutput, jsonLine, wantsColour } from '../../packages/cli/src/terminal/output.ts';
import { shownUrl, withoutPasswords } from '../../packages/cli/src/terminal/secrets.ts';
import { folder, latchkey, latchkeyJson } from './latchkey.ts';
import { place, SQL_KINDS, URLS } from './stores.ts';

// Each command is a process of its own, and on a busy machine a process takes its time.

describe.each(SQL_KINDS)('migrate in %s', (kind) => {
  test('makes the tables, says so, and finds nothing to do the second time', async () => {
    const { at, store } = place(kind);
    const first = await latchkey(['migrate', ...at]);
    expect(first).toMatchObject({
      code: 0,
      stdout:
        'applied 0001_ceremonies_passkeys_attempts\napplied 0002_sessions\napplied 0003_invitations\napplied 0004_declines\n',
    });
    expect(await store.passkeys.listByUser('nobody')).toEqual([]);
    expect(await latchkeyJson(['migrate', ...at])).toMatchObject({ code: 0, json: { applied: [] } });
  });
});

test('migrate in Redis has nothing to do', async () => {
  expect(await latchkey(['migrate', '--store', URLS.Redis()])).toMatchObject({
    code: 0,
    stdout: 'Redis has no tables: nothing to do.\n',
  });
});

test.each<Dialect>(['sqlite', 'postgres', 'mysql'])(
  'migrate --print %s prints the SQL and connects to nothing',
  async (dialect) => {
    const { code, stdout, stderr } = await latchkey(['migrate', '--print', dialect, '--prefix', 'mine_']);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: migrationSql(dialect, { tablePrefix: 'mine_' }),
      stderr: '',
    });
  },
);

test('what is printed is what a tool of your own needs: migrate finds it done', async () => {
  const { at, run, prefix } = place('PostgreSQL');
  const { stdout } = await latchkey(['migrate', '--print', 'postgres', '--prefix', prefix]);
  for (const statement of stdout.split(';\n')) if (statement.trim() !== '') await run(statement);
  expect(await latchkeyJson(['migrate', ...at])).toMatchObject({ code: 0, json: { applied: [] } });
});

test('the store may be named by LATCHKEY_STORE', async () => {
  const env = { LATCHKEY_STORE: `sqlite:${join(folder(), 'a.db')}` };
  expect((await latchkey(['migrate'], env)).code).toBe(0);
  expect((await latchkey(['attempts', 'list'], env)).stderr).toBe('No record matches.\n');
});

test.each([
  ['nothing at all', []],
  ['an unknown command', ['nope']],
  ['an unknown option', ['migrate', '--nope']],
  ['no store', ['migrate']],
  ['a store that is no URL', ['migrate', '--store', 'nope']],
  ['a URL that is no store', ['migrate', '--store', 'ftp://host/x']],
  ['a prefix that cannot be', ['migrate', '--print', 'sqlite', '--prefix', 'A-B']],
  ['an unknown dialect', ['migrate', '--print', 'oracle']],
  ['a time that is none', ['attempts', 'list', '--log', 'x', '--since', 'yesterday']],
  ['an outcome that is none', ['attempts', 'list', '--log', 'x', '--outcome', 'good']],
  ['an import from nowhere', ['import', 'better-auth', '--rp-id', 'example.com']],
  ['a source that is none', ['import', 'nope', '--from', 'x.json', '--rp-id', 'example.com']],
  ['a doctor with nothing to look at', ['doctor']],
  ['a key on the command line', ['verify', '--log', 'x', '--key', 'k1=secret']],
])('%s is usage: exit code 2, and a sentence on standard error', async (_, args) => {
  const { code, stdout, stderr } = await latchkey(args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.trim()).not.toBe('');
});

test.each([
  ['PostgreSQL', 'postgres://me:s3kr%40t@127.0.0.1:1/app'],
  ['MySQL', 'mysql://me:s3kr%40t@127.0.0.1:1/app'],
  ['Redis', 'redis://me:s3kr%40t@127.0.0.1:1'],
  ['SQLite', 'sqlite:/nowhere/at/all.db'],
])('a %s that does not answer is exit code 3, named without its password', async (_, url) => {
  for (const json of [[], ['--json']]) {
    const { code, stdout, stderr } = await latchkey(['migrate', '--store', url, ...json]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain(url.replace('s3kr%40t', '***').split('/at/')[0]);
    expect(stderr).not.toMatch(/s3kr/);
  }
});

/** Each place of a URL in which a driver reads a password, or in which somebody forgets to encode one. */
const WITH_PASSWORD: readonly string[] = [
  'postgres://me:s3krit@db.invalid/app',
  'postgres://me:s3%6brit-s3krit@db.invalid/app',
  'postgres://db.invalid/app?user=me&password=s3krit',
  'postgres://db.invalid/app?user=me&p%61ssword=s3krit&sslmode=disable',
  'postgres://me:s3krit@db.invalid/app?sslpassword=s3krit',
  'postgres://db.invalid/app?options=-c%20a.password%3Ds3krit',
  'postgres://me:12/s3krit@db.invalid/app',
  'postgres://me:1#s3krit@db.invalid/app',
  'postgres://me:s3krit/s3krit@db.invalid/app',
  'postgres://me:s3krit?s3krit@db.invalid/app',
  'mysql://db.invalid/app?user=me&password=s3krit&passwordSha1=s3krit',
  'mysql://db.invalid/app?ssl={"passphrase":"s3krit"}',
  'mysql://db.invalid/app?password1=s3krit',
  'redis://:s3krit@db.invalid:6379',
  'redis://db.invalid:6379/0?password=s3krit',
  'redis://db.invalid?sentinelPassword=s3krit&auth=s3krit&token=s3krit',
  'mongodb://me:s3krit@db.invalid/app?authSource=s3krit',
];

describe('a password is never printed', () => {
  test.each(WITH_PASSWORD)('of the store %s', async (url) => {
    const runs = [
      ['doctor', '--store', url, '--json'],
      ['import', 'better-auth', '--rp-id', 'a.test', '--from', url, '--store', `sqlite:${join(folder(), 'a.db')}`],
    ];
    for (const args of runs) {
      const { code, stdout, stderr } = await latchkey(args, { LATCHKEY_DEBUG: '1' });
      expect(code, args[0]).not.toBe(0);
      expect(stdout + stderr, args[0]).not.toContain('s3krit');
    }
    expect(clean(`The option '${url}' is invalid. "${url}", ${url}. Else`)).not.toContain('s3krit');
  });

  test('of what is quoted back', async () => {
    for (const args of [['migrate', '--print'], [], ['migrate'], ['attempts', 'list', '--reason']]) {
      const { code, stdout, stderr } = await latchkey([...args, 'redis://db.invalid/0?password=s3krit']);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).not.toContain('s3krit');
    }
  });

  test('and what is no password is', () => {
    expect(shownUrl('postgres://me:a@db:5432/app?sslmode=require&user=x')).toBe(
      'postgres://me:***@db:5432/app?sslmode=require&user=x',
    );
    for (const url of ['sqlite:/tmp/a@b.db', 'redis://localhost', 'mysql://root@[::1]:3306/app'])
      expect(shownUrl(url)).toBe(url);
    for (const text of [
      'https://example.com:8443/@scope/passkeys?page=2 and me@example.com: ok',
      'A page of any site is let in: https://a.example?x=1',
    ])
      expect(withoutPasswords(text)).toBe(text);
    expect(withoutPasswords("host=db password='s3 krit' dbname=app")).toBe('host=db password=*** dbname=app');
  });
});

test('every command has help with examples', async () => {
  for (const command of [
    ['migrate'],
    ['doctor'],
    ['readiness'],
    ['attempts', 'list'],
    ['attempts', 'follow'],
    ['attempts', 'explain'],
    ['verify'],
    ['import'],
  ]) {
    const { code, stdout } = await latchkey([...command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nExamples:\n {2}.+\n {4}\$ latchkey /);
  }
  expect((await latchkey(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

describe('what is printed', () => {
  /** A terminal, or not one, that keeps what it gets. */
  const screen = (isTTY: boolean) => {
    const written: string[] = [];
    return { isTTY, written, write: (text: string) => written.push(text) > 0 };
  };

  test('has colours on a terminal only, and never under NO_COLOR', async () => {
    expect(wantsColour({ isTTY: true }, {})).toBe(true);
    expect(wantsColour({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColour({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
    expect(wantsColour({ isTTY: false }, { FORCE_COLOR: '1' })).toBe(false);
    const { stdout } = await latchkey(['doctor', '--rp-id', 'github.io'], { FORCE_COLOR: '1' });
    expect(stdout).toMatch(/^error {4}rp_id/);
  });

  test('has no character in it that a terminal obeys or that turns text around', () => {
    const stdout = screen(true);
    const out = createOutput(false, { stdout: stdout as never, stderr: stdout as never }, {});
    out.line('a\u001b[31mb\u009bc\u202ed\ne\u2066\u0000\u007f', { tone: 'bad', text: '\u001b]0;title\u0007' });
    expect(stdout.written.join('')).toBe(
      'a\\u{1b}[31mb\\u{9b}c\\u{202e}d\\u{a}e\\u{2066}\\u{0}\\u{7f}\u001b[31m\\u{1b}]0;title\\u{7}\u001b[39m\n',
    );
    const line = jsonLine({ a: '\u009b\u202e\u007f\ud800' });
    expect(line).toBe('{"a":"\\u009b\\u202e\\u007f\\ud800"}');
    expect(JSON.parse(line)).toEqual({ a: '\u009b\u202e\u007f\ud800' });
  });

  test('moves on a terminal, and is silent elsewhere', () => {
    const terminal = screen(true);
    const progress = createOutput(false, { stdout: terminal as never, stderr: terminal as never }, {}).progress(
      'Rows',
      9,
    );
    progress.at(1);
    progress.end();
    expect(terminal.written).toEqual(['\r\u001b[KRows: 1 of 9', '\r\u001b[K']);
    const pipe = screen(false);
    const plain = createOutput(false, { stdout: pipe as never, stderr: pipe as never }, {}).progress('Rows', 2_500);
    for (let done = 1; done <= 2_500; done++) plain.at(done);
    plain.end();
    expect(pipe.written).toEqual([]);
  });
});

test('a driver that is not installed is named, with how to install it', async () => {
  const hook = join(folder(), 'without-pg.mjs');
  writeFileSync(
    hook,
    `import Module from 'node:module';
     const resolve = Module._resolveFilename;
     Module._resolveFilename = function (name, ...rest) {
       if (name === 'pg') throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
       return resolve.call(this, name, ...rest);
     };`,
  );
  const env = { NODE_OPTIONS: `--import ${pathToFileURL(hook).href}` };
  expect(await latchkey(['migrate', '--store', 'postgres://db/app'], env)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'A store at postgres: needs the driver pg, which is not installed: npm install pg\n',
  });
});
