/**
 * A check that finds nothing looks the same as one that looks nowhere. Each rule behind `npm test` is shown to bite: the allowed
 * imports, the count of what passed, failed and did not run, and the warnings of Node.js.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Mutant, mutate } from '../../scripts/mutants/mutate.ts';
import { MUTANTS } from '../../scripts/mutants/table.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-scripts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

describe('allowed imports', () => {
  async function faults(name: string, source: string, manifest: object = {}): Promise<string> {
    write(`packages/${name}/package.json`, JSON.stringify(manifest));
    write(`packages/${name}/src/index.ts`, source);
    const check = run(process.execPath, [join(ROOT, 'scripts/check-arrows.mjs'), folder]);
    return check.then(
      () => '',
      ({ stderr }) => stderr.trim(),
    );
  }

  it.each([
    ['express', "import { createPasskeys } from '@latchkey/core';\nimport type { Request } from 'express';"],
    ['sql', "import { sql } from 'kysely';\nimport type {\n  Passkey,\n  PasskeyStore,\n} from '@latchkey/core';"],
    ['core', "import { join } from 'node:path';\nimport { helpers } from '@simplewebauthn/server/helpers';\n"],
    [
      'core',
      "/**\n * @example\n * import express from 'express';\n */\n// import('express')\nexport * from './store/store.ts';",
    ],
  ])('let %s import what it may', async (name, source) => {
    expect(await faults(name, source)).toBe('');
  });

  it.each([
    ['core', "import express from 'express';", 'index.ts:1: core may not import express.'],
    ['core', "\nexport { x } from '@latchkey/sql/deep';", 'index.ts:2: core may not import @latchkey/sql.'],
    ['core', "const pg = await import('pg');", 'index.ts:1: core may not import pg.'],
    [
      'core',
      "import {\n  a,\n} from '../../sql/src/index.ts';",
      'index.ts:1: ../../sql/src/index.ts leaves the package.',
    ],
    ['browser', "import 'node:fs';", 'node:fs does not exist in a browser.'],
    ['browser', "import type { User } from '@latchkey/core';", 'browser may not import @latchkey/core.'],
    ['core', "import { x } from './higher.ts';", 'higher.ts has no place in FLOORS'],
    ['nowhere', '', 'packages/nowhere has no row in scripts/check-arrows.mjs'],
  ])('stop %s at %j', async (name, source, fault) => {
    expect(await faults(name, source)).toContain(fault);
  });

  it('stop a folder from importing one that stands above it, types included', async () => {
    write('packages/core/src/record/attempt.ts', "import type { Passkey } from '../store/store.ts';");
    write('packages/core/src/store/store.ts', "import { newId } from '../record/id.ts';");
    expect(await faults('core', '')).toBe(
      'packages/core/src/record/attempt.ts:1: record may not import store, which stands above it.',
    );
  });

  it('stop files that import each other in a circle', async () => {
    write('packages/sql/src/passkeys.ts', "import type { Row } from './tables.ts';");
    write('packages/sql/src/tables.ts', "export { sqlPasskeys } from './passkeys.ts';");
    expect(await faults('sql', "export * from './tables.ts';")).toBe(
      'packages/sql: tables.ts -> passkeys.ts -> tables.ts is a circle.',
    );
  });

  it('stop a dependency of the wrong kind, and leave devDependencies alone', async () => {
    const manifest = { dependencies: { '@latchkey/core': '1' }, devDependencies: { anything: '1' } };
    expect(await faults('express', '', manifest)).toBe(
      'packages/express/package.json: @latchkey/core is not allowed in dependencies.',
    );
  });
});

describe('`--help`', () => {
  it.each(['demo', 'monitoring', 'test', 'soak', 'bench', 'check:packages'])(
    'of %s is answered before anything is installed',
    async (name) => {
      const texts = readFileSync(join(ROOT, 'scripts/run.mjs'), 'utf8').matchAll(/'([\w/]+\/help\.txt)'/g);
      cpSync(join(ROOT, 'scripts'), join(folder, 'scripts'), { recursive: true });
      cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
      for (const [, file = ''] of texts) cpSync(join(ROOT, file), join(folder, file));
      const { stdout, stderr } = await run(process.execPath, [join(folder, 'scripts/run.mjs'), name, '--help']);
      expect(stdout.split('\n').length).toBeGreaterThan(5);
      expect(stderr).toBe('');
    },
  );

  it('is asked of a program that is not there', async () => {
    const answer = run(process.execPath, [join(ROOT, 'scripts/run.mjs'), 'dmeo']);
    await expect(answer).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('one of demo, monitoring') });
  });
});

describe('the count', () => {
  async function count(tests: string, config = 'export default {};') {
    write('vitest.config.js', config);
    write('some.test.js', tests);
    const result = join(folder, 'tally.json');
    const reporter = join(ROOT, 'scripts/test/reporter.ts');
    const args = ['run', '--globals', `--root=${folder}`, `--reporter=${reporter}`];
    await run(join(ROOT, 'node_modules/.bin/vitest'), args, { env: { ...process.env, LATCHKEY_TALLY: result } }).catch(
      () => 'failing tests are what this is about',
    );
    return JSON.parse(readFileSync(result, 'utf8'));
  }

  it('has what passed, what failed and what did not run', async () => {
    const skipped = "it.skip('c', () => {}); it.todo('d'); it('e', (test) => test.skip());";
    expect(await count(`it('a', () => {}); it('b', () => { throw new Error(); }); ${skipped}`)).toEqual({
      passed: 1,
      failed: 1,
      failures: ['some.test.js > b'],
      notRun: ['some.test.js > c', 'some.test.js > d', 'some.test.js > e'],
      broken: [],
    });
  });

  it('has a file that cannot be loaded', async () => {
    expect(await count("import './nothing-there.js';")).toMatchObject({ passed: 0, broken: ['some.test.js'] });
  });

  it('has a hook that throws, and the tests that did not run for it', async () => {
    const hook = "describe('x', () => { beforeAll(() => { throw new Error(); }); it('a', () => {}); });";
    expect(await count(hook)).toMatchObject({ notRun: ['some.test.js > x > a'], broken: ['some.test.js > x'] });
  });

  it('has a file in which Node.js warned, and leaves what is expected', async () => {
    const setup = JSON.stringify(join(ROOT, 'tests/support/warnings.ts'));
    const config = `export default { test: { setupFiles: [${setup}] } };`;
    const warns = "it('a', () => process.emitWarning('of something', 'DeprecationWarning'));";
    expect(await count(warns, config)).toMatchObject({ passed: 1, broken: ['some.test.js'] });
    const expected = "it('a', () => crypto.subtle.generateKey('ML-DSA-44', false, ['sign']));";
    expect(await count(expected, config)).toMatchObject({ passed: 1, broken: [] });
  });

  it('has an error that comes outside of any test', async () => {
    const late =
      "it('a', async () => { setTimeout(() => { throw new Error(); }); await new Promise((r) => setTimeout(r, 50)); });";
    expect(await count(late)).toMatchObject({ passed: 1, broken: ['an error outside of any test'] });
  });
});

describe('mutants', () => {
  it('have their text in its file, each just once, so that `npm run mutants` can take it out', () => {
    const untouched = (mutant: Mutant) => () => mutate(readFileSync(join(ROOT, mutant.file), 'utf8'), mutant);
    for (const mutant of MUTANTS) expect(untouched(mutant)).not.toThrow();
    expect(untouched({ ...MUTANTS[0]!, find: 'a text that is nowhere' })).toThrow('not found');
  });
});
