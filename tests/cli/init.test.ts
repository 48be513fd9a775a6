/** `latchkey init`: what it writes into applications of each framework and language is compiled, mounted as it says, and signs people in over HTTP. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createAgent, createSoftwarePasskey } from '@latchkey/testing';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { readApplication } from '../../packages/cli/src/init/application.ts';
import { newFiles } from '../../packages/cli/src/init/files.ts';
import { stepsFor } from '../../packages/cli/src/init/steps.ts';
import { documentation } from '../docs/pages.ts';
import { liveThroughASession, run, type Site, stop, whenReady } from '../examples/example-server.ts';
import { type Server, startRedis } from '../stores/support/database-servers.ts';
import { freePort } from '../support/ports.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { type Application, follow, write } from './applications.ts';
import { folder, latchkey } from './latchkey.ts';
import { URLS } from './stores.ts';

vi.setConfig({ testTimeout: atThisSpeed(60_000), hookTimeout: atThisSpeed(120_000) });

/** Every framework in every language, and every store and session somewhere. */
const FOR_NEW_ACCOUNTS: readonly Application[] = [
  { framework: 'express', language: 'ts', driver: 'pg' },
  { framework: 'express', language: 'ts-cjs', driver: 'better-sqlite3' },
  { framework: 'express', language: 'esm', driver: 'mysql2' },
  { framework: 'express', language: 'cjs', driver: 'better-sqlite3' },
  { framework: 'koa', language: 'ts', driver: 'ioredis' },
  { framework: 'koa', language: 'esm', driver: 'better-sqlite3' },
  { framework: 'koa', language: 'cjs', driver: 'pg' },
  { framework: 'fastify', language: 'ts', driver: 'mysql2' },
  { framework: 'fastify', language: 'esm', driver: 'memory' },
  { framework: 'fastify', language: 'cjs', driver: 'ioredis' },
];
const BESIDE_PASSWORDS: readonly Application[] = [
  { framework: 'express', language: 'ts', driver: 'memory', session: 'passport' },
  { framework: 'express', language: 'cjs', driver: 'memory', session: 'express-session' },
  { framework: 'koa', language: 'ts', driver: 'memory', session: 'koa-passport' },
  { framework: 'koa', language: 'esm', driver: 'memory', session: 'koa-session' },
  { framework: 'fastify', language: 'ts', driver: 'memory', session: '@fastify/session' },
  { framework: 'fastify', language: 'cjs', driver: 'memory', session: '@fastify/secure-session' },
];
// The types of the sessions that run as JavaScript above.
const COMPILED_ONLY: readonly Application[] = [
  { framework: 'express', language: 'ts', driver: 'memory', session: 'express-session' },
  { framework: 'koa', language: 'ts', driver: 'memory', session: 'koa-session' },
  { framework: 'fastify', language: 'ts-cjs', driver: 'memory', session: '@fastify/secure-session' },
];
const APPLICATIONS = [...FOR_NEW_ACCOUNTS, ...BESIDE_PASSWORDS, ...COMPILED_ONLY];

const nameOf = ({ framework, language, driver, session = driver }: Application) =>
  `${framework}-${language}-${session.replace(/^@.*\//, '')}`;

// Below this folder, so that the applications find the packages that they import.
const base = mkdtempSync(join(import.meta.dirname, '.init-'));
const place = (application: Application) => join(base, nameOf(application));
const database = `init_${crypto.randomUUID().slice(0, 8)}`;
const ports = new Map<Application, number>();
let postgres: Client;
let mariadb: Awaited<ReturnType<typeof createConnection>>;
let redis: Server;

