/** The checks of what is published have to find what they are there for. */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { BUNDLE_LIMIT } from '../../scripts/release/bundle.ts';
import { atThisSpeed } from '../support/slowness.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-packaging-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one of our scripts, and answers all that it said and whether it was content. */
async function script(name: string, ...args: string[]): Promise<{ content: boolean; said: string }> {
  const told = run(process.execPath, [join(ROOT, 'scripts', name), ...args]);
  return told.then(
    ({ stdout, stderr }) => ({ content: true, said: stdout + stderr }),
    ({ stdout, stderr }) => ({ content: false, said: stdout + stderr }),
  );
}

function write(home: string, files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), text);
  }
}

const MANIFEST = {
  name: '@latchkey/koa',
  version: '1.2.3',
  description: 'A package.',
  keywords: ['passkeys'],
  license: 'MIT',
  author: 'Somebody',
  type: 'module',
  sideEffects: false,
  engines: { node: '>=22.16' },
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
  publishConfig: { access: 'public', provenance: true },
  peerDependencies: { '@latchkey/core': '^1.2.3', koa: '>=2.15 <4' },
};
const FILES = {
  'README.md': '# A package',
  LICENSE: 'MIT',
  'dist/index.js': 'export const one = 1;\n',
  'dist/index.d.ts': '/** One. */\nexport declare const one: number;\n',
};

/** Packs a package that is as it should be but for one thing. */
function packed(name: string, manifest: object, files: Record<string, string | undefined>): string {
  const home = join(folder, name, 'package');
  const present = Object.entries({ ...FILES, ...files }).filter((entry): entry is [string, string] => entry[1] != null);
  write(home, { ...Object.fromEntries(present), 'package.json': JSON.stringify({ ...MANIFEST, ...manifest }) });
  const file = join(folder, `${name}.tgz`);
  execFileSync('tar', ['czf', file, '-C', dirname(home), 'package']);
  return file;
}

describe('a tarball', () => {
  const WRONG: [fault: string, manifest: object, files?: Record<string, string | undefined>][] = [
    ['"type" is not "module".', { type: undefined }],
    ['"sideEffects" is not false.', { sideEffects: undefined }],
    ['"license" is not "MIT".', { license: 'ISC' }],
    ['"engines.node" is not ">=22.16".', { engines: { node: '>=20' } }],
    ['"publishConfig.access" is not "public".', { publishConfig: { provenance: true } }],
    ['"publishConfig.provenance" is not true.', { publishConfig: { access: 'public' } }],
    ['"description" or "author" is missing.', { author: undefined }],
    ['"keywords" does not have "passkeys".', { keywords: ['koa'] }],
    ['the range of koa is still catalog:.', { peerDependencies: { koa: 'catalog:' } }],
    ['the range of @latchkey/core is ^1.2.2, not ^1.2.3.', { peerDependencies: { '@latchkey/core': '^1.2.2' } }],
    ['"scripts.postinstall" would run', { scripts: { postinstall: 'node dist/index.js' } }],
    [
      '"repository.directory" is not "packages/koa".',
      { repository: { type: 'git', url: 'git+https://example.com/a.git' } },
    ],
    [
      '"exports" leads to sources.',
      { exports: { '.': { 'latchkey-source': './dist/index.js', ...MANIFEST.exports['.'] } } },
    ],
    ['has no limit in scripts/release/tarballs.ts', { name: '@latchkey/new' }],
    ['bytes, and the limit is', {}, { 'README.md': randomBytes(12_000).toString('base64') }],
    ['LICENSE is missing.', {}, { LICENSE: undefined }],
    ['dist/index.js.map does not belong in it.', {}, { 'dist/index.js.map': '{}' }],
    ['src/index.ts does not belong in it.', {}, { 'src/index.ts': 'export const one = 1;' }],
    ['dist/index.js names the folder', {}, { 'dist/index.js': `export const one = ${JSON.stringify(ROOT)};` }],
    ['publint: ', {}, { 'dist/index.js': undefined }],
    ['has no types.', {}, { 'dist/index.d.ts': undefined }],
    ['are the types wrong?', {}, { 'dist/index.d.ts': "export * from './nothing-there.js';\n" }],
  ];

  let said: string;
  beforeAll(async () => {
    const tarballs = WRONG.map(([, manifest, files = {}], index) => packed(`wrong-${index}`, manifest, files));
    const right = packed('right', {}, {});
    ({ said } = await script('release/packages.ts', right, ...tarballs));
  }, atThisSpeed(120_000));

  it('passes when it is as it should be', () => {
    expect(said).toMatch(/^packages: right\.tgz, \d+ bytes: ok/m);
  });

  it.each(WRONG.map(([fault], index) => [fault, index] as const))('does not pass: %s', (fault, index) => {
    const paragraph = said.split(/^packages: /m).find((part) => part.startsWith(`FAILED: wrong-${index}.tgz,`));
    expect(paragraph).toContain(fault);
  });
});