beforeAll(async () => {
  postgres = new Client(URLS.PostgreSQL());
  [mariadb, redis] = await Promise.all([createConnection(URLS.MariaDB()), startRedis(), postgres.connect()]);
  await Promise.all([postgres.query(`create database ${database}`), mariadb.query(`create database ${database}`)]);
  const compilerOptions = { module: 'nodenext', target: 'es2024', strict: true, exactOptionalPropertyTypes: true };
  const types = { types: ['node'], skipLibCheck: true, isolatedModules: true };
  const config = (more: object) => JSON.stringify({ compilerOptions: { ...compilerOptions, ...types, ...more } });
  writeFileSync(
    join(base, 'tsconfig.json'),
    config({ noEmit: true, customConditions: ['latchkey-source'], allowImportingTsExtensions: true }),
  );
  await Promise.all(
    APPLICATIONS.map(async (application) => {
      const port = await freePort();
      ports.set(application, port);
      mkdirSync(place(application));
      write(place(application), application, port);
      // As the command does it; it is run below.
      const read = readApplication(place(application), {});
      for (const { path, text } of newFiles(read, 'passkeys')) writeFileSync(join(place(application), path), text);
      follow(place(application), application, stepsFor(read, 'passkeys'));
    }),
  );
  // Latchkey's own sources shall not be compiled into the applications: what is emitted resolves no import.
  const emitting = { noResolve: true, noCheck: true, rootDir: '.' };
  writeFileSync(join(base, 'tsconfig.emit.json'), config(emitting));
  await tsc('tsconfig.emit.json');
});

afterAll(async () => {
  await Promise.all([
    postgres.query(`drop database ${database} with (force)`),
    mariadb.query(`drop database ${database}`),
  ]);
  await Promise.all([postgres.end(), mariadb.end(), redis.remove()]);
  rmSync(base, { recursive: true });
});

const tsc = (project: string) =>
  promisify(execFile)(join(import.meta.dirname, '../../node_modules/.bin/tsc'), ['--project', project], {
    cwd: base,
  }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }) => stdout + stderr,
  );

/** `finished`: the test's own, because others run at the same time. */
async function start(application: Application, finished: typeof onTestFinished): Promise<Site> {
  const at = (url: string) => Object.assign(new URL(url), { pathname: `/${database}` }).href;
  const addresses: Record<string, NodeJS.ProcessEnv> = {
    pg: { DATABASE_URL: at(URLS.PostgreSQL()) },
    mysql2: { DATABASE_URL: at(URLS.MariaDB()) },
    ioredis: { REDIS_URL: redis.url },
  };
  const env = { LATCHKEY_IDENTITY_KEY: 'a key for tests, and for tests only', ...addresses[application.driver] };
  const program = run(pathToFileURL(join(place(application), 'src/server.js')), env);
  finished(() => stop(program));
  const origin = `http://localhost:${ports.get(application)}`;
  await whenReady(program, () => fetch(origin).catch(() => null));
  return { origin, program };
}

describe.concurrent('what it writes', () => {
  test('compiles', async () => {
    expect(await tsc('tsconfig.json')).toBe('');
  });

  test.for(FOR_NEW_ACCOUNTS.map((application) => [nameOf(application), application] as const))(
    'signs a person up, out and in: %s',
    async ([, application], { onTestFinished: finished }) => liveThroughASession(await start(application, finished)),
  );

  test.for(BESIDE_PASSWORDS.map((application) => [nameOf(application), application] as const))(
    'adds a passkey beside a password, and signs in and out of both: %s',
    async ([, application], { onTestFinished: finished }) => {
      const { origin } = await start(application, finished);
      const ada = createAgent(origin);
      const who = async () => (await ada.request('GET', '/who')).text;
      const statuses = async () => [(await ada.session()).status, (await ada.request('GET', '/me')).status];
      expect([await who(), ...(await statuses())]).toEqual(['undefined', 401, 401]);
      await ada.request('POST', '/login');
      expect([await who(), ...(await statuses())]).toEqual(['ada@example.com', 401, 401]);
      const passkey = createSoftwarePasskey({ origin });
      expect((await ada.addPasskey(passkey)).status).toBe(201);
      await ada.request('POST', '/logout');
      expect(await who()).toBe('undefined');

      expect((await ada.signIn(passkey)).status).toBe(200);
      expect([await who(), ...(await statuses())]).toEqual(['ada@example.com', 200, 200]);
      expect((await ada.request('GET', '/me')).json).toEqual({ id: '7', name: 'ada@example.com' });
      await ada.request('POST', '/logout');
      expect([await who(), ...(await statuses())]).toEqual(['undefined', 401, 401]);

      expect((await ada.signIn(passkey)).status).toBe(200);
      expect((await ada.request('DELETE', '/passkeys/session')).status).toBe(204);
      expect([await who(), ...(await statuses())]).toEqual(['undefined', 401, 401]);
    },
  );
});

// --- the command ---

const FILES = ['passkeys.js', 'passkeys-store.js'];

/** A folder with the smallest application, whose package.json has these members as well. */
function smallest(manifest: object = {}, files: Readonly<Record<string, string>> = {}): string {
  const path = folder();
  const dependencies = { express: '*' };
  const all = {
    'package.json': JSON.stringify({ type: 'module', dependencies, ...manifest }),
    'server.js': "import express from 'express';\nconst app = express();\napp.listen(4000);\n",
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const contentsOf = (path: string) =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
  );

describe('the command', () => {
  test('writes two files, changes none, says what is left, and ends with what doctor sees', async () => {
    const path = smallest();
    const before = contentsOf(path);
    const { code, stdout } = await latchkey(['init'], {}, path);
    expect(code).toBe(0);
    const { [FILES[0]!]: passkeys, [FILES[1]!]: store, ...others } = contentsOf(path);
    expect(others).toEqual(before);
    expect([passkeys, store]).toEqual([
      expect.stringContaining('createPasskeys'),
      expect.stringContaining('memoryStore'),
    ]);
    for (const said of [
      'written passkeys.js',
      'npm install @latchkey/core @latchkey/express @opentelemetry/api',
      'after the statement at server.js:2: const app = express();',
      "import { routes, wellKnown } from './passkeys.js';",
      'app.use(routes());',
      'ok       rp_id: The RP ID localhost fits http://localhost:4000',
      'npx latchkey doctor --site http://localhost:4000',
    ])
      expect(stdout).toContain(said);
  });

  test('writes over nothing, and nothing where one of the two is there', async () => {
    const path = smallest({}, { 'passkeys-store.js': 'mine' });
    const before = contentsOf(path);
    const { code, stderr } = await latchkey(['init'], {}, path);
    expect([code, stderr]).toEqual([2, expect.stringContaining('passkeys-store.js is there already')]);
    expect(contentsOf(path)).toEqual(before);
    expect((await latchkey(['init', '--name', 'sign-in'], {}, path)).code).toBe(0);
    expect(existsSync(join(path, 'sign-in-store.js'))).toBe(true);
  });

  test('shows with --dry-run what it would write, and gives it to programs with --json', async () => {
    const path = smallest();
    const before = contentsOf(path);
    const [shown, told] = await Promise.all([
      latchkey(['init', '--dry-run'], {}, path),
      latchkey(['init', '--dry-run', '--json'], {}, path),
    ]);
    expect(contentsOf(path)).toEqual(before);
    const { application, files, steps, findings } = JSON.parse(told.stdout);
    expect(application).toEqual({
      ...{ name: expect.any(String), framework: 'express', typescript: false, module: 'esm', extension: 'js' },
      ...{
        importEnding: '.js',
        mayMissTypes: false,
        driver: 'memory',
        session: null,
        entry: 'server.js',
        manager: 'npm',
      },
      origins: ['http://localhost:4000'],
    });
    expect(files.map(({ path: file, written }: { path: string; written: boolean }) => [file, written])).toEqual(
      FILES.map((file) => [file, false]),
    );
    for (const { text } of files) expect(shown.stdout).toContain(text);
    expect(steps.map(({ what }: { what: string }) => what)).toEqual(['Install', 'Mount it']);
    expect(findings).toMatchObject([{ check: 'rp_id', severity: 'ok' }]);
  });

  test('looks at the store whose address is known, and says when it does not answer', async () => {
    const path = smallest({ dependencies: { express: '*', ioredis: '*' } });
    const empty = await startRedis();
    onTestFinished(() => empty.remove());
    const good = await latchkey(['init'], { REDIS_URL: empty.url }, path);
    expect([good.code, good.stdout]).toEqual([0, expect.stringMatching(/^ok {7}store_version: Redis/m)]);
    const dead = `redis://127.0.0.1:${await freePort()}`;
    const bad = await latchkey(['init', '--name', 'again'], { REDIS_URL: dead }, path);
    expect([bad.code, bad.stdout]).toEqual([3, expect.stringContaining('does not answer')]);
  });

  test('expects no tables in a database that nothing was migrated in', async () => {
    const path = smallest({ dependencies: { express: '*', mysql2: '*' } });
    const empty = Object.assign(new URL(URLS.MariaDB()), { pathname: '/information_schema' }).href;
    const { code, stdout } = await latchkey(['init'], { DATABASE_URL: empty }, path);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ok {7}store_version: MariaDB/m)]);
    expect(stdout).not.toContain('schema');
  });

  test('knows what the application says of itself', async () => {
    const application = (manifest: object, files: Readonly<Record<string, string>> = {}) =>
      readApplication(smallest(manifest, files), {});
    const packages = (...names: string[]) => ({ dependencies: Object.fromEntries(names.map((name) => [name, '*'])) });
    // The file that package.json starts, also where another one is nearer.
    const deep = { 'app/http/index.js': 'const web = express();\nconst port = process.env.PORT || 8080;' };
    expect(application({ scripts: { start: 'node app/http/index.js' } }, deep)).toMatchObject({
      ...{ entry: { file: 'app/http/index.js', app: 'web' }, origins: ['http://localhost:8080'] },
    });
    const required = { 'server.js': "const fastify = require('fastify')({ logger: true });" };
    expect(application({ ...packages('fastify'), type: 'commonjs' }, required).entry).toMatchObject({ app: 'fastify' });
    // What a bundler wrote is no application's source, and holds nobody up.
    const bundled = { 'bundle.js': `${'a:'.repeat(500_000)} const app = express();`, 'server.js': '' };
    expect(application({}, bundled).entry).toBe(null);
    expect(application(packages('express', 'vite')).origins).toEqual([
      'http://localhost:4000',
      'http://localhost:5173',
    ]);
    // A database goes before Redis; Prisma says which one in its schema.
    expect(application(packages('express', 'ioredis', 'pg')).driver).toBe('pg');
    const schema = { 'prisma/schema.prisma': 'datasource db {\n  provider = "mysql"\n}' };
    expect(application(packages('express', '@prisma/client'), schema).driver).toBe('mysql2');
    expect(application(packages('express', 'postgres')).driver).toBe('pg');
    // Passport without a session is for tokens.
    expect(application(packages('express', 'passport')).session).toBe(null);
    expect(application(packages('express', 'passport', 'express-session')).session).toBe('passport');
    const old = application({ dependencies: { express: '4', passport: '^0.4.1', 'express-session': '1' } });
    expect(stepsFor(old, 'passkeys').map(({ what }) => what)).toContain('Update passport to 0.6 or newer');
    // Without a type in package.json: what stands in the file, or TypeScript's own setting.
    expect(application({ type: undefined }).module).toBe('esm');
    const typescript = (module: string) => ({
      'server.js': '',
      'server.ts': "import express from 'express';\nexport const app = express();",
      'tsconfig.json': `{ // a remark\n "compilerOptions": { "module": "${module}" } }`,
    });
    expect(application({ type: undefined }, typescript('commonjs'))).toMatchObject({
      ...{ module: 'cjs', importEnding: '', mayMissTypes: true },
    });
    expect(application({ type: undefined }, typescript('esnext'))).toMatchObject({
      module: 'esm',
      importEnding: '.js',
    });
  });

  test('asks nothing, and says what it cannot know', async () => {
    const cases: [string, object, RegExp][] = [
      [folder(), {}, /There is no package\.json here/],
      [smallest({}, { 'package.json': '{' }), {}, /package\.json is no JSON/],
      [smallest({ dependencies: {} }), {}, /names none of express, koa and fastify/],
      [smallest({ dependencies: { '@nestjs/core': '*', express: '*' } }), {}, /docs\/nest\.md/],
      [smallest({ dependencies: { koa: '*', fastify: '*' } }), {}, /--framework koa/],
      [smallest(), { session: 'koa-session' }, /--session with express is one of: passport, express-session, none/],
      [smallest(), { entry: 'nowhere.js' }, /nowhere\.js makes no app of express/],
    ];
    for (const [path, said, sentence] of cases) expect(() => readApplication(path, said)).toThrow(sentence);
    const [alone, elsewhere] = await Promise.all([
      latchkey(['init'], {}, folder()),
      latchkey(['init', '--name', '../elsewhere'], {}, smallest()),
    ]);
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('There is no package.json here')]);
    expect([elsewhere.code, elsewhere.stderr]).toEqual([2, expect.stringContaining('--name has letters')]);
  });

  test('writes the name of an application as text, whatever it is', () => {
    const name = `it's "a" \\ shop\n'); process.exit(1); ('`;
    const [{ text }] = newFiles(readApplication(smallest({ name }), {}), 'passkeys');
    const [, written] = /name: (.*), origins/.exec(text)!;
    expect(new Function(`return ${written}`)()).toBe(name);
  });
});