describe('tarballs together', { timeout: atThisSpeed(120_000) }, () => {
  it('do not pass with two versions', async () => {
    const { content, said } = await script(
      'release/packages.ts',
      packed('one', {}, {}),
      packed('two', { name: '@latchkey/sql', version: '1.2.4', peerDependencies: {} }, {}),
    );
    expect(content).toBe(false);
    expect(said).toContain('The packages have 2 versions: 1.2.3, 1.2.4.');
  });

  it('are ready for release only with a repository and a version', async () => {
    const repository = { type: 'git', url: 'git+https://example.com/somebody/latchkey.git', directory: 'packages/koa' };
    const ready = await script('release/packages.ts', '--release', packed('ready', { repository }, {}));
    expect(ready).toMatchObject({ content: true });
    const nowhere = await script('release/packages.ts', '--release', packed('nowhere', {}, {}));
    expect(nowhere.said).toContain('"repository" is missing');
    const first = packed('first', { repository, version: '0.0.0', peerDependencies: {} }, {});
    expect((await script('release/packages.ts', '--release', first)).said).toContain('the version is 0.0.0.');
  });
});

describe('the public surface', { timeout: atThisSpeed(120_000) }, () => {
  it('does not change without its report', async () => {
    const root = join(folder, 'surface');
    const home = join(root, 'packages/small');
    write(home, { ...FILES, 'package.json': JSON.stringify({ name: 'small', version: '1.0.0', type: 'module' }) });
    const check = () => script('release/api-reports.ts', '--check', '--root', root);
    expect((await check()).said).toContain('api/small.api.md is not what the package exports now');

    await script('release/api-reports.ts', '--root', root);
    expect(await check()).toEqual({ content: true, said: '' });

    write(home, { 'dist/index.d.ts': '/** One. */\nexport declare const one: string;\n' });
    expect((await check()).said).toContain('api/small.api.md is not what the package exports now');

    write(home, FILES);
    cpSync(join(root, 'api/small.api.md'), join(root, 'api/gone.api.md'));
    expect((await check()).said).toContain('api/gone.api.md is of no package');
  });

  const UNFIT: readonly (readonly [fault: string, declarations: string, sentence: string])[] = [
    ['an export without a comment', 'export declare const one: number;', 'Missing documentation for "one"'],
    [
      'a member without a comment',
      '/** A shape. */\nexport interface Shape {\n  size: number;\n}',
      'Missing documentation for "size"',
    ],
    [
      'a name that a signature needs',
      'interface Hidden {\n  size: number;\n}\n/** Makes one. */\nexport declare function make(): Hidden;',
      'The symbol "Hidden" needs to be exported',
    ],
    [
      'a default in prose',
      '/** A shape. */\nexport interface Shape {\n  /** How large. @default as large as it gets */\n  size?: number;\n}',
      '.Shape.size: the default must be a value in backticks, not "as large as it gets"',
    ],
  ];
  let unfit: Awaited<ReturnType<typeof script>>;
  beforeAll(async () => {
    const root = join(folder, 'unfit');
    for (const [index, [, declarations]] of UNFIT.entries()) {
      write(join(root, `packages/unfit-${index}`), {
        'dist/index.d.ts': `${declarations}\nexport {};\n`,
        'package.json': JSON.stringify({ name: `unfit-${index}`, version: '1.0.0', type: 'module' }),
      });
    }
    unfit = await script('release/api-reports.ts', '--root', root);
  }, atThisSpeed(120_000));

  it.each(UNFIT)('is not fit to be published with %s', (_, _declarations, sentence) => {
    expect(unfit.said).toContain(sentence);
    expect(unfit.content).toBe(false);
  });
});