// --- the guides ---

/** The block of a page that begins with these words, without what stands in `// …` behind its lines. */
function blockOf(page: string, language: string, ...words: string[]): string {
  const { blocks } = documentation.find(({ path }) => path === page)!;
  return blocks.find((block) => block.language === language && words.every((word) => block.code.includes(word)))!.code;
}

describe('what it writes is what the guides say', () => {
  const textsOf = (dependencies: readonly string[], type = 'module') => {
    const packages = Object.fromEntries(dependencies.map((name) => [name, '*']));
    const typescript = { 'server.ts': 'const app = express();', 'server.js': '' };
    const path = smallest({ type, dependencies: packages }, type === 'module' ? typescript : { 'server.js': '' });
    return newFiles(readApplication(path, {}), 'passkeys').map(({ text }) => text.replace(/^\/\*\*.*\n/, ''));
  };

  test.each([
    ['pg', "from 'pg'"],
    ['mysql2', "from 'mysql2'"],
    ['better-sqlite3', "from 'node:sqlite'"],
    ['ioredis', 'new Redis('],
  ])('docs/storage.md: %s', (driver, word) => {
    const [, store] = textsOf(['express', driver]);
    expect(store!.replace(/process\.env\.\w+ \?\? /, '').trimEnd()).toBe(
      blockOf('docs/storage.md', 'ts', word).trimEnd(),
    );
  });

  test('docs/storage.md: from CommonJS', () => {
    const [, store] = textsOf(['express', 'better-sqlite3'], 'commonjs');
    const guide = blockOf('docs/storage.md', 'js', 'ready: migrate(db)');
    const names = ['sqlStore(db)', 'migrate(db)', "require('node:sqlite')", 'module.exports'];
    for (const name of names) expect([store!.includes(name), guide.includes(name)]).toEqual([true, true]);
  });

  test.each(['express', 'koa', 'fastify'])('docs/%s.md', (framework) => {
    const [passkeys] = textsOf([framework]);
    const users = /\n {2}users: \{.*?\n {2}\},\n/s;
    expect(users.exec(passkeys!)![0]).toBe(users.exec(blockOf(`docs/${framework}.md`, 'ts', 'users: {'))![0]);
  });

  test('docs/passwords.md: a row in the table of bridges for each session, with what is called', () => {
    const { text } = documentation.find(({ path }) => path === 'docs/passwords.md')!;
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    const calls: Record<string, string[]> = {
      passport: ['req.login', 'req.logout', 'keepSessionInfo: true'],
      'express-session': ['req.session.regenerate', 'req.session.save', 'req.session.destroy'],
      'koa-passport': ['ctx.login', 'ctx.logout()', 'ctx.session = null', 'keepSessionInfo: true'],
      'koa-session': ['ctx.session.regenerate()', 'ctx.session = null'],
      '@fastify/session': ["request.session.regenerate(['cart', '_csrf'])", 'request.session.destroy()'],
      '@fastify/secure-session': [
        "request.session.regenerate(['cart', '_csrf'])",
        'request.session.set(',
        'request.session.delete()',
      ],
    };
    for (const [session, wanted] of Object.entries(calls)) {
      const framework = session.startsWith('koa') ? 'koa' : session.startsWith('@') ? 'fastify' : 'express';
      const packages = session === 'passport' ? ['passport', 'express-session'] : [session];
      const path = smallest({ dependencies: Object.fromEntries([framework, ...packages].map((name) => [name, '*'])) });
      const [{ text: written }] = newFiles(readApplication(path, { framework: framework as never }), 'passkeys');
      const row = rows.find((line) => line.startsWith(`| ${session}`))!;
      for (const call of wanted)
        expect([session, call, row.includes(call), written.includes(call)]).toEqual([session, call, true, true]);
    }
  });
});