describe('the repository', () => {
  const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

  it.each(['CONTRIBUTING.md', 'AGENTS.md', 'README.md', '.github/PULL_REQUEST_TEMPLATE.md'])(
    'has every script that %s names',
    (page) => {
      const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
      const named = [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!);
      expect(named.filter((name) => !(name in scripts))).toEqual([]);
    },
  );

  it('names no host in its lockfile, so that every registry will do', () => {
    expect(read('pnpm-lock.yaml')).not.toMatch(/https?:\/\//);
  });

  // `changeset version` ends at a name that it does not know, on the day of a release.
  it('names in its changesets packages that exist', () => {
    const names = readdirSync(join(ROOT, 'packages')).map((folder) => {
      const { name } = JSON.parse(read(`packages/${folder}/package.json`)) as { name: string };
      return name;
    });
    const changesets = readdirSync(join(ROOT, '.changeset')).filter((file) => file.endsWith('.md'));
    expect(changesets.length).toBeGreaterThan(0);
    for (const file of changesets) {
      const [, head = ''] = read(`.changeset/${file}`).split('---');
      const named = Object.keys(parse(head) as object);
      expect(named.length, file).toBeGreaterThan(0);
      expect(
        named.filter((name) => !names.includes(name)),
        file,
      ).toEqual([]);
    }
  });

  it('pins every action to a commit and gives every job a time limit and no more than it needs', () => {
    const folder = '.github/workflows';
    for (const file of readdirSync(join(ROOT, folder))) {
      const text = read(`${folder}/${file}`);
      const { permissions, jobs } = parse(text) as Workflow;
      expect({ file, permissions }).toEqual({ file, permissions: {} });
      for (const [name, job] of Object.entries(jobs)) {
        expect({ file, name, permissions: job.permissions }).not.toMatchObject({ permissions: undefined });
        if (!job.uses) expect(job['timeout-minutes'], `${file} ${name}`).toBeLessThanOrEqual(120);
      }
      const actions = [...text.matchAll(/uses: (.*)/g)].map(([, action]) => action!);
      const pinned = /^(\.\/\.github\/workflows\/\S+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/;
      expect(actions.filter((action) => !pinned.test(action))).toEqual([]);
    }
  });

  it('publishes from one job, which runs nothing of the repository and has no token', () => {
    const { jobs } = parse(read('.github/workflows/release.yml')) as Workflow;
    const trusted = Object.entries(jobs).filter(([, { permissions }]) => permissions?.['id-token'] === 'write');
    expect(trusted.map(([name, { permissions }]) => [name, permissions])).toEqual([
      ['publish', { 'id-token': 'write' }],
    ]);
    const actions = jobs.publish!.steps!.map(({ uses }) => uses?.split('@')[0]).filter(Boolean);
    expect(actions).toEqual(['actions/setup-node', 'actions/download-artifact']);
    expect(read('.github/workflows/release.yml')).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN|secrets\./);
  });
});

interface Workflow {
  readonly permissions: object;
  readonly jobs: Record<
    string,
    {
      readonly permissions?: Record<string, string>;
      readonly uses?: string;
      readonly 'timeout-minutes'?: number;
      readonly steps?: readonly { readonly uses?: string }[];
    }
  >;
}

it('a bundle of core and fetch is as large as the documentation says, at most', () => {
  const said = readFileSync(join(ROOT, 'docs/fetch.md'), 'utf8');
  expect(said).toContain(`has less than ${BUNDLE_LIMIT / 1_000} kB, minified and compressed by gzip`);
});
